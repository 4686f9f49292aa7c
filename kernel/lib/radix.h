// SPDX-License-Identifier: MIT
/*
 * A map from 32-bit indices to non-zero words, 64-way, with chains of single children left out.
 * Words are the user's (pointers, or tagged values). The caller's spin lock protects it; node
 * memory can be had beforehand (radix_prepare) so that insertion under the lock does not fail.
 */
#ifndef KERNEL_LIB_RADIX_H
#define KERNEL_LIB_RADIX_H

#include "kernel/lib/types.h"

struct radix_node;

struct radix {
	struct radix_node *root;
};

/* An insertion adds at most a leaf and the fork it hangs from. */
#define RADIX_RESERVE_NODES 2

/* Spare nodes for one insertion, on the caller's stack. */
struct radix_reserve {
	struct radix_node *nodes[RADIX_RESERVE_NODES];
	unsigned count;
};

void radix_init(struct radix *r);
uintptr_t radix_get(const struct radix *r, uint32_t index); /* 0: nothing there */
/* The words of `first` and the indices behind it that lie in one node, *n of them, `count` at most;
 * NULL: nothing is at any of these. They change as radix_set and its kin are called. */
const uintptr_t *radix_run(const struct radix *r, uint32_t first, unsigned count, unsigned *n);
/* Fills res, whatever it held, with what one radix_set may need. May sleep. 0, or -ENOMEM (then
 * nothing is held). */
int radix_prepare(struct radix_reserve *res) MUST_CHECK;
/* True when radix_set at index needs no node now: then res may be NULL. */
bool radix_ready(const struct radix *r, uint32_t index);
/* Frees what is left in res: after every radix_prepare that succeeded. */
void radix_unprepare(struct radix_reserve *res);
/* Stores a non-zero word, returns the one it replaced (0: none). Takes nodes from res; cannot
 * fail. */
uintptr_t radix_set(struct radix *r, uint32_t index, uintptr_t word, struct radix_reserve *res);
/* Replaces the word of an index that is present (asserted); no memory needed. */
uintptr_t radix_replace(struct radix *r, uint32_t index, uintptr_t word);
/* Removes; returns the word (0: none). Empty nodes are freed. */
uintptr_t radix_remove(struct radix *r, uint32_t index);
/* The first present index >= *index: true with *index and *word set. */
bool radix_next(const struct radix *r, uint32_t *index, uintptr_t *word);

#endif
