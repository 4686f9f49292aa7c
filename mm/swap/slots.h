// SPDX-License-Identifier: MIT
/*
 * The swap slots from the page daemon's side. What everyone else may do is in mm/swap.h.
 *
 * A pin is a reference like an entry's: while the daemon has one, the slot's binding to its
 * frame stays, and nobody becomes the sole user of the page (swap_cache_detach says no), so its
 * contents cannot change once no entry is writable.
 */
#ifndef MM_SWAP_SLOTS_H
#define MM_SWAP_SLOTS_H

#include "mm/swap.h"

/* True when pages can be written out: there is an area, one takes pages, and slots are free. */
bool swap_writable(void);
/* The medium takes pages, as far as is known: a page that has a slot already can be written. */
bool swap_accepts(void);
/* Why no area takes a page that leaves now, for people; NULL: one does, as far as is known. What is
 * left of a budget only the store knows, whose mutex may be held for a long erase. */
const char *swap_refusal(void);
/* Less than an eighth of the slots is free: those that only save a rewrite are given up, so that
 * RAM and swap hold their sum. Not earlier, as every rewrite wears the flash. */
bool slots_scarce(void);
/* A free slot that `group` (0: nobody) pays for, pinned, without frame; 0: none. The page daemon
 * alone. */
uint32_t slot_alloc(unsigned group);
/* Pins the slot that p (anonymous, isolated) is bound to, or binds it to a new one (*fresh); 0:
 * none is free, or p is used by nobody. The page daemon alone; with fresh NULL, which binds
 * nothing, any task. */
uint32_t slot_pin_page(struct page *p, bool *fresh);
/* Ends the binding that slot_pin_page made, when only the pin names the slot: p is as before, the
 * pin stays. False: entries name it by now. */
bool slot_unbind(struct page *p, uint32_t slot);
/* Some area has a record of it. A hint unless the caller has it pinned and bound, or is the daemon:
 * swap_detach() takes records away. */
bool slot_written(uint32_t slot);
/* The contents of p, bound to `slot` and clean, are on the medium: when only cache and caller
 * hold it the frame leaves the swap cache (and is the caller's to put). False: somebody uses it. */
bool swap_cache_evict(struct page *p, uint32_t slot);
/* The frame of p, whose contents are in `slot`, leaves an object: when that was, for a refault. The
 * slot is pinned. The page daemon alone. */
void slot_remember(uint32_t slot, const struct page *p);
/* p is in use again: gives its slot up if only the binding keeps it and slots are scarce. */
void swap_cache_relax(struct page *p);

/* Writing, by the page daemon alone: as store_append and store_commit, to the area whose turn it
 * is. An error makes that area count as full until a slot is freed, and is logged. */
int swap_write(uint32_t slot, const void *page) MUST_CHECK;
int swap_commit(void (*lost)(uint32_t slot, void *arg), void *arg) MUST_CHECK;
/* An area that is being switched off stays on: true when there was one. For who would have to end a
 * task otherwise. Any context. */
bool swap_keep(void);
/* What the medium's cleaner can do while there is time. */
bool swap_clean(void);

#endif
