// SPDX-License-Identifier: MIT
/*
 * What the files of the block layer share. Locks, outermost first: devices_mutex (block.c:
 * registration, claims) -> queue->lock (spin, interrupts off) -> task->pi_lock (lending the thread
 * a priority), wait queues, the driver's own.
 */
#ifndef KERNEL_BLOCK_INTERNAL_H
#define KERNEL_BLOCK_INTERNAL_H

#include "kernel/block.h"
#include "kernel/sched.h"

struct block_node;

#define BLOCK_TIMEOUT     (30 * NSEC_PER_SEC) /* for one request, from its start */
#define BLOCK_DEPTH_MAX   32u
#define BLOCK_WAIT_QUEUES 8
#define BLOCK_RANKS       256u /* two for each priority */
_Static_assert(2 * (PRIO_RT_MAX + 1) <= BLOCK_RANKS, "a rank is a number below");

enum block_event {
	EVENT_INTERRUPT = 1, /* the driver may have something to collect */
	EVENT_DISTRUST = 2,  /* the device does not make sense */
	EVENT_TIMER = 4,     /* time to look for requests that take too long */
};

/*
 * A disk's queue.
 *   (1) waiting[r] has requests exactly when bit r of `urgent` is set; r is a rank: see rank_of()
 *       in block_queue.c.
 *   (2) Nothing waits unless `started` is as full as that priority may fill it, or a reset is under
 *       way; so each end of a request starts the next.
 *   (3) While started is not empty, the timer is set, unless the disk is dead.
 */
struct block_queue {
	struct block_device *disk;
	struct task *thread;

	struct spinlock lock; /* the rest, and stats of the disk and its partitions */
	struct list waiting[BLOCK_RANKS];
	uint64_t urgent[BLOCK_RANKS / 64];
	unsigned passed;     /* reads begun since one overtook the write that is still next of its
				priority */
	struct list started; /* by the driver, in that order */
	unsigned nstarted;
	int ending; /* the highest priority of what has ended and whose done() may not be through,
		       -1: none */
	int boost;  /* lent to the thread */
	bool resetting, dead;
	bool timer_set;
	struct timer timer;

	uint32_t events; /* enum block_event; atomic */
	struct waitq wake;
	struct waitq ended[BLOCK_WAIT_QUEUES]; /* tasks in block_submit_wait(), by their request */
};

/* A queue with its thread for disk. NULL: no memory. For good. */
struct block_queue *block_queue_create(struct block_device *disk) MUST_CHECK;
/* One turn of the thread: what events say. Sleeps for the driver at most. */
void block_queue_turn(struct block_queue *q);
/* block_node.c: a device node for d, not seen yet; NULL: no memory. */
struct block_node *block_node_alloc(struct block_device *d) MUST_CHECK;
void block_node_free(struct block_node *n);
/* Makes it appear in /dev, for good. May sleep. */
void block_node_show(struct block_node *n);

/* What every node of a block device answers: seeking in `size` bytes; ioctls that ask for the shape
 * of d (-ENOTTY: another one). As file_ops' seek and ioctl. */
struct file;
int64_t block_node_seek(struct file *f, uint64_t size, int64_t off, int whence);
int64_t block_node_shape(const struct block_device *d, unsigned cmd, uint64_t arg);

#endif
