// SPDX-License-Identifier: MIT
/*
 * tmpfs: files in memory. Directories are the dentry tree itself (SUPER_TREE); a regular file is an
 * anonymous object (mm/object.h), whose pages may go to swap like any other; the target of a
 * symbolic link is a string, or, from LINK_PAGED bytes on, as with Linux, such an object's page.
 *
 * devtmpfs is the same with a node for every registered device.
 *
 * Space: a mount has a limit, as Linux's: half of RAM, or size=. The root's, which includes what
 * the initramfs gave it, and that of files without a mount are all of RAM and swap but what
 * programs need to run at all, a quarter of RAM. Each page counts from the moment that it comes, by
 * write(2) or by a store through a mapping (struct object_room), until its file goes: a mapping may
 * keep the pages a little longer.
 *
 * Inodes: what is not in pages is limited by number, as Linux does it: half as many as RAM has
 * pages, or nr_inodes=. A further link to a file counts like a file, for its name takes memory as
 * well. What the initramfs brought to the root does not use up the limit; files without a mount
 * have none but descriptors'.
 */
#include <linux/falloc.h>
#include <linux/magic.h>
#include <linux/mount.h>
#include <asm/statfs.h>

#include "kernel/fs/dev.h"
#include "kernel/fs/internal.h"
#include "kernel/fs/regular.h"
#include "kernel/fs/seals.h"
#include "mm/buddy.h"
#include "mm/commit.h"
#include "mm/slab.h"
#include "mm/swap.h"

#define LINK_PAGED    128
#define FILE_SIZE_MAX ((uint64_t)UINT32_MAX << PAGE_SHIFT)

struct tmpfs {
	uint64_t limit; /* pages: half of RAM, or what size= says; 0: none */
	bool limit_given, inodes_given;
	bool roomy;              /* the limit is what RAM and swap can hold */
	struct object_room room; /* that the files' pages count in */
	uint64_t inodes;         /* and further links; atomic */
	uint64_t inodes_max;     /* 0: no limit */
	uint32_t mode, uid, gid; /* of the root */
};

static struct tmpfs *tmpfs_of(const struct inode *i)
{
	return i->super->data;
}

static void inode_give(struct tmpfs *t)
{
	(void)__atomic_sub_fetch(&t->inodes, 1, __ATOMIC_RELAXED);
}

static bool inode_take(struct tmpfs *t)
{
	uint64_t max = READ_ONCE(t->inodes_max);

	if (__atomic_add_fetch(&t->inodes, 1, __ATOMIC_RELAXED) <= max || max == 0)
		return true;
	inode_give(t);
	return false;
}

static bool object_make(struct inode *i)
{
	i->object = object_create_anon(0);
	if (i->object)
		object_enter_room(i->object, &tmpfs_of(i)->room);
	return i->object;
}

static struct inode *tmpfs_inode(struct super *s, struct inode *dir, uint32_t mode)
{
	struct inode *i = NULL;

	if (inode_take(s->data)) {
		i = inode_alloc(s, mode);
		if (!i)
			inode_give(s->data);
	}
	if (!i)
		return NULL;
	inode_init_owner(i, dir, mode);
	i->ops = &tmpfs_inode_ops;
	if (S_ISDIR(mode)) {
		i->fops = &tmpfs_dir_ops;
		i->nlink = 2;
	} else if (S_ISREG(mode)) {
		i->fops = &tmpfs_file_ops;
		i->seals = F_SEAL_SEAL;
		if (!object_make(i)) {
			inode_free(i);
			inode_give(s->data);
			return NULL;
		}
	}
	return i;
}

static int tmpfs_create(struct inode *dir, const struct name *name, uint32_t mode, devno_t rdev,
			struct inode **out)
{
	(void)name;
	*out = tmpfs_inode(dir->super, dir, mode);
	if (!*out)
		return -ENOSPC;
	(*out)->rdev = rdev;
	return 0;
}

static int tmpfs_tmpfile(struct inode *dir, uint32_t mode, struct inode **out)
{
	int err = tmpfs_create(dir, NULL, mode, 0, out);

	if (!err)
		(*out)->nlink = 0;
	return err;
}

static void tmpfs_evict(struct inode *i)
{
	if (S_ISLNK(i->mode))
		kfree(i->data);
	if (i->object)
		object_leave_room(i->object);
	inode_give(tmpfs_of(i));
	inode_free(i);
}

static int tmpfs_symlink(struct inode *dir, const struct name *name, const char *target,
			 struct inode **out)
{
	struct inode *i = tmpfs_inode(dir->super, dir, S_IFLNK | 0777);
	size_t n = strlen(target);

	(void)name;
	if (!i)
		return -ENOSPC;
	if (n < LINK_PAGED) {
		i->data = kmalloc(n + 1, 0);
		if (i->data)
			memcpy(i->data, target, n + 1);
		i->size = i->data ? n : 0;
	} else if (object_make(i)) {
		(void)object_write(i->object, 0, target, n, false);
	}
	if (inode_size(i) < n) {
		tmpfs_evict(i);
		return -ENOSPC;
	}
	*out = i;
	return 0;
}

static int tmpfs_readlink(struct inode *i, char *buf, size_t size)
{
	uint64_t n = inode_size(i);
	int64_t got;

	if (n >= size)
		return -ENAMETOOLONG;
	if (!i->object)
		return (int)string_copy(buf, i->data, size);
	got = object_read(i->object, 0, buf, n, false);
	if (got >= 0)
		buf[got] = '\0';
	return (int)got;
}

static int tmpfs_link(struct inode *dir, const struct name *name, struct inode *inode)
{
	(void)dir, (void)name;
	/* The first name of one that was made without is paid for. */
	return inode->nlink == 0 || inode_take(tmpfs_of(inode)) ? 0 : -ENOSPC;
}

static int tmpfs_unlink(struct inode *dir, struct dentry *victim)
{
	(void)dir;
	if (--victim->inode->nlink > 0)
		inode_give(tmpfs_of(victim->inode));
	inode_touch_ctime(victim->inode);
	return 0;
}

static int tmpfs_rmdir(struct inode *dir, struct dentry *victim)
{
	(void)dir;
	if (dentry_has_children(victim))
		return -ENOTEMPTY;
	victim->inode->nlink = 0;
	return 0;
}

static int tmpfs_rename(struct inode *old_dir, struct dentry *from, struct inode *new_dir,
			const struct name *name, struct dentry *target, bool exchange)
{
	(void)old_dir, (void)from, (void)new_dir, (void)name;
	if (!target || exchange)
		return 0;
	if (S_ISDIR(target->inode->mode))
		return tmpfs_rmdir(new_dir, target);
	return tmpfs_unlink(new_dir, target);
}

const struct inode_ops tmpfs_inode_ops = {
	.create = tmpfs_create,
	.symlink = tmpfs_symlink,
	.link = tmpfs_link,
	.unlink = tmpfs_unlink,
	.rmdir = tmpfs_rmdir,
	.rename = tmpfs_rename,
	.readlink = tmpfs_readlink,
	.tmpfile = tmpfs_tmpfile,
};

/* The instances made roomy at boot, which share what there is: no process's end would give it back.
 * Constant then. */
static struct tmpfs *roomy[2];

static uint64_t limit_of(const struct object_room *room)
{
	const struct tmpfs *t = container_of(room, struct tmpfs, room);
	struct swap_stats swap;
	uint64_t limit, others = 0;

	if (!t->roomy)
		return t->limit ? t->limit : UINT64_MAX;
	swap_stats(&swap);
	limit = frames_total() - frames_total() / 4 + swap.slots_total;
	for (unsigned i = 0; i < ARRAY_SIZE(roomy); i++)
		if (roomy[i] && roomy[i] != t)
			others += atomic_load(&roomy[i]->room.used);
	return limit - MIN(limit, others);
}

void tmpfs_make_roomy(struct super *s)
{
	struct tmpfs *t = s->data;

	t->roomy = true;
	t->inodes_max = 0;
	roomy[roomy[0] != NULL] = t;
}

void tmpfs_limit_inodes(struct super *s)
{
	struct tmpfs *t = s->data;

	t->inodes_max = atomic_load(&t->inodes) + t->limit; /* half of RAM, as none is given */
}

static int64_t tmpfs_write(struct file *f, struct io *io)
{
	struct inode *i = f->inode;
	int64_t n;

	mutex_lock(&i->mutex);
	n = regular_write_begin(f, io, FILE_SIZE_MAX);
	if (n > 0)
		n = seals_check_write(i, io->pos, io->n);
	if (n > 0)
		n = object_write(i->object, io->pos, (const void *)io->buf, (size_t)n, io->user);
	if (n > 0)
		regular_written(f);
	mutex_unlock(&i->mutex);
	return n;
}

/* Whether the holes in pages [first, end) fit into what is left of the mount, and of what may be
 * promised. */
static bool holes_fit(struct inode *i, uint64_t first, uint64_t end)
{
	struct object_room *room = &tmpfs_of(i)->room;
	uint64_t used = atomic_load(&room->used), limit = limit_of(room),
		 left = limit > used ? limit - used : 0,
		 there = DIV_ROUND_UP(inode_size(i), PAGE_SIZE), behind = MAX(first, there),
		 need = end > behind ? end - behind : 0;

	for (uint64_t at = first; at < MIN(end, there) && need <= left; at++)
		need += object_is_hole(i->object, (uint32_t)at);
	if (need > left || commit_take(need, 0))
		return false;
	commit_give(need); /* asked only: each page is promised as it comes */
	return true;
}

static int allocate_locked(struct inode *i, int mode, uint64_t off, uint64_t len)
{
	uint64_t size = inode_size(i), end = off + len;
	int err;

	if (mode & FALLOC_FL_PUNCH_HOLE)
		return i->seals & SEALS_WRITE ? -EPERM : regular_punch(i, off, MIN(end, size));
	if (i->seals & F_SEAL_GROW && end > size)
		return -EPERM;
	if (end > size && mode & FALLOC_FL_KEEP_SIZE)
		return -EOPNOTSUPP; /* memory beyond the end cannot be set aside */
	if (!holes_fit(i, off >> PAGE_SHIFT, DIV_ROUND_UP(end, PAGE_SIZE)))
		return -ENOSPC;
	if (end > size) {
		err = object_truncate(i->object, end);
		if (err)
			return err;
	}
	/* Holes become pages now, so that later writes cannot fail. */
	for (uint64_t at = ALIGN_DOWN(off, PAGE_SIZE); at < end; at += PAGE_SIZE) {
		struct page *p = object_get_page(i->object, (uint32_t)(at >> PAGE_SHIFT),
						 OBJECT_WRITE, &err, &(bool){ false });

		if (!p)
			return err == -ENOMEM ? -ENOSPC : err;
		page_put(p);
	}
	return 0;
}

static int tmpfs_allocate(struct file *f, int mode, uint64_t off, uint64_t len)
{
	struct inode *i = f->inode;
	int err;

	if (!regular_allocate_known(mode))
		return -EOPNOTSUPP;
	if (off + len > FILE_SIZE_MAX)
		return -EFBIG;
	mutex_lock(&i->mutex);
	err = allocate_locked(i, mode, off, len);
	if (!err)
		inode_touch(i);
	mutex_unlock(&i->mutex);
	return err;
}

const struct file_ops tmpfs_file_ops = {
	.read = regular_read,
	.write = tmpfs_write,
	.allocate = tmpfs_allocate,
};

const struct file_ops tmpfs_dir_ops = {
	.readdir = dentry_readdir,
};

static int tmpfs_statfs(struct super *s, struct statfs *st)
{
	struct tmpfs *t = s->data;
	uint64_t used = atomic_load(&t->room.used), limit = limit_of(&t->room);
	uint64_t inodes = atomic_load(&t->inodes), inodes_max = READ_ONCE(t->inodes_max);

	if (limit == UINT64_MAX)
		limit = used + frames_free();

	st->f_blocks = (__statfs_word)limit;
	st->f_bfree = st->f_bavail = (__statfs_word)(limit > used ? limit - used : 0);
	st->f_files = (__statfs_word)inodes_max; /* without a limit both are 0, as Linux has it */
	st->f_ffree = (__statfs_word)(inodes_max > inodes ? inodes_max - inodes : 0);
	return 0;
}

static int tmpfs_show_options(struct super *s, char *buf, size_t size)
{
	struct tmpfs *t = s->data;
	int n = 0;

	buf[0] = '\0';
	if (t->limit_given)
		n = format(buf, size, ",size=%juk", t->limit << (PAGE_SHIFT - 10));
	if (t->inodes_given)
		n += format(buf + n, size - (size_t)n, ",nr_inodes=%ju", t->inodes_max);
	return n;
}

static void tmpfs_put(struct super *s)
{
	if (s->data != roomy[0] && s->data != roomy[1]) /* somebody may look at them */
		kfree(s->data);
}

static int parse_octal(const char *s, uint32_t *value)
{
	uint32_t v = 0;

	for (; *s >= '0' && *s <= '7'; s++)
		v = v * 8 + (uint32_t)(*s - '0');
	*value = v;
	return *s && *s != ',' ? -EINVAL : 0;
}

/* One option "name=value" of n bytes. Unknown ones are refused, as Linux does. */
static int parse_option(struct tmpfs *t, const char *s, size_t n)
{
	const char *end = s + n, *at = strchr(s, '=');
	uint64_t v = 0;
	int err;

	if (!at || ++at >= end)
		return -EINVAL;
	if (strncmp(s, "mode=", 5) == 0)
		return parse_octal(at, &t->mode);
	err = parse_size(at, &at, &v);
	if (strncmp(s, "size=", 5) == 0) {
		if (!err && *at == '%') {
			v = v * frames_total() / 100 * PAGE_SIZE;
			at++;
		}
		t->limit = DIV_ROUND_UP(v, PAGE_SIZE);
		t->limit_given = true;
		t->roomy = false;
	} else if (strncmp(s, "nr_inodes=", 10) == 0) {
		t->inodes_max = v;
		t->inodes_given = true;
	} else if (strncmp(s, "uid=", 4) == 0) {
		t->uid = (uint32_t)v;
	} else if (strncmp(s, "gid=", 4) == 0) {
		t->gid = (uint32_t)v;
	} else {
		err = -EINVAL;
	}
	return err || at != end ? -EINVAL : 0;
}

static int parse_options(struct tmpfs *t, const char *s)
{
	while (*s) {
		const char *comma = strchr(s, ',');
		size_t n = comma ? (size_t)(comma - s) : strlen(s);
		int err = n ? parse_option(t, s, n) : 0;

		if (err)
			return err;
		s += n + (comma != NULL);
	}
	return 0;
}

/* New limits, if what is there keeps to them; whose the root is stays as it was. */
static int tmpfs_remount(struct super *s, const char *options, bool rdonly)
{
	struct tmpfs *t = s->data, to = *t;
	int err = parse_options(&to, options);

	(void)rdonly;
	if (err || (!to.roomy && limit_of(&to.room) < atomic_load(&t->room.used)) ||
	    (to.inodes_max && to.inodes_max < atomic_load(&t->inodes)))
		return -EINVAL;
	WRITE_ONCE(t->limit, to.limit);
	WRITE_ONCE(t->roomy, to.roomy);
	WRITE_ONCE(t->inodes_max, to.inodes_max);
	t->limit_given = to.limit_given;
	t->inodes_given = to.inodes_given;
	return 0;
}

static const struct super_ops tmpfs_super_ops = {
	.evict = tmpfs_evict,
	.statfs = tmpfs_statfs,
	.put = tmpfs_put,
	.options = tmpfs_show_options,
	.remount = tmpfs_remount,
};

static struct super *tmpfs_make(const struct super_type *type, const char *source,
				const char *options, unsigned flags)
{
	struct tmpfs *t = kmalloc(sizeof(*t), ALLOC_ZERO);
	struct super *s = NULL;
	struct inode *root = NULL;
	int err = -ENOMEM;

	(void)source, (void)flags;
	if (!t)
		return ERR_PTR(-ENOMEM);
	t->mode = type == &tmpfs_type ? 01777 : 0755;
	t->limit = t->inodes_max = frames_total() / 2;
	t->room.limit = limit_of;
	err = parse_options(t, options);
	if (!err)
		s = super_alloc(type, &tmpfs_super_ops, TMPFS_MAGIC, SUPER_TREE);
	if (!s) {
		kfree(t);
		return ERR_PTR(err ? err : -ENOMEM);
	}
	s->data = t;
	root = tmpfs_inode(s, NULL, S_IFDIR | (t->mode & 07777));
	if (root) {
		root->uid = t->uid;
		root->gid = t->gid;
	}
	s->root = dentry_create_alone(root, "/");
	if (!s->root) {
		super_free(s);
		return ERR_PTR(-ENOMEM);
	}
	return s;
}

static struct super *devtmpfs_make(const struct super_type *type, const char *source,
				   const char *options, unsigned flags)
{
	struct super *s = tmpfs_make(type, source, options, flags);
	int err;

	if (IS_ERR(s))
		return s;
	err = device_nodes_create(s->root);
	if (!err)
		return s;
	dentry_drop_tree(s->root);
	super_free(s);
	return ERR_PTR(err);
}

struct super_type tmpfs_type = { .name = "tmpfs", .create = tmpfs_make };
struct super_type devtmpfs_type = { .name = "devtmpfs", .create = devtmpfs_make };
