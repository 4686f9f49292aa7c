// SPDX-License-Identifier: MIT
// The fix-up table of kernel instructions that may fault (usercopy.S, semihosting), and what of
// user copies is the architecture's alone.
#ifndef ARCH_ARM64_USERCOPY_H
#define ARCH_ARM64_USERCOPY_H

#include "kernel/lib/types.h"

extern char usercopy_start[], usercopy_end[];

/* The address to go on at when the instruction at pc failed for good; 0: it had no right to
 * fail. */
virt_addr_t fixup_find(virt_addr_t pc);

#define FP_RECORD_SIZE (528 + 8)
/* Writes the running task's FP registers into a signal frame: a record of kind FPSIMD_MAGIC, and
 * the head of an empty one. 0 or -EFAULT. May sleep. */
int user_fp_record(virt_addr_t dst) MUST_CHECK;

static inline bool pc_in_usercopy(virt_addr_t pc)
{
	return pc >= (virt_addr_t)usercopy_start && pc < (virt_addr_t)usercopy_end;
}

#endif
