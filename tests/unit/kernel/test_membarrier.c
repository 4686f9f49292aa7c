// SPDX-License-Identifier: MIT
// SOURCES: kernel/membarrier.c tests/mock/machine.c tests/mock/kernel.c
/*
 * membarrier(2): which CPUs are interrupted, that the call waits for each of them, and the errors.
 * The other CPUs take their interrupts when the caller spins; what they run is set up by hand.
 */
#include "tests/mock/mock.h"

#include <linux/membarrier.h>
#include <string.h>

#include "kernel/irq.h"
#include "kernel/membarrier.h"
#include "kernel/runq.h"
#include "kernel/syscall.h"
#include "mm/aspace.h"

struct runq runqs[NR_CPUS_MAX];
uint64_t cpus_online;
SYSCALL(membarrier);

static struct aspace mine, theirs;
static struct task tasks[4];
static uint64_t interrupted, pending;
static unsigned spins;

void ipi_send(unsigned cpu, enum ipi ipi)
{
	assert_int_equal(ipi, IPI_BARRIER);
	assert_int_not_equal(cpu, 0);
	interrupted |= 1ull << cpu;
	pending |= 1ull << cpu;
}

/* One CPU after the other gets to its interrupt. */
static void take_interrupt(void)
{
	unsigned cpu;

	spins++;
	if (!pending)
		return;
	cpu = (unsigned)__builtin_ctzll(pending);
	pending &= pending - 1;
	mock_on_cpu(cpu);
	membarrier_interrupt();
	mock_on_cpu(0);
}

static int setup(void **state)
{
	struct aspace *const spaces[] = { &mine, &mine, &theirs, NULL };

	mock_setup(state);
	memset(&mine, 0, sizeof(mine));
	memset(&theirs, 0, sizeof(theirs));
	memset(runqs, 0, sizeof(runqs));
	cpus_online = 15;
	for (int i = 0; i < 4; i++) {
		tasks[i].aspace = spaces[i];
		runqs[i].cpu = i;
		runqs[i].bit = 1ull << i;
		runqs[i].curr = i ? &tasks[i] : current();
	}
	current()->aspace = &mine;
	interrupted = pending = spins = 0;
	mock_on_relax = take_interrupt;
	return 0;
}

static int teardown(void **state)
{
	current()->aspace = NULL;
	mock_on_relax = NULL;
	assert_int_equal(pending, 0); /* the call waited for all of them */
	return mock_teardown(state);
}

static int64_t call(int command, unsigned flags)
{
	const uint64_t args[6] = { (uint64_t)(int64_t)command, flags };

	return sys_membarrier(args);
}

static void private_ones(void **state)
{
	(void)state;
	assert_int_equal(call(MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0), -EPERM);
	assert_int_equal(call(MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE, 0), -EPERM);
	assert_int_equal(call(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0), 0);
	assert_int_equal(call(MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE, 0), -EPERM);
	assert_int_equal(interrupted, 0);
	assert_int_equal(call(MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0), 0);
	assert_int_equal(interrupted, 1 << 1);
	assert_int_equal(call(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE, 0), 0);
	interrupted = 0;
	assert_int_equal(call(MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE, 0), 0);
	assert_int_equal(interrupted, 1 << 1);
}

static void global_ones(void **state)
{
	(void)state;
	assert_int_equal(call(MEMBARRIER_CMD_GLOBAL, 0), 0);
	assert_int_equal(interrupted, 1 << 1 | 1 << 2);
	assert_true(spins >= 2);
	interrupted = 0;
	cpus_online = 3;
	assert_int_equal(call(MEMBARRIER_CMD_GLOBAL_EXPEDITED, 0), 0);
	assert_int_equal(interrupted, 1 << 1);
}

static void nobody_else_runs(void **state)
{
	(void)state;
	cpus_online = 1;
	assert_int_equal(call(MEMBARRIER_CMD_GLOBAL, 0), 0);
	assert_int_equal(interrupted, 0);
	assert_int_equal(spins, 0);
}

static void errors(void **state)
{
	int64_t known = call(MEMBARRIER_CMD_QUERY, 0);

	(void)state;
	assert_int_equal(known, 127);
	assert_int_equal(call(MEMBARRIER_CMD_QUERY, 1), -EINVAL);
	assert_int_equal(call(MEMBARRIER_CMD_GLOBAL, 1), -EINVAL);
	for (int bit = 7; bit < 31; bit++)
		assert_int_equal(call(1 << bit, 0), -EINVAL);
	assert_int_equal(call(3, 0), -EINVAL);
	assert_int_equal(call(-1, 0), -EINVAL);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(private_ones),
		TEST(global_ones),
		TEST(nobody_else_runs),
		TEST(errors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
