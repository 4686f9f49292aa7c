// SPDX-License-Identifier: MIT
/*
 * The property mailbox of the Raspberry Pi's VideoCore firmware (its wiki's "Mailbox property
 * interface"). A message is a buffer of words in RAM that the VideoCore reads and answers in place:
 * size, code, then tags, each with its number, the bytes of its value, a code and the value. The
 * buffer's bus address and the channel in its low four bits go into one mailbox register; the same
 * word comes back through another when the answer is there.
 *
 *   task --clean buffer--> mailbox 1 (write) --> VideoCore
 *   VideoCore --> mailbox 0 (read) --invalidate buffer--> task
 *
 * Questions are few and never urgent: one at a time, and who asks sleeps between looks, so there is
 * no interrupt to serve.
 */
#include "drivers/firmware/raspberrypi.h"

#include "arch/hw.h"
#include "kernel/driver.h"
#include "kernel/errno.h"
#include "kernel/firmware.h"
#include "kernel/lib/string.h"
#include "kernel/lock.h"
#include "kernel/log.h"
#include "kernel/time.h"
#include "kernel/waitq.h"
#include "mm/dma.h"

enum mailbox_register {
	MBOX_READ = 0x00,
	MBOX_STATUS = 0x18,
	MBOX_WRITE = 0x20,
	MBOX_WRITE_STATUS = 0x38
};

#define STATUS_FULL  (1u << 31)
#define STATUS_EMPTY (1u << 30)
#define CHANNEL      8u /* properties, asked by the Arm */

#define CODE_ANSWERED 0x80000000u
#define VALUE_MAX     8 /* bytes of any value asked here */

enum tag {
	TAG_FIRMWARE = 0x00000001,
	TAG_BOARD_REVISION = 0x00010002,
	TAG_BOARD_SERIAL = 0x00010004,
	TAG_ARM_MEMORY = 0x00010005,
	TAG_VC_MEMORY = 0x00010006,
	TAG_CLOCK_RATE = 0x00030002,
	TAG_TEMPERATURE = 0x00030006,
};

enum message_word {
	SIZE,
	CODE,
	TAG,
	VALUE_SIZE,
	TAG_CODE,
	VALUE,
	END = VALUE + VALUE_MAX / 4,
	WORDS
};

#define BUFFER_WORDS 32 /* a message has cache lines of its own */
#define BUFFERS      (PAGE_SIZE / 4 / BUFFER_WORDS)

/* for an answer; the firmware takes less than a millisecond for these */
#define LOOKS      1000
#define LOOK_EVERY (NSEC_PER_MSEC / 4)

static volatile void *mailbox;
static struct mutex mutex; /* the mailbox and the buffer */
static uint32_t *buffers;  /* a page of them, within the VideoCore's reach */
static uint32_t buffers_bus;
static unsigned turn; /* a message has another place than those before: an answer that comes too
			 late is told by its address */

/* Until the status word has none of the bits. */
static int wait_until_clear(size_t status, uint32_t bits)
{
	for (unsigned looks = 0; mmio_read32(mailbox, status) & bits; looks++) {
		if (looks == LOOKS)
			return -ETIMEDOUT;
		(void)time_sleep_until(time_now() + LOOK_EVERY, WAIT_UNINTERRUPTIBLE);
	}
	return 0;
}

static int exchange_locked(uint32_t *buffer)
{
	uint32_t word = (uint32_t)(buffers_bus + (uintptr_t)buffer - (uintptr_t)buffers) | CHANNEL;
	int err = wait_until_clear(MBOX_WRITE_STATUS, STATUS_FULL);

	if (err)
		return err;
	hw_dma_clean(buffer, WORDS * sizeof(*buffer));
	mmio_write32(mailbox, MBOX_WRITE, word);
	for (unsigned late = 0; late < BUFFERS; late++) {
		err = wait_until_clear(MBOX_STATUS, STATUS_EMPTY);
		if (err)
			return err;
		if (mmio_read32(mailbox, MBOX_READ) == word)
			break;
		err = -EIO;
	}
	hw_dma_invalidate(buffer, WORDS * sizeof(*buffer));
	return err;
}

/* Asks for a tag with one word, and reads the two of its answer. 0, -EIO: the firmware does not
 * know; -ETIMEDOUT. */
static int ask(enum tag tag, uint32_t argument, uint32_t answer[2])
{
	uint32_t *buffer;
	int err;

	mutex_lock(&mutex);
	buffer = buffers + turn++ % BUFFERS * BUFFER_WORDS;
	memset(buffer, 0, WORDS * sizeof(*buffer));
	buffer[SIZE] = WORDS * sizeof(*buffer);
	buffer[TAG] = tag;
	buffer[VALUE_SIZE] = VALUE_MAX;
	buffer[VALUE] = argument;
	err = exchange_locked(buffer);
	/* A tag that the firmware does not know comes back without a length. */
	if (!err && (buffer[CODE] != CODE_ANSWERED || (buffer[TAG_CODE] & ~CODE_ANSWERED) == 0))
		err = -EIO;
	memcpy(answer, &buffer[VALUE], VALUE_MAX);
	mutex_unlock(&mutex);
	return err;
}

/* The first or second word of an answer; 0 when there is none. */
static uint32_t ask_word(enum tag tag, uint32_t argument, unsigned i)
{
	uint32_t answer[2];

	return ask(tag, argument, answer) == 0 ? answer[i] : 0;
}

uint32_t vc_clock_rate(enum vc_clock clock)
{
	return mailbox ? ask_word(TAG_CLOCK_RATE, clock, 1) : 0;
}

static int vc_temperature(int *millidegrees)
{
	uint32_t answer[2];
	int err = ask(TAG_TEMPERATURE, 0, answer);

	*millidegrees = (int)answer[1];
	return err;
}

static struct firmware firmware = { .temperature = vc_temperature };

/* What does not change, and a line for the log. 0, or negative errno: nobody answers. */
static int learn(void)
{
	static const struct device root = { .node = 0 };
	uint32_t answer[2];
	int len, err = ask(TAG_FIRMWARE, 0, answer);
	const char *model = device_property(&root, "model", &len);

	if (err)
		return err;
	firmware.model = model && len > 0 ? model : "";
	firmware.revision = ask_word(TAG_BOARD_REVISION, 0, 0);
	log_info(
		"firmware: %x on board %x; %u MB for the kernel, %u MB for the VideoCore, core clock %u MHz",
		answer[0], firmware.revision, ask_word(TAG_ARM_MEMORY, 0, 1) >> 20,
		ask_word(TAG_VC_MEMORY, 0, 1) >> 20, vc_clock_rate(VC_CLOCK_CORE) / 1000000);
	if (ask(TAG_BOARD_SERIAL, 0, answer) == 0)
		firmware.serial = (uint64_t)answer[1] << 32 | answer[0];
	return firmware_register(&firmware);
}

static int vc_probe(struct device *dev)
{
	struct dma_reach reach;
	phys_addr_t base;
	uint64_t size;
	struct page *page;
	int err = device_reg(dev, 0, &base, &size);

	if (!err)
		err = device_dma(dev, &reach);
	if (err)
		return err;
	page = dma_alloc(&reach, 0);
	if (!page)
		return -ENOMEM;
	mutex_init(&mutex);
	buffers = page_to_virt(page);
	buffers_bus = (uint32_t)dma_address(&reach, buffers);
	mailbox = mmio_map(base, MBOX_WRITE_STATUS + 4);
	if (!mailbox) {
		page_free(page, 0);
		return -ENOMEM;
	}
	return learn(); /* the page stays: an answer may come when nobody waits for it any more */
}

static const char *const vc_compatible[] = { "brcm,bcm2835-mbox", NULL };

DRIVER(vc) = {
	.name = "raspberrypi-firmware",
	.compatible = vc_compatible,
	.stage = DRIVER_DEVICE,
	.probe = vc_probe,
};
