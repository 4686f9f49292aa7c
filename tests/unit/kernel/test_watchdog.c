// SPDX-License-Identifier: MIT
// SOURCES: kernel/watchdog.c kernel/lib/parse.c kernel/lib/format.c
// The supervisor sets the timer back when it has been on every CPU, and no longer once one keeps it
// or the end was begun; what the command line may say.
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/errno.h"
#include "kernel/log.h"
#include "kernel/sched.h"
#include "kernel/task.h"
#include "kernel/time.h"
#include "kernel/watchdog.h"
#include "tests/mock/alone.h"
#include "tests/mock/mock.h"

#define CPUS 0xdull

_Thread_local unsigned mock_cpu;
struct cpu_local cpu_locals[NR_CPUS_MAX];
char *mock_ram;
struct page *mock_frames;

static const char *option; /* watchdog=; NULL: none */
static char log_text[256];
static void (*thread)(void *arg);
static bool no_memory;
static uint64_t visited, hung; /* CPUs since the last sleep; those that do not let the thread run */
static uint64_t now;
static unsigned rounds, arms, disarms, offs;
static uint32_t armed_ms;
static jmp_buf stuck;

void log_line(enum log_level level, const char *fmt, ...)
{
	va_list ap;

	(void)level;
	va_start(ap, fmt);
	vsnprintf(log_text, sizeof(log_text), fmt, ap);
	va_end(ap);
}

bool cmdline_get(const char *name, char *value, size_t size)
{
	assert_string_equal(name, "watchdog");
	if (option)
		snprintf(value, size, "%s", option);
	return option != NULL;
}

struct task *task_create_kernel(const char *name, void (*fn)(void *arg), void *arg, int policy,
				int priority)
{
	static char task[1];

	(void)name, (void)arg;
	assert_true(policy == SCHED_FIFO && priority == 99);
	assert_true(arms == 1); /* what comes before the thread runs is supervised already */
	if (no_memory)
		return ERR_PTR(-ENOMEM);
	thread = fn;
	return (struct task *)task;
}

uint64_t sched_cpus_online(void)
{
	return CPUS;
}

int sched_set_affinity(struct task *t, uint64_t cpus)
{
	(void)t;
	assert_true(cpus != 0 && (cpus & (cpus - 1)) == 0);
	if (cpus & hung)
		longjmp(stuck, 1);
	visited |= cpus;
	return 0;
}

uint64_t time_now(void)
{
	return now;
}

/* Four rounds in a period, each of them everywhere. */
int time_sleep_until(uint64_t deadline, int mode)
{
	(void)mode;
	assert_int_equal(deadline - now, 2500 * NSEC_PER_MSEC);
	assert_int_equal(visited, CPUS);
	visited = 0;
	now = deadline;
	if (++rounds == 3)
		hung = 8;
	return 0;
}

static void arm(uint32_t ms)
{
	arms++;
	armed_ms = ms;
}

static void disarm(void)
{
	disarms++;
}

static void stay_off(void)
{
	assert_int_equal(armed_ms, 0); /* before the countdown */
	offs++;
}

static const struct watchdog model = { "model", 15999, arm, disarm, stay_off };

static void start(const char *text)
{
	option = text;
	assert_int_equal(watchdog_register(&model), 0);
	assert_int_equal(watchdog_register(&model), -EBUSY);
	watchdog_start();
}

static void test_supervises(void **state)
{
	(void)state;
	start("10");
	assert_true(watchdog_supervises());
	assert_int_equal(armed_ms, 10000);
	if (setjmp(stuck) == 0)
		thread(NULL);
	assert_int_equal(rounds, 3);
	assert_int_equal(arms, 1 + 3); /* not in the round that did not end */
}

static void test_end(void **state)
{
	(void)state;
	start("10");
	assert_true(watchdog_end(false));
	assert_int_equal(armed_ms, 1);
	if (setjmp(stuck) == 0)
		thread(NULL);
	assert_int_equal(arms, 2); /* the countdown goes on */
	assert_int_equal(offs, 0);
}

static void test_off(void **state)
{
	(void)state;
	assert_false(watchdog_end(true));
	start(NULL);
	assert_false(watchdog_supervises());
	assert_int_equal(arms, 0);
	assert_true(watchdog_end(true));
	assert_int_equal(offs, 1);
	assert_int_equal(armed_ms, 1);
}

static void test_no_memory(void **state)
{
	(void)state;
	no_memory = true;
	start("10");
	assert_false(watchdog_supervises());
	assert_int_equal(disarms, 1);
}

static void refused(const char *text)
{
	start(text);
	assert_false(watchdog_supervises());
	assert_int_equal(arms, 0);
	assert_non_null(strstr(log_text, "no such period"));
}

static void test_too_long(void **state)
{
	(void)state;
	refused("16");
}

static void test_nothing(void **state)
{
	(void)state;
	refused("0");
}

static void test_no_number(void **state)
{
	(void)state;
	refused("10s");
}

static void test_none_there(void **state)
{
	(void)state;
	option = "10";
	watchdog_start();
	assert_false(watchdog_supervises());
	assert_non_null(strstr(log_text, "no watchdog"));
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(test_supervises), cmocka_unit_test(test_end),
	cmocka_unit_test(test_off),        cmocka_unit_test(test_no_memory),
	cmocka_unit_test(test_too_long),   cmocka_unit_test(test_nothing),
	cmocka_unit_test(test_no_number),  cmocka_unit_test(test_none_there),
};

/* A watchdog is for good. */
int main(void)
{
	return run_each_alone(tests, ARRAY_SIZE(tests));
}
