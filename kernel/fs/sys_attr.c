// SPDX-License-Identifier: MIT
// System calls that check or change attributes: access, chmod, chown, utimens, truncate, fallocate,
// extended attributes.
#include <linux/resource.h>
#include <linux/time_types.h>

#include "kernel/cred.h"
#include "kernel/fs/files.h"
#include "kernel/fs/internal.h"
#include "kernel/fs/walk.h"
#include "kernel/process.h"
#include "kernel/syscall.h"
#include "mm/usercopy.h"

static int64_t access_at(int dirfd, uint64_t path, unsigned mode, unsigned flags)
{
	struct path p;
	int64_t err;

	if (mode & ~7u || flags & ~(unsigned)(AT_EACCESS | AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
		return -EINVAL;
	err = path_lookup_user(dirfd, path, flags, &p);
	if (err)
		return err;
	if (mode)
		err = inode_access(p.dentry->inode, mode, flags & AT_EACCESS);
	if (!err && mode & MAY_WRITE && mount_is_rdonly(&p) &&
	    (S_ISREG(p.dentry->inode->mode) || S_ISDIR(p.dentry->inode->mode)))
		err = -EROFS;
	if (!err && mode & MAY_EXEC && S_ISREG(p.dentry->inode->mode) &&
	    p.mount->flags & MOUNT_NOEXEC)
		err = -EACCES;
	path_put(p);
	return err;
}

SYSCALL(faccessat)
{
	return access_at((int)args[0], args[1], (unsigned)args[2], 0);
}

SYSCALL(faccessat2)
{
	return access_at((int)args[0], args[1], (unsigned)args[2], (unsigned)args[3]);
}

/* A check and a change under the inode's mutex. */
typedef int (*attr_check)(struct inode *i, struct attr *a);

static int64_t change(const struct path *p, struct attr *a, attr_check check)
{
	struct inode *i = p->dentry->inode;
	int err;

	if (mount_is_rdonly(p))
		return -EROFS;
	mutex_lock(&i->mutex);
	err = check(i, a);
	if (!err)
		err = inode_setattr(i, a);
	mutex_unlock(&i->mutex);
	return err;
}

static int64_t change_at(int dirfd, uint64_t path, unsigned flags, struct attr *a, attr_check check)
{
	struct path p;
	int64_t err = path_lookup_user(dirfd, path, flags, &p);

	if (err)
		return err;
	err = change(&p, a, check);
	path_put(p);
	return err;
}

static int64_t change_fd(int fd, struct attr *a, attr_check check)
{
	struct fdref r = fd_borrow(fd);
	int64_t err;

	if (!r.file)
		return -EBADF;
	err = r.file->mode & FILE_PATH ? -EBADF : change(&r.file->path, a, check);
	fd_return(r);
	return err;
}

static int may_chmod(struct inode *i, struct attr *a)
{
	if (S_ISLNK(i->mode))
		return -EOPNOTSUPP;
	if (!inode_owner_or_root(i))
		return -EPERM;
	/* Set-gid is for members of the group. */
	if (!current_capable(CAP_FSETID) && !cred_in_group(current()->cred, i->gid))
		a->mode &= ~(uint32_t)S_ISGID;
	return 0;
}

SYSCALL(fchmod)
{
	struct attr a = { .valid = ATTR_MODE, .mode = (uint32_t)args[1] };

	return change_fd((int)args[0], &a, may_chmod);
}

SYSCALL(fchmodat)
{
	struct attr a = { .valid = ATTR_MODE, .mode = (uint32_t)args[2] };

	return change_at((int)args[0], args[1], 0, &a, may_chmod);
}

static int may_chown(struct inode *i, struct attr *a)
{
	const struct cred *c = current()->cred;

	if (a->valid & ATTR_UID && a->uid != i->uid && !current_capable(CAP_CHOWN))
		return -EPERM;
	if (a->valid & ATTR_GID && a->gid != i->gid && !current_capable(CAP_CHOWN) &&
	    (c->fsuid != i->uid || !cred_in_group(c, a->gid)))
		return -EPERM;
	if (!inode_owner_or_root(i))
		return -EPERM;
	if (!S_ISDIR(i->mode) && i->mode & (S_ISUID | S_ISGID)) {
		a->valid |= ATTR_MODE;
		a->mode = i->mode & ~(uint32_t)(S_ISUID | (i->mode & 0010 ? S_ISGID : 0));
	}
	return 0;
}

static struct attr chown_attr(uint32_t uid, uint32_t gid)
{
	struct attr a = { .uid = uid, .gid = gid };

	a.valid = (uid != UINT32_MAX ? ATTR_UID : 0) | (gid != UINT32_MAX ? ATTR_GID : 0);
	return a;
}

SYSCALL(fchown)
{
	struct attr a = chown_attr((uint32_t)args[1], (uint32_t)args[2]);

	return change_fd((int)args[0], &a, may_chown);
}

SYSCALL(fchownat)
{
	struct attr a = chown_attr((uint32_t)args[2], (uint32_t)args[3]);

	if (args[4] & ~(uint64_t)(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
		return -EINVAL;
	return change_at((int)args[0], args[1], (unsigned)args[4], &a, may_chown);
}

static int may_set_times(struct inode *i, struct attr *a)
{
	(void)a;
	return inode_owner_or_root(i) ? 0 : -EPERM;
}

/* Both "now": whoever may write may do it. */
static int may_touch(struct inode *i, struct attr *a)
{
	(void)a;
	if (inode_owner_or_root(i))
		return 0;
	return inode_permission(i, MAY_WRITE);
}

/* One of the two times of utimensat. 0 or -EINVAL. */
static int time_choice(const struct __kernel_timespec *t, unsigned bit, struct attr *a,
		       int64_t *out)
{
	if (t->tv_nsec == ((1l << 30) - 2l)) /* UTIME_OMIT */
		return 0;
	a->valid |= bit;
	if (t->tv_nsec == ((1l << 30) - 1l)) { /* UTIME_NOW */
		*out = (int64_t)time_wall();
		return 0;
	}
	if (t->tv_nsec < 0 || t->tv_nsec >= (int64_t)NSEC_PER_SEC)
		return -EINVAL;
	/* Times beyond what 64 bits of nanoseconds hold become the nearest that they do. */
	if (__builtin_mul_overflow(t->tv_sec, (int64_t)NSEC_PER_SEC, out) ||
	    __builtin_add_overflow(*out, t->tv_nsec, out))
		*out = t->tv_sec < 0 ? INT64_MIN : INT64_MAX;
	return 0;
}

SYSCALL(utimensat)
{
	struct __kernel_timespec t[2] = { { 0, (1l << 30) - 1l }, { 0, (1l << 30) - 1l } };
	struct attr a = { 0 };
	attr_check check = may_set_times;
	int err;

	if (args[3] & ~(uint64_t)(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
		return -EINVAL;
	if (args[2] && copy_from_user(t, (virt_addr_t)args[2], sizeof(t)))
		return -EFAULT;
	err = time_choice(&t[0], ATTR_ATIME, &a, &a.atime);
	if (!err)
		err = time_choice(&t[1], ATTR_MTIME, &a, &a.mtime);
	if (err)
		return err;
	if (!a.valid)
		return 0; /* nothing to do: not even the path is looked at */
	if (t[0].tv_nsec == (1l << 30) - 1l && t[1].tv_nsec == (1l << 30) - 1l)
		check = may_touch;
	if (!args[1] && (int)args[0] != AT_FDCWD)
		return change_fd((int)args[0], &a, check);
	return change_at((int)args[0], args[1], (unsigned)args[3], &a, check);
}

static int may_truncate(struct inode *i, struct attr *a)
{
	if (S_ISDIR(i->mode))
		return -EISDIR;
	if (!S_ISREG(i->mode))
		return -EINVAL;
	if (a->size > inode_size(i) && a->size > process_limit(RLIMIT_FSIZE)) {
		signal_send(current(), SIGXFSZ, NULL);
		return -EFBIG;
	}
	if (i->super->max_size && a->size > i->super->max_size)
		return -EFBIG;
	return a->size >> PAGE_SHIFT >= UINT32_MAX ? -EFBIG : 0;
}

static int may_truncate_path(struct inode *i, struct attr *a)
{
	int err = may_truncate(i, a);

	if (!err)
		err = inode_permission(i, MAY_WRITE);
	return err ? err : atomic_load(&i->writers) < 0 ? -ETXTBSY : 0;
}

SYSCALL(truncate)
{
	struct attr a = { .valid = ATTR_SIZE, .size = args[1] };

	if ((int64_t)args[1] < 0)
		return -EINVAL;
	return change_at(AT_FDCWD, args[0], 0, &a, may_truncate_path);
}

SYSCALL(ftruncate)
{
	struct attr a = { .valid = ATTR_SIZE, .size = args[1] };
	struct fdref r;
	int64_t err;

	if ((int64_t)args[1] < 0)
		return -EINVAL;
	r = fd_borrow((int)args[0]);
	if (!r.file)
		return -EBADF;
	if (r.file->mode & FILE_PATH)
		err = -EBADF;
	else
		err = r.file->mode & FILE_WRITE ? change(&r.file->path, &a, may_truncate) : -EINVAL;
	fd_return(r);
	return err;
}

SYSCALL(fallocate)
{
	struct fdref r;
	uint64_t end;
	int64_t err;

	if ((int64_t)args[2] < 0 || (int64_t)args[3] <= 0)
		return -EINVAL;
	if (__builtin_add_overflow(args[2], args[3], &end) || (int64_t)end < 0)
		return -EFBIG;
	r = fd_borrow((int)args[0]);
	if (!r.file)
		return -EBADF;
	if (!(r.file->mode & FILE_WRITE))
		err = -EBADF;
	else if (S_ISFIFO(r.file->inode->mode))
		err = -ESPIPE;
	else if (!S_ISREG(r.file->inode->mode))
		err = -ENODEV;
	else if (!r.file->ops->allocate)
		err = -EOPNOTSUPP;
	else
		err = r.file->ops->allocate(r.file, (int)args[1], args[2], args[3]);
	fd_return(r);
	return err;
}

SYSCALL(umask)
{
	struct fs_context *c = current()->fs;
	uint32_t old;

	spin_lock(&c->lock);
	old = c->umask;
	c->umask = (uint32_t)args[0] & 0777;
	spin_unlock(&c->lock);
	return old;
}
