// SPDX-License-Identifier: MIT
// Invalidations for pmap.c and pte.c beyond those of mm/pmap.h. Each orders the table stores before
// it and is complete on return.
#ifndef ARCH_ARM64_TLB_H
#define ARCH_ARM64_TLB_H

#include "mm/pmap.h"

/* One page in every address space, on all CPUs. Walk caches stay. */
void tlb_flush_page_all(virt_addr_t va);
/* n pages from va on in every address space, on all CPUs, whether a TLB holds them as pages or as a
 * run. Walk caches stay. */
void tlb_flush_run_all(virt_addr_t va, unsigned n);
/* Everything of pm, walk caches included, on all CPUs. */
void tlb_flush_pmap(const struct pmap *pm);
/* What this CPU knows of va in pm, walk caches included. Preemption off. */
void tlb_flush_local(const struct pmap *pm, virt_addr_t va);

#endif
