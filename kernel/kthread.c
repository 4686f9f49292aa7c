// SPDX-License-Identifier: MIT
// Kernel threads: tasks without an address space that run one function and end with it.
#include "arch/thread.h"
#include "kernel/errno.h"
#include "kernel/lib/string.h"
#include "kernel/sched.h"
#include "kernel/task_alloc.h"
#include "mm/slab.h"

/* What a new thread runs, handed over in memory that it frees itself. */
struct start {
	void (*fn)(void *arg);
	void *arg;
};

static void thread_main(void *arg)
{
	struct start s = *(struct start *)arg;

	kfree(arg);
	s.fn(s.arg);
	sched_exit();
}

struct task *task_create_kernel(const char *name, void (*fn)(void *arg), void *arg, int policy,
				int priority)
{
	struct start *s = kmalloc(sizeof(*s), 0);
	struct task *t;
	int err = -ENOMEM;

	if (!s)
		return ERR_PTR(-ENOMEM);
	*s = (struct start){ .fn = fn, .arg = arg };
	t = task_alloc();
	if (!t)
		goto no_task;
	string_copy(t->name, name, sizeof(t->name));
	arch_task_init_kernel(t, thread_main, s);
	err = sched_set(t, policy, priority, 0);
	if (err)
		goto bad_policy;
	sched_start(t);
	return t;

bad_policy:
	task_free(t);
no_task:
	kfree(s);
	return ERR_PTR(err);
}
