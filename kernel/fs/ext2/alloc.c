// SPDX-License-Identifier: MIT
/*
 * Which blocks and inodes are free. The bitmaps on the medium and in the buffers say what may be
 * taken: a block or an inode that was freed stays taken there until the flush that makes its
 * freeing true (fs->pending, fs->corpses). So nothing that the medium still names is ever written
 * over, whatever moment power fails in.
 *
 * Blocks go where the file's last one is, else to its inode's group; files to their directory's
 * group, directories to a group with more than its share of what is free.
 */
#include "kernel/cred.h"
#include "kernel/fs/ext2/ext2.h"

static uint32_t group_of_block(const struct ext2_fs *fs, uint32_t block)
{
	return (block - fs->first_block) / fs->per_group;
}

static uint32_t group_start(const struct ext2_fs *fs, uint32_t g)
{
	return fs->first_block + g * fs->per_group;
}

static uint32_t group_size(const struct ext2_fs *fs, uint32_t g)
{
	return MIN(fs->per_group, fs->blocks - group_start(fs, g));
}

bool ext2_block_valid(const struct ext2_fs *fs, uint32_t block)
{
	const struct ext2_group_disk *g;
	uint32_t n, table;

	if (block <= fs->first_block || block >= fs->blocks)
		return false;
	n = group_of_block(fs, block);
	g = &fs->group[n];
	if (block == g->block_bitmap || block == g->inode_bitmap)
		return false;
	table = DIV_ROUND_UP(fs->inodes_per_group * fs->inode_size, fs->block_size);
	if (block - g->inode_table < table)
		return false;
	return !ext2_group_has_super(fs, n) || block - group_start(fs, n) >= 1 + fs->group_blocks;
}

/* The first clear bit in [from, to) of a bitmap, or to. */
static uint32_t clear_bit_find(const uint8_t *map, uint32_t from, uint32_t to)
{
	while (from < to) {
		if (from % 8 == 0 && map[from / 8] == 0xff)
			from += 8;
		else if (map[from / 8] >> from % 8 & 1)
			from++;
		else
			return from;
	}
	return to;
}

static bool bit_test(const uint8_t *map, uint32_t bit)
{
	return map[bit / 8] >> bit % 8 & 1;
}

static void bit_flip(uint8_t *map, uint32_t bit)
{
	map[bit / 8] ^= (uint8_t)(1 << bit % 8);
}

/* Takes a clear bit of `size`, from `from` on and round; -ENOSPC. */
static int bit_take(struct ext2_fs *fs, uint32_t map_block, uint32_t size, uint32_t from,
		    uint32_t *bit)
{
	struct ext2_buffer *b;
	int err = ext2_buffer_read(fs, map_block, EXT2_CLASS_BITMAP, &b);

	if (err)
		return err;
	*bit = clear_bit_find(b->data, from, size);
	if (*bit == size) {
		*bit = clear_bit_find(b->data, 0, MIN(from, size));
		if (*bit == MIN(from, size))
			err = -ENOSPC;
	}
	if (!err) {
		bit_flip(b->data, *bit);
		ext2_buffer_dirty(fs, b);
	}
	ext2_buffer_put(b);
	return err;
}

static int block_take(struct ext2_fs *fs, uint32_t g, uint32_t from, uint32_t *block)
{
	struct ext2_group_disk *gd = &fs->group[g];
	uint32_t bit;
	int err = bit_take(fs, gd->block_bitmap, group_size(fs, g), from, &bit);

	if (err)
		return err;
	*block = group_start(fs, g) + bit;
	/* The bit stays set: it should have been. */
	if (!ext2_block_valid(fs, *block))
		return ext2_damage(fs, "the bitmap of group %u says metadata were free", g);
	if (gd->free_blocks_count)
		gd->free_blocks_count--;
	fs->free_blocks--;
	fs->group_dirty = fs->super_dirty = true;
	return 0;
}

int ext2_block_alloc(struct ext2_fs *fs, uint32_t goal, uint32_t *block)
{
	uint32_t first, from = 0;
	int err = -ENOSPC;

	if (goal < fs->first_block || goal >= fs->blocks)
		goal = fs->first_block;
	first = group_of_block(fs, goal);
	from = goal - group_start(fs, first);
	if (!fs->free_blocks)
		return -ENOSPC;
	for (uint32_t i = 0; i < fs->groups; i++) {
		uint32_t g = (first + i) % fs->groups;

		if (!fs->group[g].free_blocks_count)
			continue;
		err = block_take(fs, g, i ? 0 : from, block);
		if (err != -ENOSPC)
			return err;
		/* The count was wrong, or what it counts is pending. */
	}
	return err;
}

bool ext2_blocks_left(const struct ext2_fs *fs, uint64_t n)
{
	const struct cred *c = current()->cred;
	uint64_t kept = fs->promised;

	if (c && !cred_capable(c, CAP_SYS_RESOURCE) && c->fsuid != fs->resuid &&
	    !cred_in_group(c, fs->resgid))
		kept += fs->reserved;
	return fs->free_blocks >= kept && fs->free_blocks - kept >= n;
}

int ext2_block_free(struct ext2_fs *fs, uint32_t block)
{
	struct ext2_extent *last = &fs->pending[fs->npending - (fs->npending > 0)];

	/* Neighbours: files are freed from their end. */
	if (fs->npending && block + 1 == last->first) {
		last->first--;
		last->count++;
	} else if (fs->npending && block == last->first + last->count) {
		last->count++;
	} else if (fs->npending == EXT2_PENDING_MAX) {
		return -EAGAIN;
	} else {
		fs->pending[fs->npending++] = (struct ext2_extent){ block, 1 };
	}
	fs->pending_blocks++;
	ext2_buffer_forget(fs, block);
	return 0;
}

/* Clears bit in a bitmap; what waits for nothing any more makes room when all buffers are full. */
static int bit_give(struct ext2_fs *fs, uint32_t map_block, uint32_t bit, bool *was)
{
	struct ext2_buffer *b;
	int err = ext2_buffer_read(fs, map_block, EXT2_CLASS_BITMAP, &b);

	if (err == -EAGAIN) {
		err = ext2_buffers_write(fs, EXT2_CLASS_BITMAP, false);
		if (!err)
			err = ext2_buffer_read(fs, map_block, EXT2_CLASS_BITMAP, &b);
	}
	if (err)
		return err;
	*was = bit_test(b->data, bit);
	if (*was) {
		bit_flip(b->data, bit);
		ext2_buffer_dirty(fs, b);
	}
	ext2_buffer_put(b);
	return 0;
}

static int block_give(struct ext2_fs *fs, uint32_t block)
{
	uint32_t g = group_of_block(fs, block);
	bool was;
	int err = bit_give(fs, fs->group[g].block_bitmap, block - group_start(fs, g), &was);

	if (err)
		return err;
	if (!was) {
		(void)ext2_damage(fs, "block %u is freed, but free", block);
		return 0;
	}
	fs->group[g].free_blocks_count++;
	fs->free_blocks++;
	fs->group_dirty = fs->super_dirty = true;
	return 0;
}

int ext2_pending_apply(struct ext2_fs *fs)
{
	int err = 0;

	while (fs->npending && !err) {
		struct ext2_extent *e = &fs->pending[fs->npending - 1];

		err = block_give(fs, e->first + e->count - 1);
		if (err)
			break;
		fs->pending_blocks--;
		if (--e->count == 0)
			fs->npending--;
	}
	return err;
}

static bool group_fits_dir(const struct ext2_fs *fs, const struct ext2_group_disk *g)
{
	return g->free_inodes_count && g->free_inodes_count >= fs->free_inodes / fs->groups &&
	       g->free_blocks_count >= fs->free_blocks / fs->groups;
}

/* Where to begin to look. */
static uint32_t group_for_inode(const struct ext2_fs *fs, const struct ext2_node *dir, bool is_dir)
{
	uint32_t parent = ((uint32_t)dir->inode->ino - 1) / fs->inodes_per_group;

	ASSERT(fs->groups > 0);
	if (!is_dir)
		return parent;
	/* Below the root directories are spread; deeper ones stay near. */
	if (dir->inode->ino == EXT2_ROOT_INO)
		parent += fs->generation;
	for (uint32_t i = 0; i < fs->groups; i++)
		if (group_fits_dir(fs, &fs->group[(parent + i) % fs->groups]))
			return (parent + i) % fs->groups;
	return parent % fs->groups;
}

static int inode_take(struct ext2_fs *fs, uint32_t g, bool is_dir, uint32_t *ino)
{
	struct ext2_group_disk *gd = &fs->group[g];
	uint32_t from = g ? 0 : fs->first_ino - 1, bit;
	int err = bit_take(fs, gd->inode_bitmap, fs->inodes_per_group, from, &bit);

	if (err)
		return err;
	*ino = g * fs->inodes_per_group + bit + 1;
	if (*ino < fs->first_ino)
		return ext2_damage(fs, "the inode bitmap says reserved inodes were free");
	if (gd->free_inodes_count)
		gd->free_inodes_count--;
	gd->used_dirs_count += is_dir;
	fs->free_inodes -= fs->free_inodes > 0;
	fs->group_dirty = fs->super_dirty = true;
	return 0;
}

int ext2_inode_alloc(struct ext2_fs *fs, const struct ext2_node *dir, bool is_dir, uint32_t *ino)
{
	uint32_t first = group_for_inode(fs, dir, is_dir);

	for (uint32_t i = 0; i < fs->groups; i++) {
		uint32_t g = (first + i) % fs->groups;
		int err = -ENOSPC;

		if (fs->group[g].free_inodes_count)
			err = inode_take(fs, g, is_dir, ino);
		if (err != -ENOSPC)
			return err;
	}
	return -ENOSPC;
}

int ext2_inode_free(struct ext2_fs *fs, uint32_t ino, bool is_dir)
{
	uint32_t g = (ino - 1) / fs->inodes_per_group;
	struct ext2_group_disk *gd = &fs->group[g];
	bool was;
	int err = bit_give(fs, gd->inode_bitmap, (ino - 1) % fs->inodes_per_group, &was);

	if (err)
		return err;
	if (!was) {
		(void)ext2_damage(fs, "inode %u is freed, but free", ino);
		return 0;
	}
	gd->free_inodes_count++;
	gd->used_dirs_count -= is_dir && gd->used_dirs_count;
	fs->free_inodes++;
	fs->group_dirty = fs->super_dirty = true;
	return 0;
}
