// SPDX-License-Identifier: MIT
// A virtio block device (Virtual I/O Device 1.2, 5.2).
#ifndef DRIVERS_VIRTIO_BLK_H
#define DRIVERS_VIRTIO_BLK_H

#include "drivers/virtio/ring.h"
#include "kernel/block.h"
#include "kernel/lock.h"

struct virtio_blk {
	struct block_device device;
	struct virtio virtio;
	struct spinlock lock; /* ring, requests; inside the block queue's; interrupts off */
	struct virtio_ring ring;
	struct block_request *requests[RING_SLOTS_MAX]; /* by slot */
	struct page *page;                              /* headers and statuses, by slot */
	uint64_t features;                              /* agreed on at first */
};

/* Sets up the device that virtio_identify() found in b->virtio and fills b->device in, all but name
 * and number; b is zeroed otherwise. It then runs, and virtio_blk_interrupt() may come. 0 or
 * negative errno (what is wrong with the device is logged): it is reset and nothing is kept. May
 * sleep. */
int virtio_blk_init(struct virtio_blk *b, const char *name) MUST_CHECK;
/* Stops it again, before it was ever registered. May sleep. */
void virtio_blk_stop(struct virtio_blk *b);
/* Its interrupt came. Any context. */
void virtio_blk_interrupt(struct virtio_blk *b);

#endif
