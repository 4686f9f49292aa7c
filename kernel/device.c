// SPDX-License-Identifier: MIT
/*
 * Devices of the device tree: finding drivers for nodes, and what drivers ask about their node.
 * Addresses are translated bus by bus up to the root (Devicetree Specification 0.4, 2.3.8 ranges),
 * interrupts are those of a GIC (three cells: kind, number, flags; binding arm,gic).
 */
#include <libfdt.h>

#include "kernel/driver.h"
#include "kernel/dt.h"
#include "kernel/errno.h"
#include "kernel/lib/string.h"
#include "kernel/log.h"
#include "mm/dma.h"
#include "mm/kmap.h"

extern const struct driver *const drivers_start[], *const drivers_end[];

#define GIC_CELLS     3
#define GIC_KIND_SPI  0
#define GIC_KIND_PPI  1
#define GIC_FIRST_PPI 16
#define GIC_FIRST_SPI 32
#define IRQ_FLAG_EDGE 3 /* rising or falling */

/* One entry of ranges or dma-ranges: [from, from + size) of the bus's children is at `to` for its
 * parent. */
struct bus_range {
	uint64_t from, to, size;
};

#define SAME_ADDRESSES 1

/* The i-th. 0; SAME_ADDRESSES: the property is empty; -ENOENT: the bus has none; -EINVAL: it ends
 * before, or cannot be read. */
static int bus_range(int bus, int parent, const char *name, int i, struct bus_range *range)
{
	int len, child_ac = dt_address_cells(bus), parent_ac = dt_address_cells(parent),
		 sc = dt_size_cells(bus);
	const fdt32_t *r = fdt_getprop(dt_blob(), bus, name, &len);

	if (!r)
		return -ENOENT;
	if (len == 0)
		return SAME_ADDRESSES;
	if (child_ac < 1 || child_ac > 2 || parent_ac < 1 || parent_ac > 2 || sc < 1 || sc > 2)
		return -EINVAL;
	if ((i + 1) * (child_ac + parent_ac + sc) * 4 > len)
		return -EINVAL;
	r += i * (child_ac + parent_ac + sc);
	range->from = dt_read_cells(r, child_ac);
	range->to = dt_read_cells(r + child_ac, parent_ac);
	range->size = dt_read_cells(r + child_ac + parent_ac, sc);
	return 0;
}

/* Through one bus: addr as the bus's children see it becomes what its parent sees. */
static int translate_bus(int bus, int parent, uint64_t *addr)
{
	struct bus_range r;
	int err;

	for (int i = 0; (err = bus_range(bus, parent, "ranges", i, &r)) == 0; i++)
		if (*addr - r.from < r.size) {
			*addr += r.to - r.from;
			return 0;
		}
	return err == SAME_ADDRESSES ? 0 : err; /* -ENOENT: its children are not memory mapped */
}

int device_reg(const struct device *dev, unsigned i, phys_addr_t *base, uint64_t *size)
{
	const void *fdt = dt_blob();
	int bus = fdt_parent_offset(fdt, dev->node), len, ac, sc, parent;
	const fdt32_t *reg = fdt_getprop(fdt, dev->node, "reg", &len);

	if (!reg || bus < 0)
		return -ENOENT;
	ac = dt_address_cells(bus);
	sc = dt_size_cells(bus);
	if (ac < 1 || ac > 2 || sc < 0 || sc > 2)
		return -EINVAL;
	if ((int64_t)(i + 1) * (ac + sc) * 4 > len)
		return -ENOENT;
	*base = dt_read_cells(reg + i * (unsigned)(ac + sc), ac);
	*size = dt_read_cells(reg + i * (unsigned)(ac + sc) + ac, sc);
	for (; (parent = fdt_parent_offset(fdt, bus)) >= 0; bus = parent) {
		int err = translate_bus(bus, parent, base);

		if (err)
			return err;
	}
	return 0;
}

/* The part of reach that lies in the children's range, as the parent sees it. */
static int reach_through(struct dma_reach *reach, const struct bus_range *r)
{
	uint64_t start = MAX(reach->base, r->from);
	uint64_t last = MIN(reach->base + (reach->size - 1), r->from + (r->size - 1));

	if (r->size == 0 || start > last)
		return -EINVAL;
	reach->bus += start - reach->base;
	reach->base = start - r->from + r->to;
	reach->size = last - start + 1;
	return 0;
}

int device_dma(const struct device *dev, struct dma_reach *reach)
{
	int bus = fdt_parent_offset(dt_blob(), dev->node), parent, err = 0;
	struct bus_range r;

	*reach = (struct dma_reach){ .size = UINT64_MAX };
	for (; !err && (parent = fdt_parent_offset(dt_blob(), bus)) >= 0; bus = parent) {
		err = bus_range(bus, parent, "dma-ranges", 0, &r);
		if (err == 0)
			err = reach_through(reach, &r);
		else if (err != -EINVAL)
			err = 0; /* no property: the same addresses, too */
	}
	return err;
}

int device_partition(const struct device *dev, unsigned i, struct device_part *part)
{
	const void *fdt = dt_blob();
	int table = fdt_subnode_offset(fdt, dev->node, "partitions"), node, len, ac, sc;
	const fdt32_t *reg;

	if (table < 0 || fdt_node_check_compatible(fdt, table, "fixed-partitions") != 0)
		return -ENOENT;
	for (node = fdt_first_subnode(fdt, table); node >= 0 && i > 0; i--)
		node = fdt_next_subnode(fdt, node);
	if (node < 0)
		return -ENOENT;
	ac = dt_address_cells(table);
	sc = dt_size_cells(table);
	reg = fdt_getprop(fdt, node, "reg", &len);
	part->label = fdt_getprop(fdt, node, "label", NULL);
	if (!part->label)
		part->label = fdt_get_name(fdt, node, NULL);
	if (!reg || ac < 1 || ac > 2 || sc < 1 || sc > 2 || len != (ac + sc) * 4)
		return -EINVAL;
	part->offset = dt_read_cells(reg, ac);
	part->size = dt_read_cells(reg + ac, sc);
	part->read_only = fdt_getprop(fdt, node, "read-only", NULL) != NULL;
	return 0;
}

/* The node that a node's plain interrupts go to: its own interrupt-parent, or the nearest one
 * above. */
static int interrupt_parent(int node)
{
	const void *fdt = dt_blob();

	for (; node >= 0; node = fdt_parent_offset(fdt, node)) {
		int phandle = dt_number(node, "interrupt-parent", -1);

		if (phandle > 0)
			return fdt_node_offset_by_phandle(fdt, (uint32_t)phandle);
	}
	return -1;
}

static int decode_gic(int controller, const fdt32_t *c, unsigned *irq, bool *edge)
{
	uint32_t kind = fdt32_to_cpu(c[0]), number = fdt32_to_cpu(c[1]);

	if (!fdt_getprop(dt_blob(), controller, "interrupt-controller", NULL) || number > 987)
		return -EINVAL;
	*edge = fdt32_to_cpu(c[2]) & IRQ_FLAG_EDGE;
	if (kind == GIC_KIND_SPI)
		*irq = GIC_FIRST_SPI + number;
	else if (kind == GIC_KIND_PPI && number < 16)
		*irq = GIC_FIRST_PPI + number;
	else
		return -EINVAL;
	return 0;
}

static int extended_irq(const fdt32_t *p, int words, unsigned i, unsigned *irq, bool *edge)
{
	while (words > 0) {
		int controller = fdt_node_offset_by_phandle(dt_blob(), fdt32_to_cpu(*p));
		int n = controller < 0 ? -1 : dt_number(controller, "#interrupt-cells", -1);

		if (n < 1 || n >= words)
			return -EINVAL;
		if (i-- == 0)
			return n == GIC_CELLS ? decode_gic(controller, p + 1, irq, edge) : -EINVAL;
		p += 1 + n;
		words -= 1 + n;
	}
	return -ENOENT;
}

int device_irq(const struct device *dev, unsigned i, unsigned *irq, bool *edge)
{
	int len, controller;
	const fdt32_t *p = fdt_getprop(dt_blob(), dev->node, "interrupts-extended", &len);

	if (p)
		return extended_irq(p, len / 4, i, irq, edge);
	p = fdt_getprop(dt_blob(), dev->node, "interrupts", &len);
	controller = interrupt_parent(dev->node);
	if (!p || controller < 0)
		return -ENOENT;
	if (dt_number(controller, "#interrupt-cells", -1) != GIC_CELLS)
		return -EINVAL;
	if ((int)(i + 1) * GIC_CELLS * 4 > len)
		return -ENOENT;
	return decode_gic(controller, p + i * GIC_CELLS, irq, edge);
}

const void *device_property(const struct device *dev, const char *name, int *len)
{
	return fdt_getprop(dt_blob(), dev->node, name, len);
}

uint32_t device_u32(const struct device *dev, const char *name, uint32_t dflt)
{
	int len;
	const fdt32_t *p = device_property(dev, name, &len);

	return p && len >= 4 ? fdt32_to_cpu(*p) : dflt;
}

volatile void *mmio_map(phys_addr_t base, size_t size)
{
	return (volatile void *)kmap_device(base, size);
}

static bool node_enabled(int node)
{
	const char *status = fdt_getprop(dt_blob(), node, "status", NULL);

	return !status || strcmp(status, "okay") == 0 || strcmp(status, "ok") == 0;
}

static bool driver_matches(const struct driver *d, int node)
{
	for (const char *const *c = d->compatible; *c; c++)
		if (fdt_node_check_compatible(dt_blob(), node, *c) == 0)
			return true;
	return false;
}

static void probe(const struct driver *d, int node)
{
	struct device dev = { .node = node, .name = fdt_get_name(dt_blob(), node, NULL) };
	int err = d->probe(&dev);

	if (err && err != -ENODEV)
		log_error("%s: driver %s failed: error %d", dev.name, d->name, -err);
}

void drivers_probe(enum driver_stage stage)
{
	for (int node = fdt_next_node(dt_blob(), -1, NULL); node >= 0;
	     node = fdt_next_node(dt_blob(), node, NULL)) {
		if (!fdt_getprop(dt_blob(), node, "compatible", NULL) || !node_enabled(node))
			continue;
		for (const struct driver *const *d = drivers_start; d < drivers_end; d++)
			if ((*d)->stage == stage && driver_matches(*d, node))
				probe(*d, node);
	}
}
