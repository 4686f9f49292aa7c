// SPDX-License-Identifier: MIT
// All of RAM but its first frame for the real allocator and slabs: at a test's end every frame is
// back that no cache of the allocator's own holds.
#ifndef TESTS_UNIT_MM_SLAB_TEST_H
#define TESTS_UNIT_MM_SLAB_TEST_H

#include "mm/frames.h"
#include "mm/slab.h"
#include "tests/mock/mock.h"
#include "tests/unit/mm/no_reclaim.h"

static inline int slab_setup(void **state)
{
	mock_setup(state);
	buddy_forget();
	buddy_add_range(mock_first_pfn() + 1, mock_end_pfn());
	buddy_init();
	slab_init();
	return 0;
}

static inline int slab_teardown(void **state)
{
	slab_reap();
	buddy_check();
	assert_int_equal(frames_free(), frames_total() - 1 - slab_frames());
	return mock_teardown(state);
}

#endif
