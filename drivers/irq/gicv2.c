// SPDX-License-Identifier: MIT
/*
 * Generic Interrupt Controller, version 2 (Arm IHI 0048B): a distributor for all, and a
 * memory-mapped interface that each CPU sees as its own. The kernel is either alone (no security
 * extension: group 0 is signalled as IRQ) or non-secure, where the same bits mean group 1, which
 * firmware has assigned; the same accesses serve both.
 *
 * An end of interrupt must name the CPU that sent an SGI, so the whole acknowledged word is kept
 * until then, per CPU: interrupts do not nest. Registers that hold several interrupts are written
 * only under the interrupt layer's lock.
 */
#include "arch/hw.h"
#include "drivers/irq/gic_common.h"
#include "kernel/errno.h"
#include "kernel/irq.h"
#include "kernel/log.h"

enum gicc_register {
	GICC_CTLR = 0x00,
	GICC_PMR = 0x04,
	GICC_BPR = 0x08,
	GICC_IAR = 0x0c, /* 9:0 INTID, 12:10 sender of an SGI */
	GICC_EOIR = 0x10,
};

#define INTID_MASK      0x3ff
#define TARGET_CPUS_MAX 8

static volatile void *gicd, *gicc;
static unsigned lines;
static uint32_t acknowledged[NR_CPUS_MAX]; /* each by its own CPU */
static uint8_t interface_of[NR_CPUS_MAX]; /* bit of the CPU's interface; by that CPU at its start */

static void gicv2_cpu_init(void)
{
	/* The target registers of banked interrupts read as the reading CPU's own bit (4.3.12); on
	 * a uniprocessor as zero. */
	uint32_t targets = mmio_read32(gicd, GICD_ITARGETSR);

	WRITE_ONCE(interface_of[hw_cpu()], (uint8_t)(targets ? targets : 1));
	gic_reset(gicd, 0, GIC_FIRST_SPI);
	mmio_write32(gicd, GICD_ISENABLER,
		     0xffff); /* SGIs; where they are always on this is ignored */
	mmio_write32(gicc, GICC_PMR, 0xff);
	mmio_write32(gicc, GICC_BPR, 0);
	mmio_write32(gicc, GICC_CTLR, 1);
}

static void gicv2_enable(unsigned irq, bool edge)
{
	if (irq >= lines)
		return;
	if (irq >= GIC_FIRST_SPI) {
		uint32_t shift = irq % 4 * 8,
			 targets = mmio_read32(gicd, GICD_ITARGETSR + (irq & ~3u));

		targets = (targets & ~(0xffu << shift)) | (uint32_t)interface_of[0] << shift;
		mmio_write32(gicd, GICD_ITARGETSR + (irq & ~3u), targets);
		gic_configure(gicd, irq, edge);
	}
	gic_bit(gicd, GICD_ISENABLER, irq);
}

static void gicv2_disable(unsigned irq)
{
	if (irq < lines)
		gic_bit(gicd, GICD_ICENABLER, irq);
}

static unsigned gicv2_acknowledge(void)
{
	uint32_t iar = mmio_read32(gicc, GICC_IAR);

	hw_dma_rmb(); /* acknowledged before the device is looked at */
	acknowledged[hw_cpu()] = iar;
	return iar & INTID_MASK;
}

static void gicv2_end(unsigned irq)
{
	(void)irq;
	mmio_write32(gicc, GICC_EOIR, acknowledged[hw_cpu()]);
}

static void gicv2_send(unsigned cpu, unsigned sgi)
{
	hw_dma_wmb(); /* memory first: the register is outside its order */
	mmio_write32(gicd, GICD_SGIR, (uint32_t)READ_ONCE(interface_of[cpu]) << 16 | sgi);
}

static const struct irq_chip gicv2_chip = {
	.name = "GICv2",
	.cpu_init = gicv2_cpu_init,
	.enable = gicv2_enable,
	.disable = gicv2_disable,
	.acknowledge = gicv2_acknowledge,
	.end = gicv2_end,
	.send = gicv2_send,
};

static int gicv2_probe(struct device *dev)
{
	phys_addr_t dist, cpu;
	uint64_t dist_size, cpu_size;
	int err = device_reg(dev, 0, &dist, &dist_size);

	if (!err)
		err = device_reg(dev, 1, &cpu, &cpu_size);
	if (err)
		return err;
	if (irq_ready())
		return -EBUSY;
	gicd = mmio_map(dist, 0x1000);
	gicc = mmio_map(cpu, 0x1000);
	if (!gicd || !gicc)
		return -ENOMEM;
	lines = gic_lines(gicd);
	mmio_write32(gicd, GICD_CTLR, 0);
	gic_reset(gicd, GIC_FIRST_SPI, lines);
	mmio_write32(gicd, GICD_CTLR, 1);
	irq_chip_register(&gicv2_chip);
	log_info("irq: GICv2 at %#lx, %u lines", (unsigned long)dist, lines);
	return 0;
}

static const char *const gicv2_compatible[] = { "arm,cortex-a15-gic", "arm,gic-400",
						"arm,cortex-a9-gic", NULL };

DRIVER(gicv2) = {
	.name = "gicv2",
	.compatible = gicv2_compatible,
	.stage = DRIVER_IRQ,
	.probe = gicv2_probe,
};
