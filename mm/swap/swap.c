// SPDX-License-Identifier: MIT
/*
 * Swap's traffic with the store: page-in, and the page daemon's writing.
 *
 * Page-in. Whoever comes first binds an empty frame with PAGE_READING to the slot and reads into
 * it, without locks; whoever comes while that lasts finds the frame and waits on it. So a page
 * is read once, and only tasks that need it wait.
 *
 *        not bound --bind, PAGE_READING--> reading --ok--> bound, clean
 *                                             |
 *                                             +--failed--> not bound; poisoned, contents lost
 *
 * Who waits lends its priority to who reads (mm/reading.h), and to the request that that one sleeps
 * for.
 *
 * A slot whose record cannot be read is poisoned until its last owner has given it up: all of
 * them get -EIO, at once from then on.
 */
#include "kernel/errno.h"
#include "kernel/log.h"
#include "kernel/psi.h"
#include "kernel/time.h"
#include "mm/buddy.h"
#include "mm/reclaim.h"
#include "mm/reclaim_internal.h"
#include "mm/swap/ahead.h"
#include "mm/swap/swap_internal.h"
#include "mm/swap/tiers.h"
#include "mm/workingset.h"

/* ns between two complaints of a kind */
#define LOG_PAUSE ((uint64_t)5 * 1000 * 1000 * 1000)

bool swap_may_log(uint64_t *last)
{
	uint64_t now = time_now();

	if (*last != 0 && now - *last < LOG_PAUSE)
		return false;
	*last = now;
	return true;
}

/* ---- Page-in ---- */

enum lookup { FOUND, ABSENT, POISONED };

/* The frame bound to the slot, with a reference, even when it is still being read. */
static enum lookup slot_lookup(uint32_t slot, struct page **p)
{
	struct slot *s = slot_at(slot);
	enum lookup found = ABSENT;

	spin_lock(&swap.lock);
	ASSERT(s->entries > 0);
	if (s->frame != PFN_NONE) {
		*p = pfn_to_page(s->frame);
		page_get(*p);
		if (page_flag(*p, PAGE_AHEAD))
			swap_ahead_hit(*p, slot);
		found = FOUND;
	} else if (s->poisoned || !slot_saved(s)) {
		found = POISONED;
	}
	spin_unlock(&swap.lock);
	return found;
}

bool reading_begin(struct reading *r, struct page *p, uint32_t slot, bool early)
{
	struct slot *s = slot_at(slot);
	bool ours;

	p->type = PAGE_ANON;
	reading_note_page(r, p, p);
	spin_lock(&swap.lock);
	ours = s->frame == PFN_NONE && !s->poisoned;
	if (ours) {
		page_set_flag(p, early ? PAGE_READING | PAGE_AHEAD : PAGE_READING);
		slot_bind_locked(p, slot, s);
		if (!early)
			(void)workingset_refault(p, s->shadow);
	}
	spin_unlock(&swap.lock);
	if (!ours)
		reading_over(r);
	return ours;
}

static void reading_failed(struct page *p, uint32_t slot, int err)
{
	struct slot *s = slot_at(slot);
	static uint64_t last;

	spin_lock(&swap.lock);
	slot_unbind_locked(p, slot, s);
	s->poisoned = err == -EIO || err == -ENOENT;
	spin_unlock(&swap.lock);
	if (swap_may_log(&last))
		log_error("swap: slot %u cannot be read back (error %d): its users get SIGBUS",
			  slot, -err);
	page_end_reading(p, true);
	page_put(p); /* the binding's */
	page_put(p);
}

/* From the area that has the slot: it is bound, so its contents stay there. */
static int area_read(struct page *p, uint32_t slot)
{
	const struct swap_area *a = &swap.areas[slot_at(slot)->area];

	if (a->medium->distant && !page_flag(p, PAGE_AHEAD))
		swap_ahead_fault(slot);
	return store_read(a->store, slot, page_to_virt(p));
}

/* From wherever the contents are, and tells who waits for them. */
static int contents_read(struct page *p, uint32_t slot)
{
	int err = tier_read(slot, page_to_virt(p));

	if (err == -ENOENT)
		err = area_read(p, slot);
	if (err) {
		reading_failed(p, slot, err);
		return err == -ENOENT ? -EIO : err;
	}
	lru_add(p);
	page_end_reading(p, false);
	vm_count(VM_PSWPIN, 1);
	return 0;
}

int slot_read(struct reading *r, struct page *p, uint32_t slot)
{
	int err = contents_read(p, slot);

	reading_over(r);
	return err;
}

/* Waits for somebody else's read. 0; -EAGAIN: that failed, look again. */
static int slot_wait(struct page *p, bool *major)
{
	int err = 0;

	if (page_flag(p, PAGE_READING)) {
		*major = true;
		err = page_wait_reading(p, p);
	}
	hw_rmb(); /* contents after PAGE_READING: pairs with page_end_reading */
	if (err == 0 && page_flag(p, PAGE_ERROR))
		err = -EAGAIN;
	if (err)
		page_put(p);
	return err;
}

struct page *slot_in(uint32_t slot, unsigned alloc_flags, int *err, bool *major)
{
	struct page *p = NULL;
	struct reading r;
	bool waits = false;

	for (*err = -EAGAIN; *err == -EAGAIN;) {
		enum lookup found = slot_lookup(slot, &p);

		if (found == FOUND) {
			*err = slot_wait(p, major);
			continue;
		}
		*major = true;
		if (found == POISONED) {
			*err = -EIO;
			break;
		}
		waits |= psi_memory_begin();
		p = page_alloc(alloc_flags);
		if (p == NULL)
			*err = -ENOMEM;
		else if (reading_begin(&r, p, slot, false))
			*err = slot_read(&r, p, slot);
		else
			page_put(p);
	}
	psi_memory_end(waits);
	return *err == 0 ? p : NULL;
}

struct page *swap_in(uint32_t slot, int *err, bool *major)
{
	struct page *p = slot_in(slot, ALLOC_USER, err, major);

	if (*err == -ENODEV)
		*err = -EIO;
	return p;
}
