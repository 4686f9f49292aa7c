// SPDX-License-Identifier: MIT
/*
 * Swap slots. A slot stands for one page of contents that left RAM, or is about to. Sixteen bytes
 * each, in chunks of one frame, which the daemon adds as it comes to use them (its frames are from
 * the reserve): swap that is not used takes no memory.
 *
 *    entries   swapped entries (leaf tables, object indices) that name it, and pins of the
 *              daemon and of page-ins
 *    frame     the resident frame bound to it (the swap cache), or none
 *    kept      the contents are in RAM: a word that repeats, or packed in the pool
 *    written   the store of its `area` has a record of it; poisoned: that could not be read back
 *    shadow    when its frame left (mm/workingset.h)
 *
 *        free --slot_alloc, slot_pin_page--> used
 *        used --last entry and frame gone, store_discard--> free
 *
 *    (1) A slot is free exactly when it has neither entries nor frame; then its bit is set.
 *    (2) PAGE_SWAPCACHE, page->u.anon.slot and slot->frame agree; the binding holds a page
 *        reference.
 *    (3) Bound and PAGE_DIRTY: the store's record, if any, is outdated. Bound, clean: it is valid.
 *    (4) The contents of a bound page do not change: who writes unbinds it (swap_cache_detach).
 *
 * One spin lock, the innermost but for page freeing and the store's own. Only the daemon
 * allocates slots, so it looks for a free one without the lock. A slot's record is discarded
 * under the lock, before the slot can be handed out again.
 */
#include "mm/swap/slots.h"

#include "kernel/errno.h"
#include "kernel/log.h"
#include "kernel/task.h"
#include "kernel/time.h"
#include "mm/buddy.h"
#include "mm/memcg.h"
#include "mm/reclaim_internal.h"
#include "mm/slab.h"
#include "mm/swap/ahead.h"
#include "mm/swap/pool.h"
#include "mm/swap/swap_internal.h"
#include "mm/workingset.h"

struct swap_table swap = { .lock = SPINLOCK_INIT };

/* True for a slot number that exists and has an entry; page->u.anon.slot of a page that is
 * something else by now may be anything. */
static inline bool slot_exists(uint32_t slot)
{
	return slot > 0 && slot <= READ_ONCE(swap.limit) && READ_ONCE(*slot_chunk(slot)) != NULL;
}

struct slot *slot_at(uint32_t slot)
{
	ASSERT(slot_exists(slot));
	return &(*slot_chunk(slot))[slot % PART_SLOTS % SLOTS_PER_CHUNK];
}

bool slots_scarce(void)
{
	uint32_t total = READ_ONCE(swap.total);

	return READ_ONCE(swap.used) > total - total / 8;
}

/* (1): frees the slot if nothing is left of it. */
static void slot_settle_locked(uint32_t slot, struct slot *s)
{
	if (s->entries > 0 || s->frame != PFN_NONE)
		return;
	slot_unstore_locked(slot, s);
	swap_owner_clear_locked(slot);
	s->poisoned = 0;
	*slot_word_of(slot) |= (uint64_t)1 << slot % 64;
	swap.used--;
	swap.refusing = 0;
	swap.refused = false;
}

void slot_stored_locked(struct slot *s, unsigned area)
{
	DEBUG_ASSERT(!s->written);
	s->area = area & (SWAP_AREAS - 1);
	s->written = 1;
	s->poisoned = 0;
	swap.areas[area].used++;
}

void slot_unstore_locked(uint32_t slot, struct slot *s)
{
	struct swap_area *a = &swap.areas[s->area];

	if (s->kept == KEPT_POOL)
		pool_drop(s->where);
	s->kept = KEPT_NOT;
	if (!s->written)
		return;
	store_discard(a->store, slot);
	if (store_dead(a->store))
		reclaim_wake(); /* the daemon has a segment to discard */
	s->written = 0;
	a->used--;
}

void slot_bind_locked(struct page *p, uint32_t slot, struct slot *s)
{
	s->frame = page_to_pfn(p);
	p->u.anon.slot = slot;
	page_get(p);
	page_set_flag(p, PAGE_SWAPCACHE);
	swap.cached++;
}

void slot_unbind_locked(struct page *p, uint32_t slot, struct slot *s)
{
	DEBUG_ASSERT(s->frame == page_to_pfn(p) && p->u.anon.slot == slot);
	s->frame = PFN_NONE;
	page_clear_flag(p, PAGE_SWAPCACHE);
	swap.cached--;
	slot_settle_locked(slot, s);
}

/* The slot of p when it is bound to it, else NULL. */
static struct slot *slot_of_page_locked(const struct page *p, uint32_t *slot)
{
	struct slot *s;

	*slot = READ_ONCE(p->u.anon.slot);
	if (!page_flag(p, PAGE_SWAPCACHE) || !slot_exists(*slot))
		return NULL;
	s = slot_at(*slot);
	return s->frame == page_to_pfn(p) ? s : NULL;
}

/* ---- References ---- */

void slot_get(uint32_t slot)
{
	struct slot *s = slot_at(slot);

	spin_lock(&swap.lock);
	DEBUG_ASSERT(s->entries > 0 || s->frame != PFN_NONE);
	s->entries++;
	spin_unlock(&swap.lock);
}

/* Is it worth a slot to save p, bound to it and in use, a rewrite? Not when slots are scarce; and
 * what is packed in RAM costs RAM, so not for a page that is meant to stay. */
static bool slot_worth_keeping(const struct slot *s, const struct page *p)
{
	return atomic_load(&p->refs) > 1 && !slots_scarce() &&
	       !(s->kept == KEPT_POOL && page_flag(p, PAGE_ACTIVE));
}

void slot_put(uint32_t slot)
{
	struct slot *s = slot_at(slot);
	struct page *p = NULL;

	spin_lock(&swap.lock);
	ASSERT(s->entries > 0);
	s->entries--;
	if (s->entries == 0 && s->frame != PFN_NONE) {
		p = pfn_to_page(s->frame);
		if (slot_worth_keeping(s, p)) {
			p = NULL; /* its users may find it clean when it is evicted next */
		} else {
			page_set_flag(p, PAGE_DIRTY);
			slot_unbind_locked(p, slot, s);
		}
	} else {
		slot_settle_locked(slot, s);
	}
	spin_unlock(&swap.lock);
	if (p != NULL)
		page_put(p);
}

bool slot_written(uint32_t slot)
{
	bool written;

	spin_lock(&swap.lock);
	written = slot_saved(slot_at(slot));
	spin_unlock(&swap.lock);
	return written;
}

unsigned slot_entries(uint32_t slot)
{
	return READ_ONCE(slot_at(slot)->bits) & SLOT_ENTRIES_MASK;
}

/* ---- The swap cache ---- */

struct page *swap_cache_lookup(uint32_t slot)
{
	struct slot *s = slot_at(slot);
	struct page *p = NULL;

	spin_lock(&swap.lock);
	if (s->frame != PFN_NONE) {
		p = pfn_to_page(s->frame);
		if (page_flag(p, PAGE_READING | PAGE_ERROR))
			p = NULL;
		else
			page_get(p);
		if (p != NULL && page_flag(p, PAGE_AHEAD))
			swap_ahead_hit(p, slot);
	}
	spin_unlock(&swap.lock);
	hw_rmb(); /* contents after PAGE_READING: pairs with page_end_reading */
	return p;
}

bool slot_pin_unread(uint32_t slot, bool anywhere)
{
	struct slot *s;
	bool pin;

	if (!slot_exists(slot))
		return false;
	s = slot_at(slot);
	spin_lock(&swap.lock);
	pin = s->entries > 0 && s->frame == PFN_NONE && !s->poisoned;
	if (anywhere)
		pin = pin && slot_saved(s);
	else
		pin = pin && s->written && s->kept == KEPT_NOT &&
		      swap.areas[s->area].medium->distant;
	s->entries += pin;
	spin_unlock(&swap.lock);
	return pin;
}

/* Unbinds p if nothing but the binding names its slot, and `refs` (0: any number) have the page,
 * and drops the binding's reference; p's contents live in RAM alone then. Who takes a reference
 * from the cache does so under this lock, while its entry still names the slot: none comes in
 * between. */
static bool unbind_unnamed(struct page *p, uint32_t refs)
{
	struct slot *s;
	uint32_t slot;
	bool done;

	spin_lock(&swap.lock);
	s = slot_of_page_locked(p, &slot);
	done = s != NULL && s->entries == 0 && (refs == 0 || atomic_load(&p->refs) == refs);
	if (done) {
		page_set_flag(p, PAGE_DIRTY);
		slot_unbind_locked(p, slot, s);
	}
	spin_unlock(&swap.lock);
	if (done)
		page_put(p);
	return done;
}

bool swap_cache_detach(struct page *p)
{
	return unbind_unnamed(p, 2);
}

void swap_cache_trim(struct page *p)
{
	(void)unbind_unnamed(p, 1);
}

void swap_cache_relax(struct page *p)
{
	if (page_flag(p, PAGE_SWAPCACHE) && slots_scarce())
		(void)unbind_unnamed(p, 0);
}

bool swap_cache_evict(struct page *p, uint32_t slot)
{
	struct slot *s = slot_at(slot);
	bool idle;

	spin_lock(&swap.lock);
	/* Who makes a bound page dirty does it under this lock. */
	idle = s->frame == page_to_pfn(p) && atomic_load(&p->refs) == 2 &&
	       !page_flag(p, PAGE_DIRTY) && slot_saved(s);
	if (idle) {
		s->shadow = workingset_evict(p);
		slot_unbind_locked(p, slot, s);
	}
	spin_unlock(&swap.lock);
	if (idle)
		page_put(p);
	return idle;
}

void slot_remember(uint32_t slot, const struct page *p)
{
	WRITE_ONCE(slot_at(slot)->shadow, workingset_evict(p));
}

/* ---- Growing ---- */

static int part_create(struct swap_part *part)
{
	uint64_t *free = kmalloc(PART_SLOTS / 8, ALLOC_ZERO | ALLOC_PAID);
	struct slot **chunks =
		kmalloc((PART_SLOTS / SLOTS_PER_CHUNK + 1) * sizeof(*chunks), ALLOC_ZERO);

	if (free == NULL || chunks == NULL) {
		kfree(free);
		kfree(chunks);
		return -ENOMEM;
	}
	*part = (struct swap_part){ .free = free, .chunks = chunks };
	return 0;
}

int slots_extend(uint32_t last)
{
	if (last >= SWAP_PARTS * PART_SLOTS)
		return -EFBIG;
	for (uint32_t i = 0; i <= last / PART_SLOTS; i++)
		if (swap.parts[i].free == NULL && part_create(&swap.parts[i]) != 0)
			return -ENOMEM; /* the parts made until now serve the next time */
	for (uint32_t slot = swap.limit + 1, end; slot <= last; slot = end + 1) {
		end = MIN(slot | 63, last); /* a word at a time: there may be millions */
		spin_lock(&swap.lock);
		*slot_word_of(slot) |= ~(uint64_t)0 << slot % 64 & ~(uint64_t)0 >> (63 - end % 64);
		spin_unlock(&swap.lock);
	}
	hw_wmb(); /* whoever sees the numbers finds their part */
	WRITE_ONCE(swap.limit, MAX(swap.limit, last));
	return 0;
}

/* ---- Allocation: the page daemon alone ---- */

/* Makes the entry of a slot exist. */
static bool slot_chunk_ready(uint32_t slot)
{
	struct slot **chunk = slot_chunk(slot), *entries;
	struct page *p;

	if (*chunk != NULL)
		return true;
	p = page_alloc(ALLOC_ZERO | ALLOC_NOWAIT);
	if (p == NULL)
		return false;
	entries = page_to_virt(p);
	for (unsigned i = 0; i < SLOTS_PER_CHUNK; i++)
		entries[i].frame = PFN_NONE;
	hw_wmb(); /* whoever hears of a slot finds its entry */
	WRITE_ONCE(*chunk, entries);
	return true;
}

/* A slot whose bit is set, next to the last one so that what leaves together lies together; 0:
 * none. */
static uint32_t slot_find_free(void)
{
	uint32_t words = READ_ONCE(swap.limit) / 64 + 1, word = swap.cursor / 64;
	uint64_t bits = READ_ONCE(*slot_word_of(word * 64)) & (~(uint64_t)0 << swap.cursor % 64);

	for (uint32_t i = 0; i <= words; i++) {
		if (bits != 0)
			return word * 64 + (uint32_t)__builtin_ctzll(bits);
		word = word + 1 < words ? word + 1 : 0;
		bits = READ_ONCE(*slot_word_of(word * 64));
	}
	return 0;
}

/* As above for a page that `group` pays for, and its entry exists; 0 also when there is not even a
 * frame for that, or the group may have no more. */
static uint32_t slot_find(unsigned group)
{
	uint32_t slot = swap_writable() && memcg_swap_has_room(group) ? slot_find_free() : 0;

	return slot != 0 && slot_chunk_ready(slot) && swap_owner_ready(slot, group) ? slot : 0;
}

/* Where the numbers begin again. Each that was ever used costs memory for good, here and in the
 * stores: so those far above what is in use wait until they are needed. */
#define SLOTS_SPARE 32768u
static uint32_t slots_reach(void)
{
	return MIN(swap.limit, 2 * swap.used + SLOTS_SPARE);
}

/* Takes the slot with one pin. */
static struct slot *slot_take_locked(uint32_t slot, unsigned group)
{
	struct slot *s = slot_at(slot);

	*slot_word_of(slot) &= ~((uint64_t)1 << slot % 64);
	swap.used++;
	swap.cursor = slot < slots_reach() ? slot + 1 : 1;
	s->entries = 1;
	swap_owner_set_locked(slot, group);
	return s;
}

bool swap_accepts(void)
{
	uint64_t again = READ_ONCE(swap.ask_again);

	return READ_ONCE(swap.total) != 0 &&
	       (!READ_ONCE(swap.refused) || (again != 0 && time_now() >= again));
}

const char *swap_refusal(void)
{
	if (!READ_ONCE(swap.refused))
		return NULL;
	if (READ_ONCE(swap.ask_again) == 0)
		return "full, failing, or its medium is another's";
	return READ_ONCE(swap.spent) ? "its write budget is spent" : "its medium is gone";
}

bool swap_writable(void)
{
	return swap_accepts() && READ_ONCE(swap.used) < READ_ONCE(swap.total);
}

uint32_t slot_alloc(unsigned group)
{
	uint32_t slot = slot_find(group);

	if (slot == 0)
		return 0;
	spin_lock(&swap.lock);
	slot_take_locked(slot, group);
	spin_unlock(&swap.lock);
	return slot;
}

uint32_t slot_pin_page(struct page *p, bool *fresh)
{
	unsigned group = READ_ONCE(p->u.lru.group);
	uint32_t free = fresh == NULL || page_flag(p, PAGE_SWAPCACHE) ? 0 : slot_find(group), slot;
	struct slot *s;

	spin_lock(&swap.lock);
	s = slot_of_page_locked(p, &slot);
	if (fresh != NULL)
		*fresh = s == NULL;
	if (s != NULL) {
		s->entries++;
	} else if (free != 0 && p->rmap != 0) {
		slot = free;
		slot_bind_locked(p, slot, slot_take_locked(slot, group));
	} else {
		slot = 0;
	}
	spin_unlock(&swap.lock);
	return slot;
}

bool slot_unbind(struct page *p, uint32_t slot)
{
	struct slot *s = slot_at(slot);
	bool alone;

	spin_lock(&swap.lock);
	alone = s->entries == 1;
	if (alone)
		slot_unbind_locked(p, slot, s);
	spin_unlock(&swap.lock);
	if (alone)
		page_put(p);
	return alone;
}

void swap_stats(struct swap_stats *s)
{
	*s = (struct swap_stats){
		.slots_total = READ_ONCE(swap.total),
		.cached = READ_ONCE(swap.cached),
	};
	/* What an area that is gone leaves in RAM keeps its slots. */
	s->slots_used = MIN((uint64_t)READ_ONCE(swap.used), s->slots_total);
	s->bytes_total = s->slots_total << PAGE_SHIFT;
	s->bytes_used = s->slots_used << PAGE_SHIFT;
}
