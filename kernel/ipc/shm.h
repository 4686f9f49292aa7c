// SPDX-License-Identifier: MIT
// Shared memory of System V, as /proc shows it.
#ifndef KERNEL_IPC_SHM_H
#define KERNEL_IPC_SHM_H

#include "kernel/lib/types.h"

/* What /proc/sysvipc/shm tells of a segment. */
struct shm_report {
	int key, id;
	uint32_t mode;
	uint64_t size;
	int cpid, lpid;
	uint64_t attached;
	uint32_t uid, gid, cuid, cgid;
	int64_t atime, dtime, ctime; /* seconds since 1970 */
	uint64_t resident, swapped;  /* bytes */
};

/* The segment with the smallest place >= place: true, and its place + 1 in *next. Takes the room's
 * mutex. */
bool shm_next(unsigned place, struct shm_report *r, unsigned *next);

#endif
