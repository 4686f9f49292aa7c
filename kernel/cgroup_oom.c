// SPDX-License-Identifier: MIT
// What the out-of-memory policy (mm/oom.h) must know of control groups.
#include "kernel/cgroup.h"
#include "kernel/lib/string.h"
#include "mm/oom.h"

#define KB(pages)  ((uint64_t)(pages) << (PAGE_SHIFT - 10))
#define PATH_SHOWN 48 /* bytes of a group's path */

static void get(struct cgroup *g)
{
	(void)cgroup_get(g);
}

static bool holds(const struct cgroup *g, const struct process *p)
{
	return cgroup_is_below(p->cgroup, g);
}

/* Asked once for each decision, so it is counted here. NULL, too, for a process that has been moved
 * out of top meanwhile. */
static struct cgroup *unit(const struct process *p, const struct cgroup *top)
{
	struct cgroup *found = NULL, *g;

	for (g = p->cgroup; g != NULL && g->parent != NULL; g = g->parent) {
		if (READ_ONCE(g->memory.oom_group))
			found = g;
		if (g == top)
			break;
	}
	if (top != NULL && g != top)
		return NULL;
	if (found != NULL)
		memcg_count_event(&found->memory, MEMCG_OOM_GROUP_KILL);
	return found;
}

static void killed(struct process *p)
{
	struct cgroup *g = p->cgroup;

	while (g != NULL && g->memory.id == 0)
		g = g->parent;
	if (g != NULL)
		memcg_count_event(&g->memory, MEMCG_OOM_KILL);
}

static uint64_t limit(const struct cgroup *g)
{
	uint32_t max = READ_ONCE(g->memory.max), swap = READ_ONCE(g->memory.swap_max);

	return swap == MEMCG_NO_LIMIT ? max : (uint64_t)max + swap;
}

static uint64_t room(const struct cgroup *g)
{
	uint32_t max = READ_ONCE(g->memory.max), usage = READ_ONCE(g->memory.usage);

	return max - MIN(usage, max);
}

static void path(const struct process *p, char *buf, size_t size)
{
	(void)cgroup_path_locked(p->cgroup, buf, size);
}

static bool describe(const struct cgroup **at, char *buf, size_t size)
{
	static const char *const names[] = { "min", "low", "high", "max", "swap.high", "swap.max" };
	const struct cgroup *g = *at;
	const struct memcg *m;
	size_t n;

	while (g != NULL && g->memory.id == 0)
		g = g->parent;
	if (g == NULL)
		return false;
	*at = g->parent;
	m = &g->memory;
	n = MIN((size_t)cgroup_path_locked(g, buf, PATH_SHOWN), (size_t)PATH_SHOWN - 1);
	n += (size_t)format(buf + n, size - n, ": %ju KB, swap %ju KB", KB(READ_ONCE(m->usage)),
			    KB(READ_ONCE(m->swap)));
	for (unsigned i = 0; i < ARRAY_SIZE(names); i++) {
		const uint32_t limits[ARRAY_SIZE(names)] = { m->min, m->low,       m->high,
							     m->max, m->swap_high, m->swap_max };

		if (limits[i] != (i < 2 ? 0 : MEMCG_NO_LIMIT))
			n += (size_t)format(buf + MIN(n, size), size - MIN(n, size), ", %s %ju",
					    names[i], KB(limits[i]));
	}
	return true;
}

void cgroup_oom_init(void)
{
	static const struct oom_groups groups = {
		.get = get,
		.put = cgroup_put,
		.holds = holds,
		.unit = unit,
		.killed = killed,
		.limit = limit,
		.room = room,
		.path = path,
		.describe = describe,
	};

	oom_set_groups(&groups);
}
