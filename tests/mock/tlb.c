// SPDX-License-Identifier: MIT
/*
 * What CPUs remember of tables. The architecture lets a TLB keep any valid descriptor it once
 * walked, of any level, until a TLB invalidation that covers it has been completed by a DSB of the
 * CPU that issued it (DDI 0487, D8.14). So these TLBs never forget anything else: they have no
 * capacity and no eviction. Several entries for one address may stand side by side; look-ups give
 * the oldest.
 */
#include <stdlib.h>
#include <string.h>

#include "tests/mock/mmu.h"

#define BUCKETS 4096

static struct tlb {
	struct tlb_entry *entries;
	int count, max;
	int free; /* chain of unused entries through next_va */
	int by_va[BUCKETS], by_src[BUCKETS];
} tlbs[NR_CPUS_MAX];

struct doomed {
	unsigned cpu;
	int index;
	unsigned issuer;
	bool everywhere;
};

static struct doomed *doomed;
static unsigned ndoomed, doomed_max;
static unsigned *uses; /* entries per frame of RAM, all CPUs */

void tlb_reset(void)
{
	for (unsigned i = 0; i < NR_CPUS_MAX; i++) {
		free(tlbs[i].entries);
		memset(&tlbs[i], 0, sizeof(tlbs[i]));
		tlbs[i].free = -1;
		memset(tlbs[i].by_va, 0xff, sizeof(tlbs[i].by_va));
		memset(tlbs[i].by_src, 0xff, sizeof(tlbs[i].by_src));
	}
	free(doomed);
	doomed = NULL;
	ndoomed = doomed_max = 0;
	free(uses);
	uses = calloc(mock_options.ram >> PAGE_SHIFT, sizeof(*uses));
}

static unsigned *use_of(phys_addr_t pa)
{
	return mock_pa_in_ram(pa) ? &uses[(pa - MOCK_RAM_BASE) >> PAGE_SHIFT] : NULL;
}

/* The frames that e leads to: a table, or those it translates to. */
static phys_addr_t first_frame(const struct tlb_entry *e)
{
	return e->table ? pte_pa(e->desc) : ALIGN_DOWN(pte_pa(e->desc), tlb_span(e->level));
}

static size_t frame_span(const struct tlb_entry *e)
{
	return e->table ? PAGE_SIZE : tlb_span(e->level);
}

static bool leads_to(const struct tlb_entry *e, phys_addr_t pa)
{
	return pa >= first_frame(e) && pa - first_frame(e) < frame_span(e);
}

static void count_uses(const struct tlb_entry *e, unsigned by)
{
	for (size_t at = 0; at < frame_span(e); at += PAGE_SIZE) {
		unsigned *use = use_of(first_frame(e) + at);

		if (use)
			*use += by;
	}
}

static bool leads_to_free_frame(const struct tlb_entry *e)
{
	for (size_t at = 0; at < frame_span(e); at += PAGE_SIZE)
		if (page_is_free(phys_to_page(first_frame(e) + at)))
			return true;
	return false;
}

unsigned mock_tlb_uses(pfn_t pfn)
{
	return uses[pfn - mock_first_pfn()];
}

static unsigned bucket_va(virt_addr_t va, unsigned level)
{
	return (unsigned)((va >> tlb_shift(level)) * TLB_KINDS + level) % BUCKETS;
}

static unsigned bucket_src(phys_addr_t src)
{
	return (unsigned)(src >> 3) % BUCKETS;
}

static bool same(const struct tlb_entry *a, const struct tlb_entry *b)
{
	return a->table == b->table && a->level == b->level && a->asid == b->asid &&
	       a->va == b->va && a->desc == b->desc && a->limits == b->limits && a->src == b->src &&
	       a->root == b->root && a->global == b->global;
}

static int entry_new(struct tlb *t)
{
	int i = t->free;

	if (i >= 0) {
		t->free = t->entries[i].next_va;
		return i;
	}
	if (t->count == t->max) {
		t->max = t->max ? t->max * 2 : 256;
		t->entries = realloc(t->entries, (size_t)t->max * sizeof(*t->entries));
		assert_non_null(t->entries);
	}
	return t->count++;
}

/* Appends at the end of the chains: oldest first. */
static void chain_append(struct tlb *t, int *head, int i, bool va)
{
	while (*head >= 0)
		head = va ? &t->entries[*head].next_va : &t->entries[*head].next_src;
	*head = i;
}

static void chain_remove(struct tlb *t, int *head, int i, bool va)
{
	while (*head != i)
		head = va ? &t->entries[*head].next_va : &t->entries[*head].next_src;
	*head = va ? t->entries[i].next_va : t->entries[i].next_src;
}

/* Two sizes for one address: an access would match both, which is a TLB conflict (DDI 0487,
 * D8.14.1). */
static void check_sizes(unsigned cpu, const struct tlb_entry *e)
{
	static const unsigned leaf_levels[] = { 2, 3, TLB_RUN };

	for (unsigned k = 0; k < ARRAY_SIZE(leaf_levels); k++) {
		unsigned level = leaf_levels[k];
		virt_addr_t step = MIN(tlb_span(level), tlb_span(e->level));

		if (level == e->level)
			continue;
		for (virt_addr_t at = 0; at < tlb_span(e->level); at += step)
			if (tlb_find(cpu, e->va + at, e->asid, level, false)) {
				mock_violation(
					MOCK_RULE_BBM,
					"CPU %u's TLB may hold %#lx twice, as a page, run or block",
					cpu, (unsigned long)(e->va + at));
				return;
			}
	}
}

void tlb_insert(unsigned cpu, const struct tlb_entry *e)
{
	struct tlb *t = &tlbs[cpu];
	int i;

	for (i = t->by_va[bucket_va(e->va, e->level)]; i >= 0; i = t->entries[i].next_va)
		if (same(&t->entries[i], e)) {
			t->entries[i].doomed = 0; /* cached anew after the TLBI */
			t->entries[i].pages_gone = 0;
			return;
		}
	if (!e->table)
		check_sizes(cpu, e);
	i = entry_new(t);
	t->entries[i] = *e;
	t->entries[i].used = true;
	t->entries[i].doomed = 0;
	t->entries[i].next_va = t->entries[i].next_src = -1;
	chain_append(t, &t->by_va[bucket_va(e->va, e->level)], i, true);
	chain_append(t, &t->by_src[bucket_src(e->src)], i, false);
	count_uses(e, 1);
}

static void entry_remove(unsigned cpu, int i)
{
	struct tlb *t = &tlbs[cpu];
	struct tlb_entry *e = &t->entries[i];

	chain_remove(t, &t->by_va[bucket_va(e->va, e->level)], i, true);
	chain_remove(t, &t->by_src[bucket_src(e->src)], i, false);
	count_uses(e, -1u);
	e->used = false;
	e->doomed = 0;
	e->next_va = t->free;
	t->free = i;
}

static uint16_t page_of_run(const struct tlb_entry *e, virt_addr_t va)
{
	return (uint16_t)(1u << (va - e->va) / PAGE_SIZE);
}

const struct tlb_entry *tlb_find(unsigned cpu, virt_addr_t va, uint16_t asid, unsigned level,
				 bool table)
{
	const struct tlb *t = &tlbs[cpu];

	for (int i = t->by_va[bucket_va(va, level)]; i >= 0; i = t->entries[i].next_va) {
		const struct tlb_entry *e = &t->entries[i];

		if (e->level == level && e->table == table && (e->global || e->asid == asid) &&
		    e->va == ALIGN_DOWN(va, tlb_span(level)) &&
		    !(level == TLB_RUN && e->pages_gone & page_of_run(e, va)))
			return e;
	}
	return NULL;
}

const struct tlb_entry *tlb_leaf(unsigned cpu, virt_addr_t va, uint16_t asid)
{
	const struct tlb_entry *e = tlb_find(cpu, va, asid, 3, false);

	if (!e)
		e = tlb_find(cpu, va, asid, TLB_RUN, false);
	return e ? e : tlb_find(cpu, va, asid, 2, false);
}

phys_addr_t tlb_target(const struct tlb_entry *e, virt_addr_t va)
{
	return first_frame(e) + (va - e->va);
}

void tlb_for_src(phys_addr_t src, void (*fn)(unsigned cpu, const struct tlb_entry *e, void *arg),
		 void *arg)
{
	for (unsigned cpu = 0; cpu < mock_options.cpus; cpu++)
		for (int i = tlbs[cpu].by_src[bucket_src(src)]; i >= 0;
		     i = tlbs[cpu].entries[i].next_src)
			if (tlbs[cpu].entries[i].src == src)
				fn(cpu, &tlbs[cpu].entries[i], arg);
}

/* ---- Invalidation ---- */

struct tlbi {
	bool by_va, by_asid, last_level, everywhere;
	virt_addr_t va;
	uint16_t asid;
};

static bool tlbi_hits(const struct tlbi *op, const struct tlb_entry *e)
{
	if (op->last_level && e->table)
		return false;
	if (op->by_asid && !(op->by_va && e->global) && (e->asid != op->asid || e->global))
		return false;
	return !op->by_va || ALIGN_DOWN(op->va, tlb_span(e->level)) == e->va;
}

/* The walker may still read the old value of a store that no DSB completed, and cache it after the
 * invalidation. */
static void check_ordered(const struct tlbi *op, const struct tlb_entry *e)
{
	if (stores_pending_in(ALIGN_DOWN(e->src, (phys_addr_t)PAGE_SIZE)) &&
	    pte_load(phys_to_virt(e->src)) != e->desc)
		mock_violation(MOCK_RULE_BARRIER,
			       "TLBI of %#lx before a DSB completed the store to its descriptor",
			       (unsigned long)(op->by_va ? op->va : e->va));
}

static void doom(const struct tlbi *op, unsigned cpu, int i)
{
	struct tlb_entry *e = &tlbs[cpu].entries[i];

	if (!e->used || !tlbi_hits(op, e))
		return;
	if (op->by_va && e->level == TLB_RUN) {
		e->pages_gone |= page_of_run(e, op->va);
		if (e->pages_gone != UINT16_MAX)
			return;
	}
	check_ordered(op, e);
	e->doomed |= 1u << mock_cpu;
	if (ndoomed == doomed_max) {
		doomed_max = doomed_max ? doomed_max * 2 : 64;
		doomed = realloc(doomed, doomed_max * sizeof(*doomed));
		assert_non_null(doomed);
	}
	doomed[ndoomed++] = (struct doomed){ cpu, i, mock_cpu, op->everywhere };
}

static void tlbi(const struct tlbi *op)
{
	for (unsigned cpu = 0; cpu < mock_options.cpus; cpu++) {
		if (!op->everywhere && cpu != mock_cpu)
			continue;
		if (!op->by_va) {
			for (int i = 0; i < tlbs[cpu].count; i++)
				doom(op, cpu, i);
			continue;
		}
		for (unsigned level = 0; level < TLB_KINDS; level++)
			for (int i = tlbs[cpu].by_va[bucket_va(op->va, level)]; i >= 0;
			     i = tlbs[cpu].entries[i].next_va)
				if (tlbs[cpu].entries[i].level == level)
					doom(op, cpu, i);
	}
}

void tlb_complete(bool everywhere)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < ndoomed; i++) {
		struct doomed *d = &doomed[i];

		if (d->issuer != mock_cpu || (d->everywhere && !everywhere))
			doomed[kept++] = *d;
		else if (tlbs[d->cpu].entries[d->index].doomed & 1u << d->issuer)
			entry_remove(d->cpu, d->index);
	}
	ndoomed = kept;
}

static struct tlbi tlbi_decode(uint64_t operand)
{
	return (struct tlbi){
		.va = (virt_addr_t)(operand << 20) >> 8,
		.asid = (uint16_t)(operand >> 48 & (((uint64_t)1 << mock_options.asid_bits) - 1)),
		.everywhere = true,
	};
}

void tlbi_vae1is(uint64_t operand)
{
	struct tlbi op = tlbi_decode(operand);

	op.by_va = op.by_asid = true;
	mock_counts.tlbi_va++;
	tlbi(&op);
}

void tlbi_vale1is(uint64_t operand)
{
	struct tlbi op = tlbi_decode(operand);

	op.by_va = op.by_asid = op.last_level = true;
	mock_counts.tlbi_va++;
	tlbi(&op);
}

void tlbi_vaae1is(uint64_t operand)
{
	struct tlbi op = tlbi_decode(operand);

	op.by_va = true;
	mock_counts.tlbi_va++;
	tlbi(&op);
}

void tlbi_vaale1is(uint64_t operand)
{
	struct tlbi op = tlbi_decode(operand);

	op.by_va = op.last_level = true;
	mock_counts.tlbi_va++;
	tlbi(&op);
}

void tlbi_aside1is(uint64_t operand)
{
	struct tlbi op = tlbi_decode(operand);

	op.by_asid = true;
	mock_counts.tlbi_asid++;
	tlbi(&op);
}

void tlbi_vmalle1is(void)
{
	struct tlbi op = { .everywhere = true };

	mock_counts.tlbi_all++;
	tlbi(&op);
}

void tlbi_vae1(uint64_t operand)
{
	struct tlbi op = tlbi_decode(operand);

	op.by_va = op.by_asid = true;
	op.everywhere = false;
	mock_counts.tlbi_local++;
	tlbi(&op);
}

void tlbi_vmalle1(void)
{
	struct tlbi op = { .everywhere = false };

	mock_counts.tlbi_local++;
	tlbi(&op);
}

/* ---- Rules over whole TLBs ---- */

/* A TLB that still knows an ASID from another root would translate the new address space by the old
 * one's tables. */
void tlb_check_load(unsigned cpu, phys_addr_t root, uint16_t asid)
{
	for (int i = 0; i < tlbs[cpu].count; i++) {
		const struct tlb_entry *e = &tlbs[cpu].entries[i];

		if (e->used && !e->global && e->asid == asid && e->root != root)
			mock_violation(
				MOCK_RULE_STALE_ASID,
				"CPU %u loads ASID %u while its TLB knows %#lx from another root",
				cpu, asid, (unsigned long)e->va);
		if (e->used && e->asid == asid && leads_to_free_frame(e))
			mock_violation(
				MOCK_RULE_STALE_FRAME,
				"CPU %u loads ASID %u whose TLB entry for %#lx maps a free frame",
				cpu, asid, (unsigned long)e->va);
	}
	for (unsigned other = 0; other < mock_options.cpus; other++)
		if (other != cpu && asid != 0 && cpu_mmu[other].ttbr &&
		    ttbr_asid(cpu_mmu[other].ttbr) == asid &&
		    ttbr_root(cpu_mmu[other].ttbr) != root)
			mock_violation(MOCK_RULE_STALE_ASID,
				       "CPUs %u and %u run different roots under ASID %u", cpu,
				       other, asid);
}

static bool grants_write(uint64_t desc, uint64_t limits)
{
	return (desc & PTE_AP_USER) && !(desc & PTE_AP_READONLY) && !(limits & TABLE_AP_READONLY);
}

void tlb_check_alias(phys_addr_t src, uint64_t raw)
{
	bool write = grants_write(raw, 0), exec = !(raw & PTE_UXN);

	if (!mock_pa_in_ram(pte_pa(raw)) || *use_of(pte_pa(raw)) == 0 || !(write || exec))
		return;
	for (unsigned cpu = 0; cpu < mock_options.cpus; cpu++)
		for (int i = 0; i < tlbs[cpu].count; i++) {
			const struct tlb_entry *e = &tlbs[cpu].entries[i];

			if (!e->used || e->table || e->src == src || !leads_to(e, pte_pa(raw)))
				continue;
			if ((write && !(e->desc & PTE_UXN)) ||
			    (exec && grants_write(e->desc, e->limits)))
				mock_violation(
					MOCK_RULE_WX,
					"frame %#llx is writable through one address and executable "
					"through another (%#lx)",
					(unsigned long long)pte_pa(raw), (unsigned long)e->va);
		}
}

void tlb_check_frame(phys_addr_t pa, const char *what)
{
	if (uses[(pa - MOCK_RAM_BASE) >> PAGE_SHIFT] == 0)
		return;
	for (unsigned cpu = 0; cpu < mock_options.cpus; cpu++)
		for (int i = 0; i < tlbs[cpu].count; i++) {
			const struct tlb_entry *e = &tlbs[cpu].entries[i];

			if (!e->used || !leads_to(e, pa))
				continue;
			if (mock_options.loose_frees && !e->global &&
			    ttbr_asid(cpu_mmu[cpu].ttbr) != e->asid)
				continue;
			mock_violation(
				MOCK_RULE_STALE_FRAME,
				"frame %#llx is %s; CPU %u's TLB still %s it for %#lx, ASID %u",
				(unsigned long long)pa, what, cpu, e->table ? "walks" : "maps",
				(unsigned long)e->va, e->asid);
			return;
		}
}

void mock_check(void)
{
	for (unsigned cpu = 0; cpu < mock_options.cpus; cpu++)
		for (int i = 0; i < tlbs[cpu].count; i++) {
			const struct tlb_entry *e = &tlbs[cpu].entries[i];

			for (size_t at = 0; e->used && at < frame_span(e); at += PAGE_SIZE)
				if (page_is_free(phys_to_page(first_frame(e) + at)))
					tlb_check_frame(first_frame(e) + at, "free");
		}
}
