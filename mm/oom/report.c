// SPDX-License-Identifier: MIT
// What is said of a decision: who asked, the state of memory, every candidate with its score or why it is spared.
#include "mm/buddy.h"
#include "mm/lru.h"
#include "mm/oom/oom.h"
#include "mm/slab.h"
#include "mm/swap/slots.h"

#define KB(pages) ((uint64_t)(pages) << (PAGE_SHIFT - 10))

static void report_swap(void)
{
	const char *why = swap_refusal();
	struct swap_stats swap;

	swap_stats(&swap);
	if (swap.slots_total == 0) {
		oom_say(LOG_WARN, "oom: no swap");
		return;
	}
	oom_say(LOG_WARN, "oom: swap %ju of %ju KB used, %ju KB of it in RAM too",
		swap.bytes_used / 1024, swap.bytes_total / 1024, KB(swap.cached));
	if (why)
		oom_say(LOG_WARN, "oom: swap takes nothing: %s", why);
}

static void report_memory(void)
{
	struct lru_stats lru;

	lru_stats(&lru);
	oom_say(LOG_WARN, "oom: free %ju KB of %ju KB (min %ju, low %ju, high %ju), slab %ju KB",
		KB(frames_free()), KB(frames_total()), KB(watermarks.min), KB(watermarks.low),
		KB(watermarks.high), KB(slab_frames()));
	oom_say(LOG_WARN,
		"oom: anonymous %ju+%ju KB, files %ju+%ju KB (active+inactive), locked %ju KB",
		KB(lru.active_anon), KB(lru.inactive_anon), KB(lru.active_file),
		KB(lru.inactive_file), KB(lru.unevictable));
	report_swap();
}

static void report_request(const struct oom_request *r, const struct oom_policy *p)
{
	char text[128];

	if (r->why == OOM_THRASHING)
		oom_say(LOG_WARN, "oom: %s (%d): nobody gets on for paging (thrashing); policy %s",
			r->name, r->tid, p->name);
	else
		oom_say(LOG_WARN, "oom: %s (%d) needs a frame (flags %#x) and %s; policy %s",
			r->name, r->tid, r->alloc_flags,
			r->group != NULL ? "its group may have no more" : "none can be had",
			p->name);
	if (r->group == NULL)
		return;
	oom_groups->describe(r->group, text, sizeof(text));
	oom_say(LOG_WARN, "oom: group %s", text);
}

void oom_report(const struct oom_request *r, const struct oom_policy *p,
		const struct oom_candidate *c, unsigned n, unsigned seen, int chosen)
{
	report_request(r, p);
	report_memory();
	oom_say(LOG_WARN, "oom:    pid  resident   swapped tables   adj     score name (pages)");
	for (unsigned i = 0; i < n; i++)
		oom_say(LOG_WARN, "oom: %6d %9ju %9ju %6ju %5d %9jd %s%s%s", c[i].pid, c[i].rss,
			c[i].swapped, c[i].tables, c[i].adj, c[i].score, c[i].name,
			c[i].exempt        ? ", spared: "
			: (int)i == chosen ? " <-"
					   : "",
			c[i].exempt ? c[i].exempt : "");
	if (seen > n)
		oom_say(LOG_WARN, "oom: and %u more, spared or with lower scores", seen - n);
	if (chosen == OOM_RESTART)
		oom_say(LOG_ERROR, "oom: the machine restarts");
	else if (chosen < 0)
		oom_say(LOG_ERROR, "oom: nobody may be ended");
	else
		oom_say(LOG_ERROR, "oom: ends %s (%d), %ju KB resident, %ju KB swapped%s",
			c[chosen].name, c[chosen].pid, KB(c[chosen].rss), KB(c[chosen].swapped),
			c[chosen].dying ? "; it was dying already" : "");
}
