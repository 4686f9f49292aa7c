// SPDX-License-Identifier: MIT
// System calls that make, remove and move names.
#include "kernel/cred.h"
#include "kernel/fs/internal.h"
#include "kernel/fs/names.h"
#include "kernel/syscall.h"
#include "mm/slab.h"
#include "mm/usercopy.h"

static uint32_t masked(uint32_t mode)
{
	return mode & ~READ_ONCE(current()->fs->umask);
}

static int64_t create_at(int dirfd, uint64_t path, uint32_t mode, devno_t rdev)
{
	struct walk w;
	int err = walk_to_parent(&w, dirfd, path);

	if (err)
		return err;
	err = name_create(&w, mode, rdev);
	walk_end(&w);
	return err;
}

SYSCALL(mkdirat)
{
	return create_at((int)args[0], args[1], S_IFDIR | masked((uint32_t)args[2] & 01777), 0);
}

SYSCALL(mknodat)
{
	uint32_t mode = (uint32_t)args[2], type = mode & S_IFMT, dev = (uint32_t)args[3];
	devno_t rdev = DEVNO((dev >> 8) & 0xfff, (dev & 0xff) | (dev >> 12 & 0xfff00));

	switch (type) {
	case 0: type = S_IFREG; break;
	case S_IFREG:
	case S_IFIFO:
	case S_IFSOCK: break;
	case S_IFCHR:
	case S_IFBLK:
		if (!current_capable(CAP_MKNOD))
			return -EPERM;
		break;
	case S_IFDIR: return -EPERM;
	default: return -EINVAL;
	}
	return create_at((int)args[0], args[1], type | masked(mode & 07777),
			 type == S_IFCHR || type == S_IFBLK ? rdev : 0);
}

SYSCALL(unlinkat)
{
	struct walk w;
	int err;

	if (args[2] & ~(uint64_t)AT_REMOVEDIR)
		return -EINVAL;
	err = walk_to_parent(&w, (int)args[0], args[1]);
	if (err)
		return err;
	err = name_remove(&w, args[2] & AT_REMOVEDIR);
	walk_end(&w);
	return err;
}

SYSCALL(symlinkat)
{
	char *target = kmalloc(PATH_MAX, 0);
	struct walk w;
	int64_t err;

	if (!target)
		return -ENOMEM;
	err = copy_string_from_user(target, (virt_addr_t)args[0], PATH_MAX);
	if (err == 0)
		err = -ENOENT;
	if (err > 0)
		err = walk_to_parent(&w, (int)args[1], args[2]);
	if (!err) {
		err = name_symlink(&w, target);
		walk_end(&w);
	}
	kfree(target);
	return err;
}

SYSCALL(linkat)
{
	unsigned flags = (unsigned)args[4];
	struct path from;
	struct walk w;
	int err;

	if (flags & ~(unsigned)(AT_SYMLINK_FOLLOW | AT_EMPTY_PATH))
		return -EINVAL;
	if (flags & AT_EMPTY_PATH && !current_capable(CAP_DAC_READ_SEARCH))
		return -ENOENT;
	err = path_lookup_user((int)args[0], args[1],
			       (flags & AT_EMPTY_PATH) |
				       (flags & AT_SYMLINK_FOLLOW ? 0 : AT_SYMLINK_NOFOLLOW),
			       &from);
	if (err)
		return err;
	err = walk_to_parent(&w, (int)args[2], args[3]);
	if (!err) {
		err = name_link(&w, &from,
				!(from.dentry->flags & DENTRY_HASHED) &&
					strcmp(from.dentry->name, "/#tmpfile") == 0);
		walk_end(&w);
	}
	path_put(from);
	return err;
}

static int64_t rename_at(const uint64_t *args, unsigned flags)
{
	struct walk from, to;
	int err = walk_to_parent(&from, (int)args[0], args[1]);

	if (err)
		return err;
	err = walk_to_parent(&to, (int)args[2], args[3]);
	if (!err) {
		err = name_rename(&from, &to, flags);
		walk_end(&to);
	}
	walk_end(&from);
	return err;
}

SYSCALL(renameat)
{
	return rename_at(args, 0);
}

SYSCALL(renameat2)
{
	return rename_at(args, (unsigned)args[4]);
}

static int64_t readlink_to(const struct path *p, uint64_t buf, size_t size)
{
	struct inode *i = p->dentry->inode;
	char *text;
	int64_t n;

	if (!S_ISLNK(i->mode) || !i->ops->readlink)
		return -EINVAL;
	text = kmalloc(PATH_MAX, 0);
	if (!text)
		return -ENOMEM;
	n = i->ops->readlink(i, text, PATH_MAX);
	if (n > 0) {
		n = MIN(n, (int64_t)size);
		if (copy_to_user((virt_addr_t)buf, text, (size_t)n))
			n = -EFAULT;
	}
	kfree(text);
	return n;
}

SYSCALL(readlinkat)
{
	struct path p;
	int64_t n;
	char empty;

	if ((int)args[3] <= 0)
		return -EINVAL;
	if (!args[1])
		return -EFAULT;
	/* An empty path means the descriptor itself, opened with O_PATH | O_NOFOLLOW. */
	n = path_lookup_user((int)args[0], args[1], AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH, &p);
	if (n)
		return n;
	n = readlink_to(&p, args[2], (size_t)(int)args[3]);
	if (n == -EINVAL && copy_string_from_user(&empty, args[1], sizeof(empty)) == 0)
		n = -ENOENT;
	path_put(p);
	return n;
}
