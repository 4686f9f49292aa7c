// SPDX-License-Identifier: MIT
/*
 * Five lists of user pages, linked through page->next and prev by frame number:
 *
 *      inactive, active: a pair for what goes to swap (anonymous pages, shared memory),
 *                        a pair for pages of disk files;
 *      unevictable:      locked pages
 *
 * The list a page is on follows from PAGE_DISK, PAGE_ACTIVE and PAGE_UNEVICTABLE; with PAGE_LRU set
 * the latter two change under the lock alone. What moves between them is the policy's
 * (mm/replace/). head is the new end, tail the old one.
 *
 * One spin lock for all: it is held for a link or an unlink (about twenty instructions), or for
 * sixteen of them when the daemon takes or returns pages.
 */
#include "mm/lru.h"

#include "kernel/log.h"
#include "mm/replace/replace.h"
#include "mm/swap.h"

#define LOCK_BATCH 16u /* pages moved under one hold of the lock */

static struct {
	struct spinlock lock;
	struct {
		pfn_t head, tail;
		uint32_t count;
	} lists[LRU_LISTS];
} lru = { .lock = SPINLOCK_INIT, .lists = { [0 ... LRU_LISTS - 1] = { PFN_NONE, PFN_NONE, 0 } } };

static inline enum lru_list list_of(const struct page *p)
{
	unsigned flags = atomic_load(&p->flags);

	if (unlikely(flags & PAGE_UNEVICTABLE))
		return LRU_UNEVICTABLE;
	return lru_list_of(flags & PAGE_DISK ? LRU_FILE : LRU_ANON, flags & PAGE_ACTIVE);
}

static inline void link_locked(struct page *p)
{
	enum lru_list list = list_of(p);
	pfn_t pfn = page_to_pfn(p), next = lru.lists[list].head;

	p->prev = PFN_NONE;
	p->next = next;
	if (next != PFN_NONE)
		pfn_to_page(next)->prev = pfn;
	else
		lru.lists[list].tail = pfn;
	lru.lists[list].head = pfn;
	lru.lists[list].count++;
}

static void link_oldest_locked(struct page *p)
{
	enum lru_list list = list_of(p);
	pfn_t pfn = page_to_pfn(p), last = lru.lists[list].tail;

	p->next = PFN_NONE;
	p->prev = last;
	if (last != PFN_NONE)
		pfn_to_page(last)->next = pfn;
	else
		lru.lists[list].head = pfn;
	lru.lists[list].tail = pfn;
	lru.lists[list].count++;
}

static inline void unlink_locked(struct page *p)
{
	enum lru_list list = list_of(p);

	if (p->prev != PFN_NONE)
		pfn_to_page(p->prev)->next = p->next;
	else
		lru.lists[list].head = p->next;
	if (p->next != PFN_NONE)
		pfn_to_page(p->next)->prev = p->prev;
	else
		lru.lists[list].tail = p->prev;
	p->next = p->prev = PFN_NONE;
	lru.lists[list].count--;
}

/* What is seldom: p leaves its list, if it is on one, for the one that its new flags name. */
static __attribute__((noinline)) void relink_locked(struct page *p, unsigned set, unsigned clear,
						    bool oldest)
{
	bool linked = page_flag(p, PAGE_LRU);

	if (linked)
		unlink_locked(p);
	page_clear_flag(p, clear);
	page_set_flag(p, set);
	if (linked && oldest)
		link_oldest_locked(p);
	else if (linked)
		link_locked(p);
}

void lru_add(struct page *p)
{
	DEBUG_ASSERT(p->refs > 0 && !page_flag(p, PAGE_LRU));
	spin_lock(&lru.lock);
	link_locked(p);
	page_set_flag(p, PAGE_LRU);
	spin_unlock(&lru.lock);
}

void lru_remove(struct page *p)
{
	spin_lock(&lru.lock);
	if (page_flag(p, PAGE_LRU)) {
		unlink_locked(p);
		page_clear_flag(p, PAGE_LRU);
	}
	spin_unlock(&lru.lock);
}

/* Unlinks pages[0] and as many of those that follow as follow it on its list, towards the new end:
 * together they came, together they go, most often. How many. Nobody has references to them, so
 * nobody changes their flags: that needs no atomic operations. */
static unsigned unlink_run_locked(struct page **pages, unsigned n)
{
	struct page *first = pages[0], *last = first;
	enum lru_list list = list_of(first);
	uint16_t flags = first->flags;
	unsigned count = 1;

	WRITE_ONCE(first->flags, (uint16_t)(flags & ~PAGE_LRU));
	for (; count < n; count++) {
		struct page *p = pages[count];

		if (pfn_to_page(last->prev) != p || p->flags != flags)
			break;
		WRITE_ONCE(p->flags, (uint16_t)(flags & ~PAGE_LRU));
		last = p;
	}
	if (last->prev != PFN_NONE)
		pfn_to_page(last->prev)->next = first->next;
	else
		lru.lists[list].head = first->next;
	if (first->next != PFN_NONE)
		pfn_to_page(first->next)->prev = last->prev;
	else
		lru.lists[list].tail = last->prev;
	lru.lists[list].count -= count;
	return count;
}

void lru_remove_batch(struct page **pages, unsigned n)
{
	while (n > 0) {
		unsigned left = MIN(n, LOCK_BATCH), some;

		spin_lock(&lru.lock);
		for (; left > 0; left -= some, n -= some, pages += some)
			some = page_flag(*pages, PAGE_LRU) ? unlink_run_locked(pages, left) : 1;
		spin_unlock(&lru.lock);
	}
}

void lru_mark_accessed(struct page *p)
{
	if (!page_flag(p, PAGE_REFERENCED)) {
		page_set_flag(p, PAGE_REFERENCED);
		return;
	}
	if (page_flag(p, PAGE_ACTIVE | PAGE_UNEVICTABLE) || !replacement()->promotes)
		return;
	spin_lock(&lru.lock);
	if (page_flag(p, PAGE_LRU) && !page_flag(p, PAGE_ACTIVE | PAGE_UNEVICTABLE)) {
		relink_locked(p, PAGE_ACTIVE | PAGE_WORKINGSET, PAGE_REFERENCED, false);
		vm_count(VM_PGACTIVATE, 1);
	}
	spin_unlock(&lru.lock);
}

COLD void lru_deactivate(struct page *p, bool oldest)
{
	spin_lock(&lru.lock);
	if (page_flag(p, PAGE_LRU) && !page_flag(p, PAGE_UNEVICTABLE))
		relink_locked(p, 0, PAGE_ACTIVE | PAGE_REFERENCED, oldest);
	spin_unlock(&lru.lock);
}

COLD void lru_set_unevictable(struct page *p, bool on)
{
	bool changes;

	spin_lock(&lru.lock);
	changes = !page_flag(p, PAGE_UNEVICTABLE) == on;
	relink_locked(p, on ? PAGE_UNEVICTABLE : 0, on ? 0 : PAGE_UNEVICTABLE, false);
	spin_unlock(&lru.lock);
	if (!changes)
		return;
	vm_count(on ? VM_PGMLOCKED : VM_PGMUNLOCKED, 1);
	vm_count(on ? VM_PGCULLED : VM_PGRESCUED, 1);
}

/* Up to n pages under one hold of the lock. A page whose last reference went is about to be
 * taken off by page_put: it moves to the new end, out of the way. */
static unsigned isolate_locked(enum lru_list list, struct page **pages, unsigned n)
{
	unsigned got = 0;

	for (unsigned i = 0; i < n && lru.lists[list].tail != PFN_NONE; i++) {
		struct page *p = pfn_to_page(lru.lists[list].tail);

		unlink_locked(p);
		if (page_get_live(p)) {
			page_clear_flag(p, PAGE_LRU);
			pages[got++] = p;
		} else {
			link_locked(p);
		}
	}
	return got;
}

unsigned lru_isolate(enum lru_list list, struct page **pages, unsigned n)
{
	unsigned got = 0;

	while (n > 0) {
		unsigned part = MIN(n, LOCK_BATCH);

		spin_lock(&lru.lock);
		got += isolate_locked(list, pages + got, part);
		spin_unlock(&lru.lock);
		n -= part;
	}
	return got;
}

COLD bool lru_isolate_page(struct page *p)
{
	bool there;

	spin_lock(&lru.lock);
	there = page_flag(p, PAGE_LRU) && !page_flag(p, PAGE_UNEVICTABLE) && page_get_live(p);
	if (there) {
		unlink_locked(p);
		page_clear_flag(p, PAGE_LRU);
	}
	spin_unlock(&lru.lock);
	return there;
}

void lru_put_back(struct page **pages, unsigned n)
{
	for (unsigned i = 0; i < n;) {
		unsigned from = i, stop = MIN(n, i + LOCK_BATCH);

		spin_lock(&lru.lock);
		for (; i < stop; i++) {
			link_locked(pages[i]);
			page_set_flag(pages[i], PAGE_LRU);
		}
		spin_unlock(&lru.lock);
		while (from < stop)
			page_put(pages[from++]);
	}
}

uint32_t lru_size(enum lru_list list)
{
	return READ_ONCE(lru.lists[list].count);
}

void lru_stats(struct lru_stats *s)
{
	*s = (struct lru_stats){
		.active_anon = lru_size(LRU_ACTIVE_ANON),
		.inactive_anon = lru_size(LRU_INACTIVE_ANON),
		.active_file = lru_size(LRU_ACTIVE_FILE),
		.inactive_file = lru_size(LRU_INACTIVE_FILE),
		.unevictable = lru_size(LRU_UNEVICTABLE),
	};
}
