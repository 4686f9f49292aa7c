// SPDX-License-Identifier: MIT
/*
 * Sending signals, and the queues they wait in. What a signal does to its target is decided as
 * early as it can be: one that is ignored is dropped here, one whose default action ends the
 * process begins the end here (every thread gets TASK_KILLED), so that killable waits end at once;
 * the rest waits for user_work() (kernel/signal_deliver.c).
 *
 * Process 1 gets no signal it has no handler for, SIGKILL and SIGSTOP included, unless the kernel
 * itself forces it.
 *
 * Everything runs under p->signal_lock with interrupts off. sighand->lock lies within and is held
 * to copy one action.
 */
#include "kernel/signal.h"

#include "arch/thread.h"
#include "kernel/errno.h"
#include "kernel/log.h"
#include "kernel/process.h"
#include "kernel/sched.h"
#include "kernel/sigset.h"
#include "mm/slab.h"

#define LOOK_BATCH 32 /* threads looked at in one go, about 20 instructions each */

/* ---- Who gets it, and what it does to them ---- */

void signal_recalc_locked(void)
{
	struct task *t = current();
	struct process *p = t->process;
	uint64_t set = (t->sig_pending | p->sig_pending) & ~(t->sig_blocked & ~t->sig_waiting);

	if (set || p->stop_signal || p->notify_parent)
		atomic_fetch_or(&t->hot.pending, TASK_SIGNAL);
	else
		atomic_fetch_and(&t->hot.pending, ~(uint32_t)TASK_SIGNAL);
}

static void poke(struct task *t)
{
	atomic_fetch_or(&t->hot.pending, TASK_SIGNAL);
	sched_wake_if(t, SCHED_STATE(TASK_SLEEPING_INTERRUPTIBLE));
}

bool signal_default_ignored(int signo)
{
	return SIGNAL_MASK(signo) & DEFAULT_IGNORE;
}

/* Nobody will ever see it. A blocked signal is kept: it may be handled by the time it is let in. */
static bool is_dropped(struct process *p, struct task *t, int signo)
{
	struct ksigaction a;

	if (t->sig_blocked & SIGNAL_MASK(signo))
		return false;
	a = signal_action_locked(p, signo);
	if (a.handler == ACTION_IGNORE)
		return true;
	return a.handler == ACTION_DEFAULT && (signal_default_ignored(signo) || p->pid == 1);
}

static bool wants(const struct task *t, int signo)
{
	return !t->exiting && !((t->sig_blocked & ~t->sig_waiting) & SIGNAL_MASK(signo));
}

/* The thread to be told of a signal for the whole process: the leader when it can take it, else the
 * first that can. Breathes: a thread that comes to want the signal meanwhile sees that it is
 * pending (signal_recalc_locked()). */
static struct task *choose_thread(struct process *p, struct task *hint, int signo, uint64_t *irqs)
{
	struct thread_walk w;
	struct task *t;
	unsigned n = 0;

	if (hint && wants(hint, signo))
		return hint;
	thread_walk_begin_locked(p, &w);
	while ((t = thread_walk_next_locked(p, &w)) != NULL && !wants(t, signo))
		if (++n % LOOK_BATCH == 0)
			signal_breathe(p, irqs);
	thread_walk_end_locked(&w);
	return t;
}

void signal_pass_on_locked(struct process *p, uint64_t set, uint64_t *irqs)
{
	for (set &= p->sig_pending; set; set &= set - 1) {
		struct task *t = choose_thread(p, NULL, __builtin_ctzll(set) + 1, irqs);

		if (t)
			poke(t);
	}
}

static bool is_fatal(struct process *p, const struct task *t, int signo)
{
	if (signo == SIGKILL)
		return true;
	if ((SIGNAL_MASK(signo) & (DEFAULT_IGNORE | DEFAULT_STOP | SIGNAL_MASK(SIGCONT))) ||
	    (t->sig_blocked & SIGNAL_MASK(signo)))
		return false;
	if (p->stop_signal) /* stopped threads take nothing but SIGKILL: the rest waits for
			       SIGCONT */
		return false;
	return signal_action_locked(p, signo).handler == ACTION_DEFAULT;
}

static void rouse_stopped(struct task *t)
{
	atomic_fetch_or(&t->hot.pending, TASK_SIGNAL);
	sched_wake_if(t, SCHED_STATE(TASK_STOPPED));
}

void signal_drop_queued_locked(struct process *p, uint64_t mask, uint64_t *irqs)
{
	struct thread_walk w;
	struct task *t;
	unsigned n = 0;

	sigqueue_remove_mask(&p->sig_queue, &p->sig_pending, mask);
	thread_walk_begin_locked(p, &w);
	while ((t = thread_walk_next_locked(p, &w)) != NULL) {
		sigqueue_remove_mask(&t->sig_queue, &t->sig_pending, mask);
		if (++n % LOOK_BATCH == 0)
			signal_breathe(p, irqs);
	}
	thread_walk_end_locked(&w);
}

/* SIGCONT makes stopped threads go on, whatever becomes of the signal itself; it and stop signals
 * cancel each other. Breathes. */
static void stop_and_continue(struct process *p, int signo, uint64_t *irqs)
{
	uint64_t cancels = signo == SIGCONT                    ? DEFAULT_STOP
			   : SIGNAL_MASK(signo) & DEFAULT_STOP ? SIGNAL_MASK(SIGCONT)
							       : 0;

	if (!cancels)
		return;
	signal_drop_queued_locked(p, cancels, irqs);
	if (signo != SIGCONT || !p->stop_signal)
		return;
	if (p->stop_running == 0) {
		p->stop_unreported = false;
		p->continue_unreported = true;
		p->notify_parent = CLD_CONTINUED;
	}
	p->stop_signal = 0;
	signal_each_thread(p, rouse_stopped, irqs);
}

/* Adds to the queue of t, or of the process when `whole`. q NULL: the bit alone. */
static void enqueue(struct process *p, struct task *t, bool whole, int signo, struct sigqueue *q)
{
	if (q) {
		q->queued = true;
		q->target = whole ? NULL : t;
		list_push_back(whole ? &p->sig_queue : &t->sig_queue, &q->link);
	}
	*(whole ? &p->sig_pending : &t->sig_pending) |= SIGNAL_MASK(signo);
}

/* Dead or dying: a signal changes nothing. */
static bool is_past_signals(const struct process *p, const struct task *t)
{
	return p->exiting || list_empty(&p->threads) || (t && t->exiting);
}

/* Tells the thread that will take it. Breathes. */
static void announce(struct process *p, struct task *hint, bool whole, int signo, uint64_t *irqs)
{
	struct task *t = whole                ? choose_thread(p, hint, signo, irqs)
			 : wants(hint, signo) ? hint
					      : NULL;

	if (!t)
		return;
	if (!is_fatal(p, t, signo)) {
		poke(t);
		return;
	}
	signal_breathe(p, irqs);
	if (!is_past_signals(p, NULL))
		signal_group_exit_locked(p, signo);
}

static struct task *any_thread(struct process *p)
{
	if (list_empty(&p->threads))
		return NULL; /* and then the leader may be gone, too */
	return p->leader->exiting ? list_first(&p->threads, struct task, process_link) : p->leader;
}

/* What a signal does at once, whatever becomes of it. Returns the thread whose mask decides about
 * that, or NULL when it is too late for signals. t NULL: for the process. Breathes. */
static struct task *send_begin(struct process *p, struct task *t, int signo, uint64_t *irqs)
{
	if (is_past_signals(p, t))
		return NULL;
	stop_and_continue(p, signo, irqs);
	if (is_past_signals(p, t))
		return NULL;
	return t ? t : any_thread(p);
}

/* The thread whose mask decides about signo, or NULL: it changes nothing, or is there already. */
static struct task *receiver_locked(struct process *p, struct task *t, int signo)
{
	struct task *hint = t ? t : any_thread(p);

	if (is_past_signals(p, t) || is_dropped(p, hint, signo))
		return NULL;
	if (signo < RT_FIRST && ((t ? t->sig_pending : p->sig_pending) & SIGNAL_MASK(signo)))
		return NULL;
	return hint;
}

/* t NULL: to the process. The signal_lock is held; breathes, for memory is not asked for with
 * interrupts off. */
static int send_locked(struct process *p, struct task *t, int signo, const struct ksiginfo *info,
		       uint64_t *irqs)
{
	struct task *hint = send_begin(p, t, signo, irqs);
	struct sigqueue *q = NULL;

	if (!hint || !receiver_locked(p, t, signo))
		return 0;
	if (signo != SIGKILL) {
		spin_unlock_irq(&p->signal_lock, *irqs);
		q = sigqueue_alloc(info);
		*irqs = spin_lock_irq(&p->signal_lock);
		if (!q && signo >= RT_FIRST && info->code != SI_USER)
			return -EAGAIN;
		hint = receiver_locked(p, t, signo);
	}
	if (hint) {
		enqueue(p, hint, t == NULL, signo, q);
		announce(p, hint, t == NULL, signo, irqs);
	} else if (q) {
		sigqueue_free(q);
	}
	return 0;
}

static int send_to(struct process *p, struct task *t, int signo, const struct ksiginfo *info)
{
	struct ksiginfo plain = { .signo = signo, .code = SI_KERNEL };
	uint64_t old = spin_lock_irq(&p->signal_lock);
	int err = send_locked(p, t, signo, info ? info : &plain, &old);

	spin_unlock_irq(&p->signal_lock, old);
	signal_group_exit_go_on(p);
	if (waitq_active(&p->signal_wait))
		waitq_wake_all(&p->signal_wait);
	return err;
}

int signal_send(struct task *t, int signo, const struct ksiginfo *info)
{
	return t->process ? send_to(t->process, t, signo, info) : -ESRCH;
}

int signal_send_process(struct process *p, int signo, const struct ksiginfo *info)
{
	return send_to(p, NULL, signo, info);
}

struct group_send {
	int pgid, signo;
	const struct ksiginfo *info;
	bool found;
};

static int send_if_member(struct process *p, void *arg)
{
	struct group_send *g = arg;

	if (p->pgid == g->pgid) {
		g->found = true;
		(void)send_to(p, NULL, g->signo, g->info);
	}
	return 0;
}

int signal_send_group_locked(int pgid, int signo, const struct ksiginfo *info)
{
	struct group_send g = { pgid, signo, info, false };

	process_for_each_locked(send_if_member, &g);
	return g.found ? 0 : -ESRCH;
}

int signal_send_group(int pgid, int signo, const struct ksiginfo *info)
{
	int err;

	process_tree_lock();
	err = signal_send_group_locked(pgid, signo, info);
	process_tree_unlock();
	return err;
}

void signal_kill(struct process *p)
{
	uint64_t old = spin_lock_irq(&p->signal_lock);

	signal_group_exit_locked(p, SIGKILL);
	spin_unlock_irq(&p->signal_lock, old);
	signal_group_exit_go_on(p);
}

void sigqueue_send(struct sigqueue *q, struct process *p, struct task *t, uint64_t missed)
{
	uint64_t old = spin_lock_irq(&p->signal_lock);
	int signo = q->info.signo;
	struct task *hint = send_begin(p, t, signo, &old);
	bool queued = q->queued;

	if (hint && (queued || !is_dropped(p, hint, signo))) {
		if (queued)
			missed += (uint64_t)q->info.u.timer.overrun + 1;
		if (q->info.code == SI_TIMER) /* else that word is somebody's user number */
			q->info.u.timer.overrun = (int32_t)MIN(missed, (uint64_t)INT32_MAX);
		if (!queued) {
			enqueue(p, hint, t == NULL, signo, q);
			announce(p, hint, t == NULL, signo, &old);
		}
	}
	spin_unlock_irq(&p->signal_lock, old);
	signal_group_exit_go_on(p);
	if (waitq_active(&p->signal_wait))
		waitq_wake_all(&p->signal_wait);
}

static bool is_queued(const struct list *queue, int signo)
{
	struct sigqueue *q;

	list_for_each (q, queue, link)
		if (q->info.signo == signo)
			return true;
	return false;
}

void sigqueue_cancel(struct sigqueue *q, struct process *p)
{
	uint64_t old = spin_lock_irq(&p->signal_lock);

	if (q->queued) {
		struct list *queue = q->target ? &q->target->sig_queue : &p->sig_queue;
		uint64_t *pending = q->target ? &q->target->sig_pending : &p->sig_pending;

		list_remove(&q->link);
		q->queued = false;
		if (!is_queued(queue, q->info.signo))
			*pending &= ~SIGNAL_MASK(q->info.signo);
	}
	spin_unlock_irq(&p->signal_lock, old);
}

/* For a fault of t, which is current(): its own entry, which stays when it has one. While that is
 * queued, or there is no memory for it, one as for any other signal. */
static struct sigqueue *fault_entry(struct task *t, const struct ksiginfo *info)
{
	struct sigqueue *q = t->fault_signal;

	if (unlikely(!q)) {
		q = t->fault_signal = kmalloc(sizeof(*q), ALLOC_ZERO | ALLOC_NOWAIT);
		if (!q)
			return sigqueue_alloc(info);
	} else if (unlikely(q->queued)) {
		return sigqueue_alloc(info);
	}
	q->info = *info;
	return q;
}

/* A fault of the running thread: blocked or ignored does not help, process 1 is not spared. */
void signal_force(int signo, const struct ksiginfo *info)
{
	struct task *t = current();
	struct process *p = t->process;
	uint64_t old = spin_lock_irq(&p->signal_lock), bit = SIGNAL_MASK(signo);
	struct ksigaction a = signal_action_locked(p, signo);

	bool fatal =
		a.handler == ACTION_IGNORE || a.handler == ACTION_DEFAULT || (t->sig_blocked & bit);

	if (fatal) {
		signal_group_exit_locked(p, signo);
	} else {
		enqueue(p, t, false, signo, fault_entry(t, info));
		atomic_fetch_or(&t->hot.pending, TASK_SIGNAL); /* it does not sleep */
	}
	spin_unlock_irq(&p->signal_lock, old);
	if (fatal)
		log_debug("%s[%d]: signal %d, code %d, address %#lx, pc %#lx", t->name, t->tid,
			  signo, info->code, (unsigned long)info->u.fault.addr,
			  (unsigned long)task_user_regs(t)->pc);
}

void signal_fault(int signo, int si_code, virt_addr_t address)
{
	struct ksiginfo info = { .signo = signo, .code = si_code, .u.fault.addr = address };

	/* siginfo's least significant bit of the damaged range: one page (sigaction(2),
	 * BUS_MCEERR). */
	if (signo == SIGBUS && (si_code == BUS_MCEERR_AR || si_code == BUS_MCEERR_AO))
		info.u.fault.lsb = PAGE_SHIFT;
	signal_force(signo, &info);
}
