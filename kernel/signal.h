// SPDX-License-Identifier: MIT
/*
 * Signals. One is pending for a thread (task->sig_pending, sig_queue) or for its process
 * (process->sig_pending, sig_queue) with at most one queued siginfo for signals below 32 and any
 * number for real-time ones. TASK_SIGNAL in hot.pending means "an unblocked signal or a stop may be
 * there": interruptible sleeps end and user_work() looks. TASK_KILLED means the thread is going to
 * die and nothing can stop it any more.
 *
 * Everything here is under process->signal_lock (interrupts off, bounded: walks over all threads
 * breathe, see kernel/signal_walk.c).
 */
#ifndef KERNEL_SIGNAL_H
#define KERNEL_SIGNAL_H

#include <asm/siginfo.h>
#include <asm/signal.h>

#include "kernel/lib/list.h"
#include "kernel/lock.h"

struct process;
struct session;
struct task;
struct timer;
struct user;

#define SIGNAL_MAX         64
#define SIGNAL_MASK(signo) (1ull << ((signo)-1))
#define SIGNAL_UNBLOCKABLE (SIGNAL_MASK(SIGKILL) | SIGNAL_MASK(SIGSTOP))

/* A siginfo as the kernel keeps it: the part of the user's 128 bytes that can be other than zero,
 * in the same layout. */
struct ksiginfo {
	int32_t signo, error, code, pad;
	union {
		struct {
			int32_t pid;
			uint32_t uid;
			uint64_t value;
		} rt; /* kill, sigqueue */
		struct {
			int32_t id, overrun;
			uint64_t value;
		} timer;
		struct {
			int32_t pid;
			uint32_t uid;
			int32_t status, pad;
			int64_t utime, stime;
		} child;
		struct {
			uint64_t addr;
			int16_t lsb;
		} fault;
		struct {
			int64_t band;
			int32_t fd;
		} poll;
		uint64_t words[4];
	} u;
};
_Static_assert(sizeof(struct ksiginfo) == 48, "first 48 bytes of siginfo_t");

/* A place among the threads of a process that outlasts the threads there (kernel/signal_walk.c). */
struct thread_walk {
	struct list link;  /* process->walks */
	struct list *next; /* process_link of the next thread, or the head */
};

/* As the user gives it to rt_sigaction(2) on this architecture. */
struct ksigaction {
	uint64_t handler; /* SIG_DFL, SIG_IGN or an address */
	uint64_t flags;
	uint64_t restorer;
	uint64_t mask;
};

struct sighand {
	struct spinlock lock; /* within signal_lock, interrupts off */
	uint32_t refs;
	uint64_t changed;                     /* signals whose action has ever been set */
	struct ksigaction action[SIGNAL_MAX]; /* [signo - 1] */
};

/* One queued signal. */
struct sigqueue {
	struct list link;
	struct user
		*user; /* counted there; NULL: preallocated, its owner keeps it (posix timers) */
	bool queued;   /* preallocated: on a list now: */
	int32_t delivered;   /* preallocated: the overruns that the last one taken told of */
	struct task *target; /* this thread's, or NULL: its process's */
	struct ksiginfo info;
};

/* Writes the 128 bytes a user sees. */
void siginfo_image(void *image128, const struct ksiginfo *info);
int siginfo_to_user(virt_addr_t dst, const struct ksiginfo *info) MUST_CHECK;

/*
 * Sending. Any context (interrupts too), no locks of this room held. info NULL: from the kernel
 * (SI_KERNEL). 0, or -EAGAIN when a real-time signal could not be queued. Permission is the
 * caller's business. A kernel thread cannot be signalled: -ESRCH.
 */
int signal_send(struct task *t, int signo, const struct ksiginfo *info); /* to this thread */
int signal_send_process(struct process *p, int signo,
			const struct ksiginfo *info); /* to any of its threads */
/* To every process of the group: 0, or -ESRCH when it has none. Task context (the tree of processes
 * is locked). The tty's ^C. */
int signal_send_group(int pgid, int signo, const struct ksiginfo *info);
/* What kill(2) does to one process, with its check (signo 0: the check alone): also -EPERM. Tree
 * locked. */
int signal_request_locked(struct process *p, int signo, const struct ksiginfo *info);
/* Who sends: the running task. code: SI_USER, SI_TKILL. */
struct ksiginfo signal_user_info(int signo, int code);
/* SIGKILL that nothing resists, process 1 included: the OOM policy. */
void signal_kill(struct process *p);

/* True when an unblocked signal (or a stop) waits for current(): what a system call that is about
 * to sleep without waitq must ask. */
bool signal_pending(void);
/* True when current() ignores or blocks signo: the tty decides between a signal and -EIO with
 * it. */
bool signal_is_ignored(int signo);
bool signal_is_blocked(int signo);

/* Masks of current(). signal_mask_set drops SIGKILL and SIGSTOP from mask. */
void signal_mask_set(uint64_t mask);
/* ppoll, pselect6, epoll_pwait, rt_sigsuspend: install mask for the length of the call; the old one
 * comes back when the call has returned, after a handler ran under the temporary mask. Call
 * signal_mask_keep(), or, when the wait ended without signal, signal_mask_restore(). */
void signal_mask_temporary(uint64_t mask);
void signal_mask_restore(void); /* at once */
void signal_mask_keep(void);    /* on the way to user mode: the call returns -EINTR or restarts */

/* For signalfd: what is pending for current() in `mask` (thread's or process's); takes one, lowest
 * first: its number, or 0 when there is none. */
uint64_t signal_pending_set(void);
int signal_take(uint64_t mask, struct ksiginfo *info);
/* Woken at every signal sent to the process, whether blocked or not: signalfd and sigtimedwait. */
struct waitq *signal_waitq(struct process *p);

/* Internals shared by signal*.c, fork.c, exec.c, exit.c. */
struct sighand *sighand_create(void);
struct sighand *sighand_copy(struct sighand *from);
struct sighand *sighand_get(struct sighand *s);
void sighand_put(struct sighand *s);
void sighand_reset_for_exec(struct sighand *s); /* handlers to default, ignored stay */
void sigqueue_flush(struct list *queue, uint64_t *pending);
/* Sends the preallocated q to p or, when t is not NULL, to that thread. A posix timer's tells of
 * overruns: `missed` ones, and one for each time that it is sent while it is queued. Any
 * context. */
void sigqueue_send(struct sigqueue *q, struct process *p, struct task *t, uint64_t missed);
/* Takes a preallocated q off whatever list it is on. */
void sigqueue_cancel(struct sigqueue *q, struct process *p);
/* current()'s TASK_SIGNAL from masks and what is pending; signal_lock held. */
void signal_recalc_locked(void);
/* Those of set that are pending for the whole process and that the running thread, which may have
 * been told of them, does not take any more: tells threads that do. signal_lock held, dropped
 * meanwhile. */
void signal_pass_on_locked(struct process *p, uint64_t set, uint64_t *irqs);
/* Begins the death of the whole process with this wait status, unless it has begun already: of the
 * running thread, when it is one of p, and a few others. signal_lock held. The caller drops it,
 * then has the rest told by the other one, which does nothing unless it is called preemptible. */
void signal_group_exit_locked(struct process *p, int status);
void signal_group_exit_go_on(struct process *p);

#endif
