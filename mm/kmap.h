// SPDX-License-Identifier: MIT
// The kernel's mapping area (KERNEL_MAP_BASE..): kernel stacks with guard ranges, and device
// windows.
#ifndef MM_KMAP_H
#define MM_KMAP_H

#include "kernel/lib/types.h"

void kmap_init(void);
/* A kernel stack of KSTACK_SIZE, aligned to 2*KSTACK_SIZE plus KSTACK_SIZE (bit log2(KSTACK_SIZE)
 * of every address inside is 1), with the unmapped guard range right below. Contents undefined.
 * Returns its lowest address, or 0: no memory. Task context. */
virt_addr_t kstack_alloc(void) MUST_CHECK;
void kstack_free(virt_addr_t stack);
/* Maps [pa, pa+size) as device memory; any alignment. Returns the address that corresponds to pa,
 * or 0. For good. */
virt_addr_t kmap_device(phys_addr_t pa, size_t size) MUST_CHECK;
/* A range of address space of the mapping area, page aligned, unmapped; 0: none. For good. */
virt_addr_t kmap_reserve(size_t size, size_t align) MUST_CHECK;
uint32_t kstack_frames(void); /* frames in use for stacks */

#endif
