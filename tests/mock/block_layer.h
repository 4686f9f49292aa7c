// SPDX-License-Identifier: MIT
// Around the real kernel/block.c and kernel/block_queue.c in a test: see block_layer.c beside.
#ifndef TESTS_MOCK_BLOCK_LAYER_H
#define TESTS_MOCK_BLOCK_LAYER_H

#include "kernel/block.h"

extern unsigned mock_block_nodes; /* shown so far */
/* The thread of d's disk goes on until it would sleep. */
void mock_block_turns(struct block_device *d);

#endif
