// SPDX-License-Identifier: MIT
// Futexes: sleeping on a word of user memory (futex(2)). Kernel side: what exit and exec need of
// them.
#ifndef KERNEL_FUTEX_H
#define KERNEL_FUTEX_H

#include "kernel/lib/types.h"

struct task;

void futex_init(void);
/* Wakes up to `count` waiters on the word at uaddr of the running task, shared key. The number
 * woken or negative errno. May sleep. */
int futex_wake(virt_addr_t uaddr, int count);
/* Walks current()'s robust list (set_robust_list(2)): marks each lock word whose owner it is as
 * dead and wakes a waiter. Bounded against endless lists. May sleep; the address space is still
 * there. */
void futex_exit_robust(void);

#endif
