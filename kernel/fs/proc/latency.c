// SPDX-License-Identifier: MIT
/*
 * /proc/latency: what kernel/latency.c knows, in two tables with a head line each: the longest
 * delays (a place that is 0 is in user mode, or the interrupt is all that is known; granule.elf has
 * the names of the others), and how late real-time tasks ran after their sleeps. Writing 0 forgets
 * everything. /proc/sys/kernel/latency_sample_ns: the mean time between samples.
 */
#include "kernel/latency.h"

#include "kernel/cred.h"
#include "kernel/fs/proc/proc.h"

static void show_delays(struct seq *s, unsigned cpu, enum latency_kind kind)
{
	struct latency_delay d;

	for (unsigned i = 0; latency_delay(cpu, kind, i, &d); i++)
		seq_printf(s, "%3u  %-11s %10ju  %016jx  %016jx  %8ju.%06u  %d/%s\n", cpu,
			   kind == LATENCY_IRQS_OFF ? "irqs_off" : "preempt_off", d.ns,
			   (uint64_t)d.site, (uint64_t)d.caller, (uint64_t)(d.when / NSEC_PER_SEC),
			   (unsigned)(d.when % NSEC_PER_SEC / NSEC_PER_USEC), d.tid, d.name);
}

static void show_wakeups(struct seq *s)
{
	struct latency_wakeups w;

	seq_puts(s, "\n    worst  late by less than, ns:");
	for (unsigned b = 0; b + 1 < LATENCY_BUCKETS; b++)
		seq_printf(s, " %7u", 256u << b);
	seq_puts(s, "    more  prio  task\n");
	for (unsigned i = 0; latency_wakeups(i, &w); i++) {
		seq_printf(s, "%9ju  %22s", w.worst, "");
		for (unsigned b = 0; b < LATENCY_BUCKETS; b++)
			seq_printf(s, " %7u", w.bucket[b]);
		seq_printf(s, "  %4d  %d/%s%s\n", w.prio, w.tid, w.name, w.task ? "" : " (ended)");
	}
}

int show_latency(struct seq *s, const struct proc_ref *ref)
{
	(void)ref;
	seq_puts(s, "cpu  delay of           ns  ended at          called from           at second"
		    "  task\n");
	for (unsigned cpu = 0; cpu < NR_CPUS_MAX; cpu++)
		for (unsigned kind = 0; kind < LATENCY_KINDS; kind++)
			show_delays(s, cpu, (enum latency_kind)kind);
	show_wakeups(s);
	return 0;
}

static int parse(char *text, int64_t *value)
{
	return current_capable(CAP_SYS_ADMIN) ? proc_parse_int(text, value) : -EPERM;
}

int proc_store_reset(char *text, void (*forget)(void))
{
	int64_t v = 0;
	int err = parse(text, &v);

	if (err == 0 && v != 0)
		err = -EINVAL;
	if (err == 0)
		forget();
	return err;
}

int store_latency(const struct proc_ref *ref, char *text, size_t n)
{
	(void)ref, (void)n;
	return proc_store_reset(text, latency_reset);
}

int show_latency_sample(struct seq *s, const struct proc_ref *ref)
{
	(void)ref;
	seq_printf(s, "%ju\n", latency_sampling());
	return 0;
}

int store_latency_sample(const struct proc_ref *ref, char *text, size_t n)
{
	int64_t v = 0;
	int err = parse(text, &v);

	(void)ref, (void)n;
	return err < 0 ? err : v < 0 ? -EINVAL : latency_set_sampling((uint64_t)v);
}
