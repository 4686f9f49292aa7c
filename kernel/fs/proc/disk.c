// SPDX-License-Identifier: MIT
// Block devices in /proc, in Linux's formats: partitions, and diskstats with the 20 columns of
// Linux 5.5 (Documentation: admin-guide/iostats; times in ms).
#include "kernel/block.h"
#include "kernel/fs/proc/proc.h"
#include "kernel/time.h"

int show_partitions(struct seq *s, const struct proc_ref *ref)
{
	struct block_device *d = NULL;

	(void)ref;
	if (block_next(NULL))
		seq_puts(s, "major minor  #blocks  name\n\n");
	while ((d = block_next(d)) != NULL)
		seq_printf(s, "%4u  %7u %10ju %s\n", d->devno >> 20, d->devno & 0xfffff,
			   d->sectors / 2, d->name);
	return 0;
}

static uint64_t ms(uint64_t ns)
{
	return ns / NSEC_PER_MSEC;
}

/* Requests, merged ones (none: there is no merging), sectors, ms. */
static void operation(struct seq *s, const struct block_stats *st, enum block_op op)
{
	seq_printf(s, " %ju 0 %ju %ju", st->requests[op], st->sectors[op], ms(st->ns[op]));
}

int show_diskstats(struct seq *s, const struct proc_ref *ref)
{
	struct block_device *d = NULL;
	struct block_stats st;

	(void)ref;
	while ((d = block_next(d)) != NULL) {
		block_stats_get(d, &st);
		seq_printf(s, "%4u %7u %s", d->devno >> 20, d->devno & 0xfffff, d->name);
		operation(s, &st, BLOCK_READ);
		operation(s, &st, BLOCK_WRITE);
		seq_printf(s, " %u %ju %ju", st.in_flight, ms(st.busy_ns), ms(st.weighted_ns));
		operation(s, &st, BLOCK_DISCARD);
		seq_printf(s, " %ju %ju\n", st.requests[BLOCK_FLUSH], ms(st.ns[BLOCK_FLUSH]));
	}
	return 0;
}
