// SPDX-License-Identifier: MIT
/*
 * ELF files as exec sees them: what of the header and the program headers matters, checked. Pure
 * functions over bytes in memory, so that the host's tests and fuzzers run the same code.
 */
#ifndef KERNEL_ELF_H
#define KERNEL_ELF_H

#include <linux/elf.h>

#include "kernel/lib/types.h"

/* PT_LOAD segments: struct exec with two such tables fits into a page */
#define ELF_SEGMENTS_MAX 24
#define ELF_HEADERS_MAX  256 /* program headers */

struct elf_segment {
	uint64_t vaddr, offset, filesz, memsz;
	uint32_t flags; /* PF_R, PF_W, PF_X */
};

struct elf_image {
	bool dynamic;    /* ET_DYN: may lie anywhere */
	bool exec_stack; /* PT_GNU_STACK asks for it */
	uint64_t entry;
	uint64_t low, high; /* page-aligned span of all segments */
	uint64_t align;     /* largest p_align of a segment, a power of two, at least a page */
	uint64_t phoff;
	unsigned phnum;
	uint64_t phdr;          /* address of the program headers in memory, or 0: not loaded */
	uint64_t interp_offset; /* path of the interpreter in the file; interp_size 0: none */
	uint64_t interp_size;   /* with its terminator */
	unsigned nsegments;
	struct elf_segment segments[ELF_SEGMENTS_MAX]; /* ascending, not overlapping */
};

/* Checks an AArch64 executable's header and notes entry, phoff, phnum. 0 or -ENOEXEC. */
int elf_parse_header(struct elf_image *e, const Elf64_Ehdr *h) MUST_CHECK;
/* Then its program headers (e->phnum of them); file_size bounds what they may refer to, [user_min,
 * user_top) where they may lie. 0 or -ENOEXEC. */
int elf_parse_segments(struct elf_image *e, const Elf64_Phdr *ph, uint64_t file_size,
		       uint64_t user_min, uint64_t user_top) MUST_CHECK;

#endif
