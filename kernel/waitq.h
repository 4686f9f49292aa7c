// SPDX-License-Identifier: MIT
/*
 * Wait queues: tasks that sleep until a condition holds, woken in priority order (FIFO within one
 * priority). The condition is tested after the task is queued, so a wake-up between test and sleep
 * is never lost.
 */
#ifndef KERNEL_WAITQ_H
#define KERNEL_WAITQ_H

#include "kernel/lib/plist.h"
#include "kernel/lock.h"

struct waitq {
	struct spinlock lock; /* taken with interrupts off */
	struct list waiters;  /* by priority as of their coming */
	struct list watchers;
};

struct waiter {
	struct plist_node node;
	struct task *task;
	bool woken;
};

/* Told of wake-ups instead of being woken: poll and epoll watch many queues at once. */
struct watcher {
	struct list link;
	void (*notify)(struct watcher *w);
};

#define WAITQ_INIT(name)                                                                           \
	{                                                                                          \
		SPINLOCK_INIT, LIST_INIT((name).waiters), LIST_INIT((name).watchers)               \
	}
#define WAIT_FOREVER UINT64_MAX

enum wait_mode {
	WAIT_UNINTERRUPTIBLE,
	WAIT_KILLABLE,      /* fatal signals end the wait */
	WAIT_INTERRUPTIBLE, /* every unblocked signal ends the wait */
};

void waitq_init(struct waitq *wq);
/* Any context that holds no run-queue lock. Tasks are woken, then watchers told, a few at a time:
 * between batches the lock is dropped and interrupts are as the caller has them, so the caller sees
 * to it that wq stays. Tasks and watchers that come meanwhile are left out. */
void waitq_wake_one(struct waitq *wq);
void waitq_wake_all(struct waitq *wq);

/* The pieces of wait_event(). prepare queues and marks the task sleeping; sleep gives up the CPU
 * until woken, until deadline (time_now(), ns; WAIT_FOREVER) or until a signal that `mode` lets in:
 * 0, -ETIMEDOUT, -EINTR; finish unqueues. */
void waitq_prepare(struct waitq *wq, struct waiter *w, enum wait_mode mode);
int waitq_sleep(struct waiter *w, enum wait_mode mode, uint64_t deadline);
void waitq_finish(struct waitq *wq, struct waiter *w);
/* True when a task is queued or a watcher is there. Without the lock: a hint, unless the caller's
 * own lock orders it (a barrier lies between what the caller wrote and the look). */
bool waitq_active(const struct waitq *wq);

/* From now on until waitq_unwatch() each wake-up of wq, one or all, calls w->notify once. notify
 * runs with wq->lock held and interrupts off: bounded, no sleep; it may wake other queues (never
 * one whose watchers lead back here). After waitq_unwatch() it neither runs nor will. Any context
 * but notify. */
void waitq_watch(struct waitq *wq, struct watcher *w);
void waitq_unwatch(struct waitq *wq, struct watcher *w);

/* Sleeps until cond holds. Evaluates to 0, -ETIMEDOUT or -EINTR; a true condition wins over both.
 * Task context. */
#define wait_event(wq, cond, mode, deadline)                                                       \
	({                                                                                         \
		struct waiter w_;                                                                  \
		int err_ = 0;                                                                      \
		bool holds_;                                                                       \
		while (!(holds_ = (cond)) && err_ == 0) {                                          \
			waitq_prepare(wq, &w_, mode);                                              \
			if (!(cond))                                                               \
				err_ = waitq_sleep(&w_, mode, deadline);                           \
			waitq_finish(wq, &w_);                                                     \
		}                                                                                  \
		holds_ ? 0 : err_;                                                                 \
	})

#endif
