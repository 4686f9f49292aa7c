// SPDX-License-Identifier: MIT
// Tests of what is set up once and for good: each runs in a process of its own.
#ifndef TESTS_MOCK_ALONE_H
#define TESTS_MOCK_ALONE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/* How many of the n tests failed, crashes included: main()'s status. */
static inline int run_each_alone(const struct CMUnitTest *tests, unsigned n)
{
	int failed = 0;

	for (unsigned i = 0; i < n; i++) {
		int status;
		pid_t pid = fork();

		if (pid == 0)
			_exit(_cmocka_run_group_tests(tests[i].name, &tests[i], 1, NULL, NULL) !=
			      0);
		failed += pid < 0 || waitpid(pid, &status, 0) != pid || status != 0;
	}
	return failed;
}

#endif
