// SPDX-License-Identifier: MIT
/*
 * A virtio-mmio block device, stricter than QEMU's (Virtual I/O Device 1.2): registers of version 1
 * or 2, one split queue, a disk behind it.
 *
 *   rules that fail the test    registers of the other version, written in the wrong state or
 *                               order; status bits out of order or taken back; features that were
 *                               not offered; a queue of a wrong size, alignment or place, or
 *                               changed while in use; a notice before DRIVER_OK; configuration read
 *                               in another width than the fields'; a descriptor that is out of
 *                               range, in a circle, not in RAM, owned by the device already, or
 *                               changed while the device has it; a device-readable piece behind a
 *                               writable one; a request of a wrong shape, outside the disk, or of a
 *                               feature not agreed on; and what dma.h checks when it is not
 *                               coherent
 *   failures                    the fields below "How it fails"
 */
#ifndef TESTS_MOCK_VIRTIO_H
#define TESTS_MOCK_VIRTIO_H

#include "drivers/virtio/transport.h"

#define MOCK_VIRTIO_NUM 1024
#define MOCK_VIRTIO_ROW 64

struct mock_virtio {
	struct virtio_bus bus;

	/* What it is: change before virtio_identify(). */
	unsigned version, queue_max;
	uint32_t id;
	bool coherent;
	uint64_t offers; /* features */
	uint64_t sectors;
	uint32_t size_max, seg_max, block_size, discard_max;
	uint8_t *cells;

	/* How it fails. */
	bool tolerant;           /* broken rules are counted only */
	bool hangs;              /* takes requests, answers none */
	bool no_reset;           /* goes on after a reset */
	bool disagrees;          /* FEATURES_OK does not stick */
	bool no_status;          /* leaves the status byte alone */
	uint8_t status_is;       /* what requests end with, 0: as they should */
	int32_t written_off;     /* added to the number of bytes written */
	bool wrong_id;           /* names a descriptor that heads no request */
	uint16_t jump;           /* the used index goes so far too far, once */
	bool twice;              /* gives each request back twice */
	bool backwards;          /* the last request first */
	unsigned config_changes; /* that many reads of the configuration find it changed after */

	/* What has happened. */
	unsigned violations, resets, notices, requests, flushes, discards;
	char what[200]; /* the first violation */

	/* Registers. */
	uint32_t status, device_sel, driver_sel, queue_sel, interrupt, generation, page_size, align;
	uint64_t driver_features, parts[3]; /* descriptors, driver area, device area */
	uint32_t num, ready;
	/* The queue. */
	uint16_t avail_seen, used_index;
	unsigned nheld;
	struct mock_chain {
		uint16_t head;
		unsigned n;
		struct {
			uint64_t addr;
			uint32_t len;
			uint16_t flags, next;
		} d[MOCK_VIRTIO_ROW];
		uint16_t index[MOCK_VIRTIO_ROW];
	} held[MOCK_VIRTIO_NUM / 2]; /* taken from the driver, not answered */
};

/* A disk of so many sectors, version 2, not coherent, everything offered that QEMU offers, no
 * failures. */
void mock_virtio_init(struct mock_virtio *m, uint64_t sectors);
void mock_virtio_free(struct mock_virtio *m);
/* Answers up to n requests; the interrupt is pending afterwards when there was one. Returns how
 * many. */
unsigned mock_virtio_run(struct mock_virtio *m, unsigned n);

#endif
