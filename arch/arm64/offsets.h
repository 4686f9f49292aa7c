// SPDX-License-Identifier: MIT
/* Offsets that the assembly needs; thread.c asserts each of them against the structures. */
#ifndef ARCH_ARM64_OFFSETS_H
#define ARCH_ARM64_OFFSETS_H

#define CPU_CURRENT    0
#define CPU_EMERGENCY  8
#define CPU_MPIDR      32
#define CPU_LOCAL_SIZE 48

#define TASK_PENDING   4
#define TASK_ARCH_SP   8
#define TASK_USER_TIME 16

/* struct user_regs: also the frame of an exception taken from the kernel, whose last two words are
 * then a frame record (frame pointer, return address), so that a back trace passes through it. */
#define REGS_X(n)       (8 * (n))
#define REGS_X30_SP     240
#define REGS_PC_PSTATE  256
#define REGS_SYSCALL_X0 272
#define REGS_SIZE       288

#define FP_STATE_FPSR 512

/* log2(KSTACK_SIZE): one in every address of a kernel stack, zero in the guard below it
 * (mm/kmap.h). */
#define KSTACK_BIT 14

#endif
