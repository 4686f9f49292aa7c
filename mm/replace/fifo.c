// SPDX-License-Identifier: MIT
// First in, first out: use does not count. What the others have to be better than.
#include "mm/replace/replace.h"

static void balance(enum lru_kind kind)
{
	/* What another policy left there. */
	if (lru_size(lru_list_of(kind, true)) > 0)
		active_age(kind, EVICT_BATCH, true);
}

static bool due(struct page *p, bool used)
{
	(void)p, (void)used;
	return true;
}

const struct replacement replace_fifo = { .name = "fifo", .balance = balance, .due = due };
