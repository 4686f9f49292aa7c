// SPDX-License-Identifier: MIT
// Signals' default actions, and what kernel/signal*.c and kernel/sys_signal.c share among
// themselves.
#ifndef KERNEL_SIGSET_H
#define KERNEL_SIGSET_H

#include "kernel/signal.h"

#define RT_FIRST       32
#define ACTION_DEFAULT 0ull /* SIG_DFL and SIG_IGN as numbers */
#define ACTION_IGNORE  1ull

/* signal(7): every other default action ends the process. */
#define DEFAULT_IGNORE                                                                             \
	(SIGNAL_MASK(SIGCHLD) | SIGNAL_MASK(SIGCONT) | SIGNAL_MASK(SIGWINCH) | SIGNAL_MASK(SIGURG))
#define DEFAULT_STOP                                                                               \
	(SIGNAL_MASK(SIGSTOP) | SIGNAL_MASK(SIGTSTP) | SIGNAL_MASK(SIGTTIN) | SIGNAL_MASK(SIGTTOU))
/* Raised by an instruction. */
#define SYNCHRONOUS                                                                                \
	(SIGNAL_MASK(SIGSEGV) | SIGNAL_MASK(SIGBUS) | SIGNAL_MASK(SIGILL) | SIGNAL_MASK(SIGTRAP) | \
	 SIGNAL_MASK(SIGFPE) | SIGNAL_MASK(SIGSYS))

bool signal_default_ignored(int signo);
/* Takes the most urgent signal of mask off a queue: its number, or 0. signal_lock held. */
int sigqueue_take(struct list *queue, uint64_t *pending, uint64_t mask, struct ksiginfo *info);
void sigqueue_remove_mask(struct list *queue, uint64_t *pending, uint64_t mask);
/* One entry counted for the running task's user; NULL: over the limit or no memory. */
struct sigqueue *sigqueue_alloc(const struct ksiginfo *info);
void sigqueue_free(struct sigqueue *q);
struct ksigaction signal_action_locked(struct process *p, int signo);
bool signal_stop_counted_locked(struct process *p);
void signal_kill_thread_locked(struct task *t);

/*
 * Walks over p->threads (kernel/signal_walk.c). signal_lock held at every step, and it may be
 * dropped between steps: next gives the next thread or NULL, alive until the lock is dropped. A
 * walk that has begun must be ended. thread_leave takes t off the list.
 */
void thread_walk_begin_locked(struct process *p, struct thread_walk *w);
struct task *thread_walk_next_locked(const struct process *p, struct thread_walk *w);
void thread_walk_end_locked(struct thread_walk *w);
void thread_leave_locked(struct process *p, struct task *t);
/* Those of mask disappear from where they wait in p and its threads. signal_lock held, dropped
 * meanwhile. */
void signal_drop_queued_locked(struct process *p, uint64_t mask, uint64_t *irqs);
/* Drops signal_lock and takes it again; interrupts come in unless the caller had them off
 * before. */
void signal_breathe(struct process *p, uint64_t *irqs);
/* Calls fn for every thread, breathing: signal_lock held, dropped meanwhile. */
void signal_each_thread(struct process *p, void (*fn)(struct task *t), uint64_t *irqs);
int signal_send_group_locked(int pgid, int signo,
			     const struct ksiginfo *info); /* process tree locked */
/* A signal current() cannot resist: handler or death. */
void signal_force(int signo, const struct ksiginfo *info);

#endif
