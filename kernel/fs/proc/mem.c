// SPDX-License-Identifier: MIT
// Memory in /proc: meminfo, vmstat, buddyinfo, slabinfo, swaps. Names and formats as in proc(5) and
// slabinfo(5); what is not counted is left out.
#include "kernel/fs/proc/proc.h"
#include "kernel/mtd.h"
#include "mm/buddy.h"
#include "mm/commit.h"
#include "mm/huge.h"
#include "mm/kmap.h"
#include "mm/lru.h"
#include "mm/memblock.h"
#include "mm/object.h"
#include "mm/oom.h"
#include "mm/pmap.h"
#include "mm/reclaim.h"
#include "mm/slab.h"
#include "mm/swap.h"
#include "mm/writeback.h"

static void kb(struct seq *s, const char *name, uint64_t frames)
{
	seq_printf(s, "%s:%*s%8ju kB\n", name, (int)(15 - strlen(name)), "",
		   frames << (PAGE_SHIFT - 10));
}

/* The pool for MAP_HUGETLB: numbers of huge pages. */
static void huge_lines(struct seq *s)
{
	struct huge_stats h;

	huge_stats(&h);
	seq_printf(s, "HugePages_Total:%8ju\nHugePages_Free: %8ju\n", h.total, h.free);
	seq_printf(s, "HugePages_Rsvd: %8ju\nHugePages_Surp: %8ju\n", h.reserved, h.surplus);
	kb(s, "Hugepagesize", HUGE_SIZE >> PAGE_SHIFT);
	kb(s, "Hugetlb", h.total << (HUGE_SHIFT - PAGE_SHIFT));
}

/* Frames that entries map, of caches and private ones: by a walk over all frames, because nobody
 * counts on the way, where it would cost more. */
struct mapped {
	uint64_t file, anon;
};

static struct mapped count_mapped(void)
{
	struct mapped n = { 0, 0 };
	struct memblock_range r;

	for (unsigned i = 0; memblock_ram(i, &r); i++)
		for (phys_addr_t at = r.base; at < r.base + r.size; at += PAGE_SIZE) {
			const struct page *p = phys_to_page(at);
			uint8_t type = READ_ONCE(p->type);

			if ((type != PAGE_FILE && type != PAGE_ANON) || READ_ONCE(p->rmap) == 0 ||
			    page_flag(p, PAGE_HUGETLB))
				continue;
			*(type == PAGE_FILE ? &n.file : &n.anon) += 1;
		}
	return n;
}

int show_meminfo(struct seq *s, const struct proc_ref *ref)
{
	uint64_t total = frames_total(), free = frames_free(), available;
	struct mapped mapped = count_mapped();
	struct object_stats cache;
	struct lru_stats lru;
	struct swap_stats swap;
	struct swap_pool_stats pool;

	(void)ref;
	lru_stats(&lru);
	swap_stats(&swap);
	object_stats(&cache);
	/* What programs can have without swapping: free frames above the reserve, and of disk
	 * files' pages what is not needed to run at all. */
	available = free > watermarks.min ? free - watermarks.min : 0;
	available += cache.disk - MIN(cache.disk / 2, watermarks.low);
	kb(s, "MemTotal", total);
	kb(s, "MemFree", free);
	kb(s, "MemAvailable", available);
	kb(s, "Buffers", 0);
	kb(s, "Cached", (uint64_t)cache.disk + cache.shmem);
	kb(s, "SwapCached", swap.cached);
	kb(s, "Active", (uint64_t)lru.active_anon + lru.active_file);
	kb(s, "Inactive", (uint64_t)lru.inactive_anon + lru.inactive_file);
	kb(s, "Active(anon)", lru.active_anon);
	kb(s, "Inactive(anon)", lru.inactive_anon);
	kb(s, "Active(file)", lru.active_file);
	kb(s, "Inactive(file)", lru.inactive_file);
	kb(s, "Unevictable", lru.unevictable);
	kb(s, "SwapTotal", swap.slots_total);
	kb(s, "SwapFree", swap.slots_total - MIN(swap.slots_used, swap.slots_total));
	swap_pool_stats(&pool);
	kb(s, "Zswap", pool.frames);
	kb(s, "Zswapped", pool.pieces);
	kb(s, "Dirty", cache.dirty);
	kb(s, "Writeback", cache.writing);
	kb(s, "AnonPages", mapped.anon);
	kb(s, "Mapped", mapped.file);
	kb(s, "Shmem", cache.shmem);
	kb(s, "Slab", slab_frames());
	kb(s, "SReclaimable", 0);
	kb(s, "SUnreclaim", slab_frames());
	kb(s, "KernelStack", kstack_frames());
	kb(s, "PageTables", atomic_load(&table_frames));
	kb(s, "CommitLimit", commit_limit());
	kb(s, "Committed_AS", commit_sum());
	kb(s, "AnonHugePages", (uint64_t)atomic_load(&table_blocks) << (HUGE_SHIFT - PAGE_SHIFT));
	huge_lines(s);
	return 0;
}

int show_vmstat(struct seq *s, const struct proc_ref *ref)
{
	struct mapped mapped = count_mapped();
	uint64_t background, most;
	struct object_stats cache;
	struct lru_stats lru;

	(void)ref;
	lru_stats(&lru);
	object_stats(&cache);
	writeback_limits(&background, &most);
	seq_printf(s, "nr_free_pages %u\n", frames_free());
	seq_printf(s, "nr_inactive_anon %u\nnr_active_anon %u\n", lru.inactive_anon,
		   lru.active_anon);
	seq_printf(s, "nr_inactive_file %u\nnr_active_file %u\nnr_unevictable %u\n",
		   lru.inactive_file, lru.active_file, lru.unevictable);
	seq_printf(s, "nr_anon_pages %ju\nnr_mapped %ju\nnr_file_pages %u\n", mapped.anon,
		   mapped.file, cache.disk + cache.shmem);
	seq_printf(s, "nr_dirty %u\nnr_writeback %u\nnr_shmem %u\n", cache.dirty, cache.writing,
		   cache.shmem);
	seq_printf(s, "nr_dirty_threshold %ju\nnr_dirty_background_threshold %ju\n", most,
		   background);
	for (int e = 0; e < VM_EVENTS; e++)
		seq_printf(s, "%s %ju\n", vm_event_name((enum vm_event)e),
			   vm_events((enum vm_event)e));
	/* Nothing here could count these: mm/README.md, "Counters". */
	seq_puts(s, "unevictable_pgs_scanned 0\n"
		    "unevictable_pgs_cleared 0\nunevictable_pgs_stranded 0\n");
	/* A block that is split is that everywhere. */
	seq_printf(s, "thp_split_page %u\nthp_split_pmd %u\n", atomic_load(&table_unfolds),
		   atomic_load(&table_unfolds));
	return 0;
}

int show_buddyinfo(struct seq *s, const struct proc_ref *ref)
{
	uint32_t blocks[MAX_ORDER + 1];

	(void)ref;
	buddy_count(blocks);
	seq_puts(s, "Node 0, zone   Normal ");
	for (unsigned i = 0; i <= MAX_ORDER; i++)
		seq_printf(s, "%6u ", blocks[i]);
	seq_puts(s, "\n");
	return 0;
}

int show_slabinfo(struct seq *s, const struct proc_ref *ref)
{
	struct slab_stats c;

	(void)ref;
	seq_puts(s, "slabinfo - version: 2.1\n");
	seq_puts(
		s,
		"# name            <active_objs> <num_objs> <objsize> <objperslab> <pagesperslab> : tunables <limit> <batchcount> "
		"<sharedfactor> : slabdata <active_slabs> <num_slabs> <sharedavail>\n");
	for (unsigned i = 0; slab_stats(i, &c); i++)
		seq_printf(
			s,
			"%-17s %6u %6u %6zu %4zu %4u : tunables    0    0    0 : slabdata %6u %6u      0\n",
			c.name, c.active, c.total, c.object_size,
			c.frames_per_slab * PAGE_SIZE / MAX(c.object_size, 1u), c.frames_per_slab,
			c.slabs, c.slabs);
	return 0;
}

int show_swaps(struct seq *s, const struct proc_ref *ref)
{
	struct swap_area_stats a;

	(void)ref;
	seq_puts(s, "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n");
	for (unsigned i = 0; swap_area_stats(i, &a); i++) {
		const char *flash = mtd_node_name(a.name);
		char name[sizeof(a.name) + 5];

		(void)format(name, sizeof(name), "%s%s", flash ? "/dev/" : "",
			     flash ? flash : a.name);
		seq_printf(s, "%-39s partition\t%ju\t\t%ju\t\t%d\n", name,
			   a.pages << (PAGE_SHIFT - 10), a.used << (PAGE_SHIFT - 10), a.prio);
	}
	return 0;
}

static void put_text(void *s, const char *text, size_t n)
{
	seq_write(s, text, n);
}

int show_oom_log(struct seq *s, const struct proc_ref *ref)
{
	(void)ref;
	oom_record_read(put_text, s);
	return 0;
}
