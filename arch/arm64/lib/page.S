// SPDX-License-Identifier: MIT
/*
 * Whole frames. DC ZVA zeroes a block whose size DCZID_EL0 tells (2^BS words of 4 bytes, at most 2 KB, so it divides a page), unless
 * DZP forbids it (DDI 0487, D17.2.37 DCZID_EL0).
 */
	.section .text

	.global hw_clear_page
hw_clear_page:
	mrs	x1, dczid_el0
	tbnz	x1, #4, 3f		// DZP
	and	x1, x1, #0xf
	mov	x2, #4
	lsl	x2, x2, x1		// block
	add	x3, x0, #4096
	cmp	x2, #256
	b.hi	2f
1:
	.rept	16
	dc	zva, x0
	add	x0, x0, x2
	.endr
	cmp	x0, x3
	b.lo	1b
	ret
2:	dc	zva, x0
	add	x0, x0, x2
	cmp	x0, x3
	b.lo	2b
	ret
3:	mov	x3, #64
4:	stp	xzr, xzr, [x0]
	stp	xzr, xzr, [x0, #16]
	stp	xzr, xzr, [x0, #32]
	stp	xzr, xzr, [x0, #48]
	add	x0, x0, #64
	subs	x3, x3, #1
	b.ne	4b
	ret

/*
 * void copy_page_fp(void *dst, const void *src), preemption off: 64 bytes at a time by FP registers, which are some user task's and keep what they hold.
 * A quarter of the instructions that general registers take. Two sets in turn: no store waits for the load right before it.
 */
	.arch_extension fp
	.arch_extension simd
	.global copy_page_fp
copy_page_fp:
	stp	q0, q1, [sp, #-128]!
	stp	q2, q3, [sp, #32]
	stp	q4, q5, [sp, #64]
	stp	q6, q7, [sp, #96]
	mov	x2, #8
1:
	.rept	4
	ld1	{v0.16b-v3.16b}, [x1], #64
	ld1	{v4.16b-v7.16b}, [x1], #64
	st1	{v0.16b-v3.16b}, [x0], #64
	st1	{v4.16b-v7.16b}, [x0], #64
	.endr
	subs	x2, x2, #1
	b.ne	1b
	ldp	q2, q3, [sp, #32]
	ldp	q4, q5, [sp, #64]
	ldp	q6, q7, [sp, #96]
	ldp	q0, q1, [sp], #128
	ret
