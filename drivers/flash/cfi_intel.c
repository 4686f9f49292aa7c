// SPDX-License-Identifier: MIT
/*
 * Command set 1, Intel and Sharp extended (Intel StrataFlash J3 datasheet 290667, "Commands" and
 * "Status register"). A command leaves all of the bank in status mode until 0xff; the status
 * register keeps its error bits until 0x50.
 *
 * Success is the exact value 0x80 in every lane. A bank that has fallen back to array mode by
 * itself (QEMU's answer to a bad buffer command) shows data instead of a status, where bit 7 alone
 * would often look like "ready".
 */
#include "drivers/flash/cfi.h"
#include "kernel/errno.h"
#include "kernel/lib/string.h"
#include "kernel/time.h"

#define READ_ARRAY     0xff
#define READ_STATUS    0x70
#define CLEAR_STATUS   0x50
#define ERASE          0x20
#define CONFIRM        0xd0 /* also: resume, unlock */
#define SUSPEND        0xb0
#define WORD_PROGRAM   0x40
#define BUFFER_PROGRAM 0xe8
#define LOCK_SETUP     0x60

#define STATUS_READY     0x80
#define STATUS_SUSPENDED 0x40 /* an erase is */
#define STATUS_VPP       0x08 /* no programming voltage */
#define STATUS_LOCKED    0x02

static void intel_array_mode(struct cfi_chip *c)
{
	cfi_write(c, 0, cfi_all(c, READ_ARRAY));
	c->array = true;
}

static bool all_ready(const struct cfi_chip *c, uint32_t status)
{
	return (status & cfi_all(c, STATUS_READY)) == cfi_all(c, STATUS_READY);
}

static int intel_status(struct cfi_chip *c, uint64_t at)
{
	uint32_t status = cfi_status_word(c, at);

	if (!all_ready(c, status))
		return CFI_BUSY;
	if (status == cfi_all(c, STATUS_READY))
		return 0;
	cfi_write(c, at, cfi_all(c, CLEAR_STATUS));
	/* Data in the place of a status has bits outside the lanes' low bytes, or all of them. */
	if (status & ~cfi_all(c, 0xff) || status == cfi_all(c, 0xff))
		return -EIO;
	return status & cfi_all(c, STATUS_VPP | STATUS_LOCKED) ? -EROFS : -EIO;
}

/* Parts with instant locking power up locked. A block that refuses is found out by the status of
 * what follows. */
static void unlock(struct cfi_chip *c, uint64_t at)
{
	if (!c->must_unlock)
		return;
	cfi_write(c, at, cfi_all(c, LOCK_SETUP));
	cfi_write(c, at, cfi_all(c, CONFIRM));
	cfi_write(c, at, cfi_all(c, READ_STATUS));
}

static uint32_t word(const uint8_t *data)
{
	uint32_t v;

	memcpy(&v, data, sizeof(v));
	return v;
}

/* A program buffer may still be taken by the one before; the command is repeated until there is
 * one. */
static int buffer_claim(struct cfi_chip *c, uint64_t at)
{
	uint64_t deadline = time_now() + c->program_max_ns;

	for (;;) {
		bool late = time_now() > deadline;

		cfi_write(c, at, cfi_all(c, BUFFER_PROGRAM));
		if (all_ready(c, cfi_status_word(c, at)))
			return 0;
		if (late)
			return -EIO;
		hw_relax();
	}
}

static int program_words(struct cfi_chip *c, uint64_t at, const uint8_t *data, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		uint64_t deadline = time_now() + c->program_max_ns;
		int status = CFI_BUSY;

		cfi_write(c, at + 4 * i, cfi_all(c, WORD_PROGRAM));
		cfi_write(c, at + 4 * i, word(data + 4 * i));
		while (i + 1 < n && status == CFI_BUSY) {
			bool late = time_now() > deadline;

			status = intel_status(c, at);
			if (status < 0)
				return status;
			if (status == CFI_BUSY && late)
				return -EIO;
		}
	}
	return 0;
}

static int intel_program(struct cfi_chip *c, uint64_t at, const uint8_t *data, unsigned n)
{
	int err;

	unlock(c, at);
	if (c->buffer == 0)
		return program_words(c, at, data, n);
	err = buffer_claim(c, at);
	if (err)
		return err;
	cfi_write(c, at, cfi_all(c, n - 1));
	for (unsigned i = 0; i < n; i++)
		cfi_write(c, at + 4 * i, word(data + 4 * i));
	cfi_write(c, at, cfi_all(c, CONFIRM));
	return 0;
}

static int intel_erase(struct cfi_chip *c, uint64_t at)
{
	unlock(c, at);
	cfi_write(c, at, cfi_all(c, ERASE));
	cfi_write(c, at, cfi_all(c, CONFIRM));
	return 0;
}

static bool intel_suspend(struct cfi_chip *c, uint64_t at)
{
	uint64_t deadline = time_now() + NSEC_PER_MSEC;
	uint32_t status;

	cfi_write(c, at, cfi_all(c, SUSPEND));
	cfi_write(c, at, cfi_all(c, READ_STATUS));
	do {
		status = cfi_status_word(c, at);
	} while (!all_ready(c, status) && time_now() < deadline);
	/* One chip of the pair may have ended while the other was stopped: a resume does not harm
	 * it. */
	return all_ready(c, status) && (status & cfi_all(c, STATUS_SUSPENDED)) != 0;
}

static void intel_resume(struct cfi_chip *c, uint64_t at)
{
	cfi_write(c, at, cfi_all(c, CONFIRM));
	cfi_write(c, at, cfi_all(c, READ_STATUS));
}

const struct cfi_commands cfi_intel = {
	.id = 1,
	.array_mode = intel_array_mode,
	.program = intel_program,
	.erase = intel_erase,
	.status = intel_status,
	.suspend = intel_suspend,
	.resume = intel_resume,
};
