// SPDX-License-Identifier: MIT
/*
 * memfd_create(2): a tmpfs file without a name in any directory, on an instance of tmpfs that is
 * mounted nowhere. With MFD_HUGETLB its object is one of huge pages, and what can be done with it
 * is what hugetlbfs has: it is mapped, read, cut and filled, but not written to.
 */
#include <linux/falloc.h>
#include <linux/memfd.h>

#include "kernel/fs/internal.h"
#include "kernel/fs/regular.h"
#include "kernel/fs/seals.h"
#include "kernel/syscall.h"
#include "mm/huge.h"
#include "mm/slab.h"
#include "mm/usercopy.h"

#define NAME_SIZE 250 /* with the terminator, as memfd_create(2) limits it */

static struct mount memfd_mount = { .refs = 1, .flags = MOUNT_NODEV };

int memfd_init(void)
{
	struct super *s = tmpfs_type.create(&tmpfs_type, "memfd", "", 0);

	if (IS_ERR(s))
		return PTR_ERR(s);
	tmpfs_make_roomy(s);
	s->refs = 1;
	memfd_mount.super = s;
	memfd_mount.root = s->root;
	return 0;
}

/* ---- Files of huge pages ---- */

static uint32_t page_of(uint64_t at)
{
	return (uint32_t)(at >> PAGE_SHIFT);
}

static int64_t huge_read(struct file *f, struct io *io)
{
	uint64_t size = inode_size(f->inode), pos = io->pos;
	int err = 0;

	while (io->n > 0 && pos < size && !err) {
		size_t offset = pos % PAGE_SIZE, n = MIN(io->n, PAGE_SIZE - offset);
		struct page *p = huge_object_page(f->inode->object, page_of(pos));

		err = io_put(io, (char *)page_to_virt(p ? p : zero_page) + offset, n);
		if (p)
			page_put(p);
		pos += err ? 0 : n;
	}
	return pos > io->pos ? (int64_t)(pos - io->pos) : err;
}

static int huge_allocate_locked(struct inode *i, int mode, uint64_t off, uint64_t end)
{
	uint64_t size = inode_size(i);
	int err;

	if (mode & FALLOC_FL_PUNCH_HOLE) {
		off = ALIGN_UP(off, HUGE_SIZE);
		end = ALIGN_DOWN(end, HUGE_SIZE);
		if (i->seals & SEALS_WRITE)
			return -EPERM;
		if (off < end)
			huge_object_punch(i->object, page_of(off), page_of(end) - 1);
		return 0;
	}
	end = ALIGN_UP(end, HUGE_SIZE);
	if (i->seals & F_SEAL_GROW && end > size)
		return -EPERM;
	if (end > size && mode & FALLOC_FL_KEEP_SIZE)
		return -EOPNOTSUPP; /* as in tmpfs */
	err = end > size ? object_truncate(i->object, end) : 0;
	return err ? err
		   : huge_object_fill(i->object, page_of(ALIGN_DOWN(off, HUGE_SIZE)),
				      page_of(end) - 1);
}

static int huge_allocate(struct file *f, int mode, uint64_t off, uint64_t len)
{
	struct inode *i = f->inode;
	int err;

	if (!regular_allocate_known(mode))
		return -EOPNOTSUPP;
	if ((off + len) >> PAGE_SHIFT >= UINT32_MAX - (HUGE_SIZE >> PAGE_SHIFT))
		return -EFBIG;
	mutex_lock(&i->mutex);
	err = huge_allocate_locked(i, mode, off, off + len);
	if (!err)
		inode_touch(i);
	mutex_unlock(&i->mutex);
	return err;
}

const struct file_ops huge_file_ops = {
	.read = huge_read,
	.allocate = huge_allocate,
};

/* The object has its new size already: what was promised behind it is not any more. */
static int huge_setattr(struct inode *i, const struct attr *a)
{
	if (a->valid & ATTR_SIZE)
		huge_object_cut(i->object, page_of(a->size));
	return 0;
}

static const struct inode_ops huge_inode_ops = { .setattr = huge_setattr };

static int make_huge(struct inode *i)
{
	struct object *o = huge_object_create(0);

	if (!o)
		return -ENOMEM;
	object_put(i->object);
	i->object = o;
	i->ops = &huge_inode_ops;
	return 0;
}

/* ---- Files ---- */

/* Of huge pages, or of tmpfs. ERR_PTR: -ENOMEM. */
static struct file *memfd_file(const char *name, bool huge, const struct file_ops *ops,
			       uint32_t seals)
{
	struct inode *dir = memfd_mount.root->inode, *i;
	struct path p = { &memfd_mount, NULL };
	struct file *f;

	if (dir->ops->tmpfile(dir, S_IFREG | 0777, &i))
		return ERR_PTR(-ENOMEM);
	if (huge && make_huge(i)) {
		inode_put(i);
		return ERR_PTR(-ENOMEM);
	}
	i->seals = seals;
	i->fops = ops;
	p.dentry = dentry_create_alone(i, name);
	if (!p.dentry)
		return ERR_PTR(-ENOMEM);
	mount_get(p.mount);
	f = file_open_path(&p, O_RDWR);
	if (IS_ERR(f))
		path_put(p);
	return f;
}

struct file *file_create_unnamed(const char *name, bool huge, uint64_t size,
				 const struct file_ops *ops)
{
	struct file *f = memfd_file(name, huge, ops, F_SEAL_SEAL);
	int err;

	if (IS_ERR(f))
		return f;
	err = object_truncate(f->inode->object, size);
	if (err == 0)
		return f;
	file_put(f);
	return ERR_PTR(err);
}

/* Why there is no file of pages of that size: 0, -EINVAL, -ENODEV. */
static int check_huge_memfd(unsigned flags)
{
	unsigned size = flags & (unsigned)MFD_HUGE_MASK << MFD_HUGE_SHIFT;

	if (!(flags & MFD_HUGETLB))
		return size ? -EINVAL : 0;
	return size && size != MFD_HUGE_2MB ? -ENODEV : 0;
}

SYSCALL(memfd_create)
{
	static const char prefix[] = "/memfd:";
	unsigned flags = (unsigned)args[1];
	bool huge = flags & MFD_HUGETLB;
	char *name;
	int64_t n;

	if (flags & ~(MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_HUGETLB |
		      (unsigned)MFD_HUGE_MASK << MFD_HUGE_SHIFT) ||
	    check_huge_memfd(flags) == -EINVAL)
		return -EINVAL;
	name = kmalloc(sizeof(prefix) + NAME_SIZE, 0);
	if (!name)
		return -ENOMEM;
	memcpy(name, prefix, sizeof(prefix));
	n = copy_string_from_user(name + sizeof(prefix) - 1, (virt_addr_t)args[0], NAME_SIZE);
	if (n == -ENAMETOOLONG)
		n = -EINVAL;
	if (n >= 0)
		n = check_huge_memfd(flags);
	if (n >= 0)
		n = fd_for(memfd_file(name, huge, huge ? &huge_file_ops : &tmpfs_file_ops,
				      flags & MFD_ALLOW_SEALING ? 0 : F_SEAL_SEAL),
			   flags & MFD_CLOEXEC ? O_CLOEXEC : 0);
	kfree(name);
	return n;
}
