// SPDX-License-Identifier: MIT
/*
 * The system call table: Linux AArch64 numbers (asm/unistd.h of the cross toolchain). An
 * implementation is
 *     SYSCALL(openat) { int dirfd = (int)args[0]; ... return fd; }
 * and is entered in a list: kernel/syscall_list.h, or kernel/fs/syscall_list.h for files, as
 * X(openat). What is not listed answers -ENOSYS and is counted for /proc/unimplemented.
 */
#ifndef KERNEL_SYSCALL_H
#define KERNEL_SYSCALL_H

#include "kernel/errno.h"
#include "kernel/lib/types.h"

#define SYSCALL(name) int64_t sys_##name(const uint64_t *args)

/* Internal results, never seen by users: the signal code restarts the call or turns it into
 * -EINTR. */
#undef ERESTART             /* the UAPI has an errno of this name, which the kernel never returns */
#define ERESTART        512 /* restart unless a handler without SA_RESTART runs */
#define ERESTART_ALWAYS 513 /* restart after the signal, handler or not */
#define ERESTART_NOHAND 514 /* restart only when no handler runs */
/* continue by restart_syscall(2) with current()->restart; -EINTR when a handler runs */
#define ERESTART_BLOCK 516

#define SYSCALL_COUNT 512 /* numbers below it have a place in the table */

/* Number of calls of syscall nr that were answered -ENOSYS; nr >= SYSCALL_COUNT: of all numbers
 * beyond together. */
uint64_t syscall_unimplemented(unsigned nr);

#endif
