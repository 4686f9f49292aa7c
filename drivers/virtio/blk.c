// SPDX-License-Identifier: MIT
/*
 * virtio-blk. A request is a chain of descriptors: a header that says what is wanted, the memory,
 * and a status byte that the device writes (5.2.6). One queue, as many requests in it as the ring
 * has slots; the block layer keeps their order, looks after caches, and ends what hangs.
 *
 * A device is not trusted: a read counts only when the device says to have written all of it
 * (version 1 devices may not know: 2.7.8.2), a status that it did not write is an error, and an
 * answer that fits no request leads to a reset.
 */
#include "drivers/virtio/blk.h"

#include "kernel/errno.h"
#include "kernel/lib/string.h"
#include "kernel/log.h"
#include "mm/buddy.h"

/* Feature bits (5.2.3) */
#define F_SIZE_MAX ((uint64_t)1 << 1)
#define F_SEG_MAX  ((uint64_t)1 << 2)
#define F_RO       ((uint64_t)1 << 5)
#define F_BLK_SIZE ((uint64_t)1 << 6)
#define F_FLUSH    ((uint64_t)1 << 9)
#define F_DISCARD  ((uint64_t)1 << 13)
#define F_WANTED                                                                                   \
	(F_SIZE_MAX | F_SEG_MAX | F_RO | F_BLK_SIZE | F_FLUSH | F_DISCARD | VIRTIO_F_VERSION_1)

/* Configuration (5.2.4) */
enum blk_config {
	CAPACITY = 0, /* 64 bits, in sectors of 512 bytes whatever BLK_SIZE says */
	SIZE_MAX_ = 8,
	SEG_MAX = 12,
	BLK_SIZE = 20,
	MAX_DISCARD_SECTORS = 36,
};

/* Requests (5.2.6) */
enum blk_type { T_IN = 0, T_OUT = 1, T_FLUSH = 4, T_DISCARD = 11 };
enum blk_status { S_OK = 0, S_UNSUPPORTED = 2, S_NONE = 0xff /* ours: not written */ };

struct blk_header {
	uint32_t type, reserved;
	uint64_t sector;
};

struct blk_discard {
	uint64_t sector;
	uint32_t sectors, flags;
};

/* What belongs to a slot besides the request's memory. The status has a cache line to itself,
 * whatever the line size of today's CPUs (at most 128 bytes). */
struct blk_slot {
	struct blk_header header;
	struct blk_discard discard;
	uint8_t pad[96];
	uint8_t status;
	uint8_t pad2[127];
};
_Static_assert(sizeof(struct blk_slot) == 256 && offsetof(struct blk_slot, status) == 128,
	       "the device's part of a slot lies alone");
_Static_assert(RING_SLOTS_MAX * sizeof(struct blk_slot) <= PAGE_SIZE, "slots fit a page");

#define SEGMENTS   30u /* with header and status a row of 32 */
#define ROW_OTHERS 2u  /* pieces of a row that are not segments */

static struct blk_slot *slot_of(const struct virtio_blk *b, unsigned slot)
{
	return (struct blk_slot *)page_to_virt(b->page) + slot;
}

static struct virtio_blk *blk_of(struct block_device *d)
{
	return container_of(d, struct virtio_blk, device);
}

/* ---- Requests ---- */

static enum blk_type type_of(enum block_op op)
{
	switch (op) {
	case BLOCK_READ: return T_IN;
	case BLOCK_WRITE: return T_OUT;
	case BLOCK_DISCARD: return T_DISCARD;
	default: return T_FLUSH;
	}
}

/* The request's pieces from number n on; returns the number behind. */
static unsigned add_pieces(struct virtio_blk *b, unsigned slot, const struct block_request *r,
			   unsigned n)
{
	struct blk_slot *s = slot_of(b, slot);

	for (unsigned i = 0; i < r->nsegments; i++)
		ring_piece(&b->ring, slot, n++, virt_to_phys(r->segments[i].kva),
			   r->segments[i].bytes, r->op == BLOCK_READ);
	if (r->op == BLOCK_DISCARD) {
		s->discard =
			(struct blk_discard){ .sector = r->disk_sector, .sectors = r->sectors };
		ring_piece(&b->ring, slot, n++, virt_to_phys(&s->discard), sizeof(s->discard),
			   false);
	}
	return n;
}

/* About 20 instructions per segment. */
static int blk_start(struct block_device *d, struct block_request *r)
{
	struct virtio_blk *b = blk_of(d);
	bool ranged = r->op == BLOCK_READ || r->op == BLOCK_WRITE;
	struct blk_slot *s;
	unsigned n;
	int slot;

	spin_lock(&b->lock);
	slot = ring_slot(&b->ring);
	ASSERT(slot >= 0); /* depth is the number of slots */
	s = slot_of(b, (unsigned)slot);
	s->header = (struct blk_header){ .type = type_of(r->op),
					 .sector = ranged ? r->disk_sector : 0 };
	s->status = S_NONE;
	ring_piece(&b->ring, (unsigned)slot, 0, virt_to_phys(&s->header), sizeof(s->header), false);
	n = add_pieces(b, (unsigned)slot, r, 1);
	ring_piece(&b->ring, (unsigned)slot, n++, virt_to_phys(&s->status), 1, true);
	if (!b->virtio.coherent)
		hw_dma_clean(s, sizeof(*s));
	r->slot = (unsigned)slot;
	b->requests[slot] = r;
	ring_put(&b->ring, (unsigned)slot, n);
	spin_unlock(&b->lock);
	return 0;
}

static int answer_of(const struct virtio_blk *b, const struct block_request *r, uint32_t written)
{
	struct blk_slot *s = slot_of(b, r->slot);
	uint32_t expected = 1 + (r->op == BLOCK_READ ? r->sectors << SECTOR_SHIFT : 0);

	if (!b->virtio.coherent)
		hw_dma_invalidate(&s->status, sizeof(s->status));
	switch (READ_ONCE(s->status)) {
	case S_OK: return b->virtio.version > 1 && written != expected ? -EIO : 0;
	case S_UNSUPPORTED: return r->op == BLOCK_DISCARD ? -EOPNOTSUPP : -EIO;
	default: return -EIO;
	}
}

static void blk_collect(struct block_device *d)
{
	struct virtio_blk *b = blk_of(d);

	for (;;) {
		uint64_t irq = spin_lock_irq(&b->lock);
		uint32_t written;
		int slot = ring_take(&b->ring, &written), status = 0;
		struct block_request *r = NULL;

		if (slot >= 0) {
			r = b->requests[slot];
			status = answer_of(b, r, written);
		}
		spin_unlock_irq(&b->lock, irq);
		if (slot == -EPROTO)
			block_distrust(d);
		if (!r)
			return;
		block_complete(r, status);
	}
}

void virtio_blk_interrupt(struct virtio_blk *b)
{
	uint32_t why = virtio_interrupt(&b->virtio);

	if (why & VIRTIO_INTERRUPT_QUEUE)
		block_interrupt(&b->device);
	if (why & VIRTIO_INTERRUPT_CONFIG)
		log_warn("%s: its size or settings change; they count from the next boot on",
			 b->device.name);
}

/* ---- Set-up ---- */

static int blk_reset(struct block_device *d)
{
	struct virtio_blk *b = blk_of(d);
	int err = virtio_reset(&b->virtio);

	if (err)
		return err;
	err = virtio_negotiate(&b->virtio, F_WANTED);
	if (!err && b->virtio.features != b->features)
		err = -ENODEV; /* not what it was */
	if (!err)
		err = ring_renew(&b->ring);
	if (err) {
		virtio_fail(&b->virtio);
		return -ENODEV;
	}
	virtio_start(&b->virtio);
	return 0;
}

static const struct block_ops blk_ops = {
	.start = blk_start,
	.collect = blk_collect,
	.reset = blk_reset,
};

/* Limits and properties, by what was agreed on. 0 or -EINVAL (logged). */
static int configure(struct virtio_blk *b, const char *name)
{
	struct virtio *v = &b->virtio;
	struct block_device *d = &b->device;
	uint32_t segment = v->features & F_SIZE_MAX ? virtio_config32(v, SIZE_MAX_) : UINT32_MAX;
	uint32_t segments = v->features & F_SEG_MAX ? virtio_config32(v, SEG_MAX) : SEGMENTS;

	d->block_size = v->features & F_BLK_SIZE ? virtio_config32(v, BLK_SIZE) : SECTOR_SIZE;
	if (d->block_size < SECTOR_SIZE || d->block_size > PAGE_SIZE ||
	    (d->block_size & (d->block_size - 1)) || segment < PAGE_SIZE) {
		log_error("%s: blocks of %u bytes, pieces of %u: a disk that cannot be used", name,
			  d->block_size, segment);
		return -EINVAL;
	}
	d->sectors = virtio_config64(v, CAPACITY);
	d->sectors -= d->sectors % (d->block_size >> SECTOR_SHIFT);
	d->read_only = v->features & F_RO;
	d->write_cache = v->features & F_FLUSH;
	d->coherent = v->coherent;
	d->max_segments = MAX(MIN(segments, SEGMENTS), 1u);
	d->max_segment = (uint32_t)ALIGN_DOWN(MIN(segment, BLOCK_REQUEST_MAX), PAGE_SIZE);
	d->max_discard = v->features & F_DISCARD ? virtio_config32(v, MAX_DISCARD_SECTORS) : 0;
	d->max_discard -= d->max_discard % (d->block_size >> SECTOR_SHIFT);
	d->can_discard = d->max_discard > 0;
	d->ops = &blk_ops;
	if (d->sectors == 0) {
		log_error("%s: a disk without a block", name);
		return -EINVAL;
	}
	return 0;
}

static int set_up(struct virtio_blk *b, const char *name)
{
	struct block_device *d = &b->device;
	int err = virtio_negotiate(&b->virtio, F_WANTED);

	if (err) {
		log_error("%s: the device does not agree on features", name);
		return err;
	}
	b->features = b->virtio.features;
	err = configure(b, name);
	if (!err)
		err = ring_create(&b->ring, &b->virtio, 0, d->max_segments + ROW_OTHERS);
	if (err)
		return err;
	d->max_segments = MIN(d->max_segments, b->ring.row - ROW_OTHERS);
	d->depth = b->ring.slots;
	return 0;
}

int virtio_blk_init(struct virtio_blk *b, const char *name)
{
	int err = virtio_reset(&b->virtio);

	if (err)
		return err;
	spin_init(&b->lock);
	b->page = page_alloc(ALLOC_ZERO);
	if (!b->page)
		return -ENOMEM;
	err = set_up(b, name);
	if (err) {
		virtio_fail(&b->virtio);
		page_free(b->page, 0);
		return err;
	}
	virtio_start(&b->virtio);
	return 0;
}

void virtio_blk_stop(struct virtio_blk *b)
{
	if (virtio_reset(&b->virtio))
		return; /* its memory stays with it */
	ring_free(&b->ring);
	page_free(b->page, 0);
}
