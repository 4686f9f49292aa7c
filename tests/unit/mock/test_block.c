// SPDX-License-Identifier: MIT
// SOURCES: tests/mock/machine.c tests/mock/kernel.c tests/mock/frames.c tests/mock/block.c
// The stand-in disk: what it keeps, what a power cut takes, how it fails.
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "mm/buddy.h"
#include "tests/mock/block.h"
#include "tests/mock/mock.h"

#define SECTORS 64

static struct mock_disk disk;
static struct block_device *dev;
static uint8_t *page;

static int setup(void **state)
{
	mock_setup(state);
	mock_disk_init(&disk, "vda", SECTORS * SECTOR_SIZE);
	dev = block_find("/dev/vda");
	assert_ptr_equal(dev, &disk.device);
	page = page_to_virt(page_alloc(0));
	return 0;
}

static int teardown(void **state)
{
	page_free(virt_to_page(page), 0);
	mock_disk_free(&disk);
	assert_null(block_find("vda"));
	return mock_teardown(state);
}

static void put(uint64_t sector, uint8_t value, size_t n)
{
	memset(page, value, n);
	assert_int_equal(block_write(dev, sector, page, n), 0);
}

static uint8_t get(uint64_t sector)
{
	assert_int_equal(block_read(dev, sector, page, SECTOR_SIZE), 0);
	assert_memory_equal(page, page + 1, SECTOR_SIZE - 1);
	return page[0];
}

static void test_power(void **state)
{
	unsigned kept = 0;

	(void)state;
	put(0, 1, PAGE_SIZE);
	assert_int_equal(block_flush(dev), 0);
	put(0, 2, PAGE_SIZE);
	assert_int_equal(get(3), 2);
	mock_disk_power(&disk, 0);
	assert_int_equal(get(3), 1);
	put(0, 2, PAGE_SIZE);
	mock_disk_power(&disk, UINT64_MAX);
	assert_int_equal(get(3), 2);
	put(0, 3, PAGE_SIZE);
	mock_disk_power(&disk, 77);
	for (unsigned i = 0; i < PAGE_SIZE / SECTOR_SIZE; i++)
		kept += get(i) == 3;
	assert_in_range(kept, 1, PAGE_SIZE / SECTOR_SIZE - 1);
}

static void test_cut(void **state)
{
	(void)state;
	put(0, 1, SECTOR_SIZE);
	assert_int_equal(block_flush(dev), 0);
	disk.cut_at = 4; /* two are behind */
	put(0, 2, SECTOR_SIZE);
	assert_int_equal(block_write(dev, 1, page, SECTOR_SIZE), -EIO);
	assert_int_equal(block_read(dev, 1, page, SECTOR_SIZE), -EIO);
	assert_int_equal(block_flush(dev), -EIO);
	mock_disk_power(&disk, 0);
	assert_int_equal(get(0), 1);
	assert_int_equal(get(1), 0);
}

static void test_failures(void **state)
{
	(void)state;
	disk.fail_write = 2;
	disk.fail_read = 3;
	disk.bad_sector = 9;
	put(0, 1, PAGE_SIZE);
	assert_int_equal(block_write(dev, 0, page, SECTOR_SIZE), -EIO);
	assert_int_equal(get(0), 1);
	assert_int_equal(block_read(dev, 8, page, PAGE_SIZE), -EIO);
	assert_int_equal(block_read(dev, 0, page, PAGE_SIZE), -EIO);
	assert_int_equal(block_read(dev, SECTORS - 1, page, PAGE_SIZE), -EINVAL);
	disk.device.read_only = true;
	assert_int_equal(block_write(dev, 0, page, SECTOR_SIZE), -EROFS);
	assert_int_equal(block_claim(dev, "one"), 0);
	assert_int_equal(block_claim(dev, "two"), -EBUSY);
	block_release(dev);
}

static void test_files(void **state)
{
	char name[] = "/tmp/granule-disk.XXXXXX";
	struct mock_disk other;

	(void)state;
	put(5, 9, SECTOR_SIZE);
	close(mkstemp(name));
	mock_disk_save(&disk, name);
	mock_disk_load(&other, "vdb", name);
	unlink(name);
	assert_int_equal(other.device.sectors, SECTORS);
	assert_memory_equal(other.medium, disk.now, SECTORS * SECTOR_SIZE);
	assert_ptr_equal(block_find_number(other.device.devno), &other.device);
	mock_disk_free(&other);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_power, setup, teardown),
		cmocka_unit_test_setup_teardown(test_cut, setup, teardown),
		cmocka_unit_test_setup_teardown(test_failures, setup, teardown),
		cmocka_unit_test_setup_teardown(test_files, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
