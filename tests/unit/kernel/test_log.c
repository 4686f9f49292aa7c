// SPDX-License-Identifier: MIT
// SOURCES: tests/mock/sched_sim.c kernel/sched.c kernel/sched_wake.c kernel/sched_rt.c kernel/sched_deadline.c kernel/sched_guard.c kernel/sched_fair.c kernel/sched_policy.c kernel/balance.c
// SOURCES: kernel/idle.c kernel/preempt.c kernel/mutex.c kernel/waitq.c kernel/log.c kernel/lib/rbtree.c kernel/lib/format.c kernel/lib/parse.c
/*
 * The log's ring, its readers, and the console thread on the simulated machine.
 */
#include "tests/mock/sched_sim.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kernel/driver.h"
#include "kernel/errno.h"
#include "kernel/log.h"

#define MS     NSEC_PER_MSEC
#define SECOND NSEC_PER_SEC

static char console[65536];
static size_t console_len;
static uint64_t console_cost; /* ns per byte */
static const char *option_loglevel;

static void console_write(const char *s, size_t n)
{
	assert_true(console_len + n < sizeof(console));
	memcpy(console + console_len, s, n);
	console_len += n;
	console[console_len] = '\0';
	if (console_cost)
		sim_work(n * console_cost);
}

static const struct log_sink sink = { console_write };

bool cmdline_get(const char *name, char *value, size_t size)
{
	if (strcmp(name, "loglevel") != 0 || !option_loglevel)
		return false;
	snprintf(value, size, "%s", option_loglevel);
	return true;
}

struct task *task_create_kernel(const char *name, void (*fn)(void *), void *arg, int policy,
				int priority)
{
	return sim_daemon(name, fn, arg, policy, priority);
}

static int setup(void **state)
{
	(void)state;
	console_len = 0;
	console[0] = '\0';
	console_cost = 0;
	return 0;
}

/* The text behind level and time. */
static const char *text_of(char *line, int n)
{
	char *end = strchr(line, ']');

	assert_non_null(end);
	assert_int_equal(line[n - 1], '\n');
	line[n - 1] = '\0';
	return end + 2;
}

/* ---- the ring: before the thread runs ---- */

static void lines_main(void *arg)
{
	char buf[LOG_LINE_MAX + 1];
	uint64_t seq = log_end();
	int n;

	(void)arg;
	sim_work(1234567 * NSEC_PER_USEC - sim_now());
	log_error("first %d", 1);
	log_info("second %s", "line");
	n = log_read(&seq, buf, sizeof(buf));
	buf[n] = '\0';
	assert_string_equal(buf, "<3>[    1.234567] first 1\n");
	n = log_read(&seq, buf, sizeof(buf));
	buf[n] = '\0';
	assert_string_equal(buf, "<6>[    1.234567] second line\n");
	assert_int_equal(log_read(&seq, buf, sizeof(buf)), 0);
	assert_int_equal(seq, log_end());
	assert_int_equal(log_read(&seq, buf, LOG_LINE_MAX - 1), -EINVAL);
	log_info("of %s", "a\n<0>forged"); /* a program's name */
	n = log_read(&seq, buf, sizeof(buf));
	buf[n] = '\0';
	assert_string_equal(buf, "<6>[    1.234567] of a?<0>forged\n");
}

static void test_lines(void **state)
{
	(void)state;
	sim_run(1, 10 * SECOND, lines_main, NULL);
}

static void long_main(void *arg)
{
	char buf[LOG_LINE_MAX], text[400];
	uint64_t seq = log_end();
	int n;

	(void)arg;
	memset(text, 'x', sizeof(text));
	text[399] = '\0';
	log_info("%s", text);
	log_info("%s", "");
	n = log_read(&seq, buf, sizeof(buf));
	assert_int_equal(strlen(text_of(buf, n)), 240);
	n = log_read(&seq, buf, sizeof(buf));
	assert_string_equal(text_of(buf, n), "");
}

static void test_long_lines_are_cut(void **state)
{
	(void)state;
	sim_run(1, SECOND, long_main, NULL);
}

/* Thousands of lines of all lengths: what a reader gets is whole, in order, and ends with the
 * last. */
static void wrap_main(void *arg)
{
	char buf[LOG_LINE_MAX], expected[300];
	uint64_t from_start = 0, follower = log_end();
	int last = -1, n, i, next = 0;

	(void)arg;
	for (i = 0; i < 5000; i++) {
		log_info(
			"%d %.*s", i, i * 7 % 230,
			"................................................................"
			"................................................................................................"
			"................................................................................................");
		if (i % 16 == 15) { /* one that keeps up loses nothing */
			while ((n = log_read(&follower, buf, sizeof(buf))) > 0)
				assert_int_equal(atoi(text_of(buf, n)), next++);
		}
	}
	assert_int_equal(next, 4992);
	while ((n = log_read(&from_start, buf, sizeof(buf))) > 0) {
		const char *text = text_of(buf, n);
		int value = atoi(text);

		assert_true(last < 0 || value == last + 1);
		last = value;
		snprintf(expected, sizeof(expected), "%d ", value);
		assert_memory_equal(text, expected, strlen(expected));
		assert_int_equal(strlen(text), strlen(expected) + (size_t)(value * 7 % 230));
		next = next == 4992 ? value : next;
	}
	assert_int_equal(last, 4999);
	assert_in_range(5000 - next, LOG_RING_SIZE / 280, LOG_RING_SIZE / 100);
}

static void test_the_ring_wraps(void **state)
{
	(void)state;
	sim_run(1, SECOND, wrap_main, NULL);
}

static void sync_main(void *arg)
{
	(void)arg;
	log_set_sink(&sink); /* what was logged before is written now */
	assert_non_null(strstr(console, "] 4999 ."));
	console_len = 0;
	log_warn("at once");
	assert_non_null(strstr(console, "] at once\n"));
	assert_null(strchr(console, '<'));
	console_len = 0;
	console[0] = '\0';
	log_set_level(5);
	log_info("only in the ring");
	log_warn("on both");
	assert_null(strstr(console, "ring"));
	assert_non_null(strstr(console, "on both"));
	log_set_level(8);
}

static void test_before_the_thread_who_logs_writes(void **state)
{
	(void)state;
	sim_run(1, SECOND, sync_main, NULL);
}

/* ---- the thread; it stays for the rest of the machine, and log_line() remembers it: last test
 * ---- */

static uint64_t reader_woke;

static void reader(void *arg)
{
	(void)arg;
	assert_int_equal(log_wait(log_end()), 0);
	reader_woke = sim_now();
}

static void thread_main(void *arg)
{
	uint64_t before;

	(void)arg;
	option_loglevel = "5";
	log_start();
	sim_sleep(MS);
	log_info("quiet");
	sim_sleep(MS);
	assert_null(strstr(console, "quiet"));
	log_set_level(8);
	sim_task("reader", reader, NULL, SCHED_OTHER, 0, 0);
	sim_sleep(MS);
	assert_int_equal(sched_set(current(), SCHED_FIFO, 10, 0), 0);
	console_cost = 10000;
	before = sim_now();
	for (int i = 0; i < 20; i++)
		log_info("line %d", i);
	assert_int_equal(sim_now(), before); /* no time spent: the thread has the cost */
	assert_null(strstr(console, "line 19"));
	sim_sleep(50 * MS);
	assert_non_null(strstr(console, "line 19"));
	assert_true(reader_woke >= before);
	log_info("flush");
	log_flush();
	assert_non_null(strstr(console, "flush"));
	console_cost = 0;
	log_set_synchronous();
	log_error("last words");
	assert_non_null(strstr(console, "last words"));
}

static void test_the_thread_writes(void **state)
{
	(void)state;
	sim_run(1, SECOND, thread_main, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_lines, setup),
		cmocka_unit_test_setup(test_long_lines_are_cut, setup),
		cmocka_unit_test_setup(test_the_ring_wraps, setup),
		cmocka_unit_test_setup(test_before_the_thread_who_logs_writes, setup),
		cmocka_unit_test_setup(test_the_thread_writes, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
