// SPDX-License-Identifier: MIT
/*
 * virtio devices of the device tree (binding virtio,mmio): a window of registers and an interrupt
 * each; most windows of a virtual machine are empty. Disks become vda, vdb ... in the order of
 * their nodes.
 */
#include "drivers/virtio/blk.h"
#include "kernel/driver.h"
#include "kernel/errno.h"
#include "kernel/irq.h"
#include "kernel/lib/string.h"
#include "kernel/log.h"
#include "mm/slab.h"

#define WINDOW    0x200 /* registers and the start of the configuration */
#define DISKS_MAX 26u

struct slot {
	struct virtio_bus bus;
	volatile void *window;
	struct virtio_blk blk;
};

static volatile void *window(const struct virtio_bus *bus)
{
	return container_of(bus, const struct slot, bus)->window;
}

static uint32_t bus_read(const struct virtio_bus *bus, size_t offset, unsigned width)
{
	if (width == 1)
		return *((volatile const uint8_t *)window(bus) + offset);
	return mmio_read32(window(bus), offset);
}

static void bus_write(const struct virtio_bus *bus, size_t offset, uint32_t value)
{
	mmio_write32(window(bus), offset, value);
}

static void interrupt(unsigned irq, void *arg)
{
	(void)irq;
	virtio_blk_interrupt(arg);
}

/* A disk that runs, with its interrupt: known to the system when this returns 0. */
static int disk_add(struct virtio_blk *b, unsigned irq, bool edge)
{
	struct block_device *d = &b->device;
	int err = irq_register(irq, edge, interrupt, b, d->name);

	if (err)
		return err;
	err = block_register(d);
	if (err) {
		irq_unregister(irq);
		return err;
	}
	log_info("%s: %ju MB on virtio%s%s, interrupt %u", d->name,
		 (uintmax_t)(d->sectors >> (20 - SECTOR_SHIFT)),
		 b->virtio.version == 1 ? " (version 1)" : "", d->read_only ? ", read-only" : "",
		 irq);
	return 0;
}

static int disk_start(struct slot *s, struct device *dev)
{
	static unsigned disks; /* the walk over the device tree is one task */
	struct block_device *d = &s->blk.device;
	unsigned irq;
	bool edge;
	int err = device_irq(dev, 0, &irq, &edge);

	if (!err && disks == DISKS_MAX)
		err = -ENOSPC;
	if (err)
		return err;
	(void)format(d->name, sizeof(d->name), "vd%c", 'a' + (int)disks);
	d->devno = BLOCK_MAJOR << 20 | disks * (BLOCK_PARTITIONS + 1);
	err = virtio_blk_init(&s->blk, d->name);
	if (err)
		return err;
	err = disk_add(&s->blk, irq, edge);
	if (err)
		virtio_blk_stop(&s->blk);
	else
		disks++;
	return err;
}

static int virtio_probe(struct device *dev)
{
	struct slot *s;
	phys_addr_t base;
	uint64_t size;
	int err = device_reg(dev, 0, &base, &size), len;

	if (err)
		return err;
	if (size < WINDOW)
		return -EINVAL;
	s = kmalloc(sizeof(*s), ALLOC_ZERO);
	if (!s)
		return -ENOMEM;
	s->bus = (struct virtio_bus){ bus_read, bus_write };
	s->window = mmio_map(base, WINDOW);
	err = s->window ? virtio_identify(&s->blk.virtio, &s->bus) : -ENOMEM;
	s->blk.virtio.coherent = device_property(dev, "dma-coherent", &len) != NULL;
	if (!err && s->blk.virtio.id != VIRTIO_ID_BLOCK)
		err = -ENODEV;
	if (!err)
		err = disk_start(s, dev);
	if (err)
		kfree(s);
	return err;
}

static const char *const virtio_ids[] = { "virtio,mmio", NULL };

DRIVER(virtio) = {
	.name = "virtio",
	.compatible = virtio_ids,
	.stage = DRIVER_DEVICE,
	.probe = virtio_probe,
};
