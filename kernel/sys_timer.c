// SPDX-License-Identifier: MIT
/*
 * Interval timers (setitimer(2), ITIMER_REAL) and POSIX timers (timer_create(2)) of a process. Both are a one-shot kernel timer that sends one
 * preallocated signal and starts itself anew.
 *
 * An expiry runs in an interrupt. Should a program ask for a period shorter than PERIOD_MIN, the timer fires every PERIOD_MIN and the expiries
 * in between count as overruns: programs cannot keep the machine in its timer interrupt.
 *
 * Locks: timers->mutex for the list; each timer's spin lock (interrupts off) for its times, within it signal_lock. A timer is stopped
 * with its lock not held (timer_cancel() waits for the handler).
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

struct user_timer {
	struct list link; /* process_timers.list; mutex */
	struct timer timer;
	struct process *process; /* outlives the timer */
	struct task *thread;     /* SIGEV_THREAD_ID: a reference; else NULL */
	int id;
	bool wall;   /* CLOCK_REALTIME: reported so; runs on the monotonic clock */
	bool silent; /* SIGEV_NONE */

	struct spinlock lock; /* interrupts off */
	bool armed;
	uint64_t deadline; /* time_now() */
	uint64_t interval; /* ns, 0: once */
	uint32_t overrun;  /* expiries since the last signal was queued */
	struct sigqueue signal;
};

struct process_timers {
	struct mutex mutex;
	struct list list; /* POSIX timers */
	int count, next_id;
	struct user_timer real; /* ITIMER_REAL */
};

static void count_overruns(struct user_timer *u, uint64_t n)
{
	uint64_t sum = (uint64_t)u->overrun + n;

	u->overrun = sum > INT32_MAX ? INT32_MAX : (uint32_t)sum;
}

/* Interrupt context. */
static void expired(struct timer *timer)
{
	struct user_timer *u = container_of(timer, struct user_timer, timer);
	uint64_t old = spin_lock_irq(&u->lock), now = time_now();

	if (u->armed && now >= u->deadline) {
		if (!u->silent && sigqueue_send(&u->signal, u->process, u->thread))
			count_overruns(u, 1);
		if (u->interval) {
			uint64_t until = u->interval < PERIOD_MIN ? now + PERIOD_MIN : now;
			uint64_t missed = (until - u->deadline) / u->interval;

			count_overruns(u, missed);
			u->deadline = time_after(u->deadline, (missed + 1) * u->interval);
			timer_start(&u->timer, u->deadline);
		} else {
			u->armed = false;
		}
	}
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
	uint64_t old = spin_lock_irq(&u->lock), now = time_now();

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
	u->overrun = 0;
	if (u->armed)
		timer_start(&u->timer, deadline);
	spin_unlock_irq(&u->lock, old);
}

static void user_timer_stop(struct user_timer *u)
{
	user_timer_set(u, 0, 0);
	sigqueue_cancel(&u->signal, u->process);
	if (u->thread)
		task_put(u->thread);
	u->thread = NULL;
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
	user_timer_init(&t->real, p, SIGALRM);
	t->real.signal.info.code = SI_KERNEL;
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

	if (!timers)
		return;
	delete_all(timers);
	user_timer_stop(&timers->real);
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

	if (args[0] != ITIMER_REAL) /* timers run on clocks, not on CPU time */
		return -EINVAL;
	t = timers_get();
	return t ? store_itimer(args[1], &t->real) : -ENOMEM;
}

SYSCALL(setitimer)
{
	struct __kernel_old_itimerval v = { 0 };
	struct process_timers *t;
	uint64_t ns;
	int err = 0;

	if (args[0] != ITIMER_REAL)
		return -EINVAL;
	if (args[1] && copy_from_user(&v, args[1], sizeof(v)) < 0)
		return -EFAULT;
	if (!timeval_ok(&v.it_value) || !timeval_ok(&v.it_interval))
		return -EINVAL;
	t = timers_get();
	if (!t)
		return -ENOMEM;
	if (args[2])
		err = store_itimer(args[2], &t->real);
	if (err < 0)
		return err;
	ns = timeval_ns(&v.it_value);
	mutex_lock(&t->mutex);
	user_timer_set(&t->real, ns ? time_after(time_now(), ns) : 0,
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

SYSCALL(timer_create)
{
	int clock = (int)args[0], err;
	struct process_timers *t = timers_get();
	struct sigevent ev = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGALRM };
	struct user_timer *u;

	if (clock != CLOCK_REALTIME && clock != CLOCK_MONOTONIC && clock != CLOCK_BOOTTIME &&
	    clock != CLOCK_TAI)
		return clock == CLOCK_PROCESS_CPUTIME_ID || clock == CLOCK_THREAD_CPUTIME_ID
			       ? -EOPNOTSUPP
			       : -EINVAL;
	if (args[1] && copy_from_user(&ev, args[1], sizeof(ev)) < 0)
		return -EFAULT;
	u = kmalloc(sizeof(*u), ALLOC_ZERO);
	if (!u || !t) {
		kfree(u);
		return -EAGAIN;
	}
	user_timer_init(u, current()->process, SIGALRM);
	u->wall = clock == CLOCK_REALTIME || clock == CLOCK_TAI;
	mutex_lock(&t->mutex);
	u->id = t->next_id;
	if (!args[1])
		ev.sigev_value.sival_ptr = (void *)(uintptr_t)u->id;
	err = t->count >= TIMERS_MAX ? -EAGAIN : apply_sigevent(u, &ev);
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
		if (u->thread)
			task_put(u->thread);
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
		if (value && !(args[1] & TIMER_ABSTIME))
			value = time_after(time_now(), value);
		else if (value && u->wall)
			value = deadline_from_wall(value);
		sigqueue_cancel(&u->signal, u->process);
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
	if (u) {
		uint64_t old = spin_lock_irq(&u->lock);

		n = (int)u->overrun;
		u->overrun = 0;
		spin_unlock_irq(&u->lock, old);
	}
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
