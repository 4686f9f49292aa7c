// SPDX-License-Identifier: MIT
/*
 * The way from the boot loader to kernel_main.
 *
 * The image is entered at its first byte with the MMU off, at EL2 or EL1, at whatever 2 MB boundary it was loaded, x0 the physical
 * address of the device tree (Linux arm64 boot protocol, Documentation/arch/arm64/booting). Until the MMU is on, every
 * address is taken relative to the program counter.
 *
 *   drop to EL1 -> tables for the image (text RX, constants R, data RW, page by page) and an identity map of the
 *   one page that turns the MMU on -> MMU on -> jump to the linked address -> leave TTBR0 empty -> clear bss -> kernel_main
 *
 * Memory written while the MMU is off goes around the caches, so what is written then (the tables, and nothing else) is
 * invalidated from them before it is used through them (DDI 0487, B2.7 mismatched memory attributes).
 * Other CPUs come the same way with the tables already built, entering at secondary_entry.
 */
#include "arch/arm64/kernel_map.h"
#include "arch/arm64/offsets.h"
#include "arch/arm64/sysreg.h"

	.macro	address_of reg, sym	// where sym lies now: physical while the MMU is off
	adrp	\reg, \sym
	add	\reg, \reg, :lo12:\sym
	.endm

	.section .head.text, "ax"
	.global image_start_code
image_start_code:
	b	boot_entry
	.long	0
	.quad	0			// text_offset
	.quad	image_size
	.quad	0xa			// little endian, 4 KB pages, anywhere in RAM
	.quad	0, 0, 0
	.ascii	"ARM\x64"
	.long	0

boot_entry:
	msr	daifset, #0xf
	mov	x21, x0			// device tree
	mrs	x22, CurrentEL
	bl	enter_el1
	bl	build_tables
	ldr	x5, =boot_virtual
	b	mmu_on
	.ltorg

/* ---- Dropping from EL2 ----------------------------------------------------------------------------------------------- */

/* Returns at EL1 with the MMU off, whatever it was called at. Keeps x19-x30. */
enter_el1:
	mrs	x0, CurrentEL
	cmp	x0, #(2 << 2)
	b.eq	1f
	ldr	x0, =SCTLR_OFF
	msr	sctlr_el1, x0
	isb
	ret
1:	mov	x0, #1
	lsl	x0, x0, #HCR_RW_SHIFT
	msr	hcr_el2, x0
	mov	x0, #CNTHCTL_EL1PCTEN_EL1PCEN
	msr	cnthctl_el2, x0
	msr	cntvoff_el2, xzr	// virtual counter = physical counter
	mov	x0, #CPTR_EL2_VALUE
	msr	cptr_el2, x0
	msr	hstr_el2, xzr
	msr	vttbr_el2, xzr
	mrs	x0, midr_el1
	msr	vpidr_el2, x0
	mrs	x0, mpidr_el1
	msr	vmpidr_el2, x0

	mrs	x1, id_aa64dfr0_el1	// MDCR_EL2.HPMN: all event counters for EL1, where there is a PMU
	ubfx	x2, x1, #8, #4
	mov	x0, xzr
	sub	x2, x2, #1
	cmp	x2, #0xe		// PMUVer 0: none, 15: not Arm's
	b.hs	2f
	mrs	x0, pmcr_el0
	ubfx	x0, x0, #11, #5
2:	msr	mdcr_el2, x0

	mrs	x1, id_aa64pfr0_el1	// GIC system registers: let EL1 use them
	ubfx	x1, x1, #24, #4
	cbz	x1, 3f
	mrs	x0, S3_4_C12_C9_5	// ICC_SRE_EL2
	orr	x0, x0, #ICC_SRE_SRE_ENABLE & 1
	orr	x0, x0, #ICC_SRE_SRE_ENABLE & 8
	msr	S3_4_C12_C9_5, x0
	isb
	mrs	x0, S3_4_C12_C9_5
	tbz	x0, #0, 3f		// firmware keeps the memory-mapped interface
	msr	S3_4_C12_C11_0, xzr	// ICH_HCR_EL2

3:	mrs	x1, id_aa64mmfr0_el1	// FEAT_FGT: no fine-grained traps
	ubfx	x1, x1, #56, #4
	cbz	x1, 4f
	msr	S3_4_C1_C1_4, xzr	// HFGRTR_EL2
	msr	S3_4_C1_C1_5, xzr	// HFGWTR_EL2
	msr	S3_4_C1_C1_6, xzr	// HFGITR_EL2
	msr	S3_4_C3_C1_4, xzr	// HDFGRTR_EL2
	msr	S3_4_C3_C1_5, xzr	// HDFGWTR_EL2

4:	ldr	x0, =SCTLR_OFF
	msr	sctlr_el1, x0
	mov	x0, #(PSTATE_DAIF | PSTATE_EL1H)
	msr	spsr_el2, x0
	msr	elr_el2, x30
	eret

/* ---- First tables, MMU off ------------------------------------------------------------------------------------------- */

/* Invalidates [x0, x1) from the data caches to the point of coherency. Clobbers x2-x3. */
invalidate_range:
	mrs	x2, ctr_el0
	ubfx	x2, x2, #16, #4		// DminLine: log2 of words
	mov	x3, #4
	lsl	x3, x3, x2
	sub	x2, x3, #1
	bic	x0, x0, x2
1:	dc	ivac, x0
	add	x0, x0, x3
	cmp	x0, x1
	b.lo	1b
	dsb	sy
	ret

/* image_l3[offset of start .. offset of end) := pages of the image with these attributes. x9: image_l3, x10: where the
 * image lies. Clobbers x0-x3. */
	.macro	map_image start, end, attributes
	address_of x0, \start
	address_of x1, \end
	ldr	x2, =\attributes
	bl	map_pages
	.endm

map_pages:				// [x0, x1) attributes x2
	sub	x3, x0, x10
	add	x3, x9, x3, lsr #9	// 8 bytes per 4 KB
1:	cmp	x0, x1
	b.hs	2f
	orr	x4, x0, x2
	str	x4, [x3], #8
	add	x0, x0, #4096
	b	1b
2:	ret

	.macro	link_table table, index, next	// table[index] := next, a table
	address_of x0, \table
	address_of x1, \next
	orr	x1, x1, #PTE_TYPE_TABLE
	str	x1, [x0, #8 * (\index)]
	.endm

build_tables:
	mov	x20, x30
	address_of x0, tables_start
	address_of x1, boot_table_pool
	bl	invalidate_range	// no dirty line of a former user may be written over the tables
	address_of x0, tables_start
	address_of x1, boot_table_pool
1:	stp	xzr, xzr, [x0], #16
	cmp	x0, x1
	b.lo	1b

	address_of x9, image_l3
	address_of x10, image_start
	map_image image_start, text_end, PTE_KERNEL_TEXT
	map_image text_end, rodata_end, PTE_KERNEL_RODATA
	map_image rodata_end, image_end, PTE_KERNEL_DATA
	link_table kernel_root, 511, image_l1
	link_table image_l1, 510, image_l2
	link_table image_l2, 0, image_l3
	address_of x0, image_l2		// the second half of image_l3 is the next table
	add	x1, x1, #4096
	str	x1, [x0, #8]

	address_of x9, image_start	// identity map: one page, read-only, executable
	ldr	x2, =PTE_KERNEL_TEXT
	orr	x2, x2, x9
	.macro	identity_level table, shift, entry
	address_of x0, \table
	ubfx	x1, x9, #\shift, #9
	str	\entry, [x0, x1, lsl #3]
	orr	\entry, x0, #PTE_TYPE_TABLE
	.endm
	identity_level idmap_l3, 12, x2
	identity_level idmap_l2, 21, x2
	identity_level idmap_l1, 30, x2
	identity_level idmap_l0, 39, x2

	address_of x0, tables_start
	address_of x1, boot_table_pool
	dsb	sy
	bl	invalidate_range
	mov	x30, x20
	ret

/* ---- MMU on: this page is mapped at its own address ------------------------------------------------------------------ */

	.section .idmap.text, "ax"
/* Turns the MMU on, TTBR1: kernel_root, TTBR0: idmap_l0, and goes on at the linked address x5. Clobbers x0-x4. */
mmu_on:
	ldr	x0, =MAIR_VALUE
	msr	mair_el1, x0
	mov	x1, #TCR_T0SZ
	ldr	x0, =(TCR_T1SZ | TCR_WALK0 | TCR_WALK1 | TCR_TG1_4K)
	orr	x1, x1, x0
	mov	x0, #1
	orr	x1, x1, x0, lsl #TCR_TBI0_SHIFT
	mrs	x2, id_aa64mmfr0_el1
	and	x3, x2, #0xf		// PARange; 6 (52 bits) needs 64 KB pages or LPA2: 5 is the 4 KB maximum
	cmp	x3, #5
	mov	x4, #5
	csel	x3, x3, x4, ls
	orr	x1, x1, x3, lsl #TCR_IPS_SHIFT
	ubfx	x3, x2, #4, #4		// ASIDBits: 2 is 16 bits
	cmp	x3, #2
	cset	x3, eq
	orr	x1, x1, x3, lsl #TCR_AS_SHIFT
	mrs	x2, id_aa64mmfr1_el1
	ands	x3, x2, #0xf		// HAFDBS: the walker can set the access flag
	cset	x3, ne
	orr	x1, x1, x3, lsl #TCR_HA_SHIFT
	msr	tcr_el1, x1
	address_of x0, idmap_l0
	msr	ttbr0_el1, x0
	address_of x0, kernel_root
	msr	ttbr1_el1, x0
	isb				// all of it before the TLBs are emptied and walks can start
	tlbi	vmalle1
	ic	iallu
	dsb	nsh
	isb
	mrs	x1, id_aa64mmfr1_el1
	ubfx	x1, x1, #20, #4		// PAN
	ldr	x0, =SCTLR_ON
	cbz	x1, 1f
	bic	x0, x0, #SCTLR_SPAN	// exceptions set PSTATE.PAN
1:	msr	sctlr_el1, x0
	isb
	cbz	x1, 2f
	msr	S0_0_C4_C1_4, xzr	// MSR PAN, #1
2:	br	x5
	.ltorg

/* Other CPUs: x0 is their struct cpu_local (its linked address). */
	.global secondary_entry, secondary_entry_spin
secondary_entry_spin:			// from a spin table: find ourselves by affinity
	mrs	x1, mpidr_el1
	ldr	x2, =0xff00ffffff
	and	x1, x1, x2
	address_of x3, cpu_locals
	ldr	x0, =cpu_locals
1:	ldr	x2, [x3, #CPU_MPIDR]
	cmp	x1, x2
	b.eq	secondary_entry
	add	x3, x3, #CPU_LOCAL_SIZE
	add	x0, x0, #CPU_LOCAL_SIZE
	b	1b
secondary_entry:
	msr	daifset, #0xf
	mov	x19, x0
	bl	enter_el1
	ldr	x5, =secondary_virtual
	b	mmu_on
	.ltorg

/* ---- At the linked address ------------------------------------------------------------------------------------------- */

	.section .text
/* TTBR0 := the empty table: no translation below, and none left from the identity map. ASID 0 belongs to nobody. */
	.macro	leave_identity
	adrp	x0, image_start
	ldr	x1, =image_pa
	ldr	x2, [x1]
	ldr	x1, =empty_table
	sub	x1, x1, x0
	add	x1, x1, x2
	msr	ttbr0_el1, x1
	isb
	tlbi	vmalle1
	dsb	nsh
	isb
	.endm

	.macro	cpu_registers
	mov	x0, #CPACR_FPEN
	msr	cpacr_el1, x0
	mov	x0, #CNTKCTL_EL0VCTEN
	msr	cntkctl_el1, x0
	msr	mdscr_el1, xzr		// no self-hosted debug
	msr	tpidrro_el0, xzr
	msr	tpidr_el0, xzr
	mrs	x0, id_aa64dfr0_el1
	ubfx	x0, x0, #8, #4
	sub	x0, x0, #1
	cmp	x0, #0xe
	b.hs	1f
	msr	pmuserenr_el0, xzr
1:	ldr	x0, =vectors
	msr	vbar_el1, x0
	isb
	.endm

boot_virtual:
	ldr	x0, =bss_start
	ldr	x1, =bss_end
1:	cmp	x0, x1
	b.hs	2f
	stp	xzr, xzr, [x0], #16
	b	1b
2:	ldr	x0, =kernel_root	// the tables' physical address tells where the image lies
	ldr	x1, =image_start
	sub	x0, x0, x1
	mrs	x1, ttbr1_el1
	sub	x0, x1, x0
	ldr	x1, =image_pa
	str	x0, [x1]
	ldr	x1, =boot_el
	lsr	x22, x22, #2
	str	w22, [x1]
	leave_identity
	cpu_registers
	ldr	x0, =cpu_locals
	msr	tpidr_el1, x0
	ldr	x1, =boot_task
	str	x1, [x0, #CPU_CURRENT]
	msr	sp_el0, x1
	ldr	x1, =emergency_stack_top
	str	x1, [x0, #CPU_EMERGENCY]
	ldr	x0, =boot_stack_top
	mov	sp, x0
	mov	x29, xzr
	mov	x30, xzr
	mov	x0, x21
	bl	kernel_main

secondary_virtual:
	leave_identity
	cpu_registers
	msr	tpidr_el1, x19
	ldr	x0, [x19, #CPU_CURRENT]
	msr	sp_el0, x0
	ldr	x1, [x0, #TASK_ARCH_SP]
	mov	sp, x1
	mov	x29, xzr
	mov	x30, xzr
	mov	x0, x19
	bl	secondary_start
	.ltorg

/* ---- Data ------------------------------------------------------------------------------------------------------------ */

	.section .bss
	.balign	8
	.global image_pa
image_pa:	.skip 8			// physical address of image_start
	.global boot_el
boot_el:	.skip 4

	.section .bootstack, "aw", %nobits
	.skip	4096
emergency_stack_top:
	.global boot_stack
boot_stack:
	.skip	16384
boot_stack_top:

	.section .boottables, "aw", %nobits
	.balign	4096
	.global kernel_root, empty_table, boot_table_pool
kernel_root:	.skip 4096
image_l1:	.skip 4096
image_l2:	.skip 4096
image_l3:	.skip 8192
idmap_l0:	.skip 4096
idmap_l1:	.skip 4096
idmap_l2:	.skip 4096
idmap_l3:	.skip 4096
empty_table:	.skip 4096
boot_table_pool:
	.skip	4096 * BOOT_TABLE_POOL
