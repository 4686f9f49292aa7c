// SPDX-License-Identifier: MIT
// Address space identifiers: what boot must call, and what tlb.c and pmap.c ask.
#ifndef ARCH_ARM64_ASID_H
#define ARCH_ARM64_ASID_H

#include "mm/pmap.h"

/* Once, on the boot CPU, with its final TCR_EL1 (AS says 8 or 16 bits) and before the first
 * pmap_activate(). empty_table: physical address of an all-zero frame that stays so; TTBR0 points
 * at it, under ASID 0, while no address space is loaded. */
void asid_init(phys_addr_t empty_table);

/* The hardware ASID that translations of pm carry, or 0: it never had one, so no TLB knows it. The
 * answer stays good for invalidation even when a roll-over comes in between: see asid.c. Reads are
 * ordered after table writes by the caller's DSB. */
uint64_t asid_of(const struct pmap *pm);

#endif
