// SPDX-License-Identifier: MIT
// Huge pages: what /proc and /sys show and set. How areas get them is in mm/huge.c.
#ifndef MM_HUGE_H
#define MM_HUGE_H

#include "kernel/lib/types.h"

#define HUGE_SHIFT 21
#define HUGE_SIZE  ((uint64_t)1 << HUGE_SHIFT)

/* Which private anonymous memory is given blocks of 2 MB at its first fault
 * (/sys/kernel/mm/transparent_hugepage/enabled). */
enum thp_mode {
	THP_ALWAYS,  /* all but what MADV_NOHUGEPAGE was said of */
	THP_MADVISE, /* what MADV_HUGEPAGE was said of; as it boots */
	THP_NEVER,
};
extern unsigned thp_mode; /* a single word, read once per decision */

/* The pool of units of 2 MB for MAP_HUGETLB, in units (mm/hugetlb.c). */
struct huge_stats {
	uint64_t total, free;
	uint64_t reserved;   /* of the free: promised by mmap(2) */
	uint64_t surplus;    /* of the total: above what was asked for */
	uint64_t overcommit; /* the most that surplus may be */
};
void huge_stats(struct huge_stats *s);
/* Asks for so many: takes what the buddy has at once, gives back what is free and not promised; the
 * rest follows when it is unmapped. May take long; stops for a fatal signal. */
void huge_pool_resize(uint64_t units);
void huge_set_overcommit(uint64_t units);

/* A size asked for by its logarithm, 0: the usual one. 0; -ENOMEM: one that AArch64 has with pages
 * of 4 KB, but nothing is ever set aside in; -EINVAL. */
int huge_size_check(unsigned log2) MUST_CHECK;

/* Objects of huge pages (mm/huge_object.c): sizes in bytes are whole units, pages count as 4 KB. */
struct object;
struct page;
/* One of `size` bytes, all holes; NULL: no memory. Goes by object_put(). */
struct object *huge_object_create(uint64_t size);
bool object_is_huge(const struct object *o);
/* Promises all of its units: 0 or -ENOMEM. */
int huge_object_reserve_all(struct object *o) MUST_CHECK;
/* Puts units into the holes of [first, last], whole units within its size: 0, -ENOSPC, -ENOMEM,
 * -EINTR; what came by then stays. May take long. */
int huge_object_fill(struct object *o, uint32_t first, uint32_t last) MUST_CHECK;
/* Takes the units of [first, last] out of it and of all maps. Promises of units that were not there
 * yet stay: who mapped the hole may still count on them. */
void huge_object_punch(struct object *o, uint32_t first, uint32_t last);
/* The same from `first` to the end, and promises go, too: the object ends there. */
void huge_object_cut(struct object *o, uint32_t first);
/* The page at index with a reference, or NULL: a hole. */
struct page *huge_object_page(struct object *o, uint32_t index);

struct area;
/* May a fault in a make a block: is it wanted, and does a hold 2 MB, aligned? Aspace mutex. */
bool area_may_have_block(const struct area *a);

#endif
