// SPDX-License-Identifier: MIT
// SOURCES: kernel/dt.c kernel/dt_cells.c mm/memblock.c kernel/lib/format.c kernel/lib/parse.c
// LIBRARIES: fdt
// Memory from made-up device trees: what is wrong is left out and said, what is right beside it
// counts; an initramfs that is not wholly in RAM of its own is not read.
#include <libfdt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arch/boot.h"
#include "kernel/dt.h"
#include "kernel/log.h"
#include "mm/memblock.h"
#include "mm/pmap.h"
#include "tests/mock/alone.h"
#include "tests/mock/mock.h"

#define MB      ((uint64_t)1 << 20)
#define RAM     (1024 * MB) /* where RAM begins in most trees */
#define IMAGE   (RAM + 2 * MB)
#define BLOB_PA (RAM + 48 * MB)

_Thread_local unsigned mock_cpu;
struct cpu_local cpu_locals[NR_CPUS_MAX];
char *mock_ram;
struct page *mock_frames;

static char log_text[4096];
static char blob[16384] __attribute__((aligned(PAGE_SIZE)));

void log_line(enum log_level level, const char *fmt, ...)
{
	size_t used = strlen(log_text);
	va_list ap;

	(void)level;
	va_start(ap, fmt);
	vsnprintf(log_text + used, sizeof(log_text) - used, fmt, ap);
	va_end(ap);
}

void panic(const char *fmt, ...)
{
	fail_msg("panic: %s", fmt);
	abort();
}

void assert_failed(const char *what, int line)
{
	panic("assertion failed: %s:%d", what, line);
}

void buddy_add_range(pfn_t start, pfn_t end)
{
	(void)start, (void)end;
}

struct page *buddy_claim(pfn_t pfn)
{
	(void)pfn;
	return NULL;
}

int pmap_kernel_map(virt_addr_t va, phys_addr_t pa, size_t size, enum kernel_prot prot,
		    phys_addr_t (*table_alloc)(void))
{
	(void)va, (void)pa, (void)size, (void)prot, (void)table_alloc;
	return -1;
}

void *boot_map(phys_addr_t pa, size_t size, bool device)
{
	(void)device;
	assert_int_equal(pa, BLOB_PA);
	return size <= sizeof(blob) ? blob : NULL;
}

void boot_image_range(phys_addr_t *base, uint64_t *size)
{
	*base = IMAGE;
	*size = MB;
}

/* ---- Trees: two cells for addresses and sizes ---- */

static void tree_begin(void)
{
	assert_int_equal(fdt_create(blob, sizeof(blob)), 0);
}

static void tree_reserve(uint64_t base, uint64_t size)
{
	assert_int_equal(fdt_add_reservemap_entry(blob, base, size), 0);
}

static void tree_root(void)
{
	assert_int_equal(fdt_finish_reservemap(blob), 0);
	assert_int_equal(fdt_begin_node(blob, ""), 0);
	assert_int_equal(fdt_property_u32(blob, "#address-cells", 2), 0);
	assert_int_equal(fdt_property_u32(blob, "#size-cells", 2), 0);
}

static void node_reg(const char *name, const uint64_t *pairs, unsigned n, bool memory, bool no_map)
{
	fdt64_t reg[16];

	for (unsigned i = 0; i < n; i++)
		reg[i] = cpu_to_fdt64(pairs[i]);
	assert_int_equal(fdt_begin_node(blob, name), 0);
	if (memory)
		assert_int_equal(fdt_property_string(blob, "device_type", "memory"), 0);
	if (no_map)
		assert_int_equal(fdt_property(blob, "no-map", NULL, 0), 0);
	assert_int_equal(fdt_property(blob, "reg", reg, (int)(n * sizeof(reg[0]))), 0);
	assert_int_equal(fdt_end_node(blob), 0);
}

static void tree_memory(const char *name, const uint64_t *pairs, unsigned n)
{
	node_reg(name, pairs, n, true, false);
}

static void tree_reserved(const char *name, uint64_t base, uint64_t size, bool no_map)
{
	const uint64_t pair[] = { base, size };

	assert_int_equal(fdt_begin_node(blob, "reserved-memory"), 0);
	assert_int_equal(fdt_property_u32(blob, "#address-cells", 2), 0);
	assert_int_equal(fdt_property_u32(blob, "#size-cells", 2), 0);
	node_reg(name, pair, 2, false, no_map);
	assert_int_equal(fdt_end_node(blob), 0);
}

static void tree_initrd(uint64_t start, uint64_t end)
{
	assert_int_equal(fdt_begin_node(blob, "chosen"), 0);
	assert_int_equal(fdt_property_u64(blob, "linux,initrd-start", start), 0);
	assert_int_equal(fdt_property_u64(blob, "linux,initrd-end", end), 0);
	assert_int_equal(fdt_end_node(blob), 0);
}

static void tree_arguments(const char *arguments)
{
	assert_int_equal(fdt_begin_node(blob, "chosen"), 0);
	assert_int_equal(fdt_property_string(blob, "bootargs", arguments), 0);
	assert_int_equal(fdt_property_u64(blob, "linux,initrd-start", RAM + 30 * MB + 5), 0);
	assert_int_equal(fdt_property_u64(blob, "linux,initrd-end", RAM + 31 * MB + 7), 0);
	assert_int_equal(fdt_end_node(blob), 0);
}

/* Ends the tree and lets the kernel read it: what dt_memory() says.  */
static const char *tree_read(void)
{
	assert_int_equal(fdt_end_node(blob), 0);
	assert_int_equal(fdt_finish(blob), 0);
	assert_null(dt_open(BLOB_PA));
	return dt_memory();
}

static const uint64_t plain[] = { RAM, 64 * MB };

static void tree_plain(void)
{
	tree_begin();
	tree_root();
	tree_memory("memory@40000000", plain, 2);
}

static void assert_ram(unsigned i, uint64_t base, uint64_t size)
{
	struct memblock_range r;

	assert_true(memblock_ram(i, &r));
	assert_int_equal(r.base, base);
	assert_int_equal(r.size, size);
}

static void assert_said(const char *text)
{
	if (!strstr(log_text, text))
		fail_msg("the log does not say '%s' but '%s'", text, log_text);
}

/* ---- Memory ---- */

static void test_bad_memory(void **state)
{
	/* Nothing filled in, past the end of addresses, and two good ones. */
	static const uint64_t banks[] = { 0, 0, UINT64_MAX - MB, 2 * MB, RAM, 64 * MB };
	static const uint64_t more[] = { 4096 * MB, 32 * MB, UINT64_MAX - 100, 50 };

	(void)state;
	tree_begin();
	tree_root();
	tree_memory("memory@0", banks, 6);
	tree_memory("memory@1", more, 4);
	assert_null(tree_read());
	assert_ram(0, RAM, 64 * MB);
	assert_ram(1, 4096 * MB, 32 * MB);
	assert_int_equal(memblock_ram_total(), 96 * MB);
	assert_said("memory@0: 0x200000 bytes at 0xffffffffffefffff: ignored");
	assert_said("memory@1: 0x32 bytes");
}

/* A Raspberry Pi 4 with 8 GB: below the VideoCore's share, below the peripherals, above 4 GB; the
 * spin table is reserved. */
static void test_banks(void **state)
{
	static const uint64_t low[] = { 0, 948 * MB, RAM, 3008 * MB, 4096 * MB, 4096 * MB };

	(void)state;
	tree_begin();
	tree_reserve(0, PAGE_SIZE);
	tree_root();
	tree_memory("memory@0", low, 6);
	tree_reserved("firmware@0", 900 * MB, 4 * MB, true);
	assert_null(tree_read());
	assert_ram(0, PAGE_SIZE, 900 * MB - PAGE_SIZE);
	assert_ram(1, 904 * MB, 44 * MB);
	assert_ram(2, RAM, 3008 * MB);
	assert_ram(3, 4096 * MB, 4096 * MB);
	assert_true(memblock_is_reserved(0, 1));
	assert_false(memblock_is_reserved(PAGE_SIZE, 1));
}

/* The least of RAM, the kernel and the initramfs (whole pages of it) where they were. */
static void limit(const char *arguments, unsigned ranges, uint64_t total)
{
	phys_addr_t base;
	uint64_t size;
	struct memblock_range r;

	tree_plain();
	tree_arguments(arguments);
	assert_null(tree_read());
	assert_int_equal(memblock_ram_total(), total);
	assert_true(memblock_ram(ranges - 1, &r));
	assert_false(memblock_ram(ranges, &r));
	assert_true(dt_initrd(&base, &size));
	assert_int_equal(size, MB + 2);
}

static void test_limit(void **state)
{
	(void)state;
	limit("mem=24M", 2, 25 * MB + PAGE_SIZE);
	assert_ram(0, RAM, 24 * MB);
	assert_ram(1, RAM + 30 * MB, MB + PAGE_SIZE);
	assert_true(memblock_is_reserved(RAM + 31 * MB, 1));
}

static void test_limit_kernel(void **state)
{
	(void)state;
	limit("mem=2047K", 3, 2 * MB - PAGE_SIZE + MB + MB + PAGE_SIZE);
	assert_ram(1, IMAGE, MB);
}

static void test_limit_beyond(void **state)
{
	(void)state;
	limit("mem=1G", 1, 64 * MB);
}

static void test_limit_wrong(void **state)
{
	(void)state;
	limit("mem=lots", 1, 64 * MB);
	assert_said("mem=lots is no size: ignored");
}

static void test_no_memory(void **state)
{
	static const uint64_t none[] = { RAM, 0 };

	(void)state;
	tree_begin();
	tree_root();
	tree_memory("memory@40000000", none, 2);
	assert_string_equal(tree_read(), "the device tree names no memory");
}

static void test_kernel_elsewhere(void **state)
{
	static const uint64_t high[] = { 2 * RAM, 64 * MB };

	(void)state;
	tree_begin();
	tree_root();
	tree_memory("memory@80000000", high, 2);
	assert_string_equal(tree_read(),
			    "the kernel is not in the memory that the device tree names");
}

static void test_reservations(void **state)
{
	(void)state;
	tree_begin();
	tree_reserve(RAM + 8 * MB, MB);
	tree_reserve(16 * MB, MB); /* outside of RAM */
	tree_reserve(UINT64_MAX - 10, MB);
	tree_root();
	tree_memory("memory@40000000", plain, 2);
	tree_reserved("far@0", 3 * RAM, UINT64_MAX - RAM, false);
	assert_null(tree_read());
	assert_int_equal(memblock_ram_total(), 64 * MB);
	assert_true(memblock_is_reserved(RAM + 8 * MB, 1));
	assert_false(memblock_is_reserved(RAM + 9 * MB, MB));
	assert_true(memblock_is_reserved(IMAGE, MB));
	/* The tree itself, until it was copied. */
	assert_true(memblock_is_reserved(BLOB_PA, 1));
	assert_said("memory reservation: 0x100000 bytes");
	assert_said("far@0");
}

static void test_holes(void **state)
{
	(void)state;
	tree_plain();
	tree_reserved("firmware@0", RAM + 60 * MB, 100 * MB, true); /* reaches beyond RAM */
	assert_null(tree_read());
	assert_int_equal(memblock_ram_total(), 60 * MB);
}

/* ---- The initramfs ---- */

static void initrd(uint64_t start, uint64_t end, const char *said)
{
	phys_addr_t base;
	uint64_t size;

	tree_plain();
	tree_initrd(start, end);
	tree_reserved("firmware@0", RAM + 20 * MB, MB, false);
	assert_null(tree_read());
	assert_int_equal(dt_initrd(&base, &size), said == NULL);
	if (said) {
		assert_said(said);
		assert_said(": ignored");
		return;
	}
	assert_int_equal(base, start);
	assert_int_equal(size, end - start);
	assert_true(memblock_is_reserved(start, 1));
	assert_true(memblock_is_reserved(end - 1, 1));
}

static void test_initrd_good(void **state)
{
	(void)state;
	initrd(RAM + 30 * MB, RAM + 31 * MB + 5, NULL);
}

static void test_initrd_outside(void **state)
{
	(void)state;
	initrd(RAM - 2 * MB, RAM - MB, "is not in RAM");
}

static void test_initrd_straddles(void **state)
{
	(void)state;
	initrd(RAM + 63 * MB, RAM + 65 * MB, "is not in RAM");
}

static void test_initrd_huge(void **state)
{
	(void)state;
	initrd(RAM + MB, UINT64_MAX, "is not in RAM");
}

static void test_initrd_kernel(void **state)
{
	(void)state;
	initrd(RAM + MB, IMAGE + 1, "overlaps the kernel");
}

static void test_initrd_blob(void **state)
{
	(void)state;
	initrd(BLOB_PA + 16, BLOB_PA + MB, "overlaps the device tree");
}

static void test_initrd_firmware(void **state)
{
	(void)state;
	initrd(RAM + 19 * MB, RAM + 20 * MB + 1, "overlaps reserved memory");
}

static void test_initrd_backwards(void **state)
{
	(void)state;
	initrd(RAM + 31 * MB, RAM + 30 * MB, "ends before it begins");
}

/* Boot loaders list the initramfs among the reservations. */
static void test_initrd_listed(void **state)
{
	phys_addr_t base;
	uint64_t size;

	(void)state;
	tree_begin();
	tree_reserve(RAM + 30 * MB, MB);
	tree_root();
	tree_memory("memory@40000000", plain, 2);
	tree_initrd(RAM + 30 * MB, RAM + 31 * MB);
	assert_null(tree_read());
	assert_true(dt_initrd(&base, &size));
}

/* ---- */

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(test_bad_memory),
	cmocka_unit_test(test_banks),
	cmocka_unit_test(test_limit),
	cmocka_unit_test(test_limit_kernel),
	cmocka_unit_test(test_limit_beyond),
	cmocka_unit_test(test_limit_wrong),
	cmocka_unit_test(test_no_memory),
	cmocka_unit_test(test_kernel_elsewhere),
	cmocka_unit_test(test_reservations),
	cmocka_unit_test(test_holes),
	cmocka_unit_test(test_initrd_good),
	cmocka_unit_test(test_initrd_outside),
	cmocka_unit_test(test_initrd_straddles),
	cmocka_unit_test(test_initrd_huge),
	cmocka_unit_test(test_initrd_kernel),
	cmocka_unit_test(test_initrd_blob),
	cmocka_unit_test(test_initrd_firmware),
	cmocka_unit_test(test_initrd_backwards),
	cmocka_unit_test(test_initrd_listed),
};

/* Memory is told once. */
int main(void)
{
	return run_each_alone(tests, ARRAY_SIZE(tests));
}
