// SPDX-License-Identifier: MIT
/*
 * Seals (memfd_create(2), fcntl(2)). They are bits of the inode that only ever come; every file of
 * tmpfs begins with F_SEAL_SEAL, but for a memfd made with MFD_ALLOW_SEALING. All that could break
 * one looks at them under the inode's mutex, under which they are added; mappings, which do not
 * take it, are counted by the object: F_SEAL_WRITE denies it writers, or fails while there are any.
 */
#include "kernel/fs/seals.h"

#include "kernel/fs/internal.h"

#define SEALS_KNOWN (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | SEALS_WRITE)

static bool has_seals(const struct file *f)
{
	return f->ops == &tmpfs_file_ops || f->ops == &huge_file_ops;
}

static int seals_add_locked(struct inode *i, uint32_t seals)
{
	int err = 0;

	if (i->seals & F_SEAL_SEAL)
		return -EPERM;
	if (seals & F_SEAL_WRITE)
		err = object_deny_writers(i->object);
	if (err == 0)
		WRITE_ONCE(i->seals, i->seals | seals);
	return err;
}

static int64_t seals_add(struct file *f, uint64_t seals)
{
	int err;

	if (!(f->mode & FILE_WRITE))
		return -EPERM;
	if ((uint32_t)seals & ~(uint32_t)SEALS_KNOWN || !has_seals(f))
		return -EINVAL;
	mutex_lock(&f->inode->mutex);
	err = seals_add_locked(f->inode, (uint32_t)seals);
	mutex_unlock(&f->inode->mutex);
	return err;
}

int64_t seals_fcntl(struct file *f, unsigned cmd, uint64_t arg)
{
	if (cmd == F_ADD_SEALS)
		return seals_add(f, arg);
	return has_seals(f) ? (int64_t)READ_ONCE(f->inode->seals) : -EINVAL;
}

int seals_check_size(const struct inode *i, uint64_t size)
{
	uint64_t now = inode_size(i);

	if ((i->seals & F_SEAL_GROW && size > now) || (i->seals & F_SEAL_SHRINK && size < now))
		return -EPERM;
	return 0;
}

/* A write that would make the file longer stops before the page that holds the end. */
int64_t seals_check_write(const struct inode *i, uint64_t pos, uint64_t n)
{
	uint64_t room = ALIGN_DOWN(inode_size(i), PAGE_SIZE);

	if (i->seals & SEALS_WRITE)
		return -EPERM;
	if (!(i->seals & F_SEAL_GROW) || pos + n <= inode_size(i))
		return (int64_t)n;
	return pos < room ? (int64_t)(room - pos) : -EPERM;
}

int seals_check_map(const struct file *f, bool write, bool *may_write)
{
	if (!(READ_ONCE(f->inode->seals) & SEALS_WRITE) || !(f->mode & FILE_WRITE))
		return 0;
	*may_write = false;
	return write ? -EPERM : 0;
}
