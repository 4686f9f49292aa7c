// SPDX-License-Identifier: MIT
/*
 * SD hosts of the device tree: the card is where one answers, so every host is tried, and is let go
 * of when there is none. The Raspberry Pi 4 has its slot at a brcm,bcm2711-emmc2; its
 * brcm,bcm2835-sdhci is the radio's, but QEMU's board has the card there. Both share an interrupt.
 * Cards become mmcblk0, mmcblk1 ... in the order of the nodes.
 */
#include "drivers/firmware/raspberrypi.h"
#include "drivers/sdhci/disk.h"
#include "kernel/driver.h"
#include "kernel/errno.h"
#include "kernel/irq.h"
#include "kernel/lib/string.h"
#include "kernel/log.h"
#include "mm/slab.h"

#define WINDOW    0x100
#define SLOTS_MAX 4u
#define MMC_MAJOR 179u /* Linux's */

struct slot {
	struct sdhci_bus bus;
	volatile void *window;
	unsigned irq;
	struct sd_disk disk;
};

static struct spinlock slots_lock = SPINLOCK_INIT; /* slots; interrupts off */
static struct slot *slots[SLOTS_MAX];

static volatile void *window(const struct sdhci_bus *bus)
{
	return container_of(bus, const struct slot, bus)->window;
}

static uint32_t bus_read(const struct sdhci_bus *bus, size_t offset)
{
	return mmio_read32(window(bus), offset);
}

static void bus_write(const struct sdhci_bus *bus, size_t offset, uint32_t value)
{
	mmio_write32(window(bus), offset, value);
}

/* Two words a turn: blocks are even, and most of a card's time on the CPU is spent here. */
static void bus_read_all(const struct sdhci_bus *bus, size_t offset, uint32_t *words, size_t n)
{
	const volatile uint32_t *port = (volatile uint32_t *)window(bus) + offset / 4;
	const uint32_t *end = words + n;

	do {
		words[0] = *port;
		words[1] = *port;
		words += 2;
	} while (words < end);
}

static void bus_write_all(const struct sdhci_bus *bus, size_t offset, const uint32_t *words,
			  size_t n)
{
	volatile uint32_t *port = (volatile uint32_t *)window(bus) + offset / 4;
	const uint32_t *end = words + n;

	do {
		*port = words[0];
		*port = words[1];
		words += 2;
	} while (words < end);
}

static const struct sdhci_bus window_bus = { bus_read, bus_write, bus_read_all, bus_write_all };

/* ---- Interrupts ---- */

static void interrupt(unsigned irq, void *arg)
{
	(void)arg;
	spin_lock(&slots_lock);
	for (unsigned i = 0; i < SLOTS_MAX; i++)
		if (slots[i] && slots[i]->irq == irq)
			(void)sdhci_interrupt(&slots[i]->disk.host);
	spin_unlock(&slots_lock);
}

/* Puts s (NULL: nothing) where `old` is, if it is anywhere. Returns how many slots have that
 * interrupt then, or -ENOSPC. */
static int slot_replace(struct slot *old, struct slot *s, unsigned irq)
{
	uint64_t state = spin_lock_irq(&slots_lock);
	int n = 0, err = -ENOSPC;

	for (unsigned i = 0; i < SLOTS_MAX; i++) {
		if (err && slots[i] == old) {
			slots[i] = s;
			err = 0;
		}
		n += slots[i] && slots[i]->irq == irq;
	}
	spin_unlock_irq(&slots_lock, state);
	return err ? err : n;
}

static int interrupt_add(struct slot *s, bool edge)
{
	int n = slot_replace(NULL, s, s->irq), err;

	if (n < 0 || n > 1)
		return MIN(n, 0);
	err = irq_register(s->irq, edge, interrupt, NULL, "mmc");
	if (err)
		(void)slot_replace(s, NULL, s->irq);
	return err;
}

static void interrupt_remove(struct slot *s)
{
	if (slot_replace(s, NULL, s->irq) == 0)
		irq_unregister(s->irq);
}

/* ---- Probing ---- */

static bool has(const struct device *dev, const char *property)
{
	int len;

	return device_property(dev, property, &len) != NULL;
}

/* The properties that all these bindings share. */
static int host_describe(struct slot *s, const struct device *dev)
{
	struct sdhci *h = &s->disk.host;

	s->bus = window_bus;
	h->bus = &s->bus;
	h->coherent = has(dev, "dma-coherent");
	h->card_detect = !has(dev, "broken-cd") && !has(dev, "non-removable");
	h->no_switch = has(dev, "disable-wp") || has(dev, "non-removable");
	return device_dma(dev, &h->reach);
}

/* A card in s: known to the system when this returns 0. */
static int slot_start(struct slot *s, const struct device *dev, bool edge)
{
	static unsigned disks; /* the walk over the device tree is one task */
	struct block_device *d = &s->disk.device;
	int err;

	(void)format(d->name, sizeof(d->name), "mmcblk%u", disks);
	d->devno = MMC_MAJOR << 20 | disks * (BLOCK_PARTITIONS + 1);
	err = interrupt_add(s, edge);
	if (err)
		return err;
	err = sd_disk_init(&s->disk);
	if (!err) {
		err = block_register(d);
		if (err)
			sd_disk_stop(&s->disk);
	}
	if (err) {
		interrupt_remove(s);
		return err;
	}
	disks++;
	log_info("%s: %ju MB%s at %s, %s, %u kHz, interrupt %u", d->name,
		 (uintmax_t)(d->sectors >> (20 - SECTOR_SHIFT)), d->read_only ? ", read-only," : "",
		 dev->name, s->disk.host.table ? "ADMA2" : "PIO", s->disk.host.hz / 1000, s->irq);
	return 0;
}

static int probe(struct device *dev, const struct sdhci *kind)
{
	phys_addr_t base;
	uint64_t size;
	bool edge;
	struct slot *s;
	int err = device_reg(dev, 0, &base, &size);

	if (err)
		return err;
	if (size < WINDOW)
		return -EINVAL;
	s = kmalloc(sizeof(*s), ALLOC_ZERO);
	if (!s)
		return -ENOMEM;
	s->disk.host = *kind;
	s->window = mmio_map(base, WINDOW);
	err = s->window ? host_describe(s, dev) : -ENOMEM;
	if (!err)
		err = device_irq(dev, 0, &s->irq, &edge);
	if (!err)
		err = slot_start(s, dev, edge);
	if (err)
		kfree(s);
	return err;
}

/* The firmware knows the clocks of Broadcom's; without it the capabilities may. */
static int broadcom_probe(struct device *dev, enum vc_clock clock)
{
	const struct sdhci kind = { .base_hz = vc_clock_rate(clock), .slow_writes = true };

	return probe(dev, &kind);
}

static int emmc2_probe(struct device *dev)
{
	return broadcom_probe(dev, VC_CLOCK_EMMC2);
}

static int emmc_probe(struct device *dev)
{
	return broadcom_probe(dev, VC_CLOCK_EMMC);
}

static int arasan_probe(struct device *dev)
{
	const struct sdhci kind = { 0 };

	return probe(dev, &kind);
}

#define SD_DRIVER(ident, compatible_, probe_)                                                      \
	static const char *const ident##_ids[] = { compatible_, NULL };                            \
	DRIVER(ident) = {                                                                          \
		.name = "sdhci",                                                                   \
		.compatible = ident##_ids,                                                         \
		.stage = DRIVER_DEVICE,                                                            \
		.probe = probe_,                                                                   \
	}

SD_DRIVER(emmc2, "brcm,bcm2711-emmc2", emmc2_probe);
SD_DRIVER(emmc, "brcm,bcm2835-sdhci", emmc_probe);
SD_DRIVER(arasan, "arasan,sdhci-8.9a", arasan_probe);
