// SPDX-License-Identifier: MIT
/*
 * Object caches (Bonwick 1994, 2001). A slab is a block of 1..8 frames cut into objects of one
 * size; its head frame's struct page holds the cache, the first free object, and in `refs` the
 * number of objects that are out. Every frame of a slab names the cache and the order, so the head
 * is found from any address: blocks are aligned to their size.
 *
 *      kmem_cache_alloc --> this CPU's magazine --> a slab of `partial`, else of `empty`, else of
 *                                                   new frames
 *
 *   (1) A slab is on `partial` when some but not all objects are out, on `empty` when none is, on
 *       no list when all are.
 *   (2) c->out is the sum of its slabs' refs. Objects in magazines count as out.
 *
 * Bounded: a magazine is filled and emptied by half, at most eight objects under one lock; a new
 * slab is threaded by its maker before anyone sees it. One empty slab is kept per cache, further
 * ones go back at once.
 *
 * As the frame allocator, none of this is for interrupt handlers: the locks do not mask interrupts.
 *
 * Magazines are in magazine.c, the list of caches in slab_cache.c, kmalloc in kmalloc.c.
 */
#include "mm/slab.h"

#include "kernel/lib/string.h"
#include "kernel/log.h"
#include "kernel/task.h"
#include "mm/memcg.h"
#include "mm/oom_site.h"
#include "mm/slab_impl.h"

#define EMPTIES_KEPT 1

/* ---- Slabs ---- */

static struct page *slab_head(const struct page *p)
{
	return pfn_to_page(page_to_pfn(p) & ~((1u << p->order) - 1));
}

static void slab_push(pfn_t *list, struct page *slab)
{
	slab->next = *list;
	slab->prev = PFN_NONE;
	if (*list != PFN_NONE)
		pfn_to_page(*list)->prev = page_to_pfn(slab);
	*list = page_to_pfn(slab);
}

static void slab_unlink(pfn_t *list, struct page *slab)
{
	if (slab->prev != PFN_NONE)
		pfn_to_page(slab->prev)->next = slab->next;
	else
		*list = slab->next;
	if (slab->next != PFN_NONE)
		pfn_to_page(slab->next)->prev = slab->prev;
}

static char *slab_object(const struct kmem_cache *c, const struct page *slab, unsigned i)
{
	return (char *)page_to_virt(slab) + c->left + (size_t)i * c->stride;
}

/* New frames, threaded, on no list. NULL: no memory. No locks held. */
static struct page *slab_create(struct kmem_cache *c, unsigned flags)
{
	struct page *slab =
		page_alloc_order(c->order, (flags & ~(unsigned)ALLOC_ZERO) | ALLOC_PAID);
	char *object;

	if (slab == NULL)
		return NULL;
	for (unsigned i = 0; i < 1u << c->order; i++) {
		slab[i].order = c->order;
		slab[i].u.slab.cache = c;
		slab[i].type = PAGE_SLAB;
	}
	slab->refs = 0;
	slab->u.slab.free = NULL;
	if (memory_group() != 0 && !(flags & ALLOC_PAID))
		memcg_charge_block(slab);
	object = slab_object(c, slab, c->per_slab);
	for (unsigned i = c->per_slab; i-- > 0;) {
		object -= c->stride;
		if (c->debug)
			slab_debug_init(c, object);
		*slab_link(c, object) = slab->u.slab.free;
		slab->u.slab.free = object;
	}
	return slab;
}

/* Frees it. No locks held. */
static void slab_destroy(struct kmem_cache *c, struct page *slab)
{
	memcg_uncharge_block(slab);
	slab->u.slab.free = NULL; /* where other frames have their group */
	page_free(slab, c->order);
}

/* An object off a slab that has one, or NULL. */
static void *slab_take_locked(struct kmem_cache *c)
{
	struct page *slab;
	void *object;

	if (c->partial != PFN_NONE) {
		slab = pfn_to_page(c->partial);
	} else if (c->empty != PFN_NONE) {
		slab = pfn_to_page(c->empty);
		slab_unlink(&c->empty, slab);
		c->empties--;
		slab_push(&c->partial, slab);
	} else {
		return NULL;
	}
	object = slab->u.slab.free;
	slab->u.slab.free = *slab_link(c, object);
	slab->refs++;
	c->out++;
	if (slab->u.slab.free == NULL)
		slab_unlink(&c->partial, slab);
	return object;
}

/* Puts an object back on its slab. Returns a slab that is to be freed, or NULL. */
static struct page *slab_give_locked(struct kmem_cache *c, void *object)
{
	struct page *slab = slab_head(virt_to_page(object));

	if (slab->u.slab.free == NULL)
		slab_push(&c->partial, slab);
	*slab_link(c, object) = slab->u.slab.free;
	slab->u.slab.free = object;
	c->out--;
	if (--slab->refs > 0)
		return NULL;
	slab_unlink(&c->partial, slab);
	if (c->empties == EMPTIES_KEPT) {
		c->slabs--;
		return slab;
	}
	slab_push(&c->empty, slab);
	c->empties++;
	return NULL;
}

/* Takes up to n objects into objects[], making one new slab when there is none. Returns how
 * many. */
unsigned slab_objects_take(struct kmem_cache *c, void **objects, unsigned n, unsigned flags)
{
	struct page *slab;
	unsigned got = 0;

	for (;;) {
		spin_lock(&c->lock);
		while (got < n && (objects[got] = slab_take_locked(c)) != NULL)
			got++;
		spin_unlock(&c->lock);
		if (got > 0)
			return got;
		slab = slab_create(c, flags);
		if (slab == NULL)
			return 0;
		spin_lock(&c->lock);
		slab_push(&c->empty, slab);
		c->empties++;
		c->slabs++;
		spin_unlock(&c->lock);
	}
}

void slab_objects_give(struct kmem_cache *c, void **objects, unsigned n)
{
	struct page *spare[MAGAZINE_MAX];
	unsigned spares = 0;

	spin_lock(&c->lock);
	for (unsigned i = 0; i < n; i++) {
		struct page *slab = slab_give_locked(c, objects[i]);

		if (slab != NULL)
			spare[spares++] = slab;
	}
	spin_unlock(&c->lock);
	while (spares > 0)
		slab_destroy(c, spare[--spares]);
}

void slab_free_empties(struct kmem_cache *c)
{
	for (;;) {
		struct page *slab = NULL;

		spin_lock(&c->lock);
		if (c->empty != PFN_NONE) {
			slab = pfn_to_page(c->empty);
			slab_unlink(&c->empty, slab);
			c->empties--;
			c->slabs--;
		}
		spin_unlock(&c->lock);
		if (slab == NULL)
			return;
		slab_destroy(c, slab);
	}
}

/* ---- Objects ---- */

static void *alloc_slow(struct kmem_cache *c, unsigned flags)
{
	void *objects[MAGAZINE_MAX];
	unsigned n = slab_objects_take(c, objects, MAX((c->magazine_size + 1u) / 2, 1u), flags),
		 left;

	if (n == 0)
		return NULL;
	left = magazine_put(c, objects + 1, n - 1);
	if (left > 0)
		slab_objects_give(c, objects + 1, left);
	return objects[0];
}

void *slab_alloc(struct kmem_cache *c, unsigned flags, void *caller)
{
	void *object;

	DEBUG_ASSERT((flags & ALLOC_NOWAIT) || task_may_sleep());
	if (oom_site(flags))
		return NULL;
	object = c->magazine_size > 0 ? magazine_take(c) : NULL;
	if (unlikely(object == NULL)) {
		object = alloc_slow(c, flags);
		if (object == NULL)
			return NULL;
	}
	if (unlikely(c->debug))
		slab_debug_alloc(c, object, caller);
	if (flags & ALLOC_ZERO)
		memset(object, 0, c->size);
	return object;
}

/* An address that is no object's start would corrupt the free list. */
static void object_check(const struct kmem_cache *c, void *object)
{
	const struct page *p = virt_to_page(object);
	size_t offset = (size_t)((char *)object - slab_object(c, slab_head(p), 0));

	if (p->type != PAGE_SLAB || p->u.slab.cache != c || offset % c->stride != 0 ||
	    offset / c->stride >= c->per_slab)
		panic("slab %s: free of %p, which is no object of it", c->name, object);
}

static void free_slow(struct kmem_cache *c, void *object)
{
	void *objects[MAGAZINE_MAX];
	unsigned n;

	if (c->magazine_size > 0) {
		magazine_create(c);
		n = magazine_spill(c, objects);
		if (n > 0)
			slab_objects_give(c, objects, n);
		if (magazine_put_one(c, object))
			return;
	}
	slab_objects_give(c, &object, 1);
}

void slab_free(struct kmem_cache *c, void *object, void *caller)
{
	if (unlikely(c->debug)) {
		object_check(c, object);
		slab_debug_free(c, object, caller);
	}
	if (c->magazine_size > 0 && likely(magazine_put_one(c, object)))
		return;
	object_check(c, object);
	free_slow(c, object);
}

void *kmem_cache_alloc(struct kmem_cache *c, unsigned alloc_flags)
{
	return slab_alloc(c, alloc_flags, __builtin_return_address(0));
}

void kmem_cache_free(struct kmem_cache *c, void *object)
{
	slab_free(c, object, __builtin_return_address(0));
}
