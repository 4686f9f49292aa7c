// SPDX-License-Identifier: MIT
/*
 * Dirty pages of disk files, and how they become clean.
 *
 *    clean --page_dirty()--> dirty --written--> clean, writing --ended--> clean
 *                              ^                      |
 *                              +--- page_dirty(), or an error
 *
 *   (1) An entry with PTE_WRITE maps a dirty page. So a mapping begins read-only, its first store
 *       faults and makes the page dirty, and who takes an entry away has nothing to tell.
 *   (2) A page is cleaned in this order: marked clean; PTE_WRITE taken from every entry, out of the
 *       TLBs too; contents handed to the device. What was stored before goes with them; what is
 *       stored after makes it dirty again. An entry that gets the right between the first and the
 *       second step is one whose giver has marked the page dirty again, because the locks of page
 *       and table order the two.
 *   (3) A page is on its way to the device once at a time, or an older state of it might arrive
 *       last. Nobody is kept from writing to it meanwhile, by a mapping or write(2): the device may
 *       get either state, and the page, dirty again, is written again.
 *   (4) What fails stays dirty. The error is noted, for each open file to be told of it once.
 *
 * nr_dirty, nr_writing count pages that belong to the object: a page that leaves it is taken off
 * (page_forget), except that one being written counts until that has ended.
 */
#include "kernel/errno.h"
#include "kernel/lib/list.h"
#include "kernel/log.h"
#include "kernel/time.h"
#include "mm/object_internal.h"
#include "mm/rmap.h"

uint32_t object_pages[2];

static struct {
	struct spinlock lock; /* below the page lock */
	struct list objects;  /* those with dirty pages, by `since` */
	uint32_t dirty, writing;
	uint64_t stamp; /* the last `since` given: each is later than the one before */
	const struct object_watch *watch; /* NULL until there is a disk */
} all = { .lock = SPINLOCK_INIT, .objects = LIST_INIT(all.objects) };

static struct disk_object *disk_of(struct object *o)
{
	return container_of(o, struct disk_object, object);
}

void disk_object_init(struct disk_object *d, const struct object_ops *ops, uint64_t size)
{
	object_init(&d->object, ops, size);
	list_init(&d->link);
	d->since = 0;
	d->nr_dirty = d->nr_writing = 0;
	d->error = 0;
	d->all_errors = NULL;
}

void object_stats(struct object_stats *s)
{
	*s = (struct object_stats){ .shmem = atomic_load(&object_pages[0]),
				    .disk = atomic_load(&object_pages[1]),
				    .dirty = READ_ONCE(all.dirty),
				    .writing = READ_ONCE(all.writing) };
}

void object_watch(const struct object_watch *w)
{
	atomic_store_release(&all.watch, w);
}

void object_throttle(void)
{
	const struct object_watch *w = atomic_load_acquire(&all.watch);

	if (w != NULL && READ_ONCE(all.dirty) > 0)
		w->throttle();
}

/* ---- Counting ---- */

static void stamp_locked(struct disk_object *d)
{
	all.stamp = d->since = MAX(time_now(), all.stamp + 1);
	list_push_back(&all.objects, &d->link);
}

static void account(struct disk_object *d, int dirty, int writing)
{
	bool was, is;

	spin_lock(&all.lock);
	was = d->nr_dirty > 0;
	d->nr_dirty = (uint32_t)((int)d->nr_dirty + dirty);
	d->nr_writing = (uint32_t)((int)d->nr_writing + writing);
	all.dirty = (uint32_t)((int)all.dirty + dirty);
	all.writing = (uint32_t)((int)all.writing + writing);
	is = d->nr_dirty > 0;
	if (is && !was) {
		stamp_locked(d);
	} else if (was && !is) {
		list_remove(&d->link);
	}
	was = all.dirty == (uint32_t)dirty;
	spin_unlock(&all.lock);
	if (was && dirty > 0 && READ_ONCE(all.watch) != NULL)
		all.watch->begun();
}

uint64_t object_dirty_since(void)
{
	uint64_t since = UINT64_MAX;

	spin_lock(&all.lock);
	if (!list_empty(&all.objects))
		since = list_first(&all.objects, struct disk_object, link)->since;
	spin_unlock(&all.lock);
	return since;
}

struct object *object_dirty_take(uint64_t before)
{
	struct disk_object *d;
	struct object *o = NULL;

	spin_lock(&all.lock);
	all.stamp = MAX(all.stamp, before);
	while (o == NULL && !list_empty(&all.objects)) {
		d = list_first(&all.objects, struct disk_object, link);
		if (d->since > before)
			break;
		list_remove(&d->link);
		stamp_locked(d);
		o = object_get_live(&d->object);
	}
	spin_unlock(&all.lock);
	return o;
}

void page_dirty_slow(struct page *p)
{
	struct object *o;

	if (!page_flag(p, PAGE_DISK)) {
		page_set_flag(p, PAGE_DIRTY);
		return;
	}
	page_lock(p);
	o = p->u.file.object; /* alive while we have the lock; NULL: nobody asks any more */
	if (o != NULL && !(atomic_fetch_or(&p->flags, (uint16_t)PAGE_DIRTY) & PAGE_DIRTY))
		account(disk_of(o), 1, 0);
	page_unlock(p);
}

void page_forget(struct object *o, struct page *p)
{
	page_lock(p);
	p->u.file.object = NULL;
	if (page_flag(p, PAGE_DISK) && page_flag(p, PAGE_DIRTY)) {
		page_clear_flag(p, PAGE_DIRTY);
		account(disk_of(o), -1, 0);
	}
	page_unlock(p);
}

/* ---- Errors ---- */

/* An error word: an errno, whether somebody has been told of it, and a number that grows with each
 * error after one that was told. */
#define ERROR_CODE  0xffu
#define ERROR_COUNT (2 * WRITE_ERROR_TOLD)

static void error_note(uint32_t *word, int err)
{
	uint32_t old = atomic_load(word), new;

	do {
		new = (old & ~(ERROR_CODE | WRITE_ERROR_TOLD)) | (uint32_t)-err;
		if (old & WRITE_ERROR_TOLD)
			new += ERROR_COUNT;
	} while (!atomic_compare_exchange(word, &old, new));
}

int write_error_tell(uint32_t *word, uint32_t *told)
{
	uint32_t now = atomic_load(word);

	while (now != *told)
		if (atomic_compare_exchange(word, &now, now | WRITE_ERROR_TOLD)) {
			*told = now | WRITE_ERROR_TOLD;
			return -(int)(now & ERROR_CODE);
		}
	return 0;
}

uint32_t object_error_open(struct object *o)
{
	return o->ops->write_pages != NULL ? write_error_open(&disk_of(o)->error) : 0;
}

int object_error_tell(struct object *o, uint32_t *told)
{
	return o->ops->write_pages != NULL ? write_error_tell(&disk_of(o)->error, told) : 0;
}

/* ---- Writing ---- */

/* True: p was dirty, and is ours to write. */
static bool write_begin(struct object *o, struct page *p)
{
	bool ours;

	page_lock(p);
	ours = p->u.file.object == o && page_flag(p, PAGE_DIRTY) && !page_flag(p, PAGE_WRITEBACK);
	if (ours) {
		page_set_flag(p, PAGE_WRITEBACK);
		page_clear_flag(p, PAGE_DIRTY);
		account(disk_of(o), -1, 1);
	}
	page_unlock(p);
	if (ours)
		rmap_clean(o, p);
	return ours;
}

static void write_end(struct object *o, struct page *p, int err)
{
	if (err)
		page_dirty(p);
	if (err && err != -EAGAIN) {
		error_note(&disk_of(o)->error, err);
		if (disk_of(o)->all_errors != NULL)
			error_note(disk_of(o)->all_errors, err);
	}
	account(disk_of(o), 0, -1);
	page_end_writing(p);
}

/* A run of dirty pages from `index` on, at most to `last`: *written of them. */
static int run_write(struct object *o, uint32_t index, uint32_t last, unsigned *written)
{
	unsigned count = (unsigned)MIN((uint64_t)last - index + 1, (uint64_t)OBJECT_RUN_MAX), n = 0;
	struct page *pages[OBJECT_RUN_MAX];
	int err = 0;

	object_lookup_run(o, index, count, pages);
	while (n < count && pages[n] != NULL && write_begin(o, pages[n]))
		n++;
	*written = n;
	if (n > 0) {
		object_tail_clear(o, pages[n - 1]);
		err = o->ops->write_pages(o, pages, n);
	}
	for (unsigned i = 0; i < count; i++) {
		if (i < n)
			write_end(o, pages[i], err);
		if (pages[i] != NULL)
			page_put(pages[i]);
	}
	return err;
}

int object_write_page(struct object *o, struct page *p)
{
	unsigned written;

	return page_flag(p, PAGE_DIRTY) ? run_write(o, p->u.file.index, UINT32_MAX, &written) : 0;
}

/* The first resident page in [*index, last], with a reference, or NULL. */
static struct page *resident_next(struct object *o, uint32_t *index, uint32_t last)
{
	struct page *p = NULL;
	uintptr_t word;

	spin_lock(&o->lock);
	while (p == NULL && radix_next(&o->pages, index, &word) && *index <= last) {
		p = word_page(word);
		if (p != NULL)
			page_get(p);
		else if ((*index)++ == last)
			break;
	}
	spin_unlock(&o->lock);
	return p;
}

bool object_is_clean(struct object *o)
{
	bool clean = true;

	if (o->ops->write_pages == NULL)
		return clean;
	spin_lock(&all.lock); /* what begins to be written counts as that at once */
	clean = disk_of(o)->nr_dirty + disk_of(o)->nr_writing == 0;
	spin_unlock(&all.lock);
	return clean;
}

/*
 * Sees to it that what p, at index, holds now is written, and of the dirty pages behind it, at most
 * to `last`, as many as go with it: *written in all, 0 when somebody else wrote p. Two looks: what
 * he had begun before we were asked may be older than what is wanted, what he begins after that is
 * not. If that fails, it is tried here once more.
 */
static int page_sync(struct object *o, struct page *p, uint32_t index, uint32_t last,
		     unsigned *written)
{
	uint16_t state;
	int err = 0;

	*written = 0;
	for (unsigned looks = 0; looks < 3 && *written == 0 && err == 0; looks++) {
		state = atomic_load(&p->flags) & (PAGE_DIRTY | PAGE_WRITEBACK);
		if (state == 0)
			break;
		if (state & PAGE_WRITEBACK)
			page_wait_written(p);
		if (page_flag(p, PAGE_DIRTY))
			err = run_write(o, index, last, written);
	}
	return err;
}

int object_sync(struct object *o, uint32_t first, uint32_t last)
{
	uint32_t index = first;
	struct page *p;
	int err, first_err = 0;
	unsigned n;

	if (o->ops->write_pages == NULL)
		return 0;
	while (!object_is_clean(o) && (p = resident_next(o, &index, last)) != NULL) {
		err = page_sync(o, p, index, last, &n);
		page_put(p);
		if (first_err == 0)
			first_err = err;
		/* On behind the run: what is dirty again by now came after we were asked. Of one
		 * that failed the rest may do without its first page. */
		n = err ? 1 : MAX(n, 1U);
		if (n > last - index)
			break;
		index += n;
	}
	return first_err;
}

void object_drop(struct object *o, uint32_t first, uint32_t last)
{
	uint32_t index = first;
	struct page *p;

	if (o->ops->write_pages == NULL)
		return;
	while ((p = resident_next(o, &index, last)) != NULL) {
		bool gone = object_drop_clean(o, index, p);

		(void)gone; /* in use, or dirty: it stays */
		page_put(p);
		if (index++ == last)
			break;
	}
}
