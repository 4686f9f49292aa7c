// SPDX-License-Identifier: MIT
/*
 * The emulator's console and exit status, by semihosting (Arm "Semihosting for AArch32 and
 * AArch64", 2.0): HLT #0xF000 with an operation in w0 and a parameter block in x1. Without an
 * emulator that listens, the HLT is undefined; the exception is caught once, by a fix-up, and the
 * answer remembered.
 */
#include "arch/arm64/semihosting.h"

#include "arch/boot.h"
#include "arch/hw.h"
#include "kernel/lib/atomic.h"
#include "kernel/lib/string.h"

enum semihosting_op { SYS_WRITE0 = 0x04, SYS_TIME = 0x11, SYS_EXIT_EXTENDED = 0x20 };

#define APPLICATION_EXIT 0x20026
/* bytes of text per call: the buffer lies on the caller's stack */
#define CHUNK 128

/* 0: not asked yet, 1: there, 2: not there. Any CPU finds the same. */
static uint32_t presence;

/* -1 where HLT is undefined, which no operation used here returns otherwise but on failure. */
static int64_t semihosting_call(enum semihosting_op op, const void *block)
{
	register uint64_t x0 __asm__("x0") = op;
	register const void *x1 __asm__("x1") = block;

	__asm__ volatile("1:	hlt	#0xf000\n"
			 "	b	3f\n"
			 "2:	mov	x0, #-1\n"
			 "3:\n"
			 "	.pushsection .fixup, \"a\"\n"
			 "	.balign	4\n"
			 "	.long	1b - .\n"
			 "	.long	2b - .\n"
			 "	.popsection"
			 : "+r"(x0)
			 : "r"(x1)
			 : "memory", "cc");
	return (int64_t)x0;
}

bool emulator_present(void)
{
	if (atomic_load_acquire(&presence) == 0)
		atomic_store_release(&presence, semihosting_call(SYS_TIME, NULL) >= 0 ? 1 : 2);
	return presence == 1;
}

/*
 * SYS_WRITE0 writes to the console the emulator was given (QEMU: -semihosting-config chardev=),
 * while a file opened as ":tt" would be the emulator's own standard output, where the serial line
 * may be.
 */
void emulator_write(const char *s, size_t n)
{
	char text[CHUNK];

	while (n != 0 && emulator_present()) {
		size_t part = MIN(n, sizeof(text) - 1);

		memcpy(text, s, part);
		text[part] = '\0';
		semihosting_call(SYS_WRITE0, text);
		s += part;
		n -= part;
	}
}

void emulator_exit(int status)
{
	uint64_t block[2] = { APPLICATION_EXIT, (uint64_t)status };

	if (emulator_present())
		semihosting_call(SYS_EXIT_EXTENDED, block);
}
