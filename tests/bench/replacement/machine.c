// SPDX-License-Identifier: MIT
/*
 * What surrounds mm/lru.c, scan.c, workingset.c and mm/replace/ in the kernel, as little of it as
 * the choice of pages needs: frames, an access flag for each, and an eviction that always succeeds.
 * Pages are anonymous, with room in swap for all.
 */
#include "tests/bench/replacement/machine.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/preempt.h"
#include "mm/buddy.h"
#include "mm/memcg.h"
#include "mm/replace/replace.h"
#include "mm/rmap.h"
#include "mm/slab.h"
#include "mm/swap/slots.h"
#include "mm/workingset.h"

#define NONE UINT32_MAX

struct page *mock_frames;
char *mock_ram;
struct cpu_local cpu_locals[NR_CPUS_MAX];
_Thread_local unsigned mock_cpu;

static struct task_hot running;
static unsigned nframes, nfree;
static uint32_t *frame_of, *shadow_of; /* by page; frame NONE: not resident. Shadow 0: never was */
static uint32_t *page_of;              /* by frame */
static uint8_t *young;
static struct page **free_frames;

/* ---- The rest of the kernel ---- */

void mock_relax(void) {}
void mock_barrier(void) {}
void mock_stores_ordered(void) {}
void mock_wait_event(void) {}
void preempt_schedule(void) {}
void reclaim_look_at_waiters(void) {}
void swap_cache_relax(struct page *p)
{
	(void)p;
}
void vm_count(enum vm_event e, unsigned n)
{
	(void)e, (void)n;
}
unsigned slab_reap(void)
{
	return 0;
}
bool swap_writable(void)
{
	return true;
}
void swap_stats(struct swap_stats *s)
{
	memset(s, 0, sizeof(*s));
}
uint32_t frames_total(void)
{
	return nframes;
}
void *kmalloc(size_t size, unsigned flags)
{
	(void)flags;
	return calloc(1, size);
}
void kfree(void *p)
{
	free(p);
}
void page_free(struct page *p, unsigned order)
{
	(void)p, (void)order;
}
struct page *page_alloc(unsigned flags)
{
	(void)flags;
	return NULL;
}
void panic(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vfprintf(stderr, fmt, args);
	va_end(args);
	abort();
}
void assert_failed(const char *what, int line)
{
	panic("assertion failed: %s:%d", what, line);
}
bool page_get_live(struct page *p)
{
	p->refs++;
	return true;
}
void page_put(struct page *p)
{
	p->refs--;
}
int rmap_test_clear_young(struct page *p, bool *locked)
{
	uint8_t *y = &young[page_to_pfn(p)];
	int was = *y;

	*locked = false;
	*y = 0;
	return was;
}
void evict_page(struct evict_batch *b, struct page *p)
{
	uint32_t page = page_of[page_to_pfn(p)];

	shadow_of[page] = workingset_evict(p);
	frame_of[page] = NONE;
	free_frames[nfree++] = p;
	b->freed++;
}
unsigned evict_finish(struct evict_batch *b)
{
	lru_put_back(b->keep, b->kept);
	b->kept = 0;
	return b->freed;
}

/* No groups. */
bool memcg_spares(unsigned id, const struct memcg *root, bool force)
{
	(void)id, (void)root, (void)force;
	return false;
}
unsigned memcg_isolate(struct memcg *m, struct page **pages, unsigned n, uint32_t *left)
{
	(void)m, (void)pages, (void)n;
	*left = 0;
	return 0;
}
void memcg_count_reclaim(struct memcg *m, unsigned scanned, unsigned stolen)
{
	(void)m, (void)scanned, (void)stolen;
}
uint32_t memcg_span(void)
{
	return nframes;
}

/* ---- The program ---- */

static void *renew(void *old, size_t n, size_t size)
{
	free(old);
	old = calloc(n, size);
	if (old == NULL)
		abort();
	return old;
}

void machine_reset(unsigned frames, uint32_t pages)
{
	for (uint32_t i = 0; i < nframes; i++)
		lru_remove(pfn_to_page(i));
	cpu_locals[0].current = (struct task *)&running;
	nframes = nfree = frames;
	mock_frames = renew(mock_frames, frames, sizeof(*mock_frames));
	young = renew(young, frames, sizeof(*young));
	page_of = renew(page_of, frames, sizeof(*page_of));
	free_frames = renew(free_frames, frames, sizeof(struct page *));
	frame_of = renew(frame_of, pages, sizeof(*frame_of));
	shadow_of = renew(shadow_of, pages, sizeof(*shadow_of));
	memset(frame_of, 0xff, pages * sizeof(*frame_of));
	for (uint32_t i = 0; i < frames; i++)
		free_frames[i] = pfn_to_page(i);
}

static void bring_in(uint32_t page)
{
	struct page *p;

	while (nfree == 0)
		if (reclaim_round(false) == 0 && reclaim_round(true) == 0)
			panic("nothing can be evicted\n");
	p = free_frames[--nfree];
	memset(p, 0, sizeof(*p));
	p->type = PAGE_ANON;
	p->flags = PAGE_DIRTY;
	p->refs = 1;
	frame_of[page] = page_to_pfn(p);
	page_of[page_to_pfn(p)] = page;
	if (shadow_of[page] != 0)
		(void)workingset_refault(p, shadow_of[page]);
	lru_add(p);
}

int machine_use(uint32_t page)
{
	int fault = frame_of[page] == NONE;

	if (fault)
		bring_in(page);
	young[frame_of[page]] = 1;
	return fault;
}
