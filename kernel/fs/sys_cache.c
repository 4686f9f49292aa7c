// SPDX-License-Identifier: MIT
// What programs say of a file's pages in memory: fadvise64, readahead, sync_file_range. For files
// that no disk backs there is nothing to do.
#include <linux/fadvise.h>
#include <linux/fs.h>

#include "kernel/fs/files.h"
#include "kernel/fs/internal.h"
#include "kernel/syscall.h"

/* The page that holds byte `at`; the last one of all when that lies beyond. */
static uint32_t page_of(uint64_t at)
{
	return (uint32_t)MIN(at >> PAGE_SHIFT, (uint64_t)UINT32_MAX);
}

/* As much as helps: more would push out what was read first. */
static void will_need(struct object *o, uint64_t from, uint64_t to)
{
	uint64_t end = MIN(to, READ_ONCE(o->size));

	if (from < end)
		object_read_ahead(o, page_of(from), page_of(end - 1) - page_of(from) + 1);
}

/* Pages that lie in the range whole; the file's last one counts as such. */
static void dont_need(struct object *o, uint64_t from, uint64_t to)
{
	uint64_t first = DIV_ROUND_UP(from, PAGE_SIZE), end = to >> PAGE_SHIFT;

	if (to >= READ_ONCE(o->size))
		end = (uint64_t)UINT32_MAX + 1;
	/* What is dirty is written, that it may go the next time; its errors wait for fsync. */
	(void)!object_sync(o, page_of(from), page_of(to));
	if (first < end)
		object_drop(o, page_of(first), (uint32_t)(end - 1));
}

static int64_t advise(struct file *f, uint64_t from, int64_t len, int advice)
{
	uint64_t to = len && from + (uint64_t)len > from ? from + (uint64_t)len : UINT64_MAX;
	struct object *o = f->inode->object;

	if (S_ISFIFO(f->inode->mode))
		return -ESPIPE;
	if (len < 0 || advice < POSIX_FADV_NORMAL || advice > POSIX_FADV_NOREUSE)
		return -EINVAL;
	if (!o)
		return 0;
	switch (advice) {
	case POSIX_FADV_NORMAL: f->ahead.max = READAHEAD_PAGES; break;
	case POSIX_FADV_RANDOM: f->ahead.max = 0; break;
	case POSIX_FADV_SEQUENTIAL: f->ahead.max = 2 * READAHEAD_PAGES; break;
	case POSIX_FADV_WILLNEED: will_need(o, from, to); break;
	case POSIX_FADV_DONTNEED: dont_need(o, from, to); break;
	default: break;
	}
	return 0;
}

SYSCALL(fadvise64)
{
	struct fdref r = fd_borrow((int)args[0]);
	int64_t err;

	if (!r.file)
		return -EBADF;
	err = r.file->mode & FILE_PATH ? -EBADF
				       : advise(r.file, args[1], (int64_t)args[2], (int)args[3]);
	fd_return(r);
	return err;
}

SYSCALL(readahead)
{
	struct fdref r = fd_borrow((int)args[0]);
	int64_t err = 0;

	if (!r.file)
		return -EBADF;
	if (!(r.file->mode & FILE_READ))
		err = -EBADF;
	else if (!S_ISREG(r.file->inode->mode) && !S_ISBLK(r.file->inode->mode))
		err = -EINVAL;
	else if (r.file->inode->object)
		err = advise(r.file, args[1], (int64_t)MIN(args[2], (uint64_t)INT64_MAX),
			     POSIX_FADV_WILLNEED);
	fd_return(r);
	return err;
}

#define RANGE_FLAGS                                                                                \
	(SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER)

/* Data alone: neither what leads to it nor the medium's cache. To begin writing is to write
 * here. */
static int64_t range_sync(struct file *f, uint64_t from, int64_t n, unsigned flags)
{
	uint64_t last = n ? from + (uint64_t)n - 1 : (uint64_t)INT64_MAX;
	uint32_t mode = f->inode->mode;
	struct object *o = f->inode->object;

	if ((flags & ~(unsigned)RANGE_FLAGS) || (int64_t)from < 0 || n < 0 || last > INT64_MAX)
		return -EINVAL;
	if (!S_ISREG(mode) && !S_ISBLK(mode) && !S_ISDIR(mode) && !S_ISLNK(mode))
		return -ESPIPE;
	if (!o || !flags)
		return 0;
	/* What must be flushed first is the file system's to know. */
	if (object_sync(o, page_of(from), page_of(last)) == -EAGAIN && f->ops->sync)
		return f->ops->sync(f, page_of(from), page_of(last));
	return flags == SYNC_FILE_RANGE_WRITE ? 0 : object_error_tell(o, &f->sync_told);
}

SYSCALL(sync_file_range)
{
	struct fdref r = fd_borrow((int)args[0]);
	int64_t err;

	if (!r.file)
		return -EBADF;
	err = r.file->mode & FILE_PATH
		      ? -EBADF
		      : range_sync(r.file, args[1], (int64_t)args[2], (unsigned)args[3]);
	fd_return(r);
	return err;
}
