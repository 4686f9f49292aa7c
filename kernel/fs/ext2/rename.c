// SPDX-License-Identifier: MIT
/*
 * Moving names: see names.c for the helper. A move within one block of names is one write, and
 * needs nothing; else the new name is written before, and the old one is gone after the inodes.
 */
#include "kernel/fs/ext2/ext2.h"
#include "kernel/fs/ext2/names.h"

struct move {
	struct ext2_fs *fs;
	struct ext2_node *old_dir, *new_dir, *node,
		*target; /* target: NULL when nothing is replaced */
	struct dentry *from, *to;
	const struct name *name;
};

/* A name for `ino` in dir that nobody has. */
static int helper_name(struct ext2_node *dir, uint32_t ino, char *text, size_t size,
		       struct name *name)
{
	struct ext2_slot slot;
	int err;

	for (unsigned i = 0;; i++) {
		*name = (struct name){ text, (uint32_t)format(text, size, ".#%u-%u", ino, i), 0 };
		err = ext2_dir_find(dir, name->text, name->len, &slot);
		if (err)
			return err == -ENOENT ? 0 : err;
		ext2_slot_put(&slot);
	}
}

/* In another block than `slot` is in: on the medium first, then gone. *slot is found again, as
 * fs->mutex is dropped meanwhile. */
static int helper_far(struct ext2_node *dir, struct ext2_node *node, const struct name *name,
		      const struct dentry *d, struct ext2_slot *slot)
{
	struct ext2_fs *fs = dir->fs;
	struct ext2_slot helper;
	int err = ext2_dir_add(dir, name, (uint32_t)node->inode->ino, node->inode->mode, NULL,
			       false, NULL);

	if (err)
		return err;
	ext2_slot_put(slot);
	ext2_end(fs);
	err = ext2_flush(fs, false);
	mutex_lock(&fs->mutex);
	if (!err)
		err = ext2_dir_find(dir, name->text, name->len, &helper);
	if (err)
		return err;
	ext2_dir_remove(fs, &helper, false);
	ext2_slot_put(&helper);
	return ext2_dir_find(dir, d->name, d->name_len, slot);
}

/* Gives node, which is to lose the entry of slot (that is d's), another name on the medium. */
static int helper_add(struct ext2_node *dir, struct ext2_node *node, const struct dentry *d,
		      struct ext2_slot *slot)
{
	struct ext2_slot helper;
	struct name name;
	char text[32];
	int err = helper_name(dir, (uint32_t)node->inode->ino, text, sizeof(text), &name);

	if (err)
		return err;
	err = ext2_dir_add(dir, &name, (uint32_t)node->inode->ino, node->inode->mode, slot->buffer,
			   true, &helper);
	if (err == -ENOSPC)
		return helper_far(dir, node, &name, d, slot);
	if (err)
		return err;
	ext2_dir_remove(dir->fs, &helper, false);
	ext2_slot_put(&helper);
	return 0;
}

/* ".." of a directory that changes its parent. */
static int parent_set(struct ext2_node *node, struct ext2_node *parent)
{
	struct ext2_slot slot;
	int err = ext2_dir_find(node, "..", 2, &slot);

	if (err == -ENOENT)
		err = ext2_damage(node->fs, "directory %u has no parent",
				  (unsigned)node->inode->ino);
	if (err)
		return err;
	ext2_dir_set(node->fs, &slot, (uint32_t)parent->inode->ino, S_IFDIR);
	ext2_slot_put(&slot);
	return 0;
}

static bool changes_parent(const struct move *m, const struct ext2_node *node)
{
	return m->old_dir != m->new_dir && S_ISDIR(node->inode->mode);
}

/* node is in `dir` now, under a name with this hash, instead of in `was`. */
static void moved(struct ext2_node *node, struct ext2_node *was, struct ext2_node *dir,
		  uint32_t hash)
{
	node->parent = (uint32_t)dir->inode->ino;
	node->name = hash;
	if (was != dir && S_ISDIR(node->inode->mode)) {
		was->links--;
		dir->links++;
	}
	ext2_pass_below(node, dir);
	ext2_pass_removed(was, node);
}

/* The entry in s becomes the new name, where it is. False: it has no room. */
static bool rename_in_place(struct move *m, struct ext2_slot *s)
{
	struct ext2_dirent *e = ext2_slot_entry(s);

	if (m->old_dir != m->new_dir || EXT2_DIRENT_SIZE(m->name->len) > e->rec_len)
		return false;
	memcpy(e + 1, m->name->text, m->name->len);
	e->name_len = (uint8_t)m->name->len;
	ext2_dir_set(m->fs, s, e->inode, m->node->inode->mode);
	return true;
}

static int to_new_name(struct move *m, struct ext2_slot *s)
{
	bool same = m->old_dir == m->new_dir;
	struct ext2_slot added;
	int err;

	if (rename_in_place(m, s))
		return 0;
	err = ext2_dir_add(m->new_dir, m->name, (uint32_t)m->node->inode->ino, m->node->inode->mode,
			   same ? s->buffer : NULL, false, &added);
	if (err)
		return err;
	ext2_dir_remove(m->fs, s, added.buffer == s->buffer);
	ext2_slot_put(&added);
	return 0;
}

/* The target's name leads to node. */
static int over_target(struct move *m, struct ext2_slot *s)
{
	struct ext2_slot t;
	int err = ext2_slot_of(m->new_dir, m->to, &t);

	if (err)
		return err;
	err = helper_add(m->new_dir, m->target, m->to, &t);
	/* fs->mutex may have been dropped for it; s is held by its reference, and the directory's
	 * mutex keeps the entry. */
	if (!err) {
		ext2_dir_set(m->fs, &t, (uint32_t)m->node->inode->ino, m->node->inode->mode);
		ext2_dir_remove(m->fs, s, t.buffer == s->buffer);
	}
	ext2_slot_put(&t);
	return err;
}

static int move_locked(struct move *m)
{
	struct ext2_slot s;
	int err = m->target && S_ISDIR(m->target->inode->mode) ? ext2_dir_empty(m->target) : 0;

	if (changes_parent(m, m->node) && !m->target && m->new_dir->links >= EXT2_LINK_MAX)
		err = -EMLINK;
	if (!err)
		err = ext2_slot_of(m->old_dir, m->from, &s);
	if (err)
		return err;
	err = m->target ? over_target(m, &s) : to_new_name(m, &s);
	ext2_slot_put(&s);
	if (!err && changes_parent(m, m->node))
		err = parent_set(m->node, m->new_dir);
	if (err)
		return err;
	moved(m->node, m->old_dir, m->new_dir, m->name->hash);
	if (m->target)
		ext2_name_lost(m->new_dir, m->target);
	return 0;
}

static int exchange_slots(struct move *m, struct ext2_slot *s, struct ext2_slot *t)
{
	/* In one block both change in one write. A directory cannot have two names. */
	if (s->buffer == t->buffer)
		return 0;
	if (!S_ISDIR(m->node->inode->mode)) {
		int err = helper_add(m->old_dir, m->node, m->from, s);

		if (err)
			return err;
	}
	return S_ISDIR(m->target->inode->mode) ? 0 : helper_add(m->new_dir, m->target, m->to, t);
}

static int exchange_locked(struct move *m)
{
	struct ext2_slot s = { 0 }, t = { 0 };
	int err = ext2_slot_of(m->old_dir, m->from, &s);

	if (!err)
		err = ext2_slot_of(m->new_dir, m->to, &t);
	if (!err)
		err = exchange_slots(m, &s, &t);
	if (!err && changes_parent(m, m->node))
		err = parent_set(m->node, m->new_dir);
	if (!err && changes_parent(m, m->target))
		err = parent_set(m->target, m->old_dir);
	if (!err) {
		ext2_dir_set(m->fs, &s, (uint32_t)m->target->inode->ino, m->target->inode->mode);
		ext2_dir_set(m->fs, &t, (uint32_t)m->node->inode->ino, m->node->inode->mode);
		moved(m->node, m->old_dir, m->new_dir, m->to->hash);
		moved(m->target, m->new_dir, m->old_dir, m->from->hash);
	}
	ext2_slot_put(&s);
	ext2_slot_put(&t);
	return err;
}

/* A directory that goes below one whose inode has to be written first, with new files in it that
 * come after its own: their order would be lost. */
static bool order_lost(const struct move *m, bool exchange)
{
	return (changes_parent(m, m->node) && m->new_dir->unsettled) ||
	       (exchange && changes_parent(m, m->target) && m->old_dir->unsettled);
}

static int move_once(struct move *m, bool exchange)
{
	int err = ext2_begin(m->fs);

	if (err)
		return err;
	if (order_lost(m, exchange))
		err = -EAGAIN;
	else
		err = exchange ? exchange_locked(m) : move_locked(m);
	ext2_end(m->fs);
	return err;
}

int ext2_rename(struct inode *old_dir, struct dentry *from, struct inode *new_dir,
		const struct name *name, struct dentry *target, bool exchange)
{
	struct move m = { .fs = ext2_of(old_dir),
			  .old_dir = ext2_node(old_dir),
			  .new_dir = ext2_node(new_dir),
			  .node = ext2_node(from->inode),
			  .target = target ? ext2_node(target->inode) : NULL,
			  .from = from,
			  .to = target,
			  .name = name };
	bool again = true;
	int err;

	for (;;) {
		err = move_once(&m, exchange);
		if (err != -EAGAIN && (err != -ENOSPC || !again))
			return err;
		again = err == -EAGAIN;
		err = ext2_flush(m.fs, false);
		if (err)
			return err;
	}
}
