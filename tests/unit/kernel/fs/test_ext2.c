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
// TIMEOUT: 120
/*
 * ext2 on file systems that mke2fs made, judged by e2fsck: each kind of file; random operations
 * with tmpfs as the reference; a full medium; what is refused.
 */
#include "tests/unit/kernel/fs/ext2_test.h"

#include <linux/fs.h>

static char buf[1 << 16];

static void fill(uint32_t seed, size_t n)
{
	for (size_t i = 0; i < n; i++)
		buf[i] = (char)rnd(&seed);
}

/* ---- One of each ---- */

static void make_one_of_each(const char *at)
{
	char path[128], target[900];
	static const char *const names[] = { "a", "b", "c", "d" };

	for (unsigned i = 0; i < ARRAY_SIZE(names); i++) {
		snprintf(path, sizeof(path), "%s/dir-%s", at, names[i]);
		assert_int_equal(do_mkdir(path), 0);
		snprintf(path, sizeof(path), "%s/dir-%s/file", at, names[i]);
		fill(i + 1, sizeof(buf));
		/* Direct, single and double indirect with blocks of 1 KB; holes between. */
		assert_int_equal(do_write(path, 0, buf, 5000), 5000);
		assert_int_equal(do_write(path, 100000, buf, sizeof(buf)), sizeof(buf));
		assert_int_equal(do_write(path, 700000 + i, buf, 3000), 3000);
	}
	snprintf(path, sizeof(path), "%s/short", at);
	assert_int_equal(do_symlink("dir-a/file", path), 0);
	memset(target, 'x', sizeof(target) - 1);
	target[sizeof(target) - 1] = '\0';
	snprintf(path, sizeof(path), "%s/long", at);
	assert_int_equal(do_symlink(target, path), 0);
	snprintf(path, sizeof(path), "%s/null", at);
	assert_int_equal(do_mknod(path, S_IFCHR | 0600, DEVNO(1, 3)), 0);
	snprintf(path, sizeof(path), "%s/disk", at);
	assert_int_equal(do_mknod(path, S_IFBLK | 0600, DEVNO(259, 70000)), 0);
	snprintf(path, sizeof(path), "%s/fifo", at);
	assert_int_equal(do_mknod(path, S_IFIFO | 0600, 0), 0);
	snprintf(target, sizeof(target), "%s/dir-b/file", at);
	snprintf(path, sizeof(path), "%s/dir-c/link", at);
	assert_int_equal(do_link(target, path), 0);
	snprintf(path, sizeof(path), "%s/dir-d/file", at);
	assert_int_equal(do_truncate(path, 110001), 0);
	assert_int_equal(do_truncate(path, 130001), 0);
}

static void assert_same(const char *a, const char *b)
{
	char *ta = tree_text(a), *tb = tree_text(b);

	assert_string_equal(ta, tb);
	free(ta);
	free(tb);
}

static void one_of_each(const char *options, unsigned kb)
{
	disk_make(options, kb);
	assert_int_equal(fs_mount(0), 0);
	make_one_of_each("/m");
	assert_same("/t", "/m");
	assert_int_equal(do_sync(), 0);
	fs_check(); /* clean also while mounted */
	assert_int_equal(fs_umount(), 0);
	fs_check();
	assert_int_equal(fs_mount(0), 0);
	assert_same("/t", "/m");
	assert_int_equal(fs_umount(), 0);
	fs_check();
}

static void test_one_of_each(void **state)
{
	(void)state;
	make_one_of_each("/t");
	one_of_each("-b 1024", 4096);
	one_of_each("-b 2048", 8192);
	one_of_each("-b 4096", 16384);
	one_of_each("-b 1024 -r 0", 4096);
	one_of_each("-b 1024 -I 256 -O ^filetype", 8192);
	one_of_each("-b 1024 -O ^sparse_super,^resize_inode,^dir_index,^ext_attr -g 1024", 8192);
	one_of_each("-b 4096 -I 512", 16384);
}

/* ---- Random operations, tmpfs beside ---- */

#define NAMES 12

/* A path of up to three short names, below /m or /t alike. */
static void random_path(uint32_t *seed, char *path, size_t size)
{
	unsigned depth = 1 + rnd(seed) % 3;
	size_t n = 0;

	path[0] = '\0';
	while (depth--) {
		unsigned k = rnd(seed) % NAMES;

		/* Some names are long, so that directories have several blocks. */
		n += (size_t)snprintf(
			path + n, size - n, "/%c%.*s", 'a' + (char)k, k % 3 ? 0 : 60 + (int)k * 10,
			"a-long-name-that-fills-a-block-of-a-directory-with-a-few-of-its-kind"
			"-so-that-entries-are-split-and-merged-and-blocks-are-added-to-it-"
			"and-moves-go-from-one-block-to-another-block-of-it");
	}
}

static int64_t random_change(uint32_t *seed, unsigned what, const char *top, const char *a,
			     const char *b)
{
	char one[600], two[600];
	uint64_t pos = rnd(seed) % 3 ? rnd(seed) % 20000 : rnd(seed) % 400000;
	size_t n = rnd(seed) % 3 ? rnd(seed) % 3000 : rnd(seed) % 30000;

	snprintf(one, sizeof(one), "%s%s", top, a);
	snprintf(two, sizeof(two), "%s%s", top, b);
	switch (what) {
	case 0:
	case 1: return do_mkdir(one);
	case 2:
	case 3: return do_remove(one);
	case 4: return do_rename(one, two, 0);
	case 5: return do_rename(one, two, rnd(seed) % 2 ? RENAME_EXCHANGE : RENAME_NOREPLACE);
	case 6: return do_link(one, two);
	case 7: return do_symlink(rnd(seed) % 2 ? b : "short", one);
	case 8: return do_truncate(one, pos);
	case 9: return do_chmod(one, rnd(seed) & 07777);
	default: return do_write(one, pos, buf + rnd(seed) % 1000, n);
	}
}

static void random_step(uint32_t *seed)
{
	char a[400], b[400];
	unsigned what = rnd(seed) % 14;
	uint32_t once = *seed, again = *seed;
	int64_t want, got;

	random_path(&once, a, sizeof(a));
	random_path(&once, b, sizeof(b));
	again = once;
	want = random_change(&once, what, "/t", a, b);
	got = random_change(&again, what, "/m", a, b);
	if (want != got)
		fail_msg("operation %u on %s, %s: %ld, tmpfs says %ld", what, a, b, (long)got,
			 (long)want);
	*seed = once;
}

static void remount(void)
{
	assert_int_equal(fs_umount(), 0);
	fs_check();
	assert_int_equal(fs_mount(0), 0);
}

static void random_run(const char *options, unsigned kb, uint32_t seed)
{
	uint64_t blocks, inodes;

	/* Directories that change places are locked in another order then, under rename_mutex: the
	 * model does not know of that. */
	mock_expect_violation(MOCK_RULE_CONTEXT);
	fill(seed, sizeof(buf));
	disk_make(options, kb);
	assert_int_equal(fs_mount(0), 0);
	blocks = fs_mounted()->free_blocks;
	inodes = fs_mounted()->free_inodes;
	for (unsigned n = 1; n <= 1200; n++) {
		random_step(&seed);
		if (n % 97 == 0)
			assert_int_equal(do_sync(), 0);
		if (n % 300 == 0) {
			assert_same("/t", "/m");
			remount();
			assert_same("/t", "/m");
		}
	}
	tree_remove("/t");
	tree_remove("/m");
	assert_same("/t", "/m");
	remount();
	/* Nothing has leaked but blocks that the root directory grew by. */
	assert_int_equal(fs_mounted()->free_inodes, inodes);
	assert_in_range(fs_mounted()->free_blocks, blocks - 8, blocks);
	assert_int_equal(fs_umount(), 0);
	fs_check();
}

static void test_random(void **state)
{
	(void)state;
	random_run("-b 1024 -N 512", 16384, 1);
	random_run("-b 1024 -r 0 -g 2048", 16384, 2);
	random_run("-b 4096", 32768, 3);
	random_run("-b 2048 -O ^filetype -I 256", 16384, 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_one_of_each, ext2_setup, ext2_teardown),
		cmocka_unit_test_setup_teardown(test_random, ext2_setup, ext2_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
