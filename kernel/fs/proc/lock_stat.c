// SPDX-License-Identifier: MIT
// /proc/lock_stat: what kernel/lock_stat.c knows: a line for each kind of lock with the sums, then one for each place. Writing 0 forgets everything.
#include "kernel/lock_stat.h"

#include "kernel/fs/proc/proc.h"

static void show_sum(struct seq *s, enum lock_kind kind, const char *name)
{
	uint64_t waits = 0, ns = 0, longest = 0;
	struct lock_waits w;

	for (unsigned i = 0; lock_waits(i, &w); i++) {
		if (w.kind != kind)
			continue;
		waits += w.waits;
		ns += w.ns;
		longest = MAX(longest, w.longest);
	}
	seq_printf(s, "%-5s  %8ju  %12ju  %10ju\n", name, waits, ns, longest);
}

int show_lock_stat(struct seq *s, const struct proc_ref *ref)
{
	static const char *const names[LOCK_KINDS] = { "spin", "mutex" };
	struct lock_waits w;

	(void)ref;
	seq_puts(s, "lock      waits     ns in all  ns longest  taken at          called from\n");
	for (unsigned kind = 0; kind < LOCK_KINDS; kind++)
		show_sum(s, (enum lock_kind)kind, names[kind]);
	for (unsigned i = 0; lock_waits(i, &w); i++)
		if (w.waits > 0)
			seq_printf(s, "%-5s  %8ju  %12ju  %10ju  %016jx  %016jx\n", names[w.kind],
				   w.waits, w.ns, w.longest, (uint64_t)w.site, (uint64_t)w.caller);
	return 0;
}

int store_lock_stat(const struct proc_ref *ref, char *text, size_t n)
{
	(void)ref, (void)n;
	return proc_store_reset(text, lock_waits_reset);
}
