// SPDX-License-Identifier: MIT
// SOURCES: kernel/lib/chacha20.c tests/mock/chacha20.c tests/mock/machine.c tests/mock/kernel.c
// The cipher against RFC 8439's vectors, and that each block of the stream is the same however it
// is come by.
#include <stdlib.h>
#include <string.h>

#include "kernel/lib/chacha20.h"
#include "tests/mock/mock.h"

/* RFC 8439, 2.3.2. */
static void test_block(void **state)
{
	static const uint32_t key[8] = { 0x03020100, 0x07060504, 0x0b0a0908, 0x0f0e0d0c,
					 0x13121110, 0x17161514, 0x1b1a1918, 0x1f1e1d1c };
	static const uint32_t nonce[3] = { 0x09000000, 0x4a000000, 0 };
	static const uint32_t want[16] = { 0xe4e7f110, 0x15593bd1, 0x1fdd0f50, 0xc47120a3,
					   0xc7f4d1c7, 0x0368c033, 0x9aaa2204, 0x4e6cd4c3,
					   0x466482d2, 0x09aa9f07, 0x05d7c214, 0xa2028bd9,
					   0xd19c12b5, 0xb94e16de, 0xe883d0cb, 0x4e3c50a2 };
	uint32_t out[16] = { 0 };

	(void)state;
	chacha20_apply(key, nonce, 1, out, sizeof(out));
	assert_memory_equal(out, want, sizeof(want));
}

/* RFC 8439, 2.4.2. */
static void test_text(void **state)
{
	static const char text[] = "Ladies and Gentlemen of the class of '99: If I could offer you "
				   "only one tip for the future, sunscreen would be it.";
	static const uint8_t expected[] = {
		0x6e, 0x2e, 0x35, 0x9a, 0x25, 0x68, 0xf9, 0x80, 0x41, 0xba, 0x07, 0x28, 0xdd,
		0x0d, 0x69, 0x81, 0xe9, 0x7e, 0x7a, 0xec, 0x1d, 0x43, 0x60, 0xc2, 0x0a, 0x27,
		0xaf, 0xcc, 0xfd, 0x9f, 0xae, 0x0b, 0xf9, 0x1b, 0x65, 0xc5, 0x52, 0x47, 0x33,
		0xab, 0x8f, 0x59, 0x3d, 0xab, 0xcd, 0x62, 0xb3, 0x57, 0x16, 0x39, 0xd6, 0x24,
		0xe6, 0x51, 0x52, 0xab, 0x8f, 0x53, 0x0c, 0x35, 0x9f, 0x08, 0x61, 0xd8, 0x07,
		0xca, 0x0d, 0xbf, 0x50, 0x0d, 0x6a, 0x61, 0x56, 0xa3, 0x8e, 0x08, 0x8a, 0x22,
		0xb6, 0x5e, 0x52, 0xbc, 0x51, 0x4d, 0x16, 0xcc, 0xf8, 0x06, 0x81, 0x8c, 0xe9,
		0x1a, 0xb7, 0x79, 0x37, 0x36, 0x5a, 0xf9, 0x0b, 0xbf, 0x74, 0xa3, 0x5b, 0xe6,
		0xb4, 0x0b, 0x8e, 0xed, 0xf2, 0x78, 0x5e, 0x42, 0x87, 0x4d,
	};
	static const uint32_t nonce[3] = { 0, 0x4a000000, 0 };
	uint8_t key[CHACHA20_KEY], data[sizeof(expected)];

	(void)state;
	assert_int_equal(sizeof(expected), sizeof(text) - 1);
	for (unsigned i = 0; i < CHACHA20_KEY; i++)
		key[i] = (uint8_t)i;
	memcpy(data, text, sizeof(expected));
	chacha20_apply(key, nonce, 1, data, sizeof(data));
	assert_memory_equal(data, expected, sizeof(expected));
}

static void test_parts(void **state)
{
	uint32_t key[8], stream[16];
	uint8_t data[1100], *zeroes = calloc(1, sizeof(data));

	(void)state;
	for (unsigned i = 0; i < 100; i++) {
		const uint32_t nonce[3] = { (uint32_t)rand(), (uint32_t)rand(), 0 };
		unsigned n = 1 + (unsigned)rand() % sizeof(data);

		for (unsigned k = 0; k < 8; k++)
			key[k] = (uint32_t)rand() * 2654435761u;
		memset(data, 0, sizeof(data));
		chacha20_apply(key, nonce, 0, data, n);
		for (unsigned at = 0; at < n; at += 64) {
			memset(stream, 0, sizeof(stream));
			chacha20_apply(key, nonce, at / 64, stream, sizeof(stream));
			assert_memory_equal(data + at, stream, MIN(64u, n - at));
		}
		assert_memory_equal(data + n, zeroes, sizeof(data) - n);
		chacha20_apply(key, nonce, 0, data, n);
		assert_memory_equal(data, zeroes, n);
	}
	free(zeroes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_block, mock_setup, mock_teardown),
		cmocka_unit_test_setup_teardown(test_text, mock_setup, mock_teardown),
		cmocka_unit_test_setup_teardown(test_parts, mock_setup, mock_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
