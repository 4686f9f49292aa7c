// SPDX-License-Identifier: MIT
/*
 * Open files: their life, and transfers between them and memory.
 *
 * A struct file is shared by everything that dup and fork made of it. Its position is under
 * pos_mutex, which is left out while a single descriptor of a single task leads to the file: then
 * nobody can be there at the same time.
 */
#include <linux/falloc.h>

#include "kernel/fs/internal.h"
#include "kernel/fs/poll.h"
#include "kernel/fs/seals.h"
#include "kernel/fs/vfs.h"
#include "kernel/log.h"
#include "mm/aspace.h"
#include "mm/slab.h"
#include "mm/usercopy.h"

static struct kmem_cache *file_cache;

/* The internal file system of pipes and other files without a place in a tree. */
static const struct super_type anon_type = { .name = "anon_inodefs" };
static const struct super_ops anon_super_ops = { 0 };
static const struct inode_ops anon_inode_ops = { 0 };
static struct super *anon_super;
static struct mount anon_mount = { .refs = 1, .flags = MOUNT_NOEXEC | MOUNT_NODEV };

static void area_file_get(void *file)
{
	struct file *f = file_get(file);

	if (f->ops->area)
		f->ops->area(f, 1);
}

static void area_file_put(void *file)
{
	struct file *f = file;

	if (f->ops->area)
		f->ops->area(f, -1);
	file_put(f);
}

static int area_file_path(void *file, char *buf, size_t size)
{
	return file_path(file, buf, size);
}

static int area_file_punch(void *file, uint64_t offset, uint64_t length)
{
	struct file *f = file;

	if (!f->ops->allocate)
		return -EOPNOTSUPP;
	return f->ops->allocate(f, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, offset, length);
}

static int area_file_sync(void *file, uint32_t first, uint32_t last)
{
	struct file *f = file;

	return f->ops->sync ? f->ops->sync(f, first, last) : 0;
}

int file_init(void)
{
	static const struct area_file_ops ops = { area_file_get, area_file_put, area_file_path,
						  area_file_punch, area_file_sync };

	file_cache = kmem_cache_create("file", sizeof(struct file), 0);
	anon_super = super_alloc(&anon_type, &anon_super_ops, 0x09041934, 0);
	if (!file_cache || !anon_super)
		return -ENOMEM;
	anon_super->refs = 1;
	anon_mount.super = anon_super;
	aspace_set_file_ops(&ops);
	return 0;
}

struct inode *anon_inode(uint32_t mode)
{
	struct inode *i = inode_alloc(anon_super, mode);

	if (!i)
		return NULL;
	inode_init_owner(i, NULL, mode);
	i->ops = &anon_inode_ops;
	return i;
}

static unsigned mode_of_flags(unsigned flags)
{
	if (flags & O_PATH)
		return FILE_PATH;
	switch (flags & O_ACCMODE) {
	case O_RDONLY: return FILE_READ;
	case O_WRONLY: return FILE_WRITE;
	default: return FILE_READ | FILE_WRITE;
	}
}

static struct file *file_alloc(unsigned mode, unsigned flags)
{
	struct file *f = kmem_cache_alloc(file_cache, ALLOC_ZERO);

	if (!f)
		return NULL;
	f->refs = 1;
	f->mode = mode;
	f->flags = flags & ~(unsigned)(O_CREAT | O_EXCL | O_NOCTTY | O_TRUNC | O_CLOEXEC);
	mutex_init(&f->pos_mutex);
	list_init(&f->epoll_items);
	return f;
}

struct file *file_create_anon(const struct file_ops *ops, struct inode *inode, unsigned mode,
			      unsigned flags, void *data)
{
	struct dentry *d;
	struct file *f;

	d = dentry_create_alone(inode_get(inode), "");
	f = d ? file_alloc(mode, flags) : NULL;
	if (!f) {
		if (d)
			dentry_put(d);
		inode_put(inode);
		return ERR_PTR(-ENOMEM);
	}
	mount_get(&anon_mount);
	f->ops = ops;
	f->inode = inode;
	f->path = (struct path){ &anon_mount, d };
	f->data = data;
	return f;
}

static const struct file_ops path_only_ops = { .name = "path" };

/* Which operations an inode's files have; NULL with *err. */
static const struct file_ops *ops_of(struct inode *i, unsigned flags, const struct mount *m,
				     int *err)
{
	*err = -ENXIO;
	if (flags & O_PATH)
		return &path_only_ops;
	if (S_ISFIFO(i->mode))
		return &fifo_ops;
	if (S_ISCHR(i->mode) || S_ISBLK(i->mode)) {
		*err = m->flags & MOUNT_NODEV ? -EACCES : -ENXIO;
		return m->flags & MOUNT_NODEV ? NULL : device_ops(i->mode, i->rdev);
	}
	return i->fops;
}

/* Counts a writer; -ETXTBSY while the file is being executed. */
static int writer_add(struct inode *i)
{
	int32_t n = atomic_load(&i->writers);

	do {
		if (n < 0)
			return -ETXTBSY;
	} while (!atomic_compare_exchange(&i->writers, &n, n + 1));
	return 0;
}

int file_deny_write(struct file *f)
{
	int32_t n = atomic_load(&f->inode->writers);

	do {
		if (n > 0)
			return -ETXTBSY;
	} while (!atomic_compare_exchange(&f->inode->writers, &n, n - 1));
	f->mode |= FILE_EXEC;
	return 0;
}

static void file_free(struct file *f)
{
	kmem_cache_free(file_cache, f);
}

struct file *file_open_path(const struct path *path, unsigned flags)
{
	struct inode *i = path->dentry->inode;
	int err;
	const struct file_ops *ops = ops_of(i, flags, path->mount, &err);
	struct file *f;

	if (!ops)
		return ERR_PTR(err);
	f = file_alloc(mode_of_flags(flags), flags);
	if (!f)
		return ERR_PTR(-ENOMEM);
	f->ops = ops;
	f->inode = i;
	f->path = *path;
	if (S_ISREG(i->mode) && f->mode & FILE_WRITE) {
		err = writer_add(i);
		if (err)
			goto fail;
		f->mode |= FILE_WRITER;
	}
	if (!(flags & O_PATH) && (S_ISREG(i->mode) || S_ISDIR(i->mode)))
		f->mode |= FILE_SEEK;
	f->ahead.max = READAHEAD_PAGES;
	if (i->object)
		f->sync_told = object_error_open(i->object);
	f->syncfs_told = write_error_open(&i->super->sync_errors);
	f->flags |= flags & O_EXCL; /* for open() alone */
	err = ops->open ? ops->open(f) : 0;
	f->flags &= ~(unsigned)O_EXCL;
	if (err) {
		if (f->mode & FILE_WRITER)
			__atomic_sub_fetch(&i->writers, 1, __ATOMIC_RELAXED);
		goto fail;
	}
	inode_get(i);
	return f;
fail:
	file_free(f);
	return ERR_PTR(err);
}

struct file *file_get(struct file *f)
{
	atomic_inc(&f->refs);
	return f;
}

void file_put(struct file *f)
{
	struct inode *i;

	if (atomic_dec(&f->refs) != 0)
		return;
	i = f->inode;
	if (!list_empty(&f->epoll_items))
		epoll_file_gone(f);
	if (READ_ONCE(i->locks))
		file_locks_release(f);
	if (f->ops->release)
		f->ops->release(f);
	if (f->mode & FILE_WRITER)
		__atomic_sub_fetch(&i->writers, 1, __ATOMIC_RELAXED);
	if (f->mode & FILE_EXEC)
		__atomic_add_fetch(&i->writers, 1, __ATOMIC_RELAXED);
	path_put(f->path);
	inode_put(i);
	file_free(f);
}

int64_t file_cannot_read(const struct file *f)
{
	if (!(f->mode & FILE_READ))
		return -EBADF;
	return S_ISDIR(f->inode->mode) ? -EISDIR : -EINVAL;
}

int64_t file_cannot_write(const struct file *f)
{
	return f->mode & FILE_WRITE ? -EINVAL : -EBADF;
}

int io_put(struct io *io, const void *src, size_t n)
{
	DEBUG_ASSERT(n <= io->n);
	if (!io->user)
		memcpy((void *)io->buf, src, n);
	else if (copy_to_user(io->buf, src, n))
		return -EFAULT;
	io->buf += n;
	io->n -= n;
	return 0;
}

int io_get(struct io *io, void *dst, size_t n)
{
	DEBUG_ASSERT(n <= io->n);
	if (!io->user)
		memcpy(dst, (const void *)io->buf, n);
	else if (copy_from_user(dst, io->buf, n))
		return -EFAULT;
	io->buf += n;
	io->n -= n;
	return 0;
}

unsigned file_poll(struct file *f, struct poll_table *pt)
{
	if (!f->ops->poll)
		return POLL_READABLE | POLL_WRITABLE;
	return f->ops->poll(f, pt);
}

int64_t file_read_kernel(struct file *f, uint64_t pos, void *buf, size_t n)
{
	struct io io = { .buf = (uintptr_t)buf, .n = n, .pos = pos };

	return file_read(f, &io);
}

int file_map_object(struct file *f, unsigned area_flags, uint64_t offset, struct object **object,
		    bool *may_write)
{
	bool shared = area_flags & AREA_SHARED;

	if (f->mode & FILE_PATH)
		return -EBADF;
	if (!(f->mode & FILE_READ) ||
	    (shared && area_flags & AREA_WRITE && !(f->mode & FILE_WRITE)))
		return -EACCES;
	if (area_flags & AREA_EXEC && f->path.mount->flags & MOUNT_NOEXEC &&
	    f->path.mount != &anon_mount)
		return -EPERM;
	*may_write = !shared || f->mode & FILE_WRITE;
	if (shared) {
		int err = seals_check_map(f, area_flags & AREA_WRITE, may_write);

		if (err)
			return err;
	}
	if (f->ops->map)
		return f->ops->map(f, area_flags, offset, object);
	if (!f->inode->object)
		return -ENODEV;
	*object = object_get(f->inode->object);
	inode_accessed(f->inode, f->path.mount);
	return 0;
}

int file_text(struct file *f, const struct path *root, char *buf, size_t size)
{
	unsigned long long ino = f->inode->ino;
	int n;

	/* A dentry that is its own parent without being a root never had a directory: memfd,
	 * O_TMPFILE. */
	if (f->path.dentry->name_len && f->path.dentry->parent == f->path.dentry &&
	    f->path.dentry != f->path.mount->root)
		n = format(buf, size, "%s (deleted)", f->path.dentry->name);
	else if (f->path.mount != &anon_mount)
		return path_text(&f->path, root, buf, size);
	else if (S_ISFIFO(f->inode->mode))
		n = format(buf, size, "pipe:[%llu]", ino);
	else
		n = format(buf, size, "anon_inode:%s", f->ops->name ? f->ops->name : "");
	return (size_t)n < size ? n : -ERANGE;
}

int file_path(struct file *f, char *buf, size_t size)
{
	struct path root = fs_root();
	int n = file_text(f, &root, buf, size);

	path_put(root);
	return n;
}
