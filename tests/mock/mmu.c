// SPDX-License-Identifier: MIT
/*
 * The MMU: walks of the real tables, stores to them, barriers. It is as unhelpful as the
 * architecture allows:
 *
 *   - A store to a descriptor becomes visible to walkers only with the DSB of the CPU that made it
 *     (DDI 0487, D8.2.6); until then every walk reads the old value.
 *   - With mock_options.speculate, each CPU that has the table loaded caches every valid descriptor
 *     just before it is overwritten and again as soon as its new value is visible (D8.2.6: walks
 *     may be made speculatively at any time).
 *   - Accesses use the oldest TLB entry that matches, and walks begin at the deepest, oldest
 *     walk-cache entry.
 */
#include "tests/mock/mmu.h"

#include <stdlib.h>
#include <string.h>

struct cpu_mmu cpu_mmu[NR_CPUS_MAX];
void (*mock_on_dsb)(void);

struct pending {
	phys_addr_t addr;
	uint64_t old;
	unsigned cpu;
};

static struct pending *pending;
static unsigned npending, pending_max;
static uint8_t *zeroing; /* per frame: cleared, no DSB since */
static pfn_t *zeroed;
static unsigned nzeroed, zeroed_max;

void mock_mmu_reset(void)
{
	memset(cpu_mmu, 0, sizeof(cpu_mmu));
	for (unsigned i = 0; i < NR_CPUS_MAX; i++)
		cpu_mmu[i].synced = true;
	free(pending);
	pending = NULL;
	npending = pending_max = 0;
	free(zeroing);
	zeroing = calloc(mock_options.ram >> PAGE_SHIFT, 1);
	free(zeroed);
	zeroed = NULL;
	nzeroed = zeroed_max = 0;
	mock_on_dsb = NULL;
	tlb_reset();
	tables_reset();
}

/* ---- What a walker reads ---- */

bool stores_pending_in(phys_addr_t frame)
{
	for (unsigned i = 0; i < npending; i++)
		if (ALIGN_DOWN(pending[i].addr, (phys_addr_t)PAGE_SIZE) == frame)
			return true;
	return false;
}

bool frame_zeroing(phys_addr_t frame)
{
	return zeroing[(frame - MOCK_RAM_BASE) >> PAGE_SHIFT];
}

static void check_shadow(phys_addr_t addr, uint64_t raw)
{
	const struct shadow *s = table_shadow(ALIGN_DOWN(addr, (phys_addr_t)PAGE_SIZE));

	if (s && s->raw[(addr & (PAGE_SIZE - 1)) / 8] != raw)
		mock_violation(
			MOCK_RULE_STORE,
			"descriptor at %#llx changed from %#llx to %#llx without pte_store()",
			(unsigned long long)addr,
			(unsigned long long)s->raw[(addr & (PAGE_SIZE - 1)) / 8],
			(unsigned long long)raw);
}

static uint64_t walker_read(phys_addr_t addr, bool *stale)
{
	uint64_t raw = *(uint64_t *)phys_to_virt(addr);

	check_shadow(addr, raw);
	for (unsigned i = 0; i < npending; i++)
		if (pending[i].addr == addr) {
			*stale = true;
			return pending[i].old;
		}
	return raw;
}

uint64_t pte_load(const struct pte *e)
{
	uint64_t raw = *(const volatile uint64_t *)&e->raw;

	check_shadow(virt_to_phys(e), raw);
	return raw;
}

/* ---- Walks ---- */

struct walk {
	unsigned cpu;
	virt_addr_t va;
	bool demand; /* an access, not speculation: faults matter, the access flag is set */
	bool stale;  /* some descriptor was read before its store completed */
	uint64_t desc, limits;
	phys_addr_t src;
};

static void remember(const struct walk *w, unsigned level, bool table)
{
	struct tlb_entry e = {
		.table = table,
		.level = (uint8_t)level,
		.asid = ttbr_asid(cpu_mmu[w->cpu].ttbr),
		.global = !table && !(w->desc & PTE_NG),
		.va = ALIGN_DOWN(w->va, tlb_span(level)),
		.desc = w->desc,
		.limits = w->limits,
		.src = w->src,
		.root = ttbr_root(cpu_mmu[w->cpu].ttbr),
	};

	tlb_insert(w->cpu, &e);
}

/* Where the walk begins: behind the deepest walk-cache entry, or at the root. Returns the level to
 * read next. */
static unsigned walk_start(struct walk *w, phys_addr_t *table)
{
	uint16_t asid = ttbr_asid(cpu_mmu[w->cpu].ttbr);

	for (int level = 2; level >= 0; level--) {
		const struct tlb_entry *e = tlb_find(w->cpu, w->va, asid, (unsigned)level, true);

		if (e) {
			*table = pte_pa(e->desc);
			w->limits = e->limits;
			return (unsigned)level + 1;
		}
	}
	*table = ttbr_root(cpu_mmu[w->cpu].ttbr);
	return 0;
}

/* FEAT_HAFDBS: the walker sets the flag by an atomic update of the descriptor. */
static void set_access_flag(struct walk *w)
{
	struct shadow *s = table_shadow(ALIGN_DOWN(w->src, (phys_addr_t)PAGE_SIZE));

	w->desc |= PTE_AF;
	*(uint64_t *)phys_to_virt(w->src) |= PTE_AF;
	if (s)
		s->raw[(w->src & (PAGE_SIZE - 1)) / 8] |= PTE_AF;
}

/* A page, or at level 2 a block. */
static enum mock_result walk_leaf(struct walk *w, unsigned level)
{
	if (!(w->desc & PTE_AF)) {
		if (!mock_options.hw_access_flag || w->stale)
			return MOCK_FAULT_ACCESS_FLAG;
		if (!w->demand)
			return MOCK_FAULT_ACCESS_FLAG; /* may be set speculatively, but then nothing
							  could be tested */
		set_access_flag(w);
	}
	if (level == 3 && (w->desc & PTE_CONT))
		level = TLB_RUN;
	remember(w, level,
		 false); /* never with the flag clear: such an entry may not be cached (D8.4.6) */
	return MOCK_OK;
}

static enum mock_result walk(struct walk *w)
{
	phys_addr_t table;
	unsigned level;

	w->limits = 0;
	w->stale = false;
	level = walk_start(w, &table);
	for (;; level++) {
		w->src = table + table_index(w->va, level) * 8;
		if (!mock_pa_in_ram(w->src)) {
			mock_violation(MOCK_RULE_DESCRIPTOR, "a walk for %#lx leaves RAM",
				       (unsigned long)w->va);
			return MOCK_FAULT_TRANSLATION;
		}
		w->desc = walker_read(w->src, &w->stale);
		if (!(w->desc & PTE_VALID))
			return MOCK_FAULT_TRANSLATION;
		if (level == 3 || (level == 2 && !pte_is_table(w->desc)))
			return walk_leaf(w, level);
		if (!pte_is_table(w->desc))
			return MOCK_FAULT_TRANSLATION;
		w->limits |= w->desc & LIMITS_MASK;
		table = pte_pa(w->desc);
		remember(w, level, true);
	}
}

static enum mock_result permission(uint64_t desc, uint64_t limits, enum mock_access kind)
{
	bool user = (desc & PTE_AP_USER) && !(limits & TABLE_AP_NOUSER);
	bool writable = user && !(desc & PTE_AP_READONLY) && !(limits & TABLE_AP_READONLY);
	bool executable = !(desc & PTE_UXN) &&
			  !(limits & TABLE_UXN); /* EL0 may execute what it may not read */
	bool ok = kind == MOCK_READ ? user : kind == MOCK_WRITE ? writable : executable;

	return ok ? MOCK_OK : MOCK_FAULT_PERMISSION;
}

static void check_fetch(virt_addr_t va, phys_addr_t pa)
{
	if (!mock_options.allow_wx && !mock_frame_fetchable(pa))
		mock_violation(
			MOCK_RULE_ICACHE,
			"instructions at %#lx (frame %#llx) were written after the last sync",
			(unsigned long)va, (unsigned long long)(pa & PAGE_MASK));
}

enum mock_result mock_access(virt_addr_t va, enum mock_access kind, phys_addr_t *pa)
{
	struct cpu_mmu *m = &cpu_mmu[mock_cpu];
	struct walk w = { .cpu = mock_cpu, .va = va & PAGE_MASK, .demand = true };
	const struct tlb_entry *e;
	enum mock_result result;

	if (!m->synced)
		mock_violation(MOCK_RULE_BARRIER, "user access before the ISB after writing TTBR0");
	if (va >= (virt_addr_t)1 << 48 || !m->ttbr)
		return MOCK_FAULT_TRANSLATION;
	e = tlb_leaf(mock_cpu, w.va, ttbr_asid(m->ttbr));
	if (!e) {
		result = walk(&w);
		if (result != MOCK_OK && w.stale)
			mock_violation(
				MOCK_RULE_BARRIER,
				"access to %#lx faults: no DSB since its descriptor was stored",
				(unsigned long)va);
		if (result != MOCK_OK)
			return result;
		e = tlb_leaf(mock_cpu, w.va, ttbr_asid(m->ttbr));
	}
	if (pa)
		*pa = tlb_target(e, va);
	result = permission(e->desc, e->limits, kind);
	if (result == MOCK_OK && kind == MOCK_EXEC)
		check_fetch(va, tlb_target(e, w.va));
	return result;
}

/* ---- Speculation ---- */

static void speculate_at(unsigned cpu, virt_addr_t va)
{
	struct walk w = { .cpu = cpu, .va = va };

	if (tlb_leaf(cpu, va, ttbr_asid(cpu_mmu[cpu].ttbr)))
		return;
	walk(&w);
}

/* Everything below one entry of `level`. */
static void speculate_below(unsigned cpu, uint64_t raw, unsigned level, virt_addr_t va)
{
	const uint64_t *table;

	if (level == 3 || (level == 2 && !pte_is_table(raw))) {
		speculate_at(cpu, va);
		return;
	}
	if (!pte_is_table(raw) || !mock_pa_in_ram(pte_pa(raw)))
		return;
	table = phys_to_virt(pte_pa(raw));
	for (unsigned i = 0; i < TABLE_ENTRIES; i++)
		if (table[i] & PTE_VALID)
			speculate_below(cpu, table[i], level + 1,
					va | (virt_addr_t)i << LEVEL_SHIFT(level + 1));
}

static void speculate_va(phys_addr_t root, virt_addr_t va, unsigned level, void *arg)
{
	for (unsigned cpu = 0; cpu < mock_options.cpus; cpu++)
		if (cpu_mmu[cpu].ttbr && ttbr_root(cpu_mmu[cpu].ttbr) == root)
			speculate_below(cpu, *(uint64_t *)arg, level, va);
}

static void speculate_entry(phys_addr_t addr, uint64_t raw)
{
	if (mock_options.speculate && (raw & PTE_VALID))
		table_for_va(addr, speculate_va, &raw);
}

static void speculate_root(unsigned cpu)
{
	const uint64_t *root = phys_to_virt(ttbr_root(cpu_mmu[cpu].ttbr));

	if (!mock_options.speculate)
		return;
	for (unsigned i = 0; i < TABLE_ENTRIES; i++)
		if (root[i] & PTE_VALID)
			speculate_below(cpu, root[i], 0, (virt_addr_t)i << LEVEL_SHIFT(0));
}

/* ---- Stores ---- */

static void check_bbm(unsigned cpu, const struct tlb_entry *e, void *arg)
{
	uint64_t raw = *(uint64_t *)arg, mask = BBM_MASK;

	if (e->table)
		mask = PTE_ADDR_MASK | PTE_TYPE_MASK;
	if ((raw ^ e->desc) & mask)
		mock_violation(
			MOCK_RULE_BBM,
			"%#lx: descriptor %#llx becomes %#llx while CPU %u may have the former cached",
			(unsigned long)e->va, (unsigned long long)e->desc, (unsigned long long)raw,
			cpu);
}

struct run_store {
	uint64_t raw;
	int offset; /* entries from the one that was read */
};

/* Of a run a TLB keeps all 16 entries, whichever it read. */
static void check_run_bbm(unsigned cpu, const struct tlb_entry *e, void *arg)
{
	const struct run_store *s = arg;

	if (e->level == TLB_RUN &&
	    ((s->raw ^ (e->desc + (uint64_t)s->offset * PAGE_SIZE)) & BBM_MASK))
		mock_violation(
			MOCK_RULE_BBM,
			"%#lx: an entry becomes %#llx while CPU %u may have its run of 16 cached",
			(unsigned long)e->va, (unsigned long long)s->raw, cpu);
}

static void check_runs_bbm(phys_addr_t addr, uint64_t raw)
{
	phys_addr_t first = ALIGN_DOWN(addr, (phys_addr_t)128);

	for (int i = 0; i < 16; i++) {
		struct run_store s = { raw, (int)((addr - first) / 8) - i };

		if (s.offset != 0)
			tlb_for_src(first + (phys_addr_t)i * 8, check_run_bbm, &s);
	}
}

/* What a walker sees of 16 neighbours: when one has the contiguous bit then all have it, and they
 * count up from an aligned frame with equal attributes (DDI 0487, D8.6.1 "The Contiguous bit");
 * anything else is misprogramming. */
static void check_run(phys_addr_t addr)
{
	const uint64_t own = PTE_AF | PTE_SW_LOCKED | PTE_SW_SPECIAL | PTE_SW_FILE;
	const struct shadow *s = table_shadow(ALIGN_DOWN(addr, (phys_addr_t)PAGE_SIZE));
	const uint64_t *raw;
	unsigned marked = 0, fit = 0;

	if (!s || s->level != 3)
		return;
	raw = &s->raw[(addr & (PAGE_SIZE - 1)) / 128 * 16];
	for (unsigned i = 0; i < 16; i++) {
		marked += (raw[i] & PTE_VALID) && (raw[i] & PTE_CONT);
		fit += ((raw[i] ^ (raw[0] + i * PAGE_SIZE)) & ~own) == 0;
	}
	if (marked > 0 && (marked < 16 || fit < 16 || !IS_ALIGNED(pte_pa(raw[0]), 16 * PAGE_SIZE)))
		mock_violation(
			MOCK_RULE_DESCRIPTOR,
			"the run at %#llx has the contiguous bit in %u entries, %u are alike",
			(unsigned long long)addr, marked, fit);
}

static void check_leaf(phys_addr_t addr, uint64_t raw)
{
	bool writable = (raw & PTE_AP_USER) && !(raw & PTE_AP_READONLY);

	if (!(raw & PTE_PXN))
		mock_violation(MOCK_RULE_WX, "%#llx: user memory that the kernel could execute",
			       (unsigned long long)raw);
	if (writable && !(raw & PTE_UXN) && !mock_options.allow_wx)
		mock_violation(MOCK_RULE_WX, "%#llx: writable and executable",
			       (unsigned long long)raw);
	if (!(raw & PTE_UXN) && mock_pa_in_ram(pte_pa(raw)) && !mock_frame_fetchable(pte_pa(raw)))
		mock_violation(MOCK_RULE_ICACHE,
			       "frame %#llx becomes executable and was not synced since written",
			       (unsigned long long)pte_pa(raw));
	if (!mock_options.allow_wx)
		tlb_check_alias(addr, raw);
}

static void pending_add(phys_addr_t addr, uint64_t old)
{
	for (unsigned i = 0; i < npending; i++)
		if (pending[i].addr == addr) {
			pending[i].cpu = mock_cpu; /* the oldest value is the worst one */
			return;
		}
	if (npending == pending_max) {
		pending_max = pending_max ? pending_max * 2 : 64;
		pending = realloc(pending, pending_max * sizeof(*pending));
		assert_non_null(pending);
	}
	pending[npending++] = (struct pending){ addr, old, mock_cpu };
}

void pte_store(struct pte *e, uint64_t raw)
{
	phys_addr_t addr = virt_to_phys(e);
	struct shadow *s;
	uint64_t old;

	if ((raw & PTE_VALID) && mock_frame_unordered != 0 && pte_pa(raw) == mock_frame_unordered)
		mock_violation(MOCK_RULE_BARRIER,
			       "an entry for frame %#lx may be seen before what the frame holds",
			       (unsigned long)mock_frame_unordered);
	if (addr % 8 || !mock_pa_in_ram(addr)) {
		mock_violation(MOCK_RULE_STORE, "a descriptor stored at %#llx",
			       (unsigned long long)addr);
		return;
	}
	mock_counts.stores++;
	old = e->raw;
	check_shadow(addr, old);
	speculate_entry(addr, old);
	s = table_shadow(ALIGN_DOWN(addr, (phys_addr_t)PAGE_SIZE));
	if (raw & PTE_VALID)
		tlb_for_src(addr, check_bbm, &raw);
	if ((raw & PTE_VALID) && (!s || s->level == 3))
		check_runs_bbm(addr, raw);
	if ((raw & PTE_VALID) && (!s || s->level == 3) && (raw & PTE_NG))
		check_leaf(addr, raw);
	e->raw = raw;
	pending_add(addr, old);
	if (s)
		table_note_store(s, addr, old, raw);
}

/* ---- Barriers and registers ---- */

static void complete_stores(void)
{
	unsigned kept = 0, done = 0;
	phys_addr_t *addrs = malloc((npending + 1) * sizeof(*addrs));

	mock_stores_ordered();
	assert_non_null(addrs);
	for (unsigned i = 0; i < npending; i++)
		if (pending[i].cpu == mock_cpu)
			addrs[done++] = pending[i].addr;
		else
			pending[kept++] = pending[i];
	npending = kept;
	for (unsigned i = 0; i < done; i++)
		check_run(addrs[i]);
	for (unsigned i = 0; i < done; i++)
		speculate_entry(addrs[i], *(uint64_t *)phys_to_virt(addrs[i]));
	free(addrs);
	for (unsigned i = 0; i < nzeroed; i++)
		zeroing[zeroed[i]] = 0;
	nzeroed = 0;
}

void dsb_ishst(void)
{
	mock_counts.dsb++;
	complete_stores();
}

void dsb_ish(void)
{
	void (*meanwhile)(void) = mock_on_dsb;

	mock_counts.dsb++;
	complete_stores();
	tlb_complete(true);
	mock_on_dsb = NULL;
	if (meanwhile)
		meanwhile();
}

/* Completes this CPU's own TLB operations; its stores reach its own walker only, which the model
 * does not tell apart: they stay. */
void dsb_nsh(void)
{
	mock_counts.dsb++;
	tlb_complete(false);
}

void isb(void)
{
	mock_counts.isb++;
	cpu_mmu[mock_cpu].synced = true;
	if (cpu_mmu[mock_cpu].ttbr)
		speculate_root(mock_cpu);
}

void ttbr0_write(uint64_t value)
{
	phys_addr_t root = ttbr_root(value);

	mock_counts.ttbr_writes++;
	if (!hw_irqs_off())
		mock_violation(MOCK_RULE_CONTEXT, "TTBR0 written with interrupts on");
	if (stores_pending_in(root) || frame_zeroing(root))
		mock_violation(MOCK_RULE_BARRIER,
			       "root %#llx is loaded before a DSB completed its contents",
			       (unsigned long long)root);
	table_add_root(root);
	tlb_check_load(mock_cpu, root, ttbr_asid(value));
	cpu_mmu[mock_cpu].ttbr = value;
	cpu_mmu[mock_cpu].synced = false;
}

uint64_t tcr_read(void)
{
	return (mock_options.asid_bits == 16 ? TCR_AS : 0) |
	       (mock_options.hw_access_flag ? TCR_HA : 0);
}

/* ---- Frames ---- */

static void check_table_gone(phys_addr_t pa, const char *what)
{
	struct shadow *s = table_shadow(pa);

	if (s && s->nlinks)
		mock_violation(MOCK_RULE_STALE_FRAME, "table %#llx is %s while linked",
			       (unsigned long long)pa, what);
	for (unsigned cpu = 0; cpu < mock_options.cpus; cpu++)
		if (cpu_mmu[cpu].ttbr && ttbr_root(cpu_mmu[cpu].ttbr) == pa)
			mock_violation(MOCK_RULE_STALE_FRAME,
				       "root %#llx is %s while CPU %u has it loaded",
				       (unsigned long long)pa, what, cpu);
	table_forget(pa);
}

void mock_frame_freed(pfn_t pfn)
{
	phys_addr_t pa = (phys_addr_t)pfn << PAGE_SHIFT;

	tlb_check_frame(pa, "freed");
	check_table_gone(pa, "freed");
}

void mock_frame_reused(phys_addr_t pa)
{
	pfn_t index = (pfn_t)((pa - MOCK_RAM_BASE) >> PAGE_SHIFT);

	tlb_check_frame(pa, "overwritten");
	check_table_gone(pa, "overwritten");
	if (zeroing[index])
		return;
	if (nzeroed == zeroed_max) {
		zeroed_max = zeroed_max ? zeroed_max * 2 : 64;
		zeroed = realloc(zeroed, zeroed_max * sizeof(*zeroed));
		assert_non_null(zeroed);
	}
	zeroing[index] = 1;
	zeroed[nzeroed++] = index;
}
