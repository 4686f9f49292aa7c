// SPDX-License-Identifier: MIT
/*
 * Which block holds which part of a file: twelve pointers in the inode, then trees of one, two and
 * three levels of blocks full of pointers (P = block size / 4). A pointer of 0 is a hole.
 *
 *    n <  12            block[n]
 *    n <  12 + P        block[12] -> pointers -> data
 *    n <  12 + P + P^2  block[13] -> pointers -> pointers -> data            and so on
 *
 * Cutting goes from the end to the front, so that it can stop anywhere (too much is pending) and go
 * on later.
 */
#include "kernel/fs/ext2/ext2.h"

/* Blocks that a tree of so many levels spans. */
static uint64_t span(const struct ext2_fs *fs, unsigned levels)
{
	uint64_t n = 1;

	while (levels--)
		n *= fs->pointers;
	return n;
}

uint64_t ext2_size_max(const struct ext2_fs *fs)
{
	uint64_t blocks = EXT2_DIRECT + span(fs, 1) + span(fs, 2) + span(fs, 3), bytes;

	/* i_blocks counts 512 bytes in 32 bits: a few for the pointers. */
	bytes = MIN(blocks << fs->block_bits, ((uint64_t)UINT32_MAX << SECTOR_SHIFT) / 1026 * 1024);
	bytes = ALIGN_DOWN(bytes, (uint64_t)fs->block_size);
	return fs->disk->rev_level ? bytes : MIN(bytes, (uint64_t)INT32_MAX);
}

/* Levels above block n, and n becomes its place within that tree; *root: which pointer of the
 * inode. -EFBIG. */
static int path_of(const struct ext2_fs *fs, uint64_t *n, unsigned *root)
{
	if (*n < EXT2_DIRECT) {
		*root = (unsigned)*n;
		*n = 0;
		return 0;
	}
	*n -= EXT2_DIRECT;
	for (unsigned levels = 1; levels <= 3; levels++) {
		if (*n < span(fs, levels)) {
			*root = EXT2_DIRECT + levels - 1;
			return (int)levels;
		}
		*n -= span(fs, levels);
	}
	return -EFBIG;
}

static enum ext2_class class_of(unsigned level)
{
	return EXT2_CLASS_IND1 + (level - 1);
}

static uint32_t goal_of(const struct ext2_node *node)
{
	const struct ext2_fs *fs = node->fs;

	if (node->last_block)
		return node->last_block + 1;
	return fs->first_block +
	       ((uint32_t)node->inode->ino - 1) / fs->inodes_per_group * fs->per_group;
}

/* A block for the file, counted in it. */
static int block_add(struct ext2_node *node, uint32_t *block)
{
	uint32_t sectors = node->fs->block_size / SECTOR_SIZE;
	int err;

	if (node->raw.blocks > UINT32_MAX - sectors)
		return -EFBIG;
	err = ext2_block_alloc(node->fs, goal_of(node), block);
	if (err)
		return err;
	node->raw.blocks += sectors;
	node->last_block = *block;
	node->dirty = true;
	return 0;
}

/* Gives back one just added, that nothing names. */
static void block_unadd(struct ext2_node *node, uint32_t block)
{
	/* No room for it on the list: lost until the next check of the file system. */
	if (ext2_block_free(node->fs, block))
		(void)ext2_damage(node->fs, "block %u is lost", block);
	node->raw.blocks -= node->fs->block_size / SECTOR_SIZE;
}

/* Follows *pointer to a block of pointers, made when it is a hole and create is set. *out NULL: a
 * hole. *made: it was. */
static int level_enter(struct ext2_node *node, uint32_t *pointer, unsigned level, bool create,
		       struct ext2_buffer **out, bool *made)
{
	uint32_t block = *pointer;
	int err;

	*out = NULL;
	*made = false;
	if (block) {
		if (!ext2_block_valid(node->fs, block))
			return ext2_damage(node->fs, "inode %u points to block %u",
					   (unsigned)node->inode->ino, block);
		return ext2_buffer_read(node->fs, block, class_of(level), out);
	}
	if (!create)
		return 0;
	err = block_add(node, &block);
	if (err)
		return err;
	err = ext2_buffer_new(node->fs, block, class_of(level), out);
	if (err) {
		block_unadd(node, block);
		return err;
	}
	*pointer = block;
	*made = true;
	return 0;
}

/* The last step: *pointer is the file's. */
static int leaf(struct ext2_node *node, uint32_t *pointer, bool create, uint32_t *block,
		bool *fresh)
{
	int err;

	*block = *pointer;
	if (*block && !ext2_block_valid(node->fs, *block))
		return ext2_damage(node->fs, "inode %u points to block %u",
				   (unsigned)node->inode->ino, *block);
	if (*block || !create)
		return 0;
	err = block_add(node, block);
	if (err)
		return err;
	*pointer = *block;
	if (fresh)
		*fresh = true;
	return 0;
}

static void changed(struct ext2_node *node, struct ext2_buffer *holder)
{
	if (holder)
		ext2_buffer_dirty(node->fs, holder);
	else
		node->dirty = true;
}

int ext2_map(struct ext2_node *node, uint64_t n, bool create, uint32_t *block, bool *fresh)
{
	struct ext2_buffer *holder = NULL, *next;
	unsigned root = 0;
	int levels = path_of(node->fs, &n, &root), err = 0;
	uint32_t *pointer;
	bool made;

	*block = 0;
	if (fresh)
		*fresh = false;
	if (levels < 0)
		return levels;
	pointer = &node->raw.block[root];
	for (int level = levels; level > 0 && !err; level--) {
		err = level_enter(node, pointer, (unsigned)level, create, &next, &made);
		if (made)
			changed(node, holder);
		if (err || !next)
			goto out;
		if (holder)
			ext2_buffer_put(holder);
		holder = next;
		pointer = (uint32_t *)holder->data +
			  n / span(node->fs, (unsigned)level - 1) % node->fs->pointers;
	}
	made = !*pointer;
	err = leaf(node, pointer, create, block, fresh);
	if (made && *pointer)
		changed(node, holder);
out:
	if (holder)
		ext2_buffer_put(holder);
	return err;
}

int ext2_map_holes(struct ext2_node *node, uint64_t first, unsigned n, unsigned *need)
{
	unsigned holes = 0;
	uint32_t block;
	int err = 0;

	for (unsigned i = 0; i < n && !err; i++) {
		err = ext2_map(node, first + i, false, &block, NULL);
		holes += !err && !block;
	}
	/* The range is no longer than a block of pointers spans: it touches two at each level. */
	*need = holes ? holes + 6 : 0;
	return err;
}

/* Frees *pointer. A pointer that leads nowhere is forgotten. */
static int pointer_free(struct ext2_node *node, uint32_t *pointer)
{
	uint32_t sectors = node->fs->block_size / SECTOR_SIZE;
	int err = 0;

	if (ext2_block_valid(node->fs, *pointer))
		err = ext2_block_free(node->fs, *pointer);
	else
		(void)ext2_damage(node->fs, "inode %u points to block %u",
				  (unsigned)node->inode->ino, *pointer);
	if (err)
		return err;
	*pointer = 0;
	node->raw.blocks -= MIN(sectors, node->raw.blocks);
	return 0;
}

static int branch_cut(struct ext2_node *node, uint32_t *pointer, unsigned level, uint64_t from);

/* The pointers in b from place `from` of its tree on. */
static int pointers_cut(struct ext2_node *node, struct ext2_buffer *b, unsigned level,
			uint64_t from)
{
	uint64_t each = span(node->fs, level - 1);
	uint32_t *pointer = (uint32_t *)b->data, first = (uint32_t)(from / each), i;
	int err = 0;

	for (i = node->fs->pointers; i-- > first && !err;) {
		uint32_t before = pointer[i];

		err = branch_cut(node, &pointer[i], level - 1, i == first ? from % each : 0);
		if (pointer[i] != before)
			ext2_buffer_dirty(node->fs, b);
	}
	return err;
}

static int branch_cut(struct ext2_node *node, uint32_t *pointer, unsigned level, uint64_t from)
{
	struct ext2_buffer *b;
	bool made;
	int err;

	if (!*pointer)
		return 0;
	if (level == 0)
		return pointer_free(node, pointer);
	err = level_enter(node, pointer, level, false, &b, &made);
	if (err == -EAGAIN)
		return err;
	/* What it pointed to cannot be known any more; the next check of the file system finds
	 * it. */
	if (err)
		return from ? err : pointer_free(node, pointer);
	err = pointers_cut(node, b, level, from);
	ext2_buffer_put(b);
	return err || from ? err : pointer_free(node, pointer);
}

int ext2_map_cut(struct ext2_node *node, uint64_t n)
{
	const struct ext2_fs *fs = node->fs;
	uint64_t start = EXT2_DIRECT + span(fs, 1) + span(fs, 2);
	int err = 0;

	node->dirty = true;
	node->generation++;
	node->last_block = 0;
	for (unsigned level = 3; level > 0 && !err; level--) {
		if (n < start + span(fs, level))
			err = branch_cut(node, &node->raw.block[EXT2_DIRECT + level - 1], level,
					 n > start ? n - start : 0);
		start -= span(fs, level - 1);
	}
	for (unsigned i = EXT2_DIRECT; i-- > n && !err;)
		if (node->raw.block[i])
			err = pointer_free(node, &node->raw.block[i]);
	return err;
}
