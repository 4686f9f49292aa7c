// SPDX-License-Identifier: MIT
// Reads and writes of objects against a byte array; from a mapping of the object itself; bad
// addresses, limits.
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
#include <pthread.h>

#include "mm/object_internal.h"
#include "tests/unit/mm/aspace_test.h"

#define MOST (40 * PAGE_SIZE)

static void random_io(uint32_t seed)
{
	static uint8_t model[MOST], buf[MOST];
	struct object *o = object_create_anon(0);
	uint64_t size = 0;

	memset(model, 0, sizeof(model));
	for (unsigned n = 0; n < 1500; n++) {
		uint64_t pos = rnd(&seed) % MOST,
			 len = rnd(&seed) % (rnd(&seed) % 4 ? 300 : 3 * PAGE_SIZE);
		struct page *p;

		len = MIN(len, MOST - pos);
		switch (rnd(&seed) % 8) {
		case 0:
			assert_int_equal(object_truncate(o, pos), 0);
			if (pos < size)
				memset(model + pos, 0, size - pos);
			size = pos;
			break;
		case 1:
			object_punch(o, (uint32_t)(pos >> PAGE_SHIFT),
				     (uint32_t)(pos >> PAGE_SHIFT) + 1);
			memset(model + (pos & PAGE_MASK), 0,
			       MIN(2 * PAGE_SIZE, MOST - (pos & PAGE_MASK)));
			break;
		case 2:
		case 3:
			p = object_lookup(o, (uint32_t)(pos >> PAGE_SHIFT));
			if (p != NULL) {
				page_put(p);
				(void)mock_swap_out(p);
			}
			break;
		case 4:
		case 5:
			memset(buf, (int)rnd(&seed), len);
			assert_int_equal(object_write(o, pos, buf, len, false), len);
			memcpy(model + pos, buf, len);
			size = len > 0 ? MAX(size, pos + len) : size;
			break;
		default:
			len = pos < size ? MIN(len, size - pos) : 0;
			assert_int_equal(object_read(o, pos, buf, len, false), len);
			assert_memory_equal(buf, model + pos, len);
		}
		assert_int_equal(o->size, size);
	}
	object_put(o);
	assert_nothing_left();
}

static void test_random_io(void **state)
{
	(void)state;
	for (uint32_t seed = 1; seed <= 5; seed++)
		random_io(seed * 9001);
}

/* write(2) from a mapping of the file itself, into a hole: the copy faults on the same object. */
static void test_write_from_own_mapping(void **state)
{
	struct object *o = object_create_anon(4 * PAGE_SIZE);
	struct aspace *as = space();
	uint8_t byte;

	(void)state;
	map_object(as, BASE, 4 * PAGE_SIZE, RW | AREA_SHARED | AREA_MAY_WRITE, o);
	run(as);
	assert_int_equal(poke(BASE + 100, 8), 0);
	assert_int_equal(object_write(o, 2 * PAGE_SIZE, (void *)BASE, 2 * PAGE_SIZE, true),
			 2 * PAGE_SIZE);
	assert_int_equal(object_read(o, 2 * PAGE_SIZE + 100, &byte, 1, false), 1);
	assert_int_equal(byte, 8);
	/* A bad address: what was copied counts, the size does not run ahead. */
	assert_int_equal(object_write(o, 4 * PAGE_SIZE, (void *)(BASE + 3 * PAGE_SIZE),
				      3 * PAGE_SIZE, true),
			 PAGE_SIZE);
	assert_int_equal(o->size, 5 * PAGE_SIZE);
	assert_int_equal(object_write(o, 9 * PAGE_SIZE, (void *)(BASE + MB), 10, true), -EFAULT);
	assert_int_equal(o->size, 5 * PAGE_SIZE);
	assert_int_equal(object_read(o, 0, (void *)(BASE + MB), 10, true), -EFAULT);
	end(as);
	object_put(o);
}

/* ---- What is seen of a write that goes on: its source is read, and looks ---- */

static struct object *grown;
static uint64_t size_seen[3];

static int look_read(struct object *o, struct page *p)
{
	struct page *last =
		object_lookup(grown, (uint32_t)((object_reach(grown) - 1) >> PAGE_SHIFT));

	(void)o;
	size_seen[p->u.file.index] = grown->size;
	if (last != NULL) {
		object_tail_clear(grown, last); /* as writing it back does */
		page_put(last);
	}
	memset(page_to_virt(p), 5, PAGE_SIZE);
	return 0;
}

static const struct object_ops look_ops = { .read_page = look_read };

/* Nobody may find zeroes where bytes are about to be, and writing back does not take those that
 * came. */
static void test_size_follows_bytes(void **state)
{
	struct aspace *as = space();
	struct object source;
	uint8_t bytes[2 * PAGE_SIZE];

	(void)state;
	object_init(&source, &look_ops, 3 * PAGE_SIZE);
	grown = object_create_anon(0);
	assert_int_equal(object_write(grown, 0, "begun", 5, false), 5);
	map_object(as, BASE, 3 * PAGE_SIZE, AREA_READ, &source);
	run(as);
	/* Two pages of the target, from three of the source. */
	assert_int_equal(object_write(grown, 5, (void *)(BASE + 100), 2 * PAGE_SIZE - 5, true),
			 2 * PAGE_SIZE - 5);
	assert_int_equal(size_seen[0], 5);
	assert_int_equal(size_seen[1], 5);
	assert_int_equal(size_seen[2], PAGE_SIZE);
	assert_int_equal(grown->size, 2 * PAGE_SIZE);
	assert_int_equal(object_read(grown, 0, bytes, sizeof(bytes), false), sizeof(bytes));
	assert_memory_equal(bytes, "begun", 5);
	for (unsigned i = 5; i < sizeof(bytes); i++)
		assert_int_equal(bytes[i], 5);
	end(as);
	object_put(grown);
	assert_int_equal(object_truncate(&source, 0), 0);
}

/* Who writes back asks without a lock how far a file goes. A page that lies behind the answer would
 * count as written. */
static void *watch_reach(void *arg)
{
	const struct object *o = arg;
	uint64_t before = 0, now;

	do {
		now = object_reach(o);
		if (now < before)
			return arg;
		before = now;
	} while (now < MOST);
	return NULL;
}

static void test_reach_only_grows(void **state)
{
	struct object *o = object_create_anon(0);
	pthread_t watcher;
	void *receded;

	(void)state;
	assert_int_equal(pthread_create(&watcher, NULL, watch_reach, o), 0);
	for (uint64_t at = 0; at < MOST; at++)
		assert_int_equal(object_write(o, at, "x", 1, false), 1);
	assert_int_equal(pthread_join(watcher, &receded), 0);
	assert_null(receded);
	object_put(o);
}

/* Instruction caches know nothing of what write(2) puts into a page of code: it counts as
 * changed. */
static void test_written_code(void **state)
{
	struct object *o = object_create_anon(PAGE_SIZE);
	struct page *p;

	(void)state;
	assert_int_equal(object_write(o, 0, "code", 4, false), 4);
	p = object_lookup(o, 0);
	page_lock(p);
	page_set_flag(p, PAGE_FETCHABLE);
	page_unlock(p);
	assert_int_equal(object_write(o, 8, "new", 3, false), 3);
	assert_false(page_flag(p, PAGE_FETCHABLE));
	page_put(p);
	object_put(o);
}

static void test_limits(void **state)
{
	struct object *o = object_create_anon(0);
	uint8_t byte = 0;
	bool major;
	int err;

	(void)state;
	assert_int_equal(object_write(o, UINT64_MAX, &byte, 1, false), -EFBIG);
	assert_int_equal(object_write(o, (uint64_t)UINT32_MAX << PAGE_SHIFT, &byte, 1, false),
			 -EFBIG);
	assert_int_equal(object_truncate(o, UINT64_MAX), -EFBIG);
	assert_null(object_get_page(o, 0, OBJECT_MAP, &err, &major));
	assert_int_equal(err, -ENXIO);
	assert_int_equal(object_read(o, 0, &byte, 1, false), 0);
	object_put(o);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_random_io),          TEST(test_write_from_own_mapping),
		TEST(test_size_follows_bytes), TEST(test_reach_only_grows),
		TEST(test_written_code),       TEST(test_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
