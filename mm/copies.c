// SPDX-License-Identifier: MIT
/*
 * Private copies of an object's pages: truncation takes those behind the new end too, and who
 * touches them then gets SIGBUS (mmap(2)).
 *
 * No index has them and their reverse maps know nothing of the object, so each object lists the
 * areas that may hold some: those in a tree that have had a private page (has_anon). An area comes
 * to the list with its first, so mappings of program text never do.
 *
 * The list is under the object's lock, areas and entries are under their address space's mutex,
 * which comes first: so a walk takes an address space from the list, gives up the lock, and looks
 * through all its areas. No copy of a page behind the end is made afterwards, because such a page
 * has left its object. Areas that are split, moved or forked meanwhile have been visited if what
 * they come from has, else they are put in front, where the walk looks next.
 *
 * Leaf tables that forks share are emptied as they are: all who share one have the same areas, and
 * lose the same copies.
 */
#include "mm/aspace_internal.h"

static struct mutex walk_mutex = MUTEX_INIT(walk_mutex); /* one walk at a time */
static uint32_t
	walks; /* the number of the last one; walk_mutex, read under the lock of an object */

/* On the list, areas that the walk has still to visit come before those that it has visited. A copy
 * of an area is what that was. */
static void link_locked(struct area *a)
{
	struct list *copies = &a->object->copies;

	if (a->walk == READ_ONCE(walks))
		list_push_back(copies, &a->copies);
	else
		list_push_front(copies, &a->copies);
}

void copies_link(struct area *a)
{
	if (!a->has_anon || a->object == NULL)
		return;
	spin_lock(&a->object->lock);
	link_locked(a);
	spin_unlock(&a->object->lock);
}

void copies_unlink(struct area *a)
{
	if (!a->has_anon || a->object == NULL)
		return;
	spin_lock(&a->object->lock);
	list_remove(&a->copies);
	spin_unlock(&a->object->lock);
}

/* a has private pages, of which a walk has taken what it had to if area `from` was visited, or is
 * new (NULL). */
static void note_anon(struct area *a, const struct area *from)
{
	struct object *o = a->object;

	if (o == NULL) {
		a->has_anon = true;
		return;
	}
	spin_lock(&o->lock);
	if (a->has_anon)
		list_remove(&a->copies);
	if (from != NULL && (!a->has_anon || from->walk != READ_ONCE(walks)))
		a->walk = from->walk;
	else if (from == NULL)
		a->walk = READ_ONCE(walks);
	a->has_anon = true;
	link_locked(a);
	spin_unlock(&o->lock);
}

void area_note_anon_slow(struct area *a)
{
	note_anon(a, NULL);
}

void copies_absorb(struct area *a, const struct area *from)
{
	if (from->has_anon)
		note_anon(a, from);
}

/* Empties the entries of a for pages from `first` on. */
static void area_empty(struct area *a, uint32_t first)
{
	uint64_t keep = first > a->offset ? first - a->offset : 0;
	virt_addr_t va = a->start + (MIN(keep, area_pages(a)) << PAGE_SHIFT), stop;
	struct pmap *pm = &a->aspace->pmap;
	struct tlb_batch b;

	tlb_batch_init(&b, NULL);
	for (va = pmap_next_leaf(pm, va, a->end); va < a->end;
	     va = pmap_next_leaf(pm, stop, a->end)) {
		stop = leaf_end(va, a->end);
		zap_table(pmap_leaf(pm, va), leaf_index(va),
			  leaf_index(va) + (unsigned)bytes_to_pages(stop - va), &b);
	}
	tlb_flush(&b);
}

static void area_visited(struct area *a)
{
	spin_lock(&a->object->lock);
	list_remove(&a->copies);
	a->walk = walks;
	link_locked(a);
	spin_unlock(&a->object->lock);
}

static void aspace_drop_copies(struct aspace *as, struct object *o, uint32_t first)
{
	aspace_mutex_lock_call(as);
	for (struct area *a = area_first(as); a != NULL; a = area_next(a)) {
		if (a->object != o || !a->has_anon)
			continue;
		area_visited(a);
		if (a->flags & AREA_HUGE_OWNER)
			hugetlb_disown(as, a);
		area_empty(a, first);
	}
	mutex_unlock(&as->mutex);
}

/* The address space of an area still to be visited, with a reference: the area is in its tree, so
 * it has users. NULL: there is none. */
static struct aspace *copies_next(struct object *o)
{
	struct aspace *as = NULL;
	struct area *a;

	spin_lock(&o->lock);
	if (!list_empty(&o->copies)) {
		a = list_first(&o->copies, struct area, copies);
		as = a->walk != walks ? aspace_get(a->aspace) : NULL;
	}
	spin_unlock(&o->lock);
	return as;
}

static bool copies_none(struct object *o)
{
	bool none;

	spin_lock(&o->lock);
	none = list_empty(&o->copies);
	spin_unlock(&o->lock);
	return none;
}

void copies_drop(struct object *o, uint32_t first)
{
	struct aspace *as;

	/* Also when the object goes with its last area, under an address space's mutex. */
	if (copies_none(o))
		return;
	mutex_lock(&walk_mutex);
	WRITE_ONCE(walks, walks + 1);
	while ((as = copies_next(o)) != NULL) {
		aspace_drop_copies(as, o, first);
		aspace_put(as);
	}
	mutex_unlock(&walk_mutex);
}
