// SPDX-License-Identifier: MIT
/*
 * Address space identifiers. TLB entries of user pages carry the ASID under which they were walked,
 * so a switch needs no flush. ASIDs are fewer than address spaces can be, so they are lent for a
 * generation:
 *
 *    pmap->context:   | generation (63..16) | ASID (15..0) |        0: never had one
 *
 * A context is good while its generation is the current one. When the ASIDs of a generation are
 * used up, roll-over begins the next: all ASIDs are free again but those that some CPU is running
 * right now, and every CPU must flush its own TLB before it loads its next address space. ASID 0 is
 * the empty table's. An ASID is not given back when its address space ends; it waits for the
 * roll-over.
 *
 * Invariants
 *   (1) Two address spaces with contexts of one generation have different ASIDs.
 *   (2) active[cpu] is the context in TTBR0 of cpu (or was the last one before the empty table), or
 *       0 from a roll-over until the next switch there; then reserved[cpu] is that context. Its
 *       ASID is in the bitmap, so nobody else gets it.
 *   (3) A CPU whose bit is in flush_pending loads no new context before it has flushed.
 *
 * A switch between address spaces of the current generation takes no lock: it swaps active[cpu] by
 * compare-exchange, which fails against a roll-over that has put 0 there. Roll-over sets the
 * generation before it collects the active contexts, so either the switch sees the new generation
 * or roll-over sees the switched context.
 *
 * Flushing an address space while its context changes: tlb.c writes tables, DSB, then reads the
 * context. If it sees the old one, the CPU that sets the new one does a DSB between that store and
 * its first walk, so its walks see the tables as written; entries under the old ASID are covered by
 * the TLBI, or belong to an ASID that runs nowhere and goes with (3).
 */
#include "arch/arm64/asid.h"

#include <arch_mmu.h>

#include "kernel/lib/string.h"
#include "kernel/log.h"

#define ASID_BITS_MAX 16
#define GENERATION    ((uint64_t)1 << ASID_BITS_MAX)
/* in TTBR0_EL1 (DDI 0487, D17.2 TTBR0_EL1): the generation is shifted out */
#define ASID_SHIFT 48
#define WORD_BITS  64

static struct spinlock asid_lock = SPINLOCK_INIT;
/* Written under asid_lock; read without it where said above. */
static uint64_t generation;
static unsigned asid_bits;
static uint64_t empty_root;
static uint64_t cpus_seen; /* that ever loaded an address space; atomic */
/* Under asid_lock. */
static uint64_t flush_pending;
static uint64_t used[(1 << ASID_BITS_MAX) / WORD_BITS];
static unsigned next_asid; /* all below are used */

/* A cache line per CPU: it is written at every switch. */
static struct asid_cpu {
	uint64_t active;   /* by its own CPU; roll-over takes it away */
	uint64_t reserved; /* asid_lock */
} __attribute__((aligned(64))) asid_cpus[NR_CPUS_MAX];

void asid_init(phys_addr_t empty_table)
{
	asid_bits = tcr_read() & TCR_AS ? 16 : 8;
	generation = GENERATION;
	empty_root = empty_table;
	next_asid = 1;
	flush_pending = 0;
	memset(used, 0, sizeof(used));
	for (unsigned i = 0; i < NR_CPUS_MAX; i++)
		asid_cpus[i] = (struct asid_cpu){ 0, 0 };
}

static uint64_t context_asid(uint64_t context)
{
	return context & (GENERATION - 1);
}

uint64_t asid_of(const struct pmap *pm)
{
	return context_asid(atomic_load(&pm->context));
}

static bool asid_take_locked(unsigned asid)
{
	uint64_t bit = (uint64_t)1 << asid % WORD_BITS;

	if (used[asid / WORD_BITS] & bit)
		return false;
	used[asid / WORD_BITS] |= bit;
	return true;
}

/* Begins the next generation. Clearing the bitmap is the longest step: 8 KB, some 600 instructions,
 * once in 65,535 address spaces. */
static void roll_over_locked(void)
{
	memset(used, 0, ((size_t)1 << asid_bits) / 8);
	next_asid = 1;
	atomic_store(&generation, generation + GENERATION);
	for (unsigned cpu = 0; cpu < NR_CPUS_MAX; cpu++) {
		uint64_t context = atomic_exchange(&asid_cpus[cpu].active, 0);

		if (context == 0) /* not switched since the last roll-over */
			context = asid_cpus[cpu].reserved;
		asid_cpus[cpu].reserved = context;
		if (context)
			(void)asid_take_locked(
				(unsigned)context_asid(context)); /* several CPUs may share it */
	}
	flush_pending = ~(uint64_t)0;
}

/* An address space that ran through the roll-over keeps its ASID: moves its reservation to the new
 * generation. */
static bool reserved_renew_locked(uint64_t old, uint64_t renewed)
{
	bool found = false;

	for (unsigned cpu = 0; cpu < NR_CPUS_MAX; cpu++)
		if (asid_cpus[cpu].reserved == old) {
			asid_cpus[cpu].reserved = renewed;
			found = true;
		}
	return found;
}

static bool asid_find_locked(unsigned *asid)
{
	for (; next_asid < 1u << asid_bits; next_asid++)
		if (asid_take_locked(next_asid)) {
			*asid = next_asid++;
			return true;
		}
	return false;
}

static uint64_t context_new_locked(uint64_t old)
{
	uint64_t renewed = generation | context_asid(old);
	unsigned asid;

	if (old &&
	    (reserved_renew_locked(old, renewed) || asid_take_locked((unsigned)context_asid(old))))
		return renewed;
	if (!asid_find_locked(&asid)) {
		roll_over_locked();
		ASSERT(asid_find_locked(&asid)); /* more ASIDs than CPUs */
	}
	return generation | asid;
}

static bool context_current(uint64_t context)
{
	return ((context ^ atomic_load(&generation)) >> ASID_BITS_MAX) == 0;
}

static uint64_t context_get_slow(struct pmap *pm, unsigned cpu)
{
	uint64_t context;

	spin_lock_raw(&asid_lock); /* interrupts are off */
	context = pm->context;
	if (!context_current(context)) {
		context = context_new_locked(context);
		atomic_store(&pm->context, context);
	}
	if (flush_pending & (uint64_t)1 << cpu) {
		flush_pending &= ~((uint64_t)1 << cpu);
		tlbi_vmalle1(); /* this CPU's entries of earlier generations (DDI 0487, D8.14.5) */
	}
	atomic_store(&asid_cpus[cpu].active, context);
	spin_unlock_raw(&asid_lock);
	atomic_fetch_or(&cpus_seen, (uint64_t)1 << cpu);
	dsb_ish(); /* the flush is done, and the context visible, before the first walk under it:
		      see above */
	return context;
}

/* Root and ASID change in one register, so no walk mixes them; the ISB makes later accesses use
 * them (D8.14.2, "ASID"; B2.3.12 ISB). Walks through the old root may still be under way when
 * others see that it is not loaded: pmap_retire()'s TLBI and DSB wait for them. */
static inline void load(struct cpu_local *cpu, struct pmap *pm, uint64_t ttbr)
{
	ttbr0_write(ttbr);
	isb();
	atomic_store_release(&cpu->pmap, pm);
}

static inline uint64_t ttbr_of(const struct pmap *pm, uint64_t context)
{
	return virt_to_phys(pm->top) | context << ASID_SHIFT;
}

/* pm has no context of this generation, or none was loaded here since the last roll-over. */
static NOINLINE void activate_slow(struct cpu_local *cpu, struct pmap *pm)
{
	load(cpu, pm, pm ? ttbr_of(pm, context_get_slow(pm, cpu->index)) : empty_root);
}

void pmap_activate(struct pmap *pm)
{
	struct cpu_local *cpu = cpu_local();
	uint64_t *active = &asid_cpus[cpu->index].active;

	DEBUG_ASSERT(hw_irqs_off() && empty_root);
	if (pm == cpu->pmap)
		return;
	if (likely(pm)) {
		uint64_t context = atomic_load(&pm->context), old = atomic_load(active);

		if (likely(old && context_current(context) &&
			   atomic_compare_exchange(active, &old, context))) {
			load(cpu, pm, ttbr_of(pm, context));
			return;
		}
	}
	activate_slow(cpu, pm);
}

bool pmap_loaded(const struct pmap *pm)
{
	for (uint64_t set = atomic_load(&cpus_seen); set != 0; set &= set - 1)
		if (atomic_load_acquire(&cpu_locals[__builtin_ctzll(set)].pmap) == pm)
			return true;
	return false;
}
