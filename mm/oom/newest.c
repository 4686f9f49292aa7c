// SPDX-License-Identifier: MIT
// For systems that ran well until somebody began to grow: who took a new page last while memory was
// short goes. Who has taken none comes after all who have.
#include "mm/oom/oom.h"

static int64_t score(const struct oom_candidate *c, uint64_t total)
{
	(void)total;
	return (int64_t)c->grew;
}

OOM_POLICY(newest) = { "newest", score, oom_highest };
