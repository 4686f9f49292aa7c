// SPDX-License-Identifier: MIT
/*
 * The virtio-mmio transport (Virtual I/O Device 1.2, 4.2): a window of registers per device.
 * Version 2 registers are those of the specification; version 1 (4.2.4, "legacy") gives the queue
 * one page number for all its parts and has no FEATURES_OK. One task at a time sets a device up;
 * virtio_interrupt() may be called meanwhile.
 */
#ifndef DRIVERS_VIRTIO_TRANSPORT_H
#define DRIVERS_VIRTIO_TRANSPORT_H

#include "kernel/lib/types.h"

struct virtio_bus {
	/* width: bytes, 1 or 4 (registers: 4; configuration: as the field is wide). */
	uint32_t (*read)(const struct virtio_bus *bus, size_t offset, unsigned width);
	void (*write)(const struct virtio_bus *bus, size_t offset, uint32_t value);
};

enum virtio_id { VIRTIO_ID_NONE = 0, VIRTIO_ID_BLOCK = 2 };

#define VIRTIO_F_VERSION_1 ((uint64_t)1 << 32)

struct virtio {
	const struct virtio_bus *bus;
	bool coherent;     /* the device looks into the caches */
	unsigned version;  /* 1 or 2 */
	uint32_t id;       /* enum virtio_id and others */
	uint64_t features; /* agreed on */
};

/* Where a queue's parts are. Version 1: one after the other from `descriptors` on, `device` at the
 * next multiple of PAGE_SIZE. */
struct virtio_queue_place {
	unsigned num; /* entries */
	phys_addr_t descriptors, driver, device;
};

/* Fills version and id from the registers at bus. 0; -ENODEV: nothing there; -EINVAL: a version
 * that this driver does not know. */
int virtio_identify(struct virtio *v, const struct virtio_bus *bus) MUST_CHECK;
/* Stops the device: on 0 it uses no queue and no memory any more. -EBUSY: it still did after a
 * second. May sleep. */
int virtio_reset(struct virtio *v) MUST_CHECK;
/* After a reset: agrees on those of the wanted features that are offered. 0; -EINVAL: the device
 * does not agree. */
int virtio_negotiate(struct virtio *v, uint64_t wanted) MUST_CHECK;
/* Between negotiate and start. Largest number of entries that queue `index` may have, 0: there is
 * no such queue, or it is in use. */
unsigned virtio_queue_max(struct virtio *v, unsigned index);
void virtio_queue_set(struct virtio *v, unsigned index, const struct virtio_queue_place *place);
/* The device may use its queues. */
void virtio_start(struct virtio *v);
/* The driver has given up on the device. */
void virtio_fail(struct virtio *v);
/* Tells the device of entries in queue `index`; everything written to memory before is seen by it
 * first. Any context. */
void virtio_notify(struct virtio *v, unsigned index);
/* What the interrupt was for, and acknowledges it. Any context. */
enum { VIRTIO_INTERRUPT_QUEUE = 1, VIRTIO_INTERRUPT_CONFIG = 2 };
uint32_t virtio_interrupt(struct virtio *v);

/* The device's configuration. Values of more than 32 bits are read whole although they may change
 * meanwhile. */
uint32_t virtio_config32(struct virtio *v, size_t offset);
uint64_t virtio_config64(struct virtio *v, size_t offset);

#endif
