// SPDX-License-Identifier: MIT
// eventfd(2): a 64-bit counter to wait for.
#include "kernel/fs/internal.h"
#include "kernel/fs/poll.h"
#include "kernel/syscall.h"
#include "mm/slab.h"

/* eventfd(2)'s flags: not in every version of the UAPI headers. */
#define EFD_SEMAPHORE 1
#define EFD_CLOEXEC   O_CLOEXEC
#define EFD_NONBLOCK  O_NONBLOCK

struct eventfd {
	struct spinlock lock;
	uint64_t count; /* lock; read without by sleepers */
	bool semaphore;
	struct waitq changed; /* readers and writers */
};

/* Takes the counter's value (or one of it): false when it is zero. */
static bool take(struct eventfd *e, uint64_t *value)
{
	bool got;

	spin_lock(&e->lock);
	got = e->count != 0;
	*value = e->semaphore ? 1 : e->count;
	if (got)
		WRITE_ONCE(e->count, e->count - *value);
	spin_unlock(&e->lock);
	return got;
}

static int64_t eventfd_read(struct file *f, struct io *io)
{
	struct eventfd *e = f->data;
	uint64_t value;

	if (io->n < sizeof(value))
		return -EINVAL;
	while (!take(e, &value)) {
		if (io->nonblock)
			return -EAGAIN;
		if (wait_event(&e->changed, READ_ONCE(e->count) != 0, WAIT_INTERRUPTIBLE,
			       WAIT_FOREVER))
			return -ERESTART;
	}
	waitq_wake_all(&e->changed);
	return io_put(io, &value, sizeof(value)) ? -EFAULT : (int64_t)sizeof(value);
}

static bool add(struct eventfd *e, uint64_t value)
{
	bool fits;

	spin_lock(&e->lock);
	fits = value <= UINT64_MAX - 1 - e->count;
	if (fits)
		WRITE_ONCE(e->count, e->count + value);
	spin_unlock(&e->lock);
	return fits;
}

static int64_t eventfd_write(struct file *f, struct io *io)
{
	struct eventfd *e = f->data;
	uint64_t value;

	if (io->n < sizeof(value))
		return -EINVAL;
	if (io_get(io, &value, sizeof(value)))
		return -EFAULT;
	if (value == UINT64_MAX)
		return -EINVAL;
	while (!add(e, value)) {
		if (io->nonblock)
			return -EAGAIN;
		if (wait_event(&e->changed, value <= UINT64_MAX - 1 - READ_ONCE(e->count),
			       WAIT_INTERRUPTIBLE, WAIT_FOREVER))
			return -ERESTART;
	}
	if (waitq_active(&e->changed))
		waitq_wake_all(&e->changed);
	return sizeof(value);
}

static unsigned eventfd_poll(struct file *f, struct poll_table *pt)
{
	struct eventfd *e = f->data;
	uint64_t count;

	poll_watch(pt, &e->changed);
	count = READ_ONCE(e->count);
	return (count ? POLL_READABLE : 0) | (count < UINT64_MAX - 1 ? POLL_WRITABLE : 0);
}

static void eventfd_release(struct file *f)
{
	kfree(f->data);
}

static const struct file_ops eventfd_ops = {
	.name = "[eventfd]",
	.read = eventfd_read,
	.write = eventfd_write,
	.poll = eventfd_poll,
	.release = eventfd_release,
};

SYSCALL(eventfd2)
{
	unsigned flags = (unsigned)args[1];
	struct eventfd *e;

	if (flags & ~(unsigned)(EFD_SEMAPHORE | EFD_CLOEXEC | EFD_NONBLOCK))
		return -EINVAL;
	e = kmalloc(sizeof(*e), ALLOC_ZERO);
	if (!e)
		return -ENOMEM;
	spin_init(&e->lock);
	waitq_init(&e->changed);
	e->count = (uint32_t)args[0];
	e->semaphore = flags & EFD_SEMAPHORE;
	return anon_fd(&eventfd_ops, FILE_READ | FILE_WRITE,
		       O_RDWR | (flags & (O_CLOEXEC | O_NONBLOCK)), e);
}
