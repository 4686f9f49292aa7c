// SPDX-License-Identifier: MIT
/*
 * Flash in /proc: the partitions (mtd, in Linux's format); what the swap stores did to what they
 * lie on (swapstore, this kernel's own: a name and a value a line, values exact so that programs
 * can take differences) and how worn each segment is (swapstore_map, a line each); what they may
 * write (sys/vm/swap_budget, swap_burst).
 */
#include "kernel/cred.h"
#include "kernel/fs/proc/proc.h"
#include "kernel/mtd.h"
#include "kernel/swap_budget.h"
#include "kernel/time.h"
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

/* May the running task set what may be written? Takes the line's end off. 0 or -EPERM. */
static int setting_check(char *text, size_t n)
{
	if (!current_capable(CAP_SYS_ADMIN))
		return -EPERM;
	while (n > 0 && text[n - 1] == '\n')
		text[--n] = 0;
	return 0;
}

/* ---- /proc/swapstore ---- */

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
	seq_printf(s, "discards %ju\n", st->discards);
	seq_printf(s, "erases %ju\nerase_count_min %u\nerase_count_max %u\n", st->erases,
		   st->erase_min, st->erase_max);
	ratio(s, "erase_count_avg", st->erase_sum, st->segments - st->retired_segments);
}

/* Whole days that `bytes` last when so many are written a day; "-" when nothing is. */
static void days(struct seq *s, const char *name, uint64_t bytes, uint64_t a_day)
{
	if (a_day == 0)
		seq_printf(s, "%s -\n", name);
	else
		seq_printf(s, "%s %ju\n", name, bytes / a_day);
}

/* Wear levelling, ours or a disk's own, brings all segments to the most that one may have, so the
 * most worn one tells what is left of all. */
static void lifetime(struct seq *s, const struct store_stats *st)
{
	uint64_t day = 24 * 60 * 60, seconds = MAX(st->recent_ns / NSEC_PER_SEC, (uint64_t)1);
	uint64_t rate = st->recent_bytes * day / seconds;
	uint64_t erases = st->rated_cycles - MIN(st->rated_cycles, st->erase_max);
	uint64_t left = erases * (st->segments - st->retired_segments) * st->segment_size;

	seq_printf(s, "wear_spread %u\nrated_cycles %u\nbytes_per_day %ju\n",
		   st->erase_max - st->erase_min, st->rated_cycles, rate);
	days(s, "lifetime_days", left, rate);
	days(s, "lifetime_days_at_budget", left, st->budget_day);
}

static void budget(struct seq *s, const struct store_stats *st)
{
	seq_printf(s, "budget_bytes_per_day %ju\n", st->budget_day);
	if (st->budget_day == 0)
		seq_puts(s, "budget_burst -\nbudget_left -\n");
	else
		seq_printf(s, "budget_burst %ju\nbudget_left %jd\n", st->budget_burst,
			   st->budget_left);
	seq_printf(s, "budget_spent %u\nbudget_refusals %ju\n", st->budget_spent,
		   st->budget_refusals);
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
	lifetime(s, st);
	budget(s, st);
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

/* "MEDIUM BUDGET" */
int store_swapstore(const struct proc_ref *ref, char *text, size_t n)
{
	int err = setting_check(text, n);

	(void)ref;
	return err ? err : swap_budget_change(text);
}

/* ---- /proc/swapstore_map ---- */

/* Every line is as long as any other, so a part of the file is made from its segments alone,
 * however many there are. */
#define MAP_LINE 32u
#define MAP_PART 12u

static size_t map_text(uint32_t first, char text[MAP_PART * MAP_LINE + 1])
{
	struct store_segment part[MAP_PART];
	struct seq s = { .buf = text, .size = MAP_PART * MAP_LINE + 1 };
	uint32_t n = swap_segments(first, part, MAP_PART);

	for (uint32_t i = 0; i < n; i++)
		seq_printf(&s, "%u %6u %-7s %6u %7u\n", part[i].area, part[i].number, part[i].state,
			   MIN(part[i].erases, 999999u), part[i].live);
	return s.len;
}

int64_t read_swapstore_map(const struct proc_ref *ref, struct io *io)
{
	char text[MAP_PART * MAP_LINE + 1];
	uint64_t at = io->pos;
	size_t asked = io->n, n = 1;
	int err = 0;

	(void)ref;
	while (io->n > 0 && n > 0 && !err && at / MAP_LINE < UINT32_MAX) {
		size_t skip = at % MAP_LINE, made = map_text((uint32_t)(at / MAP_LINE), text);

		n = made > skip ? MIN(made - skip, io->n) : 0;
		err = io_put(io, text + skip, n);
		at += n;
	}
	return io->n < asked ? (int64_t)(asked - io->n) : err;
}

/* ---- /proc/sys/vm/swap_budget and swap_burst ---- */

static uint64_t *limit_of(const struct proc_ref *ref)
{
	return strcmp(ref->node->name, "swap_burst") == 0 ? &swap_burst : &swap_budget;
}

int show_swap_budget(struct seq *s, const struct proc_ref *ref)
{
	uint64_t v = READ_ONCE(*limit_of(ref));

	if (v == SWAP_BUDGET_AUTO)
		seq_puts(s, "auto\n");
	else
		seq_printf(s, "%ju\n", v);
	return 0;
}

/* Bytes; k, M or G may stand behind the number. A budget may be "auto". */
int store_swap_budget(const struct proc_ref *ref, char *text, size_t n)
{
	int err = setting_check(text, n);
	const char *end;
	uint64_t v;

	if (err)
		return err;
	if (strcmp(text, "auto") == 0 && limit_of(ref) == &swap_budget)
		v = SWAP_BUDGET_AUTO;
	else if (parse_size(text, &end, &v) || *end || v > SWAP_BUDGET_MAX)
		return -EINVAL;
	WRITE_ONCE(*limit_of(ref), v);
	return 0;
}
