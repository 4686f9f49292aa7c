// SPDX-License-Identifier: MIT
/*
 * System register fields and the values this kernel runs with, usable from C and assembly. Field
 * names and positions: Arm ARM DDI 0487, D17.2 (system registers) of issue J; the register's own
 * name finds the page.
 */
#ifndef ARCH_ARM64_SYSREG_H
#define ARCH_ARM64_SYSREG_H

#define BIT(n) (1 << (n))

/* SCTLR_EL1, System Control Register (EL1) */
#define SCTLR_M     BIT(0)  /* MMU on */
#define SCTLR_C     BIT(2)  /* data caches */
#define SCTLR_SA    BIT(3)  /* stack alignment check, EL1 */
#define SCTLR_SA0   BIT(4)  /* and EL0 */
#define SCTLR_ITD   BIT(7)  /* no AArch32 IT instructions; RES1 without AArch32 */
#define SCTLR_SED   BIT(8)  /* no AArch32 SETEND */
#define SCTLR_EOS   BIT(11) /* exception exit synchronises; RES1 without FEAT_ExS */
#define SCTLR_I     BIT(12) /* instruction caches */
#define SCTLR_DZE   BIT(14) /* EL0 may DC ZVA */
#define SCTLR_UCT   BIT(15) /* EL0 may read CTR_EL0 */
#define SCTLR_NTWI  BIT(16) /* EL0 WFI is not trapped */
#define SCTLR_NTWE  BIT(18) /* EL0 WFE is not trapped */
#define SCTLR_TSCXT BIT(20) /* RES1 without FEAT_CSV2_2; EL0 has no use for SCXTNUM */
#define SCTLR_EIS   BIT(22) /* exception entry synchronises; RES1 without FEAT_ExS */
/* 1: leave PSTATE.PAN alone at entry; RES1 without FEAT_PAN */
#define SCTLR_SPAN   BIT(23)
#define SCTLR_UCI    BIT(26) /* EL0 may do cache maintenance by address */
#define SCTLR_NTLSMD BIT(28) /* RES1 without FEAT_LSMAOC */
#define SCTLR_LSMAOE BIT(29) /* RES1 without FEAT_LSMAOC */

/* MMU off, everything else at its reset or RES1 value: what EL1 is entered with from EL2. */
#define SCTLR_OFF                                                                                  \
	(SCTLR_ITD | SCTLR_SED | SCTLR_EOS | SCTLR_TSCXT | SCTLR_EIS | SCTLR_SPAN | SCTLR_NTLSMD | \
	 SCTLR_LSMAOE)
/* NTWI and NTWE stay 0: there is no tick, so a program's WFI, or WFE that nobody answers, could
 * sleep for good. Both trap, if they would sleep at all, and are passed over (trap.c).
 *
 * SCTLR.WXN stays 0: it would also take execution from user pages that a program asked to be
 * writable and executable, which the system call ABI allows. The kernel's own map has no such page
 * (mmu.c checks it). */
#define SCTLR_ON                                                                                   \
	(SCTLR_OFF | SCTLR_M | SCTLR_C | SCTLR_I | SCTLR_SA | SCTLR_SA0 | SCTLR_DZE | SCTLR_UCT |  \
	 SCTLR_UCI)

/* TCR_EL1: 48-bit addresses in both halves, 4 KB granule, walks cacheable and inner shareable. */
#define TCR_T0SZ 16
#define TCR_T1SZ (16 << 16)
/* IRGN0, ORGN0 write-back allocate; SH0 inner */
#define TCR_WALK0      ((1 << 8) | (1 << 10) | (3 << 12))
#define TCR_WALK1      ((1 << 24) | (1 << 26) | (3 << 28)) /* the same for TTBR1 */
#define TCR_TG1_4K     (2 << 30)
#define TCR_IPS_SHIFT  32 /* from ID_AA64MMFR0_EL1.PARange */
#define TCR_AS_SHIFT   36 /* 16-bit ASIDs */
#define TCR_HA_SHIFT   39 /* hardware access flag (FEAT_HAFDBS); RES0 where absent */
#define TCR_TBI0_SHIFT 37 /* the top byte of user addresses is ignored: part of the ABI */

/* CPACR_EL1.FPEN: FP and SIMD at EL0 and EL1 untrapped; SVE and SME stay trapped. */
#define CPACR_FPEN (3 << 20)
/* CNTKCTL_EL1: EL0 reads the virtual counter, nothing else of the timers. */
#define CNTKCTL_EL0VCTEN BIT(1)

/* HCR_EL2.RW: EL1 is AArch64. */
#define HCR_RW_SHIFT             31
#define CNTHCTL_EL1PCTEN_EL1PCEN 3
/* CPTR_EL2 with HCR_EL2.E2H 0: nothing trapped but SVE and SME, which this kernel does not offer;
 * RES1 elsewhere. */
#define CPTR_EL2_VALUE     0x33ff
#define ICC_SRE_SRE_ENABLE 9 /* ICC_SRE_EL2: system registers for EL2 and EL1 */

/* Frames for tables before the buddy works (mmu.c): what is left over becomes ordinary memory. */
#define BOOT_TABLE_POOL 64

#define PSTATE_EL1H 5
#define PSTATE_DAIF 0x3c0
#define PSTATE_I    0x80
#define PSTATE_MODE 0x1f
/* What programs may change of PSTATE: flags, DIT and SSBS (reserved, and ignored, where the CPU has
 * them not). */
#define PSTATE_USER 0xf1001000

/* Exception classes, ESR_ELx.EC (D17.2.37) */
#define EC_SHIFT            26
#define EC_UNKNOWN          0x00
#define EC_WFX              0x01
#define EC_FP_TRAP          0x07
#define EC_ILLEGAL_STATE    0x0e
#define EC_SVC64            0x15
#define EC_MSR_MRS          0x18
#define EC_SVE              0x19
#define EC_IABT_LOWER       0x20
#define EC_IABT_SAME        0x21
#define EC_PC_ALIGN         0x22
#define EC_DABT_LOWER       0x24
#define EC_DABT_SAME        0x25
#define EC_SP_ALIGN         0x26
#define EC_FP_EXCEPTION     0x2c
#define EC_SERROR           0x2f
#define EC_BREAKPOINT_LOWER 0x30
#define EC_STEP_LOWER       0x32
#define EC_WATCHPOINT_LOWER 0x34
#define EC_BRK              0x3c

/* Abort syndromes: ESR_ELx.ISS */
#define ISS_WNR BIT(6)
/* cache maintenance: WnR is 1, but it needs only what a read needs... or less */
#define ISS_CM            BIT(8)
#define ISS_FNV           BIT(10) /* FAR not valid */
#define ISS_FSC           0x3f
#define FSC_TRANSLATION   0x04 /* | level */
#define FSC_ACCESS_FLAG   0x08 /* | level */
#define FSC_PERMISSION    0x0c /* | level */
#define FSC_SYNC_EXTERNAL 0x10
#define FSC_ALIGNMENT     0x21

#endif
