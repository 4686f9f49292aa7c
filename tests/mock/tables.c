// SPDX-License-Identifier: MIT
/*
 * Which tables a walk can reach, and from which roots at which addresses. Every reachable table has
 * a shadow: its entries as pte_store() wrote them. A difference between shadow and memory is a
 * store that went past pte_store(). A table becomes known when its root is loaded into TTBR0 or
 * when it is linked into a known table, and is forgotten when its last link goes.
 */
#include <stdlib.h>
#include <string.h>

#include "tests/mock/mmu.h"

static struct shadow **shadows; /* per frame of RAM */
static size_t nshadows;

static size_t frame_index(phys_addr_t pa)
{
	return (pa - MOCK_RAM_BASE) >> PAGE_SHIFT;
}

void tables_reset(void)
{
	for (size_t i = 0; i < nshadows; i++)
		if (shadows[i]) {
			free(shadows[i]->links);
			free(shadows[i]);
		}
	free(shadows);
	nshadows = mock_options.ram >> PAGE_SHIFT;
	shadows = calloc(nshadows, sizeof(*shadows));
}

struct shadow *table_shadow(phys_addr_t pa)
{
	return mock_pa_in_ram(pa) ? shadows[frame_index(pa)] : NULL;
}

void table_check_descriptor(uint64_t raw, unsigned level)
{
	if (!(raw & PTE_VALID))
		return;
	if (level < 2 && !pte_is_table(raw))
		mock_violation(MOCK_RULE_DESCRIPTOR, "level %u: %#llx: a block of 1 GB or more",
			       level, (unsigned long long)raw);
	else if (level == 2 && !pte_is_table(raw) && !IS_ALIGNED(pte_pa(raw), LEAF_SPAN))
		mock_violation(MOCK_RULE_DESCRIPTOR, "level 2: %#llx: a block that is not aligned",
			       (unsigned long long)raw);
	else if (level == 3 && (raw & PTE_TYPE_MASK) != PTE_TYPE_PAGE)
		mock_violation(MOCK_RULE_DESCRIPTOR, "level 3: %#llx is reserved",
			       (unsigned long long)raw);
	else if (!mock_pa_in_ram(pte_pa(raw)))
		mock_violation(MOCK_RULE_DESCRIPTOR, "level %u: %#llx points outside RAM", level,
			       (unsigned long long)raw);
	else if ((level == 3 || !pte_is_table(raw)) && (raw & PTE_SH_MASK) != PTE_SH_INNER)
		mock_violation(MOCK_RULE_DESCRIPTOR, "%#llx: RAM must be inner shareable",
			       (unsigned long long)raw);
	else if ((level == 3 || !pte_is_table(raw)) && !(raw & PTE_NG))
		mock_violation(MOCK_RULE_DESCRIPTOR, "%#llx: a user page that is global",
			       (unsigned long long)raw);
}

static void link_add(struct shadow *s, phys_addr_t entry)
{
	if (s->nlinks == s->links_max) {
		s->links_max = s->links_max ? s->links_max * 2 : 4;
		s->links = realloc(s->links, s->links_max * sizeof(*s->links));
		assert_non_null(s->links);
	}
	s->links[s->nlinks++].entry = entry;
}

static void link_remove(struct shadow *s, phys_addr_t entry)
{
	for (unsigned i = 0; i < s->nlinks; i++)
		if (s->links[i].entry == entry) {
			s->links[i] = s->links[--s->nlinks];
			return;
		}
}

static void link_made(phys_addr_t entry, uint64_t raw, unsigned level);

static struct shadow *table_add(phys_addr_t pa, unsigned level)
{
	struct shadow *s = calloc(1, sizeof(*s));

	assert_non_null(s);
	s->table = pa;
	s->level = level;
	memcpy(s->raw, phys_to_virt(pa), PAGE_SIZE);
	shadows[frame_index(pa)] = s;
	for (unsigned i = 0; i < TABLE_ENTRIES; i++) {
		table_check_descriptor(s->raw[i], level);
		if (level < 3 && pte_is_table(s->raw[i]))
			link_made(pa + i * 8, s->raw[i], level);
	}
	return s;
}

static void link_made(phys_addr_t entry, uint64_t raw, unsigned level)
{
	phys_addr_t pa = pte_pa(raw);
	struct shadow *s = table_shadow(pa);

	if (!mock_pa_in_ram(pa))
		return;
	if (stores_pending_in(pa) || frame_zeroing(pa))
		mock_violation(MOCK_RULE_BARRIER,
			       "table %#llx is linked before a DSB completed its contents",
			       (unsigned long long)pa);
	if (!s)
		s = table_add(pa, level + 1);
	if (s->level != level + 1)
		mock_violation(MOCK_RULE_DESCRIPTOR, "table %#llx is linked at two levels",
			       (unsigned long long)pa);
	link_add(s, entry);
}

static void link_broken(phys_addr_t entry, uint64_t raw)
{
	struct shadow *s = table_shadow(pte_pa(raw));

	if (!s)
		return;
	link_remove(s, entry);
	if (s->nlinks == 0 && !s->root)
		table_forget(s->table);
}

void table_forget(phys_addr_t pa)
{
	struct shadow *s = table_shadow(pa);

	if (!s)
		return;
	shadows[frame_index(pa)] = NULL;
	for (unsigned i = 0; i < TABLE_ENTRIES && s->level < 3; i++)
		if (pte_is_table(s->raw[i]))
			link_broken(pa + i * 8, s->raw[i]);
	free(s->links);
	free(s);
}

void table_add_root(phys_addr_t pa)
{
	struct shadow *s = table_shadow(pa);

	if (!s)
		s = table_add(pa, 0);
	s->root = true;
	if (s->level != 0)
		mock_violation(MOCK_RULE_DESCRIPTOR, "TTBR0 := %#llx, a table of level %u",
			       (unsigned long long)pa, s->level);
}

void table_note_store(struct shadow *s, phys_addr_t addr, uint64_t old, uint64_t raw)
{
	table_check_descriptor(raw, s->level);
	s->raw[(addr & (PAGE_SIZE - 1)) / 8] = raw;
	if (s->level == 3)
		return;
	if (pte_is_table(raw) && !(pte_is_table(old) && pte_pa(old) == pte_pa(raw)))
		link_made(addr, raw, s->level);
	if (pte_is_table(old) && !(pte_is_table(raw) && pte_pa(old) == pte_pa(raw)))
		link_broken(addr, old);
}

static void for_va(struct shadow *s, virt_addr_t va, unsigned level,
		   void (*fn)(phys_addr_t root, virt_addr_t va, unsigned level, void *arg),
		   void *arg)
{
	if (s->root)
		fn(s->table, va, level, arg);
	for (unsigned i = 0; i < s->nlinks; i++) {
		phys_addr_t entry = s->links[i].entry;
		struct shadow *parent = table_shadow(ALIGN_DOWN(entry, (phys_addr_t)PAGE_SIZE));

		if (parent)
			for_va(parent,
			       va | (virt_addr_t)(entry & (PAGE_SIZE - 1)) / 8
					       << LEVEL_SHIFT(parent->level),
			       level, fn, arg);
	}
}

void table_for_va(phys_addr_t addr,
		  void (*fn)(phys_addr_t root, virt_addr_t va, unsigned level, void *arg),
		  void *arg)
{
	struct shadow *s = table_shadow(ALIGN_DOWN(addr, (phys_addr_t)PAGE_SIZE));

	if (s)
		for_va(s, (virt_addr_t)(addr & (PAGE_SIZE - 1)) / 8 << LEVEL_SHIFT(s->level),
		       s->level, fn, arg);
}
