// SPDX-License-Identifier: MIT
/*
 * mmap, munmap, brk: areas come and go. Every call first checks and reserves what can fail (limits,
 * the area's memory, tables that must be parted), then changes the tree, then the entries, which
 * cannot fail.
 *
 * New areas may come to lie under a leaf table that another address space shares. It has no area
 * there, so its copy of the layout would no longer be ours: such tables are unshared before
 * (invariant 6).
 */
#include "mm/aspace_internal.h"
#include "mm/huge_object.h"

int limits_check(struct aspace *as, uint64_t pages, uint64_t gone, unsigned flags)
{
	if ((flags & AREA_LOCKED) && !as->cap_ipc_lock &&
	    as->locked_pages + pages > bytes_to_pages(as->limit.memlock))
		return -EAGAIN;
	pages -= gone;
	if (as->total_pages + pages > bytes_to_pages(as->limit.as))
		return -ENOMEM;
	if ((flags & (AREA_WRITE | AREA_SHARED | AREA_STACK | AREA_GROWSDOWN)) == AREA_WRITE &&
	    as->data_pages + pages > bytes_to_pages(as->limit.data))
		return -ENOMEM;
	return 0;
}

uint64_t pages_mapped(struct aspace *as, virt_addr_t start, virt_addr_t end, unsigned flags)
{
	struct area *a = area_first_in(as, start, end);
	uint64_t pages = 0;

	for (; a != NULL && a->start < end; a = area_next(a))
		if ((a->flags & flags) == flags)
			pages += bytes_to_pages(MIN(a->end, end) - MAX(a->start, start));
	return pages;
}

int unmap_locked(struct aspace *as, virt_addr_t start, virt_addr_t end)
{
	int err;

	uint64_t promised = 0;

	if (area_first_in(as, start, end) == NULL)
		return 0;
	if (unlikely(as->hugetlb)) {
		if (!hugetlb_may_cut(as, start) || !hugetlb_may_cut(as, end))
			return -EINVAL;
		promised = hugetlb_promised(as, start, end);
	}
	if (end - start >= LEAF_SPAN_BYTES)
		as->peak_rss = MAX(as->peak_rss, aspace_rss(as));
	err = unshare_edges(as, start, end);
	if (err == 0)
		err = area_cut(as, start, end);
	if (err == 0) {
		zap_range(as, start, end);
		hugetlb_forgo(promised);
	}
	return err;
}

int aspace_unmap(struct aspace *as, virt_addr_t addr, uint64_t length)
{
	int err;

	length = ALIGN_UP(length, PAGE_SIZE);
	if (!user_pages_ok(addr, length))
		return -EINVAL;
	aspace_mutex_lock(as);
	err = unmap_locked(as, addr, addr + length);
	commit_settle(as);
	mutex_unlock(&as->mutex);
	return err;
}

/* The address that a's file would begin at. */
static virt_addr_t file_base(const struct area *a)
{
	return a->start - (a->offset << PAGE_SHIFT);
}

int aspace_detach(struct aspace *as, virt_addr_t addr, bool (*mine)(void *file))
{
	struct area *a, *next;
	void *file = NULL;
	int err = 0;

	aspace_mutex_lock(as);
	for (a = area_find(as, addr); a != NULL && err == 0; a = next) {
		next = area_next(a);
		if (a->file == NULL || file_base(a) != addr ||
		    (file == NULL ? !mine(a->file) : a->file != file))
			continue;
		file = a->file; /* compared alone: the first area's going may be its end */
		err = unmap_locked(as, a->start, a->end);
	}
	commit_settle(as);
	mutex_unlock(&as->mutex);
	return err ? err : file == NULL ? -EINVAL : 0;
}

/* ---- mmap ---- */

static bool range_free(struct aspace *as, virt_addr_t start, virt_addr_t end)
{
	struct area *a = area_find(as, start);

	return a == NULL || a->start >= end + (a->flags & AREA_GROWSDOWN ? STACK_GUARD : 0);
}

/* Where the mapping goes when no address is demanded: at the hint, else as high as possible below
 * mmap_base, else above it. */
static virt_addr_t place(struct aspace *as, virt_addr_t hint, uint64_t length)
{
	virt_addr_t at = ALIGN_DOWN(hint, PAGE_SIZE);

	if (at != 0 && user_pages_ok(at, length) && range_free(as, at, at + length))
		return at;
	at = area_find_gap(as, USER_MIN, as->mmap_base, length);
	return at != 0 ? at : area_find_gap(as, as->mmap_base, USER_TOP, length);
}

/* Checks a fixed request's range. */
static int64_t place_fixed(struct aspace *as, const struct map_request *r, uint64_t length)
{
	if (!IS_ALIGNED(r->addr, r->flags & AREA_HUGETLB ? HUGE_SIZE : PAGE_SIZE))
		return -EINVAL;
	if (!user_pages_ok(r->addr, length))
		return r->addr < USER_MIN ? -EPERM : -ENOMEM;
	if (r->noreplace && area_first_in(as, r->addr, r->addr + length) != NULL)
		return -EEXIST;
	return (int64_t)r->addr;
}

/* Adds *like in the place of what is there. The area's memory comes first: once something was
 * unmapped nothing may fail. */
static int map_replacing(struct aspace *as, const struct area *like)
{
	struct area *spare = area_clone(like);
	int err;

	if (spare == NULL)
		return -ENOMEM;
	err = unmap_locked(as, like->start, like->end);
	if (err == 0)
		err = unshare_edges(as, like->start, like->end);
	if (err)
		area_free(spare);
	else
		(void)area_add(as, like, spare);
	return err;
}

/* Promises memory for *like; what it replaces will be given back. 0 or -ENOMEM. */
static int map_commit(struct aspace *as, const struct area *like, bool replace)
{
	uint64_t pages = area_pages(like), gone = 0;

	if (!(like->flags & AREA_ACCOUNT))
		return 0;
	if (replace)
		gone = pages_mapped(as, like->start, like->end, AREA_ACCOUNT);
	return commit_reserve(as, pages - gone, pages);
}

/* Adds *like; with `replace` something else may be there. 0, -ENOMEM, -EAGAIN. */
static int map_area(struct aspace *as, const struct area *like, bool replace)
{
	uint64_t gone = replace ? pages_mapped(as, like->start, like->end, 0) : 0;
	int err = limits_check(as, area_pages(like), gone, like->flags);

	if (err)
		return err;
	if (as->area_count >= READ_ONCE(area_limit))
		return -ENOMEM;
	err = map_commit(as, like, replace);
	if (err)
		return err;
	if (replace)
		return map_replacing(as, like);
	err = unshare_edges(as, like->start, like->end);
	if (err)
		return err;
	return area_add(as, like, NULL) != NULL ? 0 : -ENOMEM;
}

/* Units of 2 MB: promised by the pool, never paged, and so neither locked nor counted as memory
 * that may have to be. A file of them is made as long as it is mapped to be written, as hugetlbfs
 * has it. */
static int64_t map_huge(struct aspace *as, struct area *like, bool replace)
{
	uint64_t call = 0;
	int err;

	like->flags &= ~(unsigned)AREA_LOCK_BITS;
	err = hugetlb_promise(like, &call);
	if (err)
		return err;
	as->hugetlb = true;
	err = map_area(as, like, replace);
	if (err)
		hugetlb_promise_undo(like, call);
	else if (like->object != NULL && (like->flags & AREA_WRITE))
		huge_object_grow(like->object,
				 (like->offset << PAGE_SHIFT) + like->end - like->start);
	return err ? err : (int64_t)like->start;
}

/* The mutex held. *area: what was made or extended. */
static int64_t map_locked(struct aspace *as, const struct map_request *r, struct object *object)
{
	struct area like = { .flags = r->flags,
			     .object = object,
			     .file = r->file,
			     .offset = bytes_to_pages(r->offset) };
	bool huge = r->flags & AREA_HUGETLB;
	uint64_t length = ALIGN_UP(r->length, huge ? HUGE_SIZE : PAGE_SIZE);
	int64_t at;
	int err;

	if (r->fixed)
		at = place_fixed(as, r, length);
	else
		at = (int64_t)(huge ? hugetlb_place(as, r->addr, length)
				    : place(as, r->addr, length));
	if (at < 0)
		return at;
	if (at == 0)
		return -ENOMEM;
	like.start = (virt_addr_t)at;
	like.end = like.start + length;
	if (huge)
		return map_huge(as, &like, r->fixed);
	if (like.flags & AREA_RIGHTS)
		like.flags |= as->mlock_future;
	like.flags = commit_flags(like.flags);
	/* Most of what has a fixed place comes to an empty one: a program's segments. */
	err = map_area(as, &like, r->fixed && area_first_in(as, like.start, like.end) != NULL);
	return err ? err : at;
}

static bool request_ok(const struct map_request *r)
{
	uint64_t pages = bytes_to_pages(r->length) + 1;

	return IS_ALIGNED(r->offset, PAGE_SIZE) &&
	       (r->object == NULL || bytes_to_pages(r->offset) + pages <= UINT32_MAX);
}

static bool to_be_there(unsigned flags)
{
	return (flags & AREA_LOCK_BITS) == AREA_LOCKED;
}

/* Populating is best effort for MAP_POPULATE and for mlock'ed future mappings, as in mmap(2).
 * Shared memory gets the right to write only if it is locked; huge pages, which never are, as they
 * come. */
static void map_populate(struct aspace *as, virt_addr_t at, uint64_t length, unsigned flags)
{
	unsigned access = flags & AREA_WRITE && !(flags & AREA_SHARED) ? FAULT_WRITE : FAULT_READ;
	virt_addr_t end = at + ALIGN_UP(length, PAGE_SIZE);

	if (to_be_there(flags) && !(flags & AREA_HUGETLB))
		(void)!populate_locked(as, at, end);
	else if (flags & AREA_RIGHTS)
		(void)populate_range(as, at, end, access);
}

static uint64_t no_limit(const struct object_room *room)
{
	(void)room;
	return UINT64_MAX;
}

static struct object_room unreserved = { .limit = no_limit };

/* Shared anonymous memory: promised whole, as long as anybody has it mapped; without reserve page
 * by page, as each comes. */
static struct object *map_shared(const struct map_request *r)
{
	uint64_t pages = bytes_to_pages(ALIGN_UP(r->length, PAGE_SIZE));
	struct object *o;

	if (r->flags & AREA_HUGETLB)
		return huge_object_create(ALIGN_UP(r->length, HUGE_SIZE));
	if (commit_flags(r->flags) & AREA_NORESERVE)
		pages = 0;
	if (commit_take(pages, pages))
		return NULL;
	o = object_create_anon(ALIGN_UP(r->length, PAGE_SIZE));
	if (o == NULL)
		commit_give(pages);
	else if (pages == 0)
		object_enter_room(o, &unreserved);
	else
		o->committed = pages;
	return o;
}

int64_t aspace_map(struct aspace *as, const struct map_request *r)
{
	struct object *own = NULL, *object;
	unsigned flags = r->flags;
	bool writer;
	int64_t at;

	if (r->length == 0)
		return -EINVAL;
	if (r->length > USER_TOP - USER_MIN)
		return -ENOMEM;
	if ((r->flags & AREA_LOCKED) && as->limit.memlock == 0 && !as->cap_ipc_lock)
		return -EPERM;
	if (!request_ok(r))
		return IS_ALIGNED(r->offset, PAGE_SIZE) ? -EOVERFLOW : -EINVAL;
	if (r->object == NULL && (r->flags & AREA_SHARED)) {
		own = map_shared(r);
		if (own == NULL)
			return -ENOMEM;
	}
	object = own != NULL ? own : r->object;
	writer = object != NULL && area_is_writer(r->flags);
	if (writer && object_writer_get(object))
		return -EPERM; /* sealed */
	aspace_mutex_lock(as);
	at = map_locked(as, r, object);
	commit_settle(as);
	flags |= as->mlock_future;
	mutex_unlock(&as->mutex);
	if (writer)
		object_writer_put(object);
	if (own != NULL)
		object_put(own);
	if (at > 0 && (r->populate || to_be_there(flags)))
		map_populate(as, (virt_addr_t)at, r->length, flags);
	return at;
}

/* The area at start, shared, when it and those that follow without a hole map the same of the same
 * up to end; or NULL. */
static struct area *shared_run(struct aspace *as, virt_addr_t start, virt_addr_t end)
{
	struct area *first = area_covering(as, start), *a = first, *next;

	if (a == NULL || !(a->flags & AREA_SHARED) || (a->flags & AREA_HUGETLB))
		return NULL;
	for (; a->end < end; a = next) {
		next = area_next(a);
		if (next == NULL || next->start != a->end || next->flags != first->flags ||
		    next->object != first->object || next->file != first->file)
			return NULL;
	}
	return first;
}

int aspace_remap_file(struct aspace *as, virt_addr_t start, uint64_t length, uint64_t page,
		      bool populate)
{
	struct area like, *a;
	int err;

	if (!user_pages_ok(start, length) || page + bytes_to_pages(length) >= UINT32_MAX)
		return -EINVAL;
	aspace_mutex_lock(as);
	a = shared_run(as, start, start + length);
	err = a == NULL ? -EINVAL : as->area_count + 2 > READ_ONCE(area_limit) ? -ENOMEM : 0;
	if (err == 0) {
		like = *a;
		like.start = start;
		like.end = start + length;
		like.offset = page;
		err = map_replacing(as, &like);
		commit_settle(as);
	}
	mutex_unlock(&as->mutex);
	if (err == 0 && populate)
		map_populate(as, start, length, like.flags);
	return err;
}

/* ---- brk ---- */

static int brk_grow(struct aspace *as, virt_addr_t from, virt_addr_t to)
{
	struct area like = { .start = from,
			     .end = to,
			     .flags = AREA_READ | AREA_WRITE | AREA_MAY_WRITE | AREA_HEAP };
	uint64_t data = to - as->brk_start + (as->data_end - as->data_start);

	like.flags = commit_flags(like.flags | as->mlock_future);
	/* A page stays free below the next mapping. */
	if (data > as->limit.data || !range_free(as, from, to + PAGE_SIZE))
		return -ENOMEM;
	return map_area(as, &like, false);
}

virt_addr_t aspace_brk(struct aspace *as, virt_addr_t brk)
{
	virt_addr_t from, to;
	bool grown = false;
	int err = 0;

	aspace_mutex_lock(as);
	from = ALIGN_UP(as->brk, PAGE_SIZE);
	to = ALIGN_UP(brk, PAGE_SIZE);
	if (brk < as->brk_start || brk >= USER_TOP) {
		err = -ENOMEM;
	} else if (to < from) {
		err = unmap_locked(as, to, from);
	} else if (to > from) {
		err = brk_grow(as, from, to);
		grown = err == 0 && to_be_there(as->mlock_future);
	}
	if (err == 0)
		as->brk = brk;
	brk = as->brk;
	commit_settle(as);
	mutex_unlock(&as->mutex);
	if (grown)
		(void)!populate_locked(as, from, to);
	return brk;
}
