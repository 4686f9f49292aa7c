// SPDX-License-Identifier: MIT
/*
 * TLB maintenance. The sequence is always the same (Arm ARM DDI 0487, D8.14.5 "TLB maintenance
 * instructions", and the example in K13.5.3): the stores to the tables, DSB ISHST so that no walker
 * reads the old descriptors any more, TLBI, DSB ISH to wait until every CPU has dropped the entries
 * and finished accesses made through them. An ISB follows where this CPU goes on to use the
 * addresses without an exception return in between.
 *
 * Invalidations are broadcast in the inner shareable domain, so other CPUs are neither interrupted
 * nor waited for by software.
 *
 * A batch notes up to TLB_BATCH_ADDRESSES scattered addresses and the range that spans all of them.
 * The flush takes the cheapest form that covers what was noted: the addresses, each page of a short
 * range, or the whole ASID. Without a pmap (the page daemon) it is by address for every ASID, and
 * the whole TLB instead of an ASID. Where a table was unlinked, entries of all levels go (VAE1IS,
 * VAAE1IS), for the walk caches hold pointers to it; else the last level only (VALE1IS, VAALE1IS).
 */
#include "arch/arm64/tlb.h"

#include <arch_mmu.h>

#include "arch/arm64/asid.h"
#include "kernel/log.h"

/* pages of a range invalidated one by one; more cost less as a whole ASID */
#define RANGE_MAX 64

/* Operand of the by-address forms: see arch_mmu.h. */
static uint64_t operand(uint64_t asid, virt_addr_t va)
{
	return asid << 48 | ((va >> PAGE_SHIFT) & 0xfffffffffff);
}

void tlb_batch_add(struct tlb_batch *b, virt_addr_t va)
{
	DEBUG_ASSERT(IS_ALIGNED(va, PAGE_SIZE));
	if (b->naddresses < TLB_BATCH_ADDRESSES)
		b->addresses[b->naddresses] = va;
	b->naddresses++;
	b->start = MIN(b->start, va);
	b->end = MAX(b->end, va + PAGE_SIZE);
}

static void flush_page(const struct tlb_batch *b, uint64_t asid, virt_addr_t va)
{
	if (b->pmap && b->tables)
		tlbi_vae1is(operand(asid, va));
	else if (b->pmap)
		tlbi_vale1is(operand(asid, va));
	else if (b->tables)
		tlbi_vaae1is(operand(0, va));
	else
		tlbi_vaale1is(operand(0, va));
}

static void flush_everything(const struct tlb_batch *b, uint64_t asid)
{
	if (b->pmap)
		tlbi_aside1is(operand(asid, 0));
	else
		tlbi_vmalle1is();
}

static void flush_noted(const struct tlb_batch *b, uint64_t asid)
{
	size_t range = (b->end - b->start) >> PAGE_SHIFT;

	if (b->all)
		flush_everything(b, asid);
	else if (b->naddresses <= TLB_BATCH_ADDRESSES)
		for (unsigned i = 0; i < b->naddresses; i++)
			flush_page(b, asid, b->addresses[i]);
	else if (range <= RANGE_MAX)
		for (virt_addr_t va = b->start; va < b->end; va += PAGE_SIZE)
			flush_page(b, asid, va);
	else
		flush_everything(b, asid);
}

void tlb_flush_only(struct tlb_batch *b)
{
	if (b->all || b->naddresses > 0) {
		uint64_t asid;

		dsb_ishst();
		asid = b->pmap ? asid_of(b->pmap) : 0; /* after the DSB: see asid.c */
		if (!b->pmap || asid)
			flush_noted(b, asid);
		dsb_ish();
		isb(); /* the kernel's own copies to and from user memory come next */
	}
	b->start = UINTPTR_MAX;
	b->end = 0;
	b->all = b->tables = false;
	b->naddresses = 0;
}

void tlb_flush(struct tlb_batch *b)
{
	tlb_flush_only(b);
	page_put_batch(b->pages, b->npages);
	b->npages = 0;
}

void tlb_flush_page_all(virt_addr_t va)
{
	dsb_ishst();
	tlbi_vaale1is(operand(0, va));
	dsb_ish();
}

void tlb_flush_run_all(virt_addr_t va, unsigned n)
{
	dsb_ishst();
	for (unsigned i = 0; i < n; i++)
		tlbi_vaale1is(operand(0, va + i * PAGE_SIZE));
	dsb_ish();
}

void tlb_flush_pmap(const struct pmap *pm)
{
	uint64_t asid;

	dsb_ishst();
	asid = asid_of(pm);
	if (asid)
		tlbi_aside1is(operand(asid, 0));
	dsb_ish();
}

/* Nothing in the tables changed here and whoever changed them has done its DSB; NSH is enough for
 * this CPU alone. */
void tlb_flush_local(const struct pmap *pm, virt_addr_t va)
{
	tlbi_vae1(operand(asid_of(pm), va));
	dsb_nsh();
	isb();
}
