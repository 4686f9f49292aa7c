// SPDX-License-Identifier: MIT
/*
 * What the files of shm share.
 *
 * A segment is a file in memory that is in no directory; attaching maps it. Every area of it counts
 * as an attachment, however it came to be (shmat, fork, a split), as in Linux: the file room tells
 * of each that comes or goes (file_ops.area).
 *
 * Lock order: aspace mutex -> shm_mutex. So nothing that maps or faults is done under shm_mutex;
 * shmat pins the segment meanwhile, as an attachment.
 */
#ifndef KERNEL_IPC_SHM_INTERNAL_H
#define KERNEL_IPC_SHM_INTERNAL_H

#include <linux/ipc.h>
#include <linux/shm.h>

#include "kernel/errno.h"
#include "kernel/ipc/shm.h"
#include "kernel/lib/list.h"
#include "kernel/task.h"

#define SHM_SIZE_MAX (UINT64_MAX - (1 << 24)) /* SHMMAX and, in pages, SHMALL */

/* All under shm_mutex. */
struct segment {
	struct list link; /* on the list of all, by place */
	int id;           /* sequence << PLACE_SHIFT | place */
	int key;          /* IPC_PRIVATE: found by id alone */
	uint32_t mode;    /* permissions, SHM_DEST, SHM_LOCKED */
	uint32_t uid, gid, cuid, cgid;
	uint64_t size; /* as asked for */
	struct file *file;
	int cpid, lpid;
	int64_t atime, dtime, ctime; /* seconds since 1970, 0: never */
	uint64_t attached;
};

extern struct mutex shm_mutex;
extern struct list segments;
extern unsigned segment_count;

#define PLACE_SHIFT 15
#define SHM_DEST    01000 /* goes with the last attachment */
#define SHM_LOCKED  02000 /* stays in RAM */

static inline unsigned segment_place(const struct segment *s)
{
	return (unsigned)s->id & ((1u << PLACE_SHIFT) - 1);
}

/* By id, or NULL. */
struct segment *segment_find_locked(int id);
/* May the running task do what the permission bits in `wanted` (the owner's, 0600) say? 0 or
 * -EACCES. */
int segment_permission(const struct segment *s, uint32_t wanted) MUST_CHECK;
/* Takes s out of the table and frees it; its memory stays as long as it is mapped. */
void segment_remove_locked(struct segment *s);
/* One more attachment, or one fewer: then s may go. */
void segment_attach_locked(struct segment *s);
void segment_detach_locked(struct segment *s);
/* Pages of s that are in RAM, and in swap. */
void segment_pages(const struct segment *s, uint64_t *resident, uint64_t *swapped);

#endif
