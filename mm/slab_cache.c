// SPDX-License-Identifier: MIT
/*
 * Caches as a whole: their layout, the list of them, what /proc/slabinfo shows, and giving memory
 * back.
 *
 * A slab's order is the smallest that wastes no more than an eighth (a quarter of a single frame),
 * so that allocations seldom need contiguous frames.
 */
#include "kernel/log.h"
#include "mm/slab_impl.h"

struct kmem_cache cache_of_caches, cache_of_magazines;

static struct mutex cache_mutex =
	MUTEX_INIT(cache_mutex); /* over cache_list; no allocation under it */
static struct list cache_list = LIST_INIT(cache_list);
static bool debug_new; /* set by one task at boot */

static unsigned objects_per(size_t bytes, size_t stride)
{
	return (unsigned)(bytes / stride);
}

/* Single frames where they lose no more than a quarter: they are always to be had by waiting, a
 * block only with luck. */
static uint8_t order_choose(size_t stride)
{
	uint8_t best = SLAB_ORDER_MAX;
	size_t best_waste = SIZE_MAX;

	for (uint8_t order = 0; order <= SLAB_ORDER_MAX; order++) {
		size_t bytes = PAGE_SIZE << order, waste = bytes % stride;

		if (objects_per(bytes, stride) == 0)
			continue;
		if (waste <= bytes / (order == 0 ? 4 : 8))
			return order;
		if (waste * (PAGE_SIZE << SLAB_ORDER_MAX) / bytes < best_waste) {
			best_waste = waste * (PAGE_SIZE << SLAB_ORDER_MAX) / bytes;
			best = order;
		}
	}
	return best;
}

/* Beyond a page: seldom wanted, and what a magazine held would be missed elsewhere. */
static uint16_t magazine_size_for(size_t size)
{
	return size <= 256 ? 16 : size <= 1024 ? 8 : size <= 4096 ? 4 : 0;
}

void slab_cache_init(struct kmem_cache *c, const char *name, size_t size, size_t align)
{
	ASSERT((align & (align - 1)) == 0);
	align = MAX(align, 8u);
	*c = (struct kmem_cache){ .name = name, .size = size, .debug = debug_new };
	if (c->debug)
		slab_debug_layout(c, align);
	else
		c->stride = (uint32_t)ALIGN_UP(MAX(size, sizeof(void *)), align);
	ASSERT(c->stride <= PAGE_SIZE << SLAB_ORDER_MAX);
	c->order = order_choose(c->stride);
	c->per_slab = (uint16_t)objects_per(PAGE_SIZE << c->order, c->stride);
	c->magazine_size = c->debug ? 0 : magazine_size_for(size);
	c->partial = c->empty = PFN_NONE;
	list_init(&c->link);
}

void slab_cache_publish(struct kmem_cache *c)
{
	mutex_lock(&cache_mutex);
	list_push_back(&cache_list, &c->link);
	mutex_unlock(&cache_mutex);
}

void slab_caches_init(void)
{
	list_init(&cache_list);
	slab_cache_init(&cache_of_caches, "kmem_cache", sizeof(struct kmem_cache), 64);
	slab_cache_init(&cache_of_magazines, "magazine", sizeof(struct magazine), 64);
	cache_of_magazines.magazine_size = 0;
	slab_cache_publish(&cache_of_caches);
	slab_cache_publish(&cache_of_magazines);
}

struct kmem_cache *kmem_cache_create(const char *name, size_t size, size_t align)
{
	struct kmem_cache *c = kmem_cache_alloc(&cache_of_caches, 0);

	if (c == NULL)
		return NULL;
	slab_cache_init(c, name, size, align);
	slab_cache_publish(c);
	return c;
}

/* As above, the magazines emptied first; frames that left meanwhile are counted too. */
static unsigned cache_reap(struct kmem_cache *c)
{
	uint32_t before = READ_ONCE(c->slabs), after;

	for (unsigned cpu = 0; cpu < NR_CPUS_MAX; cpu++)
		magazine_drain(c, cpu);
	slab_free_empties(c);
	after = READ_ONCE(c->slabs);
	return before > after ? (before - after) << c->order : 0;
}

void kmem_cache_destroy(struct kmem_cache *c)
{
	mutex_lock(&cache_mutex);
	list_remove(&c->link);
	mutex_unlock(&cache_mutex);
	cache_reap(c);
	if (c->out != 0)
		panic("slab %s: destroyed with %u objects in use", c->name, c->out);
	for (unsigned cpu = 0; cpu < NR_CPUS_MAX; cpu++)
		if (c->magazines[cpu] != NULL)
			kmem_cache_free(&cache_of_magazines, c->magazines[cpu]);
	kmem_cache_free(&cache_of_caches, c);
}

unsigned slab_reap(void)
{
	struct kmem_cache *c;
	unsigned frames = 0;

	mutex_lock(&cache_mutex);
	list_for_each (c, &cache_list, link)
		frames += cache_reap(c);
	mutex_unlock(&cache_mutex);
	return frames;
}

void slab_set_debug(bool on)
{
	debug_new = on;
}

bool slab_stats(unsigned i, struct slab_stats *s)
{
	struct kmem_cache *c;
	bool found = false;

	mutex_lock(&cache_mutex);
	list_for_each (c, &cache_list, link) {
		uint32_t stocked = 0;

		if (i-- > 0)
			continue;
		for (unsigned cpu = 0; cpu < NR_CPUS_MAX; cpu++)
			if (READ_ONCE(c->magazines[cpu]) != NULL)
				stocked += READ_ONCE(c->magazines[cpu]->count);
		/* A snapshot: objects on the move between magazine and slab may be missed. */
		*s = (struct slab_stats){ .name = c->name,
					  .object_size = c->size,
					  .active = c->out > stocked ? c->out - stocked : 0,
					  .total = c->slabs * c->per_slab,
					  .slabs = c->slabs,
					  .frames_per_slab = 1u << c->order };
		found = true;
		break;
	}
	mutex_unlock(&cache_mutex);
	return found;
}

uint32_t slab_frames(void)
{
	struct kmem_cache *c;
	uint32_t n = 0;

	mutex_lock(&cache_mutex);
	list_for_each (c, &cache_list, link)
		n += READ_ONCE(c->slabs) << c->order;
	mutex_unlock(&cache_mutex);
	return n;
}
