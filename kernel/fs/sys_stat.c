// SPDX-License-Identifier: MIT
// System calls that tell about files and file systems: stat, statx, statfs.
#include <asm/stat.h>
#include <asm/statfs.h>
#include <linux/mount.h>

#include "kernel/fs/files.h"
#include "kernel/fs/internal.h"
#include "kernel/fs/walk.h"
#include "kernel/syscall.h"
#include "kernel/time.h"
#include "mm/huge.h"
#include "mm/usercopy.h"

static void split_time(int64_t ns, int64_t *sec, uint32_t *nsec)
{
	int64_t rest = ns % (int64_t)NSEC_PER_SEC;

	*sec = ns / (int64_t)NSEC_PER_SEC - (rest < 0);
	*nsec = (uint32_t)(rest < 0 ? rest + (int64_t)NSEC_PER_SEC : rest);
}

/* The pages that i's contents are in. */
static uint64_t page_size_of(const struct inode *i)
{
	return i->object && object_is_huge(i->object) ? HUGE_SIZE : PAGE_SIZE;
}

static uint64_t blocks_of(const struct inode *i)
{
	if (i->super->flags & SUPER_DISK)
		return READ_ONCE(i->blocks);
	if (!i->object)
		return 0;
	/* In 512-byte units. What is in memory or in swap is what the file takes. */
	return ((uint64_t)READ_ONCE(i->object->nr_pages) + READ_ONCE(i->object->nr_swapped)) *
	       (page_size_of(i) / 512);
}

static int64_t stat_inode(struct inode *i, uint64_t dst)
{
	struct stat st = { 0 };
	int64_t sec;
	uint32_t nsec;

	if (i->ops->getattr)
		i->ops->getattr(i);
	st.st_dev = DEVNO_USER(i->super->dev);
	st.st_ino = i->ino;
	st.st_mode = i->mode;
	st.st_nlink = i->nlink;
	st.st_uid = i->uid;
	st.st_gid = i->gid;
	st.st_rdev = DEVNO_USER(i->rdev);
	st.st_size = (long)inode_size(i);
	st.st_blksize = (int)page_size_of(i);
	st.st_blocks = (long)blocks_of(i);
	split_time(i->atime, &sec, &nsec);
	st.st_atime = sec, st.st_atime_nsec = nsec;
	split_time(i->mtime, &sec, &nsec);
	st.st_mtime = sec, st.st_mtime_nsec = nsec;
	split_time(i->ctime, &sec, &nsec);
	st.st_ctime = sec, st.st_ctime_nsec = nsec;
	return copy_to_user((virt_addr_t)dst, &st, sizeof(st));
}

SYSCALL(fstat)
{
	struct fdref r = fd_borrow((int)args[0]);
	int64_t err;

	if (!r.file)
		return -EBADF;
	err = stat_inode(r.file->inode, args[1]);
	fd_return(r);
	return err;
}

#define STAT_FLAGS (AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH | AT_NO_AUTOMOUNT)

SYSCALL(newfstatat)
{
	unsigned flags = (unsigned)args[3];
	struct path p;
	int64_t err;

	if (flags & ~(unsigned)STAT_FLAGS)
		return -EINVAL;
	err = path_lookup_user((int)args[0], args[1], flags, &p);
	if (err)
		return err;
	err = stat_inode(p.dentry->inode, args[2]);
	path_put(p);
	return err;
}

static struct statx_timestamp statx_time(int64_t ns)
{
	struct statx_timestamp t = { 0 };
	int64_t sec;

	split_time(ns, &sec, &t.tv_nsec);
	t.tv_sec = sec;
	return t;
}

static int64_t statx_path(const struct path *p, uint64_t dst)
{
	struct inode *i = p->dentry->inode;
	struct statx st = { .stx_mask = STATX_BASIC_STATS,
			    .stx_blksize = (uint32_t)page_size_of(i) };

	if (i->ops->getattr)
		i->ops->getattr(i);
	st.stx_nlink = i->nlink;
	st.stx_uid = i->uid;
	st.stx_gid = i->gid;
	st.stx_mode = (uint16_t)i->mode;
	st.stx_ino = i->ino;
	st.stx_size = inode_size(i);
	st.stx_blocks = blocks_of(i);
	st.stx_atime = statx_time(i->atime);
	st.stx_mtime = statx_time(i->mtime);
	st.stx_ctime = statx_time(i->ctime);
	st.stx_rdev_major = i->rdev >> 20;
	st.stx_rdev_minor = i->rdev & 0xfffff;
	st.stx_dev_major = i->super->dev >> 20;
	st.stx_dev_minor = i->super->dev & 0xfffff;
	st.stx_attributes_mask = STATX_ATTR_MOUNT_ROOT;
	if (p->dentry == p->mount->root)
		st.stx_attributes |= STATX_ATTR_MOUNT_ROOT;
	return copy_to_user((virt_addr_t)dst, &st, sizeof(st));
}

SYSCALL(statx)
{
	unsigned flags = (unsigned)args[2];
	struct path p;
	int64_t err;

	if (flags & ~(unsigned)(STAT_FLAGS | AT_STATX_SYNC_TYPE) ||
	    (flags & AT_STATX_SYNC_TYPE) == AT_STATX_SYNC_TYPE)
		return -EINVAL;
	if (args[3] & STATX__RESERVED)
		return -EINVAL;
	err = path_lookup_user((int)args[0], args[1], flags, &p);
	if (err)
		return err;
	err = statx_path(&p, args[4]);
	path_put(p);
	return err;
}

static int64_t statfs_path(const struct path *p, uint64_t dst)
{
	struct super *s = p->dentry->inode->super;
	struct statfs st = { 0 };
	int err;

	st.f_type = (__statfs_word)s->magic;
	st.f_bsize = st.f_frsize = PAGE_SIZE;
	st.f_namelen = NAME_MAX;
	st.f_fsid.val[0] = (int)s->dev;
	/* ST_VALID, and the mount's flags, which have the same values for the first four and
	 * noatime; relatime moves (statfs(2)). */
	st.f_flags =
		0x20 |
		(p->mount->flags & (MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_NOATIME)) |
		(p->mount->flags & MS_NOATIME ? 0 : 0x1000);
	err = s->ops->statfs ? s->ops->statfs(s, &st) : 0;
	return err ? err : copy_to_user((virt_addr_t)dst, &st, sizeof(st));
}

SYSCALL(statfs)
{
	struct path p;
	int64_t err = path_lookup_user(AT_FDCWD, args[0], 0, &p);

	if (err)
		return err;
	err = statfs_path(&p, args[1]);
	path_put(p);
	return err;
}

SYSCALL(fstatfs)
{
	struct fdref r = fd_borrow((int)args[0]);
	int64_t err;

	if (!r.file)
		return -EBADF;
	err = statfs_path(&r.file->path, args[1]);
	fd_return(r);
	return err;
}
