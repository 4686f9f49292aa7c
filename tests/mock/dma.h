// SPDX-License-Identifier: MIT
// A bus master for tests of drivers: reads and writes RAM past the caches.
#ifndef TESTS_MOCK_DMA_H
#define TESTS_MOCK_DMA_H

#include "kernel/lib/types.h"

/* What the device finds at [pa, pa + n). Bytes the CPU wrote and did not clean are a violation. */
void mock_device_read(phys_addr_t pa, void *buf, size_t n);
/* The device writes. The CPU sees it after hw_dma_invalidate(); dirty lines over the range are a
 * violation. */
void mock_device_write(phys_addr_t pa, const void *buf, size_t n);

#endif
