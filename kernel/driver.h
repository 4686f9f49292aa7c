// SPDX-License-Identifier: MIT
/*
 * Drivers bind by device-tree compatible string. DRIVER() places a record in a linker section; at
 * boot the kernel walks the flattened device tree (libfdt) and calls probe for each matching
 * enabled node: interrupt controllers first, then timers and consoles, then the rest (the driver's
 * stage says which).
 */
#ifndef KERNEL_DRIVER_H
#define KERNEL_DRIVER_H

#include "kernel/lib/types.h"

enum driver_stage { DRIVER_IRQ, DRIVER_EARLY, DRIVER_DEVICE };

struct device {
	int node;         /* offset of the node in the device tree */
	const char *name; /* node name, for the log */
};

struct driver {
	const char *name;
	const char *const *compatible; /* NULL-terminated */
	enum driver_stage stage;
	/* 0, -ENODEV (not this one after all: silent), or another negative errno (logged). Task
	 * context; may sleep when stage is DRIVER_DEVICE. */
	int (*probe)(struct device *dev);
};

#define DRIVER(ident)                                                                              \
	static const struct driver ident;                                                          \
	static const struct driver *const ident##_entry                                            \
		__attribute__((used, section("drivers"))) = &ident;                                \
	static const struct driver ident

/* The i-th reg range, translated through the parents' ranges to a CPU physical address. 0, -ENOENT
 * or -EINVAL. */
int device_reg(const struct device *dev, unsigned i, phys_addr_t *base, uint64_t *size) MUST_CHECK;
/* The i-th interrupt as a GIC INTID (interrupt-parent and #interrupt-cells followed). *edge from
 * the flags cell. */
int device_irq(const struct device *dev, unsigned i, unsigned *irq, bool *edge) MUST_CHECK;
/* The RAM that the device reaches, by its buses' dma-ranges (where there are several, the first);
 * all of it, at its own addresses, where they have none. 0 or -EINVAL. */
struct dma_reach;
int device_dma(const struct device *dev, struct dma_reach *reach) MUST_CHECK;
/* A property's bytes, or NULL; *len in bytes. */
const void *device_property(const struct device *dev, const char *name, int *len);
/* A big-endian u32 property; dflt when absent. */
uint32_t device_u32(const struct device *dev, const char *name, uint32_t dflt);

/* The i-th partition that the node gives its flash (binding fixed-partitions, below a node
 * "partitions"). 0; -ENOENT: there are no more; -EINVAL: that one is not as the binding says,
 * others may be. */
struct device_part {
	uint64_t offset, size; /* bytes from the first reg range's beginning, through all of them */
	const char *label;     /* or the node's name */
	bool read_only;
};
int device_partition(const struct device *dev, unsigned i, struct device_part *part) MUST_CHECK;

/* Maps a device window (Device-nGnRE, never executable) into the kernel's mapping area. NULL when
 * there is no room. */
volatile void *mmio_map(phys_addr_t base, size_t size);
static inline uint32_t mmio_read32(const volatile void *base, size_t off)
{
	return *(const volatile uint32_t *)((const volatile char *)base + off);
}
static inline void mmio_write32(volatile void *base, size_t off, uint32_t v)
{
	*(volatile uint32_t *)((volatile char *)base + off) = v;
}

/* Value of `name=` on the kernel command line, copied and terminated; false when absent. A bare
 * `name` gives "". Any context after boot. */
bool cmdline_get(const char *name, char *value, size_t size);

#endif
