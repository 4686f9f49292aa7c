// SPDX-License-Identifier: MIT
/*
 * The switch of stacks between two tasks, and moving FP state. What a function must preserve (AAPCS64, 6.1.1: x19-x29, sp) is all
 * that a switch saves, since it is a call; user registers already lie on the kernel stack.
 *
 * A task may be preempted between a TLBI, DC or IC instruction and the DSB that waits for it, and go on on another CPU. A DSB completes the
 * maintenance of the CPU that executes it and of no other (Arm ARM DDI 0487, "Data Synchronization Barrier" and "Ordering and completion
 * of TLB maintenance instructions"), so the one that the task executes there would wait for nothing. Hence one here, before the
 * task can be taken over. With no maintenance under way it waits for the store buffer alone: on a Cortex-A72 about as long as the
 * context synchronisation that a change of address space needs in any case; that much each switch pays.
 */
#include "arch/arm64/offsets.h"

	.section .text
/* struct task *cpu_switch(prev, next): returns, on next's stack, the task that ran before it. Interrupts off. */
	.global cpu_switch
cpu_switch:
	sub	sp, sp, #SWITCH_SIZE
	stp	x19, x20, [sp, #0]
	stp	x21, x22, [sp, #16]
	stp	x23, x24, [sp, #32]
	stp	x25, x26, [sp, #48]
	stp	x27, x28, [sp, #64]
	stp	x29, x30, [sp, #80]
	mov	x9, sp
	str	x9, [x0, #TASK_ARCH_SP]
	dsb	ish			// the old task's maintenance is complete: see above
	ldr	x9, [x1, #TASK_ARCH_SP]
	msr	sp_el0, x1
	mov	sp, x9
	ldp	x19, x20, [sp, #0]
	ldp	x21, x22, [sp, #16]
	ldp	x23, x24, [sp, #32]
	ldp	x25, x26, [sp, #48]
	ldp	x27, x28, [sp, #64]
	ldp	x29, x30, [sp, #80]
	add	sp, sp, #SWITCH_SIZE
	ret

	.arch_extension fp
	.arch_extension simd
	.macro	fp_all op
	\op	q0, q1, [x0, #0]
	\op	q2, q3, [x0, #32]
	\op	q4, q5, [x0, #64]
	\op	q6, q7, [x0, #96]
	\op	q8, q9, [x0, #128]
	\op	q10, q11, [x0, #160]
	\op	q12, q13, [x0, #192]
	\op	q14, q15, [x0, #224]
	\op	q16, q17, [x0, #256]
	\op	q18, q19, [x0, #288]
	\op	q20, q21, [x0, #320]
	\op	q22, q23, [x0, #352]
	\op	q24, q25, [x0, #384]
	\op	q26, q27, [x0, #416]
	\op	q28, q29, [x0, #448]
	\op	q30, q31, [x0, #480]
	.endm

/* void fp_save(struct fp_state *), void fp_load(const struct fp_state *) */
	.global fp_save
fp_save:
	fp_all	stp
	mrs	x1, fpsr
	mrs	x2, fpcr
	str	w1, [x0, #FP_STATE_FPSR]
	str	w2, [x0, #FP_STATE_FPSR + 4]
	ret

	.global fp_load
fp_load:
	fp_all	ldp
	ldr	w1, [x0, #FP_STATE_FPSR]
	ldr	w2, [x0, #FP_STATE_FPSR + 4]
	msr	fpsr, x1
	msr	fpcr, x2
	ret
