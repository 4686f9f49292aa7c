// SPDX-License-Identifier: MIT
// SOURCES: mm/swap/owner.c tests/mock/machine.c tests/mock/kernel.c tests/mock/slab.c
// DEFINES: CONFIG_DEBUG=1
// Who pays for a slot: nothing is kept without groups, every charge is given back once, a group's
// slots go to its heir, memory that is not there.
#include <string.h>

#include "mm/memcg_internal.h"
#include "mm/slab.h"
#include "mm/swap/swap_internal.h"
#include "tests/mock/mock.h"
#include "tests/mock/objects.h"

struct swap_table swap;
struct spinlock memcg_lock;

#define GONE 5u /* a group that pays no more */

static int paid[16];
static struct memcg group = { .id = 7 }, heir = { .id = 3 };

bool memcg_swap_charge(unsigned id)
{
	if (id == GONE)
		return false;
	paid[id]++;
	return true;
}

void memcg_swap_uncharge(unsigned id)
{
	assert_true(paid[id]-- > 0);
}

void memcg_moved_locked(struct memcg *m, struct memcg *to, uint32_t frames, uint32_t slots)
{
	assert_int_equal(frames, 0);
	assert_true(spin_held(&swap.lock) && spin_held(&memcg_lock));
	paid[m->id] -= (int)slots;
	if (to != NULL)
		paid[to->id] += (int)slots;
}

/* In the first chunk, in a later one, in another part. */
static const uint32_t slots[] = { 1, 2, 3 * SLOTS_PER_CHUNK + 5, PART_SLOTS + 9 };

static void set(uint32_t slot, unsigned id)
{
	assert_true(swap_owner_ready(slot, id));
	spin_lock(&swap.lock);
	swap_owner_set_locked(slot, id);
	spin_unlock(&swap.lock);
}

static void clear(uint32_t slot)
{
	spin_lock(&swap.lock);
	swap_owner_clear_locked(slot);
	spin_unlock(&swap.lock);
}

static int setup(void **state)
{
	mock_setup(state);
	memset(&swap, 0, sizeof(swap));
	memset(paid, 0, sizeof(paid));
	swap.limit = 2 * PART_SLOTS - 1;
	return 0;
}

/* The arrays stay as long as the table does: there is nobody else to free them here. */
static int teardown(void **state)
{
	for (unsigned part = 0; part < 2; part++) {
		for (unsigned i = 0;
		     swap.parts[part].owners != NULL && i <= PART_SLOTS / SLOTS_PER_CHUNK; i++)
			kfree(swap.parts[part].owners[i]);
		kfree(swap.parts[part].owners);
	}
	assert_int_equal(mock_objects_out(), 0);
	return mock_teardown(state);
}

static void test_without_groups(void **state)
{
	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(slots); i++) {
		set(slots[i], 0);
		clear(slots[i]);
	}
	assert_int_equal(mock_objects_out(), 0);
	swap_owner_hand_over(&group, &heir);
}

static void test_pays_once(void **state)
{
	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(slots); i++)
		set(slots[i], group.id);
	assert_int_equal(paid[group.id], ARRAY_SIZE(slots));
	clear(3); /* a neighbour that nobody pays for */
	for (unsigned i = 0; i < ARRAY_SIZE(slots); i++) {
		clear(slots[i]);
		clear(slots[i]);
	}
	assert_int_equal(paid[group.id], 0);
	set(slots[0], GONE);
	clear(slots[0]);
	assert_int_equal(paid[GONE], 0);
}

static void test_hand_over(void **state)
{
	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(slots); i++)
		set(slots[i], i == 1 ? 9 : group.id);
	swap_owner_hand_over(&group, &heir);
	assert_int_equal(paid[group.id], 0);
	assert_int_equal(paid[heir.id], ARRAY_SIZE(slots) - 1);
	assert_int_equal(paid[9], 1);
	clear(slots[3]);
	assert_int_equal(paid[heir.id], ARRAY_SIZE(slots) - 2);
	/* The topmost group leaves them to nobody. */
	swap_owner_hand_over(&heir, NULL);
	assert_int_equal(paid[heir.id], 0);
	for (unsigned i = 0; i < ARRAY_SIZE(slots); i++)
		clear(slots[i]);
	assert_int_equal(paid[9], 0);
}

static void test_no_memory(void **state)
{
	(void)state;
	for (unsigned n = 1; n <= 2; n++) {
		mock_fail_allocation(n);
		assert_false(swap_owner_ready(slots[3], group.id));
		mock_fail_allocation(0);
	}
	set(slots[3], group.id);
	assert_int_equal(paid[group.id], 1);
	clear(slots[3]);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = { TEST(test_without_groups), TEST(test_pays_once),
					    TEST(test_hand_over), TEST(test_no_memory) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
