// SPDX-License-Identifier: MIT
/*
 * The sum of all promises, one word that every mmap, munmap, fork and exit of accounted memory adds
 * to once: cheaper than it is to keep parts of it per CPU and exact. A promise is made before
 * anything changes, and what a call took but did not use it gives back in the end:
 *
 *      as->charged    what this address space has of the sum
 *      as->committed  what its areas with AREA_ACCOUNT come to (area.c keeps it, change by change)
 *
 * commit_reserve() raises the first ahead of the second; commit_settle(), at the end of each call
 * and of its error paths, makes them equal. So nobody has to know what a call undid half-way.
 *
 * An area that was once writable keeps AREA_ACCOUNT: it may hold pages that were written.
 */
#include "mm/commit.h"

#include "kernel/task.h"
#include "mm/aspace_internal.h"
#include "mm/buddy.h"

#define KB_TO_PAGES(kb) ((kb) >> (PAGE_SHIFT - 10))

struct commit_settings commit_settings = { .mode = COMMIT_HEURISTIC, .ratio = 50 };

static uint64_t sum;

static uint64_t swap_total(void)
{
	struct swap_stats s;

	swap_stats(&s);
	return s.slots_total;
}

uint64_t commit_limit(void)
{
	uint64_t kbytes = READ_ONCE(commit_settings.kbytes);
	uint64_t share = (uint64_t)frames_total() * READ_ONCE(commit_settings.ratio) / 100;

	return (kbytes != 0 ? KB_TO_PAGES(kbytes) : share) + swap_total();
}

uint64_t commit_sum(void)
{
	return atomic_load(&sum);
}

void commit_init(void)
{
	uint64_t share = (uint64_t)frames_free() / 32 << (PAGE_SHIFT - 10);

	commit_settings.admin_reserve = MIN(share, (uint64_t)8 << 10);
	commit_settings.user_reserve = MIN(share, (uint64_t)128 << 10);
}

/* What mode 2 lets current() have. */
static uint64_t limit_here(void)
{
	const struct aspace *as = current()->aspace;
	uint64_t kept, limit = commit_limit();

	if (as == NULL)
		return limit;
	kept = MIN(KB_TO_PAGES(READ_ONCE(commit_settings.user_reserve)),
		   READ_ONCE(as->total_pages) / 32);
	if (!READ_ONCE(as->cap_sys_admin))
		kept += MIN(KB_TO_PAGES(READ_ONCE(commit_settings.admin_reserve)), limit);
	return limit - MIN(kept, limit);
}

int commit_take(uint64_t pages, uint64_t request)
{
	unsigned mode = READ_ONCE(commit_settings.mode);
	uint64_t after;

	if (mode == COMMIT_HEURISTIC && request > frames_total() &&
	    request > frames_total() + swap_total())
		return -ENOMEM;
	after = atomic_fetch_add(&sum, pages) + pages;
	/* Two that together are too much may both be refused; never are both granted. */
	if (mode == COMMIT_NEVER && pages > 0 && after > limit_here()) {
		commit_give(pages);
		return -ENOMEM;
	}
	return 0;
}

NOINLINE void commit_give(uint64_t pages)
{
	uint64_t before = atomic_fetch_add(&sum, -pages);

	ASSERT(before >= pages);
}

/* ---- Address spaces ---- */

unsigned commit_flags(unsigned flags)
{
	/* Mode 2 has no exceptions. */
	if (READ_ONCE(commit_settings.mode) == COMMIT_NEVER)
		flags &= ~(unsigned)AREA_NORESERVE;
	if ((flags & (AREA_WRITE | AREA_SHARED | AREA_NORESERVE | AREA_HUGETLB)) == AREA_WRITE)
		flags |= AREA_ACCOUNT;
	return flags;
}

int commit_reserve(struct aspace *as, uint64_t pages, uint64_t request)
{
	int err = commit_take(pages, request);

	if (err == 0)
		as->charged += pages;
	return err;
}

void commit_settle(struct aspace *as)
{
	uint64_t surplus = as->charged - as->committed;

	ASSERT(as->charged >= as->committed);
	if (surplus == 0)
		return;
	as->charged = as->committed;
	commit_give(surplus);
}
