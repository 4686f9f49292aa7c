// SPDX-License-Identifier: MIT
/*
 * General sizes: a cache per class of sizes up to 8 KB, whole frames above. Classes are powers of
 * two and, up to 768, the sizes halfway between, so no more than a third of an object is wasted
 * there. kfree finds the cache through the frame.
 */
#include "kernel/log.h"
#include "mm/memcg.h"
#include "mm/slab_impl.h"

static const struct {
	uint16_t size;
	const char *name;
} classes[] = {
	{ 16, "kmalloc-16" },     { 32, "kmalloc-32" },     { 48, "kmalloc-48" },
	{ 64, "kmalloc-64" },     { 96, "kmalloc-96" },     { 128, "kmalloc-128" },
	{ 192, "kmalloc-192" },   { 256, "kmalloc-256" },   { 384, "kmalloc-384" },
	{ 512, "kmalloc-512" },   { 768, "kmalloc-768" },   { 1024, "kmalloc-1024" },
	{ 2048, "kmalloc-2048" }, { 4096, "kmalloc-4096" }, { 8192, "kmalloc-8192" },
};

static struct kmem_cache class_caches[ARRAY_SIZE(classes)];
static uint8_t class_by_16[1024 / 16 + 1]; /* class of a size up to 1024, by sixteenths */

static unsigned class_of(size_t size)
{
	if (size <= 1024)
		return class_by_16[(size + 15) / 16];
	return size <= 2048 ? 12 : size <= 4096 ? 13 : 14;
}

/* Above the classes: whole frames; the head's order tells kfree. They are a task's as slabs are:
 * its group pays, whatever the limits. */
static void *kmalloc_frames(size_t size, unsigned flags)
{
	unsigned order = 0;
	struct page *p;

	while (order <= MAX_ORDER && PAGE_SIZE << order < size)
		order++;
	if (order > MAX_ORDER)
		return NULL;
	p = page_alloc_order(order, flags);
	if (p == NULL)
		return NULL;
	if (memory_group() != 0 && !(flags & ALLOC_PAID))
		memcg_charge_block(p);
	return page_to_virt(p);
}

void *kmalloc(size_t size, unsigned alloc_flags)
{
	if (size > classes[ARRAY_SIZE(classes) - 1].size)
		return kmalloc_frames(size, alloc_flags);
	return slab_alloc(&class_caches[class_of(size)], alloc_flags, __builtin_return_address(0));
}

void kfree(void *p)
{
	struct page *page;

	if (p == NULL)
		return;
	page = virt_to_page(p);
	if (page->type == PAGE_SLAB) {
		slab_free(page->u.slab.cache, p, __builtin_return_address(0));
		return;
	}
	ASSERT(page->type == PAGE_KERNEL && p == page_to_virt(page));
	memcg_uncharge_block(page);
	page_free(page, page->order);
}

void slab_init(void)
{
	unsigned class = 0;

	slab_caches_init();
	for (unsigned i = 0; i < ARRAY_SIZE(class_by_16); i++) {
		if (i * 16 > classes[class].size)
			class ++;
		class_by_16[i] = (uint8_t) class;
	}
	for (unsigned i = 0; i < ARRAY_SIZE(classes); i++) {
		slab_cache_init(&class_caches[i], classes[i].name, classes[i].size, 16);
		slab_cache_publish(&class_caches[i]);
	}
}
