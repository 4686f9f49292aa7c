// SPDX-License-Identifier: MIT
/*
 * Areas: a red-black tree by address. Beside the areas the tree knows the free space between them:
 * an area's `gap` is what a new mapping may use right below it,
 *
 *       prev->end            a->start - guard      a->start
 *   ------+ ................... +  (growing stack:  +------
 *   prev  |         gap         |   its guard)      |  a
 *
 * and max_gap the largest gap in the subtree below and including it. Placement asks for the highest
 * gap that is large enough: one walk up and down the tree, however many areas there are. All under
 * the aspace mutex.
 */
#include "mm/aspace_internal.h"

uint32_t area_limit = 65530;
static struct kmem_cache *area_cache;

void area_init(void)
{
	area_cache = kmem_cache_create("area", sizeof(struct area), 0);
	if (area_cache == NULL)
		panic("no memory for the cache of areas");
}

static inline struct area *area_of(struct rb_node *n)
{
	return n != NULL ? rb_entry(n, struct area, node) : NULL;
}

struct area *area_first(struct aspace *as)
{
	return area_of(rb_first(&as->areas));
}

struct area *area_next(struct area *a)
{
	return area_of(rb_next(&a->node));
}

struct area *area_prev(struct area *a)
{
	return area_of(rb_prev(&a->node));
}

struct area *area_find(struct aspace *as, virt_addr_t va)
{
	struct area *hit = READ_ONCE(as->last_hit),
		    *found = NULL; /* faults may be here at the same time */
	struct rb_node *n = as->areas.node;

	/* In it, or in the free space that it knows right below. */
	if (hit != NULL && va < hit->end && va >= hit->start - hit->gap)
		return hit;
	while (n != NULL) {
		struct area *a = rb_entry(n, struct area, node);

		if (va < a->end) {
			found = a;
			if (va >= a->start)
				break;
			n = n->left;
		} else {
			n = n->right;
		}
	}
	if (found != NULL)
		WRITE_ONCE(as->last_hit, found);
	return found;
}

struct area *area_covering(struct aspace *as, virt_addr_t va)
{
	struct area *a = area_find(as, va);

	return a != NULL && a->start <= va ? a : NULL;
}

struct area *area_first_in(struct aspace *as, virt_addr_t start, virt_addr_t end)
{
	struct area *a = area_find(as, start);

	return a != NULL && a->start < end ? a : NULL;
}

/* ---- Gaps ---- */

static void area_update(struct rb_node *n)
{
	struct area *a = area_of(n), *left = area_of(n->left), *right = area_of(n->right);

	a->max_gap = a->gap;
	if (left != NULL)
		a->max_gap = MAX(a->max_gap, left->max_gap);
	if (right != NULL)
		a->max_gap = MAX(a->max_gap, right->max_gap);
}

/* Where a mapping below a must end. */
static inline virt_addr_t gap_end(const struct area *a)
{
	virt_addr_t guard = a->flags & AREA_GROWSDOWN ? STACK_GUARD : 0;

	return a->start > guard ? a->start - guard : 0;
}

static virt_addr_t gap_below(const struct area *a, const struct area *prev)
{
	virt_addr_t from = prev != NULL ? prev->end : USER_MIN;

	return gap_end(a) > from ? gap_end(a) - from : 0;
}

static void gap_refresh(struct area *a)
{
	if (a == NULL)
		return;
	a->gap = gap_below(a, area_prev(a));
	rb_augment(&a->node, area_update);
}

/* The highest area in the subtree n with a gap of at least `length`; there is one. */
static struct area *highest_gap(struct rb_node *n, uint64_t length)
{
	for (;;) {
		struct area *right = area_of(n->right);

		if (right != NULL && right->max_gap >= length)
			n = n->right;
		else if (area_of(n)->gap >= length)
			return area_of(n);
		else
			n = n->left;
	}
}

/* The highest area below a (NULL: of all) with a gap of at least `length`, or NULL. */
static struct area *gap_before(struct aspace *as, struct area *a, uint64_t length)
{
	struct rb_node *n = a != NULL ? &a->node : NULL,
		       *below = a != NULL ? a->node.left : as->areas.node;

	for (;;) {
		if (below != NULL && area_of(below)->max_gap >= length)
			return highest_gap(below, length);
		/* Up to the next node that lies to the left. */
		while (n != NULL && rb_parent(n) != NULL && rb_parent(n)->left == n)
			n = rb_parent(n);
		if (n == NULL || rb_parent(n) == NULL)
			return NULL;
		n = rb_parent(n);
		if (area_of(n)->gap >= length)
			return area_of(n);
		below = n->left;
	}
}

virt_addr_t area_find_gap(struct aspace *as, virt_addr_t low, virt_addr_t high, uint64_t length)
{
	/* The area whose gap `high` may cut, and the one below it. */
	struct area *above = high > 0 ? area_find(as, high - 1) : NULL;
	struct area *prev = above != NULL ? area_prev(above) : area_of(rb_last(&as->areas));
	virt_addr_t top = above != NULL ? MIN(high, gap_end(above)) : high;
	virt_addr_t from = MAX(low, prev != NULL ? prev->end : USER_MIN);
	struct area *a;

	if (top > from && top - from >= length)
		return top - length;
	a = gap_before(as, above, length);
	if (a == NULL || gap_end(a) < length || gap_end(a) - length < low)
		return 0;
	return gap_end(a) - length;
}

/* ---- Accounts ---- */

/* Adds (or with sign -1 takes away) `pages` with these flags. RLIMIT_DATA counts private writable
 * memory but stacks. */
static void account(struct aspace *as, unsigned flags, uint64_t pages, int sign)
{
	uint64_t delta = sign > 0 ? pages : -pages;

	if (sign < 0)
		as->peak_pages = MAX(as->peak_pages, as->total_pages);
	as->total_pages += delta;
	if (flags & AREA_ACCOUNT)
		as->committed += delta;
	if (flags & AREA_LOCKED)
		as->locked_pages += delta;
	if (flags & (AREA_STACK | AREA_GROWSDOWN))
		as->stack_pages += delta;
	else if ((flags & (AREA_WRITE | AREA_SHARED)) == AREA_WRITE)
		as->data_pages += delta;
}

/* ---- Changes of the tree ---- */

struct area *area_clone(const struct area *from)
{
	struct area *a = kmem_cache_alloc(area_cache, ALLOC_USER);

	if (a == NULL)
		return NULL;
	*a = *from;
	list_init(&a->object_link);
	if (a->object != NULL) {
		object_get(a->object);
		if (area_is_writer(a->flags) && object_writer_get(a->object))
			panic("a writer of an object that has none");
	}
	if (a->file != NULL && area_file_ops != NULL)
		area_file_ops->get(a->file);
	(void)label_get(a->label);
	return a;
}

void area_free(struct area *a)
{
	if (a->object != NULL) {
		area_list_leave(a);
		if (area_is_writer(a->flags))
			object_writer_put(a->object);
		object_put(a->object);
	}
	if (a->file != NULL && area_file_ops != NULL)
		area_file_ops->put(a->file);
	label_put(a->label);
	kmem_cache_free(area_cache, a);
}

/* Of two neighbours in order, one has no child where the other is: there the new one goes. */
void area_insert(struct aspace *as, struct area *a)
{
	struct area *next = area_find(as, a->start), *prev;
	struct rb_node **link = &as->areas.node, *parent = NULL;

	ASSERT(a->start < a->end && (next == NULL || next->start >= a->end));
	prev = next != NULL ? area_prev(next) : area_of(rb_last(&as->areas));
	if (next != NULL && next->node.left == NULL) {
		parent = &next->node;
		link = &parent->left;
	} else if (prev != NULL) {
		parent = &prev->node;
		link = &parent->right;
	}
	a->aspace = as;
	a->gap = gap_below(a, prev);
	if (next != NULL) /* above a in the tree: its sums are made anew with a's */
		next->gap = gap_below(next, a);
	rb_insert_augmented(&as->areas, &a->node, parent, link, area_update);
	as->last_hit = a; /* who maps something uses it */
	as->area_count++;
	account(as, a->flags, area_pages(a), 1);
	area_list_join(a);
	copies_link(a);
}

void area_append(struct aspace *as, struct area *a, struct area *last)
{
	ASSERT(a->start < a->end && (last == NULL || last->end <= a->start));
	a->aspace = as;
	a->gap = gap_below(a, last);
	rb_insert_augmented(&as->areas, &a->node, last != NULL ? &last->node : NULL,
			    last != NULL ? &last->node.right : &as->areas.node, area_update);
	as->area_count++;
	account(as, a->flags, area_pages(a), 1);
	area_list_join(a);
	copies_link(a);
}

/* From the leaves of the tree upwards, so that nothing needs to be balanced. */
void area_free_all(struct aspace *as)
{
	struct rb_node *n = as->areas.node, *parent;

	while (n != NULL) {
		if (n->left != NULL || n->right != NULL) {
			n = n->left != NULL ? n->left : n->right;
			continue;
		}
		parent = rb_parent(n);
		if (parent != NULL && parent->left == n)
			parent->left = NULL;
		else if (parent != NULL)
			parent->right = NULL;
		copies_unlink(area_of(n));
		area_free(area_of(n));
		n = parent;
	}
	as->areas.node = NULL;
	as->last_hit = NULL;
	as->area_count = 0;
	as->total_pages = as->committed = as->locked_pages = 0;
	as->stack_pages = as->data_pages = 0;
}

void area_remove(struct aspace *as, struct area *a)
{
	struct area *next = area_next(a);

	copies_unlink(a);
	account(as, a->flags, area_pages(a), -1);
	as->area_count--;
	if (as->last_hit == a)
		as->last_hit = next; /* which knows the free space below it */
	if (next != NULL) {
		/* It is above a, or takes its place, and then perhaps without anything below it
		 * that is made anew. */
		next->gap = gap_below(next, area_prev(a));
		area_update(&next->node);
	}
	rb_remove_augmented(&as->areas, &a->node, area_update);
}

/* The bounds change at once for those who walk the object's areas. */
static void area_bounds(struct area *a, virt_addr_t start, virt_addr_t end)
{
	uint64_t offset = a->offset + bytes_to_pages(start) - bytes_to_pages(a->start);

	if (a->object != NULL) {
		area_list_resize(a, start, end, offset);
		return;
	}
	a->start = start;
	a->end = end;
	a->offset = offset;
}

void area_resize(struct aspace *as, struct area *a, virt_addr_t start, virt_addr_t end)
{
	virt_addr_t old_start = a->start, old_end = a->end;

	account(as, a->flags, area_pages(a), -1);
	area_bounds(a, start, end);
	account(as, a->flags, area_pages(a), 1);
	if (old_start != start)
		gap_refresh(a);
	if (old_end != end)
		gap_refresh(area_next(a));
}

void area_set_flags(struct aspace *as, struct area *a, unsigned flags)
{
	account(as, a->flags, area_pages(a), -1);
	a->flags = flags;
	account(as, a->flags, area_pages(a), 1);
}

/* ---- Split and merge ---- */

/* Cuts a at `at`, inside of it: a keeps the lower part. */
static int area_split(struct aspace *as, struct area *a, virt_addr_t at)
{
	struct area *upper;
	virt_addr_t end = a->end;

	if ((a->flags & AREA_HUGETLB) && !IS_ALIGNED(at, HUGE_SIZE))
		return -EINVAL;
	if (as->area_count >= READ_ONCE(area_limit))
		return -ENOMEM;
	upper = area_clone(a);
	if (upper == NULL)
		return -ENOMEM;
	upper->offset += bytes_to_pages(at - a->start);
	upper->start = at;
	upper->end = end;
	area_list_join(upper); /* before a leaves these entries to it */
	area_resize(as, a, a->start, at);
	area_insert(as, upper);
	return 0;
}

int area_isolate(struct aspace *as, virt_addr_t start, virt_addr_t end)
{
	struct area *first = area_covering(as, start), *last;
	bool cut = false;
	int err;

	if (first != NULL && first->start < start) {
		err = area_split(as, first, start);
		if (err)
			return err;
		cut = true;
	}
	last = area_covering(as, end);
	if (last != NULL && last->start < end) {
		err = area_split(as, last, end);
		if (err) {
			if (cut)
				area_merge(as, first);
			return err;
		}
	}
	return 0;
}

int area_cut(struct aspace *as, virt_addr_t start, virt_addr_t end)
{
	struct area *a = area_first_in(as, start, end), *next;
	int err;

	if (a != NULL && a->start < start && a->end > end) {
		err = area_split(as, a, end);
		if (err)
			return err;
	}
	for (; a != NULL && a->start < end; a = next) {
		next = area_next(a);
		if (a->start < start) {
			area_resize(as, a, a->start, start);
		} else if (a->end > end) {
			area_resize(as, a, end, a->end);
		} else {
			area_remove(as, a);
			area_free(a);
		}
	}
	return 0;
}

/* True when b continues a: together they could have been one mapping. */
static bool area_continues(const struct area *a, const struct area *b)
{
	return a->end == b->start && a->flags == b->flags && a->object == b->object &&
	       a->file == b->file && label_equal(a->label, b->label) &&
	       (a->object == NULL || a->offset + area_pages(a) == b->offset);
}

/* `a` takes over the pages of b, the next, which goes. */
static void area_absorb(struct aspace *as, struct area *a, struct area *b)
{
	virt_addr_t end = b->end;

	copies_absorb(a, b);
	area_remove(as, b);
	area_resize(as, a, a->start, end);
	area_free(b); /* last: who looks for its object's entries finds them by the one or the
			 other */
}

struct area *area_merge(struct aspace *as, struct area *a)
{
	struct area *prev = area_prev(a), *next = area_next(a);

	if (next != NULL && area_continues(a, next))
		area_absorb(as, a, next);
	if (prev != NULL && area_continues(prev, a)) {
		area_absorb(as, prev, a);
		return prev;
	}
	return a;
}

void area_merge_range(struct aspace *as, virt_addr_t start, virt_addr_t end)
{
	struct area *a = area_find(as, start);

	while (a != NULL) {
		a = area_merge(as, a);
		if (a->start >= end)
			break;
		a = area_next(a);
		if (a != NULL && a->start > end)
			break;
	}
}

struct area *area_add(struct aspace *as, const struct area *like, struct area *spare)
{
	struct area *next = area_find(as, like->start);
	struct area *prev = next != NULL ? area_prev(next) : area_of(rb_last(&as->areas)), *a;

	if (prev != NULL && area_continues(prev, like)) {
		area_resize(as, prev, prev->start, like->end);
		copies_absorb(prev, like);
		a = area_merge(as, prev);
	} else if (next != NULL && area_continues(like, next)) {
		area_resize(as, next, like->start, next->end);
		copies_absorb(next, like);
		a = next;
	} else {
		a = spare != NULL ? spare : area_clone(like);
		if (a == NULL)
			return NULL;
		spare = NULL;
		area_insert(as, a);
	}
	if (spare != NULL)
		area_free(spare);
	return a;
}
