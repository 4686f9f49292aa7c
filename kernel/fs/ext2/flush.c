// SPDX-License-Identifier: MIT
/*
 * In which order metadata reaches the medium. There is no journal: each write by itself must leave
 * what `e2fsck -p` puts right without asking, and lose nothing that an earlier flush has stored. A
 * block is written whole or not at all; between the steps the medium's cache is flushed.
 *
 *    data of new blocks   before anything leads to it
 *    "not clean"
 *    1  directories       new names, and still those that are gone: a name that leads to a free
 *                         inode is put right by leaving it out
 *    2  blocks of pointers, those next to the data first
 *    3  inodes            a directory before what is new in it, and after what was in it (pass);
 *                         they have a name from 1, or still have the old one
 *    4  bitmaps, descriptors, superblock: freed blocks and inodes become free, as nothing leads to
 *       them
 *    5  directories       names that are gone
 *    "clean", if that is asked for
 *
 * So an inode on the medium always has a name there, but for one case: a directory that moves to
 * another block of names has two for a moment, which e2fsck asks about.
 */
#include "kernel/fs/ext2/ext2.h"
#include "kernel/time.h"

static bool pressed(const struct ext2_fs *fs)
{
	return fs->ndirty > fs->nbuffers - EXT2_BUFFERS_SPARE || fs->ncorpses > EXT2_CORPSES_MAX ||
	       fs->npending > EXT2_PENDING_MAX / 2;
}

int ext2_begin(struct ext2_fs *fs)
{
	int err;

	for (;;) {
		mutex_lock(&fs->mutex);
		err = fs->failed ? -EIO : fs->read_only || fs->closing ? -EROFS : 0;
		if (err || !pressed(fs))
			break;
		mutex_unlock(&fs->mutex);
		err = ext2_flush(fs, false);
		if (err)
			return err;
	}
	if (err)
		mutex_unlock(&fs->mutex);
	return err;
}

void ext2_end(struct ext2_fs *fs)
{
	mutex_unlock(&fs->mutex);
	writeback_note(&fs->writeback);
}

void ext2_writeback(struct writeback_source *s)
{
	/* Its failure is in fs->failed, and logged. */
	(void)!ext2_flush(container_of(s, struct ext2_fs, writeback), false);
}

/* What was written until now comes before what is written from now on. */
static int barrier_write(struct ext2_fs *fs)
{
	if (!__atomic_exchange_n(&fs->wrote, false, __ATOMIC_ACQ_REL))
		return 0;
	return block_flush(fs->device);
}

int ext2_super_write(struct ext2_fs *fs)
{
	fs->disk->free_blocks_count = (uint32_t)fs->free_blocks;
	fs->disk->free_inodes_count = (uint32_t)fs->free_inodes;
	fs->disk->wtime = (uint32_t)(time_wall() / NSEC_PER_SEC);
	fs->super_dirty = false;
	return ext2_super_io(fs);
}

static int mark(struct ext2_fs *fs, bool valid)
{
	int err;

	if (fs->valid == valid)
		return 0;
	fs->disk->state =
		(uint16_t)((fs->disk->state & ~EXT2_STATE_VALID) | (valid ? EXT2_STATE_VALID : 0));
	err = ext2_super_write(fs);
	if (!err)
		err = barrier_write(fs);
	if (!err)
		fs->valid = valid;
	return err;
}

static int write_step(struct ext2_fs *fs, enum ext2_class class, bool added_only)
{
	int err = ext2_buffers_write(fs, class, added_only);

	return err ? err : barrier_write(fs);
}

/* ---- Inodes ---- */

struct pass {
	uint32_t now, next; /* next: the lowest above now that some node has; UINT32_MAX: none */
};

static int node_write(struct ext2_node *node, void *arg)
{
	struct pass *p = arg;
	int err;

	if (node->pass < p->now || !ext2_node_changed(node))
		return 0;
	if (node->pass > p->now) {
		p->next = MIN(p->next, node->pass);
		return 0;
	}
	err = ext2_node_encode(node);
	if (err != -EAGAIN)
		return err;
	err = ext2_buffers_write(node->fs, EXT2_CLASS_TABLE, false);
	return err ? err : ext2_node_encode(node);
}

static int corpses_write(struct ext2_fs *fs, struct pass *p)
{
	struct ext2_node *node;
	int err = 0;

	list_for_each (node, &fs->corpses, link) {
		err = node_write(node, p);
		if (err)
			break;
	}
	return err;
}

static int inodes_write(struct ext2_fs *fs)
{
	struct pass p = { .next = 0 };
	int err;

	do {
		p = (struct pass){ .now = p.next, .next = UINT32_MAX };
		err = ext2_nodes_each(fs, node_write, &p);
		if (!err)
			err = corpses_write(fs, &p);
		if (!err)
			err = write_step(fs, EXT2_CLASS_TABLE, false);
	} while (!err && p.next != UINT32_MAX);
	return err;
}

static int node_settle(struct ext2_node *node, void *arg)
{
	(void)arg;
	node->pass = node->pass_removed = 0;
	node->unsettled = false;
	return 0;
}

/* ---- Bitmaps ---- */

static int bitmaps_write(struct ext2_fs *fs)
{
	struct ext2_node *node;
	int err = ext2_pending_apply(fs);

	list_for_each (node, &fs->corpses, link) {
		if (err)
			break;
		err = ext2_inode_free(fs, (uint32_t)node->inode->ino, S_ISDIR(node->inode->mode));
	}
	if (!err)
		err = ext2_buffers_write(fs, EXT2_CLASS_BITMAP, false);
	if (!err && fs->group_dirty)
		err = ext2_block_io(fs, BLOCK_WRITE, EXT2_SUPER_OFFSET / fs->block_size + 1,
				    fs->group, fs->group_blocks);
	fs->group_dirty &= err != 0;
	if (!err && fs->super_dirty)
		err = ext2_super_write(fs);
	return err ? err : barrier_write(fs);
}

static int gone_write(struct ext2_fs *fs)
{
	struct ext2_buffer *b;

	list_for_each (b, &fs->buffers, link)
		if (b->gone_count)
			ext2_dir_purge(fs, b);
	return write_step(fs, EXT2_CLASS_DIR, false);
}

/* ---- All of it ---- */

static int is_changed(struct ext2_node *node, void *arg)
{
	(void)arg;
	return ext2_node_changed(node);
}

static bool anything(struct ext2_fs *fs)
{
	return fs->ndirty || fs->ncorpses || fs->npending || fs->group_dirty || fs->super_dirty ||
	       ext2_nodes_each(fs, is_changed, NULL);
}

static int steps(struct ext2_fs *fs)
{
	int err = mark(fs, false);

	if (!err)
		err = write_step(fs, EXT2_CLASS_DIR, true);
	for (unsigned class = EXT2_CLASS_IND1; class <= EXT2_CLASS_IND3 && !err; class ++)
		err = write_step(fs, class, false);
	if (!err)
		err = inodes_write(fs);
	if (!err)
		err = bitmaps_write(fs);
	if (!err)
		err = gone_write(fs);
	return err;
}

static int flush_locked(struct ext2_fs *fs, bool valid, struct list *corpses)
{
	int err = barrier_write(fs);

	if (!err && anything(fs)) {
		err = steps(fs);
		if (err)
			return err;
		ext2_corpses_take(fs, corpses);
		(void)ext2_nodes_each(fs, node_settle, NULL);
	}
	/* With a file that is open and has no name, e2fsck would have something to do. */
	return err || !valid || fs->norphans ? err : mark(fs, true);
}

/* Errors stay with the pages, which stay dirty: whoever syncs the file hears of them. */
static void fresh_sync(struct ext2_fs *fs)
{
	struct ext2_visit v = { 0 };
	struct ext2_node *node;

	while ((node = ext2_visit_next(fs, &v)) != NULL) {
		(void)!object_sync(&node->object, 0, UINT32_MAX);
		object_put(&node->object);
	}
}

int ext2_flush(struct ext2_fs *fs, bool valid)
{
	struct list corpses = LIST_INIT(corpses);
	int err;

	mutex_lock(&fs->gate);
	fresh_sync(fs);
	mutex_lock(&fs->mutex);
	if (fs->failed) {
		err = -EIO;
	} else {
		err = fs->read_only ? 0 : flush_locked(fs, valid, &corpses);
		fs->failed = err != 0;
		if (err)
			log_error("ext2: %s: error %d while writing: no more changes are taken",
				  fs->device->name, err);
	}
	mutex_unlock(&fs->mutex);
	mutex_unlock(&fs->gate);
	ext2_corpses_free(&corpses);
	return err;
}

/* One file after the other; what found no room in memory is tried once more after a flush. */
static int data_sync(struct ext2_fs *fs)
{
	struct ext2_visit v = { .round = ++fs->rounds ? fs->rounds : ++fs->rounds };
	struct ext2_node *node;
	int err = 0, one;

	while ((node = ext2_visit_next(fs, &v)) != NULL) {
		while ((one = object_sync(&node->object, 0, UINT32_MAX)) == -EAGAIN)
			if (ext2_flush(fs, false))
				break;
		object_put(&node->object);
		if (one && !err)
			err = one;
	}
	return err;
}

int ext2_sync(struct super *s)
{
	struct ext2_fs *fs = s->data;
	int err, data;

	if (fs->read_only)
		return 0;
	mutex_lock(&fs->syncing);
	data = data_sync(fs);
	mutex_unlock(&fs->syncing);
	err = ext2_flush(fs, true);
	return err ? err : data;
}
