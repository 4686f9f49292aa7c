// SPDX-License-Identifier: MIT
// Checks of guest programs: each failure prints where and errno; check_end() prints the sum and
// gives the exit status.
#ifndef TESTS_SYSTEM_GUEST_CHECK_H
#define TESTS_SYSTEM_GUEST_CHECK_H

#include <errno.h>
#include <stdio.h>

static int checks_done, checks_failed;

#define CHECK(cond)                                                                                \
	do {                                                                                       \
		checks_done++;                                                                     \
		if (!(cond)) {                                                                     \
			checks_failed++;                                                           \
			printf("FAIL %s:%d: %s (errno %d)\n", __func__, __LINE__, #cond, errno);   \
		}                                                                                  \
	} while (0)

static inline int check_end(void)
{
	printf("%s\n", checks_failed ? "failed" : "all good");
	return checks_failed != 0;
}

#endif
