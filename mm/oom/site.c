// SPDX-License-Identifier: MIT
// mm/oom_site.h: OOM in every allocation, for tests of debug kernels.
#ifdef OOM_SITES
#include "mm/oom_site.h"

#include "kernel/process.h"
#include "mm/buddy.h"
#include "mm/oom/oom.h"

#define ADJ_LEAST 999
#define DEPTH     5 /* return addresses that make a path */
/* bits of the filter: of some hundred paths, few are taken for one that was met */
#define PATHS 8192

static struct {
	uint64_t seen[PATHS / 64]; /* atomic words */
	unsigned met;
	bool armed; /* atomic */
} sites;

void oom_site_arm(void)
{
	atomic_store(&sites.armed, true);
}

bool oom_site_armed(unsigned *met)
{
	*met = READ_ONCE(sites.met);
	return atomic_load(&sites.armed);
}

/* A number for the callers' return addresses: a frame record is the caller's and the return address
 * (AAPCS64, 6.4.6 "The Frame Pointer"); 0 ends them. */
static uint64_t path(void)
{
	const uintptr_t *record = __builtin_frame_address(0);
	uint64_t sum = 0;

	for (unsigned i = 0; i < DEPTH && record != NULL; i++) {
		sum = (sum ^ record[1]) * 0x9e3779b97f4a7c15;
		record = (const uintptr_t *)record[0];
	}
	return sum >> 32;
}

/* Was the running task's way to here met for the first time? */
static bool is_new(void)
{
	uint64_t bit = path() % PATHS, mask = (uint64_t)1 << bit % 64;

	return !(atomic_fetch_or(&sites.seen[bit / 64], mask) & mask);
}

bool oom_site(unsigned alloc_flags)
{
	struct task *t = current();

	if (likely(!READ_ONCE(sites.armed)) || (alloc_flags & ALLOC_NOWAIT) || t->process == NULL ||
	    t->memory_reserve || t->oom_victim || t->process->oom_score_adj < ADJ_LEAST)
		return false;
	if (!is_new() || !atomic_exchange(&sites.armed, false))
		return false;
	sites.met++;
	(void)oom_ask_and_wait(OOM_TEST, alloc_flags, NULL);
	return READ_ONCE(t->oom_victim);
}
#endif
