// SPDX-License-Identifier: MIT
/*
 * Flash in /proc: the partitions (mtd, in Linux's format) and what the swap store did to the one it lies on (swapstore, this kernel's
 * own: a name and a value a line, values exact so that programs can take differences).
 */
#include "kernel/fs/proc/proc.h"
#include "kernel/mtd.h"
#include "mm/reclaim.h"
#include "mm/store_stats.h"
#include "mm/swap.h"

int show_mtd(struct seq *s, const struct proc_ref *ref)
{
	const struct medium *m;

	(void)ref;
	seq_puts(s, "dev:    size   erasesize  name\n");
	for (unsigned i = 0; (m = mtd_get(i)) != NULL; i++)
		seq_printf(s, "mtd%u: %08jx %08x \"%s\"\n", i, m->size, m->erase_size, m->name);
	return 0;
}

/* a / b with two digits after the point; 0.00 when there is nothing to divide by. */
static void ratio(struct seq *s, const char *name, uint64_t a, uint64_t b)
{
	uint64_t hundredths = b ? a * 100 / b : 0;

	seq_printf(s, "%s %ju.%02u\n", name, hundredths / 100, (unsigned)(hundredths % 100));
}

static void segments(struct seq *s, const struct store_stats *st)
{
	seq_printf(s, "segment_bytes %u\nsegments %u\nsegments_free %u\nsegments_retired %u\n",
		   st->segment_size, st->segments, st->free_segments, st->retired_segments);
	seq_printf(s, "records_live %u\n", st->live_records);
	seq_printf(s, "erases %ju\nerase_count_min %u\nerase_count_max %u\n", st->erases,
		   st->erase_min, st->erase_max);
	ratio(s, "erase_count_avg", st->erase_sum, st->segments - st->retired_segments);
}

static void area(struct seq *s, const char *name, const struct store_stats *st)
{
	seq_printf(s, "medium %s\nencrypted %u\n", name, st->encrypted);
	segments(s, st);
	seq_printf(s, "records_packed %ju\n", st->records_packed);
	seq_printf(s, "bytes_in %ju\nbytes_programmed %ju\nbytes_cleaned %ju\n", st->bytes_in,
		   st->bytes_programmed, st->bytes_cleaned);
	ratio(s, "write_amplification", st->bytes_programmed, st->bytes_in);
	seq_printf(s, "bytes_programmed_ever %ju\n", st->bytes_ever);
	seq_printf(s, "records_moved %ju\n", st->records_moved);
	seq_printf(s, "checksum_failures %ju\nprogram_failures %ju\nerase_failures %ju\n",
		   st->crc_errors, st->program_failures, st->erase_failures);
}

int show_swapstore(struct seq *s, const struct proc_ref *ref)
{
	struct swap_area_stats a;
	unsigned i;

	(void)ref;
	for (i = 0; swap_area_stats(i, &a); i++)
		area(s, a.name, &a.store);
	if (i == 0)
		seq_puts(s, "medium none\n");
	return 0;
}
