// SPDX-License-Identifier: MIT
/*
 * The page of code that every program has mapped: a shared object of one page, written out by hand since its parts never change. It
 * offers __kernel_rt_sigreturn, where signal handlers without a restorer of their own return to. Layouts: ELF-64 Object File Format 1.5.
 */
#include "arch/arm64/vdso.h"

	.section .rodata
	.balign	4096
	.global vdso_page
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
	.quad	0, 0, 0, vdso_end - vdso_page, vdso_end - vdso_page, 4096
	.word	2, 4			// PT_DYNAMIC
	.quad	dynamic - vdso_page, dynamic - vdso_page, dynamic - vdso_page
	.quad	dynamic_end - dynamic, dynamic_end - dynamic, 8

	.balign	8
hash:	.word	1, 2			// one bucket, two symbols
	.word	1			// bucket 0: symbol 1
	.word	0, 0			// chains end

	.balign	8
symbols:
	.skip	24
	.word	name_sigreturn - strings
	.byte	0x12, 0			// global function
	.hword	1			// defined (no section headers to name one)
	.quad	VDSO_SIGRETURN, 8

strings:
	.byte	0
name_sigreturn:
	.asciz	"__kernel_rt_sigreturn"
name_so:
	.asciz	"linux-vdso.so.1"
strings_end:

	.balign	8
dynamic:
	.quad	14, name_so - strings	// DT_SONAME
	.quad	4, hash - vdso_page	// DT_HASH
	.quad	5, strings - vdso_page	// DT_STRTAB
	.quad	6, symbols - vdso_page	// DT_SYMTAB
	.quad	10, strings_end - strings // DT_STRSZ
	.quad	11, 24			// DT_SYMENT
	.quad	0, 0
dynamic_end:

	/* Unwinders know a signal frame by these two instructions at the return address, and look one instruction before it. */
	.org	vdso_page + VDSO_SIGRETURN - 4
	nop
	mov	x8, #139		// rt_sigreturn
	svc	#0
vdso_end:
	.org	vdso_page + 4096
