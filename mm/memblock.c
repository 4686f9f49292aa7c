// SPDX-License-Identifier: MIT
/*
 * Boot memory: two sorted tables of disjoint, page-aligned ranges, RAM and reserved. What is free
 * is RAM minus reserved; it is searched, never stored. First fit from the lowest address: boot
 * allocations gather beside the kernel image, and the rest stays one large run for the buddy.
 *
 * The hand-over makes the frame array. Its entries exist in groups of one top-order block (1024
 * frames, ten whole pages of entries), for every group in which there is RAM: so the buddy may look
 * at any entry of a block's own group, and a hole between two banks of RAM costs nothing. Entries
 * of frames that are no RAM, or that stay reserved, are PAGE_RESERVED for ever (or until
 * memblock_release).
 *
 * Boot CPU only, so there is no lock; memblock_release and the read-only questions come later but
 * change nothing here.
 */
#include "mm/memblock.h"

#include "kernel/errno.h"
#include "kernel/lib/string.h"
#include "kernel/log.h"
#include "mm/frames.h"
#include "mm/pmap.h"

#define RANGES_MAX   128
#define GROUP_FRAMES (1u << MAX_ORDER)
#define GROUP_SIZE   ((phys_addr_t)GROUP_FRAMES << PAGE_SHIFT)
#define GROUP_BYTES  (GROUP_FRAMES * sizeof(struct page))
/* pfn_t has 32 bits, and PFN_NONE is not a frame. */
#define PHYS_LIMIT (((phys_addr_t)PFN_NONE << PAGE_SHIFT) & ~(GROUP_SIZE - 1))

_Static_assert(GROUP_BYTES % 4096 == 0, "a group of entries is whole pages");

struct table {
	struct memblock_range range[RANGES_MAX]; /* by base; disjoint, not touching */
	unsigned count;
};

static struct table ram, reserved;
static bool handed_over;

static phys_addr_t range_end(const struct memblock_range *r)
{
	return r->base + r->size;
}

/* Adds [base, end), swallowing every range that it meets or touches. 0 or -ENOSPC. */
static int table_add(struct table *t, phys_addr_t base, phys_addr_t end)
{
	unsigned first = 0, last;

	while (first < t->count && range_end(&t->range[first]) < base)
		first++;
	for (last = first; last < t->count && t->range[last].base <= end; last++) {
		base = MIN(base, t->range[last].base);
		end = MAX(end, range_end(&t->range[last]));
	}
	if (last == first && t->count == RANGES_MAX)
		return -ENOSPC;
	memmove(&t->range[first + 1], &t->range[last], (t->count - last) * sizeof(t->range[0]));
	t->range[first] = (struct memblock_range){ base, end - base };
	t->count = t->count - (last - first) + 1;
	return 0;
}

/* The first range of t that ends above pa, or NULL. */
static const struct memblock_range *table_above(const struct table *t, phys_addr_t pa)
{
	for (unsigned i = 0; i < t->count; i++)
		if (range_end(&t->range[i]) > pa)
			return &t->range[i];
	return NULL;
}

/* The first free run at or after *pa: its start in *pa, its end returned; 0: none. */
static phys_addr_t free_run(phys_addr_t *pa)
{
	for (;;) {
		const struct memblock_range *r = table_above(&ram, *pa), *taken;

		if (r == NULL)
			return 0;
		*pa = MAX(*pa, r->base);
		taken = table_above(&reserved, *pa);
		if (taken == NULL || taken->base >= range_end(r))
			return range_end(r);
		if (taken->base > *pa)
			return taken->base;
		*pa = range_end(taken);
	}
}

int memblock_add_ram(phys_addr_t base, uint64_t size)
{
	phys_addr_t end = base + size, first = ALIGN_UP(base, PAGE_SIZE);

	if (end < base || first < base)
		return -EINVAL;
	end = MIN(end & PAGE_MASK, PHYS_LIMIT);
	/* Address 0 is memblock_alloc's "none". */
	first = MAX(first, PAGE_SIZE);
	if ((first != base && base != 0) || end != base + size)
		log_warn("memory: %#llx bytes of RAM at %#llx lost to rounding",
			 (unsigned long long)(size - (end > first ? end - first : 0)),
			 (unsigned long long)base);
	return end > first ? table_add(&ram, first, end) : 0;
}

void memblock_limit_ram(uint64_t bytes)
{
	unsigned i;

	bytes &= PAGE_MASK;
	for (i = 0; i < ram.count && bytes > 0; i++) {
		ram.range[i].size = MIN(ram.range[i].size, bytes);
		bytes -= ram.range[i].size;
	}
	ram.count = i;
}

int memblock_reserve(phys_addr_t base, uint64_t size)
{
	phys_addr_t end = base + size;

	if (end < base || ALIGN_UP(end, PAGE_SIZE) < end)
		return -EINVAL;
	if (size == 0)
		return 0;
	return table_add(&reserved, base & PAGE_MASK, ALIGN_UP(end, PAGE_SIZE));
}

bool memblock_is_reserved(phys_addr_t base, uint64_t size)
{
	const struct memblock_range *r = table_above(&reserved, base & PAGE_MASK);

	return r != NULL && r->base < base + size;
}

phys_addr_t memblock_alloc(uint64_t size, uint64_t align)
{
	phys_addr_t pa = 0, end;

	ASSERT(!handed_over);
	ASSERT(size > 0 && align != 0 && (align & (align - 1)) == 0);
	size = ALIGN_UP(size, PAGE_SIZE);
	align = MAX(align, PAGE_SIZE);
	while ((end = free_run(&pa)) != 0) {
		phys_addr_t start = ALIGN_UP(pa, align);

		if (start >= pa && start < end && size <= end - start)
			return table_add(&reserved, start, start + size) == 0 ? start : 0;
		pa = end;
	}
	return 0;
}

bool memblock_ram(unsigned i, struct memblock_range *r)
{
	if (i >= ram.count)
		return false;
	*r = ram.range[i];
	return true;
}

uint64_t memblock_ram_total(void)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < ram.count; i++)
		sum += ram.range[i].size;
	return sum;
}

static phys_addr_t table_frame(void)
{
	phys_addr_t pa = memblock_alloc(PAGE_SIZE, PAGE_SIZE);

	if (pa != 0)
		memset(phys_to_virt(pa), 0, PAGE_SIZE);
	return pa;
}

/* Backs the entries of the groups [group, group + n), halving what it asks for when RAM is in
 * pieces. */
static void array_back(uint64_t group, uint64_t n)
{
	while (n > 0) {
		uint64_t part = n;
		phys_addr_t pa;

		while ((pa = memblock_alloc(part * GROUP_BYTES, PAGE_SIZE)) == 0 && part > 1)
			part /= 2;
		if (pa == 0)
			panic("memory: no room for the frame array");
		memset(phys_to_virt(pa), 0, part * GROUP_BYTES);
		if (pmap_kernel_map((virt_addr_t)(FRAME_ARRAY + group * GROUP_FRAMES), pa,
				    part * GROUP_BYTES, KERNEL_RW, table_frame) != 0)
			panic("memory: the frame array cannot be mapped");
		group += part;
		n -= part;
	}
}

/* Makes the entries for all RAM; returns the bytes they take. Neighbouring ranges may share a
 * group. */
static uint64_t array_create(void)
{
	uint64_t done = 0, groups = 0; /* groups below `done` have their entries */

	for (unsigned i = 0; i < ram.count; i++) {
		uint64_t first = MAX(ram.range[i].base / GROUP_SIZE, done);

		done = DIV_ROUND_UP(range_end(&ram.range[i]), GROUP_SIZE);
		if (done > first) {
			array_back(first, done - first);
			groups += done - first;
		}
	}
	return groups * GROUP_BYTES;
}

void memblock_hand_over(void)
{
	uint64_t total = memblock_ram_total(), array = array_create(), given = 0;
	phys_addr_t pa = 0, end;

	while ((end = free_run(&pa)) != 0) {
		buddy_add_range((pfn_t)(pa >> PAGE_SHIFT), (pfn_t)(end >> PAGE_SHIFT));
		given += end - pa;
		pa = end;
	}
	handed_over = true;
	log_info("memory: %llu KB RAM, %llu KB free, %llu KB reserved, %llu KB of it frame array",
		 (unsigned long long)total >> 10, (unsigned long long)given >> 10,
		 (unsigned long long)(total - given) >> 10, (unsigned long long)array >> 10);
	for (unsigned i = 0; i < reserved.count; i++)
		log_debug("memory: reserved %#llx..%#llx",
			  (unsigned long long)reserved.range[i].base,
			  (unsigned long long)range_end(&reserved.range[i]));
}

/* Clips [*start, *end) to the RAM range r; false when nothing is left. */
static bool clip(const struct memblock_range *r, phys_addr_t *start, phys_addr_t *end)
{
	*start = MAX(*start, r->base);
	*end = MIN(*end, range_end(r));
	return *start < *end;
}

void memblock_release(phys_addr_t base, uint64_t size)
{
	phys_addr_t first = ALIGN_UP(base, PAGE_SIZE), last = (base + size) & PAGE_MASK;

	ASSERT(handed_over);
	for (unsigned i = 0; i < ram.count; i++) {
		phys_addr_t start = first, end = last;

		if (clip(&ram.range[i], &start, &end))
			buddy_add_range((pfn_t)(start >> PAGE_SHIFT), (pfn_t)(end >> PAGE_SHIFT));
	}
}

struct page *memblock_claim(phys_addr_t pa)
{
	ASSERT(handed_over);
	return buddy_claim((pfn_t)(pa >> PAGE_SHIFT));
}
