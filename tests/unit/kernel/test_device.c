// SPDX-License-Identifier: MIT
// SOURCES: kernel/device.c kernel/dt_cells.c
// LIBRARIES: fdt
// What drivers are told of their nodes: partitions of flash, what RAM they reach, in made-up device
// trees.
#include <libfdt.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/driver.h"
#include "kernel/dt.h"
#include "kernel/errno.h"
#include "kernel/log.h"
#include "mm/dma.h"
#include "mm/kmap.h"
#include "tests/mock/mock.h"

_Thread_local unsigned mock_cpu;
struct cpu_local cpu_locals[NR_CPUS_MAX];
char *mock_ram;
struct page *mock_frames;

const struct driver *const drivers_start[1], *const drivers_end[1];

static char blob[4096] __attribute__((aligned(8)));

const void *dt_blob(void)
{
	return blob;
}

void log_line(enum log_level level, const char *fmt, ...)
{
	(void)level, (void)fmt;
}

virt_addr_t kmap_device(phys_addr_t pa, size_t size)
{
	(void)pa, (void)size;
	return 0;
}

static void part(const char *name, const char *label, const uint32_t *reg, int n, bool read_only)
{
	fdt32_t cells[4];

	for (int i = 0; i < n; i++)
		cells[i] = cpu_to_fdt32(reg[i]);
	assert_int_equal(fdt_begin_node(blob, name), 0);
	if (n > 0)
		assert_int_equal(fdt_property(blob, "reg", cells, n * 4), 0);
	if (label)
		assert_int_equal(fdt_property_string(blob, "label", label), 0);
	if (read_only)
		assert_int_equal(fdt_property(blob, "read-only", NULL, 0), 0);
	assert_int_equal(fdt_end_node(blob), 0);
}

static struct device flash(const char *compatible, uint32_t ac, uint32_t sc)
{
	struct device dev = { .name = "flash" };

	assert_int_equal(fdt_create(blob, sizeof(blob)), 0);
	assert_int_equal(fdt_finish_reservemap(blob), 0);
	assert_int_equal(fdt_begin_node(blob, ""), 0);
	assert_int_equal(fdt_begin_node(blob, "flash@0"), 0);
	assert_int_equal(fdt_begin_node(blob, "partitions"), 0);
	assert_int_equal(fdt_property_string(blob, "compatible", compatible), 0);
	assert_int_equal(fdt_property_u32(blob, "#address-cells", ac), 0);
	assert_int_equal(fdt_property_u32(blob, "#size-cells", sc), 0);
	part("partition@0", "env", (uint32_t[]){ 0, 0x40000 }, 2, true);
	part("partition@40000", NULL, (uint32_t[]){ 0x40000, 0x1000000 }, 2, false);
	part("short", "short", (uint32_t[]){ 1 }, 1, false);
	part("none", "none", NULL, 0, false);
	part("wide", "wide", (uint32_t[]){ 1, 2, 3, 4 }, 4, false);
	assert_int_equal(fdt_end_node(blob), 0);
	assert_int_equal(fdt_end_node(blob), 0);
	assert_int_equal(fdt_end_node(blob), 0);
	assert_int_equal(fdt_finish(blob), 0);
	dev.node = fdt_path_offset(blob, "/flash@0");
	return dev;
}

static void test_partitions(void **state)
{
	struct device dev = flash("fixed-partitions", 1, 1);
	struct device_part p;

	(void)state;
	assert_int_equal(device_partition(&dev, 0, &p), 0);
	assert_string_equal(p.label, "env");
	assert_true(p.read_only && p.offset == 0 && p.size == 0x40000);
	assert_int_equal(device_partition(&dev, 1, &p), 0);
	assert_string_equal(p.label, "partition@40000");
	assert_true(!p.read_only && p.offset == 0x40000 && p.size == 0x1000000);
	for (unsigned i = 2; i < 5; i++)
		assert_int_equal(device_partition(&dev, i, &p), -EINVAL);
	assert_int_equal(device_partition(&dev, 5, &p), -ENOENT);
}

static void test_other_cells_and_tables(void **state)
{
	struct device dev = flash("fixed-partitions", 2, 2);
	struct device_part p;

	(void)state;
	assert_int_equal(device_partition(&dev, 0, &p), -EINVAL);
	assert_int_equal(device_partition(&dev, 4, &p), 0);
	assert_true(p.offset == 0x100000002 && p.size == 0x300000004);
	dev = flash("fixed-partitions", 3, 1);
	assert_int_equal(device_partition(&dev, 4, &p), -EINVAL);
	dev = flash("some-other-table", 1, 1);
	assert_int_equal(device_partition(&dev, 0, &p), -ENOENT);
	dev.node = 0;
	assert_int_equal(device_partition(&dev, 0, &p), -ENOENT);
}

static void ranges(const char *name, const uint32_t *words, int n)
{
	fdt32_t cells[16];

	for (int i = 0; i < n; i++)
		cells[i] = cpu_to_fdt32(words[i]);
	if (n >= 0)
		assert_int_equal(fdt_property(blob, name, cells, n * 4), 0);
}

/* A device at 0x7e340000 of a bus with one address cell inside one with two; n < 0: no property. */
static struct device nested(const uint32_t *outer, int nouter, const uint32_t *inner, int ninner)
{
	static const uint32_t identity[] = { 0x7e000000, 0, 0xfe000000, 0x1800000 };
	struct device dev = { .name = "mmc" };
	fdt32_t reg[2] = { cpu_to_fdt32(0x7e340000), cpu_to_fdt32(0x100) };

	assert_int_equal(fdt_create(blob, sizeof(blob)), 0);
	assert_int_equal(fdt_finish_reservemap(blob), 0);
	assert_int_equal(fdt_begin_node(blob, ""), 0);
	assert_int_equal(fdt_property_u32(blob, "#address-cells", 2), 0);
	assert_int_equal(fdt_property_u32(blob, "#size-cells", 1), 0);
	assert_int_equal(fdt_begin_node(blob, "outer"), 0);
	assert_int_equal(fdt_property_u32(blob, "#address-cells", 2), 0);
	assert_int_equal(fdt_property_u32(blob, "#size-cells", 1), 0);
	ranges("ranges", NULL, 0);
	ranges("dma-ranges", outer, nouter);
	assert_int_equal(fdt_begin_node(blob, "inner"), 0);
	assert_int_equal(fdt_property_u32(blob, "#address-cells", 1), 0);
	assert_int_equal(fdt_property_u32(blob, "#size-cells", 1), 0);
	ranges("ranges", identity, 4);
	ranges("dma-ranges", inner, ninner);
	assert_int_equal(fdt_begin_node(blob, "mmc"), 0);
	assert_int_equal(fdt_property(blob, "reg", reg, sizeof(reg)), 0);
	assert_int_equal(fdt_end_node(blob), 0);
	assert_int_equal(fdt_end_node(blob), 0);
	assert_int_equal(fdt_end_node(blob), 0);
	assert_int_equal(fdt_end_node(blob), 0);
	assert_int_equal(fdt_finish(blob), 0);
	dev.node = fdt_path_offset(blob, "/outer/inner/mmc");
	return dev;
}

static void reach_is(const struct device *dev, uint64_t base, uint64_t size, uint64_t bus)
{
	struct dma_reach r;

	assert_int_equal(device_dma(dev, &r), 0);
	assert_true(r.base == base && r.size == size && r.bus == bus);
}

static void test_reach(void **state)
{
	/* The Raspberry Pi 4's: the first GB, at 3 GB; a second entry is not for RAM. */
	static const uint32_t pi[] = { 0xc0000000, 0, 0,          0x40000000,
				       0x7c000000, 0, 0xfc000000, 0x3800000 };
	static const uint32_t high[] = { 0, 0x10000000, 1, 0, 0x20000000 };
	static const uint32_t none[] = { 0, 0x80000000, 0, 0, 0x10000000 };
	struct device dev = nested(NULL, -1, pi, 8);
	struct dma_reach r;
	phys_addr_t base;
	uint64_t size;

	(void)state;
	reach_is(&dev, 0, 0x40000000, 0xc0000000);
	assert_int_equal(device_reg(&dev, 0, &base, &size), 0);
	assert_true(base == 0xfe340000 && size == 0x100);
	dev = nested(NULL, 0, NULL, 0);
	reach_is(&dev, 0, UINT64_MAX, 0);
	dev = nested(NULL, -1, NULL, -1);
	reach_is(&dev, 0, UINT64_MAX, 0);
	/* Of the inner bus's GB the outer one lets the second 512 MB from 256 MB on through, to 4
	 * GB. */
	dev = nested(high, 5, pi, 4);
	reach_is(&dev, 0x100000000, 0x20000000, 0xd0000000);
	dev = nested(none, 5, pi, 4);
	assert_int_equal(device_dma(&dev, &r), -EINVAL);
	dev = nested(NULL, -1, pi, 3);
	assert_int_equal(device_dma(&dev, &r), -EINVAL);
}

/* Addresses go through ranges that are found and whole only. */
static void test_reg_through_buses(void **state)
{
	struct device dev = nested(NULL, -1, NULL, -1);
	uint32_t *window =
		(uint32_t *)(uintptr_t)fdt_getprop(blob, fdt_path_offset(blob, "/outer/inner"),
						   "ranges", NULL);
	phys_addr_t base;
	uint64_t size;

	(void)state;
	window[3] = cpu_to_fdt32(0x340000);
	assert_int_equal(device_reg(&dev, 0, &base, &size), -EINVAL);
	window[3] = cpu_to_fdt32(0x340001);
	assert_int_equal(device_reg(&dev, 0, &base, &size), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_partitions),
		cmocka_unit_test(test_other_cells_and_tables),
		cmocka_unit_test(test_reach),
		cmocka_unit_test(test_reg_through_buses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
