// SPDX-License-Identifier: MIT
/*
 * Checking caches. An object lies between red zones and is followed by its owner:
 *
 *      | left zone | object, rounded up to 8 | right zone | link | allocated by | freed by |
 *      ^ slab + i * stride                                                      next ^
 *
 * Zones hold one pattern while the object is in use and another while it is free, so a second free
 * is told from an overrun. A free object is filled with poison; a damaged poison at the next
 * allocation is a write after free. The link of the free list lies outside the object for that
 * reason. What is found ends in a panic: memory is no longer trustworthy, and the panic names the
 * cache and the last owner.
 */
#include "kernel/lib/string.h"
#include "kernel/log.h"
#include "mm/slab_impl.h"

#define ZONE        16
#define ZONE_USED   0xcc
#define ZONE_FREE   0xbb
#define POISON_FREE 0x6b
/* not zero: who relies on zeroes without ALLOC_ZERO shall see */
#define POISON_FRESH 0x5a

struct trailer {
	uint8_t zone[ZONE];
	void *link;
	void *allocated_by, *freed_by;
};

static struct trailer *trailer_of(const struct kmem_cache *c, void *object)
{
	return (struct trailer *)((char *)object + ALIGN_UP(c->size, 8));
}

void slab_debug_layout(struct kmem_cache *c, size_t align)
{
	c->left = (uint32_t)ALIGN_UP((size_t)ZONE, align);
	c->stride =
		(uint32_t)ALIGN_UP(c->left + ALIGN_UP(c->size, 8) + sizeof(struct trailer), align);
}

void **slab_link(const struct kmem_cache *c, void *object)
{
	return c->debug ? &trailer_of(c, object)->link : object;
}

static bool filled_with(const void *p, uint8_t byte, size_t n)
{
	const uint8_t *b = p;

	for (size_t i = 0; i < n; i++)
		if (b[i] != byte)
			return false;
	return true;
}

static NORETURN void complain(struct kmem_cache *c, void *object, const char *what, void *caller)
{
	const struct trailer *t = trailer_of(c, object);

	panic("slab %s: %s of object %p, seen by %p (last allocated by %p, last freed by %p)",
	      c->name, what, object, caller, t->allocated_by, t->freed_by);
}

/* Bytes between the object's end and the right zone belong to the zone: an overrun by one is
 * seen. */
static void zones_fill(struct kmem_cache *c, void *object, uint8_t byte)
{
	memset((char *)object - ZONE, byte, ZONE);
	memset((char *)object + c->size, byte, ALIGN_UP(c->size, 8) - c->size + ZONE);
}

static bool zone_left_is(void *object, uint8_t byte)
{
	return filled_with((char *)object - ZONE, byte, ZONE);
}

static bool zone_right_is(struct kmem_cache *c, void *object, uint8_t byte)
{
	return filled_with((char *)object + c->size, byte, ALIGN_UP(c->size, 8) - c->size + ZONE);
}

void slab_debug_init(struct kmem_cache *c, void *object)
{
	struct trailer *t = trailer_of(c, object);

	memset(object, POISON_FREE, c->size);
	zones_fill(c, object, ZONE_FREE);
	t->allocated_by = t->freed_by = NULL;
}

void slab_debug_alloc(struct kmem_cache *c, void *object, void *caller)
{
	if (!zone_left_is(object, ZONE_FREE) || !zone_right_is(c, object, ZONE_FREE))
		complain(c, object, "overrun into a free neighbour", caller);
	if (!filled_with(object, POISON_FREE, c->size))
		complain(c, object, "write after free", caller);
	memset(object, POISON_FRESH, c->size);
	zones_fill(c, object, ZONE_USED);
	trailer_of(c, object)->allocated_by = caller;
}

/* Where the object lies in its slab was checked already: the free list never takes what is no
 * object. */
void slab_debug_free(struct kmem_cache *c, void *object, void *caller)
{
	if (zone_left_is(object, ZONE_FREE) && zone_right_is(c, object, ZONE_FREE))
		complain(c, object, "double free", caller);
	if (!zone_left_is(object, ZONE_USED))
		complain(c, object, "underrun", caller);
	if (!zone_right_is(c, object, ZONE_USED))
		complain(c, object, "overrun", caller);
	memset(object, POISON_FREE, c->size);
	zones_fill(c, object, ZONE_FREE);
	trailer_of(c, object)->freed_by = caller;
}
