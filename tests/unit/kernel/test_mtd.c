// SPDX-License-Identifier: MIT
// SOURCES: kernel/mtd.c kernel/mtd_node.c kernel/lib/format.c tests/mock/machine.c tests/mock/kernel.c tests/mock/frames.c tests/mock/slab.c
/*
 * Flash partitions: their names and nodes; reading any part of one; the one for swap shows mkswap's
 * header and is swap's or an exclusive open's, never both.
 */
#include "tests/mock/mock.h"

#include <linux/fcntl.h>
#include <linux/fs.h>
#include <string.h>

#include "kernel/block_internal.h"
#include "kernel/errno.h"
#include "kernel/fs/file.h"
#include "kernel/mtd_internal.h"
#include "kernel/swap_budget.h"
#include "kernel/swap_disk.h"
#include "mm/buddy.h"
#include "mm/reclaim.h"

#define SIZE (256u << 10)

static uint8_t cells[SIZE];
static int read_error, attach_error, detach_error;
static unsigned attached, shapes;
static bool bad_memory, signalled;
static const struct device_node *nodes[2];
static unsigned nnodes;
static struct inode inodes[2];

/* ---- What is asked of others ---- */

static int cells_read(struct medium *m, uint64_t offset, void *buf, size_t n)
{
	(void)m;
	assert_true(offset + n <= SIZE);
	memcpy(buf, cells + offset, n);
	return read_error;
}

static const struct medium_ops ops = { .read = cells_read };
static struct medium env = { .ops = &ops, .name = "env", .size = SIZE, .erase_size = SIZE };
static struct medium area = { .ops = &ops, .name = "swap", .size = SIZE, .erase_size = SIZE };

static const struct medium *budgeted; /* whose write budget was looked up last */

void swap_budget_attach(struct medium *m)
{
	budgeted = m;
}

int swap_attach(struct medium *m, bool format, int prio)
{
	(void)format, (void)prio;
	assert_ptr_equal(m, &area);
	assert_ptr_equal(m, budgeted);
	attached += attach_error == 0;
	return attach_error;
}

int swap_detach(struct medium *m)
{
	assert_ptr_equal(m, &area);
	attached -= detach_error == 0;
	return detach_error;
}

void device_node_register(struct device_node *n)
{
	nodes[nnodes++] = n;
}

void *device_data(const struct inode *i)
{
	return nodes[i - inodes]->data;
}

int io_put(struct io *io, const void *src, size_t n)
{
	if (bad_memory)
		return -EFAULT;
	memcpy((void *)io->buf, src, n);
	io->buf += n;
	return 0;
}

bool signal_pending(void)
{
	return signalled;
}

int64_t block_node_seek(struct file *f, uint64_t size, int64_t off, int whence)
{
	(void)f, (void)off, (void)whence;
	return (int64_t)size;
}

int64_t block_node_shape(const struct block_device *d, unsigned cmd, uint64_t arg)
{
	(void)cmd, (void)arg;
	assert_true(d->read_only && d->sectors == SIZE / 512);
	shapes++;
	return 0;
}

/* ---- Tests ---- */

static int open_node(unsigned i, struct file *f, unsigned mode, unsigned flags)
{
	*f = (struct file){ .inode = &inodes[i], .mode = mode, .flags = flags };
	return nodes[i]->ops->open(f);
}

static int64_t read_at(struct file *f, uint64_t at, void *to, size_t n)
{
	struct io io = { .buf = (uintptr_t)to, .n = n, .pos = at };

	return f->data ? nodes[0]->ops->read(f, &io) : -EBADF;
}

static int setup(void **state)
{
	mock_setup(state);
	for (size_t i = 0; i < SIZE; i++)
		cells[i] = (uint8_t)(i * 31 >> 3);
	if (nnodes == 0) { /* for good */
		assert_int_equal(mtd_add(&env), 0);
		assert_int_equal(mtd_add(&area), 0);
		assert_int_equal(mtd_add(&area), -EEXIST);
	}
	return 0;
}

static void test_names(void **state)
{
	(void)state;
	assert_int_equal(nnodes, 2);
	assert_string_equal(nodes[1]->name, "mtdblock1");
	assert_int_equal(nodes[1]->devno, 31u << 20 | 1);
	assert_string_equal(mtd_node_name("swap"), "mtdblock1");
	assert_null(mtd_node_name("/dev/vda"));
	assert_ptr_equal(mtd_get(0), &env);
	assert_null(mtd_get(2));
	assert_ptr_equal(mtd_swap(), &area);
}

static void test_read(void **state)
{
	static uint8_t to[3 * PAGE_SIZE];
	struct file f;

	(void)state;
	assert_int_equal(open_node(0, &f, FILE_READ | FILE_WRITE, 0), -EROFS);
	assert_int_equal(open_node(0, &f, FILE_READ, 0), 0);
	assert_int_equal(read_at(&f, 100, to, 9000), 9000);
	assert_memory_equal(to, cells + 100, 9000);
	assert_int_equal(read_at(&f, SIZE - 10, to, 100), 10);
	assert_memory_equal(to, cells + SIZE - 10, 10);
	assert_int_equal(read_at(&f, SIZE, to, 1), 0);
	assert_int_equal(read_at(&f, SIZE + 4096, to, 1), 0);
	signalled = true;
	assert_int_equal(read_at(&f, 5, to, 9000), PAGE_SIZE - 5);
	signalled = false;
	bad_memory = true;
	assert_int_equal(read_at(&f, 0, to, 10), -EFAULT);
	bad_memory = false;
	read_error = -EIO;
	assert_int_equal(read_at(&f, 0, to, 10), -EIO);
	read_error = 0;
	assert_int_equal(nodes[0]->ops->seek(&f, 0, 2), SIZE);
	assert_int_equal(nodes[0]->ops->ioctl(&f, BLKGETSIZE64, 0), 0);
	assert_int_equal(shapes, 1);
	nodes[0]->ops->release(&f);
}

static void test_header(void **state)
{
	static uint8_t to[2 * PAGE_SIZE];
	struct swap_header h;
	struct file f;

	(void)state;
	assert_int_equal(open_node(1, &f, FILE_READ, 0), 0);
	assert_int_equal(read_at(&f, 0, to, sizeof(to)), sizeof(to));
	memcpy(&h, to + 1024, sizeof(h));
	assert_int_equal(h.version, 1);
	assert_int_equal(h.last_page, SIZE / 4096 - 1);
	assert_int_equal(h.bad_pages, 0);
	assert_string_equal(h.label, "swap");
	assert_memory_equal(to + 4086, "SWAPSPACE2", 10);
	assert_memory_equal(to + PAGE_SIZE, cells + PAGE_SIZE, PAGE_SIZE);
}

static void test_claims(void **state)
{
	struct file f, g;

	(void)state;
	assert_int_equal(mtd_swap_on(&env, -1, false), -EINVAL);
	area.read_only = true;
	assert_int_equal(mtd_swap_on(&area, -1, false), -EROFS);
	assert_non_null(strstr(mock_log(), "for reading only"));
	area.read_only = false;
	assert_int_equal(mtd_swap_on(&area, -1, false), 0);
	assert_int_equal(mtd_swap_on(&area, -1, false), -EBUSY);
	assert_int_equal(open_node(1, &f, FILE_READ, O_EXCL), -EBUSY);
	assert_int_equal(open_node(1, &f, FILE_READ, 0), 0);
	nodes[1]->ops->release(&f);
	assert_int_equal(mtd_swap_on(&area, -1, false), -EBUSY); /* that was not its owner */
	detach_error = -ENOMEM;
	assert_int_equal(mtd_swap_off(&area), -ENOMEM);
	assert_int_equal(open_node(1, &f, FILE_READ, O_EXCL), -EBUSY);
	detach_error = 0;
	assert_int_equal(mtd_swap_off(&area), 0);
	assert_int_equal(open_node(1, &f, FILE_READ, O_EXCL), 0);
	assert_int_equal(open_node(1, &g, FILE_READ, O_EXCL), -EBUSY);
	assert_int_equal(mtd_swap_on(&area, -1, false), -EBUSY);
	nodes[1]->ops->release(&f);
	attach_error = -EIO;
	assert_int_equal(mtd_swap_on(&area, -1, false), -EIO);
	attach_error = 0;
	assert_int_equal(mtd_swap_on(&area, -1, false), 0);
	assert_int_equal(attached, 1);
	assert_int_equal(mtd_swap_off(&area), 0);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, mock_teardown)
	const struct CMUnitTest tests[] = { TEST(test_names), TEST(test_read), TEST(test_header),
					    TEST(test_claims) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
