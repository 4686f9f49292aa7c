// SPDX-License-Identifier: MIT
// Clock: the hand goes round one list; a page in use is passed over and its access flag cleared,
// the first that was not used since the hand's last round goes.
#include "mm/replace/replace.h"

static void balance(enum lru_kind kind)
{
	/* What another policy left there. */
	if (lru_size(lru_list_of(kind, true)) > 0)
		active_age(kind, EVICT_BATCH, true);
}

static bool due(struct page *p, bool used)
{
	used |= page_flag(p, PAGE_REFERENCED); /* by a system call */
	page_clear_flag(p, PAGE_REFERENCED);
	return !used;
}

const struct replacement replace_clock = { .name = "clock", .balance = balance, .due = due };
