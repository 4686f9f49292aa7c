// SPDX-License-Identifier: MIT
// SOURCES: drivers/random/rng200.c tests/mock/machine.c tests/mock/kernel.c
// The generator is started unless it runs, what it makes first is waited for, and one that makes
// nothing is given up.
#include <errno.h>
#include <string.h>

#include "kernel/driver.h"
#include "kernel/log.h"
#include "kernel/random.h"
#include "kernel/time.h"
#include "tests/mock/mock.h"

extern const struct driver *const __start_drivers[];

static volatile uint32_t regs[10]; /* CTRL 0, BITS 3, THRESHOLD 4, DATA 8, COUNT 9 */
static bool ready;
static uint32_t words; /* in the FIFO once warm */
static unsigned sleeps, stirred;

int device_reg(const struct device *dev, unsigned i, phys_addr_t *base, uint64_t *size)
{
	(void)dev, (void)i;
	*base = 0xfe104000, *size = 0x28;
	return 0;
}

volatile void *mmio_map(phys_addr_t base, size_t size)
{
	assert_true(base == 0xfe104000 && size <= sizeof(regs));
	return regs;
}

bool random_ready(void)
{
	return ready;
}

int time_sleep_until(uint64_t deadline, int mode)
{
	(void)deadline, (void)mode;
	if (++sleeps == 5) {
		regs[3] = 17;
		regs[9] = words;
		regs[8] = 0x5eed5eed;
	}
	return 0;
}

void random_stir(const void *bytes, size_t n, bool good)
{
	const uint32_t *seed = bytes;

	assert_true(good && sleeps >= 5);
	assert_int_equal(n, 64);
	for (unsigned i = 0; i < 16; i++)
		assert_int_equal(seed[i], 0x5eed5eed);
	stirred++;
}

static int run(uint32_t control, uint32_t fifo)
{
	memset((void *)regs, 0, sizeof(regs));
	regs[0] = control;
	words = fifo;
	sleeps = stirred = 0;
	return __start_drivers[0]->probe(&(struct device){ 0 });
}

static void test_start(void **state)
{
	(void)state;
	assert_int_equal(run(0, 4), 0);
	assert_true((regs[0] & 1) && regs[4] == 0x40000);
	assert_int_equal(stirred, 1);
}

static void test_runs(void **state)
{
	(void)state;
	assert_int_equal(run(0x6001, 4), 0); /* by the boot loader: left alone */
	assert_true(regs[0] == 0x6001 && regs[4] == 0);
	assert_int_equal(stirred, 1);
}

static void test_nothing(void **state)
{
	(void)state;
	assert_int_equal(run(0, 0), -ETIMEDOUT);
	assert_int_equal(stirred, 0);
	assert_true(sleeps < 1000);
}

static void test_seeded(void **state)
{
	(void)state;
	ready = true;
	assert_int_equal(run(0, 4), -ENODEV);
	assert_true(sleeps == 0 && regs[0] == 0);
	ready = false;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_start),
		cmocka_unit_test(test_runs),
		cmocka_unit_test(test_nothing),
		cmocka_unit_test(test_seeded),
	};

	return cmocka_run_group_tests(tests, mock_setup, mock_teardown);
}
