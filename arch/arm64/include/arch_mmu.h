// SPDX-License-Identifier: MIT
/*
 * The MMU's instructions, one function each, so that pmap.c, tlb.c and asid.c run unchanged on the
 * host, where tests/mock/include supplies a header of the same name. References: Arm ARM DDI 0487,
 * D8.14 "TLB maintenance" for the TLBI instructions and their operands, B2.3.12 "Memory barriers",
 * D8.2.6 for what a table walk observes when.
 *
 * TLBI operands: VA[55:12] in bits 43:0, ASID in bits 63:48; bits 47:44 zero give no level hint
 * (FEAT_TTL).
 */
#ifndef ARCH_ARM64_ARCH_MMU_H
#define ARCH_ARM64_ARCH_MMU_H

#include "arch/arm64/pte.h"

#define TCR_AS PTE_BIT(36) /* TTBR0's ASID has 16 bits */
#define TCR_HA PTE_BIT(39) /* the walker sets the access flag */

/* Descriptors are read and written whole: 64-bit aligned accesses are single-copy atomic
 * (B2.2.1). */
static inline uint64_t pte_load(const struct pte *e)
{
	return READ_ONCE(e->raw);
}

static inline void pte_store(struct pte *e, uint64_t raw)
{
	WRITE_ONCE(e->raw, raw);
}

static inline void dsb_ishst(void)
{
	__asm__ volatile("dsb ishst" : : : "memory");
}

static inline void dsb_ish(void)
{
	__asm__ volatile("dsb ish" : : : "memory");
}

static inline void dsb_nsh(void)
{
	__asm__ volatile("dsb nsh" : : : "memory");
}

static inline void isb(void)
{
	__asm__ volatile("isb" : : : "memory");
}

/* By address and ASID, all levels, every CPU. */
static inline void tlbi_vae1is(uint64_t operand)
{
	__asm__ volatile("tlbi vae1is, %0" : : "r"(operand) : "memory");
}

/* ... last level only: walk caches stay. */
static inline void tlbi_vale1is(uint64_t operand)
{
	__asm__ volatile("tlbi vale1is, %0" : : "r"(operand) : "memory");
}

/* By address, every ASID, all levels. */
static inline void tlbi_vaae1is(uint64_t operand)
{
	__asm__ volatile("tlbi vaae1is, %0" : : "r"(operand) : "memory");
}

static inline void tlbi_vaale1is(uint64_t operand)
{
	__asm__ volatile("tlbi vaale1is, %0" : : "r"(operand) : "memory");
}

/* Everything of one ASID. */
static inline void tlbi_aside1is(uint64_t operand)
{
	__asm__ volatile("tlbi aside1is, %0" : : "r"(operand) : "memory");
}

static inline void tlbi_vmalle1is(void)
{
	__asm__ volatile("tlbi vmalle1is" : : : "memory");
}

/* This CPU only. */
static inline void tlbi_vae1(uint64_t operand)
{
	__asm__ volatile("tlbi vae1, %0" : : "r"(operand) : "memory");
}

static inline void tlbi_vmalle1(void)
{
	__asm__ volatile("tlbi vmalle1" : : : "memory");
}

/* Table and ASID change in one write, so no walk sees one without the other (TCR_EL1.A1 = 0). */
static inline void ttbr0_write(uint64_t value)
{
	__asm__ volatile("msr ttbr0_el1, %0" : : "r"(value) : "memory");
}

static inline uint64_t tcr_read(void)
{
	uint64_t v;

	__asm__ volatile("mrs %0, tcr_el1" : "=r"(v));
	return v;
}

#endif
