// SPDX-License-Identifier: MIT
// System calls on descriptors themselves: open, close, dup, fcntl, ioctl.
#include <asm/ioctls.h>
#include <linux/close_range.h>
#include <linux/resource.h>

#include "kernel/fs/files.h"
#include "kernel/fs/internal.h"
#include "kernel/fs/locks.h"
#include "kernel/fs/open.h"
#include "kernel/fs/pipe.h"
#include "kernel/fs/seals.h"
#include "kernel/process.h"
#include "kernel/syscall.h"
#include "mm/usercopy.h"

int64_t fd_for(struct file *f, unsigned flags)
{
	int fd;

	if (IS_ERR(f))
		return PTR_ERR(f);
	fd = file_install(f, 0, flags & O_CLOEXEC);
	if (fd < 0)
		file_put(f);
	return fd;
}

int64_t anon_fd(const struct file_ops *ops, unsigned mode, unsigned flags, void *data)
{
	struct inode *i = anon_inode(0600);
	struct file *f = i ? file_create_anon(ops, i, mode, flags, data) : ERR_PTR(-ENOMEM);

	if (IS_ERR(f))
		ops->release(&(struct file){ .ops = ops, .data = data });
	return fd_for(f, flags);
}

SYSCALL(openat)
{
	unsigned flags = (unsigned)args[2];

	return fd_for(open_user((int)args[0], args[1], flags, (uint32_t)args[3]), flags);
}

SYSCALL(close)
{
	return file_close_fd((unsigned)args[0]);
}

SYSCALL(close_range)
{
	unsigned first = (unsigned)args[0], last = (unsigned)args[1], flags = (unsigned)args[2];
	struct files *fs = current()->files;
	int fd;

	if (first > last || flags & ~(unsigned)CLOSE_RANGE_CLOEXEC)
		return -EINVAL; /* CLOSE_RANGE_UNSHARE is not there */
	last = MIN(last, (unsigned)INT32_MAX);
	for (; first <= last && (fd = files_next(fs, first)) >= 0 && (unsigned)fd <= last;
	     first = (unsigned)fd + 1) {
		if (flags & CLOSE_RANGE_CLOEXEC)
			(void)files_set_cloexec(fs, (unsigned)fd, true);
		else
			(void)file_close_fd((unsigned)fd); /* -EBADF: another thread was faster */
	}
	return 0;
}

static int64_t dup_min(int fd, int min, bool cloexec)
{
	struct file *f = file_get_fd(fd);
	int new_fd;

	if (!f)
		return -EBADF;
	new_fd = file_install(f, min, cloexec);
	if (new_fd < 0)
		file_put(f);
	return new_fd;
}

SYSCALL(dup)
{
	return dup_min((int)args[0], 0, false);
}

SYSCALL(dup3)
{
	int from = (int)args[0], to = (int)args[1];
	struct file *f;
	int fd;

	if (args[2] & ~(uint64_t)O_CLOEXEC || from == to)
		return -EINVAL;
	f = file_get_fd(from);
	if (!f)
		return -EBADF;
	fd = file_install_at(f, (unsigned)to, args[2] & O_CLOEXEC);
	if (fd < 0)
		file_put(f);
	return fd;
}

/* F_SETFL and FIONBIO change only these. */
static void flags_change(struct file *f, unsigned mask, unsigned flags)
{
	uint32_t old = atomic_load(&f->flags);

	mask &= O_APPEND | O_NONBLOCK | O_NOATIME | O_DIRECT | FASYNC;
	while (!atomic_compare_exchange(&f->flags, &old, (old & ~mask) | (flags & mask)))
		;
}

static int64_t fcntl_setfl(struct file *f, unsigned flags)
{
	if (flags & O_NOATIME && !(f->flags & O_NOATIME) && !inode_owner_or_root(f->inode))
		return -EPERM;
	flags_change(f, O_APPEND | O_NONBLOCK | O_NOATIME | O_DIRECT, flags);
	return 0;
}

static int64_t fcntl_file(struct file *f, int fd, unsigned cmd, uint64_t arg)
{
	switch (cmd) {
	case F_GETFL: return f->flags;
	case F_SETFL: return fcntl_setfl(f, (unsigned)arg);
	case F_GETLK:
	case F_SETLK:
	case F_SETLKW:
	case F_OFD_GETLK:
	case F_OFD_SETLK:
	case F_OFD_SETLKW: return locks_fcntl(f, fd, cmd, arg);
	case F_SETPIPE_SZ:
	case F_GETPIPE_SZ: return pipe_fcntl(f, cmd, arg);
	case F_ADD_SEALS:
	case F_GET_SEALS: return seals_fcntl(f, cmd, arg);
	case F_GETOWN:
	case F_GETSIG: return 0;
	default: return -EINVAL;
	}
}

static bool path_may(unsigned cmd)
{
	return cmd == F_GETFL || cmd == F_DUPFD || cmd == F_DUPFD_CLOEXEC || cmd == F_GETFD ||
	       cmd == F_SETFD;
}

SYSCALL(fcntl)
{
	int fd = (int)args[0];
	unsigned cmd = (unsigned)args[1];
	struct files *fs = current()->files;
	struct fdref r = fd_borrow(fd);
	int64_t ret;

	if (!r.file)
		return -EBADF;
	if (r.file->mode & FILE_PATH && !path_may(cmd))
		ret = -EBADF;
	else if (cmd == F_DUPFD || cmd == F_DUPFD_CLOEXEC)
		ret = args[2] >= process_limit(RLIMIT_NOFILE)
			      ? -EINVAL
			      : dup_min(fd, (int)args[2], cmd == F_DUPFD_CLOEXEC);
	else if (cmd == F_GETFD)
		ret = files_get_cloexec(fs, (unsigned)fd) ? FD_CLOEXEC : 0;
	else if (cmd == F_SETFD)
		ret = files_set_cloexec(fs, (unsigned)fd, args[2] & FD_CLOEXEC);
	else
		ret = fcntl_file(r.file, fd, cmd, args[2]);
	fd_return(r);
	return ret;
}

static int64_t ioctl_nbio(struct file *f, uint64_t arg)
{
	uint32_t on;

	if (user_load32(&on, (virt_addr_t)arg))
		return -EFAULT;
	flags_change(f, O_NONBLOCK, on ? O_NONBLOCK : 0);
	return 0;
}

static int64_t ioctl_regular(struct file *f, unsigned cmd, uint64_t arg)
{
	if (cmd != FIONREAD || !S_ISREG(f->inode->mode))
		return -ENOTTY;
	return user_store32((virt_addr_t)arg, (uint32_t)(inode_size(f->inode) - f->pos));
}

static int64_t ioctl_file(struct file *f, int fd, unsigned cmd, uint64_t arg)
{
	if (f->mode & FILE_PATH)
		return -EBADF;
	if (cmd == FIOCLEX || cmd == FIONCLEX)
		return files_set_cloexec(current()->files, (unsigned)fd, cmd == FIOCLEX);
	if (cmd == FIONBIO)
		return ioctl_nbio(f, arg);
	if (f->ops->ioctl)
		return f->ops->ioctl(f, cmd, arg);
	return ioctl_regular(f, cmd, arg);
}

SYSCALL(ioctl)
{
	struct fdref r = fd_borrow((int)args[0]);
	int64_t ret;

	if (!r.file)
		return -EBADF;
	ret = ioctl_file(r.file, (int)args[0], (unsigned)args[1], args[2]);
	fd_return(r);
	return ret;
}

SYSCALL(flock)
{
	struct fdref r = fd_borrow((int)args[0]);
	int64_t ret;

	if (!r.file)
		return -EBADF;
	ret = r.file->mode & FILE_PATH ? -EBADF : locks_flock(r.file, (unsigned)args[1]);
	fd_return(r);
	return ret;
}

/* fsync, fdatasync. */
static int64_t sync_fd(int fd)
{
	struct fdref r = fd_borrow(fd);
	int64_t ret = 0;

	if (!r.file)
		return -EBADF;
	if (r.file->mode & FILE_PATH)
		ret = -EBADF;
	else if (r.file->ops->sync)
		ret = r.file->ops->sync(r.file, 0, UINT32_MAX);
	else if (!S_ISREG(r.file->inode->mode) && !S_ISDIR(r.file->inode->mode))
		ret = -EINVAL;
	fd_return(r);
	return ret;
}

SYSCALL(fsync)
{
	return sync_fd((int)args[0]);
}

SYSCALL(fdatasync)
{
	return sync_fd((int)args[0]);
}
