// SPDX-License-Identifier: MIT
// Objects of huge pages (mm/huge_object.c): what mm asks of them. Files and shared memory make them
// by mm/huge.h.
#ifndef MM_HUGE_OBJECT_H
#define MM_HUGE_OBJECT_H

#include "mm/huge_pool.h"
#include "mm/object.h"

/* The first frame of o's unit at page `index`; o's mutex is held, which keeps it there. NULL: *err
 * 0 (a hole, and not `create`), -ENXIO (beyond the end, or the pool is empty), -ENOMEM. Clears 2
 * MB. */
struct page *huge_object_unit_locked(struct object *o, uint32_t index, bool create, int *err);
/* Promises those of n units from page `index` on that are neither there nor promised: 0; -ENOMEM,
 * nothing changed. *call is for undoing it. */
int huge_object_reserve(struct object *o, uint32_t index, uint64_t n, uint64_t *call) MUST_CHECK;
void huge_object_unreserve(struct object *o, uint64_t call);
/* Makes o at least `size` bytes long. */
void huge_object_grow(struct object *o, uint64_t size);

#endif
