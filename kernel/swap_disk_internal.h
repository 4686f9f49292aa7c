// SPDX-License-Identifier: MIT
/*
 * What the files of swap on a block device share: swap_disk.c (which devices, on and off),
 * swap_medium.c (the medium under the store), swap_return.c (a medium that was away).
 */
#ifndef KERNEL_SWAP_DISK_INTERNAL_H
#define KERNEL_SWAP_DISK_INTERNAL_H

#include "kernel/lock.h"
#include "kernel/swap_disk.h"
#include "kernel/waitq.h"
#include "mm/reclaim.h"

#define BUFFERS 4u
#define PIECES  2u  /* programs under way; the store's ring has room for one more */
#define MARK    32u /* bytes of a segment's header: those that tell it */

struct piece {
	struct block_request request;
	struct block_segment segment;
	bool ended; /* atomic */
};

struct swap_disk {
	struct medium medium;
	char name[BLOCK_NAME_LEN + 5];
	struct block_device *device;
	struct swap_disk *next; /* disks_mutex */

	struct page *buffers[BUFFERS];
	unsigned order;
	struct spinlock lock;
	unsigned unused; /* a bit for each buffer; lock */
	struct waitq wait;

	struct page *ahead; /* what the medium has from ahead_at on, ahead_n bytes; lock */
	uint64_t ahead_at, ahead_n;
	uint64_t ahead_last; /* the record that was taken out of it last; lock */

	struct block_request discard; /* one caller at a time: the store's writer */
	bool discarding;              /* atomic */

	struct piece pieces[PIECES]; /* by turns; the store's writer */
	unsigned begun, over;        /* pieces begun, and waited for, since the start */

	struct mutex again; /* for swap_return() */
	struct page *look;  /* to read into; again */
	uint32_t first;     /* CRC-32C of the first page */
	uint64_t mark_at;   /* where the last segment header was written, 0: none is known; lock */
	uint8_t mark[MARK]; /* how it begins; lock */
};

/* A medium for a store on the first `size` bytes of d, which the caller has claimed. given: what
 * else lies there may be overwritten. NULL: no memory. May sleep. */
struct swap_disk *swap_medium_create(struct block_device *d, uint64_t size, bool given) MUST_CHECK;
/* Waits for a discard under way. No store is open on it. */
void swap_medium_free(struct swap_disk *s);

/* Remembers the first page as it is now. Once, before the store is opened: 0, -EIO. May sleep. */
int swap_return_begin(struct swap_disk *s) MUST_CHECK;
/* A request ended with -ENODEV: looks whether the medium is back, and what was left. True: it may
 * be tried again. May sleep; allocates nothing. */
bool swap_return(struct swap_disk *s) MUST_CHECK;

#endif
