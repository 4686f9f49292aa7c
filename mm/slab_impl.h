// SPDX-License-Identifier: MIT
/*
 * Private to the slab allocator: slab.c (slabs and objects), magazine.c, slab_cache.c (the caches),
 * kmalloc.c, and slab_debug.c (red zones, poison, owners).
 *
 * Lock order: the mutex over the list of caches, then nothing of ours; a magazine's lock and a
 * cache's lock are leaves and never held together. Frames are taken and given back with no lock
 * held.
 */
#ifndef MM_SLAB_IMPL_H
#define MM_SLAB_IMPL_H

#include "kernel/lib/list.h"
#include "mm/slab.h"

#define MAGAZINE_MAX   16
#define SLAB_ORDER_MAX 3

/* A CPU's stock of ready objects. Its lock is contended only by slab_reap(). */
struct magazine {
	uint8_t locked; /* as a CPU's list of frames: fairness is worth nothing here */
	uint16_t count;
	void *objects[MAGAZINE_MAX];
};

struct kmem_cache {
	/* Fixed at creation. */
	const char *name;
	size_t size;     /* as the user asked */
	uint32_t stride; /* from one object to the next */
	uint32_t left;   /* bytes before the first object's start: debug red zone */
	uint16_t per_slab, magazine_size; /* magazine_size 0: no magazines */
	uint8_t order;
	bool debug;
	struct list link; /* cache_mutex */

	/* Under lock. */
	struct spinlock lock;
	pfn_t partial,
		empty; /* slabs with some, and with all objects free; full ones are on no list */
	uint32_t slabs, empties, out; /* out: objects in magazines or in use */

	struct magazine *magazines[NR_CPUS_MAX]; /* made on a CPU's first free; set once */
};

/* What makes the others possible. cache_of_magazines itself has none: its first one would ask for
 * itself. */
extern struct kmem_cache cache_of_caches, cache_of_magazines;

/* slab_cache.c: the first two caches; sets up a cache of static storage, and puts it on the
 * list. */
void slab_caches_init(void);
void slab_cache_init(struct kmem_cache *c, const char *name, size_t size, size_t align);
void slab_cache_publish(struct kmem_cache *c);

/* slab.c. kmem_cache_alloc and _free with the caller's address for the debug checks. */
void *slab_alloc(struct kmem_cache *c, unsigned flags, void *caller);
void slab_free(struct kmem_cache *c, void *object, void *caller);
/* Takes 1..n (at most MAGAZINE_MAX) objects past the magazines, making one new slab when there is
 * none free; 0: no memory. */
unsigned slab_objects_take(struct kmem_cache *c, void **objects, unsigned n, unsigned flags);
void slab_objects_give(struct kmem_cache *c, void **objects, unsigned n);
/* Gives wholly free slabs to the buddy. */
void slab_free_empties(struct kmem_cache *c);

/* magazine.c. */

/* An object of this CPU's stock, or NULL. */
void *magazine_take(struct kmem_cache *c);
/* Puts n objects into this CPU's magazine; returns how many did not fit: the first ones, they stay
 * with the caller. */
unsigned magazine_put(struct kmem_cache *c, void **objects, unsigned n);
bool magazine_put_one(struct kmem_cache *c, void *object) MUST_CHECK; /* did it fit? */
/* Takes the older half out of a full magazine of this CPU. Returns the number, 0 when it is not
 * full any more. */
unsigned magazine_spill(struct kmem_cache *c, void **objects);
/* Gives this CPU a magazine if it can be had at once; without one everything still works. */
void magazine_create(struct kmem_cache *c);
/* Empties the magazine of one CPU into the slabs. */
void magazine_drain(struct kmem_cache *c, unsigned cpu);

/* The link in a free object that leads to the next one of its slab. */
void **slab_link(const struct kmem_cache *c, void *object);

/* slab_debug.c, for caches with c->debug. */

/* Sets stride and left so that red zones and owner fit. align is a power of two of at least 8. */
void slab_debug_layout(struct kmem_cache *c, size_t align);
/* A fresh object of a new slab: poisoned, marked free. */
void slab_debug_init(struct kmem_cache *c, void *object);
/* The object is about to be handed out, or came back: checks it (panics when damaged) and marks
 * it. */
void slab_debug_alloc(struct kmem_cache *c, void *object, void *caller);
void slab_debug_free(struct kmem_cache *c, void *object, void *caller);

#endif
