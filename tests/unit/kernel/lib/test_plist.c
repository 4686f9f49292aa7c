// SPDX-License-Identifier: MIT
// Random insertions and removals against an array in order; what the nodes know of their ends is
// checked after every step.
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kernel/lib/plist.h"

#define NODES 200
#define MOST  100 /* the highest priority */
#define STEPS 20000

static struct plist_node nodes[NODES];
static struct plist_node *model[NODES];
static unsigned count;
static struct list head;

static int setup(void **state)
{
	(void)state;
	srand(7);
	memset(nodes, 0xa5, sizeof(nodes)); /* as a stack has it */
	count = 0;
	list_init(&head);
	return 0;
}

static void insert(struct plist_node *n, unsigned prio)
{
	unsigned at = 0;

	plist_insert(&head, n, (int)prio);
	while (at < count && model[at]->prio >= prio)
		at++;
	memmove(&model[at + 1], &model[at], (count - at) * sizeof(*model));
	model[at] = n;
	count++;
}

static void take_out(unsigned at)
{
	plist_remove(model[at]);
	count--;
	memmove(&model[at], &model[at + 1], (count - at) * sizeof(*model));
}

/* The nodes from `at` on that share a priority. */
static unsigned run_length(unsigned at)
{
	unsigned n = 1;

	while (at + n < count && model[at + n]->prio == model[at]->prio)
		n++;
	return n;
}

static void check_ends(unsigned at, unsigned n)
{
	struct plist_node *first = model[at], *last = model[at + n - 1];

	assert_ptr_equal(first->end, last);
	assert_ptr_equal(last->end, first);
	for (unsigned i = 1; i + 1 < n; i++)
		assert_null(model[at + i]->end);
	if (n > 1) {
		assert_false(first->is_last);
		assert_true(last->is_last);
	}
}

static void check(const struct list *list)
{
	const struct list *link = list;

	for (unsigned i = 0; i < count; i++) {
		assert_ptr_equal(link->next, &model[i]->link);
		assert_ptr_equal(link->next->prev, link);
		link = link->next;
	}
	assert_ptr_equal(link->next, list);
	assert_ptr_equal(list->prev, link);
	for (unsigned at = 0, n; at < count && model[at]->prio > 0; at += n) {
		n = run_length(at);
		check_ends(at, n);
	}
}

static struct plist_node *absent(void)
{
	for (;;) {
		struct plist_node *n = &nodes[(unsigned)rand() % NODES];
		unsigned i = 0;

		while (i < count && model[i] != n)
			i++;
		if (i == count)
			return n;
	}
}

/* Priorities 0 to most; about `target` nodes at a time. */
static void churn(unsigned most, unsigned target)
{
	for (int step = 0; step < STEPS; step++) {
		if (count == 0 || (count < NODES && (unsigned)rand() % (2 * target) >= count))
			insert(absent(), (unsigned)rand() % (most + 1));
		else
			take_out((unsigned)rand() % count);
		check(&head);
	}
}

static void test_few_priorities(void **state)
{
	(void)state;
	churn(2, 12);
}

static void test_many_priorities(void **state)
{
	(void)state;
	churn(MOST, NODES / 2);
}

static void test_two_at_most(void **state)
{
	(void)state;
	churn(1, 2);
}

/* What was moved to another head leaves in any order, while the first one gets new ones. */
static void test_moves_whole(void **state)
{
	struct list other = LIST_INIT(other);

	(void)state;
	for (unsigned i = 0; i < NODES / 2; i++)
		insert(&nodes[i], i % 7);
	list_splice_back(&other, &head);
	check(&other);
	for (unsigned i = NODES / 2; i < NODES; i++)
		plist_insert(&head, &nodes[i], (int)(i % 5));
	while (count > 0) {
		take_out((unsigned)rand() % count);
		check(&other);
	}
	for (unsigned prio = 5; prio-- > 0;)
		for (unsigned i = NODES / 2; i < NODES; i++)
			if (i % 5 == prio)
				model[count++] = &nodes[i];
	check(&head);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_few_priorities, setup),
		cmocka_unit_test_setup(test_many_priorities, setup),
		cmocka_unit_test_setup(test_two_at_most, setup),
		cmocka_unit_test_setup(test_moves_whole, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
