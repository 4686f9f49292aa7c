// SPDX-License-Identifier: MIT
// Boot memory: a sorted table of RAM and reserved ranges, from the device tree to the buddy. Boot
// CPU only.
#ifndef MM_MEMBLOCK_H
#define MM_MEMBLOCK_H

#include "kernel/lib/types.h"

struct page;

struct memblock_range {
	phys_addr_t base;
	uint64_t size;
};

/* Ranges are merged; parts of pages are rounded (RAM inwards, reservations outwards). 0 or -ENOSPC
 * (table full), -EINVAL (wraps). */
int memblock_add_ram(phys_addr_t base, uint64_t size) MUST_CHECK;
int memblock_reserve(phys_addr_t base, uint64_t size) MUST_CHECK;
/* Of the RAM that was added only the lowest `bytes` (rounded down to pages) are left. */
void memblock_limit_ram(uint64_t bytes);
/* Is any part of the pages of [base, base+size) reserved? No wrap. */
bool memblock_is_reserved(phys_addr_t base, uint64_t size);
/* Free RAM, aligned (power of two), reserved for the caller; never below the kernel's own knowledge
 * of RAM. 0 when there is none. */
phys_addr_t memblock_alloc(uint64_t size, uint64_t align) MUST_CHECK;
/* i-th RAM range; false past the last. */
bool memblock_ram(unsigned i, struct memblock_range *r);
uint64_t memblock_ram_total(void);
/* Allocates and maps the frame array (through pmap_kernel_map), fills it, and hands all free RAM to
 * the buddy. After it memblock_alloc panics. */
void memblock_hand_over(void);
/* After hand-over: gives a range that was reserved until now (initramfs, device tree) to the
 * buddy. */
void memblock_release(phys_addr_t base, uint64_t size);
/* After hand-over: makes one frame that was reserved until now an allocated one, as page_alloc()
 * would (refs 1, PAGE_KERNEL, contents kept), counted in frames_total(). One task at a time with
 * memblock_release. */
struct page *memblock_claim(phys_addr_t pa);

#endif
