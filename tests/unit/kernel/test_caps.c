// SPDX-License-Identifier: MIT
// SOURCES: kernel/caps.c kernel/cred.c tests/mock/machine.c tests/mock/kernel.c tests/mock/slab.c tests/mock/frames.c
/*
 * Credentials and capabilities without a machine: what setuid and its relations, capset, prctl's
 * options and execve make of the sets, who may look into whom, and that nothing changes when memory
 * runs out.
 */
#include "tests/mock/mock.h"

#include <linux/prctl.h>
#include <linux/securebits.h>
#include <string.h>

#include <linux/resource.h>

#include "kernel/cred.h"
#include "kernel/errno.h"
#include "kernel/process.h"
#include "kernel/syscall.h"
#include "mm/aspace.h"
#include "tests/mock/objects.h"
#include "tests/unit/kernel/user_fake.h"

SYSCALL(setuid);
SYSCALL(setresuid);
SYSCALL(setfsuid);
SYSCALL(capget);
SYSCALL(capset);

#define BIT(n)      (1ull << (n))
#define ARGS(...)   ((const uint64_t[6]){ __VA_ARGS__ })
#define NOT_CHANGED UINT32_MAX

static struct process mine, theirs;
static struct aspace my_space, their_space;
static struct task *other;

/* ---- What the files ask of others ---- */

static uint64_t nproc = 100;

uint64_t process_limit(unsigned resource)
{
	assert_int_equal(resource, RLIMIT_NPROC);
	return nproc;
}

struct task *task_find(int tid)
{
	return other && tid == other->tid ? task_get(other) : NULL;
}

struct task *process_leader(struct process *p)
{
	return p->leader ? task_get(p->leader) : NULL;
}

struct aspace *process_aspace(struct process *p)
{
	return p == &theirs ? &their_space : &my_space;
}

void aspace_put(struct aspace *as)
{
	(void)as;
}

/* ---- Fixture ---- */

static struct caps *caps(void)
{
	return &current()->cred->caps;
}

static void become(struct task *t, struct process *p, struct aspace *as)
{
	memset(p, 0, sizeof(*p));
	memset(as, 0, sizeof(*as));
	spin_init(&p->lock);
	p->leader = t;
	t->process = p;
	t->aspace = as;
	t->cred = cred_init();
	assert_non_null(t->cred);
}

static int setup(void **state)
{
	mock_setup(state);
	become(current(), &mine, &my_space);
	other = mock_task("other");
	other->tid = 77;
	become(other, &theirs, &their_space);
	return 0;
}

static int teardown(void **state)
{
	mock_fail_allocation(0);
	cred_put(current()->cred);
	cred_put(other->cred);
	current()->cred = NULL;
	current()->process = NULL;
	current()->aspace = NULL;
	other->cred = NULL;
	assert_int_equal(mock_objects_out(), 0);
	return mock_teardown(state);
}

static int64_t set_ids(uint32_t r, uint32_t e, uint32_t s)
{
	return sys_setresuid(ARGS(r, e, s));
}

static int64_t set_sets(uint64_t effective, uint64_t permitted, uint64_t inheritable)
{
	struct __user_cap_header_struct h = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct d[2] = {
		{ (uint32_t)effective, (uint32_t)permitted, (uint32_t)inheritable },
		{ (uint32_t)(effective >> 32), (uint32_t)(permitted >> 32),
		  (uint32_t)(inheritable >> 32) },
	};

	return sys_capset(ARGS((uint64_t)&h, (uint64_t)d));
}

static int64_t prctl(int option, uint64_t a, uint64_t b)
{
	return caps_prctl(ARGS((uint64_t)option, a, b));
}

/* ---- Tests ---- */

static void ids_take_them_along(void **state)
{
	(void)state;
	assert_int_equal(set_ids(NOT_CHANGED, 1000, NOT_CHANGED), 0);
	assert_int_equal(caps()->effective, 0);
	assert_int_equal(caps()->permitted, CAPS_ALL);
	assert_int_equal(set_ids(NOT_CHANGED, 0, NOT_CHANGED), 0);
	assert_int_equal(caps()->effective, CAPS_ALL);
	assert_int_equal(sys_setfsuid(ARGS(1000)), 0);
	assert_false(current_capable(CAP_DAC_OVERRIDE));
	assert_true(current_capable(CAP_KILL));
	assert_int_equal(sys_setfsuid(ARGS(0)), 1000);
	assert_true(current_capable(CAP_DAC_OVERRIDE));
	my_space.marks = 0;
	current()->death_signal = 9;
	assert_int_equal(set_ids(1000, 1000, 1000), 0);
	assert_int_equal(caps()->permitted | caps()->effective, 0);
	assert_int_equal(my_space.marks, SPACE_NO_DUMP);
	assert_int_equal(current()->death_signal, 0);
	assert_int_equal(sys_setuid(ARGS(0)), -EPERM);
}

static void kept_on_demand(void **state)
{
	(void)state;
	assert_int_equal(prctl(PR_SET_KEEPCAPS, 1, 0), 0);
	assert_int_equal(set_ids(1000, 1000, 1000), 0);
	assert_int_equal(caps()->permitted, CAPS_ALL);
	assert_int_equal(caps()->effective, 0);
	assert_int_equal(set_sets(BIT(CAP_SETUID), CAPS_ALL, 0), 0);
	assert_int_equal(sys_setuid(ARGS(0)), 0);
	assert_int_equal(cred_exec(), 0);
	assert_int_equal(prctl(PR_GET_KEEPCAPS, 0, 0), 0);
}

static void only_fewer(void **state)
{
	(void)state;
	assert_int_equal(set_sets(1, 3, 0), 0);
	assert_int_equal(set_sets(2, 3, 0), 0);
	assert_int_equal(set_sets(4, 3, 0), -EPERM);
	assert_int_equal(set_sets(4, 4, 0), -EPERM);
	assert_int_equal(set_sets(2, 3, 4), -EPERM);
	assert_int_equal(set_sets(2, 3, 1), 0);
	assert_int_equal(set_sets(2, 2 | BIT(50), 1), 0); /* means nothing */
	assert_int_equal(caps()->permitted, 2);
}

static void what_a_program_gets(void **state)
{
	(void)state;
	assert_int_equal(set_sets(0, 0, BIT(CAP_KILL)), 0);
	assert_int_equal(cred_exec(), 0);
	assert_int_equal(caps()->effective, CAPS_ALL); /* root */
	assert_int_equal(my_space.marks, SPACE_NO_DUMP);
	assert_int_equal(prctl(PR_CAPBSET_DROP, CAP_CHOWN, 0), 0);
	assert_int_equal(prctl(PR_CAPBSET_DROP, CAP_KILL, 0), 0);
	assert_int_equal(prctl(PR_CAPBSET_DROP, CAP_LAST_CAP + 1, 0), -EINVAL);
	assert_int_equal(cred_exec(), 0);
	assert_int_equal(caps()->effective, CAPS_ALL & ~BIT(CAP_CHOWN)); /* KILL is inheritable */
	current()->no_new_privs = true;
	assert_int_equal(set_sets(1 << 2, 1 << 2, 0), 0);
	assert_int_equal(cred_exec(), 0);
	assert_int_equal(caps()->permitted, 1 << 2);
	current()->no_new_privs = false;
}

static void ambient_ones(void **state)
{
	(void)state;
	assert_int_equal(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_KILL), -EPERM);
	assert_int_equal(set_sets(CAPS_ALL, CAPS_ALL, BIT(CAP_KILL) | BIT(CAP_CHOWN)), 0);
	assert_int_equal(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_KILL), 0);
	assert_int_equal(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, CAP_KILL), 1);
	assert_int_equal(prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP, 0), 0);
	assert_int_equal(set_ids(1000, 1000, 1000), 0);
	assert_int_equal(caps()->effective, CAPS_ALL);
	assert_int_equal(cred_exec(), 0);
	assert_int_equal(caps()->effective, BIT(CAP_KILL));
	assert_int_equal(caps()->permitted, BIT(CAP_KILL));
	assert_int_equal(set_sets(0, BIT(CAP_KILL), 0), 0); /* inheritable no more */
	assert_int_equal(caps()->ambient, 0);
}

static void locked_bits(void **state)
{
	(void)state;
	assert_int_equal(prctl(PR_SET_SECUREBITS, SECBIT_NOROOT_LOCKED, 0), 0);
	assert_int_equal(prctl(PR_SET_SECUREBITS, 0, 0), -EPERM);
	assert_int_equal(prctl(PR_SET_SECUREBITS, SECBIT_NOROOT_LOCKED | SECBIT_NOROOT, 0), -EPERM);
	assert_int_equal(prctl(PR_SET_SECUREBITS, 1 << 8 | SECBIT_NOROOT_LOCKED, 0), -EPERM);
	assert_int_equal(set_sets(CAPS_ALL & ~BIT(CAP_SETPCAP), CAPS_ALL, 0), 0);
	assert_int_equal(prctl(PR_SET_SECUREBITS, SECBIT_NOROOT_LOCKED, 0), -EPERM);
}

/* Who becomes a user of more tasks than he may have is told when he runs a program, and only if it
 * is still so. */
static void too_many_tasks(void **state)
{
	struct user *user;

	(void)state;
	nproc = 2;
	assert_int_equal(set_ids(1000, NOT_CHANGED, NOT_CHANGED), 0);
	user = user_hold(current()->cred->user);
	assert_int_equal(user->tasks, 1);
	user->tasks += 2;
	assert_true(user_above_nproc(user));
	assert_false(current()->above_nproc); /* that came later */
	assert_int_equal(set_ids(0, NOT_CHANGED, NOT_CHANGED), 0);
	assert_int_equal(user->tasks, 2);
	assert_int_equal(set_ids(1000, NOT_CHANGED, NOT_CHANGED), 0);
	assert_false(current()->above_nproc); /* as many as there may be, it comes on top */
	assert_int_equal(set_ids(0, NOT_CHANGED, NOT_CHANGED), 0);
	user->tasks++;
	assert_int_equal(set_ids(1000, NOT_CHANGED, NOT_CHANGED), 0);
	assert_true(current()->above_nproc);
	assert_int_equal(set_ids(NOT_CHANGED, 1000, NOT_CHANGED), 0);
	assert_true(current()->above_nproc); /* it is the same user's still */
	assert_int_equal(set_ids(NOT_CHANGED, NOT_CHANGED, 0), 0);
	assert_int_equal(set_ids(0, 0, 0), 0);
	assert_false(current()->above_nproc);
	user->tasks -= 3;
	user_put(user);
	nproc = 100;
}

static void who_may_look(void **state)
{
	(void)state;
	assert_int_equal(process_may_inspect(&theirs, false), 0);
	assert_int_equal(set_sets(0, 0, 0), 0);
	assert_int_equal(process_may_inspect(&mine, false), 0);
	assert_int_equal(process_may_inspect(&theirs, false), -EPERM); /* it can do more */
	memset(&other->cred->caps, 0, sizeof(other->cred->caps));
	assert_int_equal(process_may_inspect(&theirs, false), 0);
	their_space.marks = SPACE_NO_DUMP;
	assert_int_equal(process_may_inspect(&theirs, false), -EPERM);
	their_space.marks = 0;
	other->cred->suid = 5;
	assert_int_equal(process_may_inspect(&theirs, false), -EPERM);
	theirs.leader = NULL;
	assert_int_equal(process_may_inspect(&theirs, false), -ESRCH);
}

static void without_memory(void **state)
{
	struct cred *before = current()->cred;

	(void)state;
	mock_fail_allocation(1);
	assert_int_equal(set_sets(0, 0, 0), -ENOMEM);
	mock_fail_allocation(1);
	assert_int_equal(set_ids(1000, 1000, 1000), -ENOMEM);
	mock_fail_allocation(2); /* the user's */
	assert_int_equal(set_ids(1000, 1000, 1000), -ENOMEM);
	before->caps.permitted = 0;
	mock_fail_allocation(1);
	assert_int_equal(cred_exec(), -ENOMEM);
	mock_fail_allocation(0);
	assert_ptr_equal(current()->cred, before);
	assert_int_equal(before->refs, 1);
	before->caps.permitted = CAPS_ALL;
	assert_int_equal(cred_exec(), 0);
	assert_ptr_equal(current()->cred, before); /* nothing to change, nothing made */
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(ids_take_them_along), TEST(kept_on_demand), TEST(only_fewer),
		TEST(what_a_program_gets), TEST(ambient_ones),   TEST(locked_bits),
		TEST(who_may_look),        TEST(without_memory), TEST(too_many_tasks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
