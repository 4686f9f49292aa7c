// SPDX-License-Identifier: MIT
/*
 * What ext2 does when names are looked up, made, removed and moved, and when attributes change. The
 * VFS holds the mutexes of the directories, has checked permissions, and keeps inode->nlink of
 * directories; node->links is what the medium will say.
 *
 * A name that replaces another (rename over it, exchange) would leave the old inode without a name
 * between two steps of a flush. It gets a helper for that time: ".#NUMBER", in the same block if it
 * has room, else in another one that is written before. The helper is gone from the beginning, that
 * is, on the medium only.
 */
#include "kernel/fs/ext2/names.h"

/* ---- Looking up ---- */

/* A directory with two names, or in itself, would be locked twice by those who lock two: such
 * damage ends here. */
static int dir_place_check(struct ext2_node *dir, const struct name *name, struct ext2_node *node)
{
	struct ext2_slot up;
	int err;

	if (!node->parent) {
		err = ext2_dir_find(node, "..", 2, &up);
		if (err)
			return err == -ENOENT ? -EUCLEAN : err;
		node->parent = ext2_slot_entry(&up)->inode;
		node->name = name->hash;
		ext2_slot_put(&up);
	}
	if (node->parent == dir->inode->ino && node->name == name->hash && node != dir)
		return 0;
	return ext2_damage(dir->fs, "directory %u has another name", (unsigned)node->inode->ino);
}

static int lookup_locked(struct ext2_node *dir, const struct name *name, struct inode *spare,
			 struct inode **out)
{
	struct ext2_slot slot;
	uint32_t ino;
	int err = ext2_dir_find(dir, name->text, name->len, &slot);

	if (err)
		return err;
	ino = ext2_slot_entry(&slot)->inode;
	ext2_slot_put(&slot);
	err = ext2_node_get(dir->fs, ino, spare, out);
	if (err || !S_ISDIR((*out)->mode))
		return err;
	err = dir_place_check(dir, name, ext2_node(*out));
	if (err)
		inode_put(*out); /* it has links: it becomes idle */
	return err;
}

static int ext2_lookup(struct inode *dir, const struct name *name, struct inode **out)
{
	struct ext2_fs *fs = ext2_of(dir);
	struct inode *spare = NULL;
	int err;

	ext2_nodes_trim(fs);
	*out = NULL;
	do {
		/* A spare that was put to use by the last attempt stays with its number. */
		if (*out == spare)
			spare = ext2_node_new(fs, NULL, 0);
		if (!spare)
			return -ENOMEM;
		*out = NULL;
		mutex_lock(&fs->mutex);
		err = lookup_locked(ext2_node(dir), name, spare, out);
		mutex_unlock(&fs->mutex);
		if (err == -EAGAIN)
			err = ext2_flush(fs, false) ? -EIO : -EAGAIN;
	} while (err == -EAGAIN);
	if (*out != spare)
		ext2_node_discard(spare);
	return err;
}

/* ---- Making ---- */

/* What a change of names works on. Attempted again after a flush when the medium seemed full. */
struct change {
	struct ext2_node *dir;
	const struct name *name;
	struct inode *inode;
	const char *target; /* symbolic link */
	int (*fn)(struct change *c);
};

static int change_run(struct change *c)
{
	struct ext2_fs *fs = c->dir->fs;
	bool again = true;
	int err;

	for (;;) {
		bool freed;

		err = ext2_begin(fs);
		if (err)
			return err;
		err = c->fn(c);
		freed = fs->npending || fs->ncorpses;
		ext2_end(fs);
		if (err == -EAGAIN || (err == -ENOSPC && freed && again)) {
			again = err == -EAGAIN;
			err = ext2_flush(fs, false);
			if (!err)
				continue;
		}
		return err;
	}
}

void ext2_pass_below(struct ext2_node *node, const struct ext2_node *dir)
{
	if (dir->unsettled)
		node->pass = MAX(node->pass, dir->pass + 1);
}

void ext2_pass_removed(struct ext2_node *dir, const struct ext2_node *node)
{
	dir->pass_removed = MAX(dir->pass_removed, node->pass + 1);
}

/* The target goes into the inode, or into a block that is written with the names. */
static int symlink_fill(struct ext2_node *node, const char *target)
{
	size_t n = strlen(target);
	struct ext2_buffer *b;
	uint32_t block;
	int err;

	node->inode->size = n;
	if (n < sizeof(node->raw.block)) {
		memcpy(node->raw.block, target, n);
		return 0;
	}
	if (!ext2_blocks_left(node->fs, 1))
		return -ENOSPC;
	err = ext2_map(node, 0, true, &block, NULL);
	if (!err)
		err = ext2_buffer_new(node->fs, block, EXT2_CLASS_DIR, &b);
	if (err)
		return err;
	memcpy(b->data, target, n);
	b->added = true;
	ext2_buffer_put(b);
	return 0;
}

static void rdev_fill(struct ext2_node *node)
{
	uint32_t major = node->inode->rdev >> 20, minor = node->inode->rdev & 0xfffff;

	if (major < 256 && minor < 256)
		node->raw.block[0] = major << 8 | minor;
	else
		node->raw.block[1] = (minor & 0xff) | major << 8 | (minor & ~0xffu) << 12;
}

static int fill(struct change *c)
{
	struct ext2_node *node = ext2_node(c->inode);
	uint32_t mode = c->inode->mode;

	if (S_ISDIR(mode))
		return ext2_dir_make(node, (uint32_t)c->dir->inode->ino);
	if (S_ISLNK(mode))
		return symlink_fill(node, c->target);
	if (S_ISCHR(mode) || S_ISBLK(mode))
		rdev_fill(node);
	return 0;
}

/* Undoes fill and the allocation, whatever of it was done. */
static void unmake(struct ext2_fs *fs, struct inode *i)
{
	struct ext2_node *node = ext2_node(i);

	if (node->raw.blocks)
		(void)!ext2_map_cut(node, 0);
	i->size = 0;
	memset(node->raw.block, 0, sizeof(node->raw.block));
	node->unsettled = false;
	(void)!ext2_inode_free(fs, (uint32_t)i->ino, S_ISDIR(i->mode));
}

static int make(struct change *c)
{
	struct ext2_fs *fs = c->dir->fs;
	struct ext2_node *node = ext2_node(c->inode);
	bool is_dir = S_ISDIR(c->inode->mode);
	uint32_t ino;
	int err;

	if (is_dir && c->dir->links >= EXT2_LINK_MAX)
		return -EMLINK;
	err = ext2_inode_alloc(fs, c->dir, is_dir, &ino);
	if (err)
		return err;
	c->inode->ino = ino;
	node->born = node->dirty = true;
	node->raw.generation = ++fs->generation;
	err = fill(c);
	if (!err && c->name)
		err = ext2_dir_add(c->dir, c->name, ino, c->inode->mode, NULL, false, NULL);
	if (err) {
		unmake(fs, c->inode);
		return err;
	}
	node->links = c->name ? 1 + is_dir : 0;
	c->dir->links += is_dir;
	if (c->name) {
		node->parent = (uint32_t)c->dir->inode->ino;
		node->name = c->name->hash;
	}
	ext2_pass_below(node, c->dir);
	ext2_node_publish(c->inode);
	return 0;
}

static int make_new(struct inode *dir, const struct name *name, uint32_t mode, devno_t rdev,
		    const char *target, struct inode **out)
{
	struct ext2_fs *fs = ext2_of(dir);
	struct change c = { .dir = ext2_node(dir), .name = name, .target = target, .fn = make };
	int err;

	ext2_nodes_trim(fs);
	c.inode = ext2_node_new(fs, dir, mode);
	if (!c.inode)
		return -ENOMEM;
	c.inode->nlink = S_ISDIR(mode) ? 2 : 1;
	c.inode->rdev = rdev;
	err = change_run(&c);
	if (err)
		ext2_node_discard(c.inode);
	*out = c.inode;
	return err;
}

static int ext2_create(struct inode *dir, const struct name *name, uint32_t mode, devno_t rdev,
		       struct inode **out)
{
	return make_new(dir, name, mode, rdev, NULL, out);
}

static int ext2_symlink(struct inode *dir, const struct name *name, const char *target,
			struct inode **out)
{
	if (strlen(target) >= ext2_of(dir)->block_size)
		return -ENAMETOOLONG;
	return make_new(dir, name, S_IFLNK | 0777, 0, target, out);
}

static int ext2_tmpfile(struct inode *dir, uint32_t mode, struct inode **out)
{
	struct ext2_fs *fs = ext2_of(dir);
	int err = make_new(dir, NULL, mode, 0, NULL, out);

	if (err)
		return err;
	(*out)->nlink = 0;
	mutex_lock(&fs->mutex);
	ext2_node_orphaned(ext2_node(*out));
	mutex_unlock(&fs->mutex);
	return 0;
}

static int add_link(struct change *c)
{
	struct ext2_node *node = ext2_node(c->inode);
	int err;

	if (node->links >= EXT2_LINK_MAX)
		return -EMLINK;
	err = ext2_dir_add(c->dir, c->name, (uint32_t)c->inode->ino, c->inode->mode, NULL, false,
			   NULL);
	if (err)
		return err;
	if (node->orphan) {
		node->orphan = false;
		node->fs->norphans--;
		node->raw.dtime = 0;
	}
	node->links++;
	ext2_pass_below(node, c->dir);
	return 0;
}

static int ext2_link(struct inode *dir, const struct name *name, struct inode *inode)
{
	struct change c = { .dir = ext2_node(dir), .name = name, .inode = inode, .fn = add_link };

	return change_run(&c);
}

/* ---- Removing ---- */

int ext2_slot_of(struct ext2_node *dir, const struct dentry *d, struct ext2_slot *slot)
{
	int err = ext2_dir_find(dir, d->name, d->name_len, slot);

	if (!err && ext2_slot_entry(slot)->inode != d->inode->ino) {
		ext2_slot_put(slot);
		err = -ENOENT;
	}
	if (err == -ENOENT)
		err = ext2_damage(dir->fs, "directory %u lost a name", (unsigned)dir->inode->ino);
	return err;
}

void ext2_name_lost(struct ext2_node *dir, struct ext2_node *node)
{
	if (S_ISDIR(node->inode->mode)) {
		node->links = 0;
		node->inode->nlink = 0;
		node->pass = MAX(node->pass, node->pass_removed);
		dir->links--;
	} else {
		node->links--;
		node->inode->nlink--;
	}
	inode_touch_ctime(node->inode);
	ext2_pass_removed(dir, node);
	if (!node->links)
		ext2_node_orphaned(node);
}

static int remove_locked(struct ext2_node *dir, const struct dentry *victim)
{
	struct ext2_node *node = ext2_node(victim->inode);
	struct ext2_slot slot;
	int err = S_ISDIR(victim->inode->mode) ? ext2_dir_empty(node) : 0;

	if (!err)
		err = ext2_slot_of(dir, victim, &slot);
	if (err)
		return err;
	ext2_dir_remove(dir->fs, &slot, false);
	ext2_slot_put(&slot);
	ext2_name_lost(dir, node);
	return 0;
}

static int ext2_remove(struct inode *dir, struct dentry *victim)
{
	struct ext2_fs *fs = ext2_of(dir);
	int err;

	do {
		err = ext2_begin(fs);
		if (err)
			return err;
		err = remove_locked(ext2_node(dir), victim);
		ext2_end(fs);
		if (err == -EAGAIN)
			err = ext2_flush(fs, false) ? -EIO : -EAGAIN;
	} while (err == -EAGAIN);
	return err;
}

/* ---- Symbolic links, attributes ---- */

static int link_text(struct ext2_node *node, char *buf, size_t n)
{
	struct ext2_buffer *b;
	uint32_t block;
	int err;

	if (!ext2_node_has_blocks(node)) {
		memcpy(buf, node->raw.block, n);
		return 0;
	}
	err = ext2_map(node, 0, false, &block, NULL);
	if (!err && !block)
		err = ext2_damage(node->fs, "link %u has no text", (unsigned)node->inode->ino);
	if (!err)
		err = ext2_buffer_read(node->fs, block, EXT2_CLASS_DIR, &b);
	if (err)
		return err;
	memcpy(buf, b->data, n);
	ext2_buffer_put(b);
	return 0;
}

static int ext2_readlink(struct inode *i, char *buf, size_t size)
{
	struct ext2_fs *fs = ext2_of(i);
	int err;

	if (i->size >= size)
		return -ENAMETOOLONG;
	do {
		mutex_lock(&fs->mutex);
		err = link_text(ext2_node(i), buf, i->size);
		mutex_unlock(&fs->mutex);
		if (err == -EAGAIN)
			err = ext2_flush(fs, false) ? -EIO : -EAGAIN;
	} while (err == -EAGAIN);
	if (err)
		return err;
	buf[i->size] = '\0';
	return memchr(buf, '\0', i->size) ? ext2_damage(fs, "link %u has no text", (unsigned)i->ino)
					  : (int)i->size;
}

/* The object has its new size already; blocks behind it go. */
static int ext2_setattr(struct inode *i, const struct attr *a)
{
	struct ext2_node *node = ext2_node(i);
	struct ext2_fs *fs = node->fs;
	int err;

	do {
		err = ext2_begin(fs);
		if (err)
			return err;
		if (a->valid & ATTR_SIZE) {
			while (ext2_node_wait(node))
				;
			err = ext2_map_cut(node, DIV_ROUND_UP(a->size, fs->block_size));
		}
		ext2_end(fs);
		if (err == -EAGAIN)
			err = ext2_flush(fs, false) ? -EIO : -EAGAIN;
	} while (err == -EAGAIN);
	return err;
}

static int64_t whole_seconds(int64_t ns)
{
	int64_t rest = ns % 1000000000;

	return ns - rest - (rest < 0 ? 1000000000 : 0);
}

/* Whoever sets it meanwhile has the last word. */
static void round_time(int64_t *time)
{
	int64_t was = atomic_load(time);

	(void)atomic_compare_exchange(time, &was, whole_seconds(was));
}

/* What the medium can tell, so that it is the same after the inode has been out of memory. */
static void ext2_getattr(struct inode *i)
{
	round_time(&i->atime);
	round_time(&i->mtime);
	round_time(&i->ctime);
	WRITE_ONCE(i->blocks, ext2_node(i)->raw.blocks);
}

const struct inode_ops ext2_inode_ops = {
	.lookup = ext2_lookup,
	.create = ext2_create,
	.symlink = ext2_symlink,
	.link = ext2_link,
	.unlink = ext2_remove,
	.rmdir = ext2_remove,
	.rename = ext2_rename,
	.readlink = ext2_readlink,
	.setattr = ext2_setattr,
	.getattr = ext2_getattr,
	.tmpfile = ext2_tmpfile,
};
