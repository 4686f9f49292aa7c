// SPDX-License-Identifier: MIT
/*
 * Directories: files of entries. An entry whose name was removed stays in its block, marked in
 * buffer->gone, until the inode it led to has been written as it is now (flush.c): nobody sees it,
 * and its room is not used again before.
 *
 * Everything read is checked before it is believed: entries fill their block exactly, hold their
 * names and lead to inodes that can be.
 */
#include "kernel/fs/ext2/ext2.h"
#include "mm/slab.h"

static unsigned type_of(uint32_t mode)
{
	/* By the four bits of the type in the mode; sockets, links, files, blocks, directories,
	 * characters, FIFOs. */
	static const uint8_t types[16] = {
		[12] = 6, [10] = 7, [8] = 1, [6] = 4, [4] = 2, [2] = 3, [1] = 5
	};

	return types[mode >> 12 & 15];
}

static uint32_t mode_of(unsigned type)
{
	static const uint32_t modes[8] = { 0,       S_IFREG, S_IFDIR,  S_IFCHR,
					   S_IFBLK, S_IFIFO, S_IFSOCK, S_IFLNK };

	return type < ARRAY_SIZE(modes) ? modes[type] : 0;
}

static char *entry_name(struct ext2_dirent *e)
{
	return (char *)(e + 1);
}

static uint32_t entry_used(const struct ext2_dirent *e)
{
	return e->inode ? EXT2_DIRENT_SIZE(e->name_len) : 0;
}

static bool entry_ok(const struct ext2_fs *fs, const struct ext2_dirent *e, uint32_t offset)
{
	return e->rec_len >= EXT2_DIRENT_SIZE(e->inode ? MAX(e->name_len, 1) : 0) &&
	       e->rec_len % 4 == 0 && offset + e->rec_len <= fs->block_size &&
	       e->inode <= fs->inodes;
}

static bool bit_test(const uint32_t *map, uint32_t offset)
{
	return map[offset / 128] >> offset / 4 % 32 & 1;
}

static bool block_ok(const struct ext2_fs *fs, const uint8_t *data)
{
	uint32_t offset = 0;

	while (offset <= fs->block_size - EXT2_DIRENT_HEAD) {
		const struct ext2_dirent *e = (const struct ext2_dirent *)(data + offset);

		if (!entry_ok(fs, e, offset))
			return false;
		offset += e->rec_len;
	}
	return offset == fs->block_size;
}

/* The n-th block of a directory, checked, with a reference. */
static int block_read_checked(struct ext2_node *dir, uint32_t n, struct ext2_buffer **b)
{
	struct ext2_fs *fs = dir->fs;
	uint32_t block;
	int err = ext2_map(dir, n, false, &block, NULL);

	if (err)
		return err;
	if (!block) {
		(void)ext2_damage(fs, "directory %u has a hole", (unsigned)dir->inode->ino);
		return -EUCLEAN;
	}
	err = ext2_buffer_read(fs, block, EXT2_CLASS_DIR, b);
	if (err || block_ok(fs, (*b)->data))
		return err;
	ext2_buffer_put(*b);
	(void)ext2_damage(fs, "directory %u: entries of block %u make no sense",
			  (unsigned)dir->inode->ino, block);
	return -EUCLEAN;
}

static uint32_t blocks_of(const struct ext2_node *dir)
{
	return (uint32_t)(dir->inode->size >> dir->fs->block_bits);
}

static bool find_in(struct ext2_buffer *b, uint32_t size, const char *text, size_t len,
		    uint32_t *offset)
{
	struct ext2_dirent *e;

	for (*offset = 0; *offset < size; *offset += e->rec_len) {
		e = (struct ext2_dirent *)(b->data + *offset);
		if (e->inode && e->name_len == len && memcmp(entry_name(e), text, len) == 0 &&
		    !bit_test(b->gone, *offset))
			return true;
	}
	return false;
}

int ext2_dir_find(struct ext2_node *dir, const char *text, size_t len, struct ext2_slot *slot)
{
	for (uint32_t n = 0; n < blocks_of(dir); n++) {
		int err = block_read_checked(dir, n, &slot->buffer);

		if (err)
			return err;
		if (find_in(slot->buffer, dir->fs->block_size, text, len, &slot->offset))
			return 0;
		ext2_buffer_put(slot->buffer);
	}
	return -ENOENT;
}

void ext2_slot_put(struct ext2_slot *slot)
{
	if (slot->buffer)
		ext2_buffer_put(slot->buffer);
	slot->buffer = NULL;
}

/* ---- Changes ---- */

static void changed(struct ext2_fs *fs, struct ext2_buffer *b)
{
	b->added = true;
	ext2_buffer_dirty(fs, b);
}

static void entry_set(const struct ext2_fs *fs, struct ext2_dirent *e, uint32_t ino, uint32_t mode)
{
	e->inode = ino;
	e->type = (uint8_t)(fs->filetype ? type_of(mode) : 0);
}

/* Room for `need` bytes in b: *offset; false: none. */
static bool room_find(struct ext2_buffer *b, uint32_t size, uint32_t need, uint32_t *offset)
{
	struct ext2_dirent *e;

	for (*offset = 0; *offset < size; *offset += e->rec_len) {
		e = (struct ext2_dirent *)(b->data + *offset);
		if (!bit_test(b->gone, *offset) && e->rec_len - entry_used(e) >= need)
			return true;
	}
	return false;
}

/* Cuts the free part off the entry at offset, and names it. Returns its place. */
static uint32_t entry_insert(struct ext2_fs *fs, struct ext2_buffer *b, uint32_t offset,
			     const struct name *name, uint32_t ino, uint32_t mode)
{
	struct ext2_dirent *e = (struct ext2_dirent *)(b->data + offset);
	uint32_t used = entry_used(e);
	struct ext2_dirent *n = (struct ext2_dirent *)(b->data + offset + used);

	if (used) {
		n->rec_len = (uint16_t)(e->rec_len - used);
		e->rec_len = (uint16_t)used;
	}
	memcpy(entry_name(n), name->text, name->len);
	n->name_len = (uint8_t)name->len;
	entry_set(fs, n, ino, mode);
	changed(fs, b);
	return offset + used;
}

/* One more block, a single free entry. */
static int dir_grow(struct ext2_node *dir, struct ext2_buffer **b)
{
	struct ext2_fs *fs = dir->fs;
	uint32_t n = blocks_of(dir), block;
	int err;

	if (!ext2_blocks_left(fs, 4))
		return -ENOSPC;
	err = ext2_map(dir, n, true, &block, NULL);
	if (err)
		return err;
	err = ext2_buffer_new(fs, block, EXT2_CLASS_DIR, b);
	if (err) {
		(void)!ext2_map_cut(dir, n);
		return err;
	}
	((struct ext2_dirent *)(*b)->data)->rec_len = (uint16_t)fs->block_size;
	changed(fs, *b);
	dir->inode->size += fs->block_size;
	dir->unsettled = true;
	return 0;
}

/* The block to add to: *b with a reference, *offset the place. */
static int place_find(struct ext2_node *dir, uint32_t need, struct ext2_buffer **b,
		      uint32_t *offset)
{
	for (uint32_t n = 0; n < blocks_of(dir); n++) {
		int err = block_read_checked(dir, n, b);

		if (err)
			return err;
		if (room_find(*b, dir->fs->block_size, need, offset))
			return 0;
		ext2_buffer_put(*b);
	}
	*offset = 0;
	return dir_grow(dir, b);
}

int ext2_dir_add(struct ext2_node *dir, const struct name *name, uint32_t ino, uint32_t mode,
		 struct ext2_buffer *near, bool only_near, struct ext2_slot *slot)
{
	uint32_t need = EXT2_DIRENT_SIZE(name->len), offset;
	struct ext2_buffer *b = near;
	int err = 0;

	if (near && room_find(near, dir->fs->block_size, need, &offset))
		near->refs++;
	else
		err = only_near ? -ENOSPC : place_find(dir, need, &b, &offset);
	if (err)
		return err;
	offset = entry_insert(dir->fs, b, offset, name, ino, mode);
	dir->raw.flags &= ~(uint32_t)EXT2_FL_INDEX;
	dir->dirty = true;
	if (slot)
		*slot = (struct ext2_slot){ b, offset };
	else
		ext2_buffer_put(b);
	return 0;
}

void ext2_dir_set(struct ext2_fs *fs, struct ext2_slot *slot, uint32_t ino, uint32_t mode)
{
	entry_set(fs, ext2_slot_entry(slot), ino, mode);
	changed(fs, slot->buffer);
}

/* Takes the entries marked in gone out of a block: their room goes to the entry before, or they
 * become free ones. */
static void purge(struct ext2_fs *fs, struct ext2_buffer *b, const uint32_t *gone)
{
	struct ext2_dirent *before = NULL, *e;
	uint32_t next;

	for (uint32_t offset = 0; offset < fs->block_size; offset = next) {
		e = (struct ext2_dirent *)(b->data + offset);
		next = offset + e->rec_len;
		if (!bit_test(gone, offset)) {
			before = e;
		} else if (before) {
			before->rec_len = (uint16_t)(before->rec_len + e->rec_len);
		} else {
			e->inode = 0;
			before = e;
		}
	}
}

void ext2_dir_purge(struct ext2_fs *fs, struct ext2_buffer *b)
{
	purge(fs, b, b->gone);
	memset(b->gone, 0, sizeof(b->gone));
	b->gone_count = 0;
	ext2_buffer_dirty(fs, b);
}

void ext2_dir_remove(struct ext2_fs *fs, struct ext2_slot *slot, bool now)
{
	struct ext2_buffer *b = slot->buffer;
	uint32_t one[ARRAY_SIZE(b->gone)] = { 0 };
	uint32_t *map = now ? one : b->gone;

	map[slot->offset / 128] |= 1u << slot->offset / 4 % 32;
	if (now) {
		purge(fs, b, one);
		changed(fs, b);
		return;
	}
	b->gone_count++;
	ext2_buffer_dirty(fs, b);
}

static bool is_dots(struct ext2_dirent *e)
{
	const char *s = entry_name(e);

	return s[0] == '.' && (e->name_len == 1 || (e->name_len == 2 && s[1] == '.'));
}

int ext2_dir_empty(struct ext2_node *dir)
{
	for (uint32_t n = 0; n < blocks_of(dir); n++) {
		struct ext2_buffer *b;
		struct ext2_dirent *e;
		bool used = false;
		int err = block_read_checked(dir, n, &b);

		if (err)
			return err;
		for (uint32_t at = 0; at < dir->fs->block_size && !used; at += e->rec_len) {
			e = (struct ext2_dirent *)(b->data + at);
			used = e->inode && !is_dots(e) && !bit_test(b->gone, at);
		}
		ext2_buffer_put(b);
		if (used)
			return -ENOTEMPTY;
	}
	return 0;
}

int ext2_dir_make(struct ext2_node *dir, uint32_t parent)
{
	static const struct name dot = { ".", 1, 0 }, dots = { "..", 2, 0 };
	struct ext2_fs *fs = dir->fs;
	struct ext2_buffer *b;
	int err = dir_grow(dir, &b);

	if (err)
		return err;
	(void)entry_insert(fs, b, 0, &dot, (uint32_t)dir->inode->ino, S_IFDIR);
	(void)entry_insert(fs, b, 0, &dots, parent, S_IFDIR);
	ext2_buffer_put(b);
	return 0;
}

/* ---- Reading ---- */

/* Copies the n-th block, what is gone taken out, so that it can be looked through without
 * fs->mutex: the names go to user memory. */
static int block_copy(struct ext2_node *dir, uint32_t n, uint8_t *to)
{
	struct ext2_fs *fs = dir->fs;
	struct ext2_buffer *b, copy;
	int err;

	mutex_lock(&fs->mutex);
	err = block_read_checked(dir, n, &b);
	if (!err) {
		memcpy(to, b->data, fs->block_size);
		copy.data = to;
		if (b->gone_count)
			purge(fs, &copy, b->gone);
		ext2_buffer_put(b);
	}
	mutex_unlock(&fs->mutex);
	return err;
}

/* Emits from f->pos, within block `data`. False: the sink is full. */
static bool block_emit(struct ext2_fs *fs, struct file *f, struct dir_sink *sink, uint8_t *data)
{
	uint64_t start = ALIGN_DOWN(f->pos, (uint64_t)fs->block_size);
	struct ext2_dirent *e;
	bool taken = true;

	for (uint32_t at = 0; at < fs->block_size && taken; at += e->rec_len) {
		e = (struct ext2_dirent *)(data + at);
		/* The position may lie within an entry that has merged with its neighbour since. */
		if (start + at < f->pos || !e->inode)
			continue;
		taken = sink->emit(sink, entry_name(e), e->name_len, e->inode,
				   fs->filetype ? mode_of(e->type) : 0, start + at + e->rec_len);
		if (taken)
			f->pos = start + at + e->rec_len;
	}
	if (taken)
		f->pos = start + fs->block_size;
	return taken;
}

static int ext2_readdir(struct file *f, struct dir_sink *sink)
{
	struct ext2_node *dir = ext2_node(f->inode);
	struct ext2_fs *fs = dir->fs;
	uint8_t *copy = kmalloc(fs->block_size, 0);
	int err = copy ? 0 : -ENOMEM;

	while (!err && f->pos < f->inode->size) {
		err = block_copy(dir, (uint32_t)(f->pos >> fs->block_bits), copy);
		if (err == -EAGAIN)
			err = ext2_flush(fs, false);
		else if (!err && !block_emit(fs, f, sink, copy))
			break;
	}
	kfree(copy);
	return err;
}

static int ext2_dir_sync(struct file *f, uint32_t first, uint32_t last)
{
	(void)first, (void)last;
	return ext2_flush(ext2_of(f->inode), false);
}

const struct file_ops ext2_dir_ops = {
	.readdir = ext2_readdir,
	.sync = ext2_dir_sync,
};
