// SPDX-License-Identifier: MIT
// SOURCES: kernel/sys_prctl.c tests/mock/machine.c tests/mock/kernel.c
/*
 * prctl(2): what is kept and told again, what stands next to what in PR_SET_MM, names of areas,
 * what needs a right, and that options which are not there say so. Options about capabilities are
 * passed on.
 */
#include "tests/mock/mock.h"

#include <linux/prctl.h>
#include <string.h>

#include "kernel/cred.h"
#include "kernel/errno.h"
#include "kernel/process.h"
#include "kernel/syscall.h"
#include "mm/aspace.h"
#include "tests/unit/kernel/user_fake.h"

SYSCALL(prctl);

#define PASSED_ON (-1234)
#define ADDRESS   0x10000000ull

static struct process process;
static struct aspace space;
static struct area area;
static bool capable;
static char named[100];

bool current_capable(unsigned cap)
{
	assert_int_equal(cap, CAP_SYS_RESOURCE);
	return capable;
}

int64_t caps_prctl(const uint64_t *args)
{
	(void)args;
	return PASSED_ON;
}

void process_tree_lock(void) {}
void process_tree_unlock(void) {}

struct area *area_find(struct aspace *as, virt_addr_t va)
{
	assert_ptr_equal(as, &space);
	return va < area.end ? &area : NULL;
}

int aspace_set_name(struct aspace *as, virt_addr_t addr, uint64_t length, const char *name)
{
	assert_ptr_equal(as, &space);
	assert_int_equal(addr, ADDRESS);
	assert_int_equal(length, PAGE_SIZE);
	strcpy(named, name ? name : "(none)");
	return 0;
}

static int setup(void **state)
{
	mock_setup(state);
	memset(&process, 0, sizeof(process));
	memset(&space, 0, sizeof(space));
	memset(named, 0, sizeof(named));
	mutex_init(&space.mutex);
	spin_init(&process.lock);
	space.limit.data = UINT64_MAX;
	space.code_end = space.data_end = space.brk = space.arg_end = space.env_end = ADDRESS;
	area = (struct area){ .start = ADDRESS, .end = ADDRESS + PAGE_SIZE };
	current()->process = &process;
	current()->aspace = &space;
	capable = true;
	return 0;
}

static int teardown(void **state)
{
	current()->process = NULL;
	current()->aspace = NULL;
	return mock_teardown(state);
}

static int64_t call(uint64_t option, uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
	const uint64_t args[6] = { option, a, b, c, d };

	return sys_prctl(args);
}

#define PR1(option, a) call(option, a, 0, 0, 0)

static void kept(void **state)
{
	(void)state;
	assert_int_equal(PR1(PR_GET_TIMERSLACK, 0), 50000);
	assert_int_equal(PR1(PR_SET_TIMERSLACK, 7), 0);
	assert_int_equal(PR1(PR_GET_TIMERSLACK, 0), 7);
	current()->timer_slack_default = 9;
	assert_int_equal(PR1(PR_SET_TIMERSLACK, 0), 0);
	assert_int_equal(PR1(PR_GET_TIMERSLACK, 0), 9);
	assert_int_equal(PR1(PR_GET_DUMPABLE, 0), 1);
	assert_int_equal(PR1(PR_SET_DUMPABLE, 0), 0);
	assert_int_equal(PR1(PR_GET_DUMPABLE, 0), 0);
	assert_int_equal(PR1(PR_SET_DUMPABLE, 2), -EINVAL);
	assert_int_equal(PR1(PR_SET_THP_DISABLE, 1), 0);
	assert_int_equal(space.marks, SPACE_NO_HUGE | SPACE_NO_DUMP);
	assert_int_equal(PR1(PR_SET_DUMPABLE, 1), 0);
	assert_int_equal(space.marks, SPACE_NO_HUGE);
	assert_int_equal(PR1(PR_SET_NO_NEW_PRIVS, 1), 0);
	assert_int_equal(PR1(PR_SET_NO_NEW_PRIVS, 0), -EINVAL);
	assert_int_equal(PR1(PR_GET_NO_NEW_PRIVS, 0), 1);
	assert_int_equal(PR1(PR_SET_TAGGED_ADDR_CTRL, 3), -EINVAL);
	assert_int_equal(PR1(PR_SET_TAGGED_ADDR_CTRL, 1), 0);
	assert_true(current()->tagged_addresses);
	assert_int_equal(PR1(PR_MCE_KILL_GET, 0), PR_MCE_KILL_DEFAULT);
	assert_int_equal(call(PR_MCE_KILL, PR_MCE_KILL_SET, PR_MCE_KILL_EARLY, 0, 0), 0);
	assert_int_equal(PR1(PR_MCE_KILL_GET, 0), PR_MCE_KILL_EARLY);
	assert_int_equal(PR1(PR_MCE_KILL, PR_MCE_KILL_CLEAR), 0);
	assert_int_equal(PR1(PR_MCE_KILL_GET, 0), PR_MCE_KILL_DEFAULT);
}

static void names(void **state)
{
	char text[] = "seventeen letters!", back[16];

	(void)state;
	assert_int_equal(PR1(PR_SET_NAME, (uintptr_t)text), 0);
	assert_int_equal(PR1(PR_GET_NAME, (uintptr_t)back), 0);
	assert_string_equal(back, "seventeen lette");
	assert_int_equal(PR1(PR_SET_NAME, 0), -EFAULT);
	assert_int_equal(call(PR_SET_VMA, 0, ADDRESS, PAGE_SIZE, (uintptr_t) "some (name)"), 0);
	assert_string_equal(named, "some (name)");
	assert_int_equal(call(PR_SET_VMA, 0, ADDRESS, PAGE_SIZE, 0), 0);
	assert_string_equal(named, "(none)");
	assert_int_equal(call(PR_SET_VMA, 0, ADDRESS, PAGE_SIZE, (uintptr_t) "[x]"), -EINVAL);
	assert_int_equal(call(PR_SET_VMA, 0, ADDRESS, PAGE_SIZE, (uintptr_t) "a\nb"), -EINVAL);
	assert_int_equal(call(PR_SET_VMA, 1, ADDRESS, PAGE_SIZE, (uintptr_t) "x"), -EINVAL);
	assert_string_equal(named, "(none)");
}

static int64_t set_mm(uint64_t option, uint64_t value)
{
	return call(PR_SET_MM, option, value, 0, 0);
}

static void fields_of_memory(void **state)
{
	(void)state;
	assert_int_equal(set_mm(PR_SET_MM_START_CODE, ADDRESS - 1), 0);
	assert_int_equal(space.code_start, ADDRESS - 1);
	assert_int_equal(set_mm(PR_SET_MM_START_CODE, ADDRESS), -EINVAL);
	assert_int_equal(set_mm(PR_SET_MM_END_DATA, ADDRESS + 1), 0);
	assert_int_equal(set_mm(PR_SET_MM_START_DATA, ADDRESS + 2), -EINVAL);
	assert_int_equal(set_mm(PR_SET_MM_ARG_START, ADDRESS), 0);
	assert_int_equal(set_mm(PR_SET_MM_ARG_END, ADDRESS + PAGE_SIZE), -EFAULT);
	assert_int_equal(space.arg_end, ADDRESS);
	assert_int_equal(set_mm(PR_SET_MM_BRK, 0), -EINVAL);
	assert_int_equal(set_mm(PR_SET_MM_BRK, UINT64_MAX), -EINVAL);
	space.limit.data = ADDRESS + ADDRESS + 1;
	assert_int_equal(set_mm(PR_SET_MM_BRK, ADDRESS + 1), -EINVAL);
	assert_int_equal(set_mm(77, ADDRESS), -EINVAL);
	assert_int_equal(call(PR_SET_MM, PR_SET_MM_BRK, ADDRESS, 1, 0), -EINVAL);
	capable = false;
	assert_int_equal(set_mm(PR_SET_MM_BRK, ADDRESS), -EPERM);
	assert_int_equal(PR1(PR_SET_IO_FLUSHER, 1), -EPERM);
}

static void auxiliary_vector(void **state)
{
	uint64_t v[80] = { 6, 4096, 3, 5 };

	(void)state;
	assert_int_equal(call(PR_SET_MM, PR_SET_MM_AUXV, (uintptr_t)v, sizeof(v), 0), -EINVAL);
	for (int i = 0; i < 64; i++)
		v[i] = (uint64_t)i + 1;
	assert_int_equal(call(PR_SET_MM, PR_SET_MM_AUXV, (uintptr_t)v, 512, 0), 0);
	assert_memory_equal(space.auxv, v, 496);
	v[62] = v[63] = 0;
	assert_memory_equal(space.auxv + 496, &v[62], 16);
	assert_int_equal(call(PR_SET_MM, PR_SET_MM_AUXV, 0, 8, 0), -EFAULT);
}

static void not_there(void **state)
{
	static const int others[] = { PR_GET_FPEMU, PR_GET_TSC, PR_SVE_GET_VL, PR_GET_SECCOMP, 0,
				      -1,           66 };

	(void)state;
	for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++)
		assert_int_equal(PR1((uint64_t)(int64_t)others[i], 0), PASSED_ON);
	assert_int_equal(PR1(PR_GET_SPECULATION_CTRL, 0), PR_SPEC_ENABLE);
	assert_int_equal(call(PR_SET_SPECULATION_CTRL, 0, 4, 0, 0), -ENXIO);
	assert_int_equal(PR1(PR_GET_SPECULATION_CTRL, 9), -ENODEV);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(kept),      TEST(names), TEST(fields_of_memory), TEST(auxiliary_vector),
		TEST(not_there),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
