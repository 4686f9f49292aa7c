// SPDX-License-Identifier: MIT
// SOURCES: kernel/random.c kernel/lib/chacha20.c tests/mock/chacha20.c tests/mock/machine.c tests/mock/kernel.c
// The generator: outputs neither repeat nor ignore what is stirred in.
#include <string.h>

#include "kernel/random.h"
#include "tests/mock/mock.h"

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
		cmocka_unit_test_setup_teardown(outputs_differ, mock_setup, mock_teardown),
		cmocka_unit_test_setup_teardown(lengths, mock_setup, mock_teardown),
		cmocka_unit_test_setup_teardown(seeding, mock_setup, mock_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
