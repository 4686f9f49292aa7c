// SPDX-License-Identifier: MIT
/*
 * What the superblock and the group descriptors say is checked once, at mount, so that everything
 * behind can trust sizes and places. A file system with features that are not known is refused, or
 * mounted read-only where its makers allow that.
 */
#include "kernel/fs/ext2/ext2.h"
#include "mm/buddy.h"

static int refuse(const struct ext2_fs *fs, int err, const char *why, uint32_t value)
{
	log_error("ext2: %s: %s (%#x)", fs->device->name, why, value);
	return err;
}

int ext2_check_features(struct ext2_fs *fs, const struct ext2_super_disk *d, bool rdonly)
{
	uint32_t incompat =
		d->rev_level ? d->feature_incompat & ~(uint32_t)EXT2_INCOMPAT_FILETYPE : 0;
	uint32_t ro = d->rev_level ? d->feature_ro_compat & ~(uint32_t)EXT2_RO_KNOWN : 0;

	if (d->rev_level > 1)
		return refuse(fs, -EINVAL, "unknown revision", d->rev_level);
	if (incompat & 4)
		return refuse(fs, -EINVAL, "its journal has to be replayed first (ext3, ext4)",
			      incompat);
	if (incompat & 0x40)
		return refuse(fs, -EINVAL, "it uses extents (ext4)", incompat);
	if (incompat)
		return refuse(fs, -EINVAL, "features that are not known", incompat);
	if (ro && !rdonly)
		return refuse(fs, -EROFS, "features that allow reading only", ro);
	return 0;
}

static bool geometry_ok(const struct ext2_fs *fs, const struct ext2_super_disk *d)
{
	uint32_t bits = fs->block_size * 8;

	return d->first_data_block == (fs->block_size == 1024) &&
	       d->blocks_count > d->first_data_block + 3 &&
	       (uint64_t)d->blocks_count << fs->block_bits <= fs->device->sectors * SECTOR_SIZE &&
	       d->blocks_per_group >= 8 && d->blocks_per_group <= bits &&
	       d->inodes_per_group >= 8 && d->inodes_per_group <= bits &&
	       d->r_blocks_count <= d->blocks_count;
}

static bool inodes_ok(const struct ext2_fs *fs, const struct ext2_super_disk *d)
{
	return fs->inode_size >= EXT2_OLD_INO_SIZE && fs->inode_size <= fs->block_size &&
	       (fs->inode_size & (fs->inode_size - 1)) == 0 &&
	       fs->first_ino >= EXT2_OLD_FIRST_INO && fs->first_ino <= fs->inodes_per_group &&
	       (uint64_t)fs->groups * fs->inodes_per_group == d->inodes_count;
}

int ext2_check_super(struct ext2_fs *fs, const struct ext2_super_disk *d, bool rdonly)
{
	int err;

	if (d->magic != EXT2_MAGIC)
		return -EINVAL;
	err = ext2_check_features(fs, d, rdonly);
	if (err)
		return err;
	if (d->log_block_size > 2 || 1024u << d->log_block_size < fs->device->block_size)
		return refuse(fs, -EINVAL, "a block size that is not supported", d->log_block_size);
	fs->block_bits = 10 + d->log_block_size;
	fs->block_size = 1u << fs->block_bits;
	if (!geometry_ok(fs, d))
		return refuse(fs, -EUCLEAN, "the superblock makes no sense", d->blocks_count);
	fs->per_group = d->blocks_per_group;
	fs->inodes_per_group = d->inodes_per_group;
	fs->first_block = d->first_data_block;
	fs->blocks = d->blocks_count;
	fs->inodes = d->inodes_count;
	fs->groups = DIV_ROUND_UP(fs->blocks - fs->first_block, fs->per_group);
	fs->inode_size = d->rev_level ? d->inode_size : EXT2_OLD_INO_SIZE;
	fs->first_ino = d->rev_level ? d->first_ino : EXT2_OLD_FIRST_INO;
	fs->filetype = d->rev_level && d->feature_incompat & EXT2_INCOMPAT_FILETYPE;
	fs->pointers = fs->block_size / 4;
	fs->group_blocks = DIV_ROUND_UP(fs->groups * 32, fs->block_size);
	/* Their table is one piece of memory. */
	if ((uint64_t)fs->group_blocks << fs->block_bits > PAGE_SIZE << MAX_ORDER)
		return refuse(fs, -EFBIG, "too many groups", fs->groups);
	if (!inodes_ok(fs, d))
		return refuse(fs, -EUCLEAN, "the superblock makes no sense", d->inodes_count);
	return 0;
}

int ext2_check_group(struct ext2_fs *fs, uint32_t n)
{
	const struct ext2_group_disk *g = &fs->group[n];
	uint32_t start = fs->first_block + n * fs->per_group;
	uint32_t size = MIN(fs->per_group, fs->blocks - start);
	uint32_t table = DIV_ROUND_UP(fs->inodes_per_group * fs->inode_size, fs->block_size);
	uint32_t head = ext2_group_has_super(fs, n) ? 1 + fs->group_blocks : 0;

	if (g->block_bitmap - start < head || g->block_bitmap - start >= size ||
	    g->inode_bitmap - start < head || g->inode_bitmap - start >= size ||
	    g->inode_table - start < head || g->inode_table - start >= size ||
	    table > size - (g->inode_table - start) || g->block_bitmap == g->inode_bitmap ||
	    g->block_bitmap - g->inode_table < table || g->inode_bitmap - g->inode_table < table ||
	    g->free_blocks_count > size || g->free_inodes_count > fs->inodes_per_group)
		return refuse(fs, -EUCLEAN, "a group descriptor makes no sense", n);
	fs->free_blocks += g->free_blocks_count;
	fs->free_inodes += g->free_inodes_count;
	return 0;
}
