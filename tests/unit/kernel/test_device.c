// SPDX-License-Identifier: MIT
// SOURCES: kernel/device.c
// LIBRARIES: fdt
// What drivers are told of their nodes: partitions of flash, in made-up device trees.
#include <libfdt.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/driver.h"
#include "kernel/dt.h"
#include "kernel/errno.h"
#include "kernel/log.h"
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_partitions),
		cmocka_unit_test(test_other_cells_and_tables),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
