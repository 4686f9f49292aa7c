// SPDX-License-Identifier: MIT
// What the out-of-memory policy (mm/oom.h) must know of control groups.
#include "kernel/cgroup.h"
#include "kernel/lib/string.h"
#include "mm/oom.h"

static void get(struct cgroup *g)
{
	(void)cgroup_get(g);
}

static bool holds(const struct cgroup *g, const struct process *p)
{
	return cgroup_is_below(p->cgroup, g);
}

/* Asked once for each decision, so it is counted here. */
static struct cgroup *unit(const struct process *p, const struct cgroup *top)
{
	struct cgroup *found = NULL;

	for (struct cgroup *g = p->cgroup; g != NULL && g->parent != NULL; g = g->parent) {
		if (READ_ONCE(g->memory.oom_group))
			found = g;
		if (g == top)
			break;
	}
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

static void describe(const struct cgroup *g, char *buf, size_t size)
{
	const struct memcg *m = &g->memory;
	size_t n = MIN((size_t)cgroup_path_locked(g, buf, size), size - 1);
	uint32_t max = READ_ONCE(m->max);
	unsigned kb = PAGE_SIZE / 1024;

	(void)format(buf + n, size - n,
		     max == MEMCG_NO_LIMIT ? ": %ju KB, swap %ju KB"
					   : ": %ju KB, swap %ju KB, max %ju KB",
		     (uint64_t)READ_ONCE(m->usage) * kb, (uint64_t)READ_ONCE(m->swap) * kb,
		     (uint64_t)max * kb);
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
		.describe = describe,
	};

	oom_set_groups(&groups);
}
