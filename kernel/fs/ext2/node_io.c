// SPDX-License-Identifier: MIT
/*
 * Inodes to and from the medium.
 *
 * Attributes belong to the VFS, which changes them without a word to us: whether a node has to be
 * written is found out by comparing what the medium should say (node_image) with what it was told
 * last (node->raw).
 */
#include "kernel/fs/ext2/ext2.h"
#include "kernel/time.h"

bool ext2_node_has_blocks(const struct ext2_node *node)
{
	uint32_t mode = node->inode->mode;
	uint32_t xattr = node->raw.file_acl ? node->fs->block_size / SECTOR_SIZE : 0;

	return S_ISREG(mode) || S_ISDIR(mode) || (S_ISLNK(mode) && node->raw.blocks > xattr);
}

/* Where inode ino is: its buffer, with a reference, and the place in it. */
static int slot_read(struct ext2_fs *fs, uint32_t ino, struct ext2_buffer **b, void **at)
{
	uint32_t g = (ino - 1) / fs->inodes_per_group;
	uint64_t offset = (uint64_t)((ino - 1) % fs->inodes_per_group) * fs->inode_size;
	uint32_t block = fs->group[g].inode_table + (uint32_t)(offset >> fs->block_bits);
	int err = ext2_buffer_read(fs, block, EXT2_CLASS_TABLE, b);

	if (!err)
		*at = (*b)->data + offset % fs->block_size;
	return err;
}

static int64_t time_of(uint32_t seconds)
{
	return (int64_t)(int32_t)seconds * (int64_t)NSEC_PER_SEC;
}

/* Seconds in the 32 bits there are; what lies beyond becomes the nearest. */
static uint32_t seconds_of(int64_t ns)
{
	int64_t s = ns / (int64_t)NSEC_PER_SEC - (ns % (int64_t)NSEC_PER_SEC < 0);

	return (uint32_t)(int32_t)(s > INT32_MAX ? INT32_MAX : s < INT32_MIN ? INT32_MIN : s);
}

static devno_t rdev_of(const struct ext2_inode_disk *d)
{
	uint32_t v = d->block[1];

	/* 16 bits as of old in the first word, or 12 bits of major between two parts of minor in
	 * the second. */
	if (d->block[0])
		return DEVNO(d->block[0] >> 8 & 0xff, d->block[0] & 0xff);
	return DEVNO(v >> 8 & 0xfff, (v & 0xff) | (v >> 12 & 0xfff00));
}

static bool size_ok(const struct ext2_fs *fs, uint32_t mode, uint64_t size)
{
	switch (mode & S_IFMT) {
	case S_IFREG: return size <= ext2_size_max(fs);
	case S_IFDIR: return size && size % fs->block_size == 0 && size <= INT32_MAX;
	case S_IFLNK: return size && size < fs->block_size && size < PATH_MAX;
	case S_IFCHR:
	case S_IFBLK:
	case S_IFIFO:
	case S_IFSOCK: return true;
	default: return false;
	}
}

static int decode(struct ext2_fs *fs, struct ext2_node *node, const struct ext2_inode_disk *d)
{
	struct inode *i = node->inode;
	uint64_t size = d->size;

	if (S_ISREG(d->mode))
		size |= (uint64_t)d->size_high << 32;
	if (!d->links_count || !size_ok(fs, d->mode, size))
		return -EUCLEAN;
	node->raw = *d;
	node->links = d->links_count;
	i->mode = d->mode;
	i->uid = d->uid | (uint32_t)d->uid_high << 16;
	i->gid = d->gid | (uint32_t)d->gid_high << 16;
	i->nlink = d->links_count;
	i->size = size;
	i->atime = time_of(d->atime);
	i->mtime = time_of(d->mtime);
	i->ctime = time_of(d->ctime);
	if (S_ISCHR(i->mode) || S_ISBLK(i->mode))
		i->rdev = rdev_of(d);
	if (S_ISLNK(i->mode) && !ext2_node_has_blocks(node) && size >= sizeof(d->block))
		return -EUCLEAN;
	return 0;
}

int ext2_node_load(struct ext2_fs *fs, uint32_t ino, struct ext2_node *node)
{
	struct ext2_buffer *b;
	void *at;
	int err = slot_read(fs, ino, &b, &at);

	if (err)
		return err;
	err = decode(fs, node, at);
	ext2_buffer_put(b);
	return err ? ext2_damage(fs, "inode %u makes no sense, or is free", ino) : 0;
}

/* What the medium should say. */
static void node_image(const struct ext2_node *node, struct ext2_inode_disk *d)
{
	const struct inode *i = node->inode;
	uint64_t size = inode_size(i);

	*d = node->raw;
	d->mode = (uint16_t)i->mode;
	d->uid = (uint16_t)i->uid;
	d->uid_high = (uint16_t)(i->uid >> 16);
	d->gid = (uint16_t)i->gid;
	d->gid_high = (uint16_t)(i->gid >> 16);
	d->links_count = (uint16_t)node->links;
	d->size = (uint32_t)size;
	if (S_ISREG(i->mode))
		d->size_high = (uint32_t)(size >> 32);
	d->atime = seconds_of(READ_ONCE(i->atime));
	d->mtime = seconds_of(READ_ONCE(i->mtime));
	d->ctime = seconds_of(READ_ONCE(i->ctime));
}

bool ext2_node_changed(const struct ext2_node *node)
{
	struct ext2_inode_disk d;

	if (node->dirty)
		return true;
	node_image(node, &d);
	return memcmp(&d, &node->raw, sizeof(d)) != 0;
}

int ext2_node_encode(struct ext2_node *node)
{
	struct ext2_fs *fs = node->fs;
	struct ext2_inode_disk d;
	struct ext2_buffer *b;
	void *at;
	int err = slot_read(fs, (uint32_t)node->inode->ino, &b, &at);

	if (err)
		return err;
	node_image(node, &d);
	if (S_ISREG(d.mode) && inode_size(node->inode) > INT32_MAX &&
	    !(fs->disk->feature_ro_compat & EXT2_RO_LARGE_FILE)) {
		fs->disk->feature_ro_compat |= EXT2_RO_LARGE_FILE;
		fs->super_dirty = true;
	}
	if (node->born)
		memset(at, 0, fs->inode_size);
	memcpy(at, &d, sizeof(d));
	ext2_buffer_dirty(fs, b);
	ext2_buffer_put(b);
	node->raw = d;
	node->dirty = node->born = false;
	return 0;
}
