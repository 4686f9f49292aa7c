// SPDX-License-Identifier: MIT
// /proc/lock_stat: what kernel/lock_stat.c knows: a line for each place, then the sums of these
// lines for each kind of lock (others wait while they are written: the sums are of what was shown);
// then, where the kernel counts them, what kernel/lock_hold.c knows of each class of spin locks.
// Writing 0 forgets everything.
#include "kernel/lock_stat.h"

#include "kernel/fs/proc/proc.h"
#include "kernel/lock_hold.h"
#include "kernel/lock.h"

static void show_waits(struct seq *s, const char *name, const struct lock_waits *w)
{
	seq_printf(s, "%-5s  %8ju  %12ju  %10ju", name, w->waits, w->ns, w->longest);
}

static void show_times(struct seq *s, const struct lock_times *t)
{
	seq_printf(s, "%8ju  %8ju  %8ju  %12ju  ", t->count, t->least, t->most, t->sum);
}

static void show_classes(struct seq *s)
{
	struct lock_class c;

	seq_puts(
		s,
		"\n   waits  ns least   ns most     ns in all     holds  ns least   ns most     ns in all  class\n");
	for (unsigned i = 0; lock_class_get(i, &c); i++) {
		if (!c.name || c.holds.count == 0)
			continue;
		show_times(s, &c.waits);
		show_times(s, &c.holds);
		seq_printf(s, "%s\n", c.name);
	}
}

int show_lock_stat(struct seq *s, const struct proc_ref *ref)
{
	static const char *const names[LOCK_KINDS] = { "spin", "mutex" };
	struct lock_waits sums[LOCK_KINDS] = { 0 }, w;

	(void)ref;
	seq_puts(s, "lock      waits     ns in all  ns longest  taken at          called from\n");
	for (unsigned i = 0; lock_waits(i, &w); i++) {
		struct lock_waits *sum = &sums[w.kind];

		if (w.waits == 0)
			continue;
		show_waits(s, names[w.kind], &w);
		seq_printf(s, "  %016jx  %016jx\n", (uint64_t)w.site, (uint64_t)w.caller);
		sum->waits += w.waits;
		sum->ns += w.ns;
		sum->longest = MAX(sum->longest, w.longest);
	}
	for (unsigned kind = 0; kind < LOCK_KINDS; kind++) {
		show_waits(s, names[kind], &sums[kind]);
		seq_puts(s, "  in all\n");
	}
	if (LOCK_HOLDS)
		show_classes(s);
	return 0;
}

static void all_reset(void)
{
	lock_waits_reset();
	lock_classes_reset();
}

int store_lock_stat(const struct proc_ref *ref, char *text, size_t n)
{
	(void)ref, (void)n;
	return proc_store_reset(text, LOCK_HOLDS ? all_reset : lock_waits_reset);
}
