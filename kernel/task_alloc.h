// SPDX-License-Identifier: MIT
// Where a struct task comes from and goes to: kernel/task.c. Everyone else uses task_get() and task_put().
#ifndef KERNEL_TASK_ALLOC_H
#define KERNEL_TASK_ALLOC_H

#include "kernel/task.h"

/* A zeroed task with its own kernel stack and tid, refs 1 (the scheduler's, which sched_exit() gives back), state TASK_RUNNABLE,
 * policy SCHED_OTHER, every CPU in its affinity, lists and locks initialised; not on any run queue. NULL: no memory or too
 * many tasks. May sleep. */
struct task *task_alloc(void) MUST_CHECK;
/* Frees a task with no references left, its stack and tid: task_put() calls it, and who gives up before sched_start(). Task context;
 * the task is not running. */
void task_free(struct task *t);

#endif
