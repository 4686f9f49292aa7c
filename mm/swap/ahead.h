// SPDX-License-Identifier: MIT
// Reading swap ahead: what the next faults are likely to want from a medium that takes long to
// answer.
#ifndef MM_SWAP_AHEAD_H
#define MM_SWAP_AHEAD_H

#include "mm/page.h"

/* Starts the thread, once. 0 or -ENOMEM. May sleep. */
int swap_ahead_start(void) MUST_CHECK;
/* A task is about to read the slot from a `distant` medium. Wakes the thread when slots behind it
 * are to be read as well. Bounded; any task context. */
void swap_ahead_fault(uint32_t slot);
/* The slot's page, PAGE_AHEAD, is used for the first time. swap.lock held. */
void swap_ahead_hit(struct page *p, uint32_t slot);
/* Reads a row of slots that was asked for. False: none was. The thread's; sleeps. */
bool swap_ahead_turn(void);

#endif
