// SPDX-License-Identifier: MIT
// A machine of some thousand frames with one address space, under the real lists, choice and
// policies.
#ifndef TESTS_BENCH_REPLACEMENT_MACHINE_H
#define TESTS_BENCH_REPLACEMENT_MACHINE_H

#include <stdint.h>

/* Starts over: nothing resident, so many frames. */
void machine_reset(unsigned frames, uint32_t pages);
/* A program uses the page. Returns whether it had to be brought in. */
int machine_use(uint32_t page);

#endif
