// SPDX-License-Identifier: MIT
// Units of 2 MB from the pool of huge pages (mm/huge_pool.c), for those who map them. Private to
// mm.
#ifndef MM_HUGE_POOL_H
#define MM_HUGE_POOL_H

#include "mm/huge.h"
#include "mm/page.h"

#define HUGE_ORDER (HUGE_SHIFT - PAGE_SHIFT)
#define HUGE_PAGES (1u << HUGE_ORDER)

/* The first frame of a unit for use, whose contents are anything; promised before or not. NULL:
 * there is none, which cannot be where it was promised. */
struct page *unit_take(bool promised) MUST_CHECK;
/* Its frames begin to be used: of that type, a reference to each for the caller. */
void unit_prepare(struct page *unit, enum page_type type);
/* Gives a unit back that was not prepared. */
void unit_untake(struct page *unit, bool promised);
/* Promises n units, making as many as are missing where overcommitting allows it. 0 or -ENOMEM. */
int units_reserve(uint64_t n) MUST_CHECK;
void units_unreserve(uint64_t n);

#endif
