// SPDX-License-Identifier: MIT
// SOURCES: kernel/block_node.c tests/mock/machine.c tests/mock/kernel.c tests/mock/frames.c tests/mock/slab.c
/*
 * Devices as files: reads and writes of any place and length against an array, blocks of every
 * size, what is left when the device, the user's memory or a signal ends a transfer, the ends of
 * the device, ioctl. The device is an array that takes whole blocks only.
 */
#include "tests/mock/mock.h"

#include <linux/fcntl.h>
#include <linux/fs.h>
#include <string.h>

#include "kernel/block_internal.h"
#include "kernel/errno.h"
#include "kernel/fs/dev.h"
#include "kernel/fs/file.h"
#include "kernel/fs/vfs.h"
#include "kernel/signal.h"
#include "mm/buddy.h"
#include "mm/usercopy.h"
#include "tests/mock/objects.h"

#define SIZE  (1 << 20)
#define AT(p) ((uintptr_t)(p))

static uint8_t cells[SIZE], wanted[SIZE], data[SIZE];
static struct block_device device;
static struct device_node *shown;
static struct block_node *node;
static struct file file;
static struct inode inode;
static unsigned calls, fail_after, signal_after;
static bool bad_memory;

/* ---- What the file asks of others ---- */

static int reach(struct block_device *d, uint64_t sector, size_t n)
{
	assert_ptr_equal(d, &device);
	assert_int_equal(sector << SECTOR_SHIFT & (device.block_size - 1), 0);
	assert_int_equal(n & (device.block_size - 1), 0);
	assert_true((sector << SECTOR_SHIFT) + n <= SIZE);
	return ++calls == fail_after ? -EIO : 0;
}

int block_read(struct block_device *d, uint64_t sector, void *kva, size_t n)
{
	if (reach(d, sector, n))
		return -EIO;
	memcpy(kva, cells + (sector << SECTOR_SHIFT), n);
	return 0;
}

int block_write(struct block_device *d, uint64_t sector, const void *kva, size_t n)
{
	if (reach(d, sector, n))
		return -EIO;
	memcpy(cells + (sector << SECTOR_SHIFT), kva, n);
	return 0;
}

int block_flush(struct block_device *d)
{
	return reach(d, 0, 0);
}

int block_discard(struct block_device *d, uint64_t sector, uint64_t sectors)
{
	if (reach(d, sector, sectors << SECTOR_SHIFT))
		return -EIO;
	memset(cells + (sector << SECTOR_SHIFT), 0xdd, sectors << SECTOR_SHIFT);
	return 0;
}

int block_claim(struct block_device *d, const char *who)
{
	if (d->claimed)
		return -EBUSY;
	d->claimed = who;
	return 0;
}

void block_release(struct block_device *d)
{
	assert_non_null(d->claimed);
	d->claimed = NULL;
}

void device_node_register(struct device_node *n)
{
	shown = n;
}

void *device_data(const struct inode *i)
{
	assert_ptr_equal(i, &inode);
	return shown->data;
}

int io_put(struct io *io, const void *src, size_t n)
{
	if (bad_memory)
		return -EFAULT;
	memcpy((void *)io->buf, src, n);
	io->buf += n;
	return 0;
}

int io_get(struct io *io, void *dst, size_t n)
{
	if (bad_memory)
		return -EFAULT;
	memcpy(dst, (const void *)io->buf, n);
	io->buf += n;
	return 0;
}

bool signal_pending(void)
{
	return signal_after && calls >= signal_after;
}

int copy_from_user(void *dst, virt_addr_t src, size_t n)
{
	memcpy(dst, (const void *)src, n);
	return 0;
}

int user_store32(virt_addr_t dst, uint32_t value)
{
	memcpy((void *)dst, &value, sizeof(value));
	return 0;
}

int user_store64(virt_addr_t dst, uint64_t value)
{
	memcpy((void *)dst, &value, sizeof(value));
	return 0;
}

/* ---- Fixture ---- */

static void open_device(uint32_t block_size, bool read_only, unsigned mode)
{
	device = (struct block_device){ .name = "vda",
					.devno = 254 << 20,
					.sectors = SIZE >> SECTOR_SHIFT,
					.block_size = block_size,
					.read_only = read_only };
	file = (struct file){ .inode = &inode, .mode = mode };
}

static int setup(void **state)
{
	mock_setup(state);
	open_device(512, false, FILE_READ | FILE_WRITE);
	node = block_node_alloc(&device);
	assert_non_null(node);
	block_node_show(node);
	assert_int_equal(shown->ops->open(&file), 0);
	for (size_t i = 0; i < SIZE; i++)
		wanted[i] = cells[i] = (uint8_t)(i * 31 >> 3);
	calls = fail_after = signal_after = 0;
	bad_memory = false;
	return 0;
}

static int teardown(void **state)
{
	mock_fail_allocation(0);
	block_node_free(node);
	assert_int_equal(mock_objects_out(), 0);
	return mock_teardown(state);
}

static int64_t do_read(uint64_t at, void *to, size_t n)
{
	return shown->ops->read(&file, &(struct io){ .buf = AT(to), .n = n, .pos = at });
}

static int64_t do_write(uint64_t at, const void *from, size_t n)
{
	return shown->ops->write(&file, &(struct io){ .buf = AT(from), .n = n, .pos = at });
}

/* ---- Tests ---- */

static void as_an_array(void **state)
{
	static const uint32_t sizes[] = { 512, 1024, 4096 };
	uint32_t seed = 12345;

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		device.block_size = sizes[i];
		for (unsigned step = 0; step < 300; step++) {
			size_t at, n;

			seed = seed * 1103515245 + 12345;
			at = (seed >> 8) % SIZE;
			seed = seed * 1103515245 + 12345;
			n = 1 + (seed >> 8) % (step % 10 ? 9000 : 300000);
			n = MIN(n, SIZE - at);
			if (step % 2) {
				memset(data, (int)step, n);
				memset(wanted + at, (int)step, n);
				assert_int_equal(do_write(at, data, n), n);
			} else {
				assert_int_equal(do_read(at, data, n), n);
				assert_memory_equal(data, wanted + at, n);
			}
		}
	}
	assert_memory_equal(cells, wanted, SIZE);
}

static void the_end(void **state)
{
	(void)state;
	assert_int_equal(do_read(SIZE - 5, data, 100), 5);
	assert_int_equal(do_read(SIZE, data, 100), 0);
	assert_int_equal(do_read(UINT64_MAX - 5, data, 100), 0);
	assert_int_equal(do_write(SIZE - 5, data, 100), 5);
	assert_int_equal(do_write(SIZE, data, 1), -ENOSPC);
	assert_int_equal(do_write(SIZE, data, 0), 0);
}

static void failures(void **state)
{
	(void)state;
	fail_after = 1;
	assert_int_equal(do_read(0, data, 100), -EIO);
	calls = 0;
	fail_after = 2; /* the second buffer's */
	assert_int_equal(do_read(0, data, 200000), 65536);
	calls = 0;
	assert_int_equal(do_write(1, data, 10), -EIO); /* read, then written */
	fail_after = 0;
	bad_memory = true;
	assert_int_equal(do_write(0, data, 1024), -EFAULT);
	assert_int_equal(do_read(0, data, 1024), -EFAULT);
	assert_memory_equal(cells, wanted, SIZE);
	bad_memory = false;
	calls = 0;
	signal_after = 1;
	assert_int_equal(do_read(0, data, 200000), 65536);
	assert_memory_equal(data, cells, 65536);
}

static void little_memory(void **state)
{
	uint32_t free = frames_free();

	(void)state;
	mock_fail_allocation(1);
	assert_int_equal(do_read(77, data, 200000), 200000); /* a smaller buffer will do */
	assert_memory_equal(data, cells + 77, 200000);
	mock_fail_allocation(1);
	assert_int_equal(do_read(77, data, 100), 100); /* a page is the least */
	mock_fail_allocation(0);
	assert_int_equal(frames_free(), free);
}

static void read_only(void **state)
{
	(void)state;
	open_device(512, true, FILE_READ | FILE_WRITE);
	assert_int_equal(shown->ops->open(&file), -EACCES);
	open_device(512, true, FILE_READ);
	assert_int_equal(shown->ops->open(&file), 0);
	assert_true(file.mode & FILE_SEEK);
}

static void exclusive(void **state)
{
	struct file second = { .inode = &inode, .mode = FILE_READ, .flags = O_EXCL };

	(void)state;
	assert_int_equal(shown->ops->open(&second), 0);
	assert_non_null(device.claimed);
	file.flags = O_EXCL;
	assert_int_equal(shown->ops->open(&file), -EBUSY);
	file.flags = 0;
	assert_int_equal(shown->ops->open(&file), 0);
	shown->ops->release(&file); /* another's claim stays */
	assert_non_null(device.claimed);
	shown->ops->release(&second);
	assert_null(device.claimed);
	device.claimed = "ext2";
	second.flags = 0;
	assert_int_equal(shown->ops->open(&second), 0);
	shown->ops->release(&second);
	assert_non_null(device.claimed);
}

static void seeks(void **state)
{
	(void)state;
	assert_int_equal(shown->ops->seek(&file, -10, SEEK_END), SIZE - 10);
	assert_int_equal(shown->ops->seek(&file, 20, SEEK_CUR), SIZE + 10);
	assert_int_equal(shown->ops->seek(&file, -1, SEEK_SET), -EINVAL);
	assert_int_equal(shown->ops->seek(&file, INT64_MAX, SEEK_CUR), -EOVERFLOW);
	assert_int_equal(shown->ops->seek(&file, 0, 3), -EINVAL);
	assert_int_equal(file.pos, SIZE + 10);
}

static int64_t ioctl(unsigned cmd, void *arg)
{
	return shown->ops->ioctl(&file, cmd, AT(arg));
}

static void ioctls(void **state)
{
	uint64_t v = 0, range[2] = { 4096, 8192 }, odd[2] = { 4096, 100 }, far[2] = { 512, SIZE };

	(void)state;
	assert_int_equal(ioctl(BLKGETSIZE64, &v), 0);
	assert_int_equal(v, SIZE);
	assert_int_equal(ioctl(BLKGETSIZE, &v), 0);
	assert_int_equal(v, SIZE / 512);
	v = 0;
	assert_int_equal(ioctl(BLKSSZGET, &v), 0);
	assert_int_equal(v, 512);
	assert_int_equal(ioctl(BLKROGET, &v), 0);
	assert_int_equal(v, 0);
	assert_int_equal(ioctl(BLKDISCARD, odd), -EINVAL);
	assert_int_equal(ioctl(BLKDISCARD, far), -EINVAL);
	assert_memory_equal(cells, wanted, SIZE);
	assert_int_equal(ioctl(BLKDISCARD, range), 0);
	assert_int_equal(cells[4095], wanted[4095]);
	assert_int_equal(cells[4096], 0xdd);
	assert_int_equal(cells[12287], 0xdd);
	assert_int_equal(cells[12288], wanted[12288]);
	file.mode = FILE_READ;
	assert_int_equal(ioctl(BLKDISCARD, range), -EBADF);
	fail_after = calls + 1;
	assert_int_equal(ioctl(BLKFLSBUF, NULL), -EIO);
	assert_int_equal(ioctl(0x1234, NULL), -ENOTTY);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(as_an_array), TEST(the_end),   TEST(failures), TEST(little_memory),
		TEST(read_only),   TEST(exclusive), TEST(seeks),    TEST(ioctls),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
