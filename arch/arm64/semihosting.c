// SPDX-License-Identifier: MIT
/*
 * The emulator's console and exit status, by semihosting (Arm "Semihosting for AArch32 and AArch64", 2.0): HLT #0xF000 with an operation in
 * w0 and a parameter block in x1. Without an emulator that listens, the HLT is undefined; the exception is caught once, by a
 * fix-up, and the answer remembered.
 */
#include "arch/arm64/semihosting.h"

#include "arch/boot.h"
#include "arch/hw.h"
#include "kernel/lib/atomic.h"

enum semihosting_op { SYS_OPEN = 0x01, SYS_WRITE = 0x05, SYS_EXIT_EXTENDED = 0x20 };

#define OPEN_WRITE       4 /* mode "w": of ":tt", the console output */
#define APPLICATION_EXIT 0x20026
#define CALL_FAILED      (-1)

/* 0: not asked yet, 1: there, 2: not there. Any CPU finds the same. */
static uint32_t presence;
static int64_t console = CALL_FAILED;

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
	static const char name[] = ":tt";
	uint64_t block[3] = { (uint64_t)name, OPEN_WRITE, sizeof(name) - 1 };

	if (atomic_load_acquire(&presence) == 0) {
		console = semihosting_call(SYS_OPEN, block);
		atomic_store_release(&presence, console >= 0 ? 1 : 2);
	}
	return presence == 1;
}

void emulator_write(const char *s, size_t n)
{
	if (emulator_present()) {
		uint64_t block[3] = { (uint64_t)console, (uint64_t)s, n };

		semihosting_call(SYS_WRITE, block);
	}
}

void emulator_exit(int status)
{
	uint64_t block[2] = { APPLICATION_EXIT, (uint64_t)status };

	if (emulator_present())
		semihosting_call(SYS_EXIT_EXTENDED, block);
}
