// SPDX-License-Identifier: MIT
// What tasks leave behind, in order: a letter each.
#ifndef TESTS_MOCK_TRAIL_H
#define TESTS_MOCK_TRAIL_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static char trail[256];
static size_t trail_len;

static inline void trail_begin(void)
{
	trail_len = 0;
	trail[0] = '\0';
}

static inline void mark(char c)
{
	assert_true(trail_len < sizeof(trail) - 1);
	trail[trail_len++] = c;
	trail[trail_len] = '\0';
}

#endif
