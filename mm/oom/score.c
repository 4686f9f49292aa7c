// SPDX-License-Identifier: MIT
/*
 * The default policy: Linux's measure. A process scores what its end would give back (resident,
 * swapped and table pages) plus oom_score_adj thousandths of all memory. The highest score is
 * ended; a process that is dying anyway goes before all others, as letting it finish costs
 * nobody anything.
 */
#include "mm/oom/oom.h"

static int64_t linux_score(const struct oom_candidate *c, uint64_t total)
{
	return (int64_t)(c->rss + c->swapped + c->tables) + c->adj * (int64_t)total / 1000;
}

static int linux_decide(const struct oom_candidate *c, unsigned n)
{
	int best = -1;

	for (unsigned i = 0; i < n; i++) {
		if (c[i].exempt != NULL)
			continue;
		if (c[i].dying)
			return (int)i;
		/* At equal scores the younger one. */
		if (best < 0 || c[i].score > c[best].score ||
		    (c[i].score == c[best].score && c[i].start_time > c[best].start_time))
			best = (int)i;
	}
	return best;
}

const struct oom_policy oom_policy_linux = { "linux", linux_score, linux_decide };
