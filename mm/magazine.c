// SPDX-License-Identifier: MIT
/*
 * Magazines (Bonwick and Adams 2001): every CPU keeps a few ready objects per cache, so that the
 * cache's lock is taken once in several operations. A magazine is filled and spilled by half. Like
 * the per-CPU lists of frames, it has a lock of its own that nobody contends but slab_reap(), which
 * so gets at every CPU's stock without interrupting anyone.
 *
 * A magazine is made when its CPU first frees an object of the cache with interrupts on, without
 * waiting; while there is none, objects come from the slabs and go to them.
 */
#include "kernel/lib/string.h"
#include "mm/slab_impl.h"

/* Preemption off. */
static inline void lock_raw(struct magazine *m)
{
	while (unlikely(__atomic_exchange_n(&m->locked, 1, __ATOMIC_ACQUIRE) != 0))
		hw_relax();
}

/* This CPU's magazine, locked, preemption off; NULL (nothing locked): it has none. */
static inline struct magazine *magazine_lock(struct kmem_cache *c)
{
	struct magazine *m;

	preempt_disable();
	m = READ_ONCE(c->magazines[hw_cpu()]);
	if (unlikely(m == NULL)) {
		preempt_enable();
		return NULL;
	}
	lock_raw(m);
	return m;
}

static inline void magazine_unlock(struct magazine *m)
{
	atomic_store_release(&m->locked, 0);
	preempt_enable();
}

void *magazine_take(struct kmem_cache *c)
{
	struct magazine *m = magazine_lock(c);
	void *object = NULL;

	if (m == NULL)
		return NULL;
	if (m->count > 0)
		object = m->objects[--m->count];
	magazine_unlock(m);
	return object;
}

bool magazine_put_one(struct kmem_cache *c, void *object)
{
	struct magazine *m = magazine_lock(c);
	bool room;

	if (m == NULL)
		return false;
	room = m->count < c->magazine_size;
	if (likely(room))
		m->objects[m->count++] = object;
	magazine_unlock(m);
	return room;
}

unsigned magazine_put(struct kmem_cache *c, void **objects, unsigned n)
{
	struct magazine *m = magazine_lock(c);

	if (m == NULL)
		return n;
	while (n > 0 && m->count < c->magazine_size)
		m->objects[m->count++] = objects[--n];
	magazine_unlock(m);
	return n;
}

unsigned magazine_spill(struct kmem_cache *c, void **objects)
{
	struct magazine *m = magazine_lock(c);
	unsigned n = 0;

	if (m == NULL)
		return 0;
	if (m->count == c->magazine_size) {
		n = (c->magazine_size + 1u) / 2;
		memcpy(objects, m->objects, n * sizeof(void *));
		m->count = (uint16_t)(m->count - n);
		memmove(m->objects, m->objects + n, m->count * sizeof(void *));
	}
	magazine_unlock(m);
	return n;
}

void magazine_create(struct kmem_cache *c)
{
	struct magazine *m, *seen = NULL;
	unsigned cpu = hw_cpu(); /* the task may move meanwhile: then that CPU got it */

	if (READ_ONCE(c->magazines[cpu]) != NULL || hw_irqs_off())
		return;
	m = kmem_cache_alloc(&cache_of_magazines, ALLOC_ZERO | ALLOC_NOWAIT);
	if (m != NULL && !atomic_compare_exchange(&c->magazines[cpu], &seen, m))
		kmem_cache_free(&cache_of_magazines, m);
}

void magazine_drain(struct kmem_cache *c, unsigned cpu)
{
	struct magazine *m = READ_ONCE(c->magazines[cpu]);
	void *objects[MAGAZINE_MAX];
	unsigned n;

	if (m == NULL)
		return;
	preempt_disable();
	lock_raw(m);
	n = m->count;
	memcpy(objects, m->objects, n * sizeof(void *));
	m->count = 0;
	magazine_unlock(m);
	slab_objects_give(c, objects, n);
}
