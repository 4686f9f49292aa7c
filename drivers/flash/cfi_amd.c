// SPDX-License-Identifier: MIT
/*
 * Command set 2, AMD and Fujitsu (Spansion S29GL-N data sheet, "Command definitions" and "Write
 * operation status"). Every command but reset, suspend and resume comes after two writes that
 * unlock it.
 *
 * There is no status register. While a chip is at work, reads of the block show DQ6 alternating;
 * when it has done, it is a memory again by itself. One that failed goes on alternating with DQ5
 * set (or DQ1, for a write buffer), until it is reset. A block that is suspended in its erase shows
 * DQ2 alternating, but not DQ6.
 */
#include "drivers/flash/cfi.h"
#include "kernel/errno.h"
#include "kernel/lib/string.h"
#include "kernel/time.h"

#define RESET          0xf0
#define WORD_PROGRAM   0xa0
#define BUFFER_PROGRAM 0x25
#define BUFFER_CONFIRM 0x29
#define ERASE_SETUP    0x80
#define ERASE          0x30 /* also: resume */
#define SUSPEND        0xb0

#define UNLOCK_1 (0x555 * CFI_WORD)
#define UNLOCK_2 (0x2aa * CFI_WORD)

#define DQ1 0x02
#define DQ2 0x04
#define DQ5 0x20
#define DQ6 0x40

static void amd_array_mode(struct cfi_chip *c)
{
	cfi_write(c, 0, cfi_all(c, RESET));
	c->array = true;
}

static void unlock(struct cfi_chip *c)
{
	cfi_write(c, UNLOCK_1, cfi_all(c, 0xaa));
	cfi_write(c, UNLOCK_2, cfi_all(c, 0x55));
}

/* Which chips show that bit alternating; *last: what was read last. A bit per lane, where `bit`
 * is. */
static uint32_t alternating(const struct cfi_chip *c, uint64_t at, uint32_t bit, uint32_t *last)
{
	uint32_t before = cfi_status_word(c, at);

	*last = cfi_status_word(c, at);
	return (before ^ *last) & cfi_all(c, bit);
}

static int amd_status(struct cfi_chip *c, uint64_t at)
{
	uint32_t last, busy = alternating(c, at, DQ6, &last), failed;

	if (busy == 0) {
		c->array = true;
		return 0;
	}
	/* Where DQ6 is: DQ5 or DQ1. All that are at it must have given up; as DQ5 may rise just
	 * when a chip comes to its end, they are asked again. */
	failed = (last << 1 | last << 5) & cfi_all(c, DQ6);
	if (busy & ~failed)
		return CFI_BUSY;
	busy = alternating(c, at, DQ6, &last);
	unlock(c); /* a write buffer wants it so, the rest does not mind */
	cfi_write(c, UNLOCK_1, cfi_all(c, RESET));
	c->array = true;
	return busy ? -EIO : 0;
}

static uint32_t word(const uint8_t *data)
{
	uint32_t v;

	memcpy(&v, data, sizeof(v));
	return v;
}

static int program_words(struct cfi_chip *c, uint64_t at, const uint8_t *data, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		uint64_t deadline = time_now() + c->program_max_ns;
		int status = CFI_BUSY;

		unlock(c);
		cfi_write(c, UNLOCK_1, cfi_all(c, WORD_PROGRAM));
		cfi_write(c, at + CFI_WORD * i, word(data + CFI_WORD * i));
		while (i + 1 < n && status == CFI_BUSY) {
			bool late = time_now() > deadline;

			status = amd_status(c, at);
			if (status < 0 || (status == CFI_BUSY && late))
				return -EIO;
		}
	}
	return 0;
}

static int amd_program(struct cfi_chip *c, uint64_t at, const uint8_t *data, unsigned n)
{
	if (c->buffer == 0)
		return program_words(c, at, data, n);
	unlock(c);
	cfi_write(c, at, cfi_all(c, BUFFER_PROGRAM));
	cfi_write(c, at, cfi_all(c, n - 1));
	for (unsigned i = 0; i < n; i++)
		cfi_write(c, at + CFI_WORD * i, word(data + CFI_WORD * i));
	cfi_write(c, at, cfi_all(c, BUFFER_CONFIRM));
	return 0;
}

static int amd_erase(struct cfi_chip *c, uint64_t at)
{
	unlock(c);
	cfi_write(c, UNLOCK_1, cfi_all(c, ERASE_SETUP));
	unlock(c);
	cfi_write(c, at, cfi_all(c, ERASE));
	return 0;
}

static bool amd_suspend(struct cfi_chip *c, uint64_t at)
{
	uint64_t deadline = time_now() + NSEC_PER_MSEC;
	uint32_t last;

	cfi_write(c, at, cfi_all(c, SUSPEND));
	while (alternating(c, at, DQ6, &last))
		if (time_now() > deadline)
			return false;
	/* One chip of the pair may have ended while the other was stopped: a resume does not harm
	 * it. */
	return alternating(c, at, DQ2, &last) != 0;
}

static void amd_resume(struct cfi_chip *c, uint64_t at)
{
	cfi_write(c, at, cfi_all(c, ERASE));
}

const struct cfi_commands cfi_amd = {
	.id = 2,
	.silent = true,
	.array_mode = amd_array_mode,
	.program = amd_program,
	.erase = amd_erase,
	.status = amd_status,
	.suspend = amd_suspend,
	.resume = amd_resume,
};
