// SPDX-License-Identifier: MIT
/*
 * timerfd: a timer whose expirations are read. A periodic one is started again when its expirations
 * are counted (read, gettime), as many periods ahead as have passed: an unread timer of one
 * nanosecond costs one interrupt, not a billion.
 *
 * t->mutex orders callers; the handler touches only `expired`. Who is to hear of the wall clock's
 * being set (TFD_TIMER_CANCEL_ON_SET) waits in one queue with all of that kind.
 */
#include <linux/time.h>
#include <linux/timerfd.h>

#include "kernel/fs/files.h"
#include "kernel/fs/internal.h"
#include "kernel/fs/poll.h"
#include "kernel/fs/timerfd.h"
#include "kernel/fs/wait.h"
#include "kernel/syscall.h"
#include "kernel/timespec.h"
#include "mm/slab.h"
#include "mm/usercopy.h"

struct timerfd {
	struct timer timer;
	struct waitq wq;
	bool expired; /* since the expirations were last counted; handler sets, callers clear */
	struct mutex mutex;
	bool wall;         /* CLOCK_REALTIME */
	bool by_wall;      /* and set to a time of it: */
	bool cancel;       /* reads fail once when the clock has been set */
	uint64_t offset;   /* of that clock, when it was last looked at */
	uint64_t next;     /* of the armed timer, time_now() or time_wall(); 0: disarmed */
	uint64_t interval; /* ns; 0: once */
	uint64_t ticks;    /* counted, not read yet */
};

static struct waitq clock_set;

COLD void timerfd_init(void)
{
	waitq_init(&clock_set);
}

void timerfd_clock_set(void)
{
	waitq_wake_all(&clock_set);
}

static struct waitq *queue_of(struct timerfd *t)
{
	return READ_ONCE(t->cancel) ? &clock_set : &t->wq;
}

static void timerfd_expire(struct timer *timer)
{
	struct timerfd *t = container_of(timer, struct timerfd, timer);

	WRITE_ONCE(t->expired, true);
	waitq_wake_all(queue_of(t));
}

static uint64_t now_of(const struct timerfd *t)
{
	return t->by_wall ? time_wall() : time_now();
}

static void start_locked(struct timerfd *t)
{
	timer_start(&t->timer, t->next | (t->by_wall ? TIME_WALL : 0));
}

static bool is_ready(const struct timerfd *t)
{
	return READ_ONCE(t->expired) || READ_ONCE(t->ticks) ||
	       (READ_ONCE(t->cancel) && READ_ONCE(t->offset) != time_wall_offset());
}

/* Whether the clock has been set, if that matters; says so once. Mutex held. */
static bool was_cancelled_locked(struct timerfd *t)
{
	uint64_t offset = time_wall_offset();
	bool set = t->cancel && t->offset != offset;

	WRITE_ONCE(t->offset, offset);
	return set;
}

/* Counts what has expired and starts a periodic timer again. Mutex held. */
static void count_locked(struct timerfd *t)
{
	uint64_t now;

	if (!READ_ONCE(t->expired))
		return;
	WRITE_ONCE(t->expired, false);
	now = now_of(t);
	t->ticks++;
	if (!t->interval) {
		t->next = 0;
		return;
	}
	t->next = time_after(t->next, t->interval);
	if (t->next <= now) {
		uint64_t missed = (now - t->next) / t->interval + 1;

		t->ticks += missed;
		t->next = time_after(t->next, missed * t->interval);
	}
	start_locked(t);
}

static int64_t timerfd_read(struct file *f, struct io *io)
{
	struct timerfd *t = f->data;
	struct waitq *wq;
	uint64_t ticks = 0;
	bool cancelled;

	if (io->n < sizeof(ticks))
		return -EINVAL;
	for (;;) {
		mutex_lock(&t->mutex);
		count_locked(t);
		ticks = t->ticks;
		WRITE_ONCE(t->ticks, 0);
		cancelled = was_cancelled_locked(t);
		wq = queue_of(t);
		mutex_unlock(&t->mutex);
		if (cancelled)
			return -ECANCELED;
		if (ticks)
			break;
		if (io->nonblock)
			return -EAGAIN;
		if (wait_event(wq, is_ready(t) || queue_of(t) != wq, WAIT_INTERRUPTIBLE,
			       WAIT_FOREVER))
			return -ERESTART;
	}
	return io_put(io, &ticks, sizeof(ticks)) ? -EFAULT : (int64_t)sizeof(ticks);
}

static unsigned timerfd_poll(struct file *f, struct poll_table *pt)
{
	struct timerfd *t = f->data;

	poll_watch(pt, &t->wq);
	if (t->wall)
		poll_watch(pt, &clock_set);
	return is_ready(t) ? POLL_READABLE : 0;
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

static struct __kernel_itimerspec get_locked(struct timerfd *t)
{
	uint64_t now = now_of(t);
	struct __kernel_itimerspec its;

	count_locked(t);
	its.it_interval = to_timespec(t->interval);
	its.it_value = to_timespec(t->next == 0 ? 0 : t->next > now ? t->next - now : 1);
	return its;
}

static int64_t settime(struct timerfd *t, unsigned flags, uint64_t value, uint64_t interval,
		       struct __kernel_itimerspec *old)
{
	struct waitq *wq;
	bool cancelled;

	mutex_lock(&t->mutex);
	timer_cancel(&t->timer);
	*old = get_locked(t);
	timer_cancel(&t->timer);
	WRITE_ONCE(t->expired, false);
	WRITE_ONCE(t->ticks, 0);
	cancelled = was_cancelled_locked(t);
	wq = queue_of(t);
	t->by_wall = t->wall && (flags & TFD_TIMER_ABSTIME);
	WRITE_ONCE(t->cancel, t->by_wall && (flags & TFD_TIMER_CANCEL_ON_SET));
	if (queue_of(t) != wq)
		waitq_wake_all(wq); /* readers go over to the other */
	t->interval = interval;
	t->next = 0;
	if (value) {
		t->next = flags & TFD_TIMER_ABSTIME ? value : time_after(time_now(), value);
		start_locked(t);
	}
	mutex_unlock(&t->mutex);
	/* Linux has it so: the new time holds, and who sets it is told what became of the old
	 * one. */
	return value && cancelled && (flags & TFD_TIMER_CANCEL_ON_SET) ? -ECANCELED : 0;
}

SYSCALL(timerfd_settime)
{
	unsigned flags = (unsigned)args[1];
	struct __kernel_itimerspec old;
	uint64_t value, interval;
	struct fdref r;
	int64_t err = timespec_from_user(args[2], &interval);

	if (err == 0)
		err = timespec_from_user(args[2] + sizeof(struct __kernel_timespec), &value);
	if (err)
		return err;
	if (flags & ~(unsigned)(TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET))
		return -EINVAL;
	r = fd_borrow((int)args[0]);
	if (!r.file)
		return -EBADF;
	err = r.file->ops == &timerfd_ops ? settime(r.file->data, flags, value, interval, &old)
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
