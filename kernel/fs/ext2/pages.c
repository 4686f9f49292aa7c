// SPDX-License-Identifier: MIT
/*
 * Pages of regular files: how they come from the medium and go there. Pages of a hole read as
 * zeroes; only those that a shared mapping put into a hole get blocks when they are written back.
 *
 * A read looks up its blocks and reads them without a lock; if blocks were taken from the file
 * meanwhile (node->generation), they may have been somebody else's, and it reads again. Whoever
 * takes blocks away waits for the pages being written (node->writing); pages that left the object
 * are not begun any more.
 */
#include "kernel/fs/ext2/ext2.h"
#include "mm/reading.h"
#include "mm/slab.h"

struct page_map {
	uint32_t block[PAGE_SIZE / 1024];
	unsigned n;     /* blocks of the page within the file */
	unsigned holes; /* of them */
};

static int page_map(struct ext2_node *node, uint32_t index, bool create, struct page_map *m)
{
	struct ext2_fs *fs = node->fs;
	unsigned shift = PAGE_SHIFT - fs->block_bits;
	uint64_t size = object_reach(&node->object), first = (uint64_t)index << shift;
	int err = 0;

	m->n = m->holes = 0;
	while (m->n < 1u << shift && (first + m->n) << fs->block_bits < size && !err) {
		uint32_t *block = &m->block[m->n];

		err = ext2_map(node, first + m->n, create, block, NULL);
		m->holes += !err && !*block;
		m->n += !err;
	}
	return err;
}

/* ---- Transfers ---- */

/* Blocks that lie together on the medium, from or to pieces of memory. */
struct run {
	struct ext2_fs *fs;
	enum block_op op;
	uint32_t block, blocks;
	unsigned n;
	struct block_segment segments[OBJECT_RUN_MAX];
};

static int run_end(struct run *r)
{
	int err = 0;

	if (r->blocks)
		err = ext2_blocks_io(r->fs, r->op, r->block, r->segments, r->n);
	r->blocks = r->n = 0;
	return err;
}

/* Appends a block, carrying out what is there when it does not fit behind it. */
static int run_add(struct run *r, uint32_t block, uint8_t *kva)
{
	const struct block_device *d = r->fs->device;
	uint32_t bytes = r->fs->block_size;
	struct block_segment *s = r->n ? &r->segments[r->n - 1] : NULL;
	bool joins = s && (uint8_t *)s->kva + s->bytes == kva && s->bytes < d->max_segment;
	int err = 0;

	if (r->blocks &&
	    (block != r->block + r->blocks || (r->blocks + 1) * bytes > BLOCK_REQUEST_MAX ||
	     (!joins && r->n == MIN(d->max_segments, (unsigned)OBJECT_RUN_MAX)))) {
		err = run_end(r);
		joins = false;
	}
	if (!r->blocks)
		r->block = block;
	r->blocks++;
	if (joins)
		s->bytes += bytes;
	else
		r->segments[r->n++] = (struct block_segment){ kva, bytes };
	return err;
}

/* The blocks of a page that there are. */
static int run_page(struct run *r, const struct page_map *m, uint8_t *at)
{
	int err = 0;

	for (unsigned i = 0; i < m->n && !err; i++)
		if (m->block[i])
			err = run_add(r, m->block[i], at + i * r->fs->block_size);
	return err;
}

static int page_io(struct ext2_node *node, enum block_op op, const struct page_map *m, uint8_t *at)
{
	struct run r = { .fs = node->fs, .op = op };
	int err = run_page(&r, m, at), last = run_end(&r);

	return err ? err : last;
}

/* ---- Reading ---- */

static void holes_clear(struct ext2_node *node, const struct page_map *m, uint64_t start,
			uint8_t *at)
{
	uint32_t bytes = node->fs->block_size;
	uint64_t size = READ_ONCE(node->object.size);
	size_t end =
		(size_t)MIN(size - start, (uint64_t)m->n * bytes); /* it may have grown since */

	for (unsigned i = 0; i < m->n; i++)
		if (!m->block[i])
			memset(at + i * bytes, 0, bytes);
	/* Behind the end of the file the last block may hold anything. */
	if (size <= start)
		end = 0;
	memset(at + end, 0, PAGE_SIZE - end);
}

static int ext2_read_page(struct object *o, struct page *p)
{
	struct ext2_node *node = container_of(o, struct ext2_node, object);
	struct ext2_fs *fs = node->fs;
	uint8_t *at = page_to_virt(p);
	uint32_t generation;
	struct page_map m;
	int err;

	do {
		mutex_lock(&fs->mutex);
		generation = node->generation;
		err = page_map(node, p->u.file.index, false, &m);
		mutex_unlock(&fs->mutex);
		if (err == -EAGAIN)
			err = ext2_flush(fs, false) ? -EIO : -EAGAIN;
		else if (!err)
			err = page_io(node, BLOCK_READ, &m, at);
	} while (err == -EAGAIN || (!err && atomic_load_acquire(&node->generation) != generation));
	if (!err)
		holes_clear(node, &m, (uint64_t)p->u.file.index << PAGE_SHIFT, at);
	return err;
}

/* ---- Reading ahead ---- */

/* Pages under way, in one request. */
struct ahead {
	struct block_request request;
	struct reading reading;
	struct ext2_node *node;
	uint32_t generation;
	unsigned n;
	struct page *pages[OBJECT_RUN_MAX];
	struct page_map last; /* of the last page, which may hold the file's end */
	struct block_segment segments[OBJECT_RUN_MAX];
};

static void ahead_end(struct ahead *a, int err)
{
	struct ext2_node *node = a->node;

	if (!err && atomic_load_acquire(&node->generation) != a->generation)
		err = -EAGAIN;
	if (!err)
		holes_clear(node, &a->last,
			    (uint64_t)a->pages[a->n - 1]->u.file.index << PAGE_SHIFT,
			    page_to_virt(a->pages[a->n - 1]));
	for (unsigned i = 0; i < a->n; i++)
		object_read_ended(&node->object, a->pages[i], err);
	reading_over(&a->reading);
	kfree(a);
	object_put(&node->object);
}

static void ahead_done(struct block_request *r)
{
	ahead_end(container_of(r, struct ahead, request), block_error(r->status));
}

static struct ahead *ahead_new(struct ext2_node *node, uint32_t generation)
{
	struct ahead *a = kmalloc(sizeof(*a), ALLOC_NOWAIT);

	if (a) {
		a->node = node;
		a->generation = generation;
		a->n = 0;
		a->request = (struct block_request){ .device = node->fs->device,
						     .op = BLOCK_READ,
						     .segments = a->segments,
						     .done = ahead_done };
		(void)object_get(&node->object);
	}
	return a;
}

/* Somebody of that priority needs one of the pages. */
static void ahead_raise(struct reading *r, int prio)
{
	block_raise(&container_of(r, struct ahead, reading)->request, prio);
}

static void ahead_submit(struct ahead *a)
{
	a->request.nsegments = a->n;
	reading_note(&a->reading, &a->node->object, a->pages, a->n, ahead_raise);
	block_submit(&a->request);
}

/* All blocks of m lie together. */
static bool map_is_run(const struct page_map *m)
{
	for (unsigned i = 1; i < m->n; i++)
		if (m->block[i] != m->block[0] + i)
			return false;
	return m->n && !m->holes;
}

/* Whether the page of m goes on where a ends. */
static bool ahead_fits(const struct ahead *a, const struct page_map *m)
{
	const struct ext2_fs *fs = a->node->fs;

	return a->n == 0 || (a->n < MIN(fs->device->max_segments, (unsigned)OBJECT_RUN_MAX) &&
			     a->segments[a->n - 1].bytes == PAGE_SIZE &&
			     m->block[0] == a->last.block[0] + a->last.n);
}

static void ahead_add(struct ahead *a, struct page *p, const struct page_map *m)
{
	const struct ext2_fs *fs = a->node->fs;
	struct block_segment *s = &a->segments[a->n];

	if (a->n == 0)
		a->request.sector = (uint64_t)m->block[0] << (fs->block_bits - SECTOR_SHIFT);
	*s = (struct block_segment){ page_to_virt(p), m->n << fs->block_bits };
	a->request.sectors += s->bytes >> SECTOR_SHIFT;
	a->last = *m;
	a->pages[a->n++] = p;
}

/* Where the pages lie; those that are holes, or in pieces, are left to whoever wants them. */
static void ext2_read_pages(struct object *o, struct page **pages, unsigned n)
{
	struct ext2_node *node = container_of(o, struct ext2_node, object);
	struct ext2_fs *fs = node->fs;
	struct page_map maps[OBJECT_RUN_MAX];
	struct ahead *a = NULL;
	uint32_t generation;
	int err = 0;

	(void)object_get(o); /* the last page's end may be its */
	mutex_lock(&fs->mutex);
	generation = node->generation;
	for (unsigned i = 0; i < n; i++) {
		if (!err)
			err = page_map(node, pages[i]->u.file.index, false, &maps[i]);
		if (err)
			maps[i].n = 0;
	}
	mutex_unlock(&fs->mutex);
	for (unsigned i = 0; i < n; i++) {
		bool whole = map_is_run(&maps[i]);

		if (a && (!whole || !ahead_fits(a, &maps[i]))) {
			ahead_submit(a);
			a = NULL;
		}
		if (whole && !a)
			a = ahead_new(node, generation);
		if (whole && a)
			ahead_add(a, pages[i], &maps[i]);
		else
			object_read_ended(o, pages[i], -EAGAIN);
	}
	if (a)
		ahead_submit(a);
	object_put(o);
}

/* ---- Writing ---- */

/* The blocks of page `index`, m->holes of which are missing, were promised to the write that goes
 * on. */
static bool is_promised(const struct ext2_node *node, uint32_t index, const struct page_map *m)
{
	return index >= node->promise_first && index <= node->promise_last &&
	       m->holes <= node->promise;
}

/*
 * A page with a hole, which a shared mapping has filled, or a write that has not come to give it
 * blocks: then they are taken from what it was promised. Under fs->mutex all the while: nobody may
 * see its blocks before their contents.
 */
static int hole_page_write(struct ext2_node *node, struct page *p, struct page_map *m)
{
	struct ext2_fs *fs = node->fs;
	uint32_t index = p->u.file.index, taken;
	bool promised = is_promised(node, index, m);
	uint64_t before = fs->free_blocks;
	int err;

	if (fs->ndirty > fs->nbuffers - EXT2_BUFFERS_SPARE / 2)
		return -EAGAIN;
	if (!promised && !ext2_blocks_left(fs, m->holes + 6))
		return fs->npending ? -EAGAIN : -ENOSPC;
	err = page_map(node, index, true, m);
	if (promised) {
		taken = MIN((uint32_t)(before - fs->free_blocks), node->promise);
		node->promise -= taken;
		fs->promised -= taken;
	}
	return err ? err : page_io(node, BLOCK_WRITE, m, page_to_virt(p));
}

/* Where page p lies, if it has all its blocks and is to be written still; else *m is empty, and
 * what it took has been done. */
static int page_write_map(struct ext2_node *node, struct page *p, struct page_map *m)
{
	int err;

	m->n = 0;
	/* Truncated meanwhile: its blocks may be gone. */
	if (READ_ONCE(p->u.file.object) != &node->object)
		return 0;
	err = page_map(node, p->u.file.index, false, m);
	if (!err && m->holes) {
		err = hole_page_write(node, p, m);
		m->n = 0;
	}
	return err;
}

static int pages_write_locked(struct ext2_node *node, struct page **pages, unsigned n)
{
	struct ext2_fs *fs = node->fs;
	struct run r = { .fs = fs, .op = BLOCK_WRITE };
	struct page_map m[OBJECT_RUN_MAX];
	int err = fs->failed ? -EIO : fs->read_only ? -EROFS : 0, last;

	for (unsigned i = 0; i < n && !err; i++)
		err = page_write_map(node, pages[i], &m[i]);
	if (err)
		return err;
	node->writing++;
	mutex_unlock(&fs->mutex);
	for (unsigned i = 0; i < n && !err; i++)
		err = run_page(&r, &m[i], page_to_virt(pages[i]));
	last = run_end(&r);
	mutex_lock(&fs->mutex);
	if (--node->writing == 0)
		waitq_wake_all(&fs->settled);
	return err ? err : last;
}

static int ext2_write_pages(struct object *o, struct page **pages, unsigned n)
{
	struct ext2_node *node = container_of(o, struct ext2_node, object);
	int err;

	mutex_lock(&node->fs->mutex);
	err = pages_write_locked(node, pages, n);
	mutex_unlock(&node->fs->mutex);
	return err;
}

const struct object_ops ext2_object_ops = {
	.read_page = ext2_read_page,
	.read_pages = ext2_read_pages,
	.write_pages = ext2_write_pages,
	.release = ext2_object_release,
};
