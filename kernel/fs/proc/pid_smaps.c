// SPDX-License-Identifier: MIT
/*
 * /proc/PID/smaps, smaps_rollup and pagemap: memory page by page (mm/smaps.h), in the formats of
 * proc(5) and, for pagemap, of Linux's admin-guide/mm/pagemap.rst.
 */
#include "kernel/errno.h"
#include "kernel/fs/proc/proc.h"
#include "kernel/process.h"
#include "mm/huge.h"
#include "mm/slab.h"
#include "mm/smaps.h"

static void kb(struct seq *s, const char *name, uint64_t bytes)
{
	seq_printf(s, "%s:%*s%8ju kB\n", name, (int)(15 - strlen(name)), "", bytes >> 10);
}

/* What smaps and its sum have in common; the sum tells the kinds of Pss apart. */
static void usage_lines(struct seq *s, const struct area_usage *u, bool kinds, uint64_t locked)
{
	kb(s, "Rss", u->rss);
	kb(s, "Pss", u->pss >> PSS_SHIFT);
	kb(s, "Pss_Dirty", u->pss_dirty >> PSS_SHIFT);
	if (kinds) {
		kb(s, "Pss_Anon", u->pss_anon >> PSS_SHIFT);
		kb(s, "Pss_File", u->pss_file >> PSS_SHIFT);
		kb(s, "Pss_Shmem", u->pss_shmem >> PSS_SHIFT);
	}
	kb(s, "Shared_Clean", u->shared_clean);
	kb(s, "Shared_Dirty", u->shared_dirty);
	kb(s, "Private_Clean", u->private_clean);
	kb(s, "Private_Dirty", u->private_dirty);
	kb(s, "Referenced", u->referenced);
	kb(s, "Anonymous", u->anonymous);
	kb(s, "LazyFree", u->lazy_free);
	kb(s, "AnonHugePages", u->blocks);
	kb(s, "ShmemPmdMapped", 0);
	kb(s, "FilePmdMapped", 0);
	kb(s, "Shared_Hugetlb", u->shared_huge);
	kb(s, "Private_Hugetlb", u->private_huge);
	kb(s, "Swap", u->swap);
	kb(s, "SwapPss", u->swap_pss >> PSS_SHIFT);
	kb(s, "Locked", locked);
}

/* Two letters each, in proc(5)'s order. */
static const struct {
	unsigned flag;
	const char *letters;
} flag_letters[] = {
	{ AREA_READ, " rd" },
	{ AREA_WRITE, " wr" },
	{ AREA_EXEC, " ex" },
	{ AREA_SHARED, " sh" },
	{ 0, " mr" },
	{ AREA_MAY_WRITE, " mw" },
	{ 0, " me" },
	{ AREA_SHARED, " ms" },
	{ AREA_GROWSDOWN, " gd" },
	{ AREA_LOCKED, " lo" },
	{ AREA_SEQUENTIAL, " sr" },
	{ AREA_RANDOM, " rr" },
	{ AREA_DONTFORK, " dc" },
	{ AREA_ACCOUNT, " ac" },
	{ AREA_NORESERVE, " nr" },
	{ AREA_WIPEONFORK, " wf" },
	{ AREA_DONTDUMP, " dd" },
	{ AREA_HUGETLB, " ht" },
	{ AREA_HUGEPAGE, " hg" },
	{ AREA_NOHUGEPAGE, " nh" },
};

static void flags_line(struct seq *s, const struct area *a)
{
	seq_puts(s, "VmFlags:");
	for (unsigned i = 0; i < ARRAY_SIZE(flag_letters); i++)
		if (!flag_letters[i].flag || a->flags & flag_letters[i].flag)
			seq_puts(s, flag_letters[i].letters);
	seq_puts(s, " \n");
}

static void smaps_area(struct seq *s, const struct area *a, char *name)
{
	struct area_usage u = { 0 };

	area_measure(a, &u);
	seq_area(s, a, name);
	kb(s, "Size", a->end - a->start);
	kb(s, "KernelPageSize", a->flags & AREA_HUGETLB ? HUGE_SIZE : PAGE_SIZE);
	kb(s, "MMUPageSize", a->flags & AREA_HUGETLB ? HUGE_SIZE : PAGE_SIZE);
	usage_lines(s, &u, false, a->flags & AREA_LOCKED ? u.pss >> PSS_SHIFT : 0);
	seq_printf(s, "THPeligible:    %u\n", area_may_have_block(a));
	flags_line(s, a);
}

int show_pid_smaps(struct seq *s, const struct proc_ref *ref)
{
	return seq_areas(s, ref, smaps_area);
}

int show_pid_smaps_rollup(struct seq *s, const struct proc_ref *ref)
{
	struct area_usage u = { 0 };
	uint64_t locked = 0;
	struct area *first, *last = NULL;
	int err;
	struct aspace *as = proc_space(ref, true, &err);

	if (!as)
		return err ? err : -ESRCH;
	if (mutex_lock_killable(&as->mutex)) {
		aspace_put(as);
		return -EINTR;
	}
	first = area_first(as);
	for (struct area *a = first; a; last = a, a = area_next(a)) {
		uint64_t before = u.pss;

		area_measure(a, &u);
		if (a->flags & AREA_LOCKED)
			locked += u.pss - before;
	}
	seq_printf(s, "%08jx-%08jx ---p 00000000 00:00 0 %*s[rollup]\n",
		   first ? (uint64_t)first->start : 0, last ? (uint64_t)last->end : 0, 25, "");
	mutex_unlock(&as->mutex);
	usage_lines(s, &u, true, locked >> PSS_SHIFT);
	aspace_put(as);
	return 0;
}

/* ---- pagemap: one word for each page of the address space ---- */

#define PM_EXCLUSIVE (1ull << 56)
#define PM_FILE      (1ull << 61)
#define PM_SWAPPED   (1ull << 62)
#define PM_PRESENT   (1ull << 63)
#define PM_BATCH     32

/* Where a page lies is for the privileged alone: it helps attacks on the memory itself. */
static uint64_t pagemap_word(const struct page_place *p, bool privileged)
{
	if (p->swapped)
		return PM_SWAPPED | (privileged ? (uint64_t)p->slot << 5 : 0);
	if (!p->present)
		return 0;
	return PM_PRESENT | (p->file ? PM_FILE : 0) | (p->exclusive ? PM_EXCLUSIVE : 0) |
	       (privileged ? p->pfn : 0);
}

/* The words from page `from` on, n of them within one leaf table. */
static int pagemap_part(struct aspace *as, uint64_t from, unsigned n, uint64_t *words)
{
	struct page_place places[PM_BATCH];
	bool privileged = current_capable(CAP_SYS_ADMIN);

	if (mutex_lock_killable(&as->mutex))
		return -EINTR;
	aspace_places(as, (virt_addr_t)from << PAGE_SHIFT, n, places);
	mutex_unlock(&as->mutex);
	for (unsigned i = 0; i < n; i++)
		words[i] = pagemap_word(&places[i], privileged);
	return 0;
}

int64_t read_pid_pagemap(const struct proc_ref *ref, struct io *io)
{
	const uint64_t end = USER_TOP >> PAGE_SHIFT;
	uint64_t from = io->pos / 8, words[PM_BATCH];
	size_t asked = io->n;
	int err;
	struct aspace *as = proc_space(ref, true, &err);

	if (!as)
		return err;
	if (io->pos % 8 || io->n % 8)
		err = -EINVAL;
	while (!err && io->n > 0 && from < end) {
		uint64_t n = MIN(io->n / 8, MIN(PM_BATCH - from % PM_BATCH, end - from));

		err = pagemap_part(as, from, (unsigned)n, words);
		if (!err)
			err = io_put(io, words, n * sizeof(words[0]));
		from += n;
	}
	aspace_put(as);
	return io->n < asked ? (int64_t)(asked - io->n) : err;
}
