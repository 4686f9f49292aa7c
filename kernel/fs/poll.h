// SPDX-License-Identifier: MIT
/*
 * Waiting for many files. A file's poll op calls poll_watch() for each queue that is woken when its
 * readiness may change, then returns what is ready now. The table decides what a wake-up does:
 * ppoll's sets a flag and wakes the task, epoll's links the item on its ready list.
 */
#ifndef KERNEL_FS_POLL_H
#define KERNEL_FS_POLL_H

#include <linux/eventpoll.h>
#include <linux/poll.h>

#include "kernel/waitq.h"

/* Numbers that UAPI's poll.h does not have for the kernel's side are the same bits as EPOLL's. */
#define POLL_READABLE (POLLIN | POLLRDNORM)
#define POLL_WRITABLE (POLLOUT | POLLWRNORM)

struct poll_table {
	/* Adds a notifier to wq; the queue outlives the file's last reference. Task context, may
	 * sleep. */
	void (*watch)(struct poll_table *pt, struct waitq *wq);
};

/* pt may be NULL: nothing is watched. */
static inline void poll_watch(struct poll_table *pt, struct waitq *wq)
{
	if (pt)
		pt->watch(pt, wq);
}

#endif
