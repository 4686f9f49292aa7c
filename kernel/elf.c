// SPDX-License-Identifier: MIT
/*
 * Checks of ELF headers (System V gABI, chapters 4 and 5; ELF for the Arm 64-bit Architecture, IHI
 * 0056). What passes here can be mapped: every range lies in the file and in user space, none
 * overlaps another, sums do not wrap. What does not is refused before exec has destroyed anything.
 */
#include "kernel/elf.h"

#include "kernel/errno.h"
#include "kernel/lib/string.h"

#define INTERP_MAX 4096 /* PATH_MAX */

int elf_parse_header(struct elf_image *e, const Elf64_Ehdr *h)
{
	memset(e, 0, sizeof(*e));
	if (memcmp(h->e_ident, ELFMAG, SELFMAG) != 0 || h->e_ident[EI_CLASS] != ELFCLASS64 ||
	    h->e_ident[EI_DATA] != ELFDATA2LSB)
		return -ENOEXEC;
	if (h->e_machine != EM_AARCH64 || (h->e_type != ET_EXEC && h->e_type != ET_DYN))
		return -ENOEXEC;
	if (h->e_phentsize != sizeof(Elf64_Phdr) || h->e_phnum == 0 || h->e_phnum > ELF_HEADERS_MAX)
		return -ENOEXEC;
	e->dynamic = h->e_type == ET_DYN;
	e->entry = h->e_entry;
	e->phoff = h->e_phoff;
	e->phnum = h->e_phnum;
	e->align = PAGE_SIZE;
	return 0;
}

/* [start, start + size) lies below end and does not wrap. */
static bool in_range(uint64_t start, uint64_t size, uint64_t end)
{
	return size <= end && start <= end - size;
}

static int add_segment(struct elf_image *e, const Elf64_Phdr *ph, uint64_t file_size,
		       uint64_t user_top)
{
	struct elf_segment *last = e->nsegments ? &e->segments[e->nsegments - 1] : NULL;

	if (ph->p_memsz == 0)
		return 0;
	if (e->nsegments == ELF_SEGMENTS_MAX || ph->p_filesz > ph->p_memsz)
		return -ENOEXEC;
	if (!in_range(ph->p_offset, ph->p_filesz, file_size) ||
	    !in_range(ph->p_vaddr, ph->p_memsz, user_top - PAGE_SIZE))
		return -ENOEXEC;
	/* The page that holds the first byte in the file is the page that is mapped. */
	if (ph->p_filesz && (ph->p_vaddr - ph->p_offset) % PAGE_SIZE != 0)
		return -ENOEXEC;
	if (last && ph->p_vaddr < last->vaddr + last->memsz)
		return -ENOEXEC;
	/* Bytes behind the file's part must read zero: in a page that cannot be written they could
	 * not be cleared. */
	if (ph->p_memsz > ph->p_filesz && !(ph->p_flags & PF_W) &&
	    (ph->p_vaddr + ph->p_filesz) % PAGE_SIZE != 0)
		return -ENOEXEC;
	if (ph->p_align > PAGE_SIZE && (ph->p_align & (ph->p_align - 1)) == 0 &&
	    ph->p_align <= user_top / 4)
		e->align = MAX(e->align, (uint64_t)ph->p_align);
	e->segments[e->nsegments++] = (struct elf_segment){ ph->p_vaddr, ph->p_offset, ph->p_filesz,
							    ph->p_memsz, ph->p_flags };
	return 0;
}

static int note_interp(struct elf_image *e, const Elf64_Phdr *ph, uint64_t file_size)
{
	if (e->interp_size || ph->p_filesz < 2 || ph->p_filesz > INTERP_MAX ||
	    !in_range(ph->p_offset, ph->p_filesz, file_size))
		return -ENOEXEC;
	e->interp_offset = ph->p_offset;
	e->interp_size = ph->p_filesz;
	return 0;
}

static bool entry_is_mapped(const struct elf_image *e)
{
	for (unsigned i = 0; i < e->nsegments; i++)
		if (e->entry - e->segments[i].vaddr < e->segments[i].memsz)
			return true;
	return false;
}

/* Where a segment brings the program headers into memory. */
static uint64_t find_phdr(const struct elf_image *e)
{
	for (unsigned i = 0; i < e->nsegments; i++) {
		const struct elf_segment *s = &e->segments[i];

		if (e->phoff >= s->offset &&
		    in_range(e->phoff - s->offset, e->phnum * sizeof(Elf64_Phdr), s->filesz))
			return s->vaddr + (e->phoff - s->offset);
	}
	return 0;
}

int elf_parse_segments(struct elf_image *e, const Elf64_Phdr *ph, uint64_t file_size,
		       uint64_t user_min, uint64_t user_top)
{
	for (unsigned i = 0; i < e->phnum; i++) {
		int err = 0;

		switch (ph[i].p_type) {
		case PT_LOAD: err = add_segment(e, &ph[i], file_size, user_top); break;
		case PT_INTERP: err = note_interp(e, &ph[i], file_size); break;
		case PT_GNU_STACK: e->exec_stack = ph[i].p_flags & PF_X; break;
		default: break;
		}
		if (err < 0)
			return err;
	}
	if (e->nsegments == 0 || !entry_is_mapped(e))
		return -ENOEXEC;
	e->low = ALIGN_DOWN(e->segments[0].vaddr, PAGE_SIZE);
	e->high =
		ALIGN_UP(e->segments[e->nsegments - 1].vaddr + e->segments[e->nsegments - 1].memsz,
			 PAGE_SIZE);
	e->phdr = find_phdr(e);
	if (!e->dynamic && e->low < user_min)
		return -ENOEXEC;
	return 0;
}
