// SPDX-License-Identifier: MIT
/*
 * The split virtqueue. Barriers: what a descriptor says before the entry that names it, the entry
 * before the index (2.7.13), the used index before the used entry (2.7.14): all between normal
 * memory and a device, so of the outer shareable domain (DDI 0487, B2.3.10). Where the device is
 * not coherent, cache maintenance by address, completed by its DSB, stands in their place.
 */
#include "drivers/virtio/ring.h"

#include "kernel/errno.h"
#include "kernel/lib/atomic.h"
#include "kernel/lib/string.h"
#include "mm/buddy.h"

#define NUM_MAX 256u
#define ROW_MIN 3u /* header, one piece, status */

/* All little-endian, as the CPU is. */
struct virtq_desc {
	uint64_t addr;
	uint32_t len;
	uint16_t flags, next;
};
#define DESC_NEXT  1u
#define DESC_WRITE 2u

struct virtq_avail {
	uint16_t flags, index;
	uint16_t ring[];
};

struct virtq_used {
	uint16_t flags, index;
	struct {
		uint32_t id, len;
	} ring[];
};

/* Memory as the device will see it: cleaned, or ordered before what is written next. */
static void publish(const struct virtio_ring *r, const void *p, size_t n)
{
	if (r->virtio->coherent)
		hw_dma_wmb();
	else
		hw_dma_clean(p, n);
}

/* Memory as the device has written it. */
static void refresh(const struct virtio_ring *r, volatile void *p, size_t n)
{
	if (!r->virtio->coherent)
		hw_dma_invalidate((void *)(uintptr_t)p, n);
}

/* ---- Set-up ---- */

static size_t driver_bytes(unsigned num)
{
	return num * sizeof(struct virtq_desc) + sizeof(struct virtq_avail) +
	       num * sizeof(uint16_t) + sizeof(uint16_t);
}

static size_t device_bytes(unsigned num)
{
	return sizeof(struct virtq_used) + num * sizeof(((struct virtq_used *)NULL)->ring[0]) +
	       sizeof(uint16_t);
}

static void give(struct virtio_ring *r)
{
	struct virtio_queue_place place = { .num = r->num,
					    .descriptors = virt_to_phys(r->desc),
					    .driver = virt_to_phys(r->avail),
					    .device = virt_to_phys(r->used) };
	size_t size = PAGE_SIZE << r->order;

	memset(r->desc, 0, size);
	r->busy = 0;
	r->nbusy = 0;
	r->avail_index = r->used_index = 0;
	for (unsigned i = 0; i < r->slots * r->row; i++)
		r->desc[i].next = (uint16_t)(i + 1);
	publish(r, r->desc, size);
	virtio_queue_set(r->virtio, r->index, &place);
}

int ring_create(struct virtio_ring *r, struct virtio *v, unsigned index, unsigned row)
{
	unsigned num = MIN(virtio_queue_max(v, index), NUM_MAX);
	size_t driver, size;

	if (num == 0)
		return -ENODEV;
	if (num < ROW_MIN)
		return -EINVAL;
	while (num & (num - 1))
		num &= num - 1; /* the next smaller power of two (2.7) */
	*r = (struct virtio_ring){ .virtio = v, .index = index, .num = num };
	if (num < ROW_MIN)
		return -EINVAL;
	r->row = MIN(row, num);
	r->slots = MIN(num / r->row, RING_SLOTS_MAX);
	driver = ALIGN_UP(driver_bytes(num), PAGE_SIZE);
	size = driver + device_bytes(num);
	while (PAGE_SIZE << r->order < size)
		r->order++;
	r->pages = page_alloc_order(r->order, 0);
	if (!r->pages)
		return -ENOMEM;
	r->desc = page_to_virt(r->pages);
	r->avail = (struct virtq_avail *)(r->desc + num);
	r->used = (struct virtq_used *)((char *)r->desc + driver);
	give(r);
	return 0;
}

void ring_free(struct virtio_ring *r)
{
	page_free(r->pages, r->order);
}

int ring_renew(struct virtio_ring *r)
{
	if (virtio_queue_max(r->virtio, r->index) < r->num)
		return -ENODEV;
	give(r);
	return 0;
}

/* ---- Use ---- */

int ring_slot(const struct virtio_ring *r)
{
	uint32_t idle = ~r->busy & (((uint32_t)1 << r->slots) - 1);

	return idle ? __builtin_ctz(idle) : -1;
}

void ring_piece(struct virtio_ring *r, unsigned slot, unsigned i, phys_addr_t pa, uint32_t n,
		bool write)
{
	struct virtq_desc *d = &r->desc[slot * r->row + i];

	d->addr = pa;
	d->len = n;
	d->flags = DESC_NEXT | (write ? DESC_WRITE : 0);
}

void ring_put(struct virtio_ring *r, unsigned slot, unsigned pieces)
{
	unsigned head = slot * r->row;
	uint16_t *entry = &r->avail->ring[r->avail_index % r->num];

	r->desc[head + pieces - 1].flags &= (uint16_t)~DESC_NEXT;
	publish(r, &r->desc[head], pieces * sizeof(r->desc[0]));
	*entry = (uint16_t)head;
	publish(r, entry, sizeof(*entry));
	r->busy |= (uint32_t)1 << slot;
	r->nbusy++;
	WRITE_ONCE(r->avail->index, ++r->avail_index);
	publish(r, r->avail, sizeof(*r->avail));
	/* The device's wish for fewer notices (2.7.10) is not looked at: a notice costs less than
	 * the barrier and the look. */
	virtio_notify(r->virtio, r->index);
}

int ring_take(struct virtio_ring *r, uint32_t *written)
{
	uint16_t ready, place = (uint16_t)(r->used_index % r->num);
	uint32_t head;

	refresh(r, &r->used->index, sizeof(r->used->index));
	ready = (uint16_t)(READ_ONCE(r->used->index) - r->used_index);
	if (ready == 0)
		return -EAGAIN;
	hw_dma_rmb();
	refresh(r, &r->used->ring[place], sizeof(r->used->ring[place]));
	head = READ_ONCE(r->used->ring[place].id);
	*written = READ_ONCE(r->used->ring[place].len);
	if (ready > r->nbusy || head % r->row != 0 || head / r->row >= r->slots ||
	    !(r->busy >> head / r->row & 1))
		return -EPROTO;
	r->used_index++;
	r->busy &= ~((uint32_t)1 << head / r->row);
	r->nbusy--;
	return (int)(head / r->row);
}
