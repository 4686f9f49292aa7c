// SPDX-License-Identifier: MIT
/*
 * Generic Interrupt Controller, version 3 and 4 (Arm IHI 0069): a distributor for shared
 * interrupts, routed by affinity, a redistributor per CPU for its private ones, and the CPU
 * interface in system registers (arch/gic.h). All interrupts are group 1.
 */
#include "arch/gic.h"
#include "arch/hw.h"
#include "drivers/irq/gic_common.h"
#include "kernel/errno.h"
#include "kernel/irq.h"
#include "kernel/log.h"

/* EnableGrp1A (non-secure view: EnableGrp1A, one security state: EnableGrp1) */
#define GICD_CTLR_GROUP1 (1u << 1)
#define GICD_CTLR_ARE    (1u << 4)  /* affinity routing */
#define GICD_CTLR_RWP    (1u << 31) /* a write is still on its way */
#define GICD_IROUTER     0x6000     /* 64 bits per interrupt */
#define IGROUPR_ALL      ~0u

/* Redistributor: two 64 KB frames, four with virtual LPIs (9.1, 12.10). */
#define GICR_CTLR         0x0000
#define GICR_CTLR_RWP     (1u << 3)
#define GICR_TYPER        0x0008
#define GICR_TYPER_VLPIS  (1u << 1)
#define GICR_TYPER_LAST   (1u << 4)
#define GICR_WAKER        0x0014
#define GICR_WAKER_SLEEP  (1u << 1)
#define GICR_WAKER_ASLEEP (1u << 2)
#define GICR_FRAME        0x10000
#define GICR_SGI_FRAME    0x10000 /* same layout as the distributor's first words */

#define POLL_MAX 1000000

static volatile void *gicd;
static volatile void *gicr_region;
static size_t gicr_size;
static unsigned lines;
static volatile void *redistributor[NR_CPUS_MAX]; /* by that CPU at its start */

static void wait_clear(volatile void *base, size_t reg, uint32_t bits)
{
	for (unsigned n = 0; n < POLL_MAX; n++)
		if (!(mmio_read32(base, reg) & bits))
			return;
	log_error("irq: GICv3 register %#zx keeps %#x", reg, bits);
}

/* The redistributor whose affinity is the calling CPU's, or NULL. */
static volatile void *find_redistributor(void)
{
	size_t at = 0;

	while (at + 2 * GICR_FRAME <= gicr_size) {
		volatile void *r = (volatile char *)gicr_region + at;
		uint32_t typer = mmio_read32(r, GICR_TYPER);

		if (mmio_read32(r, GICR_TYPER + 4) == arch_cpu_affinity())
			return r;
		if (typer & GICR_TYPER_LAST)
			return NULL;
		at += (typer & GICR_TYPER_VLPIS ? 4 : 2) * GICR_FRAME;
	}
	return NULL;
}

static volatile void *sgi_frame(unsigned cpu)
{
	return (volatile char *)redistributor[cpu] + GICR_SGI_FRAME;
}

static void gicv3_cpu_init(void)
{
	volatile void *r = find_redistributor();

	ASSERT(r); /* a CPU without interrupts cannot be part of the system */
	redistributor[hw_cpu()] = r;
	mmio_write32(r, GICR_WAKER, mmio_read32(r, GICR_WAKER) & ~GICR_WAKER_SLEEP);
	wait_clear(r, GICR_WAKER, GICR_WAKER_ASLEEP);
	gic_reset(sgi_frame(hw_cpu()), 0, GIC_FIRST_SPI);
	mmio_write32(sgi_frame(hw_cpu()), GICD_IGROUPR, IGROUPR_ALL);
	mmio_write32(sgi_frame(hw_cpu()), GICD_ISENABLER, 0xffff);
	wait_clear(r, GICR_CTLR, GICR_CTLR_RWP);
	ASSERT(arch_gic_enable());
}

static void gicv3_enable(unsigned irq, bool edge)
{
	volatile void *bank = irq < GIC_FIRST_SPI ? sgi_frame(hw_cpu()) : gicd;

	if (irq >= lines)
		return;
	if (irq >= GIC_FIRST_SPI)
		gic_configure(bank, irq, edge);
	gic_bit(bank, GICD_ISENABLER, irq);
}

static void gicv3_disable(unsigned irq)
{
	volatile void *bank = irq < GIC_FIRST_SPI ? sgi_frame(hw_cpu()) : gicd;

	if (irq >= lines)
		return;
	gic_bit(bank, GICD_ICENABLER, irq);
	if (irq >= GIC_FIRST_SPI)
		wait_clear(gicd, GICD_CTLR, GICD_CTLR_RWP);
	else
		wait_clear(redistributor[hw_cpu()], GICR_CTLR, GICR_CTLR_RWP);
}

static const struct irq_chip gicv3_chip = {
	.name = "GICv3",
	.cpu_init = gicv3_cpu_init,
	.enable = gicv3_enable,
	.disable = gicv3_disable,
	.acknowledge = arch_gic_acknowledge,
	.end = arch_gic_end,
	.send = arch_gic_send,
};

/* Shared interrupts: group 1, and to the boot CPU. */
static void distributor_init(void)
{
	uint32_t affinity = arch_cpu_affinity();

	mmio_write32(gicd, GICD_CTLR, 0);
	wait_clear(gicd, GICD_CTLR, GICD_CTLR_RWP);
	gic_reset(gicd, GIC_FIRST_SPI, lines);
	for (unsigned i = GIC_FIRST_SPI; i < lines; i += 32)
		mmio_write32(gicd, GICD_IGROUPR + i / 8, IGROUPR_ALL);
	mmio_write32(gicd, GICD_CTLR, GICD_CTLR_ARE);
	wait_clear(gicd, GICD_CTLR, GICD_CTLR_RWP);
	mmio_write32(gicd, GICD_CTLR, GICD_CTLR_ARE | GICD_CTLR_GROUP1);
	wait_clear(gicd, GICD_CTLR, GICD_CTLR_RWP);
	for (unsigned i = GIC_FIRST_SPI; i < lines; i++) {
		mmio_write32(gicd, GICD_IROUTER + i * 8, affinity & 0xffffff);
		mmio_write32(gicd, GICD_IROUTER + i * 8 + 4, affinity >> 24);
	}
}

static int gicv3_probe(struct device *dev)
{
	phys_addr_t dist, redist;
	uint64_t dist_size, redist_size;
	int err = device_reg(dev, 0, &dist, &dist_size);

	if (!err)
		err = device_reg(dev, 1, &redist, &redist_size);
	if (err)
		return err;
	if (irq_ready())
		return -EBUSY;
	if (device_u32(dev, "#redistributor-regions", 1) != 1)
		return -EINVAL; /* several regions: no board here has them */
	gicd = mmio_map(dist, 0x10000);
	gicr_size = MIN(redist_size, (uint64_t)NR_CPUS_MAX * 4 * GICR_FRAME);
	gicr_region = mmio_map(redist, gicr_size);
	if (!gicd || !gicr_region)
		return -ENOMEM;
	lines = gic_lines(gicd);
	distributor_init();
	irq_chip_register(&gicv3_chip);
	log_info("irq: GICv3 at %#lx, %u lines", (unsigned long)dist, lines);
	return 0;
}

static const char *const gicv3_compatible[] = { "arm,gic-v3", NULL };

DRIVER(gicv3) = {
	.name = "gicv3",
	.compatible = gicv3_compatible,
	.stage = DRIVER_IRQ,
	.probe = gicv3_probe,
};
