// SPDX-License-Identifier: MIT
// SOURCES: mm/swap/codec.c tests/mock/machine.c tests/mock/kernel.c tests/mock/slab.c
// DEFINES: CONFIG_DEBUG=1
// Packing and unpacking pages of every kind; what damaged bytes may do; pages of one word.
#include "tests/mock/mock.h"
#include "tests/mock/objects.h"

#include <stdlib.h>
#include <string.h>

#include "mm/slab.h"
#include "mm/swap/codec.h"

static struct packer *packer;
static uint64_t page[PAGE_SIZE / 8];

static int setup(void **state)
{
	mock_setup(state);
	srand(1);
	packer = packer_create(0);
	return packer == NULL;
}

static int teardown(void **state)
{
	packer_destroy(packer);
	assert_int_equal(mock_objects_out(), 0);
	return mock_teardown(state);
}

static void random_bytes(void *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		((uint8_t *)p)[i] = (uint8_t)rand();
}

/* A page of random bytes whose last part repeats one of them. */
static void make_page(unsigned distinct)
{
	random_bytes(page, distinct);
	memset((uint8_t *)page + distinct, rand(), PAGE_SIZE - distinct);
}

/* Unpacks into a buffer of exactly a page, from one of exactly n bytes, so that the sanitizer sees
 * every byte too far. */
static bool unpack(const void *data, uint16_t n, void *to)
{
	uint8_t *from = malloc(n), *exact = malloc(PAGE_SIZE);
	bool good;

	memcpy(from, data, n);
	good = page_unpack(from, n, exact);
	memcpy(to, exact, PAGE_SIZE);
	free(from);
	free(exact);
	return good;
}

static void test_every_size(void **state)
{
	static uint8_t back[PAGE_SIZE];
	unsigned packed = 0;

	(void)state;
	for (unsigned distinct = 0; distinct < PAGE_SIZE; distinct += 13) {
		const void *data;
		uint16_t n;

		make_page(distinct);
		n = page_pack(packer, page, &data);
		if (n == 0) {
			assert_true(distinct > PACKED_MAX - 64);
			continue;
		}
		assert_in_range(n, 1, PACKED_MAX);
		packed++;
		assert_true(unpack(data, n, back));
		assert_memory_equal(back, page, PAGE_SIZE);
	}
	assert_true(packed > 200);
}

/* Bytes changed, cut off or added: true only for a whole page, and never a byte beyond either
 * end. */
static void test_damage(void **state)
{
	static uint8_t copy[PACKED_MAX], back[PAGE_SIZE];

	(void)state;
	for (unsigned round = 0; round < 3000; round++) {
		const void *data;
		uint16_t n, cut;

		make_page((unsigned)rand() % 2900);
		n = page_pack(packer, page, &data);
		assert_true(n > 0);
		memcpy(copy, data, n);
		cut = (uint16_t)(1 + rand() % n);
		if (cut < n)
			assert_false(unpack(copy, cut, back));
		for (unsigned i = 0; i <= round % 8; i++)
			copy[rand() % n] = (uint8_t)rand();
		(void)!unpack(copy, n, back);
		random_bytes(copy, n);
		(void)!unpack(copy, n, back);
	}
}

static void test_filled(void **state)
{
	uint32_t word;

	(void)state;
	page_fill(page, 0x12345678);
	assert_true(page_is_filled(page, &word));
	assert_int_equal(word, 0x12345678);
	for (unsigned i = 0; i < PAGE_SIZE; i++) {
		((uint8_t *)page)[i] ^= 1;
		assert_false(page_is_filled(page, &word));
		((uint8_t *)page)[i] ^= 1;
	}
	for (unsigned i = 0; i < PAGE_SIZE / 8; i++)
		page[i] = 0x1234567800000000; /* halves that differ */
	assert_false(page_is_filled(page, &word));
	page_fill(page, 0);
	assert_true(page_is_filled(page, &word));
	assert_int_equal(word, 0);
}

static void test_no_memory(void **state)
{
	(void)state;
	mock_fail_allocation(1);
	assert_null(packer_create(0));
	mock_fail_allocation(0);
	packer_destroy(NULL);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_every_size),
		TEST(test_damage),
		TEST(test_filled),
		TEST(test_no_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
