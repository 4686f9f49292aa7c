// SPDX-License-Identifier: MIT
// For products whose priorities say what matters: the least urgent process goes, of equals the one
// that has most. A process is as urgent as its most urgent thread.
#include "mm/oom/oom.h"

#define SIZE_BITS 40 /* pages and their adjustment are less than half of this */

static int64_t score(const struct oom_candidate *c, uint64_t total)
{
	return oom_size(c, total) - ((int64_t)c->urgency << SIZE_BITS);
}

OOM_POLICY(priority) = { "priority", score, oom_highest };
