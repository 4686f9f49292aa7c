// SPDX-License-Identifier: MIT
// SOURCES: kernel/exec_load.c kernel/elf.c tests/mock/machine.c tests/mock/kernel.c
/*
 * A program's place in memory: what is mapped where, bss, heap, the stack's contents and auxiliary
 * vector, what is random and what turns that off; each step failing once.
 */
#include "tests/mock/mock.h"

#include <linux/auxvec.h>
#include <linux/personality.h>
#include <string.h>

#include "arch/thread.h"
#include "kernel/errno.h"
#include "kernel/exec.h"
#include "kernel/fs/file.h"
#include "kernel/process.h"
#include "kernel/random.h"
#include "mm/aspace.h"
#include "mm/slab.h"
#include "mm/usercopy.h"

#define MAPS_MAX    16
#define STACK_BYTES 4096
#define BASE        0x400000ull
#define INTERP_AT   0x7000000000ull
#define VDSO_AT     0x7100000000ull

static struct process process;
static struct cred cred = { .uid = 7, .euid = 7, .gid = 8, .egid = 8 };
static struct aspace space;
static struct object object;
static struct exec x;
static struct exec_args arguments;
static struct map_request maps[MAPS_MAX];
static unsigned nmaps, calls, fail_at; /* steps that can fail; which of them does */
static struct {
	virt_addr_t start;
	uint64_t length;
} cleared;
static uint8_t stack[STACK_BYTES]; /* the last bytes below stack_top */
static uint32_t randoms;

/* ---- The rest of the kernel ---- */

static int step(int err)
{
	return ++calls == fail_at ? err : 0;
}

/* A number for a place, or the 16 bytes of AT_RANDOM. */
void random_bytes(void *buf, size_t n)
{
	if (n == sizeof(randoms))
		memcpy(buf, &randoms, n);
	else
		memset(buf, 0xab, n);
}

uint64_t process_limit(unsigned resource)
{
	(void)resource;
	return 8 << 20;
}

uint64_t arch_hwcap(void)
{
	return 0x1111;
}

uint64_t arch_hwcap2(void)
{
	return 0x2222;
}

int arch_map_vdso(struct aspace *as, virt_addr_t hint)
{
	(void)hint;
	as->vdso = VDSO_AT;
	return step(-ENOMEM);
}

int file_map_object(struct file *f, unsigned flags, uint64_t offset, struct object **o,
		    bool *may_write)
{
	(void)f, (void)flags, (void)offset;
	*o = &object;
	*may_write = true;
	object.refs++;
	return 0;
}

void object_put(struct object *o)
{
	o->refs--;
}

int64_t aspace_map(struct aspace *as, const struct map_request *r)
{
	int err = step(-ENOMEM);

	assert_ptr_equal(as, &space);
	if (err)
		return err;
	if (!r->fixed)
		return INTERP_AT;
	assert_true(nmaps < MAPS_MAX);
	maps[nmaps++] = *r;
	return (int64_t)r->addr;
}

int aspace_unmap(struct aspace *as, virt_addr_t addr, uint64_t length)
{
	(void)as, (void)length;
	assert_int_equal(addr, INTERP_AT);
	return 0;
}

int clear_user(virt_addr_t dst, size_t n)
{
	cleared.start = dst;
	cleared.length = n;
	return step(-EFAULT);
}

static uint8_t *on_stack(virt_addr_t va)
{
	assert_true(va >= space.stack_top - STACK_BYTES && va < space.stack_top);
	return stack + (va - (space.stack_top - STACK_BYTES));
}

int copy_to_user(virt_addr_t dst, const void *src, size_t n)
{
	memcpy(on_stack(dst), src, n);
	return step(-EFAULT);
}

int args_copy_out(const struct exec_args *a, virt_addr_t dst)
{
	memset(on_stack(dst), 's', a->used);
	return step(-EFAULT);
}

int args_write_pointers(const struct exec_args *a, virt_addr_t sp, virt_addr_t dst,
			virt_addr_t *end, virt_addr_t *env)
{
	*end = sp + (1 + a->argc + 1 + a->envc + 1) * sizeof(uint64_t);
	*env = dst + 4;
	return step(-EFAULT);
}

int64_t file_read_kernel(struct file *f, uint64_t pos, void *buf, size_t n)
{
	(void)f, (void)pos, (void)buf, (void)n;
	return -EIO;
}

struct file *file_open_exec(int dirfd, const char *path, int flags)
{
	(void)dirfd, (void)path, (void)flags;
	return ERR_PTR(-ENOENT);
}

void *kmalloc(size_t n, unsigned flags)
{
	(void)n, (void)flags;
	return NULL;
}

void kfree(void *p)
{
	(void)p;
}

/* ---- Fixture ---- */

/* Text, and data whose file part ends within a page; bss goes on for two pages more. */
static struct elf_image image_at(uint64_t base, bool dynamic)
{
	return (struct elf_image){
		.dynamic = dynamic,
		.entry = base + 0x123,
		.low = base,
		.high = base + 0x5000,
		.align = 0x10000,
		.phnum = 3,
		.phdr = base + 64,
		.nsegments = 2,
		.segments = { { base, 0, 0x1800, 0x1800, PF_R | PF_X },
			      { base + 0x2100, 0x2100, 0x300, 0x2800, PF_R | PF_W } },
	};
}

static int setup(void **state)
{
	mock_setup(state);
	memset(&space, 0, sizeof(space));
	memset(&x, 0, sizeof(x));
	memset(stack, 0, sizeof(stack));
	process = (struct process){ .personality = ADDR_NO_RANDOMIZE };
	current()->process = &process;
	current()->cred = &cred;
	current()->aspace = &space;
	arguments = (struct exec_args){ .used = 10, .argc = 2, .envc = 1 };
	x.args = &arguments;
	x.path = "/bin/x";
	x.file = (struct file *)&object; /* never looked into */
	x.image = image_at(BASE, false);
	nmaps = calls = fail_at = 0;
	randoms = 0;
	exec_randomize = 2;
	return 0;
}

static int teardown(void **state)
{
	assert_int_equal(object.refs, 0);
	current()->process = NULL;
	current()->cred = NULL;
	current()->aspace = NULL;
	return mock_teardown(state);
}

static uint64_t word_at(virt_addr_t va)
{
	uint64_t word;

	memcpy(&word, on_stack(va), sizeof(word));
	return word;
}

/* From the address space's copy, which must be what is on the stack. */
static uint64_t aux_value(uint64_t type)
{
	virt_addr_t at = x.sp + (1 + 3 + 2) * 8;

	for (size_t i = 0; i < space.auxv_len; i += 16) {
		uint64_t pair[2];

		memcpy(pair, space.auxv + i, 16);
		assert_int_equal(word_at(at + i), pair[0]);
		assert_int_equal(word_at(at + i + 8), pair[1]);
		if (pair[0] == type)
			return pair[1];
	}
	fail_msg("no entry of type %u", (unsigned)type);
	return 0;
}

static void assert_map(unsigned i, virt_addr_t at, uint64_t length, unsigned flags, uint64_t offset,
		       bool file)
{
	assert_int_equal(maps[i].addr, at);
	assert_int_equal(maps[i].length, length);
	assert_int_equal(maps[i].flags, flags);
	assert_int_equal(maps[i].offset, offset);
	assert_int_equal(maps[i].object != NULL, file);
	assert_true(maps[i].fixed);
}

#define RW (AREA_READ | AREA_WRITE | AREA_MAY_WRITE)

static void test_fixed_place(void **state)
{
	(void)state;
	assert_int_equal(exec_load(&x), 0);
	assert_int_equal(nmaps, 4);
	assert_int_equal(space.stack_top, USER_TOP - PAGE_SIZE);
	assert_map(0, space.stack_top - PAGE_SIZE - 128 * 1024, PAGE_SIZE + 128 * 1024,
		   RW | AREA_GROWSDOWN | AREA_STACK, 0, false);
	assert_map(1, BASE, 0x1800, AREA_READ | AREA_EXEC | AREA_MAY_WRITE, 0, true);
	assert_map(2, BASE + 0x2000, 0x400, RW, 0x2000, true);
	assert_map(3, BASE + 0x3000, 0x2000, RW, 0, false); /* bss */
	assert_int_equal(cleared.start, BASE + 0x2400);
	assert_int_equal(cleared.length, 0xc00);
	assert_int_equal(x.entry, BASE + 0x123);
	assert_int_equal(space.brk_start, BASE + 0x5000);
	assert_int_equal(space.brk, space.brk_start);
	assert_int_equal(space.code_start, BASE);
	assert_int_equal(space.code_end, BASE + 0x1800);
	assert_int_equal(space.data_end, BASE + 0x2400);
	assert_true(space.mmap_base <= space.stack_top - (128 << 20));
}

static void test_stack(void **state)
{
	virt_addr_t name, random;

	(void)state;
	assert_int_equal(exec_load(&x), 0);
	assert_int_equal(x.sp % 16, 0);
	name = aux_value(AT_EXECFN);
	assert_int_equal(name, space.stack_top - 8 - 7);
	assert_string_equal((char *)on_stack(name), "/bin/x");
	assert_int_equal(space.arg_start, name - 10);
	assert_int_equal(space.arg_end, space.env_start);
	assert_int_equal(space.env_end, name);
	assert_string_equal((char *)on_stack(aux_value(AT_PLATFORM)), "aarch64");
	random = aux_value(AT_RANDOM);
	assert_int_equal(word_at(random) & 0xff, 0xab);
	assert_int_equal(word_at(random + 8) >> 56, 0xab);
	assert_int_equal(aux_value(AT_SYSINFO_EHDR), VDSO_AT);
	assert_int_equal(aux_value(AT_PHDR), BASE + 64);
	assert_int_equal(aux_value(AT_PHNUM), 3);
	assert_int_equal(aux_value(AT_BASE), 0);
	assert_int_equal(aux_value(AT_ENTRY), BASE + 0x123);
	assert_int_equal(aux_value(AT_UID), 7);
	assert_int_equal(aux_value(AT_SECURE), 0);
	assert_int_equal(aux_value(AT_HWCAP2), 0x2222);
	assert_int_equal(aux_value(AT_NULL), 0);
	cred.euid = 0;
	assert_int_equal(exec_load(&x), 0);
	assert_int_equal(aux_value(AT_SECURE), 1);
	cred.euid = 7;
	x.image.exec_stack = true;
	nmaps = 0;
	assert_int_equal(exec_load(&x), 0);
	assert_true(maps[0].flags & AREA_EXEC);
}

/* A position independent program begins where its alignment allows; its interpreter where there is
 * room, and first. */
static void test_interpreter(void **state)
{
	(void)state;
	x.image = image_at(0, true);
	x.interp = image_at(0, true);
	x.interp_file = x.file;
	assert_int_equal(exec_load(&x), 0);
	assert_true(x.bias != 0 && x.bias % 0x10000 == 0);
	assert_int_equal(maps[1].addr, x.bias);
	assert_int_equal(x.interp_base, INTERP_AT);
	assert_int_equal(maps[4].addr, INTERP_AT);
	assert_int_equal(maps[6].addr, INTERP_AT + 0x3000);
	assert_int_equal(x.entry, INTERP_AT + 0x123);
	assert_int_equal(aux_value(AT_BASE), INTERP_AT);
	assert_int_equal(aux_value(AT_ENTRY), x.bias + 0x123);
	assert_int_equal(aux_value(AT_PHDR), x.bias + 64);
	assert_int_equal(space.brk_start, x.bias + 0x5000);
}

static void test_randomness(void **state)
{
	virt_addr_t top, bias;

	(void)state;
	x.image = image_at(0, true);
	assert_int_equal(exec_load(&x), 0);
	top = space.stack_top;
	bias = x.bias;
	randoms = 4097; /* without effect */
	assert_int_equal(exec_load(&x), 0);
	assert_int_equal(space.stack_top, top);
	assert_int_equal(x.bias, bias);
	process.personality = 0;
	nmaps = 0;
	assert_int_equal(exec_load(&x), 0);
	assert_int_equal(space.stack_top, top - 4097 * PAGE_SIZE);
	assert_int_equal(x.bias, ALIGN_DOWN(bias + 4097 * PAGE_SIZE, 0x10000));
	assert_int_equal(space.brk_start, x.bias + 0x5000 + 4097 * PAGE_SIZE);
	exec_randomize = 1; /* all but the heap */
	nmaps = 0;
	assert_int_equal(exec_load(&x), 0);
	assert_int_equal(space.stack_top, top - 4097 * PAGE_SIZE);
	assert_int_equal(space.brk_start, x.bias + 0x5000);
	exec_randomize = 0;
	nmaps = 0;
	assert_int_equal(exec_load(&x), 0);
	assert_int_equal(space.stack_top, top);
	assert_int_equal(x.bias, bias);
}

static void test_failures(void **state)
{
	unsigned all;

	(void)state;
	x.image = image_at(0, true);
	x.interp = image_at(0, true);
	x.interp_file = x.file;
	assert_int_equal(exec_load(&x), 0);
	all = calls;
	assert_true(all > 12);
	for (fail_at = 1; fail_at <= all; fail_at++) {
		int err;

		nmaps = calls = 0;
		err = exec_load(&x);
		assert_true(err == -ENOMEM || err == -EFAULT);
		assert_int_equal(calls >= fail_at, 1);
		assert_int_equal(object.refs, 0);
	}
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_fixed_place), TEST(test_stack),    TEST(test_interpreter),
		TEST(test_randomness),  TEST(test_failures),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
