// SPDX-License-Identifier: MIT
// Writing back by age and amount: whose turn it is, who waits and who does not. The file itself is
// included, and its thread's turns are taken by the test.
// SOURCES: mm/object.c mm/object_evict.c mm/object_size.c mm/object_write.c mm/object_io.c mm/readahead.c mm/page.c mm/rmap.c mm/rmap_set.c mm/rmap_file.c mm/commit.c
// SOURCES: kernel/lib/rbtree.c kernel/lib/radix.c kernel/lib/format.c
// SOURCES: arch/arm64/pmap.c arch/arm64/pmap_share.c arch/arm64/pmap_fold.c arch/arm64/pte.c arch/arm64/tlb.c arch/arm64/asid.c
// SOURCES: tests/mock/machine.c tests/mock/kernel.c tests/mock/frames.c
// SOURCES: tests/mock/usercopy.c tests/mock/slab.c tests/mock/swap.c
// DEFINES: CONFIG_DEBUG=1
#include "mm/writeback.c"

#include <string.h>

#include "mm/frames.h"
#include "mm/rmap.h"
#include "tests/mock/mock.h"
#include "tests/mock/objects.h"

#define FILES 3
#define SEC   NSEC_PER_SEC

static struct disk_object files[FILES];
static char order[64]; /* which file each page written belonged to */
static unsigned norder, flushes;
static int fail;
static struct writeback_source source;

struct task *task_create_kernel(const char *name, void (*fn)(void *arg), void *arg, int policy,
				int priority)
{
	static struct task thread;

	(void)name, (void)fn, (void)arg, (void)policy, (void)priority;
	return &thread;
}

static int disk_read(struct object *o, struct page *p)
{
	(void)o, (void)p;
	return 0;
}

static int disk_write(struct object *o, struct page **pages, unsigned n)
{
	(void)pages;
	for (unsigned i = 0; i < n; i++)
		if (norder < sizeof(order) - 1)
			order[norder++] = (char)('a' + ((struct disk_object *)o - files));
	return fail;
}

static const struct object_ops disk_ops = { .read_page = disk_read, .write_pages = disk_write };

static void flush(struct writeback_source *s)
{
	assert_ptr_equal(s, &source);
	flushes++;
}

static int setup(void **state)
{
	static uint64_t start;

	mock_setup(state);
	mock_reset();
	page_init();
	rmap_init();
	mock_time_set(start += 1000 * SEC); /* it never goes back */
	writeback_settings = (struct writeback_settings){
		.ratio = 20, .background_ratio = 10, .expire = 3000, .interval = 500
	};
	fail = 0;
	norder = flushes = 0;
	memset(order, 0, sizeof(order));
	for (unsigned i = 0; i < FILES; i++)
		disk_object_init(&files[i], &disk_ops, 0);
	source = (struct writeback_source){ .flush = flush };
	wb.wanted = false;
	assert_int_equal(writeback_attach(&source), 0);
	return 0;
}

static int teardown(void **state)
{
	mock_on_block = NULL;
	writeback_detach(&source);
	for (unsigned i = 0; i < FILES; i++)
		object_put(&files[i].object);
	assert_int_equal(object_dirty_since(), UINT64_MAX);
	return mock_teardown(state);
}

static void dirty(unsigned file, unsigned pages)
{
	for (unsigned i = 0; i < pages; i++)
		assert_int_equal(object_write(&files[file].object, i * PAGE_SIZE, "x", 1, false),
				 1);
}

static void test_age(void **state)
{
	(void)state;
	dirty(0, 1);
	assert_true(wb.wanted); /* from nothing to something: the thread keeps time from now on */
	assert_true(anything_waits());
	mock_time_advance(10 * SEC);
	dirty(1, 2);
	turn();
	assert_string_equal(order, "");
	mock_time_advance(20 * SEC);
	turn();
	assert_string_equal(order, "a");
	mock_time_advance(10 * SEC);
	dirty(0, 1);
	turn();
	assert_string_equal(order, "abb");
	/* Not by age when the interval is 0. */
	writeback_settings.interval = 0;
	mock_time_advance(100 * SEC);
	turn();
	assert_string_equal(order, "abb");
	writeback_settings.interval = 500;
	turn();
	assert_string_equal(order, "abba");
	assert_false(anything_waits());
}

/* Above the background limit: the longest waiting first, until it is kept. */
static void test_amount(void **state)
{
	(void)state;
	writeback_settings.background_bytes = 4 * PAGE_SIZE;
	writeback_settings.bytes = 40 * PAGE_SIZE;
	dirty(2, 3);
	mock_time_advance(SEC);
	dirty(0, 1);
	turn();
	assert_string_equal(order, "");
	mock_time_advance(SEC);
	dirty(1, 2);
	turn();
	assert_string_equal(order, "ccc");
	/* One that cannot be written waits for its next turn. */
	fail = -EIO;
	dirty(2, 3);
	mock_time_advance(SEC);
	turn();
	assert_string_equal(
		order, "cccabbbcccccc"); /* a run that fails, and what is behind its first page */
	assert_true(too_many(false));
}

static void test_limits(void **state)
{
	uint64_t pages = frames_free() - watermarks.high, background, most;

	(void)state;
	writeback_limits(&background, &most);
	assert_int_equal(most, pages / 5);
	assert_int_equal(background, pages / 10);
	writeback_settings.background_ratio = 30;
	writeback_limits(&background, &most);
	assert_int_equal(background, most / 2);
	writeback_settings.bytes = 2 * PAGE_SIZE + 1;
	writeback_settings.background_bytes = 1;
	writeback_limits(&background, &most);
	assert_int_equal(most, 3);
	assert_int_equal(background, 1);
}

static unsigned blocked;

static void others_turn(void)
{
	struct task *me = current();

	blocked++;
	mock_on_block = NULL;
	mock_time_advance(SEC);
	turn();
	assert_ptr_equal(current(), me);
	mock_on_block = others_turn;
}

static void test_throttle(void **state)
{
	(void)state;
	writeback_settings.background_bytes = PAGE_SIZE;
	writeback_settings.bytes = 4 * PAGE_SIZE;
	mock_on_block = others_turn;
	blocked = 0;
	dirty(0, 4);
	object_throttle();
	assert_int_equal(blocked, 0);
	assert_true(wb.wanted);
	dirty(0, 5);
	object_throttle();
	assert_int_equal(blocked, 1);
	assert_int_equal(norder, 5);
	/* Who cannot be helped goes on after two turns. */
	fail = -EIO;
	dirty(0, 5);
	object_throttle();
	assert_int_equal(blocked, 3);
	/* Real-time tasks do not wait, nor those who make room. */
	current()->sched.prio = PRIO_RT_MIN;
	object_throttle();
	current()->sched.prio = PRIO_FAIR;
	current()->memory_reserve = true;
	object_throttle();
	current()->memory_reserve = false;
	assert_int_equal(blocked, 3);
}

static void test_sources(void **state)
{
	(void)state;
	assert_false(anything_waits());
	writeback_note(&source);
	assert_true(wb.wanted && anything_waits());
	turn();
	assert_int_equal(flushes, 0);
	mock_time_advance(31 * SEC);
	turn();
	assert_int_equal(flushes, 1);
	turn();
	assert_int_equal(flushes, 1);
	/* And when pages cannot be written before. */
	fail = -EAGAIN;
	dirty(0, 1);
	mock_time_advance(31 * SEC);
	turn();
	assert_int_equal(flushes, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_age, setup, teardown),
		cmocka_unit_test_setup_teardown(test_amount, setup, teardown),
		cmocka_unit_test_setup_teardown(test_limits, setup, teardown),
		cmocka_unit_test_setup_teardown(test_throttle, setup, teardown),
		cmocka_unit_test_setup_teardown(test_sources, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
