// SPDX-License-Identifier: MIT
// What the frame allocator calls of reclaim, lists and swap, for tests that have none of them:
// nobody evicts.
#ifndef TESTS_UNIT_MM_NO_RECLAIM_H
#define TESTS_UNIT_MM_NO_RECLAIM_H

#include "kernel/errno.h"
#include "mm/buddy.h"
#include "tests/unit/mm/no_lists.h"

void reclaim_wake(void) {}
void reclaim_frames_freed(void) {}

uint32_t reclaim_kept_for_others(void)
{
	return 0;
}

int reclaim_wait_block(unsigned order, unsigned flags)
{
	(void)order, (void)flags;
	return -ENOMEM;
}

int reclaim_wait(unsigned flags)
{
	(void)flags;
	return -ENOMEM;
}

bool reclaim_claim(unsigned flags)
{
	(void)flags;
	return false;
}

#endif
