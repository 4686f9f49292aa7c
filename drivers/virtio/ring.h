// SPDX-License-Identifier: MIT
/*
 * A split virtqueue (Virtual I/O Device 1.2, 2.7) of fixed slots. A slot is a row of descriptors,
 * linked once; a request takes a slot, describes its pieces of memory in the row, and is known by
 * the slot's number when it comes back. So nothing is allocated or searched while requests run, and
 * an answer is easy to check.
 *
 *    descriptors   [slot 0: 0 1 2 .. k-1][slot 1: k ..][...]          the driver writes
 *    driver area   (available) index, row of first descriptors        the driver writes
 *    device area   (used) index, row of first descriptors and lengths the device writes; in pages
 *                  of its own
 *
 * The caller's lock covers everything from ring_slot() on.
 */
#ifndef DRIVERS_VIRTIO_RING_H
#define DRIVERS_VIRTIO_RING_H

#include "drivers/virtio/transport.h"

#define RING_SLOTS_MAX 8u

struct page;
struct virtq_desc;
struct virtq_avail;
struct virtq_used;

struct virtio_ring {
	/* Constant once set up. */
	struct virtio *virtio;
	unsigned index, num; /* of the queue; its descriptors */
	unsigned slots, row; /* how many; descriptors of each */
	struct page *pages;
	unsigned order;
	struct virtq_desc *desc;
	struct virtq_avail *avail;
	struct virtq_used *used;
	/* Under the caller's lock. */
	uint32_t busy;  /* bit per slot that the device has */
	unsigned nbusy; /* how many those are */
	uint16_t avail_index, used_index;
};

/* Memory for queue `index` with rows of up to `row` descriptors (at least 3; fewer when the queue
 * is small), and tells the device. Between negotiate and start. 0, -ENODEV: no such queue, -EINVAL:
 * too small, -ENOMEM. May sleep. */
int ring_create(struct virtio_ring *r, struct virtio *v, unsigned index, unsigned row) MUST_CHECK;
void ring_free(struct virtio_ring *r);
/* After a reset and negotiate: empty again, in the same memory. 0 or -ENODEV. */
int ring_renew(struct virtio_ring *r) MUST_CHECK;

/* A free slot, or -1. */
int ring_slot(const struct virtio_ring *r);
/* Piece i of the slot's row: n bytes that the device reads, or writes. The ones it writes come
 * last. */
void ring_piece(struct virtio_ring *r, unsigned slot, unsigned i, phys_addr_t pa, uint32_t n,
		bool write);
/* The slot, with `pieces` pieces, is the device's. The memory is as the device shall find it. */
void ring_put(struct virtio_ring *r, unsigned slot, unsigned pieces);
/* A slot that the device has given back, and how many bytes it says to have written; -EAGAIN: none;
 * -EPROTO: an answer to what was not asked. */
int ring_take(struct virtio_ring *r, uint32_t *written);

#endif
