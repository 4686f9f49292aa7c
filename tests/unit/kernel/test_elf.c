// SPDX-License-Identifier: MIT
// SOURCES: kernel/elf.c
/*
 * ELF headers: what is accepted and every way to be refused; and that no damage of a good file,
 * byte by byte, yields an image that breaks the promises of kernel/elf.h (segments ascending, in
 * the file, in user space, nothing wraps).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kernel/elf.h"
#include "kernel/errno.h"

#define USER_LOW  0x10000ull
#define USER_HIGH 0x0000ffffffff0000ull
#define FILE_SIZE 0x5000ull
#define HEADERS   4

/* A file of two segments, an interpreter and a stack note. */
struct fixture {
	Elf64_Ehdr eh;
	Elf64_Phdr ph[HEADERS];
};

static struct fixture good(void)
{
	struct fixture f = { 0 };

	memcpy(f.eh.e_ident, ELFMAG, SELFMAG);
	f.eh.e_ident[EI_CLASS] = ELFCLASS64;
	f.eh.e_ident[EI_DATA] = ELFDATA2LSB;
	f.eh.e_type = ET_EXEC;
	f.eh.e_machine = EM_AARCH64;
	f.eh.e_entry = 0x400100;
	f.eh.e_phoff = sizeof(f.eh);
	f.eh.e_phentsize = sizeof(Elf64_Phdr);
	f.eh.e_phnum = HEADERS;
	f.ph[0] = (Elf64_Phdr){ .p_type = PT_LOAD,
				.p_flags = PF_R | PF_X,
				.p_vaddr = 0x400000,
				.p_filesz = 0x2000,
				.p_memsz = 0x2000,
				.p_align = 0x1000 };
	f.ph[1] = (Elf64_Phdr){ .p_type = PT_LOAD,
				.p_flags = PF_R | PF_W,
				.p_offset = 0x2100,
				.p_vaddr = 0x412100,
				.p_filesz = 0x300,
				.p_memsz = 0x9000,
				.p_align = 0x10000 };
	f.ph[2] = (Elf64_Phdr){ .p_type = PT_INTERP, .p_offset = 0x200, .p_filesz = 20 };
	f.ph[3] = (Elf64_Phdr){ .p_type = PT_GNU_STACK, .p_flags = PF_R | PF_W };
	return f;
}

static int parse(struct elf_image *e, const struct fixture *f)
{
	int err = elf_parse_header(e, &f->eh);

	if (err < 0)
		return err;
	assert_true(e->phnum <= HEADERS); /* as the callers here set it */
	return elf_parse_segments(e, f->ph, FILE_SIZE, USER_LOW, USER_HIGH);
}

static void accepts_a_good_file(void **state)
{
	struct fixture f = good();
	struct elf_image e;

	(void)state;
	assert_int_equal(parse(&e, &f), 0);
	assert_int_equal(e.nsegments, 2);
	assert_int_equal(e.low, 0x400000);
	assert_int_equal(e.high, 0x41c000);
	assert_int_equal(e.entry, 0x400100);
	assert_int_equal(e.phdr, 0x400000 + sizeof(Elf64_Ehdr));
	assert_int_equal(e.interp_offset, 0x200);
	assert_int_equal(e.interp_size, 20);
	assert_int_equal(e.align, 0x10000);
	assert_false(e.dynamic);
	assert_false(e.exec_stack);
}

static void position_independent(void **state)
{
	struct fixture f = good();
	struct elf_image e;

	(void)state;
	f.eh.e_type = ET_DYN;
	f.eh.e_entry = 0x100;
	f.ph[0].p_vaddr = 0; /* below USER_MIN: will be moved */
	assert_int_equal(parse(&e, &f), 0);
	assert_true(e.dynamic);
	assert_int_equal(e.low, 0);
}

static void executable_stack(void **state)
{
	struct fixture f = good();
	struct elf_image e;

	(void)state;
	f.ph[3].p_flags |= PF_X;
	assert_int_equal(parse(&e, &f), 0);
	assert_true(e.exec_stack);
}

#define REFUSED(change)                                                                            \
	do {                                                                                       \
		struct fixture f = good();                                                         \
		struct elf_image e;                                                                \
		change;                                                                            \
		assert_int_equal(parse(&e, &f), -ENOEXEC);                                         \
	} while (0)

static void refuses_foreign_headers(void **state)
{
	(void)state;
	REFUSED(f.eh.e_ident[0] = 'E');
	REFUSED(f.eh.e_ident[EI_CLASS] = ELFCLASS32);
	REFUSED(f.eh.e_ident[EI_DATA] = ELFDATA2MSB);
	REFUSED(f.eh.e_machine = EM_X86_64);
	REFUSED(f.eh.e_type = ET_REL);
	REFUSED(f.eh.e_type = ET_CORE);
	REFUSED(f.eh.e_phentsize = 32);
	REFUSED(f.eh.e_phnum = 0);
	REFUSED(f.eh.e_phnum = 0xffff);
}

static void refuses_bad_segments(void **state)
{
	(void)state;
	REFUSED(f.ph[0].p_filesz = f.ph[0].p_memsz + 1);
	REFUSED(f.ph[1].p_offset = FILE_SIZE - 0x100 + 0x1000); /* beyond the file: truncated */
	REFUSED(f.ph[1].p_filesz = FILE_SIZE);
	REFUSED(f.ph[1].p_offset = UINT64_MAX - 0xff);
	REFUSED(f.ph[1].p_vaddr = UINT64_MAX - 0xeff);
	REFUSED(f.ph[1].p_memsz = UINT64_MAX);
	REFUSED(f.ph[1].p_vaddr = USER_HIGH - 0xf00);
	REFUSED(f.ph[1].p_vaddr = 0xffff000000412100ull); /* the kernel's half */
	REFUSED(f.ph[1].p_vaddr += 0x10);                 /* not congruent to its offset */
	REFUSED(f.ph[1].p_vaddr = 0x401100);              /* overlaps the first */
	REFUSED(f.ph[1].p_vaddr = 0x300100);              /* not ascending */
	REFUSED(f.ph[1].p_flags = PF_R);                  /* bss in a page that cannot be cleared */
	REFUSED(f.ph[0].p_type = f.ph[1].p_type = PT_NOTE);
	REFUSED(f.eh.e_entry = 0x500000);
	REFUSED(f.eh.e_entry = 0);
	REFUSED((f.ph[0].p_vaddr = 0, f.eh.e_entry = 0x100)); /* the null page */
}

static void refuses_bad_interpreters(void **state)
{
	(void)state;
	REFUSED(f.ph[2].p_filesz = 1);
	REFUSED(f.ph[2].p_filesz = 5000);
	REFUSED(f.ph[2].p_offset = FILE_SIZE - 10);
	REFUSED(f.ph[3] = f.ph[2]); /* two of them */
}

static void headers_outside_of_segments(void **state)
{
	struct fixture f = good();
	struct elf_image e;

	(void)state;
	f.eh.e_phoff = 0x4000;
	assert_int_equal(parse(&e, &f), 0);
	assert_int_equal(e.phdr, 0);
}

static void check_promises(const struct elf_image *e)
{
	uint64_t last = 0;

	assert_in_range(e->nsegments, 1, ELF_SEGMENTS_MAX);
	for (unsigned i = 0; i < e->nsegments; i++) {
		const struct elf_segment *s = &e->segments[i];

		assert_true(s->memsz > 0 && s->filesz <= s->memsz);
		assert_true(s->vaddr >= last && s->vaddr + s->memsz > s->vaddr);
		assert_true(s->offset + s->filesz >= s->offset &&
			    s->offset + s->filesz <= FILE_SIZE);
		last = s->vaddr + s->memsz;
	}
	assert_true(e->low < e->high && e->high < USER_HIGH && e->high >= last);
	assert_true(e->align >= PAGE_SIZE && (e->align & (e->align - 1)) == 0);
	assert_true(e->interp_offset + e->interp_size <= FILE_SIZE);
}

/* Every byte of the headers with every value, and random damage of several bytes. */
static void damaged_files(void **state)
{
	struct fixture f;
	struct elf_image e;

	(void)state;
	for (size_t at = 0; at < sizeof(f); at++) {
		for (unsigned v = 0; v < 256; v++) {
			f = good();
			((uint8_t *)&f)[at] = (uint8_t)v;
			if (f.eh.e_phnum <= HEADERS && parse(&e, &f) == 0)
				check_promises(&e);
		}
	}
	srand(1);
	for (int i = 0; i < 200000; i++) {
		f = good();
		for (int n = rand() % 8; n >= 0; n--)
			((uint8_t *)f.ph)[(size_t)rand() % sizeof(f.ph)] = (uint8_t)rand();
		if (parse(&e, &f) == 0)
			check_promises(&e);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(accepts_a_good_file),
		cmocka_unit_test(position_independent),
		cmocka_unit_test(executable_stack),
		cmocka_unit_test(refuses_foreign_headers),
		cmocka_unit_test(refuses_bad_segments),
		cmocka_unit_test(refuses_bad_interpreters),
		cmocka_unit_test(headers_outside_of_segments),
		cmocka_unit_test(damaged_files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
