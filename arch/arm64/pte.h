// SPDX-License-Identifier: MIT
/*
 * Translation table descriptors: stage 1, 64-bit, 4 KB granule (Arm ARM DDI 0487, D8.3 "Translation
 * table descriptor formats"). ARMv7-A with LPAE reads the same bits in its levels 1..3 (DDI 0406,
 * B3.6), so a second port can share them.
 *
 * Level 0..2, table: hierarchical bits take rights away from everything below.
 *
 *    63   62:61    60       59      58:51  50:48      47:12            11:2      1 0
 *   +----+-------+--------+--------+-----+------+---------------------+--------+----+
 *   | NS |APTable|UXNTable|PXNTable| ign |  0   | next table, 4 KB    |  ign   | 11 |
 *   +----+-------+--------+--------+-----+------+---------------------+--------+----+
 *
 * Level 3, page (levels 1 and 2, block: same but bit 1 clear and low address bits zero).
 *
 *    63:59  58:55      54   53  52   51  50  49:48  47:12      11  10  9:8  7:6   5   4:2     1 0
 *   +-----+----------+----+---+----+---+----+-----+----------+---+---+----+----+----+-------+----+
 *   | ign | software |UXN |PXN|cont|DBM| GP |  0  | frame    |nG |AF | SH | AP | NS |AttrIdx| 11 |
 *   +-----+----------+----+---+----+---+----+-----+----------+---+---+----+----+----+-------+----+
 *           58 file   57 own   56 special   55 locked
 *
 * Leaf entry, not present: all zero is "none"; else a swap slot (slot 0 does not exist).
 *
 *    63:32       31:1   0
 *   +-----------+-----+---+
 *   | swap slot |  0  | 0 |
 *   +-----------+-----+---+
 *
 * The register values below are what these descriptors count on: TTBR0 carries the ASID (TCR.A1 =
 * 0), hierarchical permissions are on (TCR.HPD0 = HPD1 = 0), and walks are inner shareable,
 * write-back.
 */
#ifndef ARCH_ARM64_PTE_H
#define ARCH_ARM64_PTE_H

#ifndef __ASSEMBLER__
#include "kernel/lib/types.h"

/* One descriptor of any level; for mm/ the opaque leaf entry of mm/pmap.h. */
struct pte {
	uint64_t raw;
};
_Static_assert(sizeof(struct pte) == 8, "a descriptor is 64 bits");

#define PTE_BIT(n) ((uint64_t)1 << (n))
#else
#define PTE_BIT(n) (1 << (n))
#endif

#define PTE_VALID PTE_BIT(0)
/* levels 0..2: a table, not a block; level 3: must be 1 */
#define PTE_TABLE      PTE_BIT(1)
#define PTE_TYPE_MASK  (PTE_VALID | PTE_TABLE)
#define PTE_TYPE_TABLE (PTE_VALID | PTE_TABLE)
#define PTE_TYPE_PAGE  (PTE_VALID | PTE_TABLE)
#define PTE_TYPE_BLOCK PTE_VALID

/* Lower attributes. AttrIndx selects a byte of MAIR_EL1. */
#define PTE_ATTR_SHIFT 2
#define PTE_ATTR(i)    ((i) << PTE_ATTR_SHIFT)
#define PTE_ATTR_MASK  PTE_ATTR(7)
#define ATTR_NORMAL    0        /* write-back, read and write allocate */
#define ATTR_DEVICE    1        /* Device-nGnRE */
#define ATTR_NOCACHE   2        /* Normal, not cacheable */
#define MAIR_VALUE     0x4404ff /* attribute bytes 2, 1, 0 (DDI 0487, D17.2 MAIR_EL1) */

#define PTE_NS          PTE_BIT(5)
#define PTE_AP_USER     PTE_BIT(6) /* AP[1]: EL0 may access */
#define PTE_AP_READONLY PTE_BIT(7) /* AP[2]: no writes at any level */
#define PTE_SH_INNER    (PTE_BIT(8) | PTE_BIT(9))
#define PTE_SH_MASK     (PTE_BIT(8) | PTE_BIT(9))
/* used since last cleared; clear: the access faults, or FEAT_HAFDBS sets it */
#define PTE_AF PTE_BIT(10)
#define PTE_NG PTE_BIT(11) /* belongs to one ASID */

/* Upper attributes. */
#define PTE_GP PTE_BIT(50) /* guarded page (FEAT_BTI) */
/* hardware dirty state (FEAT_HAFDBS); not used: a store to a clean page faults */
#define PTE_DBM PTE_BIT(51)
/* one of 16 alike neighbours: may share a TLB entry */
#define PTE_CONT          PTE_BIT(52)
#define PTE_PXN           PTE_BIT(53) /* not executable at EL1 */
#define PTE_UXN           PTE_BIT(54) /* not executable at EL0 */
#define PTE_SW_LOCKED     PTE_BIT(55)
#define PTE_SW_SPECIAL    PTE_BIT(56)
#define PTE_SW_OWN        PTE_BIT(57)
#define PTE_SW_FILE_SHIFT 58
#define PTE_SW_FILE       PTE_BIT(PTE_SW_FILE_SHIFT) /* the frame is an object's page */

/* Table descriptors only. */
#define TABLE_PXN         PTE_BIT(59)
#define TABLE_UXN         PTE_BIT(60)
#define TABLE_AP_NOUSER   PTE_BIT(61) /* APTable[0]: no EL0 access below */
#define TABLE_AP_READONLY PTE_BIT(62) /* APTable[1]: no writes below, at any level */

#define PTE_SLOT_SHIFT 32

/* Geometry: 48 bits of virtual address in four levels of 512. */
#define TABLE_ENTRIES 512
/* address bits that one entry of `level` covers */
#define LEVEL_SHIFT(level) (39 - 9 * (level))
#define LEVEL_SIZE(level)  ((virt_addr_t)1 << LEVEL_SHIFT(level))
#define LEAF_SHIFT         21 /* one leaf table covers 2 MB */
#define LEAF_SPAN          ((virt_addr_t)1 << LEAF_SHIFT)

#ifndef __ASSEMBLER__
#define PTE_ADDR_MASK ((((uint64_t)1 << 48) - 1) & ~(uint64_t)0xfff)

static inline phys_addr_t pte_pa(uint64_t raw)
{
	return raw & PTE_ADDR_MASK;
}

/* Index of va's entry in its table of `level`. */
static inline unsigned table_index(virt_addr_t va, unsigned level)
{
	return (va >> LEVEL_SHIFT(level)) & (TABLE_ENTRIES - 1);
}

static inline bool pte_is_table(uint64_t raw)
{
	return (raw & PTE_TYPE_MASK) == PTE_TYPE_TABLE;
}
#endif

#endif
