// SPDX-License-Identifier: MIT
// Moving FP state between the registers and memory.
#include "arch/arm64/offsets.h"

	.section .text
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
