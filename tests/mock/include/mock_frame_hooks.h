// SPDX-License-Identifier: MIT
/*
 * Joins the real frame allocator to the model (mm/frames.h includes it): allocations that a test
 * makes fail, and frames on their way to the free lists looked for in every TLB. A test that
 * compiles mm/pcp.c says
 *     DEFINES: FRAME_HOOKS=<mock_frame_hooks.h>
 */
#ifndef TESTS_MOCK_FRAME_HOOKS_H
#define TESTS_MOCK_FRAME_HOOKS_H

#include "kernel/lib/types.h"

bool mock_alloc_should_fail(void);
void mock_frame_freed(pfn_t pfn);

static inline bool frame_alloc_fails(unsigned flags)
{
	(void)flags;
	return mock_alloc_should_fail();
}

static inline void frame_freed(pfn_t pfn)
{
	mock_frame_freed(pfn);
}

#endif
