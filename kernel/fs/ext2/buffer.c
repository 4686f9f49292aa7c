// SPDX-License-Identifier: MIT
/*
 * Buffers: blocks of metadata in memory, a fixed number of them, made at mount. A dirty buffer
 * stays until a flush has written it, in the order that flush.c wants; a clean one without
 * references is re-used for another block, least recently used first. When there is none, -EAGAIN
 * asks for a flush; ext2_begin() sees to it that an operation on names does not meet that in its
 * middle.
 *
 * Buffers are not pages of the device's page cache, because the page daemon would write those in
 * any order.
 */
#include "kernel/fs/ext2/ext2.h"
#include "mm/slab.h"

static struct ext2_buffer **bucket_of(struct ext2_fs *fs, uint32_t block)
{
	return &fs->buffer_hash[block * 2654435761u >> 24];
}

/* A sixty-fourth of RAM at most, in whole pages. */
static unsigned pages_wanted(const struct ext2_fs *fs)
{
	unsigned least = EXT2_BUFFERS_MIN * fs->block_size / PAGE_SIZE;

	return MAX(least, MIN(frames_total() / 64, 1024u));
}

static void buffers_thread(struct ext2_fs *fs)
{
	unsigned per_page = (unsigned)(PAGE_SIZE / fs->block_size);

	for (unsigned i = 0; i < fs->nbuffers; i++) {
		fs->buffer[i].data = fs->memory[i / per_page] + i % per_page * fs->block_size;
		list_push_back(&fs->buffers, &fs->buffer[i].link);
	}
}

int ext2_buffers_init(struct ext2_fs *fs)
{
	unsigned pages = pages_wanted(fs);

	list_init(&fs->buffers);
	fs->nbuffers = pages * (unsigned)(PAGE_SIZE / fs->block_size);
	fs->buffer = kmalloc(fs->nbuffers * sizeof(*fs->buffer), ALLOC_ZERO);
	fs->memory = kmalloc(pages * sizeof(*fs->memory), ALLOC_ZERO);
	if (!fs->buffer || !fs->memory)
		return -ENOMEM;
	for (fs->pages = 0; fs->pages < pages; fs->pages++) {
		struct page *p = page_alloc(0);

		if (!p)
			return -ENOMEM;
		fs->memory[fs->pages] = page_to_virt(p);
	}
	buffers_thread(fs);
	return 0;
}

void ext2_buffers_free(struct ext2_fs *fs)
{
	while (fs->pages)
		page_free(virt_to_page(fs->memory[--fs->pages]), 0);
	kfree(fs->memory);
	kfree(fs->buffer);
	fs->memory = NULL;
	fs->buffer = NULL;
}

/*
 * A medium that was away is the one that was left when its superblock is, to the last byte: whoever
 * changes a file system writes the time into that. Else what is cached here would be written over
 * what came elsewhere. As block_rebind() wants it.
 */
static int differs(void *arg)
{
	struct ext2_fs *fs = arg;
	int err = block_look(fs->device, 0, fs->look, PAGE_SIZE);

	return err ? err : memcmp(fs->look + EXT2_SUPER_OFFSET, fs->seen, EXT2_SUPER_SIZE) != 0;
}

/* A request ended with -ENODEV. True: it may be tried again. */
static bool recognise(struct ext2_fs *fs)
{
	int other;

	mutex_lock(&fs->again);
	other = fs->changed ? -ENODEV : block_rebind(fs->device, differs, fs);
	if (other > 0) {
		fs->changed = true;
		log_error("ext2: %s was away and is not what it was: it must be mounted again",
			  fs->device->name);
	}
	mutex_unlock(&fs->again);
	return other == 0;
}

static int block_io(struct ext2_fs *fs, enum block_op op, uint32_t block, void *kva,
		    uint32_t blocks)
{
	return block_transfer(fs->device, op, (uint64_t)block << (fs->block_bits - SECTOR_SHIFT),
			      kva, (size_t)blocks << fs->block_bits);
}

int ext2_block_io(struct ext2_fs *fs, enum block_op op, uint32_t block, void *kva, uint32_t blocks)
{
	int err = block_io(fs, op, block, kva, blocks);

	if (err == -ENODEV && recognise(fs))
		err = block_io(fs, op, block, kva, blocks);
	/* Behind the write: whoever flushes because of it flushes it. */
	if (op == BLOCK_WRITE)
		atomic_store_release(&fs->wrote, true);
	return block_error(err);
}

int ext2_super_io(struct ext2_fs *fs)
{
	uint32_t block = EXT2_SUPER_OFFSET / fs->block_size;
	int err = -ENODEV;

	for (unsigned tries = 0; tries < 2 && err == -ENODEV; tries++) {
		if (tries > 0 && !recognise(fs))
			break;
		mutex_lock(&fs->again);
		err = block_io(fs, BLOCK_WRITE, block, fs->super_block, 1);
		if (!err)
			memcpy(fs->seen, fs->disk, EXT2_SUPER_SIZE);
		mutex_unlock(&fs->again);
	}
	atomic_store_release(&fs->wrote, true);
	return block_error(err);
}

int ext2_blocks_io(struct ext2_fs *fs, enum block_op op, uint32_t block,
		   const struct block_segment *segments, unsigned n)
{
	struct block_request r = { .device = fs->device,
				   .op = op,
				   .sector = (uint64_t)block << (fs->block_bits - SECTOR_SHIFT),
				   .segments = segments,
				   .nsegments = n };
	int err;

	for (unsigned i = 0; i < n; i++)
		r.sectors += segments[i].bytes >> SECTOR_SHIFT;
	err = block_submit_wait(&r);
	if (err == -ENODEV && recognise(fs))
		err = block_submit_wait(&r);
	if (op == BLOCK_WRITE)
		atomic_store_release(&fs->wrote, true); /* as above */
	return block_error(err);
}

static struct ext2_buffer *find(struct ext2_fs *fs, uint32_t block)
{
	struct ext2_buffer *b = *bucket_of(fs, block);

	while (b && b->block != block)
		b = b->hash_next;
	return b;
}

static void unhash(struct ext2_fs *fs, struct ext2_buffer *b)
{
	struct ext2_buffer **p = bucket_of(fs, b->block);

	while (*p != b)
		p = &(*p)->hash_next;
	*p = b->hash_next;
	b->block = 0;
}

static void used(struct ext2_fs *fs, struct ext2_buffer *b)
{
	list_remove(&b->link);
	list_push_back(&fs->buffers, &b->link);
}

/* A buffer for block, with a reference; NULL: all are dirty or in use. */
static struct ext2_buffer *take(struct ext2_fs *fs, uint32_t block, enum ext2_class class)
{
	struct ext2_buffer *b, **bucket = bucket_of(fs, block);

	list_for_each (b, &fs->buffers, link)
		if (!b->refs && !b->dirty)
			break;
	if (&b->link == &fs->buffers)
		return NULL;
	if (b->block)
		unhash(fs, b);
	b->block = block;
	b->refs = 1;
	b->class = class;
	b->added = false;
	b->gone_count = 0;
	memset(b->gone, 0, sizeof(b->gone));
	b->hash_next = *bucket;
	*bucket = b;
	used(fs, b);
	return b;
}

static void untake(struct ext2_fs *fs, struct ext2_buffer *b)
{
	b->refs = 0;
	b->gone_count = 0; /* its names went with the directory */
	unhash(fs, b);
	list_remove(&b->link);
	list_push_front(&fs->buffers, &b->link);
}

int ext2_buffer_read(struct ext2_fs *fs, uint32_t block, enum ext2_class class,
		     struct ext2_buffer **out)
{
	struct ext2_buffer *b = find(fs, block);
	int err;

	DEBUG_ASSERT(mutex_held(&fs->mutex));
	if (b) {
		/* One block with two meanwhiles: only damage makes it so. */
		if (b->class != class)
			return ext2_damage(fs, "block %u is used for two things", block);
		b->refs++;
		used(fs, b);
		*out = b;
		return 0;
	}
	b = take(fs, block, class);
	if (!b)
		return -EAGAIN;
	err = ext2_block_io(fs, BLOCK_READ, block, b->data, 1);
	if (err) {
		untake(fs, b);
		log_error("ext2: %s: block %u cannot be read: error %d", fs->device->name, block,
			  err);
		return err;
	}
	*out = b;
	return 0;
}

int ext2_buffer_new(struct ext2_fs *fs, uint32_t block, enum ext2_class class,
		    struct ext2_buffer **out)
{
	struct ext2_buffer *b;

	ext2_buffer_forget(fs, block);
	b = find(fs, block);
	if (b) /* in use: the bitmap said it were free */
		return ext2_damage(fs, "block %u is used for two things", block);
	b = take(fs, block, class);
	if (!b)
		return -EAGAIN;
	memset(b->data, 0, fs->block_size);
	ext2_buffer_dirty(fs, b);
	*out = b;
	return 0;
}

void ext2_buffer_put(struct ext2_buffer *b)
{
	DEBUG_ASSERT(b->refs > 0);
	b->refs--;
}

void ext2_buffer_dirty(struct ext2_fs *fs, struct ext2_buffer *b)
{
	fs->ndirty += !b->dirty;
	b->dirty = true;
}

void ext2_buffer_forget(struct ext2_fs *fs, uint32_t block)
{
	struct ext2_buffer *b = find(fs, block);

	if (!b || b->refs)
		return;
	fs->ndirty -= b->dirty;
	b->dirty = false;
	untake(fs, b);
}

static bool wanted(const struct ext2_buffer *b, enum ext2_class class, bool added_only)
{
	return b->dirty && b->class == class && (!added_only || b->added);
}

int ext2_buffers_write(struct ext2_fs *fs, enum ext2_class class, bool added_only)
{
	struct ext2_buffer *b;
	int err;

	list_for_each (b, &fs->buffers, link) {
		if (!wanted(b, class, added_only))
			continue;
		ASSERT(b->block);
		err = ext2_block_io(fs, BLOCK_WRITE, b->block, b->data, 1);
		if (err)
			return err;
		b->added = false;
		/* What is gone is still in it: it has to be written once more. */
		if (b->gone_count)
			continue;
		b->dirty = false;
		fs->ndirty--;
	}
	return 0;
}

unsigned ext2_buffers_count(const struct ext2_fs *fs, enum ext2_class class)
{
	const struct ext2_buffer *b;
	unsigned n = 0;

	list_for_each (b, &fs->buffers, link)
		n += b->dirty && b->class == class;
	return n;
}
