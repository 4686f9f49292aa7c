// SPDX-License-Identifier: MIT
// Objects: reads and writes against a byte array, holes, truncation, a backing store that fails, and what the page daemon does.
// SOURCES: mm/aspace.c mm/area.c mm/zap.c mm/share.c mm/fork.c mm/rmap.c mm/fault.c mm/fault_file.c mm/stack.c mm/map.c
// SOURCES: mm/protect.c mm/remap.c mm/mlock.c mm/advise.c mm/object.c mm/object_evict.c mm/object_io.c mm/page.c
// SOURCES: kernel/lib/rbtree.c kernel/lib/radix.c kernel/lib/format.c
// SOURCES: arch/arm64/pmap.c arch/arm64/pmap_share.c arch/arm64/pte.c arch/arm64/tlb.c arch/arm64/asid.c
// SOURCES: tests/mock/machine.c tests/mock/kernel.c tests/mock/frames.c tests/mock/usercopy.c tests/mock/slab.c tests/mock/swap.c
// DEFINES: CONFIG_DEBUG=1
#include "tests/unit/mm/aspace_test.h"

#define MOST (40 * PAGE_SIZE)

static void random_io(uint32_t seed)
{
	static uint8_t model[MOST], buf[MOST];
	struct object *o = object_create_anon(0);
	uint64_t size = 0;

	memset(model, 0, sizeof(model));
	for (unsigned n = 0; n < 1500; n++) {
		uint64_t pos = rnd(&seed) % MOST, len = rnd(&seed) % (rnd(&seed) % 4 ? 300 : 3 * PAGE_SIZE);
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
			object_punch(o, (uint32_t)(pos >> PAGE_SHIFT), (uint32_t)(pos >> PAGE_SHIFT) + 1);
			memset(model + (pos & PAGE_MASK), 0, MIN(2 * PAGE_SIZE, MOST - (pos & PAGE_MASK)));
			break;
		case 2: case 3:
			p = object_lookup(o, (uint32_t)(pos >> PAGE_SHIFT));
			if (p != NULL) {
				page_put(p);
				(void)mock_swap_out(p);
			}
			break;
		case 4: case 5:
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

/* ---- A backing store ---- */

static int reads, writes, read_error;
static uint64_t truncate_to;

static int store_read(struct object *o, struct page *p)
{
	reads++;
	if (truncate_to != 0)
		assert_int_equal(object_truncate(o, truncate_to), 0);
	memset(page_to_virt(p), (int)p->u.file.index + 1, PAGE_SIZE);
	return read_error;
}

static int store_write(struct object *o, struct page *p)
{
	(void)o;
	(void)p;
	return ++writes == 2 ? -EIO : 0;
}

static const struct object_ops store_ops = { .read_page = store_read, .write_page = store_write };
static struct object store;

static void store_start(uint64_t size)
{
	reads = writes = read_error = 0;
	truncate_to = 0;
	object_init(&store, &store_ops, size);
}

static void test_backing_store(void **state)
{
	uint8_t buf[2 * 4096];
	struct page *p;

	(void)state;
	store_start(4 * PAGE_SIZE);
	assert_int_equal(object_read(&store, 0, buf, sizeof(buf), false), sizeof(buf));
	assert_int_equal(buf[0], 1);
	assert_int_equal(buf[4096], 2);
	assert_int_equal(object_read(&store, 0, buf, sizeof(buf), false), sizeof(buf));
	assert_int_equal(reads, 2);
	/* Clean pages can be dropped and come back; used or dirty ones cannot. */
	p = object_lookup(&store, 0);
	assert_true(object_drop_clean(&store, 0, p));
	page_put(p);
	assert_int_equal(object_read(&store, 0, buf, 1, false), 1);
	assert_int_equal(reads, 3);
	assert_int_equal(object_write(&store, 10, "x", 1, false), 1);
	p = object_lookup(&store, 0);
	assert_false(object_drop_clean(&store, 0, p));
	page_clear_flag(p, PAGE_DIRTY);
	page_get(p);
	assert_false(object_drop_clean(&store, 0, p));
	page_put(p);
	page_set_flag(p, PAGE_DIRTY);
	page_put(p);
	assert_int_equal(object_write(&store, PAGE_SIZE, "y", 1, false), 1);
	assert_int_equal(object_sync(&store, 0, UINT32_MAX), -EIO);
	assert_int_equal(object_sync(&store, 0, UINT32_MAX), 0);
	assert_int_equal(writes, 3);
	object_put(&store);
}

static void test_read_error(void **state)
{
	struct map_request r = { .addr = BASE, .length = 2 * PAGE_SIZE, .flags = AREA_READ, .fixed = true, .object = &store };
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

/* The object shrinks while the page of a fault is being read: nothing of it may be mapped. */
static void test_truncated_while_reading(void **state)
{
	struct map_request r = { .addr = BASE, .length = 4 * PAGE_SIZE, .flags = AREA_READ, .fixed = true, .object = &store };
	struct aspace *as = space();

	(void)state;
	store_start(4 * PAGE_SIZE);
	assert_int_equal(aspace_map(as, &r), BASE);
	run(as);
	truncate_to = PAGE_SIZE;
	assert_int_equal(peek(BASE + 2 * PAGE_SIZE), -1);
	assert_int_equal(last_outcome, FAULT_BEYOND_FILE);
	assert_int_equal(look(as, BASE + 2 * PAGE_SIZE).state, PTE_NONE);
	assert_int_equal(store.nr_pages, 0);
	end(as);
	object_put(&store);
}

/* A page that was found before the truncation is not mapped after it. */
static void test_page_orphaned_by_truncation(void **state)
{
	struct object *o = object_create_anon(4 * PAGE_SIZE);
	bool major;
	int err;
	struct page *p = object_get_page(o, 2, OBJECT_WRITE, &err, &major);

	(void)state;
	assert_non_null(p);
	assert_ptr_equal(p->u.file.object, o);
	assert_int_equal(object_truncate(o, PAGE_SIZE), 0);
	assert_null(p->u.file.object);
	assert_null(object_pin(p));
	assert_int_equal(p->refs, 1);
	page_put(p);
	object_put(o);
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
	assert_int_equal(object_write(o, 2 * PAGE_SIZE, (void *)BASE, 2 * PAGE_SIZE, true), 2 * PAGE_SIZE);
	assert_int_equal(object_read(o, 2 * PAGE_SIZE + 100, &byte, 1, false), 1);
	assert_int_equal(byte, 8);
	/* A bad address: what was copied counts, the size does not run ahead. */
	assert_int_equal(object_write(o, 4 * PAGE_SIZE, (void *)(BASE + 3 * PAGE_SIZE), 3 * PAGE_SIZE, true), PAGE_SIZE);
	assert_int_equal(o->size, 5 * PAGE_SIZE);
	assert_int_equal(object_write(o, 9 * PAGE_SIZE, (void *)(BASE + MB), 10, true), -EFAULT);
	assert_int_equal(o->size, 5 * PAGE_SIZE);
	assert_int_equal(object_read(o, 0, (void *)(BASE + MB), 10, true), -EFAULT);
	end(as);
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
	assert_int_equal(object_write(o, (uint64_t)UINT32_MAX << PAGE_SHIFT, &byte, 1, false), -EFBIG);
	assert_int_equal(object_truncate(o, UINT64_MAX), -EFBIG);
	assert_null(object_get_page(o, 0, OBJECT_MAP, &err, &major));
	assert_int_equal(err, -ENXIO);
	assert_int_equal(object_read(o, 0, &byte, 1, false), 0);
	object_put(o);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_random_io),
		TEST(test_backing_store),
		TEST(test_read_error),
		TEST(test_truncated_while_reading),
		TEST(test_page_orphaned_by_truncation),
		TEST(test_adopt),
		TEST(test_write_from_own_mapping),
		TEST(test_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
