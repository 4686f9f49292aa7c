// SPDX-License-Identifier: MIT
// The kernel's own map (TTBR1): its kinds of page, and what boot needs beyond mm/pmap.h. Usable
// from assembly.
#ifndef ARCH_ARM64_KERNEL_MAP_H
#define ARCH_ARM64_KERNEL_MAP_H

#include "arch/arm64/pte.h"

/* Whole leaf entries but for the address. Global; never executable at EL0; writable means not
 * executable. */
#define PTE_KERNEL_COMMON (PTE_TYPE_PAGE | PTE_AF | PTE_UXN)
#define PTE_KERNEL_NORMAL (PTE_KERNEL_COMMON | PTE_SH_INNER | PTE_ATTR(ATTR_NORMAL))
#define PTE_KERNEL_TEXT   (PTE_KERNEL_NORMAL | PTE_AP_READONLY)
#define PTE_KERNEL_RODATA (PTE_KERNEL_NORMAL | PTE_AP_READONLY | PTE_PXN)
#define PTE_KERNEL_DATA   (PTE_KERNEL_NORMAL | PTE_PXN)
#define PTE_KERNEL_DEVICE (PTE_KERNEL_COMMON | PTE_ATTR(ATTR_DEVICE) | PTE_PXN)

#ifndef __ASSEMBLER__

/* head.S and granule.ld */
extern char image_start[], text_end[], rodata_end[], data_end[], image_end[], tables_end[];
extern uint64_t kernel_root[TABLE_ENTRIES];
extern uint64_t empty_table[TABLE_ENTRIES];
extern char boot_table_pool[], boot_stack[];
extern phys_addr_t image_pa; /* where image_start lies */
extern uint32_t boot_el;     /* exception level of entry: 1 or 2 */

static inline phys_addr_t image_to_phys(const void *p)
{
	return (virt_addr_t)p - (virt_addr_t)image_start + image_pa;
}

/* Where a table of the kernel's map can be read and written now. */
uint64_t *kernel_table_at(phys_addr_t pa);
/* As pmap_kernel_map, with a descriptor's attributes; blocks of 1 GB and 2 MB where the range is
 * aligned to them. */
int kernel_map_raw(virt_addr_t va, phys_addr_t pa, size_t size, uint64_t attributes,
		   phys_addr_t (*table_alloc)(void)) MUST_CHECK;

/* A zeroed frame for a table from the image's own pool (boot only, before the buddy); 0: used
 * up. */
phys_addr_t boot_table_alloc(void);
/* After the last boot_table_alloc: the rest of the pool and its size in bytes. */
phys_addr_t boot_table_rest(uint64_t *size);
/* Maps every RAM range of memblock at LINEAR_BASE, the image's text and constants read-only there.
 * Panics when the pool does not suffice. Boot CPU, before any other. */
void mmu_map_ram(void);
/* Walks the kernel's map: panics when something is writable and executable, or some frame is so
 * through two names. */
void mmu_check_wx(void);

#endif
#endif
