// SPDX-License-Identifier: MIT
/*
 * Memory of tasks. A task that never ran is made by task_alloc() with one reference, which belongs
 * to the scheduler: when the task it switched away from is TASK_DEAD, sched_finish_switch() hands
 * that on with task_retire(), and the stack goes. The table of tids holds a second one for user
 * tasks until they are reaped; whoever is last frees the task.
 */
#ifndef KERNEL_TASK_ALLOC_H
#define KERNEL_TASK_ALLOC_H

#include "kernel/task.h"

/* A zeroed task with a kernel stack: refs 1, lists and locks initialised, state TASK_RUNNABLE,
 * affinity to every CPU, no tid. NULL: no memory. Task context, may sleep. */
struct task *task_alloc(void) MUST_CHECK;
/* Frees a task that was never started: the stack too. Task context. */
void task_free(struct task *t);
/* t, which has run, is off its stack for good: leaves that, and the caller's reference, to the next
 * task_alloc() or to the thread that sweeps up. Any context. */
void task_retire(struct task *t);
/* task_get and task_put are in kernel/task.h; task_put may be called with preemption off and
 * interrupts off: the last one then retires the task. */

/* Sets up the cache of tasks. Once, after slab_init(), before the first task_alloc(). */
void task_init(void);

#endif
