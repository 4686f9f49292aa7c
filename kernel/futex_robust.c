// SPDX-License-Identifier: MIT
/*
 * Robust futexes: a thread keeps a list, in its own memory, of the locks it holds
 * (set_robust_list(2)). When it ends, the kernel walks the list, marks each lock that bears the
 * thread's tid FUTEX_OWNER_DIED and wakes one waiter. The list is the user's: it may be broken,
 * circular, or lead anywhere, so every step is checked and there is a limit.
 */
#include <linux/futex.h>

#include "kernel/errno.h"
#include "kernel/futex.h"
#include "kernel/process.h"
#include "kernel/syscall.h"
#include "mm/usercopy.h"

/* A lock word of current(): the owner is dead. Bit 0 of an entry says that the lock is a PI futex;
 * its word is marked likewise. */
static int mark_dead(virt_addr_t word, bool pending)
{
	uint32_t tid = (uint32_t)current()->tid, old, seen;

	if (word % 4 != 0 || user_load32(&old, word) < 0)
		return -EFAULT;
	/* Released by its owner, who died before it could wake anybody (the word is 0 and the
	 * operation was pending). */
	if (pending && old == 0)
		return futex_wake(word, 1);
	while ((old & FUTEX_TID_MASK) == tid) {
		uint32_t new = (old & FUTEX_WAITERS) | FUTEX_OWNER_DIED;

		if (user_compare_exchange32(word, old, new, &seen) < 0)
			return -EFAULT;
		if (seen == old)
			return (old & FUTEX_WAITERS) ? futex_wake(word, 1) : 0;
		old = seen;
	}
	return 0;
}

void futex_exit_robust(void)
{
	struct robust_list_head head;
	virt_addr_t list = current()->robust_list, entry, next, pending;

	current()->robust_list = 0;
	if (!list || copy_from_user(&head, list, sizeof(head)) < 0)
		return;
	pending = (virt_addr_t)head.list_op_pending & ~1ul;
	entry = (virt_addr_t)head.list.next;
	for (int i = 0; i < ROBUST_LIST_LIMIT && (entry & ~1ul) != list; i++) {
		uint64_t word;

		/* The next one first: the lock may be another thread's as soon as it is marked. */
		if (user_load64(&word, entry & ~1ul) < 0)
			return;
		next = word;
		if ((entry & ~1ul) != pending &&
		    mark_dead((entry & ~1ul) + (virt_addr_t)head.futex_offset, false) < 0)
			return;
		entry = next;
	}
	if (pending)
		(void)mark_dead(pending + (virt_addr_t)head.futex_offset, true);
}

SYSCALL(set_robust_list)
{
	if (args[1] != sizeof(struct robust_list_head))
		return -EINVAL;
	current()->robust_list = args[0];
	return 0;
}

SYSCALL(get_robust_list)
{
	int tid = (int)args[0];
	struct task *t = tid ? task_find(tid) : task_get(current());
	virt_addr_t list;
	int err;

	if (!t)
		return -ESRCH;
	list = READ_ONCE(t->robust_list);
	err = process_may_inspect(t->process, false);
	task_put(t);
	if (err)
		return err;
	if (user_store64(args[1], list) < 0 ||
	    user_store64(args[2], sizeof(struct robust_list_head)) < 0)
		return -EFAULT;
	return 0;
}
