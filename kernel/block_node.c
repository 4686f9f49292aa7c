// SPDX-License-Identifier: MIT
/*
 * Block devices as files: /dev/vda, /dev/vda1. They are read and written past all caches, through a
 * buffer of this call: what a program reads is what lies on the device, what it has written is
 * there (in the device's own cache until fsync). So nothing of a device can be dirty when it is
 * mounted, and a mounted file system's cache is the only one. A part of a block is written by
 * reading the block first, under the device's mutex.
 *
 * An open with O_EXCL claims the device until its last close, as mounting and swapping do: mkfs and
 * its like ask so whether it is in use.
 */
#include <linux/fcntl.h>
#include <linux/fs.h>

#include "kernel/block_internal.h"
#include "kernel/fs/dev.h"
#include "kernel/fs/file.h"
#include "kernel/signal.h"
#include "mm/slab.h"
#include "mm/usercopy.h"

#define BUFFER_ORDER 4 /* 64 KB */

struct block_node {
	struct device_node node;
	struct block_device *device;
	struct mutex mutex;       /* one write at a time */
	const struct file *owner; /* the one opened with O_EXCL: changed by itself, so that each
				     file can tell whether it is the one */
};

static struct block_device *device_of(const struct file *f)
{
	return ((const struct block_node *)f->data)->device;
}

static int node_open(struct file *f)
{
	struct block_node *n = device_data(f->inode);

	if (n->device->read_only && f->mode & FILE_WRITE)
		return -EACCES;
	if (f->flags & O_EXCL) {
		int err = block_claim(n->device, "open");

		if (err)
			return err;
		atomic_store(&n->owner, f);
	}
	f->data = n;
	f->mode |= FILE_SEEK;
	return 0;
}

static void node_release(struct file *f)
{
	struct block_node *n = f->data;

	if (atomic_load(&n->owner) != f)
		return;
	atomic_store(&n->owner, NULL);
	block_release(n->device);
}

/* ---- Reading and writing ---- */

struct buffer {
	struct page *pages;
	unsigned order;
	void *kva;
	size_t size; /* whole pages, so whole blocks too */
};

/* For n bytes and the rest of their first and last block, smaller when memory is short. 0 or
 * -ENOMEM. */
static int buffer_get(struct buffer *b, size_t n)
{
	b->order = BUFFER_ORDER;
	b->pages = NULL;
	while (b->order && PAGE_SIZE << (b->order - 1) >= n + PAGE_SIZE)
		b->order--;
	for (; b->order && !b->pages; b->order -= !b->pages)
		b->pages = page_alloc_order(b->order, ALLOC_USER | ALLOC_NOWAIT);
	if (!b->pages)
		b->pages = page_alloc(ALLOC_USER);
	if (!b->pages)
		return -ENOMEM;
	b->kva = page_to_virt(b->pages);
	b->size = PAGE_SIZE << b->order;
	return 0;
}

/* The blocks that hold as much of [at, at + n) as the buffer takes. */
struct window {
	uint64_t sector;
	size_t bytes, skip, n; /* of the blocks; before what is wanted, and of it */
};

static struct window window_at(const struct block_device *d, uint64_t at, size_t n, size_t size)
{
	size_t skip = at % d->block_size;

	n = MIN(n, size - skip);
	return (struct window){ (at - skip) >> SECTOR_SHIFT,
				ALIGN_UP(skip + n, (size_t)d->block_size), skip, n };
}

static int read_some(struct block_device *d, struct io *io, const struct window *w, char *buffer)
{
	int err = block_read(d, w->sector, buffer, w->bytes);

	return err ? err : io_put(io, buffer + w->skip, w->n);
}

/* The user's memory is copied before anything is written: a fault leaves the device alone. */
static int write_some(struct block_device *d, struct io *io, const struct window *w, char *buffer)
{
	int err = 0;

	if (w->n != w->bytes)
		err = block_read(d, w->sector, buffer, w->bytes);
	if (!err)
		err = io_get(io, buffer + w->skip, w->n);
	return err ? err : block_write(d, w->sector, buffer, w->bytes);
}

typedef int (*some_fn)(struct block_device *d, struct io *io, const struct window *w, char *buffer);

/* io->n bytes at io->pos, which lie on the device. What was done before an error or a signal
 * counts. */
static int64_t transfer(struct block_device *d, const struct io *io, some_fn some)
{
	struct io rest = *io;
	struct buffer b;
	int err = buffer_get(&b, io->n);
	size_t done = 0;

	if (err)
		return err;
	while (done < io->n) {
		struct window w = window_at(d, io->pos + done, io->n - done, b.size);

		err = some(d, &rest, &w, b.kva);
		if (err)
			break;
		done += w.n;
		if (signal_pending())
			break;
	}
	page_free(b.pages, b.order);
	return done ? (int64_t)done : err;
}

/* How much of io is on the device. */
static size_t clip(const struct block_device *d, const struct io *io)
{
	uint64_t size = d->sectors << SECTOR_SHIFT;

	return io->pos >= size ? 0 : MIN(io->n, size - io->pos);
}

static int64_t node_read(struct file *f, struct io *io)
{
	struct block_device *d = device_of(f);

	io->n = clip(d, io);
	return io->n ? transfer(d, io, read_some) : 0;
}

static int64_t node_write(struct file *f, struct io *io)
{
	struct block_node *n = f->data;
	int64_t done;

	if (io->n == 0)
		return 0;
	io->n = clip(n->device, io);
	if (io->n == 0)
		return -ENOSPC;
	if (mutex_lock_killable(&n->mutex))
		return -EINTR;
	done = transfer(n->device, io, write_some);
	mutex_unlock(&n->mutex);
	return done;
}

int64_t block_node_seek(struct file *f, uint64_t size, int64_t off, int whence)
{
	int64_t base, to;

	switch (whence) {
	case SEEK_SET: base = 0; break;
	case SEEK_CUR: base = (int64_t)f->pos; break;
	case SEEK_END: base = (int64_t)size; break;
	default: return -EINVAL;
	}
	if (__builtin_add_overflow(base, off, &to))
		return -EOVERFLOW;
	if (to < 0)
		return -EINVAL;
	f->pos = (uint64_t)to;
	return to;
}

static int64_t node_seek(struct file *f, int64_t off, int whence)
{
	return block_node_seek(f, device_of(f)->sectors << SECTOR_SHIFT, off, whence);
}

static int node_sync(struct file *f, uint32_t first, uint32_t last)
{
	(void)first, (void)last;
	return block_flush(device_of(f));
}

/* ---- ioctl ---- */

static int64_t discard(struct file *f, uint64_t arg)
{
	struct block_device *d = device_of(f);
	uint64_t range[2], size = d->sectors << SECTOR_SHIFT, mask = d->block_size - 1;

	if (!(f->mode & FILE_WRITE))
		return -EBADF;
	if (copy_from_user(range, arg, sizeof(range)))
		return -EFAULT;
	if ((range[0] | range[1]) & mask || range[0] > size || range[1] > size - range[0])
		return -EINVAL;
	return block_discard(d, range[0] >> SECTOR_SHIFT, range[1] >> SECTOR_SHIFT);
}

int64_t block_node_shape(const struct block_device *d, unsigned cmd, uint64_t arg)
{
	switch (cmd) {
	case BLKGETSIZE: return user_store64(arg, d->sectors);
	case BLKGETSIZE64: return user_store64(arg, d->sectors << SECTOR_SHIFT);
	case BLKBSZGET: return user_store32(arg, PAGE_SIZE);
	case BLKSSZGET:
	case BLKPBSZGET:
	case BLKIOMIN: return user_store32(arg, d->block_size);
	case BLKIOOPT:
	case BLKALIGNOFF: return user_store32(arg, 0);
	case BLKROGET: return user_store32(arg, d->read_only);
	default: return -ENOTTY;
	}
}

static int64_t node_ioctl(struct file *f, unsigned cmd, uint64_t arg)
{
	switch (cmd) {
	case BLKFLSBUF: return node_sync(f, 0, UINT32_MAX);
	case BLKDISCARD: return discard(f, arg);
	default: return block_node_shape(device_of(f), cmd, arg);
	}
}

static const struct file_ops node_ops = {
	.open = node_open,
	.release = node_release,
	.read = node_read,
	.write = node_write,
	.seek = node_seek,
	.ioctl = node_ioctl,
	.sync = node_sync,
};

struct block_node *block_node_alloc(struct block_device *d)
{
	struct block_node *n = kmalloc(sizeof(*n), ALLOC_ZERO);

	if (!n)
		return NULL;
	n->device = d;
	mutex_init(&n->mutex);
	n->node = (struct device_node){ .name = d->name,
					.mode = S_IFBLK | 0660,
					.devno = d->devno,
					.ops = &node_ops,
					.data = n };
	return n;
}

void block_node_free(struct block_node *n)
{
	kfree(n);
}

void block_node_show(struct block_node *n)
{
	device_node_register(&n->node);
}
