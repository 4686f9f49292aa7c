// SPDX-License-Identifier: MIT
/*
 * Between the parts of the MMU model: tlb.c keeps what CPUs have cached, tables.c knows which
 * tables hang under which root, mmu.c walks, stores and orders.
 */
#ifndef TESTS_MOCK_MMU_H
#define TESTS_MOCK_MMU_H

#include "tests/mock/private.h"

#include <arch_mmu.h>

#define LIMITS_MASK (TABLE_PXN | TABLE_UXN | TABLE_AP_NOUSER | TABLE_AP_READONLY)
/* What may not change under a cached entry (DDI 0487, D8.14.1 "Using break-before-make"). */
#define BBM_MASK (PTE_ADDR_MASK | PTE_ATTR_MASK | PTE_SH_MASK | PTE_NG | PTE_CONT | PTE_TYPE_MASK)

/* ---- tlb.c ---- */

/* What a TLB entry covers: as much as a descriptor of a level, or 16 pages whose descriptors have
 * the contiguous bit. */
#define TLB_RUN   4u
#define TLB_KINDS 5u

static inline unsigned tlb_shift(unsigned level)
{
	return level == TLB_RUN ? PAGE_SHIFT + 4 : (unsigned)LEVEL_SHIFT(level);
}

static inline virt_addr_t tlb_span(unsigned level)
{
	return (virt_addr_t)1 << tlb_shift(level);
}

/* One translation, or one step of a walk, as a CPU remembers it. */
struct tlb_entry {
	bool used;
	bool table;    /* a walk cache entry: desc is a table descriptor of `level` */
	uint8_t level; /* or TLB_RUN */
	uint16_t asid;
	bool global;
	virt_addr_t va; /* first address covered, tlb_span(level) of them */
	uint64_t desc;
	uint64_t limits;     /* hierarchical bits gathered above, and in desc when it is a table */
	phys_addr_t src;     /* where desc was read */
	phys_addr_t root;    /* of the walk */
	uint16_t pages_gone; /* of a run: pages that TLBIs have hit, for the CPU may hold them one
				by one as well */
	uint32_t doomed;     /* CPUs whose TLBI hit it and whose DSB is still to come */
	int next_va, next_src; /* hash chains */
};

void tlb_reset(void);
void tlb_insert(unsigned cpu, const struct tlb_entry *e);
/* The oldest entry of the kind for va at `level`, or NULL. */
const struct tlb_entry *tlb_find(unsigned cpu, virt_addr_t va, uint16_t asid, unsigned level,
				 bool table);
/* The translation of va: of a page, else a run, else a block; or NULL. */
const struct tlb_entry *tlb_leaf(unsigned cpu, virt_addr_t va, uint16_t asid);
/* Where e, a translation, leads va to. */
phys_addr_t tlb_target(const struct tlb_entry *e, virt_addr_t va);
/* Calls fn for every entry read from src, on any CPU. */
void tlb_for_src(phys_addr_t src, void (*fn)(unsigned cpu, const struct tlb_entry *e, void *arg),
		 void *arg);
/* Violation when user mode may write a frame through one TLB entry and execute it through the
 * descriptor raw at src, or the other way round. */
void tlb_check_alias(phys_addr_t src, uint64_t raw);
void tlb_check_load(unsigned cpu, phys_addr_t root, uint16_t asid);
void tlb_complete(bool everywhere);
/* Violation when a TLB knows the frame. */
void tlb_check_frame(phys_addr_t pa, const char *what);

/* ---- tables.c ---- */

struct link {
	phys_addr_t entry; /* the descriptor that points at the table */
};

/* A table that a walk can reach, as the stores through pte_store() made it. */
struct shadow {
	phys_addr_t table;
	unsigned level;
	bool root;
	unsigned nlinks, links_max;
	struct link *links;
	uint64_t raw[TABLE_ENTRIES];
};

void tables_reset(void);
struct shadow *table_shadow(phys_addr_t pa);
/* Makes the table at pa (and what hangs below) known. */
void table_add_root(phys_addr_t pa);
void table_forget(phys_addr_t pa);
/* Records a store of raw over old in a known table. */
void table_note_store(struct shadow *s, phys_addr_t addr, uint64_t old, uint64_t raw);
/* Calls fn for every (root, va) at which the entry at addr translates. */
void table_for_va(phys_addr_t addr,
		  void (*fn)(phys_addr_t root, virt_addr_t va, unsigned level, void *arg),
		  void *arg);
/* Descriptor of a leaf or table entry makes sense. */
void table_check_descriptor(uint64_t raw, unsigned level);

/* ---- mmu.c ---- */

struct cpu_mmu {
	uint64_t ttbr;
	bool synced; /* an ISB followed the last write */
};
extern struct cpu_mmu cpu_mmu[NR_CPUS_MAX];

static inline phys_addr_t ttbr_root(uint64_t ttbr)
{
	return ttbr & PTE_ADDR_MASK;
}
static inline uint16_t ttbr_asid(uint64_t ttbr)
{
	return (uint16_t)(ttbr >> 48 & (((uint64_t)1 << mock_options.asid_bits) - 1));
}
/* True when a store into the frame still waits for its DSB. */
bool stores_pending_in(phys_addr_t frame);
/* True when the frame was zeroed and no DSB came since. */
bool frame_zeroing(phys_addr_t frame);

#endif
