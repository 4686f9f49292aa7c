// SPDX-License-Identifier: MIT
/*
 * Bits of a VMSAv8-64 descriptor, 4 KB granule, 48-bit output addresses (Arm ARM DDI 0487, D8.3 translation table descriptor
 * formats), each named once; usable from C and assembly.
 *
 *    63  62 61  60   59        54  53  52   47            12 11 10 9 8 7 6 5 4..2  1  0
 *   +---+-----+----+----+-----+---+---+---+----------------+--+--+---+---+--+-----+--+--+
 *   |NS |APTbl|UXNt|PXNt|     |UXN|PXN|con| output address |nG|AF| SH| AP|NS|AttrI|tb|va|
 *   +---+-----+----+----+-----+---+---+---+----------------+--+--+---+---+--+-----+--+--+
 *    table descriptors: 63..59                leaf descriptors: 54..2
 */
#ifndef ARCH_ARM64_PTE_H
#define ARCH_ARM64_PTE_H

#ifdef __ASSEMBLER__
#define PTE_FIELD(value, shift) ((value) << (shift))
#else
#define PTE_FIELD(value, shift) ((unsigned long)(value) << (shift))
#endif

#define PTE_VALID PTE_FIELD(1, 0)
#define PTE_TABLE_OR_PAGE PTE_FIELD(1, 1)	/* 0 at levels 1 and 2: a block */
#define PTE_ATTR(index) PTE_FIELD(index, 2)	/* of MAIR_EL1: sysreg.h */
#define PTE_ATTR_NORMAL PTE_ATTR(0)
#define PTE_ATTR_DEVICE PTE_ATTR(1)		/* nGnRE */
#define PTE_ATTR_UNCACHED PTE_ATTR(2)
#define PTE_AP_EL0 PTE_FIELD(1, 6)		/* AP[1]: EL0 may access */
#define PTE_AP_RO PTE_FIELD(1, 7)		/* AP[2]: read-only at every level */
#define PTE_SH_INNER PTE_FIELD(3, 8)
#define PTE_AF PTE_FIELD(1, 10)
#define PTE_NG PTE_FIELD(1, 11)			/* tagged with the ASID */
#define PTE_DBM PTE_FIELD(1, 51)
#define PTE_CONTIGUOUS PTE_FIELD(1, 52)
#define PTE_PXN PTE_FIELD(1, 53)
#define PTE_UXN PTE_FIELD(1, 54)
#define PTE_TABLE_RO PTE_FIELD(2, 61)		/* APTable[1]: everything below is read-only */
#define PTE_TABLE_EL0_NONE PTE_FIELD(1, 61)	/* APTable[0] */
#define PTE_ADDRESS 0x0000fffffffff000

#define PTE_TABLE_BITS (PTE_VALID | PTE_TABLE_OR_PAGE)
#define PTE_KERNEL_COMMON (PTE_VALID | PTE_TABLE_OR_PAGE | PTE_AF | PTE_SH_INNER | PTE_UXN)
#define PTE_KERNEL_TEXT (PTE_KERNEL_COMMON | PTE_ATTR_NORMAL | PTE_AP_RO)
#define PTE_KERNEL_RODATA (PTE_KERNEL_COMMON | PTE_ATTR_NORMAL | PTE_AP_RO | PTE_PXN)
#define PTE_KERNEL_DATA (PTE_KERNEL_COMMON | PTE_ATTR_NORMAL | PTE_PXN)
#define PTE_KERNEL_DEVICE (PTE_KERNEL_COMMON | PTE_ATTR_DEVICE | PTE_PXN)

#endif
