// SPDX-License-Identifier: MIT
/*
 * Interval timers (setitimer(2)) and POSIX timers (timer_create(2)) of a process. Both are a
 * one-shot kernel timer that sends one preallocated signal and starts itself anew. One that runs on
 * CPU time looks at that from time to time, see kernel/cputime.c.
 *
 * An expiry runs in an interrupt. Should a program ask for a period shorter than PERIOD_MIN, the
 * timer fires every PERIOD_MIN and the expiries in between count as overruns: programs cannot keep
 * the machine in its timer interrupt. Overruns are counted in the signal while it is queued
 * (sigqueue_send()) and are what timer_getoverrun(2) says once it has been taken.
 *
 * Locks: timers->mutex for the list; each timer's spin lock (interrupts off) for its times, within
 * it signal_lock. A timer is stopped with its lock not held (timer_cancel() waits for the handler).
 */
#include <linux/signal.h>
#include <linux/time.h>
#include <linux/time_types.h>

#include "kernel/errno.h"
#include "kernel/process.h"
#include "kernel/syscall.h"
#include "kernel/timers.h"
#include "kernel/timespec.h"
#include "mm/slab.h"
#include "mm/usercopy.h"

#define PERIOD_MIN (100 * NSEC_PER_USEC)
#define TIMERS_MAX 64 /* per process */

enum timer_clock { ON_TIME, ON_WALL, ON_PROCESS, ON_PROCESS_USER, ON_THREAD, ON_THREAD_USER };

struct user_timer {
	struct list link; /* process_timers.list; mutex */
	struct timer timer;
	struct process *process; /* outlives the timer */
	struct task *thread;     /* SIGEV_THREAD_ID: a reference; else NULL */
	enum timer_clock clock;
	struct task *clock_thread; /* ON_THREAD...: a reference */
	int id;
	bool wall;   /* CLOCK_REALTIME: ON_WALL when set to a time of that clock, else ON_TIME */
	bool silent; /* SIGEV_NONE */

	struct spinlock lock; /* interrupts off */
	bool armed;
	uint64_t deadline; /* by its clock, ns: time_now(), time_wall(), or CPU time */
	uint64_t interval; /* ns, 0: once */
	struct cpu_watch watch;
	struct sigqueue signal;
};

struct process_timers {
	struct mutex mutex;
	struct list list; /* POSIX timers */
	int count, next_id;
	struct user_timer interval[3]; /* ITIMER_REAL, ITIMER_VIRTUAL, ITIMER_PROF */
};

static uint64_t clock_now(const struct user_timer *u)
{
	struct usage used = { 0 };

	if (u->clock == ON_TIME)
		return time_now();
	if (u->clock == ON_WALL)
		return time_wall();
	if (u->clock_thread)
		usage_add_cpu(&used, u->clock_thread);
	else
		process_cpu_time(u->process, &used.runtime, &used.user);
	return u->clock == ON_PROCESS_USER || u->clock == ON_THREAD_USER ? used.user : used.runtime;
}

/* Armed, and `now` by its clock: sees to the next interrupt. lock held. */
static void start_locked(struct user_timer *u, uint64_t now)
{
	uint64_t left = u->deadline > now ? u->deadline - now : 0;

	if (u->clock <= ON_WALL)
		timer_start(&u->timer, u->deadline | (u->clock == ON_WALL ? TIME_WALL : 0));
	else if (!u->clock_thread)
		timer_start(&u->timer, cpu_look_again(&u->watch, now, left,
						      READ_ONCE(u->process->nr_threads)));
	else if (!u->clock_thread->exiting) /* else its time stands still for good */
		timer_start(&u->timer, cpu_look_again(&u->watch, now, left, 1));
}

static void expire_locked(struct user_timer *u, uint64_t now)
{
	uint64_t until = u->interval < PERIOD_MIN ? now + PERIOD_MIN : now;
	uint64_t missed = u->interval ? (until - u->deadline) / u->interval : 0;

	if (!u->silent)
		sigqueue_send(&u->signal, u->process, u->thread, missed);
	if (!u->interval) {
		u->armed = false;
		return;
	}
	u->deadline = time_after(u->deadline, (missed + 1) * u->interval);
	start_locked(u, now);
}

/* Interrupt context. */
static void expired(struct timer *timer)
{
	struct user_timer *u = container_of(timer, struct user_timer, timer);
	uint64_t old = spin_lock_irq(&u->lock), now = clock_now(u);

	if (u->armed && now >= u->deadline)
		expire_locked(u, now);
	else if (u->armed && u->clock != ON_TIME)
		start_locked(u, now);
	spin_unlock_irq(&u->lock, old);
}

static void user_timer_init(struct user_timer *u, struct process *p, int signo)
{
	timer_init(&u->timer, expired);
	spin_init(&u->lock);
	list_init(&u->link);
	list_init(&u->signal.link);
	u->process = p;
	u->signal.info.signo = signo;
}

/* What is left, and the period. */
static void user_timer_read(struct user_timer *u, uint64_t *left, uint64_t *interval)
{
	uint64_t old = spin_lock_irq(&u->lock), now = clock_now(u);

	*left = !u->armed ? 0 : u->deadline > now ? u->deadline - now : 1;
	*interval = u->interval;
	spin_unlock_irq(&u->lock, old);
}

/* deadline 0: disarm. timers->mutex held. */
static void user_timer_set(struct user_timer *u, uint64_t deadline, uint64_t interval)
{
	uint64_t old = spin_lock_irq(&u->lock);

	u->armed = false;
	spin_unlock_irq(&u->lock, old);
	timer_cancel(&u->timer);
	old = spin_lock_irq(&u->lock);
	u->armed = deadline != 0;
	u->deadline = deadline;
	u->interval = interval;
	if (u->armed)
		start_locked(u, clock_now(u));
	spin_unlock_irq(&u->lock, old);
}

/* Stops it, and takes back what it has sent and nobody has taken. */
static void user_timer_quiet(struct user_timer *u)
{
	user_timer_set(u, 0, 0);
	sigqueue_cancel(&u->signal, u->process);
}

static void user_timer_stop(struct user_timer *u)
{
	user_timer_quiet(u);
	if (u->thread)
		task_put(u->thread);
	u->thread = NULL;
	if (u->clock_thread)
		task_put(u->clock_thread);
	u->clock_thread = NULL;
}

static void interval_timers_init(struct process_timers *t, struct process *p)
{
	static const struct {
		int signo;
		enum timer_clock clock;
	} kinds[] = {
		[ITIMER_REAL] = { SIGALRM, ON_TIME },
		[ITIMER_VIRTUAL] = { SIGVTALRM, ON_PROCESS_USER },
		[ITIMER_PROF] = { SIGPROF, ON_PROCESS },
	};

	for (int i = 0; i < 3; i++) {
		user_timer_init(&t->interval[i], p, kinds[i].signo);
		t->interval[i].clock = kinds[i].clock;
		t->interval[i].signal.info.code = SI_KERNEL;
	}
}

/* current()'s timers, made when there are none yet; NULL: no memory. */
static struct process_timers *timers_get(void)
{
	struct process *p = current()->process;
	struct process_timers *t = atomic_load_acquire(&p->timers), *none = NULL;

	if (t)
		return t;
	t = kmalloc(sizeof(*t), ALLOC_ZERO);
	if (!t)
		return NULL;
	mutex_init(&t->mutex);
	list_init(&t->list);
	interval_timers_init(t, p);
	if (!atomic_compare_exchange(&p->timers, &none, t)) {
		kfree(t);
		t = none;
	}
	return t;
}

static void delete_all(struct process_timers *t)
{
	mutex_lock(&t->mutex);
	while (!list_empty(&t->list)) {
		struct user_timer *u = list_first(&t->list, struct user_timer, link);

		list_remove(&u->link);
		user_timer_stop(u);
		kfree(u);
	}
	t->count = 0;
	mutex_unlock(&t->mutex);
}

void timers_exec(struct process *p)
{
	if (p->timers)
		delete_all(p->timers);
}

void timers_process_exit(struct process *p)
{
	struct process_timers *timers = p->timers;

	cpu_limit_end(p);
	if (!timers)
		return;
	delete_all(timers);
	for (int i = 0; i < 3; i++)
		user_timer_stop(&timers->interval[i]);
	p->timers = NULL;
	kfree(timers);
}

/* ---- setitimer(2) ---- */

static uint64_t timeval_ns(const struct __kernel_old_timeval *tv)
{
	if ((uint64_t)tv->tv_sec >= UINT64_MAX / NSEC_PER_SEC)
		return UINT64_MAX;
	return (uint64_t)tv->tv_sec * NSEC_PER_SEC + (uint64_t)tv->tv_usec * NSEC_PER_USEC;
}

static bool timeval_ok(const struct __kernel_old_timeval *tv)
{
	return tv->tv_sec >= 0 && tv->tv_usec >= 0 && tv->tv_usec < 1000000;
}

static struct __kernel_old_timeval ns_timeval(uint64_t ns)
{
	uint64_t us = DIV_ROUND_UP(ns, NSEC_PER_USEC);

	return (struct __kernel_old_timeval){ (long)(us / 1000000), (long)(us % 1000000) };
}

static int store_itimer(virt_addr_t dst, struct user_timer *u)
{
	struct __kernel_old_itimerval v;
	uint64_t left, interval;

	user_timer_read(u, &left, &interval);
	v.it_value = ns_timeval(left);
	v.it_interval = ns_timeval(interval);
	return copy_to_user(dst, &v, sizeof(v));
}

SYSCALL(getitimer)
{
	struct process_timers *t;

	if (args[0] > ITIMER_PROF)
		return -EINVAL;
	t = timers_get();
	return t ? store_itimer(args[1], &t->interval[args[0]]) : -ENOMEM;
}

SYSCALL(setitimer)
{
	struct __kernel_old_itimerval v = { 0 };
	struct process_timers *t;
	struct user_timer *u;
	uint64_t ns;
	int err = 0;

	if (args[0] > ITIMER_PROF)
		return -EINVAL;
	if (args[1] && copy_from_user(&v, args[1], sizeof(v)) < 0)
		return -EFAULT;
	if (!timeval_ok(&v.it_value) || !timeval_ok(&v.it_interval))
		return -EINVAL;
	t = timers_get();
	if (!t)
		return -ENOMEM;
	u = &t->interval[args[0]];
	if (args[2])
		err = store_itimer(args[2], u);
	if (err < 0)
		return err;
	ns = timeval_ns(&v.it_value);
	mutex_lock(&t->mutex);
	user_timer_set(u, ns ? time_after(clock_now(u), ns) : 0,
		       ns ? timeval_ns(&v.it_interval) : 0);
	mutex_unlock(&t->mutex);
	return 0;
}

/* ---- POSIX timers ---- */

/* By id; timers->mutex held. */
static struct user_timer *find_timer(struct process_timers *t, int id)
{
	struct user_timer *u;

	list_for_each (u, &t->list, link)
		if (u->id == id)
			return u;
	return NULL;
}

static int apply_sigevent(struct user_timer *u, const struct sigevent *ev)
{
	u->signal.info.u.timer.value = (uint64_t)ev->sigev_value.sival_ptr;
	if (ev->sigev_notify == SIGEV_NONE) {
		u->silent = true;
		return 0;
	}
	if (ev->sigev_signo < 1 || ev->sigev_signo > SIGNAL_MAX)
		return -EINVAL;
	u->signal.info.signo = ev->sigev_signo;
	if (ev->sigev_notify == SIGEV_SIGNAL)
		return 0;
	if (ev->sigev_notify != (SIGEV_SIGNAL | SIGEV_THREAD_ID))
		return -EINVAL;
	u->thread = task_find(ev->sigev_notify_thread_id);
	return u->thread && u->thread->process == current()->process ? 0 : -EINVAL;
}

/* A CPU-time clock by number, as clock_gettime(2) knows them; of this process and its threads
 * only. */
static int choose_cpu_clock(struct user_timer *u, int clock)
{
	int id = ~(clock >> 3);
	struct task *t;
	bool mine;

	if ((clock & 3) == 3)
		return -EINVAL;
	t = id ? task_find(id) : task_get(current());
	if (!t)
		return -EINVAL;
	mine = t->process == current()->process;
	u->clock = (clock & 3) == 1 ? ON_PROCESS_USER : ON_PROCESS;
	if (clock & 4) {
		u->clock = (clock & 3) == 1 ? ON_THREAD_USER : ON_THREAD;
		u->clock_thread = t;
	} else {
		task_put(t);
	}
	return mine ? 0 : clock & 4 ? -EINVAL : -EOPNOTSUPP;
}

static int choose_clock(struct user_timer *u, int clock)
{
	switch (clock) {
	case CLOCK_REALTIME:
	case CLOCK_TAI: u->wall = true; return 0;
	case CLOCK_MONOTONIC:
	case CLOCK_BOOTTIME: return 0;
	case CLOCK_PROCESS_CPUTIME_ID: u->clock = ON_PROCESS; return 0;
	case CLOCK_THREAD_CPUTIME_ID:
		u->clock = ON_THREAD;
		u->clock_thread = task_get(current());
		return 0;
	default: return clock < 0 ? choose_cpu_clock(u, clock) : -EINVAL;
	}
}

SYSCALL(timer_create)
{
	int err;
	struct process_timers *t = timers_get();
	struct sigevent ev = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGALRM };
	struct user_timer *u;

	if (args[1] && copy_from_user(&ev, args[1], sizeof(ev)) < 0)
		return -EFAULT;
	u = kmalloc(sizeof(*u), ALLOC_ZERO);
	if (!u || !t) {
		kfree(u);
		return -EAGAIN;
	}
	user_timer_init(u, current()->process, SIGALRM);
	mutex_lock(&t->mutex);
	u->id = t->next_id;
	if (!args[1])
		ev.sigev_value.sival_ptr = (void *)(uintptr_t)u->id;
	err = t->count >= TIMERS_MAX ? -EAGAIN : choose_clock(u, (int)args[0]);
	if (err == 0)
		err = apply_sigevent(u, &ev);
	if (err == 0)
		err = user_store32(args[2], (uint32_t)u->id);
	if (err == 0) {
		u->signal.info.code = SI_TIMER;
		u->signal.info.u.timer.id = u->id;
		list_push_back(&t->list, &u->link);
		t->count++;
		t->next_id = (t->next_id + 1) & INT32_MAX;
	}
	mutex_unlock(&t->mutex);
	if (err < 0) {
		user_timer_stop(u);
		kfree(u);
	}
	return err;
}

static int store_itimerspec(virt_addr_t dst, struct user_timer *u)
{
	uint64_t left, interval;
	int err;

	user_timer_read(u, &left, &interval);
	err = timespec_to_user(dst, interval);
	return err < 0 ? err : timespec_to_user(dst + sizeof(struct __kernel_timespec), left);
}

SYSCALL(timer_settime)
{
	struct process_timers *t = timers_get();
	uint64_t value, interval;
	struct user_timer *u;
	int err;

	if (!t)
		return -ENOMEM;
	if (!args[2])
		return -EINVAL;
	err = timespec_from_user(args[2], &interval);
	if (err == 0)
		err = timespec_from_user(args[2] + sizeof(struct __kernel_timespec), &value);
	if (err < 0)
		return err;
	mutex_lock(&t->mutex);
	u = find_timer(t, (int)args[0]);
	if (!u)
		err = -EINVAL;
	else if (args[3])
		err = store_itimerspec(args[3], u);
	if (err == 0) {
		user_timer_quiet(u);
		u->signal.delivered = 0;
		if (u->wall)
			u->clock = args[1] & TIMER_ABSTIME ? ON_WALL : ON_TIME;
		if (value && !(args[1] & TIMER_ABSTIME))
			value = time_after(clock_now(u), value);
		user_timer_set(u, value, value ? interval : 0);
	}
	mutex_unlock(&t->mutex);
	return err;
}

SYSCALL(timer_gettime)
{
	struct process_timers *t = timers_get();
	struct user_timer *u;
	int err;

	if (!t)
		return -ENOMEM;
	mutex_lock(&t->mutex);
	u = find_timer(t, (int)args[0]);
	err = u ? store_itimerspec(args[1], u) : -EINVAL;
	mutex_unlock(&t->mutex);
	return err;
}

SYSCALL(timer_getoverrun)
{
	struct process_timers *t = timers_get();
	struct user_timer *u;
	int n = -EINVAL;

	if (!t)
		return -ENOMEM;
	mutex_lock(&t->mutex);
	u = find_timer(t, (int)args[0]);
	if (u)
		n = READ_ONCE(u->signal.delivered);
	mutex_unlock(&t->mutex);
	return n;
}

SYSCALL(timer_delete)
{
	struct process_timers *t = timers_get();
	struct user_timer *u;

	if (!t)
		return -ENOMEM;
	mutex_lock(&t->mutex);
	u = find_timer(t, (int)args[0]);
	if (u) {
		list_remove(&u->link);
		t->count--;
		user_timer_stop(u);
	}
	mutex_unlock(&t->mutex);
	if (!u)
		return -EINVAL;
	kfree(u);
	return 0;
}
