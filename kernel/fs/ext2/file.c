// SPDX-License-Identifier: MIT
/*
 * Regular files. Contents are the object's pages (pages.c); here is what a write does before they
 * are written: blocks are promised, then the pages are written, then they get their blocks. So a
 * full medium is told by write(2), and pages of a hole read as zeroes until the end.
 */
#include "kernel/fs/ext2/ext2.h"
#include "kernel/fs/regular.h"

#define CHUNK_PAGES 16 /* of a write, between promise and blocks */

/* ---- Writing ---- */

/* Promises blocks for a write of *n bytes at pos, or for so much of it as there is room for. One
 * write to a file at a time. */
static int promise_locked(struct ext2_node *node, uint64_t pos, size_t *n)
{
	struct ext2_fs *fs = node->fs;
	uint64_t first = pos >> fs->block_bits;
	unsigned blocks = (unsigned)(((pos + *n - 1) >> fs->block_bits) - first + 1), need;
	int err = ext2_map_holes(node, first, blocks, &need);

	if (!err && !ext2_blocks_left(fs, need)) {
		/* The first block alone. */
		*n = MIN(*n, fs->block_size - pos % fs->block_size);
		err = ext2_map_holes(node, first, 1, &need);
		/* Indirect blocks that are there already need no room. */
		if (!err && need && first < EXT2_DIRECT)
			need = 1;
		if (!err && !ext2_blocks_left(fs, need))
			err = fs->npending || fs->ncorpses ? -EAGAIN : -ENOSPC;
	}
	if (err)
		return err;
	fs->promised += need;
	node->promise = need;
	node->promise_first = (uint32_t)(pos >> PAGE_SHIFT);
	node->promise_last = (uint32_t)((pos + *n - 1) >> PAGE_SHIFT);
	return 0;
}

/* Gives blocks to [pos, pos + n). *at says where it stopped: -EAGAIN. */
static int blocks_give(struct ext2_node *node, uint64_t *at, uint64_t end)
{
	struct ext2_fs *fs = node->fs;
	uint32_t block;
	bool fresh;
	int err = 0;

	while (*at < end && !err) {
		if (fs->ndirty > fs->nbuffers - EXT2_BUFFERS_SPARE / 2)
			return -EAGAIN;
		err = ext2_map(node, *at >> fs->block_bits, true, &block, &fresh);
		if (fresh)
			node->fresh = true;
		if (!err)
			*at = ALIGN_DOWN(*at, (uint64_t)fs->block_size) + fs->block_size;
	}
	return err;
}

static int promise(struct ext2_node *node, uint64_t pos, size_t *n)
{
	struct ext2_fs *fs = node->fs;
	int err;

	for (unsigned tries = 0;; tries++) {
		err = ext2_begin(fs);
		if (err)
			return err;
		err = promise_locked(node, pos, n);
		ext2_end(fs);
		if (err != -EAGAIN)
			return err;
		/* What is freed becomes free by it; twice, because a file may be deleted only
		 * then. */
		err = tries < 2 ? ext2_flush(fs, false) : -ENOSPC;
		if (err)
			return err;
	}
}

/* The promise is kept: [pos, pos + n) gets its blocks, but for those that writing back has taken
 * meanwhile (pages.c). */
static int fulfil(struct ext2_node *node, uint64_t pos, uint64_t n)
{
	struct ext2_fs *fs = node->fs;
	uint64_t at = pos;
	int err;

	do {
		mutex_lock(&fs->gate);
		mutex_lock(&fs->mutex);
		err = fs->failed ? -EIO : blocks_give(node, &at, pos + n);
		if (err != -EAGAIN) {
			fs->promised -= node->promise;
			node->promise = 0;
		}
		mutex_unlock(&fs->mutex);
		mutex_unlock(&fs->gate);
		if (err == -EAGAIN)
			(void)!ext2_flush(fs, false); /* its failure is in fs->failed */
	} while (err == -EAGAIN);
	return err;
}

static int64_t write_chunk(struct ext2_node *node, uint64_t pos, uintptr_t buf, size_t n, bool user)
{
	int64_t done;
	int err;

	n = MIN(n, CHUNK_PAGES * PAGE_SIZE - pos % PAGE_SIZE);
	err = promise(node, pos, &n);
	if (err)
		return err;
	done = object_write(&node->object, pos, (const void *)buf, n, user);
	err = fulfil(node, pos, done > 0 ? (uint64_t)done : 0);
	return err ? err : done;
}

static int64_t write_locked(struct file *f, struct io *io)
{
	struct ext2_node *node = ext2_node(f->inode);
	int64_t n = regular_write_begin(f, io, ext2_size_max(node->fs)), done = 0;

	while (n > 0 && (size_t)done < io->n) {
		n = write_chunk(node, io->pos + (uint64_t)done, io->buf + (uintptr_t)done,
				io->n - (size_t)done, io->user);
		if (n > 0)
			done += n;
		object_throttle();
	}
	if (done)
		regular_written(f);
	return done ? done : n;
}

static int ext2_file_sync(struct file *f, uint32_t first, uint32_t last)
{
	struct ext2_node *node = ext2_node(f->inode);
	struct ext2_fs *fs = node->fs;
	int err, data;

	/* What a mapping left that came too late is an error, not nothing. */
	if (fs->read_only) {
		(void)!object_sync(&node->object, first, last);
		return object_error_tell(&node->object, &f->sync_told);
	}
	while (object_sync(&node->object, first, last) == -EAGAIN) {
		err = ext2_flush(fs, false);
		if (err)
			return err;
	}
	err = ext2_flush(fs, false);
	/* Whoever wrote, and failed: this file hears of it, once. */
	data = object_error_tell(&node->object, &f->sync_told);
	return err ? err : data;
}

static int64_t ext2_write(struct file *f, struct io *io)
{
	int64_t n;
	int err;

	mutex_lock(&f->inode->mutex);
	n = write_locked(f, io);
	mutex_unlock(&f->inode->mutex);
	if (n > 0 && f->flags & O_DSYNC) {
		err = ext2_file_sync(f, (uint32_t)(io->pos >> PAGE_SHIFT),
				     (uint32_t)((io->pos + (uint64_t)n - 1) >> PAGE_SHIFT));
		if (err)
			return err;
	}
	return n;
}

const struct file_ops ext2_file_ops = {
	.read = regular_read,
	.write = ext2_write,
	.sync = ext2_file_sync,
};
