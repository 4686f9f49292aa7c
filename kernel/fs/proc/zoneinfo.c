// SPDX-License-Identifier: MIT
// /proc/zoneinfo: the one zone there is, in the format of proc(5); what is not counted is left out.
#include "kernel/fs/proc/proc.h"
#include "mm/buddy.h"
#include "mm/lru.h"

int show_zoneinfo(struct seq *s, const struct proc_ref *ref)
{
	struct lru_stats lru;

	(void)ref;
	lru_stats(&lru);
	seq_puts(s, "Node 0, zone   Normal\n  per-node stats\n");
	seq_printf(s, "      nr_inactive_anon %u\n      nr_active_anon %u\n", lru.inactive_anon,
		   lru.active_anon);
	seq_printf(s, "      nr_inactive_file %u\n      nr_active_file %u\n", lru.inactive_file,
		   lru.active_file);
	seq_printf(s, "      nr_unevictable %u\n", lru.unevictable);
	seq_printf(s, "  pages free     %u\n        min      %u\n        low      %u\n",
		   frames_free(), watermarks.min, watermarks.low);
	seq_printf(s, "        high     %u\n        managed  %u\n        protection: (0)\n",
		   watermarks.high, frames_total());
	seq_printf(s, "      nr_free_pages %u\n  node_unreclaimable:  0\n", frames_free());
	return 0;
}
