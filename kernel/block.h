// SPDX-License-Identifier: MIT
/*
 * Block devices: disks and their partitions, addressed in sectors of 512 bytes.
 *
 *    file system, swap, /dev node -> block_submit() -> the disk's queue, by the requester's
 *      priority -> driver's start() -> interrupt -> collect()
 *      -> the disk's thread, at the highest priority it works for -> r->done(r)
 *
 * A request is a range of sectors and the memory for it in pieces; it belongs to the layer from
 * block_submit() until done() is called. Requests that are under way together are carried out in
 * any order: whoever needs one before another waits in between. A write that has ended is visible
 * to later reads, and survives a power cut only when a flush, submitted after that end, has ended
 * too.
 *
 * The drive side (struct block_ops, block_register()) is at the bottom. Devices stay for good.
 */
#ifndef KERNEL_BLOCK_H
#define KERNEL_BLOCK_H

#include "kernel/errno.h"
#include "kernel/lib/list.h"
#include "kernel/lib/types.h"
#include "kernel/lib/uuid.h"

#define SECTOR_SHIFT 9
#define SECTOR_SIZE  ((size_t)1 << SECTOR_SHIFT)

#define BLOCK_NAME_LEN   16
#define BLOCK_MAJOR      254u /* virtblk in Linux: the first of the dynamic numbers */
#define BLOCK_PARTITIONS 15u  /* of one disk at most: their numbers follow the disk's */
/* bytes in one request: bounds what a more urgent one waits behind */
#define BLOCK_REQUEST_MAX ((size_t)128 << 10)
/* of memory: so that no cache line of it is shared with anything else */
#define BLOCK_ALIGN SECTOR_SIZE

struct block_device;
struct block_queue;
struct task;

enum block_op { BLOCK_READ, BLOCK_WRITE, BLOCK_FLUSH, BLOCK_DISCARD, BLOCK_OPS };

/* Memory of the linear map, aligned to BLOCK_ALIGN, a multiple of the device's block_size long. */
struct block_segment {
	void *kva;
	uint32_t bytes;
};

struct block_request {
	/* The caller's, before block_submit(). The segments too stay until done(). */
	struct block_device *device;
	enum block_op op;
	uint64_t sector;  /* READ, WRITE, DISCARD: the first; whole blocks of the device */
	uint32_t sectors; /* how many; READ and WRITE: as many as the segments hold */
	const struct block_segment *segments;
	unsigned nsegments; /* READ, WRITE: 1..device->max_segments; else 0 */
	/* Called once, in task context with preemption on; r->status is 0 or negative, and r and
	 * its memory are the caller's again. By the disk's thread, which does nothing else
	 * meanwhile: so no waiting for other requests of that disk, directly or for memory. Or
	 * within block_submit(), when there was nothing to wait for. */
	void (*done)(struct block_request *r);
	void *data;
	bool anew; /* goes to a medium that was away, too (block_bind) */
	int status;

	/* The layer's. */
	struct list link;
	uint64_t disk_sector;        /* on the whole disk */
	uint64_t submitted, started; /* time_now() */
	int prio;      /* 0 before block_submit(), which takes the submitter's, or what was lent
			  meanwhile if that is more */
	bool waiting;  /* in the queue: not the driver's yet */
	bool ended;    /* for block_submit_wait() */
	unsigned slot; /* the driver's */
};

/* Figures of /proc/diskstats, by operation; all under the disk's queue lock. */
struct block_stats {
	uint64_t requests[BLOCK_OPS], sectors[BLOCK_OPS], ns[BLOCK_OPS];
	uint64_t errors;
	uint64_t busy_ns, weighted_ns; /* time with requests, and the same times their number, until
					  `since` */
	uint64_t since;
	uint32_t in_flight;
};

struct block_ops;

struct block_device {
	/* Constant once registered; set by the driver. */
	char name[BLOCK_NAME_LEN]; /* "vda", "vda1" */
	uint32_t devno;            /* major << 20 | minor */
	uint64_t sectors;
	uint32_t block_size; /* what sectors and lengths are multiples of: a power of two,
				SECTOR_SIZE..PAGE_SIZE */
	bool read_only;
	bool coherent;         /* the device looks into the caches */
	bool card;             /* flash that wears out and does not tell how far */
	bool can_discard;      /* else BLOCK_DISCARD gives -EOPNOTSUPP */
	bool write_cache;      /* else flushing is done at once */
	unsigned max_segments; /* per request; at least 1 */
	uint32_t max_segment;  /* bytes per segment, a multiple of PAGE_SIZE */
	uint32_t max_discard;  /* sectors per discard; whole blocks */
	unsigned depth;        /* requests the driver can have at once; at least 1 */
	const struct block_ops *ops;
	void *driver;

	/* The layer's. */
	char uuid[UUID_TEXT];      /* a partition's PARTUUID; "" for a disk */
	bool swap;                 /* a partition that its table calls swap */
	struct block_device *disk; /* the whole, itself for a disk */
	uint64_t start;            /* sector of disk */
	struct block_queue *queue; /* the disk's */
	struct block_stats stats;
	const char *claimed; /* by whom, NULL: nobody; block.c's claims_lock */
	uint32_t returns; /* of a disk: how often its medium was away and came back; its thread's */
	uint32_t bound;   /* 1 + returns, when block_bind() was called; 0: it was not */
	struct block_device *next;
};

/* Queues r. A request that cannot be: status -EINVAL (shape, alignment), -EROFS, -EOPNOTSUPP. What
 * can come from the device is -EIO, and -ENODEV: it is not there, or has broken down, which only
 * swap and file systems tell from the first (block_error()). Neither allocates nor sleeps; cleans
 * caches over the memory, so: task context, no spin lock held. */
void block_submit(struct block_request *r);
/* The same, and sleeps until r has ended, whatever signals come; done is not the caller's then.
 * Returns r->status. Not from a done(). */
int block_submit_wait(struct block_request *r);
/* Somebody of that priority waits for r, which is not the caller's: it goes on as if such a task
 * had made it. Or for t, and so for the request that it sleeps for in block_submit_wait(), if any.
 * Between the noting of r for such and its done(). Any task context; takes the queue's lock. */
void block_raise(struct block_request *r, int prio);
void block_hurry(const struct task *t, int prio);

/* What a program is told of a request's status. */
static inline int block_error(int status)
{
	return status == -ENODEV ? -EIO : status;
}

/* n bytes at `sector` from or to a piece of the linear map as a segment wants it, however long. 0
 * or the first error; then any part may have been transferred. May sleep; allocate nothing. */
int block_read(struct block_device *d, uint64_t sector, void *kva, size_t n) MUST_CHECK;
int block_write(struct block_device *d, uint64_t sector, const void *kva, size_t n) MUST_CHECK;
/* The same by operation, and a device that is not there is -ENODEV. */
int block_transfer(struct block_device *d, enum block_op op, uint64_t sector, void *kva,
		   size_t n) MUST_CHECK;
/* What writes have ended until now survives a power cut when this has returned 0. May sleep. */
int block_flush(struct block_device *d) MUST_CHECK;
/* The contents of these sectors are no longer needed, and are anything from now on. 0, -EOPNOTSUPP
 * or as above. May sleep. */
int block_discard(struct block_device *d, uint64_t sector, uint64_t sectors) MUST_CHECK;

/* By name ("vda1", also with "/dev/" before it), by number, the one after d (NULL: the first, disks
 * before their partitions). NULL: none. Any task context. */
struct block_device *block_find(const char *name);
struct block_device *block_find_number(uint32_t devno);
struct block_device *block_next(const struct block_device *d);
/* How many devices there are; sleeps until there are more than n. */
unsigned block_count(void);
void block_wait_more(unsigned n);

/* For a file system, swap or an exclusive open: d and whatever shares a sector with it (a disk's
 * partitions) are `who`'s (a constant string) until block_release(). 0 or -EBUSY: a part of it is
 * claimed. Reading and writing need no claim. */
int block_claim(struct block_device *d, const char *who) MUST_CHECK;
void block_release(struct block_device *d);
/* How often d's medium was away and came back. */
uint32_t block_returns(const struct block_device *d);
/* For whoever keeps copies of what lies on d, which it has claimed: from now on until
 * block_release(), when the medium has been away since it had `returns` returns every request of d
 * but those `anew` ends with -ENODEV, though the same medium is back; somebody may have changed it
 * meanwhile. Before the first copy is read, and again when it was found to be as it was left. */
void block_bind(struct block_device *d, uint32_t returns);
/* Reads n bytes, one segment of a request, from a medium that may have been away; as
 * block_transfer(). */
int block_look(struct block_device *d, uint64_t sector, void *kva, uint32_t n) MUST_CHECK;
/* A request of d, which is bound, ended with -ENODEV. differs() has a look at the medium: is it
 * what was left (0), not (positive), or can it not be read (negative)? While it goes and comes
 * meanwhile, again. When it is, d is bound to it, and what failed may be tried again. Returns what
 * differs() said last. One caller at a time. May sleep. */
int block_rebind(struct block_device *d, int (*differs)(void *arg), void *arg) MUST_CHECK;
/* A copy of d's figures, up to now. Any task context. */
void block_stats_get(struct block_device *d, struct block_stats *s);

/* ---- For drivers ---- */

struct block_ops {
	/* Hands r (valid, at most `depth` of them at once, at r->disk_sector) to the device. Caches
	 * have been seen to. Queue lock held, interrupts off: bounded. 0, or a negative errno that
	 * r ends with. */
	int (*start)(struct block_device *d, struct block_request *r);
	/* block_complete() for each request that the device has finished since. Disk's thread,
	 * after block_interrupt(), and now and then without. */
	void (*collect)(struct block_device *d);
	/* The device has kept a request for too long, or collect asked for it: stops it, so that it
	 * touches no memory of a request any more, and makes it ready again. 0: the requests it had
	 * are ended with -EIO, and it goes on. -ENODEV: the same, but it does not. -EBUSY: it could
	 * not be stopped; those requests never end, for the memory may still be written to. Disk's
	 * thread; may sleep. */
	int (*reset)(struct block_device *d);
};

/* Makes d, with the driver's fields filled in, known: finds its partitions, makes nodes in /dev. 0,
 * -EINVAL (fields), -EEXIST (name or number), -ENOMEM: not registered. Task context; reads from the
 * device. */
int block_register(struct block_device *d) MUST_CHECK;
/* Something may have ended: the disk's thread calls collect(). Any context; before block_register()
 * it does nothing. */
void block_interrupt(struct block_device *d);
/* r, started before, has ended. From collect() only. */
void block_complete(struct block_request *r, int status);
/* r's device was bound to the medium before it was away. Disk's thread. */
static inline bool block_stale(const struct block_request *r, const struct block_device *disk)
{
	uint32_t bound = READ_ONCE(r->device->bound);

	return bound != 0 && bound != disk->returns + 1 && !r->anew;
}
/* From collect(): what the device answers makes no sense; reset() follows. */
void block_distrust(struct block_device *d);

#endif
