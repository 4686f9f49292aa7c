// SPDX-License-Identifier: MIT
// SOURCES: kernel/task.c kernel/lib/rbtree.c tests/mock/machine.c tests/mock/kernel.c tests/mock/slab.c tests/mock/frames.c
// Memory of tasks: who gets a dead task's stack, and when; that the rest of it stays as long as
// somebody names it.
#include "tests/mock/mock.h"

#include "kernel/cgroup.h"
#include "kernel/process.h"
#include "kernel/task_alloc.h"
#include "mm/kmap.h"
#include "tests/mock/objects.h"

static unsigned stacks_out, stacks_made;
static bool no_stack;

virt_addr_t kstack_alloc(void)
{
	if (no_stack)
		return 0;
	stacks_out++;
	return ++stacks_made * 2 * KSTACK_SIZE;
}

void kstack_free(virt_addr_t stack)
{
	assert_true(preemptible());
	assert_true(stack != 0);
	stacks_out--;
}

static struct process process;
static unsigned process_puts;

void process_put(struct process *p)
{
	assert_ptr_equal(p, &process);
	process_puts++;
}

void cred_put(struct cred *c)
{
	(void)c;
}

void process_tree_lock(void) {}
void process_tree_unlock(void) {}

bool process_tree_locked(void)
{
	return true;
}

int process_for_each_locked(int (*fn)(struct process *p, void *arg), void *arg)
{
	(void)fn, (void)arg;
	return 0;
}

void cgroup_task_left_locked(struct process *p)
{
	assert_ptr_equal(p, &process);
}

/* The thread that sweeps, until it goes to sleep. */
static void (*sweep)(void *arg);
static jmp_buf asleep;

struct task *task_create_kernel(const char *name, void (*fn)(void *arg), void *arg, int policy,
				int priority)
{
	(void)arg, (void)policy, (void)priority;
	sweep = fn;
	return mock_task(name);
}

static void sleeps(void)
{
	longjmp(asleep, 1);
}

static void run_sweeper(void)
{
	mock_on_block = sleeps;
	if (setjmp(asleep) == 0)
		sweep(NULL);
	mock_on_block = NULL;
}

/* As the switch away from it. */
static void ends(struct task *t)
{
	preempt_disable();
	task_retire(t);
	preempt_enable();
}

static struct task *born(void)
{
	struct task *t = task_alloc();

	assert_non_null(t);
	assert_true(t->kstack != 0);
	t->process = &process;
	return t;
}

static int setup(void **state)
{
	int err = mock_setup(state);

	stacks_out = process_puts = 0;
	no_stack = false;
	task_init();
	task_start_sweeper();
	return err;
}

/* A zombie is named by the table of tids: its stack goes to the next that is born. */
static void test_zombie(void **state)
{
	struct task *zombie = task_get(born()), *next;
	virt_addr_t stack = zombie->kstack;

	(void)state;
	ends(zombie);
	no_stack = true;
	next = born();
	assert_int_equal(next->kstack, stack);
	assert_int_equal(zombie->kstack, 0);
	assert_ptr_equal(zombie->process, &process);
	assert_int_equal(process_puts, 0);
	assert_null(task_alloc());
	task_put(zombie);
	assert_int_equal(process_puts, 1);
	task_free(next);
	assert_int_equal(process_puts, 2);
	assert_int_equal(stacks_out, 0);
	assert_int_equal(mock_objects_out(), 0);
}

/* Many zombies keep a few stacks together. */
static void test_many_zombies(void **state)
{
	struct task *zombies[50];

	(void)state;
	for (unsigned i = 0; i < 50; i++)
		zombies[i] = task_get(born());
	assert_int_equal(stacks_out, 50);
	for (unsigned i = 0; i < 50; i++)
		ends(zombies[i]);
	run_sweeper();
	assert_true(stacks_out <= 8);
	for (unsigned i = 0; i < 50; i++)
		task_put(zombies[i]);
	while (stacks_out > 0)
		task_free(born());
	assert_int_equal(mock_objects_out(), 0);
}

/* The last reference goes where nothing can be freed: the task lies with the dead, without a
 * stack. */
static void test_late(void **state)
{
	struct task *t = task_get(born());

	(void)state;
	ends(t);
	task_free(born()); /* it had t's stack */
	preempt_disable();
	task_put(t);
	preempt_enable();
	assert_int_equal(process_puts, 1);
	t = born();
	assert_int_equal(process_puts, 2);
	mock_fail_allocation(1);
	ends(t);
	assert_null(task_alloc());
	assert_int_equal(stacks_out, 0);
	mock_fail_allocation(0);
	assert_int_equal(mock_objects_out(), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, mock_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = { TEST(test_zombie), TEST(test_many_zombies),
					    TEST(test_late) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
