// SPDX-License-Identifier: MIT
// The memory controller's files: limits, events, figures. mm/memcg.h has what is behind them.
#include "kernel/cgroup.h"
#include "kernel/errno.h"
#include "kernel/fs/proc/cgroup.h"
#include "kernel/lib/string.h"
#include "mm/kmap.h"
#include "mm/swap.h"

/* Bytes with K, M, G ... behind them, in whole pages; max: "max" is one. 0 or -EINVAL. */
static int parse_pages(char *text, bool max, uint32_t *pages)
{
	uint64_t bytes;
	const char *end;

	text = proc_strip(text);
	*pages = MEMCG_NO_LIMIT;
	if (max && strcmp(text, "max") == 0)
		return 0;
	if (parse_size(text, &end, &bytes) || *end)
		return -EINVAL;
	*pages = (uint32_t)MIN(bytes >> PAGE_SHIFT, (uint64_t)MEMCG_NO_LIMIT);
	return 0;
}

int store_memory_limit(const struct proc_ref *ref, char *text, size_t n)
{
	struct memcg *m = &ref->cgroup->memory;
	uint32_t *limit = cgroup_number(ref), pages;

	(void)n;
	if (parse_pages(text, true, &pages))
		return -EINVAL;
	if (!memcg_pin(m))
		return -ENODEV;
	memcg_set_limit(m, limit, pages);
	if (limit == &m->max || limit == &m->high)
		memcg_enforce(m);
	memcg_unpin(m);
	return 0;
}

int store_memory_reclaim(const struct proc_ref *ref, char *text, size_t n)
{
	struct memcg *m = &ref->cgroup->memory;
	uint32_t pages;
	int err;

	(void)n;
	if (parse_pages(text, false, &pages))
		return -EINVAL;
	if (!memcg_pin(m))
		return -ENODEV;
	err = memcg_reclaim(m, pages);
	memcg_unpin(m);
	return err;
}

/* Any of them: who polls one of the three files looks once too often now and then. */
uint32_t memory_version(const struct memcg *m)
{
	uint32_t sum = 0;

	for (unsigned i = 0; i < MEMCG_EVENTS; i++)
		sum += READ_ONCE(m->events[i]);
	return sum;
}

int show_memory_stat(struct seq *s, const struct proc_ref *ref)
{
	const struct memcg *m = ref->cgroup->parent ? &ref->cgroup->memory : NULL;
	static const char events[] = "pgscan %ju\npgsteal %ju\npgfault %ju\npgmajfault %ju\n";
	struct memcg_stat st;

	memcg_stat(m, &st);
	if (!m)
		st.kernel_stack = kstack_frames();
	st.kernel += st.kernel_stack + st.pagetables + st.slab;
	cgroup_show_lines(s,
			  "anon\0file\0kernel_stack\0pagetables\0shmem\0file_mapped\0file_dirty\0"
			  "file_writeback\0swapcached\0inactive_anon\0active_anon\0inactive_file\0"
			  "active_file\0unevictable\0slab\0kernel\0",
			  &st.anon, PAGE_SIZE);
	if (m)
		seq_printf(s, events, (uint64_t)m->scanned, (uint64_t)m->stolen, m->faults,
			   m->major_faults);
	else
		seq_printf(s, events, vm_events(VM_PGSCAN), vm_events(VM_PGSTEAL),
			   vm_events(VM_PGFAULT), vm_events(VM_PGMAJFAULT));
	return 0;
}
