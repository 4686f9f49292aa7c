// SPDX-License-Identifier: MIT
// FP state between thread.c and signal.c.
#ifndef ARCH_ARM64_THREAD_H
#define ARCH_ARM64_THREAD_H

#include "arch/thread.h"

/* The running task's FP state, brought up to date in memory. Task context. */
struct fp_state *arch_fp_current(void);
/* Gives the running task this FP state, in the registers. Task context. */
void arch_fp_replace(const struct fp_state *fp);

#endif
