// SPDX-License-Identifier: MIT
// SOURCES: kernel/lib/rbtree.c
// Random insertions and removals against a bit map, the three invariants checked after every step.
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kernel/lib/rbtree.h"

#define KEYS 300

struct element {
	struct rb_node node;
	int key;
};

static struct element elements[KEYS];
static bool present[KEYS];
static struct rb_root root;

static int key_of(const struct rb_node *n)
{
	return rb_entry(n, struct element, node)->key;
}

/* Black height below n; asserts order, parents and the colour rules. */
static int check_below(const struct rb_node *n, const struct rb_node *parent, int low, int high)
{
	bool red;
	int left, right;

	if (n == NULL)
		return 1;
	red = (n->parent_color & 1) == 0;
	assert_ptr_equal((void *)(n->parent_color & ~(uintptr_t)1), parent);
	assert_true(key_of(n) > low && key_of(n) < high);
	if (red)
		assert_true(parent != NULL && (parent->parent_color & 1) == 1);
	left = check_below(n->left, n, low, key_of(n));
	right = check_below(n->right, n, key_of(n), high);
	assert_int_equal(left, right);
	return left + (red ? 0 : 1);
}

static void check_order(void)
{
	struct rb_node *n = rb_first(&root), *back = rb_last(&root);

	for (int i = 0; i < KEYS; i++) {
		if (!present[i])
			continue;
		assert_non_null(n);
		assert_int_equal(key_of(n), i);
		n = rb_next(n);
	}
	assert_null(n);
	for (int i = KEYS - 1; i >= 0; i--) {
		if (!present[i])
			continue;
		assert_int_equal(key_of(back), i);
		back = rb_prev(back);
	}
	assert_null(back);
}

static void insert(int key)
{
	struct rb_node **link = &root.node, *parent = NULL;

	while (*link != NULL) {
		parent = *link;
		link = key < key_of(parent) ? &parent->left : &parent->right;
	}
	elements[key].key = key;
	rb_insert(&root, &elements[key].node, parent, link);
	present[key] = true;
}

static void toggle(int key)
{
	if (present[key]) {
		rb_remove(&root, &elements[key].node);
		present[key] = false;
	} else {
		insert(key);
	}
	check_below(root.node, NULL, -1, KEYS);
}

static void test_random(void **state)
{
	(void)state;
	srand(1);
	for (int step = 0; step < 20000; step++) {
		toggle(rand() % KEYS);
		if (step % 50 == 0)
			check_order();
	}
	for (int i = 0; i < KEYS; i++)
		if (present[i])
			toggle(i);
	assert_null(root.node);
	assert_null(rb_first(&root));
	assert_null(rb_last(&root));
}

static void test_the_only_one(void **state)
{
	struct rb_node *a = &elements[1].node, *b = &elements[2].node;

	(void)state;
	memset(a, 0xa5, sizeof(*a));
	elements[1].key = 1;
	assert_true(rb_insert_only(&root, a));
	check_below(root.node, NULL, -1, KEYS);
	assert_false(rb_insert_only(&root, b));
	insert(2); /* to the right */
	check_below(root.node, NULL, -1, KEYS);
	assert_false(rb_remove_only(&root, a));
	assert_false(rb_remove_only(&root, b));
	toggle(2);
	insert(0); /* to the left */
	assert_false(rb_remove_only(&root, a));
	toggle(0);
	assert_true(rb_remove_only(&root, a));
	assert_null(root.node);
}

/* Ascending keys are the worst case of a plain tree: the height must stay logarithmic, which the
 * black height shows. */
static void test_ascending(void **state)
{
	(void)state;
	for (int i = 0; i < KEYS; i++)
		toggle(i);
	assert_true(check_below(root.node, NULL, -1, KEYS) <= 9); /* 2^(9-1) - 1 < 300 */
	check_order();
	for (int i = KEYS - 1; i >= 0; i--)
		toggle(i);
	assert_null(root.node);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random),
		cmocka_unit_test(test_the_only_one),
		cmocka_unit_test(test_ascending),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
