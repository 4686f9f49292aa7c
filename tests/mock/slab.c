// SPDX-License-Identifier: MIT
/*
 * mm/slab.h over the host's malloc: AddressSanitizer then sees every overrun and every use after
 * free of an object. Counts what is out, and takes part in allocation failure. Weak: the real
 * mm/slab.c wins.
 */
#include <stdlib.h>
#include <string.h>

#include "mm/slab.h"
#include "tests/mock/objects.h"
#include "tests/mock/private.h"

#define WEAK __attribute__((weak))

struct kmem_cache {
	const char *name;
	size_t size, align;
};

static unsigned out;

unsigned mock_objects_out(void)
{
	return out;
}

static void *take(size_t size, size_t align, unsigned flags)
{
	void *p;

	if (!(flags & ALLOC_NOWAIT) && !preemptible())
		mock_violation(MOCK_RULE_CONTEXT,
			       "an allocation that may sleep, with preemption off");
	if (mock_alloc_should_fail())
		return NULL;
	if (posix_memalign(&p, MAX(align, sizeof(void *)), size))
		abort();
	memset(p, flags & ALLOC_ZERO ? 0 : 0xa5, size);
	out++;
	return p;
}

WEAK struct kmem_cache *kmem_cache_create(const char *name, size_t size, size_t align)
{
	static struct kmem_cache caches[64];
	static unsigned used;
	struct kmem_cache *c;

	for (unsigned i = 0; i < used; i++)
		if (strcmp(caches[i].name, name) == 0)
			return &caches[i];
	assert_true(used < ARRAY_SIZE(caches));
	c = &caches[used++];
	*c = (struct kmem_cache){ name, size, align };
	return c;
}

WEAK void kmem_cache_destroy(struct kmem_cache *c)
{
	(void)c;
}

WEAK void *kmem_cache_alloc(struct kmem_cache *c, unsigned alloc_flags)
{
	return take(c->size, c->align, alloc_flags);
}

WEAK void kmem_cache_free(struct kmem_cache *c, void *object)
{
	(void)c;
	out--;
	free(object);
}

WEAK void *kmalloc(size_t size, unsigned alloc_flags)
{
	return take(size, 0, alloc_flags);
}

WEAK void kfree(void *p)
{
	if (p != NULL)
		out--;
	free(p);
}
