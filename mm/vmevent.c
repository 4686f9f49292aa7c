// SPDX-License-Identifier: MIT
/*
 * Event counters for /proc/vmstat. Each CPU adds to counters of its own, which lie in its cache;
 * whoever reads sums up. The addition is atomic, so that it does not matter when a task is moved to
 * another CPU halfway: that takes fewer instructions than to turn preemption off. A sum is as exact
 * as a moving target can be: 64-bit loads are whole, and counters never go down.
 */
#include "kernel/lib/atomic.h"
#include "mm/swap.h"

static struct counts {
	uint64_t count[VM_EVENTS];
} __attribute__((aligned(64))) cpus[NR_CPUS_MAX];

static const char *const names[VM_EVENTS] = {
	[VM_PGFAULT] = "pgfault",
	[VM_PGMAJFAULT] = "pgmajfault",
	[VM_PSWPIN] = "pswpin",
	[VM_PSWPOUT] = "pswpout",
	[VM_PGSCAN] = "pgscan_kswapd",
	[VM_PGSCAN_ANON] = "pgscan_anon",
	[VM_PGSCAN_FILE] = "pgscan_file",
	[VM_PGSTEAL] = "pgsteal_kswapd",
	[VM_PGSTEAL_ANON] = "pgsteal_anon",
	[VM_PGSTEAL_FILE] = "pgsteal_file",
	[VM_PGSCAN_DIRECT] = "pgscan_direct",
	[VM_PGSTEAL_DIRECT] = "pgsteal_direct",
	[VM_PGACTIVATE] = "pgactivate",
	[VM_PGDEACTIVATE] = "pgdeactivate",
	[VM_PGREFILL] = "pgrefill",
	[VM_PGLAZYFREE] = "pglazyfree",
	[VM_PGLAZYFREED] = "pglazyfreed",
	[VM_ALLOCSTALL] = "allocstall_normal",
	[VM_REFAULT_ANON] = "workingset_refault_anon",
	[VM_REFAULT_FILE] = "workingset_refault_file",
	[VM_ACTIVATE_ANON] = "workingset_activate_anon",
	[VM_ACTIVATE_FILE] = "workingset_activate_file",
	[VM_RESTORE_ANON] = "workingset_restore_anon",
	[VM_RESTORE_FILE] = "workingset_restore_file",
	[VM_OOM_KILL] = "oom_kill",
	[VM_COW] = "cow",
	[VM_UNSHARE] = "table_unshare",
	[VM_SWAP_CLEAN_DROP] = "swap_clean_drop",
	[VM_READAHEAD] = "readahead",
	[VM_READAHEAD_HIT] = "readahead_hit",
	[VM_SWPIN_ZERO] = "swpin_zero",
	[VM_SWPOUT_ZERO] = "swpout_zero",
	[VM_ZSWPIN] = "zswpin",
	[VM_ZSWPOUT] = "zswpout",
	[VM_ZSWPWB] = "zswpwb",
	[VM_SWAP_RA] = "swap_ra",
	[VM_SWAP_RA_HIT] = "swap_ra_hit",
	[VM_PAGEOUTRUN] = "pageoutrun",
	[VM_LOW_HIT_QUICKLY] = "kswapd_low_wmark_hit_quickly",
	[VM_HIGH_HIT_QUICKLY] = "kswapd_high_wmark_hit_quickly",
	[VM_PGCULLED] = "unevictable_pgs_culled",
	[VM_PGRESCUED] = "unevictable_pgs_rescued",
	[VM_PGMLOCKED] = "unevictable_pgs_mlocked",
	[VM_PGMUNLOCKED] = "unevictable_pgs_munlocked",
	[VM_THP_FAULT_ALLOC] = "thp_fault_alloc",
	[VM_THP_FAULT_FALLBACK] = "thp_fault_fallback",
};

void vm_count(enum vm_event e, unsigned n)
{
	(void)atomic_fetch_add(&cpus[hw_cpu()].count[e], n);
}

uint64_t vm_events(enum vm_event e)
{
	uint64_t sum = 0;

	for (const struct counts *c = cpus; c < cpus + hw_cpus(); c++)
		sum += READ_ONCE(c->count[e]);
	return sum;
}

const char *vm_event_name(enum vm_event e)
{
	return names[e];
}
