// SPDX-License-Identifier: MIT
/*
 * memcpy, memmove, memset and memcmp without FP registers. Ordinary memory allows unaligned accesses (SCTLR_EL1.A is 0), so
 * nothing is aligned first, except for DC ZVA. Not for device memory.
 *
 * A forward copy moves 64 bytes a step, all loads before the stores, then the rest by halves: every step stores only below what is
 * still to be loaded when dst < src, so it serves overlapping moves as well. The backward copy mirrors it.
 */
	.section .text

	.global memcpy
	.global memmove
memmove:
	sub	x3, x0, x1
	cmp	x3, x2			// unsigned: dst in [src, src + n)?
	b.lo	copy_backward
memcpy:
	mov	x3, x0
	subs	x4, x2, #64
	b.lo	2f
1:	ldp	x5, x6, [x1]
	ldp	x7, x8, [x1, #16]
	ldp	x9, x10, [x1, #32]
	ldp	x11, x12, [x1, #48]
	add	x1, x1, #64
	subs	x4, x4, #64
	stp	x5, x6, [x3]
	stp	x7, x8, [x3, #16]
	stp	x9, x10, [x3, #32]
	stp	x11, x12, [x3, #48]
	add	x3, x3, #64
	b.hs	1b
2:	tst	x2, #63
	b.eq	9f
	tbz	x2, #5, 3f
	ldp	x5, x6, [x1]
	ldp	x7, x8, [x1, #16]
	add	x1, x1, #32
	stp	x5, x6, [x3]
	stp	x7, x8, [x3, #16]
	add	x3, x3, #32
3:	tbz	x2, #4, 4f
	ldp	x5, x6, [x1], #16
	stp	x5, x6, [x3], #16
4:	tbz	x2, #3, 5f
	ldr	x5, [x1], #8
	str	x5, [x3], #8
5:	tbz	x2, #2, 6f
	ldr	w5, [x1], #4
	str	w5, [x3], #4
6:	tbz	x2, #1, 7f
	ldrh	w5, [x1], #2
	strh	w5, [x3], #2
7:	tbz	x2, #0, 9f
	ldrb	w5, [x1]
	strb	w5, [x3]
9:	ret

copy_backward:
	cbz	x3, 9b			// the same place
	add	x1, x1, x2
	add	x3, x0, x2
	subs	x4, x2, #64
	b.lo	2f
1:	ldp	x5, x6, [x1, #-16]
	ldp	x7, x8, [x1, #-32]
	ldp	x9, x10, [x1, #-48]
	ldp	x11, x12, [x1, #-64]!
	subs	x4, x4, #64
	stp	x5, x6, [x3, #-16]
	stp	x7, x8, [x3, #-32]
	stp	x9, x10, [x3, #-48]
	stp	x11, x12, [x3, #-64]!
	b.hs	1b
2:	tbz	x2, #5, 3f
	ldp	x5, x6, [x1, #-16]
	ldp	x7, x8, [x1, #-32]!
	stp	x5, x6, [x3, #-16]
	stp	x7, x8, [x3, #-32]!
3:	tbz	x2, #4, 4f
	ldp	x5, x6, [x1, #-16]!
	stp	x5, x6, [x3, #-16]!
4:	tbz	x2, #3, 5f
	ldr	x5, [x1, #-8]!
	str	x5, [x3, #-8]!
5:	tbz	x2, #2, 6f
	ldr	w5, [x1, #-4]!
	str	w5, [x3, #-4]!
6:	tbz	x2, #1, 7f
	ldrh	w5, [x1, #-2]!
	strh	w5, [x3, #-2]!
7:	tbz	x2, #0, 8f
	ldrb	w5, [x1, #-1]!
	strb	w5, [x3, #-1]!
8:	ret

	.global memset
memset:
	and	x1, x1, #0xff
	mov	x4, #0x0101010101010101
	mul	x1, x1, x4
	mov	x3, x0
	subs	x4, x2, #64
	b.lo	2f
1:	stp	x1, x1, [x3]
	stp	x1, x1, [x3, #16]
	stp	x1, x1, [x3, #32]
	stp	x1, x1, [x3, #48]
	add	x3, x3, #64
	subs	x4, x4, #64
	b.hs	1b
2:	tbz	x2, #5, 3f
	stp	x1, x1, [x3]
	stp	x1, x1, [x3, #16]
	add	x3, x3, #32
3:	tbz	x2, #4, 4f
	stp	x1, x1, [x3], #16
4:	tbz	x2, #3, 5f
	str	x1, [x3], #8
5:	tbz	x2, #2, 6f
	str	w1, [x3], #4
6:	tbz	x2, #1, 7f
	strh	w1, [x3], #2
7:	tbz	x2, #0, 8f
	strb	w1, [x3]
8:	ret

	.global memcmp
memcmp:
	subs	x2, x2, #8
	b.lo	2f
1:	ldr	x3, [x0], #8
	ldr	x4, [x1], #8
	cmp	x3, x4
	b.ne	4f
	subs	x2, x2, #8
	b.hs	1b
2:	adds	x2, x2, #8
	b.eq	5f
3:	ldrb	w3, [x0], #1
	ldrb	w4, [x1], #1
	subs	w3, w3, w4
	b.ne	6f
	subs	x2, x2, #1
	b.ne	3b
5:	mov	w0, #0
	ret
4:	rev	x3, x3			// the first differing byte decides: compare as big endian
	rev	x4, x4
	cmp	x3, x4
	mov	w0, #1
	cneg	w0, w0, lo
	ret
6:	mov	w0, w3
	ret
