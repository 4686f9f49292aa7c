// SPDX-License-Identifier: MIT
// SOURCES: drivers/virtio/blk.c drivers/virtio/ring.c drivers/virtio/transport.c
// SOURCES: kernel/block.c kernel/block_queue.c kernel/partition.c kernel/lib/format.c
// SOURCES: tests/mock/machine.c tests/mock/kernel.c tests/mock/frames.c tests/mock/slab.c tests/mock/block_layer.c
// SOURCES: tests/mock/virtio.c
// DEFINES: CONFIG_DEBUG=1
/*
 * virtio-blk, ring and transport against the strict device, below the real block layer: versions,
 * limits, failures of every kind.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "drivers/virtio/blk.h"
#include "kernel/block_internal.h"
#include "kernel/errno.h"
#include "mm/buddy.h"
#include "tests/mock/block_layer.h"
#include "tests/mock/mock.h"
#include "tests/mock/objects.h"
#include "tests/mock/virtio.h"

#define SECTORS 8192
#define BUFFER  (300 << 10)
#define SECOND  NSEC_PER_SEC
#define LEGACY  0x31006ed4

static struct mock_virtio disk;
static char *memory;
static uint8_t copy[BUFFER];

/* Devices are registered for good: those of earlier tests stay in the list. */
static struct virtio_blk *blk, *blks[64];
static unsigned nblks;

/* The device's and the thread's turn. */
static void others(void)
{
	mock_virtio_run(&disk, 1000);
	if (disk.interrupt)
		virtio_blk_interrupt(blk);
	mock_block_turns(&blk->device);
}

static int setup(void **state)
{
	mock_setup(state);
	mock_on_block = others;
	memory = mock_ram + (48 << 20);
	mock_virtio_init(&disk, SECTORS);
	for (size_t i = 0; i < SECTORS * 512; i++)
		disk.cells[i] = (uint8_t)(i / 512 * 7 + i);
	memset(disk.cells + 446, 0, 66); /* no partitions */
	return 0;
}

static int teardown(void **state)
{
	mock_virtio_free(&disk);
	return mock_teardown(state);
}

static int start(void)
{
	int err;

	blk = blks[nblks++] = calloc(1, sizeof(*blk));
	err = virtio_identify(&blk->virtio, &disk.bus);
	blk->virtio.coherent = disk.coherent;
	if (err)
		return err;
	(void)snprintf(blk->device.name, sizeof(blk->device.name), "vd%u", nblks);
	blk->device.devno = nblks * 16;
	err = virtio_blk_init(blk, blk->device.name);
	if (err)
		return err;
	assert_int_equal(block_register(&blk->device), 0);
	disk.requests = 0;
	return 0;
}

/* Writes and reads all that fits, in requests of every length, from and to every kind of place. */
static void exercise(void)
{
	struct block_device *d = &blk->device;
	size_t block = d->block_size;

	for (size_t n = block; n <= BUFFER; n = n * 3 / block * block + block) {
		uint64_t sector = (n / block * 5) % 100 * (block / 512);

		for (size_t i = 0; i < n; i++)
			memory[i] = (char)rand();
		memcpy(copy, memory, n);
		assert_int_equal(block_write(d, sector, memory, n), 0);
		assert_memory_equal(disk.cells + sector * 512, copy, n);
		memset(memory, 0x33, n);
		assert_int_equal(block_read(d, sector, memory, n), 0);
		assert_memory_equal(memory, copy, n);
	}
	assert_int_equal(block_read(d, d->sectors - block / 512, memory, block), 0);
	assert_int_equal(block_read(d, d->sectors, memory, block), -EINVAL);
}

static void test_versions(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		disk.version = 1 + i % 2;
		disk.offers = disk.version == 1 ? LEGACY : 0x10130006e54;
		disk.coherent = i / 2;
		assert_int_equal(start(), 0);
		assert_int_equal(blk->device.sectors, SECTORS);
		assert_int_equal(blk->device.depth, 8);
		assert_int_equal(blk->device.max_segments, 30);
		assert_true(blk->device.write_cache && blk->device.can_discard);
		exercise();
		assert_int_equal(block_flush(&blk->device), 0);
		assert_int_equal(disk.flushes, i + 1);
		assert_int_equal(block_discard(&blk->device, 8, 16), 0);
		assert_int_equal(disk.cells[8 * 512], 0x5a);
	}
}

/* Every small queue and few pieces: fewer and smaller requests, the same result. */
static void test_limits(void **state)
{
	(void)state;
	for (unsigned queue = 4; queue <= 64; queue *= 2)
		for (unsigned segments = 1; segments < 32; segments = segments * 4 + 1) {
			disk.queue_max = queue + queue / 3; /* not a power of two */
			disk.seg_max = segments;
			assert_int_equal(start(), 0);
			assert_int_equal(blk->device.max_segments,
					 MIN(MIN(segments, queue - 2), 30u));
			assert_true(blk->device.depth >= 1);
			assert_true(blk->device.depth * (blk->device.max_segments + 2) <= queue);
			exercise();
		}
}

static void test_properties(void **state)
{
	(void)state;
	disk.block_size = 4096;
	disk.sectors = SECTORS - 3;
	assert_int_equal(start(), 0);
	assert_int_equal(blk->device.sectors, SECTORS - 8);
	exercise();
	disk.offers |= 1 << 1; /* SIZE_MAX */
	disk.size_max = 9000;
	assert_int_equal(start(), 0);
	assert_int_equal(blk->device.max_segment, 8192);
	exercise();
	/* Nothing optional: no cache to flush, nothing to discard, blocks of 512. */
	disk.offers = VIRTIO_F_VERSION_1;
	disk.block_size = 512;
	assert_int_equal(start(), 0);
	assert_false(blk->device.write_cache || blk->device.can_discard);
	exercise();
	assert_int_equal(block_flush(&blk->device), 0);
	disk.offers = VIRTIO_F_VERSION_1 | 1 << 5;
	assert_int_equal(start(), 0);
	assert_int_equal(block_write(&blk->device, 0, memory, 512), -EROFS);
	assert_int_equal(block_read(&blk->device, 0, memory, 512), 0);
}

/* A capacity that changes while it is read is read again. */
static void test_capacity_changes(void **state)
{
	(void)state;
	disk.config_changes = 3;
	assert_int_equal(start(), 0);
	assert_int_equal(blk->device.sectors, SECTORS);
	disk.version = 1;
	disk.offers = LEGACY;
	disk.config_changes = 2;
	assert_int_equal(start(), 0);
	assert_int_equal(blk->device.sectors, SECTORS);
	disk.interrupt = 2;
	others();
	assert_non_null(strstr(mock_log(), "its size or settings change"));
	assert_int_equal(disk.interrupt, 0);
}

static void refused(int err)
{
	uint32_t frames = frames_free();

	assert_int_equal(start(), err);
	assert_int_equal(frames_free(), frames);
}

static void test_refused(void **state)
{
	(void)state;
	disk.version = 3;
	refused(-EINVAL);
	disk.version = 2;
	disk.id = 0;
	refused(-ENODEV);
	disk.id = 2;
	disk.disagrees = true;
	refused(-EINVAL);
	disk.disagrees = false;
	disk.offers = 0; /* a version 2 device must offer VERSION_1 */
	refused(-EINVAL);
	disk.offers = 0x10130006e54;
	disk.queue_max = 0;
	refused(-ENODEV);
	disk.queue_max = 2;
	refused(-EINVAL);
	disk.queue_max = 3; /* two, rounded down */
	refused(-EINVAL);
	disk.queue_max = 128;
	disk.block_size = 8192;
	refused(-EINVAL);
	disk.block_size = 1000;
	refused(-EINVAL);
	disk.block_size = 512;
	disk.offers |= 1 << 1;
	disk.size_max = 4095;
	refused(-EINVAL);
	disk.size_max = 4096;
	disk.sectors = 0;
	refused(-EINVAL);
	disk.sectors = SECTORS;
	assert_int_equal(start(), 0);
	disk.no_reset = true;
	refused(-EBUSY);
	disk.no_reset = false;
	for (unsigned n = 1; n <= 2; n++) {
		mock_fail_allocation(n);
		refused(-ENOMEM);
		assert_true(mock_failed_allocation());
	}
	assert_true(disk.status == 0 || disk.status & 128);
}

static int read_one(void)
{
	return block_transfer(&blk->device, BLOCK_READ, 0, memory, 512);
}

static void test_errors(void **state)
{
	(void)state;
	assert_int_equal(start(), 0);
	disk.status_is = 1;
	assert_int_equal(read_one(), -EIO);
	disk.status_is = 2;
	assert_int_equal(read_one(), -EIO);
	assert_int_equal(block_discard(&blk->device, 0, 8), -EOPNOTSUPP);
	disk.status_is = 77;
	assert_int_equal(block_write(&blk->device, 0, memory, 512), -EIO);
	disk.status_is = 0;
	disk.no_status = true;
	assert_int_equal(read_one(), -EIO);
	disk.no_status = false;
	disk.written_off = -1;
	assert_int_equal(read_one(), -EIO);
	disk.written_off = 1;
	assert_int_equal(read_one(), -EIO);
	disk.written_off = -513;
	assert_int_equal(read_one(), -EIO);
	disk.written_off = 0;
	assert_int_equal(read_one(), 0);
	exercise();
	/* Version 1 devices may not know how much they wrote. */
	disk.version = 1;
	disk.offers = LEGACY;
	assert_int_equal(start(), 0);
	disk.written_off = -513;
	assert_int_equal(read_one(), 0);
}

static unsigned ended;

static void count_end(struct block_request *r)
{
	assert_null(r->data); /* each once */
	r->data = r;
	ended++;
}

static struct block_request many[20];

/* One read of a page each, not waited for. */
static void submit_many(unsigned n)
{
	static struct block_segment s[20];

	ended = 0;
	for (unsigned i = 0; i < n; i++) {
		s[i] = (struct block_segment){ memory + i * PAGE_SIZE, PAGE_SIZE };
		many[i] = (struct block_request){ .device = &blk->device,
						  .op = BLOCK_READ,
						  .sector = i * 8,
						  .sectors = 8,
						  .segments = &s[i],
						  .nsegments = 1,
						  .done = count_end };
		block_submit(&many[i]);
	}
}

static void expect_many(unsigned n)
{
	assert_int_equal(ended, n);
	for (unsigned i = 0; i < n; i++) {
		assert_int_equal(many[i].status, 0);
		assert_memory_equal(memory + i * PAGE_SIZE, disk.cells + i * PAGE_SIZE, PAGE_SIZE);
	}
}

static void test_many(void **state)
{
	(void)state;
	assert_int_equal(start(), 0);
	for (unsigned round = 0; round < 600; round++) { /* indices go round more than once */
		disk.backwards = round % 2;
		submit_many(20);
		assert_int_equal(disk.nheld, 6); /* of 8 places 2 are for the urgent */
		for (unsigned i = 0; ended < 20 && i < 40; i++) {
			mock_virtio_run(&disk, 1 + round % 3);
			virtio_blk_interrupt(blk);
			mock_block_turns(&blk->device);
		}
		expect_many(20);
	}
}

static void test_hang(void **state)
{
	unsigned resets;

	(void)state;
	assert_int_equal(start(), 0);
	resets = disk.resets;
	disk.hangs = true;
	submit_many(8);
	mock_time_advance(31 * SECOND);
	disk.hangs = false;
	mock_block_turns(&blk->device);
	assert_int_equal(disk.resets, resets + 1);
	assert_int_equal(ended, 6);
	for (unsigned i = 0; i < 6; i++)
		assert_int_equal(many[i].status, -EIO);
	others(); /* the two that waited */
	assert_int_equal(ended, 8);
	assert_int_equal(many[7].status, 0);
	submit_many(6);
	others();
	expect_many(6);
	exercise();
}

static void test_answers_without_sense(void **state)
{
	unsigned resets;

	(void)state;
	assert_int_equal(start(), 0);
	disk.wrong_id = true;
	assert_int_equal(read_one(), -EIO);
	disk.wrong_id = false;
	assert_non_null(strstr(mock_log(), "makes no sense"));
	exercise();
	resets = disk.resets;
	disk.jump = 3;
	assert_int_equal(read_one(), -EIO);
	assert_int_equal(disk.resets, resets + 1);
	exercise();
	/* The second answer to one request comes when there are others, or none. */
	disk.twice = true;
	(void)read_one();
	disk.twice = false;
	others();
	exercise();
	disk.twice = true;
	submit_many(6);
	mock_virtio_run(&disk, 2);
	disk.twice = false;
	virtio_blk_interrupt(blk);
	mock_block_turns(&blk->device);
	assert_int_equal(ended, 6);
	exercise();
}

/* After a reset it is another device, or none at all: it stays away, and what it has done before is
 * not undone. */
static void test_dead(void **state)
{
	(void)state;
	assert_int_equal(start(), 0);
	disk.hangs = true;
	disk.offers &= ~(uint64_t)(1 << 9);
	submit_many(7);
	mock_time_advance(31 * SECOND);
	mock_block_turns(&blk->device);
	assert_int_equal(ended, 7);
	assert_int_equal(many[0].status, -EIO);
	assert_int_equal(many[6].status, -ENODEV);
	assert_int_equal(read_one(), -ENODEV);
	assert_true(disk.status & 128);
}

/* A device that cannot be stopped may still write: its requests do not end, their memory is not
 * anybody's. */
static void test_unstoppable(void **state)
{
	(void)state;
	assert_int_equal(start(), 0);
	disk.hangs = disk.no_reset = true;
	submit_many(8);
	mock_time_advance(31 * SECOND);
	mock_block_turns(&blk->device);
	assert_int_equal(ended, 2);
	assert_int_equal(read_one(), -ENODEV);
	disk.hangs = false; /* and it does */
	mock_virtio_run(&disk, 100);
	virtio_blk_interrupt(blk);
	mock_block_turns(&blk->device);
	assert_int_equal(ended, 2);
}

static void test_stop(void **state)
{
	uint32_t frames;

	(void)state;
	blk = blks[nblks++] = calloc(1, sizeof(*blk));
	assert_int_equal(virtio_identify(&blk->virtio, &disk.bus), 0);
	frames = frames_free();
	assert_int_equal(virtio_blk_init(blk, "vdx"), 0);
	disk.interrupt = 1; /* before anybody knows it */
	virtio_blk_interrupt(blk);
	assert_int_equal(disk.status, 15);
	virtio_blk_stop(blk);
	assert_int_equal(disk.status, 0);
	assert_int_equal(frames_free(), frames);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_versions, setup, teardown),
		cmocka_unit_test_setup_teardown(test_limits, setup, teardown),
		cmocka_unit_test_setup_teardown(test_properties, setup, teardown),
		cmocka_unit_test_setup_teardown(test_capacity_changes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(test_errors, setup, teardown),
		cmocka_unit_test_setup_teardown(test_many, setup, teardown),
		cmocka_unit_test_setup_teardown(test_hang, setup, teardown),
		cmocka_unit_test_setup_teardown(test_answers_without_sense, setup, teardown),
		cmocka_unit_test_setup_teardown(test_dead, setup, teardown),
		cmocka_unit_test_setup_teardown(test_unstoppable, setup, teardown),
		cmocka_unit_test_setup_teardown(test_stop, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
