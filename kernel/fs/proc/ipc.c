// SPDX-License-Identifier: MIT
// /proc/sysvipc: what ipcs(1) reads.
#include "kernel/fs/proc/proc.h"
#include "kernel/ipc/shm.h"

int show_sysvipc_shm(struct seq *s, const struct proc_ref *ref)
{
	struct shm_report r;
	unsigned place = 0;

	(void)ref;
	seq_puts(
		s,
		"       key      shmid perms                  size  cpid  lpid nattch   uid   gid  cuid"
		"  cgid      atime      dtime      ctime                   rss                  swap\n");
	while (shm_next(place, &r, &place))
		seq_printf(
			s,
			"%10d %10d  %4o %21lu %5u %5u  %5lu %5u %5u %5u %5u %10ld %10ld %10ld %21lu %21lu\n",
			r.key, r.id, r.mode, r.size, (unsigned)r.cpid, (unsigned)r.lpid, r.attached,
			r.uid, r.gid, r.cuid, r.cgid, r.atime, r.dtime, r.ctime, r.resident,
			r.swapped);
	return 0;
}
