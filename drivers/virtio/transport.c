// SPDX-License-Identifier: MIT
// The virtio-mmio registers (Virtual I/O Device 1.2, 4.2.2 and for version 1 4.2.4) and the order
// of initialisation (3.1.1).
#include "drivers/virtio/transport.h"

#include "arch/hw.h"
#include "kernel/errno.h"
#include "kernel/time.h"
#include "kernel/waitq.h"

enum virtio_register {
	MAGIC = 0x000, /* "virt" */
	VERSION = 0x004,
	DEVICE_ID = 0x008,
	DEVICE_FEATURES = 0x010,
	DEVICE_FEATURES_SEL = 0x014,
	DRIVER_FEATURES = 0x020,
	DRIVER_FEATURES_SEL = 0x024,
	GUEST_PAGE_SIZE = 0x028, /* version 1 */
	QUEUE_SEL = 0x030,
	QUEUE_NUM_MAX = 0x034,
	QUEUE_NUM = 0x038,
	QUEUE_ALIGN = 0x03c, /* version 1 */
	QUEUE_PFN = 0x040,   /* version 1 */
	QUEUE_READY = 0x044,
	QUEUE_NOTIFY = 0x050,
	INTERRUPT_STATUS = 0x060,
	INTERRUPT_ACK = 0x064,
	STATUS = 0x070,
	QUEUE_DESC_LOW = 0x080,
	QUEUE_DESC_HIGH = 0x084,
	QUEUE_DRIVER_LOW = 0x090,
	QUEUE_DRIVER_HIGH = 0x094,
	QUEUE_DEVICE_LOW = 0x0a0,
	QUEUE_DEVICE_HIGH = 0x0a4,
	CONFIG_GENERATION = 0x0fc,
	CONFIG = 0x100,
};

/* Status (2.1) */
#define ACKNOWLEDGE 1u
#define DRIVER_     2u
#define DRIVER_OK   4u
#define FEATURES_OK 8u
#define FAILED      128u

#define MAGIC_VALUE 0x74726976u
#define RESET_LIMIT NSEC_PER_SEC
#define RESET_STEP  NSEC_PER_MSEC
/* tries; a configuration that changes faster than it is read makes no sense */
#define GENERATION_MAX 16

static uint32_t get(const struct virtio *v, size_t offset)
{
	return v->bus->read(v->bus, offset, 4);
}

static void put(const struct virtio *v, size_t offset, uint32_t value)
{
	v->bus->write(v->bus, offset, value);
}

static void put64(const struct virtio *v, size_t low, uint64_t value)
{
	put(v, low, (uint32_t)value);
	put(v, low + 4, (uint32_t)(value >> 32));
}

int virtio_identify(struct virtio *v, const struct virtio_bus *bus)
{
	v->bus = bus;
	if (get(v, MAGIC) != MAGIC_VALUE)
		return -ENODEV;
	v->version = get(v, VERSION);
	if (v->version != 1 && v->version != 2)
		return -EINVAL;
	v->id = get(v, DEVICE_ID);
	return v->id == VIRTIO_ID_NONE ? -ENODEV : 0;
}

int virtio_reset(struct virtio *v)
{
	uint64_t limit = time_now() + RESET_LIMIT;

	put(v, STATUS, 0);
	while (get(v, STATUS) != 0) {
		if (time_now() >= limit)
			return -EBUSY;
		(void)time_sleep_until(time_now() + RESET_STEP, WAIT_UNINTERRUPTIBLE);
	}
	return 0;
}

static uint64_t features_offered(struct virtio *v)
{
	uint64_t low;

	put(v, DEVICE_FEATURES_SEL, 0);
	low = get(v, DEVICE_FEATURES);
	if (v->version == 1)
		return low;
	put(v, DEVICE_FEATURES_SEL, 1);
	return low | (uint64_t)get(v, DEVICE_FEATURES) << 32;
}

int virtio_negotiate(struct virtio *v, uint64_t wanted)
{
	put(v, STATUS, ACKNOWLEDGE);
	put(v, STATUS, ACKNOWLEDGE | DRIVER_);
	v->features = features_offered(v) & wanted;
	put(v, DRIVER_FEATURES_SEL, 0);
	put(v, DRIVER_FEATURES, (uint32_t)v->features);
	if (v->version == 1) {
		put(v, GUEST_PAGE_SIZE, PAGE_SIZE);
		return 0;
	}
	put(v, DRIVER_FEATURES_SEL, 1);
	put(v, DRIVER_FEATURES, (uint32_t)(v->features >> 32));
	if (!(v->features & VIRTIO_F_VERSION_1))
		return -EINVAL;
	put(v, STATUS, ACKNOWLEDGE | DRIVER_ | FEATURES_OK);
	return get(v, STATUS) & FEATURES_OK ? 0 : -EINVAL;
}

unsigned virtio_queue_max(struct virtio *v, unsigned index)
{
	put(v, QUEUE_SEL, index);
	if (get(v, v->version == 1 ? QUEUE_PFN : QUEUE_READY) != 0)
		return 0;
	return get(v, QUEUE_NUM_MAX);
}

void virtio_queue_set(struct virtio *v, unsigned index, const struct virtio_queue_place *place)
{
	put(v, QUEUE_SEL, index);
	put(v, QUEUE_NUM, place->num);
	if (v->version == 1) {
		put(v, QUEUE_ALIGN, PAGE_SIZE);
		put(v, QUEUE_PFN, (uint32_t)(place->descriptors >> PAGE_SHIFT));
		return;
	}
	put64(v, QUEUE_DESC_LOW, place->descriptors);
	put64(v, QUEUE_DRIVER_LOW, place->driver);
	put64(v, QUEUE_DEVICE_LOW, place->device);
	/* What the queue holds is in memory before the device may look (DDI 0487, B2.3: DMB OSHST
	 * orders it before the store to the device). */
	hw_dma_wmb();
	put(v, QUEUE_READY, 1);
}

void virtio_start(struct virtio *v)
{
	hw_dma_wmb();
	put(v, STATUS, get(v, STATUS) | DRIVER_OK);
}

void virtio_fail(struct virtio *v)
{
	put(v, STATUS, get(v, STATUS) | FAILED);
}

void virtio_notify(struct virtio *v, unsigned index)
{
	hw_dma_wmb();
	put(v, QUEUE_NOTIFY, index);
}

uint32_t virtio_interrupt(struct virtio *v)
{
	uint32_t why = get(v, INTERRUPT_STATUS);

	if (why)
		put(v, INTERRUPT_ACK, why);
	return why;
}

/* Version 1 has no generations, and configuration is read byte by byte (4.2.4). */
static uint32_t config_read(struct virtio *v, size_t offset)
{
	uint32_t value = 0;

	if (v->version != 1)
		return get(v, CONFIG + offset);
	for (unsigned i = 0; i < 4; i++)
		value |= v->bus->read(v->bus, CONFIG + offset + i, 1) << 8 * i;
	return value;
}

uint32_t virtio_config32(struct virtio *v, size_t offset)
{
	return config_read(v, offset);
}

/* Version 1: twice the same is taken for whole. */
uint64_t virtio_config64(struct virtio *v, size_t offset)
{
	uint64_t value = 0, last;
	uint32_t generation = 0, before;

	for (unsigned i = 0; i < GENERATION_MAX; i++) {
		last = value;
		before = v->version == 1 ? 0 : get(v, CONFIG_GENERATION);
		value = config_read(v, offset) | (uint64_t)config_read(v, offset + 4) << 32;
		generation = v->version == 1 ? 0 : get(v, CONFIG_GENERATION);
		if (before == generation && (v->version != 1 || (i > 0 && last == value)))
			break;
	}
	return value;
}
