// SPDX-License-Identifier: MIT
// SOURCES: kernel/random.c tests/mock/machine.c tests/mock/kernel.c
// The generator: ChaCha20 against RFC 8439's vector, and that outputs neither repeat nor ignore what is stirred in.
#include <string.h>

#include "kernel/random.h"
#include "tests/mock/mock.h"

/* RFC 8439, section 2.3.2. */
static void chacha20_vector(void **state)
{
	static const uint32_t key[8] = { 0x03020100, 0x07060504, 0x0b0a0908, 0x0f0e0d0c,
					 0x13121110, 0x17161514, 0x1b1a1918, 0x1f1e1d1c };
	static const uint32_t nonce[3] = { 0x09000000, 0x4a000000, 0 };
	static const uint32_t want[16] = { 0xe4e7f110, 0x15593bd1, 0x1fdd0f50, 0xc47120a3,
					   0xc7f4d1c7, 0x0368c033, 0x9aaa2204, 0x4e6cd4c3,
					   0x466482d2, 0x09aa9f07, 0x05d7c214, 0xa2028bd9,
					   0xd19c12b5, 0xb94e16de, 0xe883d0cb, 0x4e3c50a2 };
	uint32_t out[16];

	(void)state;
	chacha20_block(key, 1, nonce, out);
	assert_memory_equal(out, want, sizeof(want));
}

static void outputs_differ(void **state)
{
	uint64_t seen[64];

	(void)state;
	for (unsigned i = 0; i < 64; i++) {
		seen[i] = random_u64();
		for (unsigned j = 0; j < i; j++)
			assert_int_not_equal(seen[i], seen[j]);
	}
}

/* More than one key's worth; every length; nothing written behind the end. */
static void lengths(void **state)
{
	static uint8_t buf[10001], zero[64];

	(void)state;
	for (size_t n = 0; n <= 10000; n += n < 200 ? 1 : 977) {
		memset(buf, 0, sizeof(buf));
		random_bytes(buf, n);
		assert_int_equal(buf[n], 0);
		if (n >= 64)
			assert_memory_not_equal(buf + n - 64, zero, 64);
	}
}

static void seeding(void **state)
{
	(void)state;
	random_stir("x", 1, false);
	assert_false(random_ready());
	random_stir("sixteen bytes of", 16, true);
	assert_true(random_ready());
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(chacha20_vector, mock_setup, mock_teardown),
		cmocka_unit_test_setup_teardown(outputs_differ, mock_setup, mock_teardown),
		cmocka_unit_test_setup_teardown(lengths, mock_setup, mock_teardown),
		cmocka_unit_test_setup_teardown(seeding, mock_setup, mock_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
