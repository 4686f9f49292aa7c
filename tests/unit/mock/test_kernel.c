// SPDX-License-Identifier: MIT
// The stand-ins for kernel/ notice what tasks must not do.
// SOURCES: tests/mock/machine.c tests/mock/kernel.c tests/mock/frames.c
#include "tests/mock/mock.h"

#include <string.h>

#include "kernel/log.h"
#include "kernel/time.h"
#include "mm/buddy.h"
#include "tests/mock/dma.h"

static struct mutex a, b;

static void test_mutex_order(void **state)
{
	(void)state;
	mutex_init(&a);
	mutex_init(&b);
	mutex_lock(&a);
	mutex_lock(&b);
	mutex_unlock(&b);
	mutex_unlock(&a);
	mutex_lock(&b);
	mock_expect_violation(MOCK_RULE_CONTEXT);
	mutex_lock(&a);
	mock_assert_violated(MOCK_RULE_CONTEXT);
	mutex_unlock(&a);
	mutex_unlock(&b);
}

static void test_sleep_in_atomic_context(void **state)
{
	struct spinlock l = SPINLOCK_INIT;

	(void)state;
	mutex_init(&a);
	spin_lock(&l);
	mock_expect_violation(MOCK_RULE_CONTEXT);
	mutex_lock(&a);
	mock_assert_violated(MOCK_RULE_CONTEXT);
	mutex_unlock(&a);
	spin_unlock(&l);
}

static void other_unlocks(void)
{
	cpu_local()->current = mock_task("owner");
	a.owner = 0;
}

static void test_mutex_waits_for_owner(void **state)
{
	(void)state;
	mutex_init(&a);
	a.owner = (uintptr_t)mock_task("owner");
	mock_on_block = other_unlocks;
	mutex_lock(&a);
	assert_true(mutex_held(&a));
	mutex_unlock(&a);
}

static void test_panic_is_caught(void **state)
{
	(void)state;
	mock_expect_panic("assertion failed", ASSERT(1 == 2));
	log_info("hello %d", 5);
	assert_string_equal(mock_log(), "hello 5\n");
}

static struct waitq queue;

static void wake(void)
{
	waitq_wake_one(&queue);
}

static void test_waitq(void **state)
{
	struct waiter w;

	(void)state;
	waitq_init(&queue);
	mock_on_block = wake;
	waitq_prepare(&queue, &w, WAIT_KILLABLE);
	assert_int_equal(waitq_sleep(&w, WAIT_KILLABLE, WAIT_FOREVER), 0);
	waitq_finish(&queue, &w);
	assert_true(list_empty(&queue.waiters));
}

static unsigned fired;

static void expire(struct timer *t)
{
	(void)t;
	fired++;
}

static void test_timers(void **state)
{
	struct timer t;

	(void)state;
	fired = 0;
	timer_init(&t, expire);
	timer_start(&t, 100);
	mock_time_set(99);
	assert_int_equal(fired, 0);
	mock_time_advance(1);
	assert_int_equal(fired, 1);
	assert_false(timer_cancel(&t));
}

static void test_allocation_failure(void **state)
{
	struct page *p;

	(void)state;
	mock_fail_allocation(2);
	p = page_alloc(0);
	assert_non_null(p);
	assert_null(page_alloc(0));
	assert_true(mock_failed_allocation());
	page_free(p, 0);
	assert_int_equal(frames_free(), frames_total());
}

static void test_dma_needs_maintenance(void **state)
{
	char *buf = phys_to_virt(MOCK_RAM_BASE + 8 * PAGE_SIZE), seen[64];
	phys_addr_t pa = virt_to_phys(buf);

	(void)state;
	memset(buf, 1, 64);
	mock_expect_violation(MOCK_RULE_DMA);
	mock_device_read(pa, seen, 64);
	mock_assert_violated(MOCK_RULE_DMA);
	hw_dma_clean(buf, 64);
	mock_device_read(pa, seen, 64);
	assert_memory_equal(buf, seen, 64);
	memset(seen, 2, 64);
	mock_device_write(pa, seen, 64);
	assert_int_equal(buf[0], 1);
	hw_dma_invalidate(buf, 64);
	assert_int_equal(buf[0], 2);
	buf[0] = 3;
	mock_expect_violation(MOCK_RULE_DMA);
	mock_device_write(pa, seen, 64);
	mock_assert_violated(MOCK_RULE_DMA);
}

static void test_crc32c_vector(void **state)
{
	(void)state;
	/* RFC 3720, B.4: 32 bytes of zeroes */
	static const char zeroes[32];

	assert_int_equal(~hw_crc32c(~0u, zeroes, sizeof(zeroes)), 0x8a9136aa);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, mock_setup, mock_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_mutex_order),
		TEST(test_sleep_in_atomic_context),
		TEST(test_mutex_waits_for_owner),
		TEST(test_panic_is_caught),
		TEST(test_waitq),
		TEST(test_timers),
		TEST(test_allocation_failure),
		TEST(test_dma_needs_maintenance),
		TEST(test_crc32c_vector),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
