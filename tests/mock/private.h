// SPDX-License-Identifier: MIT
// What the parts of the model ask of each other.
#ifndef TESTS_MOCK_PRIVATE_H
#define TESTS_MOCK_PRIVATE_H

#include "tests/mock/mock.h"

void mock_mmu_reset(void);
void mock_dma_reset(void);
void mock_kernel_reset(void);
void mock_kernel_check(void);

bool mock_pa_in_ram(phys_addr_t pa);
/* The frame's contents are what the instruction side would fetch. */
bool mock_frame_fetchable(phys_addr_t pa);
/* The kernel overwrites the whole frame: it had better not be in use. */
void mock_frame_reused(phys_addr_t pa);

/* hw.c: physical address of the frame that was filled last, 0 once a barrier orders that before
 * later stores. */
extern _Thread_local phys_addr_t mock_frame_unordered;

#endif
