// SPDX-License-Identifier: MIT
// Interrupts: one controller driver (GICv2 or GICv3) below, handlers above.
#ifndef KERNEL_IRQ_H
#define KERNEL_IRQ_H

#include "kernel/lib/types.h"

/* INTIDs of SGIs, PPIs and SPIs (GIC architecture, IHI 0048 and IHI 0069) */
#define IRQ_MAX 1020

typedef void (*irq_handler)(unsigned irq, void *arg);

/* Registers handler for an INTID and enables it (a PPI: on every CPU, as each comes up). The
 * handler runs with interrupts off: bounded work, no sleep. Returns 0, -EBUSY (taken, or too many)
 * or -EINVAL. Task context. */
int irq_register(unsigned irq, bool edge, irq_handler handler, void *arg,
		 const char *name) MUST_CHECK;
void irq_unregister(unsigned irq);
void irq_mask(unsigned irq);
void irq_unmask(unsigned irq);

/* What a controller driver supplies: registered once at probe. */
struct irq_chip {
	const char *name;
	void (*cpu_init)(void); /* this CPU's interface; interrupts off */
	void (*enable)(unsigned irq, bool edge);
	void (*disable)(unsigned irq);
	unsigned (*acknowledge)(void); /* INTID, or >= IRQ_MAX: spurious */
	void (*end)(unsigned irq);
	void (*send)(unsigned cpu, unsigned sgi); /* inter-processor interrupt, sgi 0..15 */
};
void irq_chip_register(const struct irq_chip *chip);
/* Entry from the exception vector: acknowledges, runs handlers, ends. Interrupts off. */
void irq_dispatch(void);
/* Brings up the calling (secondary) CPU's interface and its PPIs. */
void irq_cpu_init(void);

enum ipi { IPI_RESCHEDULE, IPI_STOP, IPI_BARRIER, IPI_COUNT };
void ipi_send(unsigned cpu, enum ipi ipi);
/* A controller is there: interrupts and IPIs may be used. */
bool irq_ready(void);
/* Counts for /proc/interrupts: number of times irq ran on cpu, and its name (NULL: none). INTIDs
 * below IPI_COUNT are the IPIs. */
uint64_t irq_count(unsigned irq, unsigned cpu);
const char *irq_name(unsigned irq);

#endif
