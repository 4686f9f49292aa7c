// SPDX-License-Identifier: MIT
/*
 * Walks over the threads of a process, and its end. A process may have thousands of threads, and
 * signal_lock is held with interrupts off: so a walk lets go of it every few threads
 * (signal_breathe). Its place is the next thread's link; it is known to the process, and a thread
 * that leaves the list moves the walks that stand at it one further. A thread that joins does so at
 * the end, where the walk meets it.
 *
 * The end of a process begins with a few threads and goes on by itself: whoever sent the signal
 * goes on where it may be preempted, and so does each thread on its way out. So an interrupt can
 * end a process of any size. The running thread is among the first, when it is one of this process:
 * it must not come back to user mode, and what runs now is likeliest to run on.
 */
#include "kernel/process.h"
#include "kernel/sched.h"
#include "kernel/sigset.h"

/* wake-ups, 300 to 600 instructions each: the queue may be long, and pressure counted */
#define KILL_BATCH 1

void thread_walk_begin_locked(struct process *p, struct thread_walk *w)
{
	w->next = p->threads.next;
	list_push_back(&p->walks, &w->link);
}

struct task *thread_walk_next_locked(const struct process *p, struct thread_walk *w)
{
	struct task *t;

	if (w->next == &p->threads)
		return NULL;
	t = list_entry(w->next, struct task, process_link);
	w->next = w->next->next;
	return t;
}

void thread_walk_end_locked(struct thread_walk *w)
{
	list_remove(&w->link);
}

void thread_leave_locked(struct process *p, struct task *t)
{
	struct thread_walk *w;

	list_for_each (w, &p->walks, link)
		if (w->next == &t->process_link)
			w->next = t->process_link.next;
	list_remove(&t->process_link);
}

void signal_breathe(struct process *p, uint64_t *irqs)
{
	spin_unlock_irq(&p->signal_lock, *irqs);
	*irqs = spin_lock_irq(&p->signal_lock);
}

/* ---- The end of a process ---- */

void signal_kill_thread_locked(struct task *t)
{
	atomic_fetch_or(&t->hot.pending, TASK_SIGNAL | TASK_KILLED);
	sched_wake_if(t, SCHED_STATE(TASK_SLEEPING_INTERRUPTIBLE) |
				 SCHED_STATE(TASK_SLEEPING_KILLABLE) | SCHED_STATE(TASK_STOPPED));
}

static void kill_some_locked(struct process *p)
{
	for (unsigned n = 0; p->killing && n < KILL_BATCH; n++) {
		struct task *t = thread_walk_next_locked(p, &p->kill_walk);

		if (t) {
			signal_kill_thread_locked(t);
		} else {
			thread_walk_end_locked(&p->kill_walk);
			WRITE_ONCE(p->killing, false);
		}
	}
}

void signal_group_exit_locked(struct process *p, int status)
{
	if (p->exiting)
		return;
	p->exiting = true;
	p->exit_status = status;
	p->stop_signal = 0;
	p->killing = true;
	thread_walk_begin_locked(p, &p->kill_walk);
	if (current()->process == p)
		signal_kill_thread_locked(current());
	kill_some_locked(p);
}

void signal_group_exit_go_on(struct process *p)
{
	while (READ_ONCE(p->killing) && preemptible()) {
		uint64_t irqs = spin_lock_irq(&p->signal_lock);

		kill_some_locked(p);
		spin_unlock_irq(&p->signal_lock, irqs);
	}
}

/* ---- Other things done to every thread ---- */

void signal_each_thread(struct process *p, void (*fn)(struct task *t), uint64_t *irqs)
{
	struct thread_walk w;
	struct task *t;
	unsigned n = 0;

	thread_walk_begin_locked(p, &w);
	while ((t = thread_walk_next_locked(p, &w)) != NULL) {
		fn(t);
		if (++n % KILL_BATCH == 0)
			signal_breathe(p, irqs);
	}
	thread_walk_end_locked(&w);
}
