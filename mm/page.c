// SPDX-License-Identifier: MIT
/*
 * What concerns one frame: its references, the frame of zeroes, and waiting for its contents.
 *
 * Waiting: few pages are being read at any time, so the waiters share a handful of queues, chosen
 * by frame number. A wake-up for another page of the same queue costs a look at the flag.
 */
#include "mm/page.h"

#include "kernel/log.h"
#include "kernel/psi.h"
#include "kernel/sched.h"
#include "kernel/waitq.h"
#include "mm/frames.h"
#include "mm/lru.h"
#include "mm/swap.h"

#define QUEUES 16

static struct waitq queues[QUEUES];

struct page *zero_page;
uint32_t table_frames;

void page_init(void)
{
	for (unsigned i = 0; i < QUEUES; i++)
		waitq_init(&queues[i]);
	zero_page = page_alloc(ALLOC_ZERO | ALLOC_NOWAIT | ALLOC_RESERVE);
	if (zero_page == NULL)
		panic("memory: no frame for the zero page");
	zero_page->type = PAGE_ANON;
}

bool page_get_live(struct page *p)
{
	uint32_t refs = atomic_load(&p->refs);

	while (refs != 0)
		if (atomic_compare_exchange(&p->refs, &refs, refs + 1))
			return true;
	return false;
}

/* Frees a table. pmap says when it is empty. */
static void table_release(struct page *p)
{
	atomic_dec(&table_frames);
	if (p->flags & PAGE_ZEROED)
		page_free_zeroed(p);
	else
		page_free(p, 0);
}

/* Is p, which nobody holds any more, neither an ordinary page of user memory nor the kernel's? */
static inline bool page_is_special(const struct page *p)
{
	return p->type == PAGE_TABLE || page_flag(p, PAGE_HUGETLB);
}

static __attribute__((noinline)) void special_release(struct page *p)
{
	if (p->type == PAGE_TABLE)
		table_release(p);
	else
		hugetlb_put(p);
}

/* Returns p, which is about to be free. */
static inline struct page *page_unused(struct page *p)
{
	ASSERT(p != zero_page);
	ASSERT(p->rmap == 0 || p->type == PAGE_KERNEL);
	return p;
}

/* Nobody holds p any more, so no one else changes it: not even the daemon, which takes a live
 * reference first. */
static void page_release(struct page *p)
{
	if (page_flag(p, PAGE_LRU)) {
		lru_remove(p);
	} else if (page_is_special(p)) {
		special_release(p);
		return;
	}
	page_free(page_unused(p), 0);
}

void page_put(struct page *p)
{
	uint32_t refs = atomic_dec(&p->refs);

	ASSERT(refs != UINT32_MAX);
	if (refs == 0)
		page_release(p);
	else if (refs == 1 && page_flag(p, PAGE_SWAPCACHE))
		swap_cache_trim(
			p); /* p may be gone by now: trim looks again, under the slot's lock */
}

void page_put_batch(struct page **pages, unsigned n)
{
	unsigned last = 0;

	for (unsigned i = 0; i < n; i++) {
		struct page *p = pages[i];
		uint32_t refs = atomic_load(&p->refs);

		if (refs != 0) /* else page_claim_last() has dropped it */
			refs = atomic_dec(&p->refs);
		if (refs == 0 && unlikely(page_is_special(p)))
			special_release(p);
		else if (refs == 0)
			pages[last++] = page_unused(p);
		else if (refs == 1 && page_flag(p, PAGE_SWAPCACHE))
			swap_cache_trim(p);
	}
	lru_remove_batch(pages, last);
	page_free_batch(pages, last);
}

static struct waitq *queue_of(const struct page *p)
{
	return &queues[page_to_pfn(p) % QUEUES];
}

int page_wait_reading(struct page *p, const void *of)
{
	/* A page that comes back is waited for for want of memory. */
	bool comes_back = p->type == PAGE_ANON || page_flag(p, PAGE_WORKINGSET);
	bool memory = comes_back && psi_memory_begin(), io = psi_io_begin();
	int err;

	sched_wait_page(p, of);
	err = wait_event(queue_of(p), !page_flag(p, PAGE_READING), WAIT_KILLABLE, WAIT_FOREVER);
	sched_wait_page(NULL, NULL);
	hw_rmb(); /* the contents after the flag; pairs with the release in page_end_reading */
	psi_io_end(io);
	psi_memory_end(memory);
	return err;
}

void page_end_reading(struct page *p, bool failed)
{
	ASSERT(page_flag(p, PAGE_READING));
	if (failed)
		page_set_flag(p, PAGE_ERROR);
	atomic_fetch_and_release(&p->flags, (uint16_t)~PAGE_READING);
	waitq_wake_all(queue_of(p));
}

void page_wait_written(struct page *p)
{
	bool io = psi_io_begin();

	(void)wait_event(queue_of(p), !page_flag(p, PAGE_WRITEBACK), WAIT_UNINTERRUPTIBLE,
			 WAIT_FOREVER);
	psi_io_end(io);
}

void page_end_writing(struct page *p)
{
	ASSERT(page_flag(p, PAGE_WRITEBACK));
	atomic_fetch_and_release(&p->flags, (uint16_t)~PAGE_WRITEBACK);
	waitq_wake_all(queue_of(p));
}
