// SPDX-License-Identifier: MIT
/*
 * CPU features from the ID registers (DDI 0487, D17.2.5x ID_AA64*_EL1: unsigned 4-bit fields,
 * larger means more; FP and AdvSIMD are signed, 0xf: absent) and the AT_HWCAP bits that tell
 * programs of them. Only what works without the kernel's help and what the kernel saves is
 * announced: no SVE, SME, pointer authentication keys, BTI or MTE.
 */
#include "arch/arm64/features.h"

#include <asm/hwcap.h>

#include "arch/thread.h"

struct cpu_features cpu_features;
static uint32_t midr[NR_CPUS_MAX];

enum id_register { PFR0, ISAR0, ISAR1, ISAR2, MMFR2, ID_REGISTERS };

/* A feature is there when the field at `shift` is at least `min`. */
struct hwcap_rule {
	uint8_t reg, shift, min;
	uint8_t word; /* 0: AT_HWCAP, 1: AT_HWCAP2 */
	uint64_t bit;
};

static const struct hwcap_rule rules[] = {
	{ ISAR0, 4, 1, 0, HWCAP_AES },       { ISAR0, 4, 2, 0, HWCAP_PMULL },
	{ ISAR0, 8, 1, 0, HWCAP_SHA1 },      { ISAR0, 12, 1, 0, HWCAP_SHA2 },
	{ ISAR0, 12, 2, 0, HWCAP_SHA512 },   { ISAR0, 16, 1, 0, HWCAP_CRC32 },
	{ ISAR0, 20, 2, 0, HWCAP_ATOMICS },  { ISAR0, 28, 1, 0, HWCAP_ASIMDRDM },
	{ ISAR0, 32, 1, 0, HWCAP_SHA3 },     { ISAR0, 36, 1, 0, HWCAP_SM3 },
	{ ISAR0, 40, 1, 0, HWCAP_SM4 },      { ISAR0, 44, 1, 0, HWCAP_ASIMDDP },
	{ ISAR0, 48, 1, 0, HWCAP_ASIMDFHM }, { ISAR0, 52, 1, 0, HWCAP_FLAGM },
	{ ISAR0, 52, 2, 1, HWCAP2_FLAGM2 },  { ISAR0, 60, 1, 1, HWCAP2_RNG },
	{ ISAR1, 0, 1, 0, HWCAP_DCPOP },     { ISAR1, 0, 2, 1, HWCAP2_DCPODP },
	{ ISAR1, 12, 1, 0, HWCAP_JSCVT },    { ISAR1, 16, 1, 0, HWCAP_FCMA },
	{ ISAR1, 20, 1, 0, HWCAP_LRCPC },    { ISAR1, 20, 2, 0, HWCAP_ILRCPC },
	{ ISAR1, 32, 1, 1, HWCAP2_FRINT },   { ISAR1, 36, 1, 0, HWCAP_SB },
	{ ISAR1, 44, 1, 1, HWCAP2_BF16 },    { ISAR1, 48, 1, 1, HWCAP2_DGH },
	{ ISAR1, 52, 1, 1, HWCAP2_I8MM },    { MMFR2, 32, 1, 0, HWCAP_USCAT },
	{ PFR0, 48, 1, 0, HWCAP_DIT },
};

static unsigned id_field(uint64_t reg, unsigned shift)
{
	return (reg >> shift) & 0xf;
}

void features_init(void)
{
	uint64_t id[ID_REGISTERS] = {
		[PFR0] = read_sysreg(id_aa64pfr0_el1),
		[ISAR0] = read_sysreg(id_aa64isar0_el1),
		[ISAR1] = read_sysreg(id_aa64isar1_el1),
		[MMFR2] = read_sysreg(S3_0_C0_C7_2),
	};
	uint64_t words[2] = { 0, 0 };
	unsigned fp = id_field(id[PFR0], 16), simd = id_field(id[PFR0], 20);

	for (unsigned i = 0; i < ARRAY_SIZE(rules); i++)
		if (id_field(id[rules[i].reg], rules[i].shift) >= rules[i].min)
			words[rules[i].word] |= rules[i].bit;
	if (fp != 0xf)
		words[0] |= HWCAP_FP | (fp >= 1 ? HWCAP_FPHP : 0);
	if (simd != 0xf)
		words[0] |= HWCAP_ASIMD | (simd >= 1 ? HWCAP_ASIMDHP : 0);
	cpu_features = (struct cpu_features){
		.pan = id_field(read_sysreg(id_aa64mmfr1_el1), 20) != 0,
		.crc32 = words[0] & HWCAP_CRC32,
		.hwcap = words[0],
		.hwcap2 = words[1],
	};
}

void features_note_cpu(unsigned cpu)
{
	midr[cpu] = (uint32_t)read_sysreg(midr_el1);
}

uint32_t arch_cpu_midr(unsigned cpu)
{
	return cpu < NR_CPUS_MAX ? midr[cpu] : 0;
}

uint64_t arch_hwcap(void)
{
	return cpu_features.hwcap;
}

uint64_t arch_hwcap2(void)
{
	return cpu_features.hwcap2;
}
