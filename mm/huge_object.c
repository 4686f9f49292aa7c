// SPDX-License-Identifier: MIT
/*
 * Objects of huge pages: files of memfd_create(MFD_HUGETLB), segments of SHM_HUGETLB, shared memory
 * of MAP_HUGETLB.
 *
 * The index has a word for each unit, at its first page: the unit's first frame. All 512 are
 * PAGE_FILE, with a reference for the object, so truncation and the object's end take them out of
 * maps like any page of a file. Sizes are whole units. Units are put in, looked up and taken out
 * under the object's mutex, by faults that map them too: what a fault finds stays until it is
 * mapped.
 *
 * Promises are kept by unit, in a tree of their own: mmap(2) and shmget(2) make them, the unit's
 * coming, truncation or the object's end take them away. Each names the call that made it, so that
 * a call which fails takes back its own.
 */
#include "kernel/errno.h"
#include "kernel/log.h"
#include "kernel/task.h"
#include "mm/huge_object.h"
#include "mm/object_internal.h"
#include "mm/slab.h"

struct huge_object {
	struct object object;  /* first */
	struct radix promises; /* by a unit's first page: the number of a call, not 0. The object's
				  mutex */
};

static uint64_t calls; /* atomic */

static struct huge_object *huge_of(struct object *o)
{
	return container_of(o, struct huge_object, object);
}

/* ---- Promises ---- */

/* Takes back those of units in [first, last], of one call or of all (0). */
static void promises_drop(struct object *o, uint32_t first, uint32_t last, uint64_t call)
{
	struct radix *promises = &huge_of(o)->promises;
	uint32_t index = first;
	uintptr_t word;
	uint64_t n = 0;

	while (radix_next(promises, &index, &word) && index <= last) {
		if (call == 0 || word == call) {
			radix_remove(promises, index);
			n++;
		}
		if (index++ == last)
			break;
	}
	if (n > 0)
		units_unreserve(n);
}

/* Is the unit there, or promised? */
static bool provided(struct object *o, uint32_t index)
{
	return !object_is_hole(o, index) || radix_get(&huge_of(o)->promises, index) != 0;
}

static int promise_note(struct object *o, uint32_t index, uint64_t call)
{
	struct radix_reserve nodes;
	int err = radix_prepare(&nodes);

	if (err)
		return err;
	radix_set(&huge_of(o)->promises, index, call, &nodes);
	radix_unprepare(&nodes);
	return 0;
}

static int reserve_locked(struct object *o, uint32_t index, uint64_t n, uint64_t call)
{
	uint64_t missing = 0, noted = 0;
	int err;

	for (uint64_t i = 0; i < n; i++)
		missing += !provided(o, index + (uint32_t)i * HUGE_PAGES);
	err = units_reserve(missing);
	if (err)
		return err;
	for (uint64_t i = 0; i < n && err == 0; i++) {
		uint32_t at = index + (uint32_t)i * HUGE_PAGES;

		if (provided(o, at))
			continue;
		err = promise_note(o, at, call);
		noted += err == 0;
	}
	if (err == 0)
		return 0;
	promises_drop(o, 0, UINT32_MAX, call);
	units_unreserve(missing - noted);
	return err;
}

int huge_object_reserve(struct object *o, uint32_t index, uint64_t n, uint64_t *call)
{
	int err;

	*call = __atomic_add_fetch(&calls, 1, __ATOMIC_RELAXED);
	mutex_lock(&o->mutex);
	err = reserve_locked(o, index, n, *call);
	mutex_unlock(&o->mutex);
	return err;
}

void huge_object_unreserve(struct object *o, uint64_t call)
{
	mutex_lock(&o->mutex);
	promises_drop(o, 0, UINT32_MAX, call);
	mutex_unlock(&o->mutex);
}

/* ---- Units ---- */

static struct page *unit_find(struct object *o, uint32_t index)
{
	struct page *unit;

	spin_lock(&o->lock);
	unit = word_page(radix_get(&o->pages, index));
	spin_unlock(&o->lock);
	return unit;
}

static void unit_insert(struct object *o, struct page *unit, uint32_t index,
			struct radix_reserve *nodes)
{
	unit_prepare(unit, PAGE_FILE);
	for (uint32_t i = 0; i < HUGE_PAGES; i++) {
		hw_clear_page(page_to_virt(unit + i));
		unit[i].rmap = 0;
		unit[i].u.file.object = o;
		unit[i].u.file.index = index + i;
	}
	spin_lock(&o->lock);
	radix_set(&o->pages, index, (uintptr_t)unit, nodes);
	o->nr_pages++;
	spin_unlock(&o->lock);
}

struct page *huge_object_unit_locked(struct object *o, uint32_t index, bool create, int *err)
{
	struct page *unit = unit_find(o, index);
	struct radix_reserve nodes;

	*err = (uint64_t)index << PAGE_SHIFT < o->size ? 0 : -ENXIO;
	if (unit != NULL || *err || !create)
		return unit;
	*err = radix_prepare(&nodes);
	if (*err)
		return NULL;
	unit = unit_take(radix_remove(&huge_of(o)->promises, index) != 0);
	if (unit != NULL)
		unit_insert(o, unit, index, &nodes);
	else
		*err = -ENXIO;
	radix_unprepare(&nodes);
	return unit;
}

/* ---- Life, and what files do ---- */

static void huge_release(struct object *o)
{
	promises_drop(o, 0, UINT32_MAX, 0);
	kfree(huge_of(o));
}

static const struct object_ops huge_ops = { .release = huge_release };

struct object *huge_object_create(uint64_t size)
{
	struct huge_object *h = kmalloc(sizeof(*h), ALLOC_USER);

	if (h == NULL)
		return NULL;
	object_init(&h->object, &huge_ops, size);
	radix_init(&h->promises);
	return &h->object;
}

bool object_is_huge(const struct object *o)
{
	return o->ops == &huge_ops;
}

void huge_object_grow(struct object *o, uint64_t size)
{
	mutex_lock(&o->mutex);
	if (size > o->size) {
		spin_lock(&o->lock);
		o->size = size;
		spin_unlock(&o->lock);
	}
	mutex_unlock(&o->mutex);
}

int huge_object_reserve_all(struct object *o)
{
	uint64_t call;

	return huge_object_reserve(o, 0, o->size >> HUGE_SHIFT, &call);
}

int huge_object_fill(struct object *o, uint32_t first, uint32_t last)
{
	int err = 0;

	for (uint64_t i = first; i <= last && err == 0; i += HUGE_PAGES) {
		mutex_lock(&o->mutex);
		(void)huge_object_unit_locked(o, (uint32_t)i, true, &err);
		mutex_unlock(&o->mutex);
		if (task_killed(current()))
			err = -EINTR;
	}
	return err == -ENXIO ? -ENOSPC : err;
}

void huge_object_punch(struct object *o, uint32_t first, uint32_t last)
{
	mutex_lock(&o->mutex);
	object_remove_pages(o, first, last);
	mutex_unlock(&o->mutex);
}

void huge_object_cut(struct object *o, uint32_t first)
{
	mutex_lock(&o->mutex);
	object_remove_pages(o, first, UINT32_MAX);
	promises_drop(o, first, UINT32_MAX, 0);
	mutex_unlock(&o->mutex);
}

struct page *huge_object_page(struct object *o, uint32_t index)
{
	struct page *p;

	mutex_lock(&o->mutex);
	p = unit_find(o, ALIGN_DOWN(index, HUGE_PAGES));
	if (p != NULL) {
		p += index % HUGE_PAGES;
		page_get(p);
	}
	mutex_unlock(&o->mutex);
	return p;
}
