// SPDX-License-Identifier: MIT
// Objects: a backing store that is read once and fails, frames that are adopted.
// SOURCES: mm/aspace.c mm/area.c mm/label.c mm/zap.c mm/copies.c mm/huge.c mm/hugetlb.c mm/huge_pool.c mm/huge_object.c mm/share.c mm/fork.c mm/rmap.c mm/rmap_set.c mm/rmap_file.c mm/fault.c mm/parallel.c
// SOURCES: mm/fault_file.c mm/stack.c mm/map.c mm/protect.c mm/remap.c mm/mlock.c mm/advise.c mm/advise_pages.c
// SOURCES: mm/commit.c
// SOURCES: mm/object.c mm/object_evict.c mm/object_size.c mm/object_write.c mm/object_io.c mm/readahead.c mm/page.c
// SOURCES: kernel/lib/rbtree.c kernel/lib/radix.c kernel/lib/format.c
// SOURCES: arch/arm64/pmap.c arch/arm64/pmap_share.c arch/arm64/pmap_fold.c arch/arm64/pte.c
// SOURCES: arch/arm64/tlb.c arch/arm64/asid.c
// SOURCES: tests/mock/machine.c tests/mock/kernel.c tests/mock/frames.c
// SOURCES: tests/mock/usercopy.c tests/mock/slab.c tests/mock/swap.c
// DEFINES: CONFIG_DEBUG=1
#include "mm/object_internal.h"
#include "tests/unit/mm/aspace_test.h"

static int reads, read_error;
static void (*while_reading)(struct object *o);

static int store_read(struct object *o, struct page *p)
{
	reads++;
	if (while_reading)
		while_reading(o);
	memset(page_to_virt(p), (int)p->u.file.index + 1, PAGE_SIZE);
	return read_error;
}

static const struct object_ops store_ops = { .read_page = store_read };
static struct object store;

static void store_start(uint64_t size)
{
	reads = read_error = 0;
	object_init(&store, &store_ops, size);
}

static void test_read_error(void **state)
{
	struct map_request r = { .addr = BASE,
				 .length = 2 * PAGE_SIZE,
				 .flags = AREA_READ,
				 .fixed = true,
				 .object = &store };
	struct aspace *as = space();
	uint8_t byte;

	(void)state;
	store_start(2 * PAGE_SIZE);
	read_error = -EIO;
	assert_int_equal(object_read(&store, 0, &byte, 1, false), -EIO);
	assert_int_equal(aspace_map(as, &r), BASE);
	run(as);
	assert_int_equal(peek(BASE), -1);
	assert_int_equal(last_outcome, FAULT_IO_ERROR);
	read_error = 0;
	assert_int_equal(peek(BASE), 1);
	assert_int_equal(as->majflt, 2);
	end(as);
	object_put(&store);
}

static void look_along(struct object *o)
{
	struct page *pages[4];

	object_lookup_run(o, 0, 4, pages);
	assert_non_null(pages[0]);
	assert_null(pages[1]);
	assert_null(pages[2]); /* is there, its contents are not */
	assert_null(pages[3]);
	page_put(pages[0]);
}

static void test_pages_being_read_are_not_handed_out(void **state)
{
	uint8_t byte;

	(void)state;
	store_start(4 * PAGE_SIZE);
	assert_int_equal(object_read(&store, 0, &byte, 1, false), 1);
	while_reading = look_along;
	assert_int_equal(object_read(&store, 2 * PAGE_SIZE, &byte, 1, false), 1);
	while_reading = NULL;
	assert_int_equal(reads, 2);
	object_put(&store);
}

/* What is done to this CPU when a lock is given back. */
static struct page *ahead;

void preempt_schedule(void)
{
	struct page *p = ahead;

	atomic_fetch_and(&hw_current()->hot.pending, ~(uint32_t)TASK_NEED_RESCHED);
	ahead = NULL;
	if (p != NULL)
		object_read_ended(&store, p, -EAGAIN);
}

/* Found while it is to be read ahead; before it is looked at that is given up, and it leaves with
 * nothing in it. */
static void test_given_up_between(void **state)
{
	struct page *p, *expected[1];
	struct reading r;
	bool major;
	int err;

	(void)state;
	store_start(2 * PAGE_SIZE);
	reading_note(&r, &store, expected, 0, NULL);
	ahead = object_page_expect(&store, 1, &r);
	assert_non_null(ahead);
	assert_int_equal(r.n, 1);
	assert_ptr_equal(expected[0], ahead);
	assert_null(object_page_expect(&store, 1, &r)); /* is there */
	assert_int_equal(r.n, 1);
	hw_current()->hot.pending |= TASK_NEED_RESCHED;
	p = object_get_page(&store, 1, OBJECT_READ, &err, &major);
	assert_null(ahead);
	assert_non_null(p);
	assert_int_equal(reads, 1);
	assert_int_equal(*(uint8_t *)page_to_virt(p), 2);
	page_put(p);
	object_put(&store);
}

static void test_adopt(void **state)
{
	struct object *o = object_create_anon(0);
	struct page *p = page_alloc(ALLOC_ZERO), *q = page_alloc(ALLOC_ZERO);
	uint8_t byte;

	(void)state;
	memset(page_to_virt(p), 9, PAGE_SIZE);
	assert_int_equal(object_adopt(o, 3, p), 0);
	assert_int_equal(object_adopt(o, 3, q), -EEXIST);
	page_free(q, 0);
	assert_int_equal(o->size, 4 * PAGE_SIZE);
	assert_int_equal(object_read(o, 3 * PAGE_SIZE, &byte, 1, false), 1);
	assert_int_equal(byte, 9);
	object_put(o);
}

/* A shared area that may write counts once per piece, however it came to be, and is denied after
 * there was none. */
static void test_writers(void **state)
{
	unsigned flags = AREA_READ | AREA_SHARED;
	struct object *o = object_create_anon(8 * PAGE_SIZE);
	struct aspace *as = space(), *child;
	struct map_request r = { .addr = BASE,
				 .length = PAGE_SIZE,
				 .flags = flags | AREA_MAY_WRITE,
				 .fixed = true,
				 .object = o };

	(void)state;
	map_object(as, BASE, 4 * PAGE_SIZE, flags | AREA_MAY_WRITE, o);
	assert_int_equal(o->writers, 1);
	assert_int_equal(aspace_protect(as, BASE + PAGE_SIZE, PAGE_SIZE, 0), 0);
	assert_int_equal(o->writers, 3);
	child = aspace_fork(as);
	assert_non_null(child);
	assert_int_equal(o->writers, 6);
	end(child);
	assert_int_equal(aspace_protect(as, BASE + PAGE_SIZE, PAGE_SIZE, AREA_READ), 0);
	assert_int_equal(o->writers, 1);
	assert_int_equal(object_deny_writers(o), -EBUSY);
	assert_int_equal(aspace_unmap(as, BASE, 4 * PAGE_SIZE), 0);
	assert_int_equal(object_deny_writers(o), 0);
	assert_int_equal(object_deny_writers(o), 0);
	assert_int_equal(aspace_map(as, &r), -EPERM);
	map_object(as, BASE, PAGE_SIZE, flags, o);
	map_object(as, BASE + PAGE_SIZE, PAGE_SIZE, AREA_READ | AREA_WRITE | AREA_MAY_WRITE, o);
	end(as);
	object_put(o);
}

/* ---- Room ---- */

static uint64_t three_pages(const struct object_room *room)
{
	(void)room;
	return 3;
}

/* Pages of two objects count together, in RAM and in swap, however they come and go; where there is
 * no room nothing changes. */
static void test_room(void **state)
{
	struct object_room room = { .limit = three_pages };
	struct object *o = object_create_anon(0), *other = object_create_anon(8 * PAGE_SIZE);
	struct aspace *as = space();
	static uint8_t bytes[5 * PAGE_SIZE];
	struct page *p;

	(void)state;
	object_enter_room(o, &room);
	object_enter_room(other, &room);
	map_object(as, BASE, 8 * PAGE_SIZE, RW | AREA_SHARED | AREA_MAY_WRITE, other);
	run(as);
	assert_int_equal(poke(BASE + 6 * PAGE_SIZE, 1), 0);
	assert_int_equal(room.used, 1);
	assert_int_equal(object_write(o, 0, bytes, sizeof(bytes), false), 2 * PAGE_SIZE);
	assert_int_equal(o->size, 2 * PAGE_SIZE);
	assert_int_equal(room.used, 3);
	assert_int_equal(object_write(o, 2 * PAGE_SIZE, bytes, 1, false), -ENOSPC);
	assert_int_equal(aspace_fault(as, BASE, FAULT_WRITE), FAULT_BEYOND_FILE);
	/* What is there can be written over, out of swap too. */
	assert_int_equal(object_write(o, 5, bytes, PAGE_SIZE, false), PAGE_SIZE);
	p = object_lookup(o, 0);
	page_put(p);
	assert_true(mock_swap_out(p));
	assert_int_equal(room.used, 3);
	assert_int_equal(object_write(o, 0, bytes, 1, false), 1);
	assert_int_equal(room.used, 3);
	object_punch(other, 6, 6);
	assert_int_equal(room.used, 2);
	assert_int_equal(poke(BASE, 1), 0);
	assert_int_equal(object_truncate(o, PAGE_SIZE), 0);
	assert_int_equal(room.used, 2);
	object_leave_room(other);
	assert_int_equal(room.used, 1);
	assert_int_equal(poke(BASE + PAGE_SIZE, 1), 0);
	assert_int_equal(room.used, 1);
	end(as);
	object_put(other);
	object_put(o);
	assert_int_equal(room.used, 0);
}

/* What counts in a room is promised page by page, in RAM and in swap, until it is gone; what has
 * been promised whole is not again. */
static void test_room_promises(void **state)
{
	struct object_room room = { .limit = three_pages };
	struct object *o = object_create_anon(8 * PAGE_SIZE), *whole = object_create_anon(0);
	struct aspace *as = space();
	static uint8_t bytes[2 * PAGE_SIZE];
	uint64_t others;
	struct page *p;

	(void)state;
	object_enter_room(o, &room);
	object_enter_room(whole, &room);
	map_object(as, BASE, 8 * PAGE_SIZE, RW | AREA_SHARED | AREA_MAY_WRITE, o);
	run(as);
	assert_int_equal(object_write(o, 0, bytes, sizeof(bytes), false), sizeof(bytes));
	assert_int_equal(commit_sum(), 2);
	p = object_lookup(o, 1);
	page_put(p);
	assert_true(mock_swap_out(p));
	assert_int_equal(commit_sum(), 2);
	assert_int_equal(object_write(o, PAGE_SIZE, bytes, 1, false), 1);
	assert_int_equal(commit_sum(), 2);
	object_punch(o, 1, 1);
	assert_int_equal(commit_sum(), 1);

	others = commit_limit() - 2;
	commit_settings.mode = COMMIT_NEVER;
	assert_int_equal(commit_take(others, others), 0);
	assert_int_equal(poke(BASE + 6 * PAGE_SIZE, 1), 0);
	assert_int_equal(aspace_fault(as, BASE + 3 * PAGE_SIZE, FAULT_WRITE), FAULT_BEYOND_FILE);
	assert_int_equal(object_write(o, PAGE_SIZE, bytes, 1, false), -ENOSPC);
	p = page_alloc(0);
	assert_int_equal(object_adopt(o, 1, p), -EEXIST);
	assert_int_equal(room.used, 2);
	commit_settings.mode = COMMIT_HEURISTIC;
	assert_int_equal(object_adopt(o, 1, p), 0);
	commit_give(others);
	assert_int_equal(commit_sum(), 3);
	assert_int_equal(object_truncate(o, PAGE_SIZE), 0);
	assert_int_equal(commit_sum(), 1);

	assert_int_equal(commit_take(5, 5), 0);
	whole->committed = 5;
	assert_int_equal(object_write(whole, 0, bytes, sizeof(bytes), false), sizeof(bytes));
	assert_int_equal(commit_sum(), 6);
	object_leave_room(whole);
	object_leave_room(o);
	assert_int_equal(commit_sum(), 6);
	object_put(whole);
	assert_int_equal(commit_sum(), 1);
	end(as);
	object_put(o);
	assert_int_equal(commit_sum(), 0);
	assert_int_equal(room.used, 0);
}

/* A hole that needs no reading is filled at once, by whoever comes first; what has to be read is
 * not. */
static void test_make_page(void **state)
{
	struct object *o = object_create_anon(2 * PAGE_SIZE);
	struct page *p;
	int err = 0;

	(void)state;
	p = object_make_page(o, 1, &err);
	assert_non_null(p);
	assert_int_equal(p->refs, 2);
	assert_int_equal(o->nr_pages, 1);
	assert_null(object_make_page(o, 1, &err));
	assert_int_equal(err, -EAGAIN);
	assert_null(object_make_page(o, 2, &err)); /* beyond the end */
	assert_int_equal(err, -EAGAIN);
	page_put(p);
	object_put(o);
	store_start(PAGE_SIZE);
	assert_null(object_make_page(&store, 0, &err));
	assert_int_equal(err, -EAGAIN);
	assert_int_equal(reads, 0);
	object_put(&store);
}

/* A write to shared memory that is not there takes one look: nobody can come in between, as the
 * mutex is never dropped. */
static void test_shared_write_at_once(void **state)
{
	struct object *o = object_create_anon(2 * PAGE_SIZE);
	struct aspace *as = space();
	struct fault f;

	(void)state;
	map_object(as, BASE, 2 * PAGE_SIZE, RW | AREA_SHARED | AREA_MAY_WRITE, o);
	fault_begin(&f, as, BASE, FAULT_WRITE);
	f.area = area_find(as, BASE);
	mutex_lock(&as->mutex);
	assert_int_equal(fault_prepare_file(&f), 0);
	mutex_unlock(&as->mutex);
	assert_ptr_equal(object_lookup(o, 0), f.page);
	page_put(f.page);
	fault_release(&f);
	end(as);
	object_put(o);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_read_error),
		TEST(test_pages_being_read_are_not_handed_out),
		TEST(test_given_up_between),
		TEST(test_adopt),
		TEST(test_writers),
		TEST(test_room),
		TEST(test_room_promises),
		TEST(test_make_page),
		TEST(test_shared_write_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
