// SPDX-License-Identifier: MIT
/*
 * CFI flash of the device tree (binding cfi-flash): each reg range is a bank, named pflash0,
 * pflash1 ... in the order found. Only banks that mtdparts= speaks of, or without that the device
 * tree's own partitions, are touched: another one may hold the firmware that is running, and
 * mapping a bank costs memory.
 *
 * The window is Device-nGnRE memory: commands reach the chips one by one and in order (Arm ARM DDI
 * 0487, B2.7.2). So the array is read with aligned 32-bit loads, and nothing is written with 64-bit
 * stores, which the bus would split into two commands.
 */
#include "drivers/flash/cfi.h"
#include "drivers/flash/mtdparts.h"
#include "kernel/driver.h"
#include "kernel/errno.h"
#include "kernel/lib/string.h"
#include "kernel/log.h"
#include "kernel/mtd.h"
#include "mm/slab.h"

#define PARTS_MAX 8
#define TEXT_MAX  256

struct bank {
	struct cfi_bus bus;
	struct cfi_chip chip;
	volatile void *window;
	char name[16];
};

static volatile void *window(const struct cfi_bus *bus)
{
	return container_of(bus, const struct bank, bus)->window;
}

static uint32_t bus_read(const struct cfi_bus *bus, size_t offset)
{
	return mmio_read32(window(bus), offset);
}

static void bus_write(const struct cfi_bus *bus, size_t offset, uint32_t value)
{
	mmio_write32(window(bus), offset, value);
}

static void bus_copy(const struct cfi_bus *bus, size_t offset, void *buf, size_t words)
{
	const volatile uint32_t *from =
		(const volatile uint32_t *)((volatile char *)window(bus) + offset);
	char *to = buf;
	size_t i = 0;

	for (; i + 4 <= words; i += 4) {
		uint32_t v[4] = { from[i], from[i + 1], from[i + 2], from[i + 3] };

		memcpy(to + 4 * i, v, sizeof(v));
	}
	for (; i < words; i++) {
		uint32_t v = from[i];

		memcpy(to + 4 * i, &v, sizeof(v));
	}
}

/* One partition: known to the system when this returns 0. */
static int part_add(struct bank *b, const struct mtdpart *part)
{
	struct cfi_part *p = kmalloc(sizeof(*p), ALLOC_ZERO);
	int err;

	if (!p)
		return -ENOMEM;
	string_copy(p->name, part->name, sizeof(p->name));
	err = cfi_part_init(p, &b->chip, part->offset, part->size);
	p->medium.read_only = part->read_only;
	if (err)
		log_error("%s: %s is not whole erase blocks of %u KB: left out", b->name,
			  part->name, b->chip.regions[0].block_size / 1024);
	else
		err = mtd_add(&p->medium);
	if (err)
		kfree(p);
	return err;
}

static int bank_start(struct bank *b, phys_addr_t base, uint64_t size, const struct mtdpart *parts,
		      int n)
{
	int err;

	b->bus = (struct cfi_bus){ bus_read, bus_write, bus_copy };
	b->window = mmio_map(base, size);
	if (!b->window)
		return -ENOMEM;
	err = cfi_probe(&b->chip, &b->bus, b->name, size);
	if (err) {
		log_error("%s: no flash that this kernel can use, error %d", b->name, -err);
		return err;
	}
	log_info("%s: %u KB of flash, %u KB per erase, %u bytes per program", b->name,
		 (unsigned)(b->chip.size / 1024), b->chip.regions[0].block_size / 1024,
		 b->chip.buffer);
	for (int i = 0; i < n; i++)
		if (part_add(b, &parts[i]) == -ENOMEM)
			return -ENOMEM;
	return 0;
}

/* The parts that the device tree has within [start, start + size) of the whole device. */
static int tree_parts(const struct device *dev, uint64_t start, uint64_t size,
		      struct mtdpart *parts)
{
	struct device_part found;
	int n = 0, err;

	for (unsigned i = 0; (err = device_partition(dev, i, &found)) != -ENOENT; i++) {
		bool good = err == 0 && found.size > 0 && n < PARTS_MAX;

		if (err == 0 && found.offset - start >= size)
			continue; /* another bank's */
		good = good && found.size <= size - (found.offset - start);
		for (int k = 0; good && k < n; k++)
			good = found.offset - start >= parts[k].offset + parts[k].size ||
			       parts[k].offset >= found.offset - start + found.size;
		if (!good) {
			log_error(
				"%s: partition %u of the device tree is malformed, too long, over another one, or one too many: left out",
				dev->name, i);
			continue;
		}
		parts[n].offset = found.offset - start;
		parts[n].size = found.size;
		parts[n].read_only = found.read_only;
		string_copy(parts[n++].name, found.label, sizeof(parts[0].name));
	}
	return n;
}

/* Banks stay for good, also when only some of their partitions could be had. text: mtdparts=, or
 * NULL; start: where the bank begins in dev. */
static int bank_probe(const struct device *dev, unsigned number, phys_addr_t base, uint64_t start,
		      uint64_t size, const char *text)
{
	struct mtdparts_error wrong;
	struct mtdpart parts[PARTS_MAX];
	struct bank *b;
	char name[16];
	int n, err;

	(void)format(name, sizeof(name), "pflash%u", number);
	if (text == NULL)
		n = tree_parts(dev, start, size, parts);
	else if ((n = mtdparts_parse(text, name, size, parts, PARTS_MAX, &wrong)) < 0)
		log_error("mtdparts=: %s, at \"%s\": no flash is used", wrong.what,
			  text + wrong.where);
	if (n <= 0)
		return n;
	b = kmalloc(sizeof(*b), ALLOC_ZERO);
	if (!b)
		return -ENOMEM;
	string_copy(b->name, name, sizeof(b->name));
	err = bank_start(b, base, size, parts, n);
	if (err && err != -ENOMEM)
		kfree(b);
	return err;
}

static int cfi_device_probe(struct device *dev)
{
	static unsigned banks; /* the walk over the device tree is one task */
	char text[TEXT_MAX];
	bool given = cmdline_get("mtdparts", text, sizeof(text));
	uint64_t size, start = 0;
	phys_addr_t base;

	if (!given && device_partition(dev, 0, &(struct device_part){ 0 }) == -ENOENT)
		return -ENODEV;
	if (device_u32(dev, "bank-width", 4) != 4) {
		log_error("%s: only flash on a 32-bit bus can be used", dev->name);
		return -ENODEV;
	}
	for (unsigned i = 0; device_reg(dev, i, &base, &size) == 0; i++, start += size) {
		int err = bank_probe(dev, banks++, base, start, size, given ? text : NULL);

		if (err)
			return -ENODEV; /* said already */
	}
	return 0;
}

static const char *const cfi_ids[] = { "cfi-flash", NULL };

DRIVER(cfi) = {
	.name = "cfi",
	.compatible = cfi_ids,
	.stage = DRIVER_DEVICE,
	.probe = cfi_device_probe,
};
