// SPDX-License-Identifier: MIT
// SOURCES: kernel/partition.c kernel/lib/format.c tests/mock/machine.c tests/mock/kernel.c tests/mock/frames.c tests/mock/block.c
// Partition tables, good, damaged and hostile.
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/partition.h"
#include "mm/buddy.h"
#include "tests/mock/block.h"
#include "tests/mock/mock.h"

#define SECTORS 4096
#define MOST    15

static struct mock_disk disk;
static struct partition parts[MOST];

static int setup(void **state)
{
	mock_setup(state);
	mock_disk_init(&disk, "vda", SECTORS * SECTOR_SIZE);
	return 0;
}

static int teardown(void **state)
{
	mock_disk_free(&disk);
	return mock_teardown(state);
}

static void le(uint8_t *p, uint64_t v, unsigned bytes)
{
	for (unsigned i = 0; i < bytes; i++)
		p[i] = (uint8_t)(v >> 8 * i);
}

static uint8_t *block(uint64_t lba)
{
	return disk.now + lba * disk.device.block_size;
}

static void mbr(uint64_t lba, unsigned i, uint8_t type, uint32_t start, uint32_t count)
{
	uint8_t *e = block(lba) + 446 + 16 * i;

	e[4] = type;
	le(e + 8, start, 4);
	le(e + 12, count, 4);
	le(block(lba) + 510, 0xaa55, 2);
}

static void expect(int i, unsigned number, uint64_t start, uint64_t sectors)
{
	assert_int_equal(parts[i].number, number);
	assert_int_equal(parts[i].start, start);
	assert_int_equal(parts[i].sectors, sectors);
}

static int read_table(void)
{
	uint32_t frames = frames_free();
	int n = partitions_read(&disk.device, parts, MOST);

	assert_int_equal(frames_free(), frames);
	return n;
}

static void test_none(void **state)
{
	(void)state;
	assert_int_equal(read_table(), 0);
	/* A boot sector: the signature is there, a table is not. */
	mbr(0, 0, 0x83, 1, 10);
	assert_int_equal(read_table(), 1);
	block(0)[446 + 16] = 'x';
	assert_int_equal(read_table(), 0);
	block(0)[446 + 16] = 0x80;
	assert_int_equal(read_table(), 1);
	disk.fail_read = disk.reads + 1;
	assert_int_equal(read_table(), -EIO);
	mock_fail_allocation(1);
	assert_int_equal(read_table(), -ENOMEM);
}

static void test_mbr(void **state)
{
	(void)state;
	mbr(0, 0, 0x83, 8, 100);
	mbr(0, 2, 0x82, 200, 50);
	mbr(0, 3, 0x0c, SECTORS - 1, 1);
	assert_int_equal(read_table(), 3);
	expect(0, 1, 8, 100);
	expect(1, 3, 200, 50);
	expect(2, 4, SECTORS - 1, 1);
	/* One that goes over the end, begins behind it, is empty, holds the table. */
	mbr(0, 3, 0x0c, SECTORS - 1, 2);
	assert_int_equal(read_table(), 2);
	mbr(0, 3, 0x0c, SECTORS, 1);
	assert_int_equal(read_table(), 2);
	mbr(0, 3, 0x0c, UINT32_MAX, UINT32_MAX);
	assert_int_equal(read_table(), 2);
	mbr(0, 3, 0x0c, 9, 0);
	assert_int_equal(read_table(), 2);
	mbr(0, 3, 0x0c, 0, 9);
	assert_int_equal(read_table(), 2);
	assert_non_null(strstr(mock_log(), "vda: partition 4 does not lie on the disk"));
}

static void test_big_blocks(void **state)
{
	(void)state;
	disk.device.block_size = 4096;
	mbr(0, 1, 0x83, 2, 3);
	assert_int_equal(read_table(), 1);
	expect(0, 2, 16, 24);
}

static void test_logical(void **state)
{
	(void)state;
	mbr(0, 0, 0x83, 8, 92);
	mbr(0, 1, 5, 100, 1000);
	mbr(100, 0, 0x83, 2, 10);
	mbr(100, 1, 5, 200, 100);
	mbr(300, 0, 0x82, 4, 20);
	mbr(300, 1, 0xf, 400, 100);
	mbr(500, 0, 0, 0, 0); /* an empty one takes no number */
	mbr(500, 1, 5, 500, 100);
	mbr(600, 0, 0x83, 1, 1);
	assert_int_equal(read_table(), 4);
	expect(0, 1, 8, 92);
	expect(1, 5, 102, 10);
	expect(2, 6, 304, 20);
	expect(3, 7, 601, 1);
	assert_true(parts[2].swap);
	/* A circle; a link that leads off the disk; one that leads to no table; a block that cannot
	 * be read. */
	mbr(600, 1, 5, 200, 1);
	assert_int_equal(read_table(), 4);
	assert_false(parts[2].swap);
	assert_non_null(strstr(mock_log(), "has no end"));
	mbr(600, 1, 5, SECTORS, 1);
	assert_int_equal(read_table(), 4);
	mbr(600, 1, 5, 700, 1);
	assert_int_equal(read_table(), 4);
	assert_non_null(strstr(mock_log(), "broken after 7"));
	disk.bad_sector = 300;
	assert_int_equal(read_table(), -EIO);
}

static unsigned lines(void)
{
	unsigned n = 0;

	for (const char *p = mock_log(); (p = strchr(p, '\n')) != NULL; p++)
		n++;
	return n;
}

/* Swap is written to unasked: not where a table is wrong. */
static void test_overlap(void **state)
{
	(void)state;
	mbr(0, 0, 0x82, 8, 100);
	mbr(0, 1, 0x83, 108, 50);
	mbr(0, 2, 0x82, 158, 50);
	assert_int_equal(read_table(), 3);
	assert_true(parts[0].swap && parts[2].swap);
	assert_int_equal(lines(), 0);
	mbr(0, 1, 0x83, 107, 50);
	assert_int_equal(read_table(), 3);
	expect(1, 2, 107, 50);
	assert_false(parts[0].swap || parts[2].swap);
	assert_int_equal(lines(), 1);
	assert_non_null(strstr(mock_log(), "vda: partitions 1 and 2 lie over each other"));
	/* A chain in a circle of entries that lie nowhere. */
	mbr(0, 1, 5, 200, 50);
	mbr(200, 0, 0x82, UINT32_MAX, 1);
	mbr(200, 1, 5, 100, 1);
	mbr(300, 0, 0x82, UINT32_MAX, 1);
	mbr(300, 1, 5, 100, 1);
	assert_int_equal(read_table(), 2);
	assert_false(parts[0].swap || parts[1].swap);
	assert_in_range(lines(), 2, 8);
}

/* ---- GPT ---- */

#define ENTRIES 32u

static uint32_t crc32(const uint8_t *p, size_t n)
{
	uint32_t crc = ~0u;

	while (n--) {
		crc ^= *p++;
		for (int i = 0; i < 8; i++)
			crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
	}
	return ~crc;
}

static void seal(uint64_t lba, uint64_t table, uint32_t entries, uint32_t size)
{
	uint8_t *h = block(lba);

	memcpy(h, "EFI PART", 8);
	le(h + 8, 0x10000, 4);
	le(h + 12, 92, 4);
	le(h + 16, 0, 4);
	le(h + 24, lba, 8);
	le(h + 40, 40, 8);
	le(h + 48, disk.device.sectors * SECTOR_SIZE / disk.device.block_size - 40, 8);
	le(h + 72, table, 8);
	le(h + 80, entries, 4);
	le(h + 84, size, 4);
	if (entries * (uint64_t)size < 65536)
		le(h + 88, crc32(block(table), entries * size), 4);
	le(h + 16, crc32(h, 92), 4);
}

static void gpt_entry(uint64_t table, unsigned i, uint64_t first, uint64_t last)
{
	uint8_t *e = block(table) + 128 * i;

	memset(e, first ? 0xab : 0, 16);
	le(e + 32, first, 8);
	le(e + 40, last, 8);
}

static void gpt_make(void)
{
	uint64_t end = disk.device.sectors * SECTOR_SIZE / disk.device.block_size;

	mbr(0, 0, 0xee, 1, UINT32_MAX);
	for (unsigned i = 0; i < 2; i++) {
		uint64_t table = i ? end - 20 : 2;

		gpt_entry(table, 0, 40, 139);
		gpt_entry(table, 3, 200, 200);
		gpt_entry(table, 6, 300, end - 40);
		seal(i ? end - 1 : 1, table, ENTRIES, 128);
	}
}

static void expect_gpt(void)
{
	assert_int_equal(read_table(), 3);
	expect(0, 1, 40, 100);
	expect(1, 4, 200, 1);
	expect(2, 7, 300, SECTORS - 40 - 300 + 1);
}

static void test_gpt(void **state)
{
	(void)state;
	gpt_make();
	expect_gpt();
	assert_string_equal(mock_log(), "");
	/* Entries that lie outside the usable blocks, or number too many. */
	gpt_entry(2, 3, 39, 50);
	gpt_entry(2, 6, 300, SECTORS - 39);
	gpt_entry(2, 20, 300, 400);
	seal(1, 2, ENTRIES, 128);
	assert_int_equal(read_table(), 1);
	gpt_entry(2, 3, 50, 49);
	gpt_entry(2, 6, UINT64_MAX, UINT64_MAX);
	gpt_entry(2, 20, 0, 0);
	seal(1, 2, ENTRIES, 128);
	assert_int_equal(read_table(), 1);
}

/* What partitions are called for good, and which of them are swap. */
static void test_names(void **state)
{
	static const uint8_t swap[16] = { 0x6d, 0xfd, 0x57, 0x06, 0xab, 0xa4, 0xc4, 0x43,
					  0x84, 0xe5, 0x09, 0x33, 0xc8, 0x4b, 0x4f, 0x4f };

	(void)state;
	le(block(0) + 440, 0x1234abcd, 4);
	mbr(0, 0, 0x83, 8, 92);
	mbr(0, 1, 0x82, 100, 100);
	mbr(0, 2, 5, 300, 1000);
	mbr(300, 0, 0x82, 2, 10);
	le(block(300) + 440, 1, 4);
	assert_int_equal(read_table(), 3);
	assert_string_equal(parts[0].uuid, "1234abcd-01");
	assert_string_equal(parts[1].uuid, "1234abcd-02");
	assert_string_equal(parts[2].uuid, "1234abcd-05");
	assert_false(parts[0].swap);
	assert_true(parts[1].swap && parts[2].swap);

	memset(disk.now, 0, SECTORS * SECTOR_SIZE);
	gpt_make();
	memcpy(block(2) + 3 * 128, swap, 16);
	for (unsigned i = 0; i < 16; i++)
		block(2)[3 * 128 + 16 + i] = (uint8_t)(0x10 * i + i);
	seal(1, 2, ENTRIES, 128);
	expect_gpt();
	assert_string_equal(parts[0].uuid, "00000000-0000-0000-0000-000000000000");
	assert_string_equal(parts[1].uuid, "33221100-5544-7766-8899-aabbccddeeff");
	assert_true(parts[1].swap && !parts[0].swap && !parts[2].swap);
}

static void test_gpt_damage(void **state)
{
	(void)state;
	/* Every byte of the header that means something, and some of the table: the copy takes
	 * over. */
	for (unsigned at = 0; at < 92; at++) {
		gpt_make();
		block(1)[at] ^= 0x10;
		expect_gpt();
	}
	gpt_make();
	block(2)[33] ^= 1;
	mock_log_clear();
	expect_gpt();
	assert_non_null(strstr(mock_log(), "its copy is tried"));
	/* Both: no partitions, and it is said. */
	block(SECTORS - 20)[33] ^= 1;
	assert_int_equal(read_table(), 0);
	assert_non_null(strstr(mock_log(), "not good either"));
	/* An unreadable first header, an unreadable table. */
	gpt_make();
	disk.bad_sector = 1;
	expect_gpt();
	disk.bad_sector = 3;
	expect_gpt();
}

static void test_gpt_hostile(void **state)
{
	static const uint32_t shapes[][2] = { { UINT32_MAX, 128 },    { 0x1000000, 512 },
					      { ENTRIES, 0 },         { ENTRIES, 64 },
					      { ENTRIES, 192 },       { ENTRIES, 1024 },
					      { ENTRIES, 0x80000000 } };

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(shapes); i++) {
		gpt_make();
		seal(1, 2, shapes[i][0], shapes[i][1]);
		expect_gpt();
	}
	gpt_make();
	le(block(1) + 72, SECTORS, 8); /* a table off the disk */
	le(block(1) + 16, 0, 4);
	le(block(1) + 16, crc32(block(1), 92), 4);
	expect_gpt();
	/* A table without entries is a table. */
	gpt_make();
	seal(1, 2, 0, 128);
	assert_int_equal(read_table(), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_none, setup, teardown),
		cmocka_unit_test_setup_teardown(test_mbr, setup, teardown),
		cmocka_unit_test_setup_teardown(test_big_blocks, setup, teardown),
		cmocka_unit_test_setup_teardown(test_logical, setup, teardown),
		cmocka_unit_test_setup_teardown(test_overlap, setup, teardown),
		cmocka_unit_test_setup_teardown(test_gpt, setup, teardown),
		cmocka_unit_test_setup_teardown(test_names, setup, teardown),
		cmocka_unit_test_setup_teardown(test_gpt_damage, setup, teardown),
		cmocka_unit_test_setup_teardown(test_gpt_hostile, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
