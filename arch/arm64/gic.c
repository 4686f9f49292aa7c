// SPDX-License-Identifier: MIT
// GICv3 CPU interface registers (Arm IHI 0069, 12.2), by their encodings: the assembler's base
// architecture does not name them.
#include "arch/gic.h"

#include "arch/arm64/features.h"
#include "arch/hw.h"

#define ICC_PMR     S3_0_C4_C6_0
#define ICC_IAR1    S3_0_C12_C12_0
#define ICC_EOIR1   S3_0_C12_C12_1
#define ICC_BPR1    S3_0_C12_C12_3
#define ICC_CTLR    S3_0_C12_C12_4
#define ICC_SRE     S3_0_C12_C12_5
#define ICC_IGRPEN1 S3_0_C12_C12_7
#define ICC_SGI1R   S3_0_C12_C11_5

/* The register macros paste their argument's name: expand it first. */
#define gic_read(reg)                     read_sysreg_expanded(reg)
#define gic_write(reg, value)             write_sysreg_expanded(reg, value)
#define read_sysreg_expanded(reg)         read_sysreg(reg)
#define write_sysreg_expanded(reg, value) write_sysreg(reg, value)

#define ID_PFR0_GIC_SHIFT 24

bool arch_gic_enable(void)
{
	if (((read_sysreg(id_aa64pfr0_el1) >> ID_PFR0_GIC_SHIFT) & 0xf) == 0)
		return false;
	gic_write(ICC_SRE, gic_read(ICC_SRE) | 1);
	__asm__ volatile("isb" : : : "memory");
	if (!(gic_read(ICC_SRE) & 1))
		return false;
	gic_write(ICC_PMR, 0xff); /* every priority passes */
	gic_write(ICC_BPR1, 0);
	gic_write(ICC_CTLR, 0); /* EOIR drops priority and deactivates */
	gic_write(ICC_IGRPEN1, 1);
	__asm__ volatile("isb" : : : "memory");
	return true;
}

uint32_t arch_gic_acknowledge(void)
{
	uint32_t intid = (uint32_t)gic_read(ICC_IAR1);

	__asm__ volatile(
		"dsb sy"
		:
		:
		: "memory"); /* acknowledged before the device is looked at (IHI 0069, 4.1.1) */
	return intid;
}

void arch_gic_end(uint32_t intid)
{
	gic_write(ICC_EOIR1, intid);
	__asm__ volatile("isb" : : : "memory");
}

/* ICC_SGI1R_EL1: Aff3 55:48, range selector 47:44, Aff2 39:32, INTID 27:24, Aff1 23:16, targets
 * 15:0 (16 values of Aff0 from 16 * selector). */
void arch_gic_send(unsigned cpu, unsigned sgi)
{
	uint64_t mpidr = cpu_locals[cpu].mpidr;
	uint64_t aff0 = mpidr & 0xff, aff1 = (mpidr >> 8) & 0xff, aff2 = (mpidr >> 16) & 0xff,
		 aff3 = (mpidr >> 32) & 0xff;

	__asm__ volatile("dsb ishst" : : : "memory"); /* what the target is to see comes first */
	gic_write(ICC_SGI1R, aff3 << 48 | (aff0 >> 4) << 44 | aff2 << 32 | (uint64_t)sgi << 24 |
				     aff1 << 16 | 1ull << (aff0 & 15));
	__asm__ volatile("isb" : : : "memory");
}

uint32_t arch_cpu_affinity(void)
{
	uint64_t mpidr = read_sysreg(mpidr_el1);

	return (uint32_t)((mpidr & 0xffffff) | (mpidr >> 32 & 0xff) << 24);
}
