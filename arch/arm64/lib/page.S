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

	.global hw_copy_page
hw_copy_page:
	mov	x2, #32
1:	ldp	x3, x4, [x1]
	ldp	x5, x6, [x1, #16]
	ldp	x7, x8, [x1, #32]
	ldp	x9, x10, [x1, #48]
	ldp	x11, x12, [x1, #64]
	ldp	x13, x14, [x1, #80]
	ldp	x15, x16, [x1, #96]
	stp	x3, x4, [x0]
	stp	x5, x6, [x0, #16]
	ldp	x3, x4, [x1, #112]
	stp	x7, x8, [x0, #32]
	stp	x9, x10, [x0, #48]
	stp	x11, x12, [x0, #64]
	stp	x13, x14, [x0, #80]
	stp	x15, x16, [x0, #96]
	stp	x3, x4, [x0, #112]
	add	x1, x1, #128
	add	x0, x0, #128
	subs	x2, x2, #1
	b.ne	1b
	ret
