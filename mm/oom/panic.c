// SPDX-License-Identifier: MIT
// For products that would rather begin anew than go on without a part of themselves: the machine
// restarts. A group's limit is no reason for that: there the largest goes.
#include "mm/oom/oom.h"

static int decide(const struct oom_candidate *c, unsigned n)
{
	(void)c, (void)n;
	return OOM_RESTART;
}

OOM_POLICY(panic) = { "panic", oom_size, decide };
