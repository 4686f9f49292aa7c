// SPDX-License-Identifier: MIT
/*
 * Least frequently used, with aging. A page's count says in how many of the last looks it was found
 * used; a look that finds it unused halves the count, and one that finds it at zero lets it go. So
 * what was used much long ago outlives a few looks, not many.
 *
 * The count is page->u.lru.uses and holds while PAGE_REFERENCED is set; without that flag it is 0.
 */
#include "mm/replace/replace.h"

#define USES_MOST 15u

static void balance(enum lru_kind kind)
{
	/* What another policy left there. */
	if (lru_size(lru_list_of(kind, true)) > 0)
		active_age(kind, EVICT_BATCH, true);
}

static bool due(struct page *p, bool used)
{
	/* Referenced by a system call alone, or by another policy: some count or other. */
	uint32_t uses = page_flag(p, PAGE_REFERENCED) ? MIN((uint32_t)p->u.lru.uses, USES_MOST) : 0;
	bool goes = !used && uses == 0;

	uses = used ? MIN(uses + 1, USES_MOST) : uses / 2;
	p->u.lru.uses = (uint16_t)uses;
	if (uses > 0)
		page_set_flag(p, PAGE_REFERENCED);
	else
		page_clear_flag(p, PAGE_REFERENCED);
	return goes;
}

const struct replacement replace_lfu = { .name = "lfu", .balance = balance, .due = due };
