// SPDX-License-Identifier: MIT
// SOURCES: kernel/fs/seals.c kernel/fs/inode.c kernel/fs/dentry.c kernel/fs/mount.c kernel/fs/walk.c kernel/fs/names.c kernel/fs/rename.c
// SOURCES: kernel/fs/open.c kernel/fs/file.c kernel/fs/files.c kernel/fs/context.c kernel/fs/tmpfs.c kernel/fs/regular.c
// SOURCES: kernel/fs/sys_names.c kernel/lib/rbtree.c kernel/lib/radix.c kernel/lib/format.c kernel/lib/parse.c
// SOURCES: kernel/fs/ext2/super.c kernel/fs/ext2/buffer.c kernel/fs/ext2/alloc.c kernel/fs/ext2/map.c kernel/fs/ext2/node.c
// SOURCES: kernel/fs/ext2/node_io.c kernel/fs/ext2/check.c kernel/fs/ext2/dir.c kernel/fs/ext2/names.c kernel/fs/ext2/rename.c kernel/fs/ext2/file.c kernel/fs/ext2/pages.c kernel/fs/ext2/flush.c
// SOURCES: mm/object.c mm/object_evict.c mm/object_size.c mm/object_write.c mm/writeback.c mm/object_io.c mm/readahead.c mm/page.c mm/rmap.c mm/rmap_set.c mm/rmap_file.c mm/commit.c
// SOURCES: arch/arm64/pmap.c arch/arm64/pmap_share.c arch/arm64/pmap_fold.c arch/arm64/pte.c arch/arm64/tlb.c arch/arm64/asid.c
// SOURCES: tests/unit/kernel/fs/fs_fake.c tests/unit/kernel/fs/host_ext2.c tests/unit/kernel/fs/ext2_test.c
// SOURCES: tests/mock/machine.c tests/mock/kernel.c tests/mock/frames.c tests/mock/slab.c tests/mock/swap.c tests/mock/block.c kernel/block_return.c
// DEFINES: CONFIG_DEBUG=1
// TIMEOUT: 300
/*
 * File systems that are not what they say: every field of the superblock, of descriptors, inodes,
 * directories and pointers is overwritten, and all is read, changed and unmounted nevertheless;
 * features that are not known; a medium that fails at each request in turn; memory that ends at
 * each allocation in turn; no room, no writing.
 */
#include "tests/unit/kernel/fs/ext2_test.h"

#include <linux/fs.h>

static char buf[1 << 16];

static void populate(void)
{
	char path[64];

	memset(buf, 'x', sizeof(buf));
	assert_int_equal(do_mkdir("/m/d"), 0);
	assert_int_equal(do_mkdir("/m/d/e"), 0);
	assert_int_equal(do_write("/m/big", 0, buf, sizeof(buf)), sizeof(buf));
	assert_int_equal(do_write("/m/big", 600000, buf, 5000), 5000);
	memset(buf, 'y', 200);
	buf[200] = '\0';
	assert_int_equal(do_symlink(buf, "/m/long"), 0);
	assert_int_equal(do_symlink("d/e", "/m/short"), 0);
	for (unsigned i = 0; i < 60; i++) {
		snprintf(path, sizeof(path), "/m/d/e/file-number-%u", i);
		assert_int_equal(do_write(path, 0, buf, 10), 10);
	}
}

/* Everything that can be done, whatever comes of it. */
static void use(void)
{
	free(tree_text("/m"));
	(void)do_write("/m/new", 0, buf, 20000);
	(void)do_write("/m/big", 300000, buf, 20000);
	(void)do_rename("/m/d/e/file-number-3", "/m/d/e/file-number-4", 0);
	(void)do_rename("/m/d/e/file-number-5", "/m/moved", 0);
	(void)do_link("/m/short", "/m/d/link");
	(void)do_mkdir("/m/d/e/dir");
	(void)do_sync();
	(void)do_truncate("/m/big", 100);
	tree_remove("/m");
	(void)do_sync();
}

static uint8_t *saved(void)
{
	uint8_t *copy = calloc(1, disk.device.sectors * SECTOR_SIZE);

	memcpy(copy, disk.now, disk.device.sectors * SECTOR_SIZE);
	return copy;
}

static void restore(const uint8_t *copy)
{
	memcpy(disk.now, copy, disk.device.sectors * SECTOR_SIZE);
	disk.dead = false;
	disk.fail_read = disk.fail_write = 0;
	mock_log_clear();
}

static void try_it(void)
{
	if (fs_mount(0) == 0) {
		use();
		assert_int_equal(fs_umount(), 0); /* whatever could not be written: the log tells */
	}
	assert_null(disk.device.claimed);
}

static void test_damage(void **state)
{
	static const uint32_t values[] = { 0, 1, 0xffffffff, 0x7fffffff, 300, 0x10001 };
	uint32_t seed = 1, block = 1024, tables;
	uint8_t *copy;

	(void)state;
	mock_expect_violation(MOCK_RULE_CONTEXT);
	disk_make("-b 1024 -N 128", 1024);
	assert_int_equal(fs_mount(0), 0);
	populate();
	tables = fs_mounted()->group[0].inode_table;
	assert_int_equal(fs_umount(), 0);
	fs_check();
	copy = saved();
	/* Each word of superblock (as far as it is used), descriptor, and of the inodes in use. */
	for (unsigned word = 0; word < 24 + 8 + 75 * 32 / 4; word += 3) {
		size_t at = word < 24 ? EXT2_SUPER_OFFSET + word * 4
			    : word < 32
				    ? 2 * block + (word - 24) * 4
				    : tables * block + EXT2_ROOT_INO * 128 - 128 + (word - 32) * 16;

		restore(copy);
		memcpy(disk.now + at, &values[rnd(&seed) % ARRAY_SIZE(values)], 4);
		try_it();
	}
	/* Blocks full of chance: directories, pointers, bitmaps among them. */
	for (unsigned n = 0; n < 150; n++) {
		size_t sectors = disk.device.sectors;

		restore(copy);
		for (unsigned k = 0; k < 40; k++) {
			size_t at = 1024 + rnd(&seed) % (sectors * SECTOR_SIZE / 2 - 1024);

			disk.now[at & ~3ul] = (uint8_t)rnd(&seed);
		}
		try_it();
	}
	free(copy);
}

/* offset: a byte of the superblock that becomes value; 0: none. */
static void refused(const char *options, unsigned offset, unsigned value, int err, const char *text)
{
	disk_make(options, 2048);
	if (offset)
		disk.now[EXT2_SUPER_OFFSET + offset] = (uint8_t)value;
	mock_log_clear();
	assert_int_equal(fs_mount(0), err);
	if (!strstr(mock_log(), text))
		fail_msg("the log says: %s", mock_log());
}

static void test_refused(void **state)
{
	(void)state;
	refused("-b 1024 -O extents", 0, 0, -EINVAL, "uses extents (ext4)");
	refused("-b 1024", 0x60, 2 | 4, -EINVAL, "journal");
	refused("-b 1024 -O meta_bg,^resize_inode", 0, 0, -EINVAL, "not known");
	refused("-b 1024 -O huge_file", 0, 0, -EROFS, "reading only");
	assert_int_equal(fs_mount(MOUNT_RDONLY), 0);
	assert_int_equal(do_mkdir("/m/x"), -EROFS);
	assert_int_equal(fs_umount(), 0);
	/* Nothing has been written. */
	assert_int_equal(disk.writes, 0);
	refused("-b 1024", 0x38, 0, -EINVAL, "");
	disk_make("-b 1024", 1024);
	disk.device.block_size = 4096;
	assert_int_equal(fs_mount(0), -EINVAL);
	disk.device.block_size = SECTOR_SIZE;
	disk.device.read_only = true;
	assert_int_equal(fs_mount(0), -EROFS);
	assert_int_equal(fs_mount(MOUNT_RDONLY), 0);
	assert_int_equal(fs_umount(), 0);
	/* One mount at a time. */
	disk.device.read_only = false;
	assert_int_equal(fs_mount(0), 0);
	assert_true(IS_ERR(ext2_type.create(&ext2_type, "vda", "", 0)));
	assert_int_equal(fs_umount(), 0);
	assert_int_equal(PTR_ERR(ext2_type.create(&ext2_type, "vdz", "", 0)), -ENOENT);
	assert_int_equal(PTR_ERR(ext2_type.create(&ext2_type, "/t", "", 0)), -ENOTBLK);
	assert_int_equal(PTR_ERR(ext2_type.create(&ext2_type, "vda", "nonsense", 0)), -EINVAL);
}

/* Each read, then each write, fails once. After a failed write of metadata nothing is changed any
 * more, and e2fsck can repair what is there. */
static void test_io_errors(void **state)
{
	uint8_t *copy;

	(void)state;
	mock_expect_violation(MOCK_RULE_CONTEXT);
	disk_make("-b 1024 -N 128", 1024);
	assert_int_equal(fs_mount(0), 0);
	populate();
	assert_int_equal(fs_umount(), 0);
	copy = saved();
	for (unsigned n = 1; n < 250; n += 3) {
		restore(copy);
		disk.fail_read = disk.reads + n;
		try_it();
		restore(copy);
		disk.fail_write = disk.writes + n;
		try_it();
		if (n % 10 == 1) {
			mock_disk_save(&disk, host_ext2_image());
			assert_in_range(host_ext2_check("-y"), 0, 1);
			assert_int_equal(host_ext2_check("-fn"), 0);
		}
	}
	free(copy);
}

static void test_no_memory(void **state)
{
	uint8_t *copy;
	unsigned base;

	(void)state;
	mock_expect_violation(MOCK_RULE_CONTEXT);
	disk_make("-b 1024 -N 128", 1024);
	assert_int_equal(fs_mount(0), 0);
	populate();
	assert_int_equal(fs_umount(), 0);
	copy = saved();
	base = mock_objects_out();
	for (unsigned n = 1;; n++) {
		restore(copy);
		mock_fail_allocation(n);
		try_it();
		assert_int_equal(mock_objects_out(), base);
		if (!mock_failed_allocation())
			break;
		if (n % 50 == 0)
			fs_check();
		n += n / 8;
	}
	mock_fail_allocation(0);
	free(copy);
}

/* The medium is filled, byte by byte in the end; what is deleted can be used again at once. */
static void test_full(void **state)
{
	struct inode *i;
	uint64_t pos = 0;
	int64_t n;

	(void)state;
	disk_make("-b 1024 -N 64 -m 0", 512);
	assert_int_equal(fs_mount(0), 0);
	for (unsigned round = 0; round < 3; round++) {
		for (pos = 0; (n = do_write("/m/f", pos, buf, 10000)) > 0;)
			pos += (uint64_t)n;
		assert_int_equal(n, -ENOSPC);
		assert_true(fs_mounted()->free_blocks < 12);
		i = do_find("/m/f");
		assert_int_equal(inode_size(i), pos);
		inode_put(i);
		assert_int_equal(do_sync(), 0);
		fs_check();
		assert_int_equal(do_remove("/m/f"), 0);
	}
	for (unsigned k = 0;; k++) {
		char path[32];

		snprintf(path, sizeof(path), "/m/%u", k);
		n = do_write(path, 0, buf, 0);
		if (n < 0)
			break;
	}
	assert_int_equal(n, -ENOSPC);
	assert_int_equal(fs_mounted()->free_inodes, 0);
	assert_int_equal(do_remove("/m/0"), 0);
	assert_int_equal(do_write("/m/again", 0, buf, 10), 10);
	assert_int_equal(fs_umount(), 0);
	fs_check();
}

static struct inode *written;

static void write_back(void)
{
	assert_int_equal(object_sync(written->object, 0, UINT32_MAX), 0);
}

/* On a medium that is nearly full a write's pages are written back before they get the blocks that
 * they were promised. */
static void test_full_and_written_back(void **state)
{
	struct ext2_fs *fs;
	uint64_t pos = 0, left;

	(void)state;
	disk_make("-b 1024 -N 64 -m 0", 512);
	assert_int_equal(fs_mount(0), 0);
	fs = fs_mounted();
	assert_int_equal(do_write("/m/f", 0, buf, 1), 1);
	while (fs->free_blocks > 14)
		pos += (uint64_t)do_write("/m/rest", pos, buf, 1024);
	left = fs->free_blocks;
	written = do_find("/m/f");
	while_copying = write_back;
	assert_int_equal(do_write("/m/f", 0, buf, 10 * 1024), 10 * 1024);
	while_copying = NULL;
	inode_put(written);
	assert_int_equal(left - fs->free_blocks, 9);
	assert_int_equal(fs->promised, 0);
	assert_int_equal(do_fsync("/m/f"), 0);
	assert_int_equal(fs_umount(), 0);
	fs_check();
}

/* Open files without a name: there until they are closed, and gone then; for the medium not clean
 * meanwhile. */
static void test_orphans(void **state)
{
	struct file *f, *tmp;
	uint64_t blocks;

	(void)state;
	disk_make("-b 1024", 2048);
	assert_int_equal(fs_mount(0), 0);
	assert_int_equal(do_sync(), 0);
	blocks = fs_mounted()->free_blocks;
	assert_int_equal(do_write("/m/f", 0, buf, 50000), 50000);
	f = do_open("/m/f", O_RDWR);
	assert_false(IS_ERR(f));
	assert_int_equal(do_remove("/m/f"), 0);
	tmp = do_open("/m", O_RDWR | O_TMPFILE);
	assert_false(IS_ERR(tmp));
	assert_int_equal(do_sync(), 0);
	assert_int_equal(fs_mounted()->norphans, 2);
	assert_false(fs_mounted()->valid);
	assert_int_equal(file_read_kernel(f, 40000, buf, 5000), 5000);
	assert_int_equal(fs_mounted()->super->ops->remount(fs_mounted()->super, "", true), -EBUSY);
	file_put(f);
	file_put(tmp);
	assert_int_equal(do_sync(), 0);
	assert_true(fs_mounted()->valid);
	assert_int_equal(fs_mounted()->free_blocks, blocks);
	fs_check();
	/* Read-only, and back. */
	assert_int_equal(fs_mounted()->super->ops->remount(fs_mounted()->super, "", true), 0);
	fs_check();
	assert_int_equal(do_truncate("/m/lost+found", 0), -EISDIR);
	assert_int_equal(do_write("/m/g", 0, buf, 10), -EROFS);
	assert_int_equal(fs_mounted()->super->ops->remount(fs_mounted()->super, "", false), 0);
	assert_int_equal(do_write("/m/g", 0, buf, 10), 10);
	assert_int_equal(fs_umount(), 0);
	fs_check();
}

static struct file *late;

static void open_late(struct mock_disk *m, const struct block_request *r)
{
	(void)r;
	m->on_request = NULL;
	late = do_open("/m/f", O_RDWR);
}

/* While what there is is written on the way to read-only, somebody opens a file for writing. */
static void test_opened_on_the_way(void **state)
{
	struct super *s;

	(void)state;
	disk_make("-b 1024", 2048);
	assert_int_equal(fs_mount(0), 0);
	s = fs_mounted()->super;
	assert_int_equal(do_write("/m/f", 0, buf, 5000), 5000);
	disk.on_request = open_late;
	assert_int_equal(s->ops->remount(s, "", true), -EBUSY);
	assert_true(late && !IS_ERR(late));
	assert_int_equal(do_write("/m/f", 5000, buf, 10), 10);
	file_put(late);
	assert_int_equal(s->ops->remount(s, "", true), 0);
	assert_int_equal(fs_umount(), 0);
	fs_check();
}

/* The medium takes nothing any more: no changes, said as often as asked; read-only it may
 * become. */
static void test_failed_remount(void **state)
{
	struct super *s;

	(void)state;
	disk_make("-b 1024", 2048);
	assert_int_equal(fs_mount(0), 0);
	s = fs_mounted()->super;
	assert_int_equal(do_write("/m/f", 0, buf, 100), 100);
	disk.stop_at = disk.writes + 1;
	disk.stop_error = -EIO;
	assert_int_equal(do_sync(), -EIO);
	disk.stop_at = 0;
	assert_int_equal(s->ops->remount(s, "", false), -EIO);
	assert_int_equal(s->ops->remount(s, "", true), 0);
	assert_int_equal(s->ops->remount(s, "", false), -EIO);
	assert_int_equal(do_write("/m/g", 0, buf, 100), -EIO);
	(void)!fs_umount();
	assert_int_equal(fs_mount(0), 0);
	assert_int_equal(do_write("/m/g", 0, buf, 100), 100);
	assert_int_equal(fs_umount(), 0);
}

/* A directory goes whose names went in the same flush: its block is not written any more, least of
 * all to where the superblock is. */
static void test_names_of_a_dead_directory(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		disk_make(i ? "-b 1024" : "-b 4096", 4096);
		assert_int_equal(fs_mount(0), 0);
		assert_int_equal(do_mkdir("/m/d"), 0);
		assert_int_equal(do_write("/m/d/f", 0, buf, 100), 100);
		assert_int_equal(do_sync(), 0);
		assert_int_equal(do_remove("/m/d/f"), 0);
		assert_int_equal(do_remove("/m/d"), 0);
		assert_int_equal(ext2_flush(fs_mounted(), false), 0); /* as the write-back does */
		assert_memory_equal(disk.now + 1024 + 56, "\x53\xef", 2);
		assert_int_equal(fs_umount(), 0);
		fs_check();
		disk_drop();
	}
}

/* It is the look that finds it again. */
static void found_by_the_look(struct mock_disk *m, const struct block_request *r)
{
	if (!r->anew)
		return;
	m->device.returns++;
	m->on_request = NULL;
}

/* A card that was away, and is back: as it was left, all goes on; with one byte of its superblock
 * changed nothing is read or written until it is mounted again. */
static void test_was_away(void **state)
{
	uint64_t writes;

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		disk_make(i ? "-b 1024" : "-b 4096", 4096);
		assert_int_equal(fs_mount(0), 0);
		assert_int_equal(do_write("/m/f", 0, buf, 50000), 50000);
		disk.device.returns++;
		assert_int_equal(do_write("/m/g", 0, buf, 50000), 50000);
		assert_int_equal(do_sync(), 0);
		disk.device.returns++; /* a read, and metadata alone */
		assert_int_equal(do_mkdir("/m/d"), 0);
		assert_int_equal(do_sync(), 0);
		fs_check();
		disk.device.returns++;
		disk.on_request = found_by_the_look;
		assert_int_equal(do_mkdir("/m/d/d"), 0);
		assert_int_equal(do_sync(), 0);
		assert_null(disk.on_request);
		assert_int_equal(do_write("/m/d/f", 0, buf, 50000), 50000);
		disk.device.returns++;
		disk.now[1024 + 0x30]++; /* when it was written last */
		writes = disk.writes;
		assert_int_equal(do_sync(), -EIO);
		assert_true(do_mkdir("/m/e") < 0);
		assert_true(do_sync() < 0);
		assert_non_null(strstr(mock_log(), "is not what it was"));
		(void)!fs_umount();
		assert_int_equal(disk.writes, writes);
		assert_int_equal(fs_mount(0), 0);
		assert_int_equal(do_write("/m/h", 0, buf, 50000), 50000);
		assert_int_equal(fs_umount(), 0);
		fs_check();
		disk_drop();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_orphans, ext2_setup, ext2_teardown),
		cmocka_unit_test_setup_teardown(test_names_of_a_dead_directory, ext2_setup,
						ext2_teardown),
		cmocka_unit_test_setup_teardown(test_was_away, ext2_setup, ext2_teardown),
		cmocka_unit_test_setup_teardown(test_opened_on_the_way, ext2_setup, ext2_teardown),
		cmocka_unit_test_setup_teardown(test_failed_remount, ext2_setup, ext2_teardown),
		cmocka_unit_test_setup_teardown(test_full, ext2_setup, ext2_teardown),
		cmocka_unit_test_setup_teardown(test_full_and_written_back, ext2_setup,
						ext2_teardown),
		cmocka_unit_test_setup_teardown(test_refused, ext2_setup, ext2_teardown),
		cmocka_unit_test_setup_teardown(test_io_errors, ext2_setup, ext2_teardown),
		cmocka_unit_test_setup_teardown(test_no_memory, ext2_setup, ext2_teardown),
		cmocka_unit_test_setup_teardown(test_damage, ext2_setup, ext2_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
