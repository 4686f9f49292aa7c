// SPDX-License-Identifier: MIT
// SOURCES: mm/swap/pool.c tests/mock/machine.c tests/mock/kernel.c tests/mock/frames.c
// DEFINES: CONFIG_DEBUG=1
// The pool of packed pages: every size, random lives against a model, order of age, frames given
// back, no memory.
#include <stdlib.h>
#include <string.h>

#include "mm/buddy.h"
#include "mm/swap/codec.h"
#include "mm/swap/pool.h"
#include "tests/mock/mock.h"

#define SLOTS 600

static struct model {
	uint32_t handle;
	uint16_t n;
	uint8_t seed;
	unsigned born;
} model[SLOTS + 1];
static unsigned births;
static uint32_t frames_at_start;

static int setup(void **state)
{
	mock_setup(state);
	srand(1);
	memset(model, 0, sizeof(model));
	frames_at_start = frames_free();
	return 0;
}

static bool put(uint32_t slot, uint16_t n)
{
	struct model *m = &model[slot];
	void *data;
	uint32_t handle = pool_reserve(slot, n, &data);

	if (handle == POOL_NONE)
		return false;
	*m = (struct model){ handle, n, (uint8_t)rand(), ++births };
	memset(data, m->seed, n);
	pool_publish(handle);
	return true;
}

static void drop(uint32_t slot)
{
	pool_drop(model[slot].handle);
	model[slot].n = 0;
}

/* Contents, order and sums. */
static void check(void)
{
	uint32_t slot, handle = pool_oldest(&slot), pieces = 0;
	struct swap_pool_stats st;
	uint64_t bytes = 0;
	unsigned born = 0;

	for (; handle != POOL_NONE; handle = pool_next(handle, &slot)) {
		const struct model *m = &model[slot];
		uint16_t n;
		const uint8_t *data = pool_data(handle, &n);

		assert_int_equal(handle, m->handle);
		assert_int_equal(n, m->n);
		assert_true(m->born > born);
		born = m->born;
		for (unsigned i = 0; i < n; i++)
			assert_int_equal(data[i], m->seed);
		pieces++;
		bytes += n;
	}
	swap_pool_stats(&st);
	for (uint32_t i = 1; i <= SLOTS; i++)
		pieces -= model[i].n > 0;
	assert_int_equal(pieces, 0);
	assert_int_equal(st.bytes, bytes);
	assert_int_equal(frames_free() + st.frames, frames_at_start);
}

static void drop_all(void)
{
	for (uint32_t slot = 1; slot <= SLOTS; slot++)
		if (model[slot].n > 0)
			drop(slot);
	check();
	assert_int_equal(frames_free(), frames_at_start);
}

static int teardown(void **state)
{
	drop_all();
	return mock_teardown(state);
}

/* Every size, alone and beside its neighbours; all of a frame comes back. */
static void test_every_size(void **state)
{
	(void)state;
	for (uint16_t n = 1; n <= PACKED_MAX; n++) {
		if (model[1 + n % 3].n > 0)
			drop(1 + n % 3);
		assert_true(put(1 + n % 3, n));
		if (n % 3 == 2 && n > 3) {
			check();
			drop(3);
			drop(1);
			drop(2);
		}
	}
}

static void test_random(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 60000; i++) {
		uint32_t slot = 1 + (uint32_t)rand() % SLOTS;

		if (model[slot].n > 0)
			drop(slot);
		else
			assert_true(put(slot, (uint16_t)(1 + (unsigned)rand() % PACKED_MAX)));
		if (i % 1000 == 0)
			check();
	}
}

/* What frames lose to rounding, headers and holes, with pieces of the sizes that pages pack to, all
 * of them replaced many times. */
static void waste(const char *name, unsigned least, unsigned most, unsigned percent)
{
	struct swap_pool_stats st;

	for (unsigned i = 0; i < 40000; i++) {
		uint32_t slot = 1 + (uint32_t)rand() % SLOTS;

		if (model[slot].n > 0)
			drop(slot);
		assert_true(put(slot, (uint16_t)(least + (unsigned)rand() % (most - least + 1))));
	}
	swap_pool_stats(&st);
	percent -= (unsigned)(100 - st.bytes * 100 / ((uint64_t)st.frames * PAGE_SIZE));
	print_message("%s: %u frames, %.1f %% waste\n", name, st.frames,
		      100 - (double)st.bytes * 100 / ((double)st.frames * PAGE_SIZE));
	assert_true((int)percent >= 0);
	drop_all();
}

static void test_waste(void **state)
{
	(void)state;
	waste("100..1400 bytes", 100, 1400, 16);
	waste("800..900 bytes", 800, 900, 20);
	waste("20..3072 bytes", 20, PACKED_MAX, 25);
	waste("2100..3072 bytes", 2100, PACKED_MAX, 45);
}

static void test_no_memory(void **state)
{
	(void)state;
	mock_fail_allocation(1);
	assert_false(put(1, 100));
	mock_fail_allocation(0);
	assert_true(put(1, 100));
	mock_fail_allocation(1);
	assert_true(put(2, 2000)); /* beside it */
	assert_false(put(3, 3000));
	mock_fail_allocation(0);
	check();
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_every_size),
		TEST(test_random),
		TEST(test_waste),
		TEST(test_no_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
