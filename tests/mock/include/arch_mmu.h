// SPDX-License-Identifier: MIT
/*
 * The MMU's instructions on the host: the same names as arch/arm64/include/arch_mmu.h, each handed
 * to the model (tests/mock/mmu.c), which records, delays and checks what the architecture lets it.
 */
#ifndef TESTS_MOCK_ARCH_MMU_H
#define TESTS_MOCK_ARCH_MMU_H

#include "arch/arm64/pte.h"

#define TCR_AS PTE_BIT(36)
#define TCR_HA PTE_BIT(39)

uint64_t pte_load(const struct pte *e);
void pte_store(struct pte *e, uint64_t raw);

void dsb_ishst(void);
void dsb_ish(void);
void dsb_nsh(void);
void isb(void);

void tlbi_vae1is(uint64_t operand);
void tlbi_vale1is(uint64_t operand);
void tlbi_vaae1is(uint64_t operand);
void tlbi_vaale1is(uint64_t operand);
void tlbi_aside1is(uint64_t operand);
void tlbi_vmalle1is(void);
void tlbi_vae1(uint64_t operand);
void tlbi_vmalle1(void);

void ttbr0_write(uint64_t value);
uint64_t tcr_read(void);

#endif
