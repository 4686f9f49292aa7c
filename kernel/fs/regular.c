// SPDX-License-Identifier: MIT
/*
 * Regular files over an object. Reads take no lock of this room: the object gives each page
 * atomically. Writes are ordered by the inode's mutex, so that O_APPEND finds the true end and two
 * writes never mix.
 */
#include "kernel/fs/regular.h"

#include <linux/falloc.h>
#include <linux/fs.h>
#include <linux/resource.h>

#include "kernel/fs/internal.h"
#include "kernel/process.h"

int64_t regular_read(struct file *f, struct io *io)
{
	int64_t n = object_read_file(f->inode->object, &f->ahead, io->pos, (void *)io->buf, io->n,
				     io->user);

	if (n > 0 && !(f->flags & O_NOATIME))
		inode_accessed(f->inode, f->path.mount);
	return n;
}

int64_t regular_write_begin(struct file *f, struct io *io, uint64_t max_size)
{
	uint64_t limit = process_limit(RLIMIT_FSIZE);

	if (f->flags & O_APPEND)
		io->pos = inode_size(f->inode);
	if (io->n == 0)
		return 0;
	if (io->pos >= limit) {
		signal_send(current(), SIGXFSZ, NULL);
		return -EFBIG;
	}
	limit = MIN(limit, max_size);
	if (io->pos >= limit)
		return -EFBIG;
	io->n = MIN(io->n, limit - io->pos);
	return (int64_t)io->n;
}

void regular_written(struct file *f)
{
	struct inode *i = f->inode;

	inode_touch(i);
	if (unlikely(i->mode & (S_ISUID | S_ISGID)) && !current_capable(CAP_FSETID)) {
		uint32_t drop = S_ISUID | (i->mode & 0010 ? S_ISGID : 0);

		WRITE_ONCE(i->mode, i->mode & ~drop);
	}
}

/* Zeroes part of one page, if it is there at all. */
static int zero_within(struct inode *i, uint64_t from, uint64_t to)
{
	int err;
	bool major = false;
	struct page *p = object_get_page(i->object, (uint32_t)(from >> PAGE_SHIFT), OBJECT_READ,
					 &err, &major);

	if (!p)
		return err;
	page_put(p);
	p = object_get_page(i->object, (uint32_t)(from >> PAGE_SHIFT), OBJECT_WRITE, &err, &major);
	if (!p)
		return err;
	memset((char *)page_to_virt(p) + from % PAGE_SIZE, 0, to - from);
	page_changed(p);
	page_dirty(p); /* again: it may have been written back meanwhile */
	page_put(p);
	return 0;
}

bool regular_allocate_known(int mode)
{
	return mode == 0 || mode == FALLOC_FL_KEEP_SIZE ||
	       mode == (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE);
}

int regular_punch(struct inode *i, uint64_t from, uint64_t to)
{
	uint64_t first = ALIGN_UP(from, PAGE_SIZE), last = ALIGN_DOWN(to, PAGE_SIZE);
	int err = 0;

	if (from >= to)
		return 0;
	/* The page that holds the end of the file can go whole: nothing lies behind. */
	if (to == inode_size(i))
		last = ALIGN_UP(to, PAGE_SIZE);
	if (first > last)
		return zero_within(i, from, to);
	if (from < first)
		err = zero_within(i, from, first);
	if (!err && to > last)
		err = zero_within(i, last, to);
	if (!err && first < last)
		object_punch(i->object, (uint32_t)(first >> PAGE_SHIFT),
			     (uint32_t)((last >> PAGE_SHIFT) - 1));
	return err;
}

int64_t regular_seek(struct file *f, int64_t off, int whence)
{
	int64_t size = (int64_t)inode_size(f->inode), to;

	switch (whence) {
	case SEEK_SET: to = off; break;
	case SEEK_CUR:
		if (__builtin_add_overflow((int64_t)f->pos, off, &to))
			return -EOVERFLOW;
		break;
	case SEEK_END:
		if (S_ISDIR(f->inode->mode)) /* positions are not bytes there */
			return -EINVAL;
		if (__builtin_add_overflow(size, off, &to))
			return -EOVERFLOW;
		break;
	case SEEK_DATA:
		/* The whole file counts as data, which lseek(2) allows. */
		if (off < 0 || off >= size)
			return -ENXIO;
		to = off;
		break;
	case SEEK_HOLE:
		if (off < 0 || off >= size)
			return -ENXIO;
		to = size;
		break;
	default: return -EINVAL;
	}
	if (to < 0)
		return -EINVAL;
	f->pos = (uint64_t)to;
	return to;
}
