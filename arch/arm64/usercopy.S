// SPDX-License-Identifier: MIT
/*
 * Loads and stores of user memory by unprivileged instructions: the user's own rights decide (DDI 0487, C6.2 LDTR, STTR), with or without
 * PAN. Every such instruction has an entry in the section .fixup, a pair of offsets from the entry itself: of the instruction, and of where to go on when
 * the fault cannot be resolved. The entry code looks there only for instructions between usercopy_start and usercopy_end.
 *
 * There are no pairs of them, so blocks are stored by STP, with PAN lifted: a page that user mode may not write (AP[2:1]: PROT_NONE, read-only) is none that
 * the kernel may write, so EL1's rights come to the same. That is so for stores only: PROT_NONE is memory that the kernel could read.
 *
 * A copy works in blocks of 64 and 8 bytes, to the user of 256 too, where most of what read(2) moves passes, and never moves its pointers inside a block: when one faults for good, the fix-up goes over the
 * block again byte by byte, and the byte that faults then is exactly where the copy ends.
 */
	.macro	user insn:vararg	// one instruction; label 8 is where it goes on after a fault
.Luser\@:
	\insn
	.pushsection .fixup, "a"
	.balign	4
	.long	.Luser\@ - .
	.long	8f - .
	.popsection
	.endm

	.macro	user_byte insn:vararg	// the same, to label 9
.Luser\@:
	\insn
	.pushsection .fixup, "a"
	.balign	4
	.long	.Luser\@ - .
	.long	9f - .
	.popsection
	.endm

	.section .text
	.global usercopy_start
usercopy_start:

/* size_t user_copy_in(void *dst, virt_addr_t src, size_t n): bytes not copied. */
	.global user_copy_in
user_copy_in:
	subs	x3, x2, #64
	b.lo	2f
1:	user ldtr x4, [x1]
	user ldtr x5, [x1, #8]
	user ldtr x6, [x1, #16]
	user ldtr x7, [x1, #24]
	user ldtr x8, [x1, #32]
	user ldtr x9, [x1, #40]
	user ldtr x10, [x1, #48]
	user ldtr x11, [x1, #56]
	stp	x4, x5, [x0]
	stp	x6, x7, [x0, #16]
	stp	x8, x9, [x0, #32]
	stp	x10, x11, [x0, #48]
	add	x1, x1, #64
	add	x0, x0, #64
	mov	x2, x3
	subs	x3, x3, #64
	b.hs	1b
2:	subs	x3, x2, #8
	b.lo	8f
3:	user ldtr x4, [x1]
	add	x1, x1, #8
	str	x4, [x0], #8
	mov	x2, x3
	subs	x3, x3, #8
	b.hs	3b
8:	cbz	x2, 9f
4:	user_byte ldtrb w4, [x1]
	add	x1, x1, #1
	strb	w4, [x0], #1
	subs	x2, x2, #1
	b.ne	4b
9:	mov	x0, x2
	ret

/* size_t user_copy_out(virt_addr_t dst, const void *src, size_t n): bytes not copied. */
	.global user_copy_out
user_copy_out:
	subs	x3, x2, #256
	b.lo	5f
6:
	.irp	at, 0, 64, 128, 192
	ldp	x4, x5, [x1, #\at]
	ldp	x6, x7, [x1, #\at + 16]
	ldp	x8, x9, [x1, #\at + 32]
	ldp	x10, x11, [x1, #\at + 48]
	user stp x4, x5, [x0, #\at]
	user stp x6, x7, [x0, #\at + 16]
	user stp x8, x9, [x0, #\at + 32]
	user stp x10, x11, [x0, #\at + 48]
	.endr
	add	x1, x1, #256
	add	x0, x0, #256
	mov	x2, x3
	subs	x3, x3, #256
	b.hs	6b
5:	subs	x3, x2, #64
	b.lo	2f
1:	ldp	x4, x5, [x1]
	ldp	x6, x7, [x1, #16]
	ldp	x8, x9, [x1, #32]
	ldp	x10, x11, [x1, #48]
	user stp x4, x5, [x0]
	user stp x6, x7, [x0, #16]
	user stp x8, x9, [x0, #32]
	user stp x10, x11, [x0, #48]
	add	x1, x1, #64
	add	x0, x0, #64
	mov	x2, x3
	subs	x3, x3, #64
	b.hs	1b
2:	subs	x3, x2, #8
	b.lo	8f
3:	ldr	x4, [x1]
	user sttr x4, [x0]
	add	x1, x1, #8
	add	x0, x0, #8
	mov	x2, x3
	subs	x3, x3, #8
	b.hs	3b
8:	cbz	x2, 9f
4:	ldrb	w4, [x1]
	user_byte sttrb w4, [x0]
	add	x1, x1, #1
	add	x0, x0, #1
	subs	x2, x2, #1
	b.ne	4b
9:	mov	x0, x2
	ret

/* int user_store_fp(virt_addr_t dst): the FP registers as a signal frame has them (struct fpsimd_context; uapi asm/sigcontext.h), and the empty record
 * behind them; 16-byte aligned. 0, or 1 after a fault. PAN is lifted by the caller. */
	.arch_extension fp
	.arch_extension simd
	.global user_store_fp
user_store_fp:
	mov	x1, #0x8001		// FPSIMD_MAGIC, the size above it
	movk	x1, #0x4650, lsl #16
	movk	x1, #528, lsl #32
	mrs	x2, fpsr
	mrs	x3, fpcr
	orr	x2, x2, x3, lsl #32
	user_byte stp x1, x2, [x0]
	user_byte stp q0, q1, [x0, #16]
	user_byte stp q2, q3, [x0, #48]
	user_byte stp q4, q5, [x0, #80]
	user_byte stp q6, q7, [x0, #112]
	user_byte stp q8, q9, [x0, #144]
	user_byte stp q10, q11, [x0, #176]
	user_byte stp q12, q13, [x0, #208]
	user_byte stp q14, q15, [x0, #240]
	user_byte stp q16, q17, [x0, #272]
	user_byte stp q18, q19, [x0, #304]
	user_byte stp q20, q21, [x0, #336]
	user_byte stp q22, q23, [x0, #368]
	user_byte stp q24, q25, [x0, #400]
	user_byte stp q26, q27, [x0, #432]
	user_byte stp q28, q29, [x0, #464]
	user_byte stp q30, q31, [x0, #496]
	user_byte str xzr, [x0, #528]
	mov	w0, #0
	ret
9:	mov	w0, #1
	ret

/* size_t user_clear(virt_addr_t dst, size_t n): bytes not cleared. */
	.global user_clear
user_clear:
	mov	x2, x1
	subs	x3, x2, #64
	b.lo	2f
1:	user stp xzr, xzr, [x0]
	user stp xzr, xzr, [x0, #16]
	user stp xzr, xzr, [x0, #32]
	user stp xzr, xzr, [x0, #48]
	add	x0, x0, #64
	mov	x2, x3
	subs	x3, x3, #64
	b.hs	1b
2:	subs	x3, x2, #8
	b.lo	8f
3:	user sttr xzr, [x0]
	add	x0, x0, #8
	mov	x2, x3
	subs	x3, x3, #8
	b.hs	3b
8:	cbz	x2, 9f
4:	user_byte sttrb wzr, [x0]
	add	x0, x0, #1
	subs	x2, x2, #1
	b.ne	4b
9:	mov	x0, x2
	ret

/* int64_t user_string_in(char *dst, virt_addr_t src, size_t n): copies to the terminator inclusive: its index; n when there is none
 * in n bytes, of which any may have been written; -1: a fault. Words while they are aligned and hold no zero byte (the sum trick finds one: (w - 01..) & ~w & 80..). */
	.global user_string_in
user_string_in:
	mov	x3, #0
	mov	x7, #0x0101010101010101
	mov	x6, x1
	tst	x6, #7
	b.ne	3f
2:	sub	x8, x2, x3
	cmp	x8, #8
	b.lo	3f
	user_byte ldtr x4, [x6]		// aligned: the whole word is in the page of its first byte
	sub	x5, x4, x7
	bic	x5, x5, x4
	str	x4, [x0, x3]		// there is room, for what comes behind the terminator too
	ands	x5, x5, #0x8080808080808080
	b.ne	4f
	add	x3, x3, #8
	add	x6, x6, #8
	b	2b
3:	cmp	x3, x2
	b.hs	5f
	user_byte ldtrb w4, [x6]
	strb	w4, [x0, x3]
	cbz	w4, 5f
	add	x3, x3, #1
	add	x6, x6, #1
	tst	x6, #7
	b.ne	3b
	b	2b
4:	rbit	x5, x5			// the lowest mark is the terminator's: only those above it can be false
	clz	x5, x5
	add	x0, x3, x5, lsr #3
	ret
5:	mov	x0, x3
	ret
9:	mov	x0, #-1
	ret

/* int user_load_word(uint64_t *value, virt_addr_t src), 32 and 64 bits: 0, or 1 after a fault. */
	.global user_load_word32
user_load_word32:
	user_byte ldtr w2, [x1]
	str	w2, [x0]
	mov	w0, #0
	ret
9:	mov	w0, #1
	ret

	.global user_load_word64
user_load_word64:
	user_byte ldtr x2, [x1]
	str	x2, [x0]
	mov	w0, #0
	ret
9:	mov	w0, #1
	ret

	.global user_store_word32
user_store_word32:
	user_byte sttr w1, [x0]
	mov	w0, #0
	ret
9:	mov	w0, #1
	ret

	.global user_store_word64
user_store_word64:
	user_byte sttr x1, [x0]
	mov	w0, #0
	ret
9:	mov	w0, #1
	ret

/* int user_exchange_word32(virt_addr_t dst, uint32_t expected, uint32_t desired, uint32_t *seen): one attempt. 0: *seen is the old
 * value, stored when equal; 1: fault; 2: the exclusive store lost, try again. There are no unprivileged exclusives, so the load by LDTR proves that the user
 * may read, and a page the user may not write is read-only for the kernel too (AP[2]). PAN is lifted by the caller. */
	.global user_exchange_word32
user_exchange_word32:
	user_byte ldtr w4, [x0]
	user_byte ldaxr w4, [x0]
	cmp	w4, w1
	b.ne	1f
	user_byte stlxr w5, w2, [x0]
	cbnz	w5, 2f
	str	w4, [x3]
	mov	w0, #0
	ret
1:	clrex
	dmb	ish
	str	w4, [x3]
	mov	w0, #0
	ret
2:	mov	w0, #2
	ret
9:	clrex
	mov	w0, #1
	ret

	.global usercopy_end
usercopy_end:
