// SPDX-License-Identifier: MIT
// Which policies there are, which is in force, and what several of them do. The linker collects the
// pointers that OOM_POLICY() defines.
#include "kernel/errno.h"
#include "kernel/lib/string.h"
#include "mm/oom/oom.h"

extern const struct oom_policy *const __start_oom_policies[], *const __stop_oom_policies[];
extern const struct oom_policy oom_policy_linux;

static const struct oom_policy *chosen = &oom_policy_linux;

const struct oom_policy *oom_policy(void)
{
	return READ_ONCE(chosen);
}

const char *oom_policy_name(unsigned i, bool *in_force)
{
	if (i >= (size_t)(__stop_oom_policies - __start_oom_policies))
		return NULL;
	*in_force = __start_oom_policies[i] == oom_policy();
	return __start_oom_policies[i]->name;
}

int oom_policy_choose(const char *name)
{
	for (const struct oom_policy *const *p = __start_oom_policies; p < __stop_oom_policies; p++)
		if (strcmp((*p)->name, name) == 0) {
			WRITE_ONCE(chosen, *p);
			return 0;
		}
	return -EINVAL;
}

/* 2 MB, of a program and its libraries */
#define TEXT_PAGES 512u

int64_t oom_size(const struct oom_candidate *c, uint64_t total)
{
	/* Of a program's text others have most as well, and an end may free none: a shell in the
	 * initramfs would go before a fork bomb's children. Who has more of objects' pages has
	 * them by itself. */
	uint64_t resident = c->rss - MIN(c->shared, TEXT_PAGES) * 3 / 4;

	return (int64_t)(resident + c->swapped + c->tables) + c->adj * (int64_t)total / 1000;
}

int oom_highest(const struct oom_candidate *c, unsigned n)
{
	int best = OOM_NOBODY;

	for (unsigned i = 0; i < n; i++) {
		if (c[i].exempt != NULL)
			continue;
		if (c[i].dying)
			return (int)i;
		if (best < 0 || c[i].score > c[best].score ||
		    (c[i].score == c[best].score && c[i].start_time > c[best].start_time))
			best = (int)i;
	}
	return best;
}
