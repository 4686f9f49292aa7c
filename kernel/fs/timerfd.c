// SPDX-License-Identifier: MIT
/*
 * timerfd: a timer whose expirations are read. A periodic one is started again when its expirations are counted (read, gettime), as many
 * periods ahead as have passed: an unread timer of one nanosecond costs one interrupt, not a billion.
 *
 * t->mutex orders callers; the handler touches only `expired`.
 */
#include <linux/time.h>
#include <linux/timerfd.h>

#include "kernel/fs/files.h"
#include "kernel/fs/internal.h"
#include "kernel/fs/poll.h"
#include "kernel/fs/wait.h"
#include "kernel/syscall.h"
#include "kernel/time.h"
#include "mm/slab.h"
#include "mm/usercopy.h"

struct timerfd {
	struct timer timer;
	struct waitq wq;
	bool expired; /* since the expirations were last counted; handler sets, callers clear */
	struct mutex mutex;
	bool wall;         /* CLOCK_REALTIME */
	uint64_t next;     /* of the armed timer, time_now(); 0: disarmed */
	uint64_t interval; /* ns; 0: once */
	uint64_t ticks;    /* counted, not read yet */
};

static void timerfd_expire(struct timer *timer)
{
	struct timerfd *t = container_of(timer, struct timerfd, timer);

	WRITE_ONCE(t->expired, true);
	waitq_wake_all(&t->wq);
}

/* Counts what has expired and starts a periodic timer again. Mutex held. */
static void count_locked(struct timerfd *t)
{
	uint64_t now;

	if (!READ_ONCE(t->expired))
		return;
	WRITE_ONCE(t->expired, false);
	now = time_now();
	t->ticks++;
	if (!t->interval) {
		t->next = 0;
		return;
	}
	t->next += t->interval;
	if (t->next <= now) {
		uint64_t missed = (now - t->next) / t->interval + 1;

		t->ticks += missed;
		t->next += missed * t->interval;
	}
	timer_start(&t->timer, t->next);
}

static int64_t timerfd_read(struct file *f, struct io *io)
{
	struct timerfd *t = f->data;
	uint64_t ticks = 0;

	if (io->n < sizeof(ticks))
		return -EINVAL;
	for (;;) {
		mutex_lock(&t->mutex);
		count_locked(t);
		ticks = t->ticks;
		WRITE_ONCE(t->ticks, 0);
		mutex_unlock(&t->mutex);
		if (ticks)
			break;
		if (io->nonblock)
			return -EAGAIN;
		if (wait_event(&t->wq, READ_ONCE(t->expired) || READ_ONCE(t->ticks),
			       WAIT_INTERRUPTIBLE, WAIT_FOREVER))
			return -ERESTART;
	}
	return io_put(io, &ticks, sizeof(ticks)) ? -EFAULT : (int64_t)sizeof(ticks);
}

static unsigned timerfd_poll(struct file *f, struct poll_table *pt)
{
	struct timerfd *t = f->data;

	poll_watch(pt, &t->wq);
	return READ_ONCE(t->expired) || READ_ONCE(t->ticks) ? POLL_READABLE : 0;
}

static void timerfd_release(struct file *f)
{
	struct timerfd *t = f->data;

	timer_cancel(&t->timer);
	kfree(t);
}

static const struct file_ops timerfd_ops = {
	.name = "[timerfd]",
	.read = timerfd_read,
	.poll = timerfd_poll,
	.release = timerfd_release,
};

SYSCALL(timerfd_create)
{
	unsigned flags = (unsigned)args[1];
	int clock = (int)args[0];
	struct timerfd *t;

	if (flags & ~(unsigned)(TFD_CLOEXEC | TFD_NONBLOCK))
		return -EINVAL;
	if (clock != CLOCK_MONOTONIC && clock != CLOCK_REALTIME && clock != CLOCK_BOOTTIME)
		return -EINVAL;
	t = kmalloc(sizeof(*t), ALLOC_ZERO);
	if (!t)
		return -ENOMEM;
	timer_init(&t->timer, timerfd_expire);
	waitq_init(&t->wq);
	mutex_init(&t->mutex);
	t->wall = clock == CLOCK_REALTIME;
	return anon_fd(&timerfd_ops, FILE_READ, O_RDONLY | (flags & (O_CLOEXEC | O_NONBLOCK)), t);
}

static struct __kernel_timespec to_timespec(uint64_t ns)
{
	return (struct __kernel_timespec){ (int64_t)(ns / NSEC_PER_SEC),
					   (int64_t)(ns % NSEC_PER_SEC) };
}

static int from_timespec(const struct __kernel_timespec *ts, uint64_t *ns)
{
	if (ts->tv_sec < 0 || ts->tv_nsec < 0 || ts->tv_nsec >= (int64_t)NSEC_PER_SEC)
		return -EINVAL;
	if (__builtin_mul_overflow((uint64_t)ts->tv_sec, NSEC_PER_SEC, ns) ||
	    __builtin_add_overflow(*ns, (uint64_t)ts->tv_nsec, ns))
		*ns = INT64_MAX; /* beyond reach: never */
	return 0;
}

static struct __kernel_itimerspec get_locked(struct timerfd *t)
{
	uint64_t now = time_now();
	struct __kernel_itimerspec its;

	count_locked(t);
	its.it_interval = to_timespec(t->interval);
	its.it_value = to_timespec(t->next == 0 ? 0 : t->next > now ? t->next - now : 1);
	return its;
}

/* The user's start time as time_now() has it. */
static uint64_t deadline_of(const struct timerfd *t, uint64_t value, bool absolute)
{
	uint64_t now = time_now(), wall, deadline;

	if (absolute && t->wall) {
		wall = time_wall();
		value = value > wall ? value - wall : 0;
		absolute = false;
	}
	if (absolute)
		return MAX(value, (uint64_t)1);
	return __builtin_add_overflow(now, value, &deadline) ? INT64_MAX : deadline;
}

static int64_t settime(struct timerfd *t, unsigned flags, const struct __kernel_itimerspec *new,
		       struct __kernel_itimerspec *old)
{
	uint64_t value, interval;

	if (flags & ~(unsigned)TFD_TIMER_ABSTIME)
		return -EINVAL; /* TFD_TIMER_CANCEL_ON_SET is not there */
	if (from_timespec(&new->it_value, &value) || from_timespec(&new->it_interval, &interval))
		return -EINVAL;
	mutex_lock(&t->mutex);
	timer_cancel(&t->timer);
	*old = get_locked(t);
	timer_cancel(&t->timer);
	WRITE_ONCE(t->expired, false);
	WRITE_ONCE(t->ticks, 0);
	t->interval = interval;
	t->next = 0;
	if (value) {
		t->next = deadline_of(t, value, flags & TFD_TIMER_ABSTIME);
		timer_start(&t->timer, t->next);
	}
	mutex_unlock(&t->mutex);
	return 0;
}

SYSCALL(timerfd_settime)
{
	struct __kernel_itimerspec new, old;
	struct fdref r;
	int64_t err;

	if (copy_from_user(&new, (virt_addr_t)args[2], sizeof(new)))
		return -EFAULT;
	r = fd_borrow((int)args[0]);
	if (!r.file)
		return -EBADF;
	err = r.file->ops == &timerfd_ops ? settime(r.file->data, (unsigned)args[1], &new, &old)
					  : -EINVAL;
	fd_return(r);
	if (!err && args[3])
		err = copy_to_user((virt_addr_t)args[3], &old, sizeof(old));
	return err;
}

SYSCALL(timerfd_gettime)
{
	struct __kernel_itimerspec its;
	struct fdref r = fd_borrow((int)args[0]);
	struct timerfd *t;

	if (!r.file)
		return -EBADF;
	if (r.file->ops != &timerfd_ops) {
		fd_return(r);
		return -EINVAL;
	}
	t = r.file->data;
	mutex_lock(&t->mutex);
	its = get_locked(t);
	mutex_unlock(&t->mutex);
	fd_return(r);
	return copy_to_user((virt_addr_t)args[1], &its, sizeof(its));
}
