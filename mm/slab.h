// SPDX-License-Identifier: MIT
// Object caches over buddy frames with per-CPU magazines, and general size classes (kmalloc).
#ifndef MM_SLAB_H
#define MM_SLAB_H

#include "mm/buddy.h"

struct kmem_cache;

/* A cache of objects of `size` bytes, aligned to `align` (0: 8). name must live as long as the
 * cache. NULL: no memory. Task context. */
struct kmem_cache *kmem_cache_create(const char *name, size_t size, size_t align) MUST_CHECK;
/* Frees an empty cache; panics when objects are still out. */
void kmem_cache_destroy(struct kmem_cache *c);
/* alloc_flags as page_alloc (ALLOC_ZERO, ALLOC_NOWAIT, ALLOC_USER ...). NULL when there is no
 * memory. */
void *kmem_cache_alloc(struct kmem_cache *c, unsigned alloc_flags) MUST_CHECK;
void kmem_cache_free(struct kmem_cache *c, void *object);

/* Any size; above 8 KB whole frames. kfree(NULL) does nothing. */
void *kmalloc(size_t size, unsigned alloc_flags) MUST_CHECK;
void kfree(void *p);

void slab_init(void);
/* Gives whole free slabs and full magazines back to the buddy: the page daemon calls it. Returns
 * frames freed. */
unsigned slab_reap(void);
/* Red zones, poison and owner for caches created afterwards (kernel command line slab_debug). */
void slab_set_debug(bool on);

struct slab_stats {
	const char *name;
	size_t object_size;
	uint32_t active, total, slabs, frames_per_slab;
};
/* The i-th cache's figures for /proc/slabinfo; false past the last one. */
bool slab_stats(unsigned i, struct slab_stats *s);
uint32_t slab_frames(void); /* frames held by all caches */

#endif
