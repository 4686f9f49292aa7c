// SPDX-License-Identifier: MIT
/*
 * The kernel's own map: TTBR1's four levels. Tables are only ever added, never freed, so that
 * look-ups need no lock; changes take the map's spin lock for at most MAP_CHUNK entries at a time.
 * Tables are reached through the image while it is all that is mapped, and through the linear map
 * afterwards.
 *
 * An entry goes from invalid to valid and back, never from valid to valid, so break-before-make
 * (DDI 0487, D8.14.1) holds by itself: making valid needs a DSB and an ISB (D8.2.6: the walk must
 * see the store, and no earlier fault may be kept by the pipeline), making invalid a TLBI.
 */
#include "arch/arm64/kernel_map.h"
#include "kernel/errno.h"
#include "kernel/lib/string.h"
#include "kernel/lock.h"
#include "kernel/log.h"
#include "mm/pmap.h"

#define MAP_CHUNK 64 /* entries changed per lock hold */

static struct spinlock map_lock = SPINLOCK_INIT;
/* Tables that were allocated for a place another CPU filled meanwhile, linked through their first
 * word. map_lock. */
static phys_addr_t spare_tables;

uint64_t *kernel_table_at(phys_addr_t pa)
{
	if (pa - image_pa < (phys_addr_t)(image_end - image_start))
		return (uint64_t *)(image_start + (pa - image_pa));
	return phys_to_virt(pa);
}

static void map_changed(void)
{
	__asm__ volatile("dsb ishst\n\tisb" : : : "memory");
}

/* The entry of va at the lowest level that exists, at most `level`; *found says which. */
static uint64_t *entry_find(virt_addr_t va, unsigned level, unsigned *found)
{
	uint64_t *table = kernel_root;

	for (unsigned l = 0;; l++) {
		uint64_t *e = &table[table_index(va, l)];
		uint64_t raw = READ_ONCE(*e);

		*found = l;
		if (l == level || !pte_is_table(raw))
			return e;
		table = kernel_table_at(pte_pa(raw));
	}
}

/* Links a zeroed table at e unless somebody did; the table is then kept as a spare. */
static void table_link_locked(uint64_t *e, phys_addr_t table)
{
	if (*e == 0) {
		map_changed(); /* its zeroes before it can be walked */
		WRITE_ONCE(*e, table | PTE_TYPE_TABLE);
		map_changed();
		return;
	}
	*kernel_table_at(table) = spare_tables;
	spare_tables = table;
}

static phys_addr_t spare_table_take_locked(void)
{
	phys_addr_t pa = spare_tables;

	if (pa) {
		spare_tables = *kernel_table_at(pa);
		*kernel_table_at(pa) = 0;
	}
	return pa;
}

/* Makes va's table of `level` exist. Lock held in and out, dropped around the allocation. 0,
 * -ENOMEM or -EEXIST (a block is in the way). */
static int table_need_locked(virt_addr_t va, unsigned level, phys_addr_t (*table_alloc)(void))
{
	for (;;) {
		unsigned found;
		uint64_t *e = entry_find(va, level, &found);
		phys_addr_t table;

		if (found == level)
			return 0;
		if (*e != 0)
			return -EEXIST;
		table = spare_table_take_locked();
		if (!table) {
			spin_unlock(&map_lock);
			table = table_alloc();
			spin_lock(&map_lock);
			if (!table)
				return -ENOMEM;
		}
		table_link_locked(e, table);
	}
}

/* Level whose entries suit the start of this range: 1 GB and 2 MB blocks, else pages. */
static unsigned level_for(virt_addr_t va, phys_addr_t pa, size_t size)
{
	for (unsigned level = 1; level < 3; level++)
		if (((va | pa) & (LEVEL_SIZE(level) - 1)) == 0 && size >= LEVEL_SIZE(level))
			return level;
	return 3;
}

/* Fills entries of one table from va on, at most MAP_CHUNK of them; *done: bytes mapped. */
static int map_chunk_locked(virt_addr_t va, phys_addr_t pa, size_t size, uint64_t attributes,
			    size_t *done)
{
	unsigned level = level_for(va, pa, size), found, index = table_index(va, level);
	uint64_t *e = entry_find(va, level, &found);
	uint64_t type = level == 3 ? PTE_TYPE_PAGE : PTE_TYPE_BLOCK;
	size_t step = LEVEL_SIZE(level);

	*done = 0;
	for (unsigned n = 0; n < MAP_CHUNK && index < TABLE_ENTRIES && *done + step <= size;
	     n++, index++) {
		if (level < 3 && level_for(va + *done, pa + *done, size - *done) != level)
			break;
		if (*e != 0)
			return -EEXIST;
		WRITE_ONCE(*e, (pa + *done) | (attributes & ~(uint64_t)PTE_TYPE_MASK) | type);
		e++;
		*done += step;
	}
	return 0;
}

int kernel_map_raw(virt_addr_t va, phys_addr_t pa, size_t size, uint64_t attributes,
		   phys_addr_t (*table_alloc)(void))
{
	size_t mapped = 0, done;
	int err = 0;

	ASSERT(IS_ALIGNED(va | pa | size, PAGE_SIZE));
	while (mapped < size && err == 0) {
		unsigned level = level_for(va + mapped, pa + mapped, size - mapped);

		spin_lock(&map_lock);
		err = table_need_locked(va + mapped, level, table_alloc);
		if (err == 0) {
			err = map_chunk_locked(va + mapped, pa + mapped, size - mapped, attributes,
					       &done);
			mapped += done;
		}
		spin_unlock(&map_lock);
	}
	map_changed();
	if (err)
		pmap_kernel_unmap(va, mapped);
	return err;
}

int pmap_kernel_map(virt_addr_t va, phys_addr_t pa, size_t size, enum kernel_prot prot,
		    phys_addr_t (*table_alloc)(void))
{
	static const uint64_t attributes[] = {
		[KERNEL_RO] = PTE_KERNEL_RODATA,
		[KERNEL_RW] = PTE_KERNEL_DATA,
		[KERNEL_DEVICE] = PTE_KERNEL_DEVICE,
	};

	return kernel_map_raw(va, pa, size, attributes[prot], table_alloc);
}

/* Clears one entry and starts the invalidation of what it translated; returns the bytes it
 * covered. */
static size_t unmap_entry_locked(virt_addr_t va, size_t size)
{
	unsigned level;
	uint64_t *e = entry_find(va, 3, &level);
	size_t span = LEVEL_SIZE(level);

	if (*e == 0)
		return span - (va & (span - 1));
	ASSERT(IS_ALIGNED(va, span) && size >= span); /* blocks go whole */
	WRITE_ONCE(*e, 0);
	/* The store before the TLBI; all ASIDs, as the entries are global (D8.14.5). */
	__asm__ volatile("dsb ishst\n\ttlbi vaae1is, %0"
			 :
			 : "r"((va >> 12) & 0xfffffffffff)
			 : "memory");
	return span;
}

void pmap_kernel_unmap(virt_addr_t va, size_t size)
{
	size_t done = 0;

	while (done < size) {
		spin_lock(&map_lock);
		for (unsigned n = 0; n < MAP_CHUNK && done < size; n++)
			done += unmap_entry_locked(va + done, size - done);
		__asm__ volatile("dsb ish\n\tisb" : : : "memory");
		spin_unlock(&map_lock);
	}
}

bool pmap_kernel_lookup(virt_addr_t va, phys_addr_t *pa)
{
	unsigned level;
	uint64_t raw;

	if (va < LINEAR_BASE)
		return false;
	raw = READ_ONCE(*entry_find(va, 3, &level));
	if (!(raw & PTE_VALID))
		return false;
	*pa = pte_pa(raw) | (va & (LEVEL_SIZE(level) - 1));
	return true;
}
