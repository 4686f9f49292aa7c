// SPDX-License-Identifier: MIT
/*
 * The vDSO: the page of code that every program has mapped, a shared object of one page, written out by hand since its parts never change.
 *
 *    __kernel_clock_gettime, __kernel_gettimeofday, __kernel_clock_getres   clocks without a system call
 *    __kernel_rt_sigreturn                                                  where handlers without a restorer of their own return to
 *
 * The clock's terms (struct vdso_clock) lie behind the code, written by the kernel alone (arch_clock_set): nanoseconds are
 *
 *    counter * whole + (counter * frac >> 64) (+ offset for the wall clock)
 *
 * as in kernel/clock_scale.h. The scale never changes while programs run and the offset is one word, so a reader sees all of a change or
 * nothing: there is no sequence to check and nothing to repeat. What is not answered here (CPU-time clocks, numbers that are no clock)
 * goes on to the system call, which gives the error.
 *
 * Layouts: ELF-64 Object File Format 1.5; symbol versions: LSB Core 5.0, "Symbol Versioning". C libraries ask for LINUX_2.6.39.
 */
#include "arch/arm64/vdso.h"

#define SYSCALL_GETRES       114
#define SYSCALL_GETTIME      113
#define SYSCALL_SIGRETURN    139

/* Clock numbers as bits: CLOCK_REALTIME, _COARSE, CLOCK_TAI; CLOCK_MONOTONIC, _RAW, _COARSE, CLOCK_BOOTTIME (kernel/sys_time.c). */
#define CLOCKS_MAX           11
#define CLOCKS_WALL          (1 << 0 | 1 << 5 | 1 << 11)
#define CLOCKS_MONOTONIC     (1 << 1 | 1 << 4 | 1 << 6 | 1 << 7)

#define DT_END               0
#define DT_HASH              4
#define DT_STRTAB            5
#define DT_SYMTAB            6
#define DT_STRSZ             10
#define DT_SYMENT            11
#define DT_SONAME            14
#define DT_VERSYM            0x6ffffff0
#define DT_VERDEF            0x6ffffffc
#define DT_VERDEFNUM         0x6ffffffd

	.section .rodata
	.balign	64
	.global vdso_page, vdso_end
vdso_page:
	/* ELF header */
	.byte	0x7f
	.ascii	"ELF"
	.byte	2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0
	.hword	3, 183			// ET_DYN, EM_AARCH64
	.word	1
	.quad	0			// entry
	.quad	phdrs - vdso_page
	.quad	0			// sections: none
	.word	0
	.hword	64, 56, 2, 0, 0, 0

phdrs:	.word	1, 5			// PT_LOAD, read and execute
	.quad	0, 0, 0, 4096, 4096, 4096
	.word	2, 4			// PT_DYNAMIC
	.quad	dynamic - vdso_page, dynamic - vdso_page, dynamic - vdso_page
	.quad	dynamic_end - dynamic, dynamic_end - dynamic, 8

	.balign	8
hash:	.word	1, 5			// one bucket, five symbols
	.word	1			// the bucket begins with symbol 1
	.word	0, 2, 3, 4, 0		// and each leads to the next

	.macro	function name, at, end
	.word	\name - strings
	.byte	0x12, 0			// global function
	.hword	1			// defined (no section headers to name one)
	.quad	\at - vdso_page, \end - \at
	.endm

	.balign	8
symbols:
	.skip	24
	function name_gettime, clock_gettime, clock_gettime_end
	function name_gettimeofday, gettimeofday, gettimeofday_end
	function name_getres, clock_getres, clock_getres_end
	function name_sigreturn, sigreturn, sigreturn_end

versions:				// of each symbol
	.hword	0, 2, 2, 2, 2

	.balign	8
definitions:
	.hword	1, 1, 1, 1		// version 1 of the format; the object itself; index 1; one name
	.word	0xdeebfa1, 20, 28	// its name's hash, where the name and where the next definition is
	.word	name_so - strings, 0
	.hword	1, 0, 2, 1
	.word	0x75fcb89, 20, 0
	.word	name_version - strings, 0

strings:
	.byte	0
name_gettime:
	.asciz	"__kernel_clock_gettime"
name_gettimeofday:
	.asciz	"__kernel_gettimeofday"
name_getres:
	.asciz	"__kernel_clock_getres"
name_sigreturn:
	.asciz	"__kernel_rt_sigreturn"
name_so:
	.asciz	"linux-vdso.so.1"
name_version:
	.asciz	"LINUX_2.6.39"
strings_end:

	.balign	8
dynamic:
	.quad	DT_SONAME, name_so - strings
	.quad	DT_HASH, hash - vdso_page
	.quad	DT_STRTAB, strings - vdso_page
	.quad	DT_SYMTAB, symbols - vdso_page
	.quad	DT_STRSZ, strings_end - strings
	.quad	DT_SYMENT, 24
	.quad	DT_VERSYM, versions - vdso_page
	.quad	DT_VERDEF, definitions - vdso_page
	.quad	DT_VERDEFNUM, 2
	.quad	DT_END, 0
dynamic_end:

	/* Unwinders know a signal frame by these two instructions at the return address, and look one instruction before it. */
	.org	vdso_page + VDSO_SIGRETURN - 4
	nop
sigreturn:
	mov	x8, #SYSCALL_SIGRETURN
	svc	#0
sigreturn_end:

	/* x9 := monotonic nanoseconds, x10 := the wall clock's offset. Uses x11 and x12. The ISB keeps the counter from being read before
	 * earlier instructions (DDI 0487, D12.1.2); a change of the offset is seen as soon as any other store of the kernel is. */
	.macro	read_clock
	adr	x9, vdso_page + VDSO_CLOCK
	ldp	x11, x12, [x9]
	ldr	x10, [x9, #16]
	isb
	mrs	x9, cntvct_el0
	umulh	x12, x9, x12
	madd	x9, x9, x11, x12
	.endm

	/* \seconds, \rest := x9 / (\high << 16 | \low). Uses x11. */
	.macro	split seconds, rest, low, high
	mov	w11, #\low
	movk	w11, #\high, lsl #16
	udiv	\seconds, x9, x11
	msub	\rest, \seconds, x11, x9
	.endm

	/* w0: a clock, its timespec at x1. */
	.balign	64
clock_gettime:
	cmp	w0, #CLOCKS_MAX
	b.hi	1f
	mov	w9, #CLOCKS_WALL
	mov	w10, #CLOCKS_MONOTONIC
	lsr	w2, w9, w0
	lsr	w3, w10, w0
	tst	w2, #1
	orr	w3, w3, w2
	tbz	w3, #0, 1f
	read_clock
	csel	x10, x10, xzr, ne
	add	x9, x9, x10
	split	x2, x3, 0xca00, 0x3b9a	// 10^9
	stp	x2, x3, [x1]
	mov	w0, #0
	ret
1:	mov	x8, #SYSCALL_GETTIME
	svc	#0
	ret
clock_gettime_end:

	/* A timeval at x0 and a timezone at x1, or 0: Universal Time. */
	.balign	16
gettimeofday:
	cbz	x0, 1f
	read_clock
	add	x9, x9, x10
	split	x2, x3, 0xca00, 0x3b9a
	mov	w4, #1000
	udiv	x3, x3, x4
	stp	x2, x3, [x0]
1:	cbz	x1, 2f
	str	xzr, [x1]
2:	mov	w0, #0
	ret
gettimeofday_end:

	/* w0: a clock; x1: where its resolution, one nanosecond, goes, or 0. */
	.balign	16
clock_getres:
	cmp	w0, #CLOCKS_MAX
	b.hi	1f
	mov	w2, #(CLOCKS_WALL | CLOCKS_MONOTONIC)
	lsr	w2, w2, w0
	tbz	w2, #0, 1f
	mov	w0, #0
	cbz	x1, 2f
	mov	x2, #1
	stp	xzr, x2, [x1]
2:	ret
1:	mov	x8, #SYSCALL_GETRES
	svc	#0
	ret
clock_getres_end:

	.org	vdso_page + VDSO_CLOCK
vdso_end:			// the rest of the page is zero, but for the clock
