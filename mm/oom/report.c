// SPDX-License-Identifier: MIT
// What is said of a decision: who asked for what, the state of memory, the groups concerned, every
// candidate with its score or why it is spared. Sums that are there are read, nothing is counted,
// nothing waits: a real-time task may wait for the decision.
#include "mm/buddy.h"
#include "mm/huge.h"
#include "mm/kmap.h"
#include "mm/lru.h"
#include "mm/object.h"
#include "mm/oom/oom.h"
#include "mm/pmap.h"
#include "mm/slab.h"
#include "mm/swap/slots.h"

static void report_swap(void)
{
	const char *why = swap_refusal();
	struct swap_stats swap;
	uint64_t day;
	int64_t left;

	swap_stats(&swap);
	if (swap.slots_total == 0) {
		oom_say(LOG_WARN, "oom: no swap");
		return;
	}
	swap_budget_figures(&day, &left);
	oom_say(LOG_WARN, "oom: swap %ju of %ju KB used, %ju KB of it in RAM too",
		swap.bytes_used / 1024, swap.bytes_total / 1024, KB(swap.cached));
	if (day != 0)
		oom_say(LOG_WARN, "oom: write budget %ju KB a day, %jd KB left", day / 1024,
			left / 1024);
	if (why)
		oom_say(LOG_WARN, "oom: swap takes nothing: %s", why);
}

/* What nobody's address space shows. */
static void report_kernel(const struct lru_stats *lru)
{
	struct swap_pool_stats packed;
	struct huge_stats huge;
	int64_t rest = (int64_t)frames_total() - frames_free();
	uint32_t tables = atomic_load(&table_frames), stacks = kstack_frames(),
		 slab = slab_frames(), pool;

	swap_pool_stats(&packed);
	huge_stats(&huge);
	pool = (uint32_t)huge.total << (HUGE_SHIFT - PAGE_SHIFT);
	rest -= (int64_t)lru->active_anon + lru->inactive_anon + lru->active_file +
		lru->inactive_file + lru->unevictable;
	rest -= (int64_t)packed.frames + pool + tables + stacks + slab;
	oom_say(LOG_WARN,
		"oom: tables %ju KB, stacks %ju, slab %ju, packed pages %ju, huge pages %ju; the rest, pipes and buffers, %ju",
		KB(tables), KB(stacks), KB(slab), KB(packed.frames), KB(pool), KB(MAX(rest, 0)));
}

static void report_memory(void)
{
	struct object_stats caches;
	struct lru_stats lru;

	lru_stats(&lru);
	object_stats(&caches);
	oom_say(LOG_WARN,
		"oom: free %ju KB of %ju KB, all one zone (min %ju, of it real-time %ju, low %ju, high %ju)",
		KB(frames_free()), KB(frames_total()), KB(watermarks.min), KB(watermarks.rt),
		KB(watermarks.low), KB(watermarks.high));
	oom_say(LOG_WARN,
		"oom: anonymous %ju+%ju KB, files %ju+%ju KB (active+inactive), locked %ju KB",
		KB(lru.active_anon), KB(lru.inactive_anon), KB(lru.active_file),
		KB(lru.inactive_file), KB(lru.unevictable));
	oom_say(LOG_WARN,
		"oom: of these tmpfs and shared memory %ju KB, dirty %ju KB, being written %ju KB",
		KB(caches.shmem), KB(caches.dirty), KB(caches.writing));
	report_kernel(&lru);
	report_swap();
}

void oom_report_groups(const struct cgroup *g, const struct cgroup *top)
{
	char text[128];

	while (oom_groups != NULL && g != top && oom_groups->describe(&g, text, sizeof(text)))
		oom_say(LOG_WARN, "oom: group %s", text);
}

static void report_request(const struct oom_request *r, const struct oom_policy *p)
{
	unsigned order = r->alloc_flags >> ALLOC_ORDER_SHIFT;

	if (r->why == OOM_THRASHING)
		oom_say(LOG_WARN, "oom: %s (%d): nobody gets on for paging (thrashing); policy %s",
			r->name, r->tid, p->name);
	else
		oom_say(LOG_WARN,
			"oom: %s (%d) needs %ju KB for %s (order %u, flags %#x) and %s; policy %s",
			r->name, r->tid, KB(1) << order,
			r->alloc_flags & ALLOC_USER ? "its program" : "the kernel", order,
			r->alloc_flags % (1u << ALLOC_ORDER_SHIFT),
			r->group != NULL ? "its group may have no more" : "none can be had",
			p->name);
	oom_report_groups(r->group, NULL);
}

static void report_left_out(const struct oom_left_out *left)
{
	for (unsigned exempt = 0; exempt < 2; exempt++)
		if (left->processes[exempt] > 0)
			oom_say(LOG_WARN, "oom: and %u more %s, %ju pages", left->processes[exempt],
				exempt ? "that are spared" : "with lower scores",
				left->pages[exempt]);
}

void oom_report(const struct oom_request *r, const struct oom_policy *p,
		const struct oom_candidate *c, unsigned n, const struct oom_left_out *left,
		int chosen)
{
	report_request(r, p);
	report_memory();
	oom_say(LOG_WARN,
		"oom:    pid  resident   swapped tables   adj     score group name (pages)");
	for (unsigned i = 0; i < n; i++)
		oom_say(LOG_WARN, "oom: %6d %9ju %9ju %6ju %5d %9jd %s %s%s%s", c[i].pid, c[i].rss,
			c[i].swapped, c[i].tables, c[i].adj, c[i].score, c[i].group, c[i].name,
			c[i].exempt        ? ", spared: "
			: (int)i == chosen ? " <-"
					   : "",
			c[i].exempt ? c[i].exempt : "");
	report_left_out(left);
	if (chosen == OOM_RESTART)
		oom_say(LOG_ERROR, "oom: the machine restarts");
	else if (chosen < 0)
		oom_say(LOG_ERROR, "oom: nobody may be ended");
	else
		oom_say(LOG_ERROR, "oom: ends %s (%d), %ju KB resident, %ju KB swapped%s",
			c[chosen].name, c[chosen].pid, KB(c[chosen].rss), KB(c[chosen].swapped),
			c[chosen].dying ? "; it was dying already" : "");
}
