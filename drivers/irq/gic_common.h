// SPDX-License-Identifier: MIT
// The distributor registers that GICv2 and GICv3 share (Arm IHI 0048, 4.3; IHI 0069, 12.9).
#ifndef DRIVERS_IRQ_GIC_COMMON_H
#define DRIVERS_IRQ_GIC_COMMON_H

#include "kernel/driver.h"

enum gicd_register {
	GICD_CTLR = 0x000,
	GICD_TYPER = 0x004,   /* 4:0: (interrupts / 32) - 1 */
	GICD_IGROUPR = 0x080, /* bit per interrupt */
	GICD_ISENABLER = 0x100,
	GICD_ICENABLER = 0x180,
	GICD_ICPENDR = 0x280,
	GICD_ICACTIVER = 0x380,
	GICD_IPRIORITYR = 0x400, /* byte per interrupt */
	GICD_ITARGETSR = 0x800,  /* byte per interrupt: CPU interfaces (GICv2) */
	GICD_ICFGR = 0xc00,      /* two bits per interrupt: bit 1 is edge */
	GICD_SGIR = 0xf00,       /* GICv2 */
};

/* every interrupt alike: the kernel does not nest them */
#define GIC_PRIORITY_ALL 0xa0a0a0a0u
#define GIC_FIRST_SPI    32

static inline unsigned gic_lines(volatile void *gicd)
{
	unsigned n = 32 * ((mmio_read32(gicd, GICD_TYPER) & 0x1f) + 1);

	return n < 1020 ? n : 1020;
}

/* Sets or clears an interrupt's edge bit in a configuration register bank; its enable must be off.
 * SGIs have none. */
static inline void gic_configure(volatile void *bank, unsigned irq, bool edge)
{
	size_t at = GICD_ICFGR + irq / 16 * 4;
	uint32_t bit = 2u << (irq % 16 * 2), old = mmio_read32(bank, at), cfg;

	cfg = edge ? old | bit : old & ~bit;
	if (cfg != old)
		mmio_write32(bank, at, cfg);
}

/* One bit of a write-one bank (enable, disable, clear). */
static inline void gic_bit(volatile void *bank, size_t reg, unsigned irq)
{
	mmio_write32(bank, reg + irq / 32 * 4, 1u << (irq % 32));
}

/* Interrupts first..last-1 (whole words): off, neither pending nor active, middle priority. */
static inline void gic_reset(volatile void *bank, unsigned first, unsigned last)
{
	for (unsigned i = first; i < last; i += 32) {
		mmio_write32(bank, GICD_ICENABLER + i / 8, ~0u);
		mmio_write32(bank, GICD_ICPENDR + i / 8, ~0u);
		mmio_write32(bank, GICD_ICACTIVER + i / 8, ~0u);
	}
	for (unsigned i = first; i < last; i += 4)
		mmio_write32(bank, GICD_IPRIORITYR + i, GIC_PRIORITY_ALL);
}

#endif
