// SPDX-License-Identifier: MIT
// PI futexes (kernel/futex_pi.c), for futex(2), exit and exec.
#ifndef KERNEL_FUTEX_PI_H
#define KERNEL_FUTEX_PI_H

#include "kernel/lib/types.h"

void futex_pi_init(void);
/* FUTEX_LOCK_PI and FUTEX_TRYLOCK_PI. deadline: time_now(), UINT64_MAX: none. 0, -EDEADLK, -ESRCH
 * (no such owner), -EWOULDBLOCK (try), -ETIMEDOUT, -EFAULT, -ENOMEM, -ERESTART_ALWAYS (a signal).
 * May sleep. */
int futex_lock_pi(virt_addr_t uaddr, bool private, bool try, uint64_t deadline) MUST_CHECK;
/* FUTEX_UNLOCK_PI: 0, -EPERM (not the owner), -EFAULT. */
int futex_unlock_pi(virt_addr_t uaddr, bool private) MUST_CHECK;
/* current(), which has set task->exiting or is about to run another program, lets go of the locks
 * that others wait for. May sleep. */
void futex_exit_pi(void);

#endif
