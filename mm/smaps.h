// SPDX-License-Identifier: MIT
// What an area takes of memory, page by page: for /proc/PID/smaps and pagemap.
#ifndef MM_SMAPS_H
#define MM_SMAPS_H

#include "kernel/lib/rbtree.h"
#include "mm/aspace.h"

/* Bytes. A page that n mappings share counts 1/n in the proportional ones (pss...), in 1/4096ths of
 * a byte there. Shared: mapped more than once. */
struct area_usage {
	uint64_t rss, pss, pss_dirty, pss_anon, pss_file, pss_shmem;
	uint64_t shared_clean, shared_dirty, private_clean, private_dirty;
	uint64_t referenced, anonymous, lazy_free, swap, swap_pss;
	uint64_t shared_huge, private_huge; /* of MAP_HUGETLB, counted nowhere else */
	uint64_t blocks;                    /* in 2 MB blocks, as the hardware sees them */
};

#define PSS_SHIFT 12

/* Adds a's pages to u. Aspace mutex; a table lock is held for a few pages at a time. What is paged
 * meanwhile may be counted either way. */
void area_measure(const struct area *a, struct area_usage *u);

/* Of the pages of objects that as maps, those that no disk backs. Aspace mutex; may take long where
 * there are both kinds. */
uint64_t aspace_shmem(struct aspace *as);

/* One page's entry. */
struct page_place {
	bool present, swapped;
	bool file;      /* of an object: a file's or shared anonymous */
	bool exclusive; /* mapped here only */
	pfn_t pfn;      /* present */
	uint32_t slot;  /* swapped */
};

/* Fills place[0..n) for the pages from va on, whether there are areas or not. n at most 512, va's
 * page and all others in one leaf table. Aspace mutex. */
void aspace_places(struct aspace *as, virt_addr_t va, unsigned n, struct page_place *place);

#endif
