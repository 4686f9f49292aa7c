// SPDX-License-Identifier: MIT
// memfd_create(2): a tmpfs file without a name in any directory, on an instance of tmpfs that is mounted nowhere.
#include <linux/memfd.h>

#include "kernel/fs/internal.h"
#include "kernel/syscall.h"
#include "mm/slab.h"
#include "mm/usercopy.h"

#define NAME_SIZE 250 /* with the terminator, as memfd_create(2) limits it */

static struct mount memfd_mount = { .refs = 1, .flags = MOUNT_NODEV };

int memfd_init(void)
{
	struct super *s = tmpfs_type.create(&tmpfs_type, "memfd", "", 0);

	if (IS_ERR(s))
		return PTR_ERR(s);
	s->refs = 1;
	memfd_mount.super = s;
	memfd_mount.root = s->root;
	return 0;
}

static struct file *memfd_file(const char *name, const struct file_ops *ops, uint32_t seals)
{
	struct inode *dir = memfd_mount.root->inode, *i;
	struct path p = { &memfd_mount, NULL };
	struct file *f;
	int err = dir->ops->tmpfile(dir, S_IFREG | 0777, &i);

	if (err)
		return ERR_PTR(-ENOMEM);
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

struct file *file_create_unnamed(const char *name, uint64_t size, const struct file_ops *ops)
{
	struct file *f = memfd_file(name, ops, F_SEAL_SEAL);
	int err;

	if (IS_ERR(f))
		return f;
	err = object_truncate(f->inode->object, size);
	if (err == 0)
		return f;
	file_put(f);
	return ERR_PTR(err);
}

SYSCALL(memfd_create)
{
	static const char prefix[] = "/memfd:";
	unsigned flags = (unsigned)args[1];
	char *name;
	int64_t n;

	if (flags &
	    ~(MFD_CLOEXEC | MFD_ALLOW_SEALING |
	      (flags & MFD_HUGETLB ? MFD_HUGETLB | (unsigned)MFD_HUGE_MASK << MFD_HUGE_SHIFT : 0)))
		return -EINVAL;
	name = kmalloc(sizeof(prefix) + NAME_SIZE, 0);
	if (!name)
		return -ENOMEM;
	memcpy(name, prefix, sizeof(prefix));
	n = copy_string_from_user(name + sizeof(prefix) - 1, (virt_addr_t)args[0], NAME_SIZE);
	if (n == -ENAMETOOLONG)
		n = -EINVAL;
	/* The pool of huge pages serves private memory alone: as a Linux without files of them. */
	if (n >= 0 && (flags & MFD_HUGETLB))
		n = -ENOSYS;
	if (n >= 0)
		n = fd_for(memfd_file(name, &tmpfs_file_ops,
				      flags & MFD_ALLOW_SEALING ? 0 : F_SEAL_SEAL),
			   flags & MFD_CLOEXEC ? O_CLOEXEC : 0);
	kfree(name);
	return n;
}
