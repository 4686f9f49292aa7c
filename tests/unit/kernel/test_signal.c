// SPDX-License-Identifier: MIT
// SOURCES: kernel/signal.c kernel/signal_walk.c kernel/sigqueue.c kernel/signal_deliver.c tests/mock/machine.c tests/mock/kernel.c
/*
 * Signals without a machine: who gets what, in which order, what is dropped, what kills, what
 * stops, how system calls go on. A process of two threads, A (the leader) and B; whoever is
 * current() takes signals by user_work().
 */
#include <linux/signal.h>
#include <string.h>

#include <asm/unistd.h>

#include "arch/thread.h"
#include "kernel/errno.h"
#include "kernel/process.h"
#include "kernel/sched.h"
#include "kernel/sigset.h"
#include "kernel/syscall.h"
#include "mm/slab.h"
#include "mm/usercopy.h"
#include "tests/mock/mock.h"

/* The C library's headers and the system call interface's do not go together. */
void *malloc(size_t size);
void *calloc(size_t n, size_t size);
void free(void *p);

static struct process process, init_process;
static struct sighand sighand;
static struct user user;
static struct cred cred = { .refs = 1, .user = &user, .uid = 1000 };
static struct task *a, *b;
static struct user_regs regs;

static struct {
	int handled[32]; /* signals whose handlers were called, in order */
	struct ksiginfo info[32];
	uint64_t mask; /* to be restored by the last frame */
	int nhandled, exits, exit_status, told, told_code, stack_is_bad, blocks;
	bool orphaned;
	uint64_t limit;
} seen;

/* ---- What the rest of the kernel would do ---- */

void *kmalloc(size_t size, unsigned flags)
{
	return mock_alloc_should_fail() ? NULL
	       : (flags & ALLOC_ZERO)   ? calloc(1, size)
					: malloc(size);
}

void kfree(void *p)
{
	free(p);
}

uint64_t process_limit(unsigned resource)
{
	assert_int_equal(resource, RLIMIT_SIGPENDING);
	return seen.limit;
}

void process_tree_lock(void) {}

void process_tree_unlock(void) {}

bool group_is_orphaned_locked(int pgid)
{
	(void)pgid;
	return seen.orphaned;
}

int process_for_each_locked(int (*fn)(struct process *p, void *arg), void *arg)
{
	int result = fn(&init_process, arg);

	return result ? result : fn(&process, arg);
}

void process_notify_parent_locked(struct process *p, int code, int status)
{
	(void)status;
	assert_ptr_equal(p, &process);
	assert_false(spin_held(&p->signal_lock));
	seen.told++;
	seen.told_code = code;
}

static jmp_buf dead;

void task_exit(int status)
{
	seen.exits++;
	seen.exit_status = status;
	longjmp(dead, 1);
}

int arch_signal_deliver(int signo, const struct ksiginfo *info, const struct ksigaction *act,
			uint64_t blocked)
{
	(void)act;
	if (seen.stack_is_bad > 0) {
		seen.stack_is_bad--;
		return -EFAULT;
	}
	seen.handled[seen.nhandled] = signo;
	seen.info[seen.nhandled++] = *info;
	seen.mask = blocked;
	return 0;
}

struct user_regs *task_user_regs(struct task *t)
{
	(void)t;
	return &regs;
}

int copy_to_user(virt_addr_t dst, const void *src, size_t n)
{
	memcpy((void *)dst, src, n);
	return 0;
}

int user_store32(virt_addr_t dst, uint32_t value)
{
	*(uint32_t *)dst = value;
	return 0;
}

bool sched_wake_if(struct task *t, unsigned states)
{
	if (!(SCHED_STATE(t->state) & states))
		return false;
	t->state = TASK_RUNNABLE;
	return true;
}

void sched_set_state(enum task_state state)
{
	current()->state = state;
}

static void (*while_stopped)(void);

/* A stopped thread gives the CPU up: somebody else acts. */
void schedule(void)
{
	assert_int_equal(current()->state, TASK_STOPPED);
	seen.blocks++;
	assert_non_null(while_stopped);
	while_stopped();
}

/* ---- The scene ---- */

static struct task *thread(const char *name)
{
	struct task *t = mock_task(name);

	t->process = &process;
	t->cred = &cred;
	list_push_back(&process.threads, &t->process_link);
	process.nr_threads++;
	process.nr_live++;
	return t;
}

static void process_setup(struct process *p, int pid)
{
	memset(p, 0, sizeof(*p));
	p->pid = pid;
	p->pgid = pid;
	list_init(&p->threads);
	list_init(&p->sig_queue);
	list_init(&p->walks);
	list_init(&p->kill_walk.link);
	waitq_init(&p->signal_wait);
	p->sighand = &sighand;
}

static int setup(void **state)
{
	mock_setup(state);
	memset(&seen, 0, sizeof(seen));
	memset(&sighand, 0, sizeof(sighand));
	memset(&regs, 0, sizeof(regs));
	user = (struct user){ .refs = 1 };
	seen.limit = 100;
	while_stopped = NULL;
	process_setup(&init_process, 1);
	process_setup(&process, 50);
	a = thread("A");
	b = thread("B");
	process.leader = a;
	mock_set_current(a);
	return 0;
}

static int teardown(void **state)
{
	sigqueue_flush(&a->sig_queue, &a->sig_pending);
	sigqueue_flush(&b->sig_queue, &b->sig_pending);
	sigqueue_flush(&process.sig_queue, &process.sig_pending);
	assert_int_equal(user.signals, 0); /* whatever was queued was counted back */
	assert_int_equal(user.refs, 1);
	free(a->fault_signal);
	free(b->fault_signal);
	return mock_teardown(state);
}

static void act(int signo, uint64_t handler, uint64_t flags, uint64_t mask)
{
	sighand.action[signo - 1] = (struct ksigaction){ handler, flags, 0, mask };
}

#define HANDLER 0x1000

/* On the way to user mode until nothing is pending; true when the thread died. */
static bool work(void)
{
	if (setjmp(dead))
		return true;
	while (current()->hot.pending & (TASK_SIGNAL | TASK_KILLED))
		user_work(&regs);
	return false;
}

static void send(int signo)
{
	assert_int_equal(signal_send_process(&process, signo, NULL), 0);
}

/* ---- Tests ---- */

static void handler_is_called_once(void **state)
{
	(void)state;
	act(SIGUSR1, HANDLER, 0, SIGNAL_MASK(SIGUSR2));
	send(SIGUSR1);
	send(SIGUSR1); /* merges with the first */
	assert_true(a->hot.pending & TASK_SIGNAL);
	assert_false(b->hot.pending & TASK_SIGNAL);
	assert_false(work());
	assert_int_equal(seen.nhandled, 1);
	assert_int_equal(seen.handled[0], SIGUSR1);
	assert_int_equal(seen.mask, 0);
	assert_int_equal(a->sig_blocked, SIGNAL_MASK(SIGUSR1) | SIGNAL_MASK(SIGUSR2));
	signal_mask_set(0);
	work();
	assert_int_equal(seen.nhandled, 1);
}

static void nodefer_and_resethand(void **state)
{
	(void)state;
	act(SIGUSR1, HANDLER, SA_NODEFER | SA_RESETHAND, 0);
	send(SIGUSR1);
	work();
	assert_int_equal(a->sig_blocked, 0);
	assert_int_equal(sighand.action[SIGUSR1 - 1].handler, ACTION_DEFAULT);
	send(SIGUSR1);
	assert_true(work());
	assert_int_equal(seen.exit_status, SIGUSR1);
}

static void blocked_signals_wait(void **state)
{
	(void)state;
	act(SIGUSR1, HANDLER, 0, 0);
	signal_mask_set(SIGNAL_MASK(SIGUSR1) | SIGNAL_MASK(SIGKILL));
	assert_int_equal(a->sig_blocked, SIGNAL_MASK(SIGUSR1)); /* SIGKILL cannot be */
	signal_send(a, SIGUSR1, NULL);
	assert_false(a->hot.pending & TASK_SIGNAL);
	assert_int_equal(signal_pending_set(), SIGNAL_MASK(SIGUSR1));
	signal_mask_set(0);
	assert_true(a->hot.pending & TASK_SIGNAL);
	work();
	assert_int_equal(seen.nhandled, 1);
}

/* What the leader blocks another thread takes. */
static void another_thread_takes_it(void **state)
{
	(void)state;
	act(SIGUSR1, HANDLER, 0, 0);
	a->sig_blocked = SIGNAL_MASK(SIGUSR1);
	b->state = TASK_SLEEPING_INTERRUPTIBLE;
	send(SIGUSR1);
	assert_false(a->hot.pending & TASK_SIGNAL);
	assert_true(b->hot.pending & TASK_SIGNAL);
	assert_int_equal(b->state, TASK_RUNNABLE);
}

/* What the leader has been told of and then blocks, itself or for a handler, another thread
 * takes. */
static void what_is_blocked_late_is_passed_on(void **state)
{
	(void)state;
	act(SIGUSR1, HANDLER, 0, 0);
	act(SIGUSR2, HANDLER, 0, SIGNAL_MASK(SIGTERM));
	act(SIGTERM, HANDLER, 0, 0);
	b->state = TASK_SLEEPING_INTERRUPTIBLE;
	send(SIGUSR1);
	assert_int_equal(b->state, TASK_SLEEPING_INTERRUPTIBLE);
	signal_mask_set(SIGNAL_MASK(SIGUSR1));
	assert_false(a->hot.pending & TASK_SIGNAL);
	assert_true(b->hot.pending & TASK_SIGNAL);
	assert_int_equal(b->state, TASK_RUNNABLE);

	b->sig_blocked = SIGNAL_MASK(SIGUSR1) | SIGNAL_MASK(SIGTERM);
	b->sig_waiting = SIGNAL_MASK(SIGTERM); /* as rt_sigtimedwait(2) does */
	b->hot.pending = 0;
	b->state = TASK_SLEEPING_INTERRUPTIBLE;
	send(SIGUSR2);
	send(SIGTERM);
	assert_int_equal(b->state, TASK_SLEEPING_INTERRUPTIBLE);
	user_work(&regs);
	assert_int_equal(seen.handled[0], SIGUSR2);
	assert_true(b->hot.pending & TASK_SIGNAL);
	assert_int_equal(b->state, TASK_RUNNABLE);
	process.sig_pending = 0;
}

static void ignored_signals_are_dropped(void **state)
{
	(void)state;
	send(SIGCHLD); /* by default */
	act(SIGTERM, ACTION_IGNORE, 0, 0);
	send(SIGTERM);
	assert_int_equal(process.sig_pending, 0);
	assert_false(a->hot.pending & TASK_SIGNAL);
	/* But a blocked one may find a handler by the time it is let in. */
	a->sig_blocked = SIGNAL_MASK(SIGTERM);
	send(SIGTERM);
	assert_int_equal(process.sig_pending, SIGNAL_MASK(SIGTERM));
}

static void realtime_signals_queue_in_order(void **state)
{
	(void)state;
	for (int signo = 40; signo <= 41; signo++)
		act(signo, HANDLER, SA_NODEFER, 0);
	for (uint64_t i = 0; i < 6; i++) {
		struct ksiginfo info = { .signo = i & 1 ? 40 : 41,
					 .code = SI_QUEUE,
					 .u.rt.value = i };

		assert_int_equal(signal_send_process(&process, info.signo, &info), 0);
	}
	assert_int_equal(user.refs, 1 + 6); /* who sent them may be gone before they are taken */
	work();
	assert_int_equal(seen.nhandled, 6);
	for (int i = 0; i < 6; i++) { /* lowest number first, then first come */
		assert_int_equal(seen.handled[i], i < 3 ? 40 : 41);
		assert_int_equal(seen.info[i].u.rt.value, i < 3 ? 2 * i + 1 : 2 * (i - 3));
	}
}

static void queue_is_limited(void **state)
{
	struct ksiginfo info = { .signo = 40, .code = SI_QUEUE };

	(void)state;
	act(40, HANDLER, 0, 0);
	act(SIGUSR1, HANDLER, 0, 0);
	seen.limit = 2;
	assert_int_equal(signal_send(b, 40, &info), 0);
	assert_int_equal(signal_send(b, 40, &info), 0);
	assert_int_equal(signal_send(b, 40, &info), -EAGAIN);
	info.signo = SIGUSR1; /* these get through without their siginfo */
	assert_int_equal(signal_send(b, SIGUSR1, &info), 0);
	assert_int_equal(b->sig_pending, SIGNAL_MASK(40) | SIGNAL_MASK(SIGUSR1));
}

static void no_memory_for_the_queue(void **state)
{
	struct ksiginfo info = { .signo = 40, .code = SI_QUEUE };

	(void)state;
	act(40, HANDLER, 0, 0);
	mock_fail_allocation(1);
	assert_int_equal(signal_send(b, 40, &info), -EAGAIN);
	assert_int_equal(b->sig_pending, 0);
	act(SIGUSR1, HANDLER, 0, 0);
	mock_fail_allocation(1);
	assert_int_equal(signal_send(a, SIGUSR1, &info), 0);
	work();
	assert_int_equal(seen.info[0].code, SI_USER);
}

static void default_action_kills_every_thread(void **state)
{
	(void)state;
	b->state = TASK_SLEEPING_KILLABLE;
	send(SIGTERM);
	assert_true(process.exiting);
	assert_int_equal(process.exit_status, SIGTERM);
	assert_true(task_killed(a) && task_killed(b));
	assert_int_equal(b->state, TASK_RUNNABLE);
	signal_group_exit_locked(&process, SIGINT); /* too late to change the status */
	assert_true(work());
	assert_int_equal(seen.exit_status, SIGTERM);
	act(SIGUSR1, HANDLER, 0, 0);
	send(SIGUSR1); /* the dead get no mail */
	assert_int_equal(process.sig_pending & SIGNAL_MASK(SIGUSR1), 0);
}

/* SIGKILL ends a killable sleep, an ordinary signal does not. */
static void killable_sleeps(void **state)
{
	(void)state;
	act(SIGUSR1, HANDLER, 0, 0);
	b->state = TASK_SLEEPING_KILLABLE;
	signal_send(b, SIGUSR1, NULL);
	assert_int_equal(b->state, TASK_SLEEPING_KILLABLE);
	signal_send(b, SIGKILL, NULL);
	assert_int_equal(b->state, TASK_RUNNABLE);
}

static void process_one_is_protected(void **state)
{
	(void)state;
	process.pid = 1;
	send(SIGKILL);
	send(SIGTERM);
	send(SIGSTOP);
	assert_int_equal(process.sig_pending, 0);
	assert_false(process.exiting);
	act(SIGTERM, HANDLER, 0, 0);
	send(SIGTERM);
	work();
	assert_int_equal(seen.nhandled, 1);
	signal_fault(SIGSEGV, SEGV_MAPERR, 0x10); /* not from itself */
	assert_true(process.exiting);
}

static void faults_cannot_be_avoided(void **state)
{
	(void)state;
	act(SIGSEGV, HANDLER, 0, 0);
	signal_fault(SIGSEGV, SEGV_ACCERR, 0x1234);
	work();
	assert_int_equal(seen.handled[0], SIGSEGV);
	assert_int_equal(seen.info[0].code, SEGV_ACCERR);
	assert_int_equal(seen.info[0].u.fault.addr, 0x1234);
	/* The handler faults in turn: SIGSEGV is blocked now. */
	signal_fault(SIGSEGV, SEGV_MAPERR, 0x10);
	assert_true(process.exiting);
	assert_int_equal(process.exit_status, SIGSEGV);
}

/* They have a place of their own, whatever else is queued: the handler always learns the address.
 * Two at once: one of them is as other signals are. */
static void faults_always_find_room(void **state)
{
	(void)state;
	act(SIGSEGV, HANDLER, 0, 0);
	act(SIGBUS, HANDLER, 0, 0);
	seen.limit = 0;
	for (unsigned i = 0; i < 3; i++) {
		signal_fault(SIGSEGV, SEGV_ACCERR, 0x1000 + i);
		if (i == 2)
			signal_fault(SIGBUS, BUS_ADRERR, 0x2000);
		work();
		signal_mask_set(0);
		assert_int_equal(seen.info[i].u.fault.addr, i == 2 ? 0 : 0x1000 + i);
	}
	assert_int_equal(seen.handled[2], SIGBUS);
	assert_int_equal(seen.info[2].code, SI_USER);
	assert_int_equal(seen.info[3].u.fault.addr, 0x1002);
}

static void ignored_faults_kill(void **state)
{
	(void)state;
	act(SIGBUS, ACTION_IGNORE, 0, 0);
	signal_fault(SIGBUS, BUS_ADRERR, 0x10);
	assert_true(work());
	assert_int_equal(seen.exit_status, SIGBUS);
}

/* No room for a frame: SIGSEGV, on whose handler the same may happen; then death. */
static void bad_stack(void **state)
{
	(void)state;
	act(SIGUSR1, HANDLER, 0, 0);
	act(SIGSEGV, HANDLER, SA_ONSTACK, 0);
	seen.stack_is_bad = 1;
	send(SIGUSR1);
	assert_false(work());
	assert_int_equal(seen.handled[0], SIGSEGV);
	signal_mask_set(0);
	seen.stack_is_bad = 2;
	send(SIGUSR1);
	assert_true(work());
	assert_int_equal(seen.exit_status, SIGSEGV);
}

/* ---- Interrupted system calls ---- */

static void call_gave(int code)
{
	regs.pc = 0x8004;
	regs.x[0] = (uint64_t)-code;
	regs.syscall_x0 = 7;
	regs.x[8] = 63;
	a->restart_code = code;
	a->hot.pending |= TASK_SIGNAL;
}

static void expect_restart(bool restarted)
{
	assert_int_equal(regs.pc, restarted ? 0x8000 : 0x8004);
	assert_int_equal(regs.x[0], restarted ? 7 : (uint64_t)-EINTR);
	assert_int_equal(a->restart_code, 0);
}

static void restart_without_handler(void **state)
{
	static const int codes[] = { ERESTART, ERESTART_ALWAYS, ERESTART_NOHAND, ERESTART_BLOCK };

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(codes); i++) {
		call_gave(codes[i]);
		work();
		expect_restart(true);
		assert_int_equal(regs.x[8], codes[i] == ERESTART_BLOCK ? __NR_restart_syscall : 63);
	}
}

static void restart_with_handler(void **state)
{
	static const struct {
		int code;
		uint64_t flags;
		bool again;
	} cases[] = { { ERESTART, 0, false },
		      { ERESTART, SA_RESTART, true },
		      { ERESTART_ALWAYS, 0, true },
		      { ERESTART_NOHAND, SA_RESTART, false },
		      { ERESTART_BLOCK, SA_RESTART, false } };

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		act(SIGUSR1, HANDLER, SA_NODEFER | cases[i].flags, 0);
		call_gave(cases[i].code);
		send(SIGUSR1);
		work();
		expect_restart(cases[i].again);
	}
}

/* rt_sigsuspend, ppoll: the handler runs under the temporary mask, its frame restores the old
 * one. */
static void temporary_mask(void **state)
{
	uint64_t own = SIGNAL_MASK(SIGUSR1) | SIGNAL_MASK(SIGUSR2);

	(void)state;
	act(SIGUSR1, HANDLER, 0, 0);
	signal_mask_set(own);
	send(SIGUSR1);
	signal_mask_temporary(SIGNAL_MASK(SIGTERM));
	assert_true(signal_pending());
	signal_mask_keep();
	call_gave(ERESTART_NOHAND);
	work();
	assert_int_equal(seen.nhandled, 1);
	assert_int_equal(seen.mask, own);
	expect_restart(false);
	/* Without a handler the old mask just comes back. */
	signal_mask_set(own);
	signal_mask_temporary(0);
	signal_mask_keep();
	work();
	assert_int_equal(a->sig_blocked, own);
}

/* ---- Stops ---- */

static void continue_it(void)
{
	send(SIGCONT);
}

static void stop_and_go_on(void **state)
{
	(void)state;
	list_remove(&b->process_link);
	process.nr_threads = process.nr_live = 1;
	while_stopped = continue_it;
	send(SIGSTOP);
	assert_false(work());
	assert_int_equal(seen.blocks, 1);
	assert_int_equal(seen.told, 2); /* stopped, continued */
	assert_int_equal(seen.told_code, CLD_CONTINUED);
	assert_true(process.continue_unreported);
	assert_false(process.stop_unreported);
}

/* The parent hears of it when the last thread has stopped. */
static void all_threads_stop(void **state)
{
	(void)state;
	b->state = TASK_SLEEPING_INTERRUPTIBLE;
	while_stopped = continue_it;
	send(SIGTSTP);
	process.signal_wait.lock = (struct spinlock)SPINLOCK_INIT;
	assert_false(work()); /* A stops; B has not yet when SIGCONT comes */
	assert_int_equal(b->state, TASK_RUNNABLE);
	assert_true(b->hot.pending & TASK_SIGNAL);
	assert_int_equal(seen.told, 0);
	assert_int_equal(process.stop_signal, 0);
}

static void kill_while_stopped(void)
{
	send(SIGKILL);
}

static void stopped_process_can_be_killed(void **state)
{
	(void)state;
	while_stopped = kill_while_stopped;
	send(SIGSTOP);
	assert_true(work());
	assert_int_equal(seen.exit_status, SIGKILL);
}

static void orphans_do_not_stop(void **state)
{
	(void)state;
	seen.orphaned = true;
	send(SIGTTIN);
	assert_false(work());
	assert_int_equal(process.stop_signal, 0);
	while_stopped = continue_it;
	send(SIGSTOP); /* but for this one */
	work();
	assert_int_equal(seen.blocks, 1);
}

static void stop_and_continue_cancel(void **state)
{
	(void)state;
	act(SIGCONT, HANDLER, 0, 0);
	a->sig_blocked = b->sig_blocked = SIGNAL_MASK(SIGTSTP) | SIGNAL_MASK(SIGCONT);
	send(SIGTSTP);
	send(SIGCONT);
	assert_int_equal(process.sig_pending, SIGNAL_MASK(SIGCONT));
	send(SIGTSTP);
	assert_int_equal(process.sig_pending, SIGNAL_MASK(SIGTSTP));
	/* Those that cannot be blocked too, when nobody has taken them yet. */
	send(SIGSTOP);
	assert_int_equal(process.sig_pending, SIGNAL_MASK(SIGTSTP) | SIGNAL_MASK(SIGSTOP));
	send(SIGCONT);
	assert_int_equal(process.sig_pending, SIGNAL_MASK(SIGCONT));
	send(SIGSTOP);
	assert_int_equal(process.sig_pending, SIGNAL_MASK(SIGSTOP));
}

/* ---- The rest ---- */

static void groups(void **state)
{
	(void)state;
	act(SIGINT, HANDLER, 0, 0);
	assert_int_equal(signal_send_group(50, SIGINT, NULL), 0);
	assert_int_equal(process.sig_pending, SIGNAL_MASK(SIGINT));
	assert_int_equal(signal_send_group(51, SIGINT, NULL), -ESRCH);
}

static void waited_for_signals_wake(void **state)
{
	struct ksiginfo info;

	(void)state;
	a->sig_blocked = SIGNAL_MASK(SIGTERM);
	a->sig_waiting = SIGNAL_MASK(SIGTERM);
	a->state = TASK_SLEEPING_INTERRUPTIBLE;
	send(SIGTERM); /* neither dropped nor fatal */
	assert_int_equal(a->state, TASK_RUNNABLE);
	assert_false(process.exiting);
	a->sig_waiting = 0;
	assert_int_equal(signal_take(SIGNAL_MASK(SIGTERM), &info), SIGTERM);
	assert_int_equal(signal_take(SIGNAL_MASK(SIGTERM), &info), 0);
	assert_false(a->hot.pending & TASK_SIGNAL);
}

static void preallocated_signals(void **state)
{
	struct sigqueue q = { .info = { .signo = 40, .code = SI_TIMER } };

	(void)state;
	list_init(&q.link);
	act(40, HANDLER, 0, 0);
	sigqueue_send(&q, &process, NULL, 0);
	sigqueue_cancel(&q, &process);
	assert_int_equal(process.sig_pending, 0);
	sigqueue_send(&q, &process, b, 0);
	assert_int_equal(b->sig_pending, SIGNAL_MASK(40));
	sigqueue_flush(&b->sig_queue, &b->sig_pending);
	assert_false(q.queued);
}

/* Each signal counts its own overruns: those before it was queued, and one for each that found it
 * queued. */
static void overruns(void **state)
{
	struct sigqueue q = { .info = { .signo = 40, .code = SI_TIMER } };
	struct sigqueue plain = { .info = { .signo = 41, .code = SI_KERNEL } };
	struct ksiginfo info;

	(void)state;
	list_init(&q.link);
	list_init(&plain.link);
	act(40, HANDLER, 0, 0);
	act(41, HANDLER, 0, 0);
	sigqueue_send(&q, &process, NULL, 2);
	sigqueue_send(&q, &process, NULL, 0);
	sigqueue_send(&q, &process, NULL, 10);
	assert_int_equal(q.delivered, 0);
	assert_int_equal(signal_take(SIGNAL_MASK(40), &info), 40);
	assert_int_equal(info.u.timer.overrun, 2 + 1 + 11);
	assert_int_equal(q.delivered, 14);
	sigqueue_send(&q, &process, NULL, 0);
	assert_int_equal(q.delivered, 14);
	assert_int_equal(signal_take(SIGNAL_MASK(40), &info), 40);
	assert_int_equal(info.u.timer.overrun, 0);
	assert_int_equal(q.delivered, 0);
	sigqueue_send(&q, &process, NULL, 1ull << 40);
	sigqueue_send(&q, &process, NULL, 1ull << 40);
	assert_int_equal(signal_take(SIGNAL_MASK(40), &info), 40);
	assert_int_equal(info.u.timer.overrun, INT32_MAX);
	sigqueue_send(&plain, &process, NULL, 0);
	sigqueue_send(&plain, &process, NULL, 3);
	assert_int_equal(signal_take(SIGNAL_MASK(41), &info), 41);
	assert_int_equal(info.u.rt.uid, 0);
}

static void images(void **state)
{
	struct ksiginfo info = { .signo = SIGSEGV,
				 .code = SEGV_MAPERR,
				 .u.fault.addr = 0x123456789 };
	siginfo_t image;

	(void)state;
	memset(&image, 0xff, sizeof(image));
	siginfo_image(&image, &info);
	assert_int_equal(image.si_signo, SIGSEGV);
	assert_int_equal(image.si_code, SEGV_MAPERR);
	assert_ptr_equal(image.si_addr, (void *)0x123456789);
	assert_int_equal(((uint8_t *)&image)[127], 0);
	info = (struct ksiginfo){ .signo = SIGCHLD,
				  .u.child = { .pid = 5, .uid = 6, .status = 7, .utime = 8 } };
	siginfo_image(&image, &info);
	assert_int_equal(image.si_pid, 5);
	assert_int_equal(image.si_uid, 6);
	assert_int_equal(image.si_status, 7);
	assert_int_equal(image.si_utime, 8);
	info = (struct ksiginfo){ .signo = 40,
				  .code = SI_TIMER,
				  .u.timer = { .id = 3, .overrun = 4, .value = 5 } };
	siginfo_image(&image, &info);
	assert_int_equal(image.si_tid, 3);
	assert_int_equal(image.si_overrun, 4);
	assert_int_equal(image.si_int, 5);
}

/* ---- Many threads ---- */

#define CROWD 90

static struct task *crowd[CROWD];
static unsigned breaths;
static void (*at_breath)(void);

/* current() has TASK_NEED_RESCHED in these tests: what others do when it lets go of signal_lock. */
void preempt_schedule(void)
{
	if (at_breath && !spin_held(&process.signal_lock) && !hw_irqs_off()) {
		breaths++;
		at_breath();
	}
}

static void crowd_setup(void (*meanwhile)(void))
{
	for (unsigned i = 0; i < CROWD; i++)
		crowd[i] = thread("C");
	breaths = 0;
	at_breath = meanwhile;
	atomic_fetch_or(&a->hot.pending, TASK_NEED_RESCHED);
}

static void crowd_leave(void)
{
	uint32_t resched = TASK_NEED_RESCHED;

	at_breath = NULL;
	atomic_fetch_and(&a->hot.pending, ~resched);
}

static unsigned killed(void)
{
	unsigned n = 0;

	for (unsigned i = 0; i < CROWD; i++)
		n += (crowd[i]->hot.pending & TASK_KILLED) != 0;
	return n;
}

/* A few at a time; the one that comes next leaves. */
static void die_meanwhile(void)
{
	static unsigned before;
	unsigned now = killed();

	if (breaths <= 2) { /* while memory for it is got, and before it ends anything */
		assert_false(process.killing);
	} else if (breaths == 3) {
		assert_int_equal(now, 0); /* the leader is first */
		assert_true(process.killing);
		thread_leave_locked(&process, crowd[0]);
		thread_leave_locked(&process, crowd[1]);
	} else {
		assert_true(now - before <= 1);
	}
	before = now;
}

static void many_threads_die_in_batches(void **state)
{
	(void)state;
	crowd_setup(die_meanwhile);
	send(SIGTERM);
	crowd_leave();
	assert_true(breaths > CROWD / 2 - 2);
	assert_int_equal(killed(), CROWD - 2);
	assert_false(process.killing);
	assert_true(list_empty(&process.walks));
	assert_true(work());
}

/* An interrupt only begins with it: with the running thread, which then goes on on its way out. */
static void interrupts_end_a_process_of_any_size(void **state)
{
	(void)state;
	crowd_setup(NULL);
	mock_set_current(crowd[CROWD - 1]);
	hw_irq_disable();
	send(SIGTERM);
	assert_int_equal(killed(), 1); /* after the leader */
	assert_true(crowd[CROWD - 1]->hot.pending & TASK_KILLED);
	hw_irq_enable();
	signal_group_exit_go_on(&process);
	assert_int_equal(killed(), CROWD);
	assert_false(process.killing);
	mock_set_current(a);
	crowd_leave();
}

static void block_meanwhile(void)
{
	if (breaths != 2)
		return;
	for (unsigned i = 25; i < 40; i++) /* the search stands somewhere among them */
		thread_leave_locked(&process, crowd[i]);
	crowd[60]->sig_blocked = 0;
}

static void a_taker_is_looked_for_in_batches(void **state)
{
	(void)state;
	act(SIGUSR1, HANDLER, 0, 0);
	crowd_setup(block_meanwhile);
	a->sig_blocked = b->sig_blocked = SIGNAL_MASK(SIGUSR1);
	for (unsigned i = 0; i < CROWD; i++)
		crowd[i]->sig_blocked = SIGNAL_MASK(SIGUSR1);
	send(SIGUSR1);
	crowd_leave();
	assert_true(breaths >= 2);
	assert_true(crowd[60]->hot.pending & TASK_SIGNAL);
	assert_false(crowd[61]->hot.pending & TASK_SIGNAL);
	assert_true(list_empty(&process.walks));
}

/* While there is memory to be got the same signal comes from elsewhere: there it is once, and of
 * what was got nothing is lost. */
static void same_meanwhile(void)
{
	at_breath = NULL;
	send(SIGUSR1);
}

static void a_signal_that_came_meanwhile_is_one(void **state)
{
	(void)state;
	act(SIGUSR1, HANDLER, 0, 0);
	a->sig_blocked = b->sig_blocked = SIGNAL_MASK(SIGUSR1);
	crowd_setup(same_meanwhile);
	for (unsigned i = 0; i < CROWD; i++)
		crowd[i]->sig_blocked = SIGNAL_MASK(SIGUSR1);
	send(SIGUSR1);
	crowd_leave();
	assert_int_equal(process.sig_pending, SIGNAL_MASK(SIGUSR1));
	assert_ptr_equal(process.sig_queue.next, process.sig_queue.prev); /* one entry */
}

/* Threads that have stopped before all have been asked to count once. */
static void stop_meanwhile(void)
{
	if (process.stop_signal && process.stop_running > CROWD + 2 - 4) {
		uint64_t irqs = spin_lock_irq(&process.signal_lock);

		assert_false(signal_stop_counted_locked(&process));
		spin_unlock_irq(&process.signal_lock, irqs);
	}
}

static unsigned asked(void)
{
	unsigned n = 0;

	for (unsigned i = 0; i < CROWD; i++)
		n += (crowd[i]->hot.pending & TASK_SIGNAL) != 0;
	return n;
}

static void go_on_again(void)
{
	assert_int_equal(asked(), CROWD);
	assert_int_equal(process.stop_running, CROWD + 2 - 4 - 1);
	send(SIGCONT);
}

static void many_threads_stop_in_batches(void **state)
{
	(void)state;
	crowd_setup(stop_meanwhile);
	while_stopped = go_on_again;
	send(SIGSTOP);
	work();
	crowd_leave();
	assert_int_equal(seen.blocks, 1);
	assert_int_equal(process.stop_signal, 0);
	assert_true(list_empty(&process.walks));
}

static void child_tid_is_stored(void **state)
{
	uint32_t word = 0;

	(void)state;
	a->set_tid = (virt_addr_t)&word;
	user_work(&regs);
	assert_int_equal(word, a->tid);
	assert_int_equal(a->set_tid, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(handler_is_called_once),
		TEST(nodefer_and_resethand),
		TEST(blocked_signals_wait),
		TEST(another_thread_takes_it),
		TEST(what_is_blocked_late_is_passed_on),
		TEST(ignored_signals_are_dropped),
		TEST(realtime_signals_queue_in_order),
		TEST(queue_is_limited),
		TEST(no_memory_for_the_queue),
		TEST(default_action_kills_every_thread),
		TEST(killable_sleeps),
		TEST(process_one_is_protected),
		TEST(faults_cannot_be_avoided),
		TEST(faults_always_find_room),
		TEST(ignored_faults_kill),
		TEST(bad_stack),
		TEST(restart_without_handler),
		TEST(restart_with_handler),
		TEST(temporary_mask),
		TEST(stop_and_go_on),
		TEST(all_threads_stop),
		TEST(stopped_process_can_be_killed),
		TEST(orphans_do_not_stop),
		TEST(stop_and_continue_cancel),
		TEST(groups),
		TEST(waited_for_signals_wake),
		TEST(preallocated_signals),
		TEST(overruns),
		TEST(images),
		TEST(child_tid_is_stored),
		TEST(many_threads_die_in_batches),
		TEST(interrupts_end_a_process_of_any_size),
		TEST(a_taker_is_looked_for_in_batches),
		TEST(a_signal_that_came_meanwhile_is_one),
		TEST(a_signal_that_came_meanwhile_is_one),
		TEST(many_threads_stop_in_batches),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
