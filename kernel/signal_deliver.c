// SPDX-License-Identifier: MIT
/*
 * Taking signals: what a thread does on its way to user mode, and its masks.
 *
 *    user_work -> killed?          -> task_exit
 *              -> TASK_SIGNAL      -> a stop to take part in? news for the parent? else take
 *                                  signals
 *                                     one by one: ignored -> next; stop -> begin a group stop;
 *                                     default -> the process ends; handler -> build a frame, done
 *              -> a system call that was interrupted is restarted, or says -EINTR
 *
 * A group stop: whoever takes the stop signal sets p->stop_signal and counts the threads in
 * stop_running; each comes by here, counts itself off, and sleeps as TASK_STOPPED until SIGCONT
 * clears stop_signal or death comes. The last one tells the parent.
 */
#include "arch/thread.h"
#include "kernel/errno.h"
#include "kernel/log.h"
#include "kernel/process.h"
#include "kernel/sched.h"
#include "kernel/signal.h"
#include "kernel/sigset.h"
#include "kernel/syscall.h"
#include "mm/memcg.h"
#include "mm/usercopy.h"

#include <asm/unistd.h>

#define SVC_SIZE 4 /* bytes of the instruction to go back over */

/* ---- Stops ---- */

/* The parent hears of a stop or a continuation. Drops signal_lock meanwhile. */
static COLD uint64_t tell_parent(struct process *p, int code, int status, uint64_t irqs)
{
	spin_unlock_irq(&p->signal_lock, irqs);
	process_tree_lock();
	process_notify_parent_locked(p, code, status);
	process_tree_unlock();
	return spin_lock_irq(&p->signal_lock);
}

static void ask_to_stop(struct task *t)
{
	atomic_fetch_or(&t->hot.pending, TASK_SIGNAL);
	sched_wake_if(t, SCHED_STATE(TASK_SLEEPING_INTERRUPTIBLE));
}

/* Begins a stop of all threads unless one is on. signal_lock held, dropped meanwhile. */
static void stop_begin(struct process *p, int signo, uint64_t *irqs)
{
	if (p->stop_signal || p->exiting)
		return;
	p->stop_signal = signo;
	p->stop_generation++;
	p->stop_running = p->nr_live;
	p->continue_unreported = false;
	signal_each_thread(p, ask_to_stop, irqs);
}

/* A thread has stopped, or will never: true when it was the last that ran. signal_lock held. */
bool signal_stop_counted_locked(struct process *p)
{
	if (!p->stop_signal || --p->stop_running > 0)
		return false;
	p->stop_unreported = true;
	return true;
}

/* Takes part in the stop and sleeps through it. signal_lock held, dropped meanwhile. */
static COLD uint64_t stop_here(struct process *p, uint64_t irqs)
{
	uint32_t generation = p->stop_generation;

	if (signal_stop_counted_locked(p))
		irqs = tell_parent(p, CLD_STOPPED, p->stop_signal, irqs);
	while (p->stop_signal && p->stop_generation == generation && !task_killed(current())) {
		sched_set_state(TASK_STOPPED);
		spin_unlock_irq(&p->signal_lock, irqs);
		schedule();
		irqs = spin_lock_irq(&p->signal_lock);
	}
	WRITE_ONCE(current()->state, TASK_RUNNABLE);
	return irqs;
}

/* SIGTSTP, SIGTTIN and SIGTTOU do not stop a group that no shell watches over. Drops signal_lock
 * meanwhile. */
static COLD uint64_t stop_by_signal(struct process *p, int signo, uint64_t irqs)
{
	if (signo != SIGSTOP) {
		bool orphaned;

		spin_unlock_irq(&p->signal_lock, irqs);
		process_tree_lock();
		orphaned = group_is_orphaned_locked(p->pgid);
		process_tree_unlock();
		irqs = spin_lock_irq(&p->signal_lock);
		/* A SIGCONT that came meanwhile takes the stop back. */
		if (orphaned || ((p->sig_pending | current()->sig_pending) & SIGNAL_MASK(SIGCONT)))
			return irqs;
	}
	stop_begin(p, signo, &irqs);
	return irqs;
}

/* ---- Taking one signal ---- */

static int take_locked(struct task *t, struct process *p, uint64_t mask, struct ksiginfo *info)
{
	int signo = sigqueue_take(&t->sig_queue, &t->sig_pending, mask, info);

	return signo ? signo : sigqueue_take(&p->sig_queue, &p->sig_pending, mask, info);
}

/* The next signal with a handler, its action copied (and reset if it wants that): its number, or 0
 * when there is none. Handles all others on the way. signal_lock held, dropped meanwhile. Does not
 * return when the process is to die. */
static int next_handled(struct ksiginfo *info, struct ksigaction *act, uint64_t *irqs)
{
	struct task *t = current();
	struct process *p = t->process;

	for (;;) {
		int signo;

		if (task_killed(t))
			return 0;
		if (p->notify_parent) {
			int code = p->notify_parent;

			p->notify_parent = 0;
			*irqs = tell_parent(p, code, SIGCONT, *irqs);
			continue;
		}
		if (p->stop_signal) {
			*irqs = stop_here(p, *irqs);
			continue;
		}
		signo = take_locked(t, p, ~t->sig_blocked, info);
		if (!signo)
			return 0;
		*act = signal_action_locked(p, signo);
		if (act->handler == ACTION_IGNORE ||
		    (act->handler == ACTION_DEFAULT &&
		     (signal_default_ignored(signo) || p->pid == 1)))
			continue;
		if (act->handler != ACTION_DEFAULT)
			return signo;
		if (SIGNAL_MASK(signo) & DEFAULT_STOP)
			*irqs = stop_by_signal(p, signo, *irqs);
		else
			signal_group_exit_locked(p, signo);
	}
}

static COLD void reset_action(struct process *p, int signo)
{
	spin_lock_raw(&p->sighand->lock);
	p->sighand->action[signo - 1] = (struct ksigaction){ .handler = ACTION_DEFAULT };
	spin_unlock_raw(&p->sighand->lock);
}

/* ---- System calls that were interrupted ---- */

/* act NULL: no handler will run. */
static void restart_or_fail(struct user_regs *regs, const struct ksigaction *act)
{
	int code = current()->restart_code;
	bool again;

	current()->restart_code = 0;
	switch (code) {
	case 0: return;
	case ERESTART_ALWAYS: again = true; break;
	case ERESTART: again = !act || (act->flags & SA_RESTART); break;
	default: /* ERESTART_NOHAND, ERESTART_BLOCK */ again = !act; break;
	}
	if (!again) {
		regs->x[0] = (uint64_t)-EINTR;
		return;
	}
	regs->pc -= SVC_SIZE;
	regs->x[0] = regs->syscall_x0;
	if (code == ERESTART_BLOCK)
		regs->x[8] = __NR_restart_syscall;
}

/* ---- On the way to user mode ---- */

/* signal_lock held. What is blocked now and waits for the whole process is left to other threads,
 * and the lock dropped for that. */
static void set_blocked_locked(struct task *t, uint64_t mask, uint64_t *irqs)
{
	uint64_t added = mask & ~t->sig_blocked;

	t->sig_blocked = mask;
	signal_pass_on_locked(t->process, added, irqs);
}

static void call_handler(struct user_regs *regs, int signo, const struct ksiginfo *info,
			 const struct ksigaction *act, uint64_t old_mask)
{
	struct task *t = current();

	restart_or_fail(regs, act);
	if (arch_signal_deliver(signo, info, act, old_mask) < 0) {
		struct ksiginfo bad = { .signo = SIGSEGV, .code = SI_KERNEL };
		uint64_t irqs = spin_lock_irq(&t->process->signal_lock);

		if (signo == SIGSEGV)
			reset_action(t->process, SIGSEGV);
		spin_unlock_irq(&t->process->signal_lock, irqs);
		signal_force(SIGSEGV, &bad);
	}
}

static void deliver(struct user_regs *regs)
{
	struct task *t = current();
	struct process *p = t->process;
	uint64_t irqs = spin_lock_irq(&p->signal_lock), old_mask, mask;
	struct ksiginfo info;
	struct ksigaction act;
	int signo = next_handled(&info, &act, &irqs);

	if (!signo) {
		if (t->sig_restore)
			set_blocked_locked(t, t->sig_saved, &irqs);
		t->sig_restore = false;
		signal_recalc_locked();
		spin_unlock_irq(&p->signal_lock, irqs);
		if (!task_killed(t))
			restart_or_fail(regs, NULL);
		return;
	}
	old_mask = t->sig_restore ? t->sig_saved : t->sig_blocked;
	t->sig_restore = false;
	mask = t->sig_blocked | (act.mask & ~SIGNAL_UNBLOCKABLE);
	if (!(act.flags & SA_NODEFER))
		mask |= SIGNAL_MASK(signo);
	set_blocked_locked(t, mask, &irqs);
	if (act.flags & SA_RESETHAND)
		reset_action(p, signo);
	signal_recalc_locked();
	spin_unlock_irq(&p->signal_lock, irqs);
	call_handler(regs, signo, &info, &act, old_mask);
}

/* The status a killed thread ends with: its process's, or nothing when exec is rid of it. */
static int killed_status(struct process *p)
{
	return READ_ONCE(p->exiting) ? READ_ONCE(p->exit_status) : 0;
}

void user_work(struct user_regs *regs)
{
	struct task *t = current();
	uint32_t pending = READ_ONCE(t->hot.pending);

	if (pending & TASK_KILLED)
		task_exit(killed_status(t->process));
	if (t->set_tid) { /* announced with TASK_WORK, which the caller has cleared */
		if (user_store32(t->set_tid, (uint32_t)t->tid) < 0)
			log_debug("tid %d: bad address for CLONE_CHILD_SETTID",
				  t->tid); /* clone(2): the caller's loss */
		t->set_tid = 0;
	}
	if (unlikely(t->memory_over))
		memcg_settle();
	if (unlikely(t->sched.dl_spent))
		sched_deadline_wait();
	if (pending & TASK_SIGNAL)
		deliver(regs);
}

/* ---- Masks of the running thread ---- */

bool signal_pending(void)
{
	return READ_ONCE(current()->hot.pending) & (TASK_SIGNAL | TASK_KILLED);
}

COLD bool signal_is_ignored(int signo)
{
	struct process *p = current()->process;
	uint64_t irqs = spin_lock_irq(&p->signal_lock);
	bool ignored = signal_action_locked(p, signo).handler == ACTION_IGNORE;

	spin_unlock_irq(&p->signal_lock, irqs);
	return ignored;
}

bool signal_is_blocked(int signo)
{
	return current()->sig_blocked & SIGNAL_MASK(signo);
}

void signal_mask_set(uint64_t mask)
{
	struct task *t = current();
	uint64_t irqs = spin_lock_irq(&t->process->signal_lock);

	set_blocked_locked(t, mask & ~SIGNAL_UNBLOCKABLE, &irqs);
	signal_recalc_locked();
	spin_unlock_irq(&t->process->signal_lock, irqs);
}

void signal_mask_temporary(uint64_t mask)
{
	current()->sig_saved = current()->sig_blocked;
	signal_mask_set(mask);
}

void signal_mask_restore(void)
{
	signal_mask_set(current()->sig_saved);
}

void signal_mask_keep(void)
{
	current()->sig_restore = true;
	atomic_fetch_or(&current()->hot.pending,
			TASK_SIGNAL); /* so that user_work() comes by even if the signal is gone */
}

COLD uint64_t signal_pending_set(void)
{
	struct task *t = current();
	uint64_t irqs = spin_lock_irq(&t->process->signal_lock),
		 set = t->sig_pending | t->process->sig_pending;

	spin_unlock_irq(&t->process->signal_lock, irqs);
	return set;
}

int signal_take(uint64_t mask, struct ksiginfo *info)
{
	struct task *t = current();
	uint64_t irqs = spin_lock_irq(&t->process->signal_lock);
	int signo = take_locked(t, t->process, mask, info);

	signal_recalc_locked();
	spin_unlock_irq(&t->process->signal_lock, irqs);
	return signo;
}

struct waitq *signal_waitq(struct process *p)
{
	return &p->signal_wait;
}
