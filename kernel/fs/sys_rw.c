// SPDX-License-Identifier: MIT
/*
 * read, write and their relatives.
 *
 * A vectored transfer is a row of single ones: after the first that moved anything the rest may not
 * block, and a short one ends it. Small writes to streams (pipes, terminals) are gathered first, so
 * that they stay in one piece as PIPE_BUF promises.
 */
#include <linux/fs.h>
#include <linux/uio.h>

#include "kernel/fs/files.h"
#include "kernel/fs/internal.h"
#include "kernel/fs/regular.h"
#include "kernel/signal.h"
#include "kernel/syscall.h"
#include "mm/slab.h"
#include "mm/usercopy.h"

#define GATHER_MAX 4096 /* PIPE_BUF */

/* The position is shared when another descriptor or task may use it now. */
static bool pos_lock(const struct fdref r)
{
	struct file *f = r.file;

	if (!(f->mode & FILE_SEEK) || !(r.counted || atomic_load(&f->refs) > 1))
		return false;
	mutex_lock(&f->pos_mutex);
	return true;
}

typedef int64_t (*transfer_fn)(struct file *f, struct io *io);

static inline __attribute__((always_inline)) int64_t transfer(int fd, uint64_t buf, uint64_t n,
							      transfer_fn fn)
{
	struct fdref r = fd_borrow(fd);
	struct file *f = r.file;
	struct io io = { .buf = (uintptr_t)buf, .n = MIN(n, IO_MAX), .user = true };
	int64_t done;
	bool locked;

	if (unlikely(!f))
		return -EBADF;
	if (unlikely(!user_range_ok((virt_addr_t)buf, n))) {
		done = -EFAULT;
		goto out;
	}
	io.nonblock = file_nonblock(f);
	locked = pos_lock(r);
	io.pos = f->pos;
	done = fn(f, &io);
	if (done > 0 && f->mode & FILE_SEEK)
		f->pos = io.pos + (uint64_t)done;
	if (locked)
		mutex_unlock(&f->pos_mutex);
out:
	fd_return(r);
	return done;
}

SYSCALL(read)
{
	return transfer((int)args[0], args[1], args[2], file_read);
}

SYSCALL(write)
{
	return transfer((int)args[0], args[1], args[2], file_write);
}

static inline __attribute__((always_inline)) int64_t transfer_at(int fd, uint64_t buf, uint64_t n,
								 int64_t pos, transfer_fn fn)
{
	struct io io = {
		.buf = (uintptr_t)buf, .n = MIN(n, IO_MAX), .user = true, .pos = (uint64_t)pos
	};
	struct fdref r;
	int64_t done;

	if (pos < 0)
		return -EINVAL;
	r = fd_borrow(fd);
	if (!r.file)
		return -EBADF;
	if (!(r.file->mode & FILE_SEEK) && !r.file->ops->seek)
		done = r.file->mode & FILE_PATH ? -EBADF : -ESPIPE;
	else if (!user_range_ok((virt_addr_t)buf, n))
		done = -EFAULT;
	else
		done = fn(r.file, &io);
	fd_return(r);
	return done;
}

SYSCALL(pread64)
{
	return transfer_at((int)args[0], args[1], args[2], (int64_t)args[3], file_read);
}

SYSCALL(pwrite64)
{
	return transfer_at((int)args[0], args[1], args[2], (int64_t)args[3], file_write);
}

struct vector {
	struct iovec *iov;
	struct iovec few[8];
	unsigned count;
	uint64_t total;
};

/* Copies the user's vector in and checks it: of its count, as of an int, the lower half counts. 0,
 * -EINVAL, -EFAULT, -ENOMEM; vector_end() only after 0. */
static int vector_begin(struct vector *v, uint64_t uiov, uint32_t count)
{
	int err = 0;

	if (count > IOV_LIMIT)
		return -EINVAL;
	v->iov = v->few;
	v->count = count;
	v->total = 0;
	if (count > ARRAY_SIZE(v->few)) {
		v->iov = kmalloc(count * sizeof(struct iovec), 0);
		if (!v->iov)
			return -ENOMEM;
	}
	err = copy_from_user(v->iov, (virt_addr_t)uiov, count * sizeof(struct iovec));
	for (unsigned i = 0; !err && i < count; i++) {
		uint64_t n = v->iov[i].iov_len;

		if ((int64_t)n < 0)
			err = -EINVAL;
		else if (!user_range_ok((virt_addr_t)v->iov[i].iov_base, n))
			err = -EFAULT;
		else
			v->total += v->iov[i].iov_len = MIN(n, IO_MAX - v->total);
	}
	if (err && v->iov != v->few)
		kfree(v->iov);
	return err;
}

static void vector_end(struct vector *v)
{
	if (v->iov != v->few)
		kfree(v->iov);
}

/* Moves each part in turn; *pos is where the file is, and ends behind what was moved. */
static int64_t vector_each(struct file *f, struct vector *v, uint64_t *pos, transfer_fn fn)
{
	int64_t done = 0, n;

	for (unsigned i = 0; i < v->count; i++) {
		struct io io = { .buf = (uintptr_t)v->iov[i].iov_base,
				 .n = v->iov[i].iov_len,
				 .user = true,
				 .pos = *pos };

		if (io.n == 0 && v->total != 0)
			continue;
		io.nonblock = done > 0 || file_nonblock(f);
		n = fn(f, &io);
		if (n < 0)
			return done ? done : n;
		done += n;
		*pos = io.pos + (uint64_t)n;
		if ((uint64_t)n < v->iov[i].iov_len || v->total == 0)
			break;
	}
	return done;
}

/* A small write to a stream in one piece. */
static int64_t vector_gather(struct file *f, struct vector *v)
{
	char *text = kmalloc(v->total, 0);
	struct io io = { .buf = (uintptr_t)text, .n = v->total, .nonblock = file_nonblock(f) };
	size_t at = 0;
	int64_t done;

	if (!text)
		return -ENOMEM;
	for (unsigned i = 0; i < v->count; i++) {
		if (copy_from_user(text + at, (virt_addr_t)v->iov[i].iov_base, v->iov[i].iov_len)) {
			kfree(text);
			return -EFAULT;
		}
		at += v->iov[i].iov_len;
	}
	done = file_write(f, &io);
	kfree(text);
	return done;
}

static int64_t vector_run(struct file *f, struct vector *v, uint64_t *pos, transfer_fn fn)
{
	if (fn == file_write && !(f->mode & FILE_SEEK) && v->count > 1 && v->total > 0 &&
	    v->total <= GATHER_MAX)
		return vector_gather(f, v);
	return vector_each(f, v, pos, fn);
}

static int64_t transfer_vector(int fd, uint64_t uiov, uint64_t count, transfer_fn fn)
{
	struct fdref r = fd_borrow(fd);
	struct vector v;
	int64_t done;
	uint64_t pos;
	bool locked;

	if (!r.file)
		return -EBADF;
	done = vector_begin(&v, uiov, (uint32_t)count);
	if (done)
		goto out;
	locked = pos_lock(r);
	pos = r.file->pos;
	done = vector_run(r.file, &v, &pos, fn);
	if (done > 0 && r.file->mode & FILE_SEEK)
		r.file->pos = pos;
	if (locked)
		mutex_unlock(&r.file->pos_mutex);
	vector_end(&v);
out:
	fd_return(r);
	return done;
}

SYSCALL(readv)
{
	return transfer_vector((int)args[0], args[1], args[2], file_read);
}

SYSCALL(writev)
{
	return transfer_vector((int)args[0], args[1], args[2], file_write);
}

static int64_t transfer_vector_at(const uint64_t *args, transfer_fn fn)
{
	uint64_t pos = args[3];
	struct fdref r;
	struct vector v;
	int64_t done;

	if ((int64_t)pos < 0)
		return -EINVAL;
	r = fd_borrow((int)args[0]);
	if (!r.file)
		return -EBADF;
	done = r.file->mode & FILE_SEEK || r.file->ops->seek
		       ? vector_begin(&v, args[1], (uint32_t)args[2])
		       : -ESPIPE;
	if (!done) {
		done = vector_run(r.file, &v, &pos, fn);
		vector_end(&v);
	}
	fd_return(r);
	return done;
}

SYSCALL(preadv)
{
	return transfer_vector_at(args, file_read);
}

SYSCALL(pwritev)
{
	return transfer_vector_at(args, file_write);
}

/* preadv2 and pwritev2 without flags; a position of -1 is the file's own. */
static int64_t transfer_vector2(const uint64_t *args, transfer_fn fn)
{
	if (args[5])
		return -EOPNOTSUPP;
	if ((int64_t)args[3] == -1)
		return transfer_vector((int)args[0], args[1], args[2], fn);
	return transfer_vector_at(args, fn);
}

SYSCALL(preadv2)
{
	return transfer_vector2(args, file_read);
}

SYSCALL(pwritev2)
{
	return transfer_vector2(args, file_write);
}

SYSCALL(lseek)
{
	struct fdref r = fd_borrow((int)args[0]);
	struct file *f = r.file;
	int64_t to;

	if (!f)
		return -EBADF;
	if (f->mode & FILE_PATH) {
		to = -EBADF;
	} else if (!f->ops->seek && !(f->mode & FILE_SEEK)) {
		to = -ESPIPE;
	} else {
		mutex_lock(&f->pos_mutex);
		to = (f->ops->seek ? f->ops->seek : regular_seek)(f, (int64_t)args[1],
								  (int)args[2]);
		mutex_unlock(&f->pos_mutex);
	}
	fd_return(r);
	return to;
}

/* Reads and positions for sendfile: from *pos when the caller gave one, else from the file's
 * own. */
static int64_t send_chunk(struct file *in, struct file *out, uint64_t *pos, char *buf, size_t n,
			  bool nonblock)
{
	struct io rd = { .buf = (uintptr_t)buf,
			 .n = n,
			 .pos = *pos,
			 .nonblock = nonblock || file_nonblock(in) };
	int64_t got = file_read(in, &rd), put;
	struct io wr = { .buf = (uintptr_t)buf,
			 .n = got > 0 ? (size_t)got : 0,
			 .pos = out->pos,
			 .nonblock = nonblock || file_nonblock(out) };

	if (got <= 0)
		return got;
	put = file_write(out, &wr);
	if (put > 0) {
		*pos += (uint64_t)put;
		if (out->mode & FILE_SEEK)
			out->pos = wr.pos + (uint64_t)put;
	}
	return put;
}

static int64_t send_loop(struct file *in, struct file *out, uint64_t *pos, uint64_t count)
{
	char *buf = kmalloc(PAGE_SIZE, 0);
	int64_t done = 0, n = 0;

	if (!buf)
		return -ENOMEM;
	while ((uint64_t)done < count) {
		size_t want = MIN(count - (uint64_t)done, PAGE_SIZE);

		n = send_chunk(in, out, pos, buf, want, false);
		if (n <= 0)
			break;
		done += n;
		if ((size_t)n < want || signal_pending())
			break;
	}
	kfree(buf);
	return done ? done : n;
}

/* Both ends' positions are held for the whole call, in the order of addresses. */
static int64_t send_files(struct file *in, struct file *out, uint64_t *upos, uint64_t count)
{
	struct file *first = in < out ? in : out, *second = in < out ? out : in;
	int64_t done;

	if (in == out)
		return -EINVAL;
	mutex_lock(&first->pos_mutex);
	mutex_lock(&second->pos_mutex);
	done = send_loop(in, out, upos ? upos : &in->pos, count);
	mutex_unlock(&second->pos_mutex);
	mutex_unlock(&first->pos_mutex);
	return done;
}

COLD SYSCALL(sendfile)
{
	struct fdref out = fd_borrow((int)args[0]), in = fd_borrow((int)args[1]);
	uint64_t pos = 0;
	int64_t done = 0;

	if (!in.file || !out.file || !(in.file->mode & FILE_READ) || !(out.file->mode & FILE_WRITE))
		done = -EBADF;
	else if (!(in.file->mode & FILE_SEEK) || S_ISDIR(in.file->inode->mode))
		done = -EINVAL;
	else if (out.file->flags & O_APPEND)
		done = -EINVAL;
	else if (args[2] && copy_from_user(&pos, (virt_addr_t)args[2], sizeof(pos)))
		done = -EFAULT;
	else if ((int64_t)pos < 0 || (int64_t)args[3] < 0)
		done = -EINVAL;
	if (!done)
		done = send_files(in.file, out.file, args[2] ? &pos : NULL, MIN(args[3], IO_MAX));
	if (done >= 0 && args[2] && copy_to_user((virt_addr_t)args[2], &pos, sizeof(pos)))
		done = -EFAULT;
	if (in.file)
		fd_return(in);
	if (out.file)
		fd_return(out);
	return done;
}
