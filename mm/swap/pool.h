// SPDX-License-Identifier: MIT
/*
 * Packed pages in RAM: pieces of up to PACKED_MAX bytes in frames of their own, each with the
 * number of its slot, in the order of their coming. A handle names a piece; it stays valid, and the
 * piece where it is, until pool_drop(). Every call is bounded (a few hundred instructions); none
 * sleeps but pool_reserve(), which may copy nothing and only takes a frame.
 */
#ifndef MM_SWAP_POOL_H
#define MM_SWAP_POOL_H

#include "mm/swap.h"

#define POOL_NONE UINT32_MAX

/* Room for n (1..PACKED_MAX) bytes for `slot`: a handle that nobody else knows yet, or POOL_NONE:
 * no frame. *data: where to put them, before pool_publish(). Task context. */
uint32_t pool_reserve(uint32_t slot, uint16_t n, void **data) MUST_CHECK;
/* The piece is the newest from now on. Any context. */
void pool_publish(uint32_t handle);
/* Frees a piece that was published. Any context; may free a frame. */
void pool_drop(uint32_t handle);
/* What the piece has: *n bytes. The caller keeps it from being dropped. */
const void *pool_data(uint32_t handle, uint16_t *n);
/* The oldest piece, and the one that came after `handle`; POOL_NONE: none. *slot: whose it is. The
 * caller keeps pieces from being dropped meanwhile. */
uint32_t pool_oldest(uint32_t *slot);
uint32_t pool_next(uint32_t handle, uint32_t *slot);

#endif
