// SPDX-License-Identifier: MIT
// Memory for devices that do not reach all RAM, and the addresses by which they know it.
#ifndef MM_DMA_H
#define MM_DMA_H

#include "mm/buddy.h"

/* The RAM [base, base + size) that a device reaches; the device's address of `base` is `bus`. */
struct dma_reach {
	phys_addr_t base, bus;
	uint64_t size;
};

/* Does the device reach all n bytes at kva (linear map)? */
bool dma_reaches(const struct dma_reach *reach, const void *kva, size_t n);
/* Does it reach all RAM? */
bool dma_reaches_all(const struct dma_reach *reach);
/* The device's address of kva, which it reaches. */
uint64_t dma_address(const struct dma_reach *reach, const void *kva);
/* 2^order contiguous, aligned frames within reach, as page_alloc_order() gives them, to be freed by
 * page_free(). NULL: no memory. For the start of a driver: where RAM goes far beyond the reach,
 * much of it is taken for a moment. May sleep. */
struct page *dma_alloc(const struct dma_reach *reach, unsigned order) MUST_CHECK;

#endif
