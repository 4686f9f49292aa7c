// SPDX-License-Identifier: MIT
/*
 * Evicting pages that have been chosen, a batch at a time. Each page is isolated, and the daemon
 * holds a reference to it, which alone keeps anyone from becoming its sole user. So once no
 * entry maps it for writing its contents stand still.
 *
 *    anonymous         slot pinned (new or old) -> every entry becomes swapped(slot)
 *                      -> written, committed -> frame freed
 *    anonymous, clean  the same without writing: its slot has the contents (swap_clean_drop)
 *    anonymous, freed  without a slot and clean: every entry becomes none -> frame freed
 *    object's, dirty   unmapped -> slot pinned -> marked clean -> written, committed
 *                      -> the index names the slot -> frame freed
 *    object's, clean   unmapped -> the index becomes empty -> frame freed
 *
 * Where nothing is to be written (a batch without victims), dirty pages stay.
 *
 * Whatever goes wrong, the page stays where it is, dirty as before: a busy table or a locked
 * entry while unmapping; no slot; no room on the medium; a batch that did not reach it; somebody
 * who faulted the page back in, or wrote to it, meanwhile. Frames are freed only after the
 * commit, and only when cache and daemon are their last users.
 */
#include "kernel/errno.h"
#include "mm/object_internal.h"
#include "mm/reclaim_internal.h"
#include "mm/rmap.h"
#include "mm/swap/slots.h"
#include "mm/workingset.h"

/* ---- Out of the maps ---- */

/* p's frame is free of everybody but us. */
static void freed(struct evict_batch *b, struct page *p)
{
	page_put(p);
	b->freed++;
}

static void enqueue(struct evict_batch *b, struct page *p, struct object *o, uint32_t slot)
{
	b->victims[b->count++] = (struct victim){
		.page = p, .object = o, .index = o != NULL ? p->u.file.index : 0, .slot = slot
	};
}

/* MADV_FREE said that nobody needs the contents. Our reference keeps anybody from becoming the sole
 * user, who alone could make p dirty: a store meanwhile copies it. */
static void evict_lazy(struct evict_batch *b, struct page *p)
{
	if (rmap_unmap_lazy(p) || page_flag(p, PAGE_DIRTY) || atomic_load(&p->refs) != 1) {
		evict_keep(b, p);
		return;
	}
	freed(b, p);
	vm_count(VM_PGLAZYFREED, 1);
}

static void evict_anon(struct evict_batch *b, struct page *p)
{
	uint32_t slot = 0;
	bool fresh = false;

	if (page_is_lazy(p)) {
		evict_lazy(b, p);
		return;
	}
	if (b->victims == NULL)
		slot = page_flag(p, PAGE_DIRTY) ? 0 : slot_pin_page(p, NULL);
	else if (!page_flag(p, PAGE_DIRTY) || swap_accepts())
		slot = slot_pin_page(p, &fresh);
	if (slot == 0) {
		evict_keep(b, p);
		return;
	}
	if (rmap_unmap_to_slot(p, slot)) {
		/* What is still mapped may be writable when the binding is new: it must not stay
		 * bound (4). */
		if (fresh)
			(void)slot_unbind(p, slot);
		slot_put(slot);
		evict_keep(b, p);
		return;
	}
	if (b->victims != NULL && slot_entries(slot) > 1 &&
	    (fresh || page_flag(p, PAGE_DIRTY) || !slot_written(slot))) {
		enqueue(b, p, NULL, slot);
		return;
	}
	if (swap_cache_evict(p, slot)) {
		slot_put(slot);
		freed(b, p);
		vm_count(VM_SWAP_CLEAN_DROP, 1);
		return;
	}
	/* In use again, or nobody names it: then our reference is the last. */
	slot_put(slot);
	evict_keep(b, p);
}

/* Marks p clean if only index and daemon hold it. From now on a writer finds it in the index,
 * under o's lock, and makes it dirty after that: seen by object_swap_out. One that was faster is
 * seen here. */
static bool object_page_settle(struct object *o, struct page *p)
{
	bool idle;

	spin_lock(&o->lock);
	idle = object_page_idle(p) && !page_flag(p, PAGE_READING | PAGE_UNEVICTABLE);
	if (idle)
		page_clear_flag(p, PAGE_DIRTY);
	spin_unlock(&o->lock);
	return idle;
}

/* The contents of o's page, unmapped and dirty, go to swap: true when they are to be written with
 * the batch. */
static bool object_page_queue(struct evict_batch *b, struct object *o, struct page *p)
{
	uint32_t slot = slot_alloc(READ_ONCE(p->u.lru.group));

	if (slot == 0)
		return false;
	if (!object_page_settle(o, p)) {
		slot_put(slot);
		return false;
	}
	enqueue(b, p, o, slot);
	return true;
}

static void evict_file(struct evict_batch *b, struct page *p)
{
	struct object *o = object_pin(p);
	uint32_t index;
	bool dirty;

	if (o == NULL) {
		evict_keep(b, p); /* truncated: our reference may be the last */
		return;
	}
	index = p->u.file.index;
	if (READ_ONCE(o->keep) || (b->victims == NULL && page_flag(p, PAGE_DIRTY)))
		goto keep;
	if (page_flag(p, PAGE_DIRTY) && o->ops->write_pages == NULL && !swap_writable())
		goto keep;
	if (rmap_unmap_file(o, p, false))
		goto keep;
	/* write(2) may make it so at any time: then it is not dropped. */
	dirty = page_flag(p, PAGE_DIRTY);
	if (dirty && b->victims == NULL)
		goto keep;
	if (dirty && o->ops->write_pages == NULL) {
		if (object_page_queue(b, o, p))
			return;
		goto keep;
	}
	if (dirty && object_write_page(o, p))
		goto keep;
	if (object_drop_clean(o, index, p)) {
		if (page_flag(p, PAGE_DISK) && b->victims != NULL)
			workingset_evict_file(o, index, p);
		freed(b, p);
		object_put(o);
		return;
	}
keep:
	object_put(o);
	evict_keep(b, p);
}

void evict_page(struct evict_batch *b, struct page *p)
{
	if (p->type == PAGE_ANON)
		evict_anon(b, p);
	else
		evict_file(b, p);
}

/* ---- Out to the medium ---- */

static void victim_lost(uint32_t slot, void *arg)
{
	struct evict_batch *b = arg;

	for (unsigned i = 0; i < b->count; i++)
		if (b->victims[i].slot == slot)
			b->victims[i].lost = true;
}

/* Writes until the first refusal; those behind it are lost as well. */
static void write_victims(struct evict_batch *b)
{
	unsigned written = 0;
	int err = 0;

	for (unsigned i = 0; i < b->count; i++) {
		struct victim *v = &b->victims[i];

		if (err == 0)
			err = swap_write(v->slot, page_to_virt(v->page));
		v->lost = err != 0;
	}
	if (!b->victims[0].lost)
		(void)!swap_commit(victim_lost, b); /* a failure is told slot by slot */
	for (unsigned i = 0; i < b->count; i++)
		written += !b->victims[i].lost;
	vm_count(VM_PSWPOUT, written);
}

/* True when v's frame is gone from its cache. */
static bool victim_leaves(struct victim *v)
{
	if (v->object == NULL) {
		if (!v->lost)
			page_clear_flag(v->page, PAGE_DIRTY);
		return !v->lost && swap_cache_evict(v->page, v->slot);
	}
	if (!v->lost && object_swap_out(v->object, v->index, v->page, v->slot)) {
		slot_remember(v->slot, v->page);
		return true;
	}
	page_set_flag(v->page, PAGE_DIRTY); /* the slot goes with our pin */
	return false;
}

static void victim_finish(struct evict_batch *b, struct victim *v)
{
	bool leaves = victim_leaves(v);

	slot_put(v->slot);
	if (v->object != NULL)
		object_put(v->object);
	if (leaves)
		freed(b, v->page);
	else
		evict_keep(b, v->page);
}

unsigned evict_finish(struct evict_batch *b)
{
	if (b->count > 0)
		write_victims(b);
	for (unsigned i = 0; i < b->count; i++)
		victim_finish(b, &b->victims[i]);
	b->count = 0;
	lru_put_back(b->keep, b->kept);
	b->kept = 0;
	return b->freed;
}
