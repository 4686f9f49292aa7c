// SPDX-License-Identifier: MIT
// What the log says of an OOM decision: who asked, the state of memory, every candidate with its
// score or why it is spared.
#include "kernel/log.h"
#include "mm/buddy.h"
#include "mm/lru.h"
#include "mm/oom/oom.h"
#include "mm/slab.h"
#include "mm/swap/slots.h"

#define KB(pages) ((uint64_t)(pages) << (PAGE_SHIFT - 10))

static void report_memory(void)
{
	struct lru_stats lru;
	struct swap_stats swap;

	lru_stats(&lru);
	swap_stats(&swap);
	log_warn("oom: free %ju KB of %ju KB (min %ju, low %ju, high %ju), slab %ju KB",
		 KB(frames_free()), KB(frames_total()), KB(watermarks.min), KB(watermarks.low),
		 KB(watermarks.high), KB(slab_frames()));
	log_warn("oom: anonymous %ju+%ju KB, files %ju+%ju KB (active+inactive), locked %ju KB",
		 KB(lru.active_anon), KB(lru.inactive_anon), KB(lru.active_file),
		 KB(lru.inactive_file), KB(lru.unevictable));
	if (swap.slots_total > 0)
		log_warn("oom: swap %ju of %ju KB used, %ju KB of it in RAM too",
			 swap.bytes_used / 1024, swap.bytes_total / 1024, KB(swap.cached));
	else
		log_warn("oom: no swap");
	if (swap.slots_total > 0 && !swap_accepts())
		log_warn("oom: swap takes nothing: full, failing, or its write budget is spent");
}

void oom_report(const struct oom_request *r, const struct oom_policy *p,
		const struct oom_candidate *c, unsigned n, int chosen)
{
	log_warn("oom: %s (%d) needs a frame (flags %#x) and none can be had; policy %s", r->name,
		 r->tid, r->alloc_flags, p->name);
	report_memory();
	log_warn("oom:    pid  resident   swapped tables   adj     score name (pages)");
	for (unsigned i = 0; i < n; i++)
		log_warn("oom: %6d %9ju %9ju %6ju %5d %9jd %s%s%s", c[i].pid, c[i].rss,
			 c[i].swapped, c[i].tables, c[i].adj, c[i].score, c[i].name,
			 c[i].exempt        ? ", spared: "
			 : (int)i == chosen ? " <-"
					    : "",
			 c[i].exempt ? c[i].exempt : "");
	if (chosen < 0)
		log_error("oom: nobody may be ended");
	else
		log_error("oom: ends %s (%d), %ju KB resident, %ju KB swapped%s", c[chosen].name,
			  c[chosen].pid, KB(c[chosen].rss), KB(c[chosen].swapped),
			  c[chosen].dying ? "; it was dying already" : "");
}
