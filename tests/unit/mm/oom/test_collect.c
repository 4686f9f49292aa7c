// SPDX-License-Identifier: MIT
// SOURCES: mm/oom/collect.c mm/oom/policy.c mm/oom/linux.c kernel/lib/format.c tests/mock/machine.c tests/mock/kernel.c
// DEFINES: CONFIG_DEBUG=1
// Who dies already goes before all others, but not while somebody lives on the same memory: that
// one would end with it.
#include "kernel/process.h"
#include "mm/aspace.h"
#include "mm/buddy.h"
#include "mm/oom/oom.h"
#include "mm/swap.h"
#include "tests/mock/mock.h"

extern const struct oom_policy oom_policy_linux;

const struct oom_groups *oom_groups;

/* A spawns C on its own memory, and the hog is larger than both. */
enum { A, C, HOG, PROCESSES };

static struct aspace small, large;
static struct process processes[PROCESSES];

void process_tree_lock(void) {}
void process_tree_unlock(void) {}

int process_for_each_locked(int (*fn)(struct process *p, void *arg), void *arg)
{
	for (unsigned i = 0; i < PROCESSES; i++)
		assert_int_equal(fn(&processes[i], arg), 0);
	return 0;
}

struct aspace *process_aspace(struct process *p)
{
	struct aspace *as = p->leader->aspace;

	as->refs++;
	return as;
}

bool process_runs_on(struct process *p, const struct aspace *as)
{
	return p->leader->aspace == as;
}

void aspace_put(struct aspace *as)
{
	as->refs--;
}

void pmap_usage(struct pmap *pm, struct pmap_usage *usage)
{
	*usage = (struct pmap_usage){ .present = pm == &large.pmap ? 100 : 5 };
}

void swap_stats(struct swap_stats *s)
{
	*s = (struct swap_stats){ 0 };
}

uint32_t frames_total(void)
{
	return 1000;
}

static int setup(void **state)
{
	mock_setup(state);
	for (int i = 0; i < PROCESSES; i++) {
		struct process *p = &processes[i];

		*p = (struct process){ .pid = i + 2, .leader = mock_task("p") };
		list_init(&p->threads);
		list_push_back(&p->threads, &p->leader->process_link);
		p->leader->aspace = i == HOG ? &large : &small;
	}
	return 0;
}

static int teardown(void **state)
{
	assert_int_equal(small.refs + large.refs, 0);
	return mock_teardown(state);
}

/* Who goes; `dying` processes are. */
static int chosen(unsigned *dying)
{
	struct oom_candidate table[OOM_CANDIDATES];
	struct oom_left_out left;
	unsigned n = oom_collect(&oom_policy_linux, NULL, table, &left);

	assert_int_equal(n, PROCESSES);
	*dying = 0;
	for (unsigned i = 0; i < n; i++)
		*dying += table[i].dying;
	return table[oom_highest(table, n)].pid;
}

static void test_dying_sharer(void **state)
{
	unsigned dying;

	(void)state;
	assert_int_equal(chosen(&dying), processes[HOG].pid);
	assert_int_equal(dying, 0);
	processes[C].exiting = true;
	assert_int_equal(chosen(&dying), processes[HOG].pid);
	assert_int_equal(dying, 0);
	processes[A].exiting = true;
	assert_int_not_equal(chosen(&dying), processes[HOG].pid);
	assert_int_equal(dying, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_dying_sharer, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
