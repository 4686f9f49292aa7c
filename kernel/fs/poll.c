// SPDX-License-Identifier: MIT
/*
 * ppoll and pselect6. The files are asked once with the table of this call, which puts a watcher on
 * each queue they name; then the task sleeps until one fires, asks again without registering, and
 * so on. Nothing is lost: `fired` is cleared before the files are asked.
 *
 * The files are kept (counted when the table of descriptors is shared) for the whole call.
 */
#include "kernel/fs/poll.h"

#include <linux/resource.h>

#include "kernel/fs/files.h"
#include "kernel/fs/internal.h"
#include "kernel/fs/wait.h"
#include "kernel/process.h"
#include "kernel/syscall.h"
#include "mm/slab.h"
#include "mm/usercopy.h"

#define WATCHES_INLINE 8
#define WATCHES_MORE   40
#define FDS_INLINE     8

struct watch {
	struct watcher watcher;
	struct waitq *wq;
	struct poll_wait *owner;
};

struct more_watches {
	struct more_watches *next;
	unsigned count;
	struct watch watch[WATCHES_MORE];
};

struct poll_wait {
	struct poll_table table;
	struct waitq wq;
	bool fired;
	int err; /* no memory for a watch */
	unsigned count;
	struct more_watches *more;
	struct watch watch[WATCHES_INLINE];
};

static void watch_fired(struct watcher *watcher)
{
	struct poll_wait *pw = container_of(watcher, struct watch, watcher)->owner;

	WRITE_ONCE(pw->fired, true);
	waitq_wake_one(&pw->wq);
}

static struct watch *watch_alloc(struct poll_wait *pw)
{
	if (pw->count < WATCHES_INLINE)
		return &pw->watch[pw->count++];
	if (!pw->more || pw->more->count == WATCHES_MORE) {
		struct more_watches *m = kmalloc(sizeof(*m), 0);

		if (!m)
			return NULL;
		m->count = 0;
		m->next = pw->more;
		pw->more = m;
	}
	return &pw->more->watch[pw->more->count++];
}

static void poll_wait_watch(struct poll_table *pt, struct waitq *wq)
{
	struct poll_wait *pw = container_of(pt, struct poll_wait, table);
	struct watch *w = watch_alloc(pw);

	if (!w) {
		pw->err = -ENOMEM;
		return;
	}
	w->owner = pw;
	w->wq = wq;
	w->watcher.notify = watch_fired;
	waitq_watch(wq, &w->watcher);
}

static void poll_wait_init(struct poll_wait *pw)
{
	pw->table.watch = poll_wait_watch;
	waitq_init(&pw->wq);
	pw->fired = false;
	pw->err = 0;
	pw->count = 0;
	pw->more = NULL;
}

static void poll_wait_end(struct poll_wait *pw)
{
	struct more_watches *m;

	for (unsigned i = 0; i < pw->count; i++)
		waitq_unwatch(pw->watch[i].wq, &pw->watch[i].watcher);
	while ((m = pw->more) != NULL) {
		for (unsigned i = 0; i < m->count; i++)
			waitq_unwatch(m->watch[i].wq, &m->watch[i].watcher);
		pw->more = m->next;
		kfree(m);
	}
}

/* One file of the call. */
struct asked {
	struct fdref ref;
	int fd;
	unsigned events, ready;
};

static int ask_all(struct asked *a, unsigned n, struct poll_table *pt)
{
	int ready = 0;

	for (unsigned i = 0; i < n; i++) {
		if (a[i].fd < 0)
			continue;
		if (a[i].ref.file)
			a[i].ready = file_poll(a[i].ref.file, ready ? NULL : pt) &
				     (a[i].events | POLLERR | POLLHUP);
		else
			a[i].ready = POLLNVAL;
		ready += a[i].ready != 0;
	}
	return ready;
}

/* Number of ready files, 0 when the time is over, -EINTR, -ENOMEM. */
static int poll_run(struct asked *a, unsigned n, uint64_t deadline)
{
	struct poll_wait pw;
	int ready, err = 0;

	poll_wait_init(&pw);
	ready = ask_all(a, n, deadline ? &pw.table : NULL);
	while (!ready && !err && deadline) {
		err = pw.err ? pw.err
			     : wait_event(&pw.wq, READ_ONCE(pw.fired), WAIT_INTERRUPTIBLE,
					  deadline);
		WRITE_ONCE(pw.fired, false);
		hw_mb(); /* pairs with a waker that sees fired set already: its change is seen
			    below */
		ready = ask_all(a, n, NULL);
	}
	poll_wait_end(&pw);
	return ready ? ready : err == -ETIMEDOUT ? 0 : err;
}

static void asked_begin(struct asked *a, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		a[i].ref = (struct fdref){ NULL, false };
		a[i].ready = 0;
		if (a[i].fd >= 0)
			a[i].ref = fd_borrow(a[i].fd);
	}
}

static void asked_end(struct asked *a, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		if (a[i].ref.file)
			fd_return(a[i].ref);
}

int wait_time_get(uint64_t uts, uint64_t *deadline)
{
	struct __kernel_timespec ts;
	uint64_t ns;

	*deadline = WAIT_FOREVER;
	if (!uts)
		return 0;
	if (copy_from_user(&ts, (virt_addr_t)uts, sizeof(ts)))
		return -EFAULT;
	if (ts.tv_sec < 0 || ts.tv_nsec < 0 || ts.tv_nsec >= (int64_t)NSEC_PER_SEC)
		return -EINVAL;
	if (ts.tv_sec == 0 && ts.tv_nsec == 0) {
		*deadline = 0;
		return 0;
	}
	if (!__builtin_mul_overflow((uint64_t)ts.tv_sec, NSEC_PER_SEC, &ns) &&
	    !__builtin_add_overflow(ns, (uint64_t)ts.tv_nsec, &ns) &&
	    !__builtin_add_overflow(ns, time_now(), &ns))
		*deadline = ns;
	return 0;
}

/* What remains, for the caller's next round: as Linux does. A failure to store it changes
 * nothing. */
static void wait_time_put(uint64_t uts, uint64_t deadline)
{
	struct __kernel_timespec ts = { 0, 0 };
	uint64_t now = time_now();

	if (!uts || deadline == WAIT_FOREVER || deadline == 0)
		return;
	if (deadline > now) {
		ts.tv_sec = (int64_t)((deadline - now) / NSEC_PER_SEC);
		ts.tv_nsec = (int64_t)((deadline - now) % NSEC_PER_SEC);
	}
	if (copy_to_user((virt_addr_t)uts, &ts, sizeof(ts)))
		return;
}

int wait_mask_begin(uint64_t umask, uint64_t size)
{
	uint64_t mask;

	if (!umask)
		return 0;
	if (size != sizeof(mask))
		return -EINVAL;
	if (copy_from_user(&mask, (virt_addr_t)umask, sizeof(mask)))
		return -EFAULT;
	signal_mask_temporary(mask);
	return 0;
}

int64_t wait_mask_end(uint64_t umask, int64_t result, int64_t restart)
{
	if (result == -EINTR) {
		if (umask)
			signal_mask_keep();
		return restart;
	}
	if (umask)
		signal_mask_restore();
	return result;
}

static int64_t poll_user(struct asked *a, uint64_t ufds, unsigned n, uint64_t deadline)
{
	int64_t ready;

	for (unsigned i = 0; i < n; i++) {
		struct pollfd p;

		if (copy_from_user(&p, (virt_addr_t)(ufds + i * sizeof(p)), sizeof(p)))
			return -EFAULT;
		a[i].fd = p.fd;
		a[i].events = (unsigned short)p.events;
	}
	asked_begin(a, n);
	ready = poll_run(a, n, deadline);
	asked_end(a, n);
	for (unsigned i = 0; ready >= 0 && i < n; i++) {
		uint16_t revents = (uint16_t)a[i].ready;

		if (copy_to_user((virt_addr_t)(ufds + i * sizeof(struct pollfd) +
					       offsetof(struct pollfd, revents)),
				 &revents, sizeof(revents)))
			ready = -EFAULT;
	}
	return ready;
}

SYSCALL(ppoll)
{
	struct asked few[FDS_INLINE], *a = few;
	uint64_t deadline, n = (unsigned)args[1];
	int64_t ret;

	ret = wait_time_get(args[2], &deadline);
	if (ret)
		return ret;
	if (n > process_limit(RLIMIT_NOFILE))
		return -EINVAL;
	if (n > FDS_INLINE) {
		a = kmalloc(n * sizeof(*a), 0);
		if (!a)
			return -ENOMEM;
	}
	ret = wait_mask_begin(args[3], args[4]);
	if (!ret) {
		ret = poll_user(a, args[0], (unsigned)n, deadline);
		wait_time_put(args[2], deadline);
		ret = wait_mask_end(args[3], ret, -ERESTART_NOHAND);
	}
	if (a != few)
		kfree(a);
	return ret;
}

/* select's three sets, in one piece of memory: read, write, exception. */
struct sets {
	uint64_t *bits[3];
	size_t bytes; /* of each, as the user has them */
	size_t words;
};

static const unsigned set_events[3] = { POLLIN | POLLRDNORM | POLLRDBAND,
					POLLOUT | POLLWRNORM | POLLWRBAND, POLLPRI };
static const unsigned set_ready[3] = { POLLIN | POLLRDNORM | POLLRDBAND | POLLHUP | POLLERR,
				       POLLOUT | POLLWRNORM | POLLWRBAND | POLLERR, POLLPRI };

static bool bit_get(const uint64_t *bits, unsigned i)
{
	return bits[i / 64] >> i % 64 & 1;
}

static int sets_load(struct sets *s, const uint64_t *usets, unsigned n)
{
	s->bytes = DIV_ROUND_UP(n, 64) * 8;
	s->words = s->bytes / 8;
	s->bits[0] = kmalloc(3 * s->bytes + 8, ALLOC_ZERO);
	if (!s->bits[0])
		return -ENOMEM;
	s->bits[1] = s->bits[0] + s->words;
	s->bits[2] = s->bits[1] + s->words;
	for (unsigned k = 0; k < 3; k++)
		if (usets[k] && copy_from_user(s->bits[k], (virt_addr_t)usets[k], s->bytes))
			return -EFAULT;
	return 0;
}

/* The descriptors that are in any set. Returns how many; a NULL counts only. */
static unsigned sets_list(const struct sets *s, unsigned n, struct asked *a)
{
	unsigned count = 0;

	for (unsigned fd = 0; fd < n; fd++) {
		unsigned events = 0;

		for (unsigned k = 0; k < 3; k++)
			events |= bit_get(s->bits[k], fd) ? set_events[k] : 0;
		if (!events)
			continue;
		if (a) {
			a[count].fd = (int)fd;
			a[count].events = events;
		}
		count++;
	}
	return count;
}

/* Turns what is ready into sets. Number of bits. */
static int sets_store(struct sets *s, const struct asked *a, unsigned count, const uint64_t *usets)
{
	int bits = 0;

	for (unsigned k = 0; k < 3; k++) {
		for (unsigned i = 0; i < count; i++) {
			unsigned fd = (unsigned)a[i].fd;
			uint64_t bit = 1ull << fd % 64;

			if (s->bits[k][fd / 64] & bit) {
				if (a[i].ready & set_ready[k])
					bits++;
				else
					s->bits[k][fd / 64] &= ~bit;
			}
		}
		if (usets[k] && copy_to_user((virt_addr_t)usets[k], s->bits[k], s->bytes))
			return -EFAULT;
	}
	return bits;
}

static int64_t select_sets(struct sets *s, const uint64_t *usets, unsigned n, uint64_t deadline)
{
	unsigned count = sets_list(s, n, NULL);
	struct asked *a = kmalloc((count + 1) * sizeof(*a), 0);
	int64_t ret = 0;

	if (!a)
		return -ENOMEM;
	(void)sets_list(s, n, a);
	asked_begin(a, count);
	for (unsigned i = 0; i < count; i++)
		if (!a[i].ref.file)
			ret = -EBADF;
	if (!ret)
		ret = poll_run(a, count, deadline);
	asked_end(a, count);
	if (ret >= 0)
		ret = sets_store(s, a, count, usets);
	kfree(a);
	return ret;
}

SYSCALL(pselect6)
{
	uint64_t deadline, pack[2] = { 0, 0 };
	struct sets s = { 0 };
	unsigned n = (unsigned)args[0];
	int64_t ret;

	if ((int)n < 0)
		return -EINVAL;
	n = MIN(n, files_table_size(current()->files));
	ret = wait_time_get(args[4], &deadline);
	if (!ret && args[5] && copy_from_user(pack, (virt_addr_t)args[5], sizeof(pack)))
		ret = -EFAULT;
	if (!ret)
		ret = sets_load(&s, &args[1], n);
	if (!ret)
		ret = wait_mask_begin(pack[0], pack[1]);
	if (!ret) {
		ret = select_sets(&s, &args[1], n, deadline);
		wait_time_put(args[4], deadline);
		ret = wait_mask_end(pack[0], ret, -ERESTART_NOHAND);
	}
	kfree(s.bits[0]);
	return ret;
}
