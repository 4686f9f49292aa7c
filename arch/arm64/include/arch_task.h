// SPDX-License-Identifier: MIT
/*
 * The architecture's part of a task. Where a task that does not run goes on lies on its kernel
 * stack at `sp` (thread.c); its user registers at the stack's top (struct user_regs). FP state
 * stays in the registers while the kernel runs, which itself never uses them, but for what
 * hw_with_vectors() calls: it is saved when a user task is switched out, and loaded when one is
 * switched in unless this CPU's registers still hold it.
 */
#ifndef ARCH_ARM64_ARCH_TASK_H
#define ARCH_ARM64_ARCH_TASK_H

#include "kernel/lib/types.h"

#define FP_CPU_NONE UINT32_MAX

struct fp_state {
	uint64_t v[64]; /* V0..V31, low half first */
	uint32_t fpsr, fpcr;
};

struct arch_task {
	uint64_t sp; /* kernel stack pointer while switched out */
	/* Counter ticks in user mode so far; while the task is in user mode, less the counter when
	 * it went there, which makes it negative. One word, so that whoever looks sees both facts
	 * at once. Written by entry.S. */
	int64_t user_time;
	uint64_t tpidr;  /* TPIDR_EL0: the user's thread pointer */
	uint32_t fp_cpu; /* CPU whose registers last held fp; FP_CPU_NONE: none do */
	bool user;       /* has user registers: FP and TPIDR_EL0 are switched */
	struct fp_state fp;
};

#endif
