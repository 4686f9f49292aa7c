// SPDX-License-Identifier: MIT
// Write budgets as text: what is taken, what is not and changes nothing.
// SOURCES: kernel/swap_budget.c kernel/lib/parse.c kernel/lib/format.c
// SOURCES: tests/mock/machine.c tests/mock/kernel.c tests/mock/frames.c
#include <errno.h>
#include <string.h>

#include "kernel/driver.h"
#include "kernel/swap_budget.h"
#include "mm/reclaim.h"
#include "tests/mock/mock.h"

uint64_t swap_budget, swap_burst;
static struct medium flash = { .name = "swap" };
static const char *line_name, *line_value; /* the command line */

bool cmdline_get(const char *name, char *value, size_t size)
{
	if (line_name == NULL || strcmp(name, line_name) != 0)
		return false;
	assert_true(strlen(line_value) < size);
	strcpy(value, line_value);
	return true;
}

/* mm/swap/areas.c, with one area. */
int swap_area_allow(const char *name, struct swap_allowance budget)
{
	if (strcmp(name, flash.name) != 0)
		return -ENODEV;
	flash.budget = budget;
	return 0;
}

static void boot_with(const char *value)
{
	swap_budget = SWAP_BUDGET_AUTO;
	swap_burst = 0;
	line_name = "swap_budget";
	line_value = value;
	mock_log_clear();
	swap_budget_boot();
}

static void test_taken(void **state)
{
	static const struct {
		const char *text;
		uint64_t day, burst;
	} good[] = { { "1G", 1 << 30, 0 },
		     { "24M,4k", 24 << 20, 4 << 10 },
		     { "0", 0, 0 },
		     { "16T,16T", SWAP_BUDGET_MAX, SWAP_BUDGET_MAX },
		     { "auto", SWAP_BUDGET_AUTO, 0 },
		     { "auto,256M", SWAP_BUDGET_AUTO, 256 << 20 } };

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(good); i++) {
		boot_with(good[i].text);
		assert_true(swap_budget == good[i].day && swap_burst == good[i].burst);
		assert_string_equal(mock_log(), "");
	}
}

/* Auto stays in force, which the log does not call none. */
static void test_wrong(void **state)
{
	static const char *const wrong[] = {
		"",    "x",   "-1",  "1G,", "1G,x", "1G,auto", "auto,",    "autox",
		"aut", "1 G", "1Gx", ",1G", "17T",  "1G,17T",  "1G,1G,1G", "18446744073709551615"
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(wrong); i++) {
		boot_with(wrong[i]);
		assert_true(swap_budget == SWAP_BUDGET_AUTO && swap_burst == 0);
		assert_non_null(strstr(mock_log(), "Auto stays in force"));
	}
}

static bool own_is(bool own, uint64_t day, uint64_t burst)
{
	return flash.budget.own == own && flash.budget.day == day && flash.budget.burst == burst;
}

/* What a medium has for itself on the command line it has whenever it is attached, and nothing else
 * then. */
static void test_attach(void **state)
{
	(void)state;
	boot_with("1G");
	flash.budget.own = true;
	swap_budget_attach(&flash);
	assert_true(own_is(false, 0, 0));
	line_name = "swap_budget:swap";
	line_value = "24M,4M";
	swap_budget_attach(&flash);
	assert_true(own_is(true, 24 << 20, 4 << 20));
	assert_string_equal(mock_log(), "");
	line_value = "lots";
	swap_budget_attach(&flash);
	assert_true(own_is(false, 0, 0));
	assert_non_null(strstr(mock_log(), "swap_budget:swap=lots cannot be read"));
}

static int change(const char *line)
{
	char text[64];

	strcpy(text, line);
	return swap_budget_change(text);
}

static void test_change(void **state)
{
	static const char *const wrong[] = { "",          "swap",          "swap ",     "swap  1G",
					     "swap 1G x", "swap defaults", "swap 1G,x", " 1G" };

	(void)state;
	assert_int_equal(change("swap 1G,256M"), 0);
	assert_true(own_is(true, 1 << 30, 256 << 20));
	for (unsigned i = 0; i < ARRAY_SIZE(wrong); i++)
		assert_true(change(wrong[i]) < 0);
	assert_int_equal(change("nothing 1G"), -ENODEV);
	assert_true(own_is(true, 1 << 30, 256 << 20));
	assert_int_equal(change("swap auto"), 0);
	assert_true(own_is(true, SWAP_BUDGET_AUTO, 0));
	assert_int_equal(change("swap default"), 0);
	assert_true(own_is(false, 0, 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_taken),
		cmocka_unit_test(test_wrong),
		cmocka_unit_test(test_attach),
		cmocka_unit_test(test_change),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
