// SPDX-License-Identifier: MIT
// Which policies there are and which is in force; what several of them do.
#include "mm/replace/replace.h"

#include "kernel/errno.h"
#include "kernel/lib/string.h"
#include "mm/reclaim.h"
#include "mm/rmap.h"
#include "mm/swap/slots.h"

static const struct replacement *const policies[] = { &replace_refault, &replace_clock,
						      &replace_fifo, &replace_lfu };
static const struct replacement *chosen = &replace_refault;

const struct replacement *replacement(void)
{
	return READ_ONCE(chosen);
}

int replacement_choose(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(policies); i++)
		if (strcmp(policies[i]->name, name) == 0) {
			if (policies[i]->begin != NULL)
				policies[i]->begin();
			WRITE_ONCE(chosen, policies[i]);
			return 0;
		}
	return -EINVAL;
}

const char *replacement_name(unsigned i, bool *in_force)
{
	if (i >= ARRAY_SIZE(policies))
		return NULL;
	*in_force = policies[i] == replacement();
	return policies[i]->name;
}

void page_activate(struct page *p)
{
	page_clear_flag(p, PAGE_REFERENCED);
	page_set_flag(p, PAGE_ACTIVE | PAGE_WORKINGSET);
	if (p->type == PAGE_ANON)
		swap_cache_relax(p);
	vm_count(VM_PGACTIVATE, 1);
}

unsigned active_age(enum lru_kind kind, unsigned n, bool all)
{
	struct page *pages[EVICT_BATCH];
	unsigned moved = 0;

	n = lru_isolate(lru_list_of(kind, true), pages, MIN(n, (unsigned)EVICT_BATCH));
	for (unsigned i = 0; i < n; i++) {
		struct page *p = pages[i];
		bool locked, used = rmap_test_clear_young(p, &locked) > 0;

		used |= page_flag(p, PAGE_REFERENCED);
		if (used && all) /* its next sighting makes it active again */
			page_set_flag(p, PAGE_REFERENCED);
		else
			page_clear_flag(p, PAGE_REFERENCED);
		if (used && !all)
			continue;
		page_clear_flag(p, PAGE_ACTIVE);
		moved++;
	}
	lru_put_back(pages, n);
	vm_count(VM_PGREFILL, n);
	vm_count(VM_PGDEACTIVATE, moved);
	return moved;
}
