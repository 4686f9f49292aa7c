// SPDX-License-Identifier: MIT
/*
 * mm/swap.h and mm/lru.h for tests of what lies above them: slots with contents in host memory, a
 * swap cache, and mock_swap_out(), which does to one page what the page daemon would. Lists are
 * only the PAGE_LRU flag. Weak: real files win.
 */
#include <stdlib.h>
#include <string.h>

#include "kernel/errno.h"
#include "mm/buddy.h"
#include "mm/lru.h"
#include "mm/object_internal.h"
#include "mm/rmap.h"
#include "mm/swap.h"
#include "mm/thrash.h"
#include "mm/workingset.h"
#include "tests/mock/objects.h"
#include "tests/mock/private.h"

#define WEAK  __attribute__((weak))
#define SLOTS 8192

static struct slot {
	unsigned entries;
	struct page *frame;
	char *contents;
} slots[SLOTS];

bool mock_swap_unreadable;
static uint64_t events[VM_EVENTS];

unsigned mock_slots_used(void)
{
	unsigned n = 0;

	for (unsigned i = 1; i < SLOTS; i++)
		n += slots[i].entries > 0 || slots[i].frame != NULL;
	return n;
}

void mock_swap_reset(void)
{
	for (unsigned i = 0; i < SLOTS; i++)
		free(slots[i].contents);
	memset(slots, 0, sizeof(slots));
	memset(events, 0, sizeof(events));
	mock_swap_unreadable = false;
}

static struct slot *slot_of(uint32_t slot)
{
	assert_true(slot > 0 && slot < SLOTS);
	return &slots[slot];
}

static void slot_settle(struct slot *s)
{
	if (s->entries > 0 || s->frame != NULL)
		return;
	free(s->contents);
	s->contents = NULL;
}

WEAK void slot_get(uint32_t slot)
{
	slot_of(slot)->entries++;
}

WEAK void slot_put(uint32_t slot)
{
	struct slot *s = slot_of(slot);

	assert_true(s->entries > 0);
	s->entries--;
	if (s->entries == 0 && s->frame != NULL)
		swap_cache_trim(s->frame);
	else
		slot_settle(s);
}

WEAK unsigned slot_entries(uint32_t slot)
{
	return slot_of(slot)->entries;
}

static void bind(struct page *p, uint32_t slot)
{
	p->u.anon.slot = slot;
	page_set_flag(p, PAGE_SWAPCACHE);
	page_get(p);
	slots[slot].frame = p;
}

static void unbind(struct page *p)
{
	struct slot *s = slot_of(p->u.anon.slot);

	s->frame = NULL;
	page_clear_flag(p, PAGE_SWAPCACHE);
	slot_settle(s);
}

WEAK struct page *swap_in(uint32_t slot, int *err, bool *major)
{
	struct slot *s = slot_of(slot);
	struct page *p;

	if (!preemptible())
		mock_violation(MOCK_RULE_CONTEXT, "swap_in with preemption off");
	assert_true(s->entries > 0);
	if (s->frame == NULL && mock_on_swap_in != NULL)
		mock_on_swap_in();
	if (s->frame != NULL) {
		page_get(s->frame);
		return s->frame;
	}
	*major = true;
	*err = mock_swap_unreadable ? -EIO : 0;
	p = *err ? NULL : page_alloc(ALLOC_USER);
	if (p == NULL) {
		*err = *err ? *err : -ENOMEM;
		return NULL;
	}
	p->type = PAGE_ANON;
	assert_non_null(s->contents);
	memcpy(page_to_virt(p), s->contents, PAGE_SIZE);
	bind(p, slot);
	lru_add(p);
	return p;
}

void (*mock_on_swap_in)(void);

WEAK struct page *swap_cache_lookup(uint32_t slot)
{
	struct page *p = slot_of(slot)->frame;

	if (p != NULL)
		page_get(p);
	return p;
}

WEAK bool swap_cache_detach(struct page *p)
{
	if (slot_entries(p->u.anon.slot) > 0 || p->refs != 2)
		return false;
	unbind(p);
	assert_true(p->refs > 1);
	p->refs--;
	return true;
}

WEAK void swap_cache_trim(struct page *p)
{
	if (p->refs != 1 || slot_entries(p->u.anon.slot) > 0)
		return;
	unbind(p);
	page_put(p);
}

static uint32_t slot_alloc(void)
{
	for (uint32_t i = 1; i < SLOTS; i++)
		if (slots[i].entries == 0 && slots[i].frame == NULL)
			return i;
	fail_msg("no swap slot left");
	return 0;
}

/* Only cache and daemon hold it, nothing maps it. */
static bool page_idle(const struct page *p)
{
	return p->refs == 2 && p->rmap == 0;
}

static bool anon_out(struct page *p)
{
	bool fresh = !page_flag(p, PAGE_SWAPCACHE);
	uint32_t slot = fresh ? slot_alloc() : p->u.anon.slot;
	struct slot *s = &slots[slot];
	bool gone;

	if (fresh) {
		s->contents = malloc(PAGE_SIZE);
		bind(p, slot);
	}
	gone = rmap_unmap_to_slot(p, slot) == 0 && page_idle(p);
	if (fresh)
		memcpy(s->contents, page_to_virt(p), PAGE_SIZE);
	else
		assert_memory_equal(s->contents, page_to_virt(p), PAGE_SIZE);
	if (gone || slot_entries(slot) == 0) {
		unbind(p);
		page_put(p);
	}
	return gone;
}

static bool file_out(struct page *p)
{
	struct object *o = object_pin(p);
	uint32_t slot, index = p->u.file.index;
	bool gone = false;

	if (o == NULL)
		return false;
	if (rmap_unmap_file(o, p, false) == 0 && !page_flag(p, PAGE_UNEVICTABLE)) {
		slot = slot_alloc();
		slots[slot].contents = malloc(PAGE_SIZE);
		slots[slot].entries = 1; /* ours */
		page_clear_flag(p, PAGE_DIRTY);
		memcpy(slots[slot].contents, page_to_virt(p), PAGE_SIZE);
		gone = object_swap_out(o, index, p, slot);
		if (!gone)
			page_set_flag(p, PAGE_DIRTY);
		slot_put(slot);
	}
	object_put(o);
	return gone;
}

bool mock_swap_out(struct page *p)
{
	bool gone = false;

	if (p == zero_page || !page_get_live(p))
		return false;
	if (p->type == PAGE_ANON && page_flag(p, PAGE_LRU))
		gone = anon_out(p);
	else if (p->type == PAGE_FILE && page_flag(p, PAGE_LRU))
		gone = file_out(p);
	page_put(p);
	return gone;
}

/* ---- Lists ---- */

WEAK void lru_add(struct page *p)
{
	assert_false(page_flag(p, PAGE_LRU));
	assert_true(p->refs > 0);
	page_set_flag(p, PAGE_LRU);
}

WEAK void lru_remove(struct page *p)
{
	page_clear_flag(p, PAGE_LRU);
}

WEAK void lru_remove_batch(struct page **pages, unsigned n)
{
	while (n > 0)
		lru_remove(pages[--n]);
}

WEAK void lru_mark_accessed(struct page *p)
{
	assert_true(p->refs > 0);
}

WEAK void lru_deactivate(struct page *p, bool oldest)
{
	(void)oldest;
	page_clear_flag(p, PAGE_ACTIVE | PAGE_REFERENCED);
}

WEAK bool lru_isolate_page(struct page *p)
{
	page_get(p);
	return true;
}

WEAK void reclaim_pages(struct page **pages, unsigned n)
{
	while (n > 0)
		page_put(pages[--n]);
}

WEAK bool workingset_refault_file(struct page *p)
{
	(void)p;
	return false;
}

WEAK void lru_set_unevictable(struct page *p, bool on)
{
	assert_true(p->refs > 0);
	if (on)
		page_set_flag(p, PAGE_UNEVICTABLE);
	else
		page_clear_flag(p, PAGE_UNEVICTABLE);
}

WEAK bool swap_want(uint32_t slot)
{
	assert_true(slot_of(slot)->entries > 0);
	return true;
}

WEAK void swap_want_go(void) {}

WEAK void swap_stats(struct swap_stats *s)
{
	*s = (struct swap_stats){ .slots_total = 100 };
}

WEAK void vm_count(enum vm_event e, unsigned n)
{
	events[e] += n;
}

WEAK uint64_t vm_events(enum vm_event e)
{
	return events[e];
}

/* Nobody copies pages where there are no address spaces. */
WEAK void copies_drop(struct object *o, uint32_t first)
{
	(void)o, (void)first;
}

/* ---- mm/thrash.c ---- */

WEAK void thrash_turn(void) {}

WEAK void thrash_changed(void) {}
