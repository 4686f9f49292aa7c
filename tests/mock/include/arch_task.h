// SPDX-License-Identifier: MIT
// The architecture's part of a task on the host: nothing runs on it, so nothing is kept.
#ifndef TESTS_MOCK_ARCH_TASK_H
#define TESTS_MOCK_ARCH_TASK_H

#include "kernel/lib/types.h"

struct arch_task {
	uint64_t sp;
};

#endif
