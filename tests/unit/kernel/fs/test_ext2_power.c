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
 * Power cuts. A run of random changes is repeated, and power fails in another write or flush each
 * time; of what lay in the disk's cache then, a random part is there. e2fsck -p must put the file
 * system right without asking, what an earlier sync has stored must be there whole, and a file that
 * others are renamed over must have old or new contents.
 */
#include "tests/unit/kernel/fs/ext2_test.h"

#include <linux/fs.h>

#define WHOLE 3000 /* bytes in the file that is replaced */

static uint8_t *image; /* the disk when the run begins */
static char *kept;     /* what it holds below /keep */

static void pattern(char *buf, size_t n, uint32_t seed)
{
	for (size_t i = 0; i < n; i++)
		buf[i] = (char)(seed + i / 64);
}

static void path_of(uint32_t *seed, char *path, size_t size)
{
	static const char *const dirs[] = { "", "/x", "/y", "/x/z", "/y/w" };
	unsigned k = rnd(seed) % 20;

	snprintf(
		path, size, "/m/shop%s/%u%s", dirs[rnd(seed) % ARRAY_SIZE(dirs)], k,
		k % 3 ? ""
		      : "-with-a-name-that-makes-directories-grow-to-a-second-block-and-to-more-than-that");
}

/* Replaces a file as programs do that care: written, synced, renamed. */
static void replace(uint32_t *seed)
{
	static char buf[WHOLE];

	pattern(buf, sizeof(buf), rnd(seed));
	if (do_write("/m/shop/new", 0, buf, sizeof(buf)) != WHOLE || do_fsync("/m/shop/new"))
		return;
	(void)do_rename("/m/shop/new", "/m/keep/replaced", 0);
}

static void change(uint32_t *seed)
{
	static const char *const dirs[] = { "/m/shop/x", "/m/shop/y", "/m/shop/x/z",
					    "/m/shop/y/w" };
	static char buf[40000];
	char a[200], b[200];
	unsigned what = rnd(seed) % 16;

	path_of(seed, a, sizeof(a));
	path_of(seed, b, sizeof(b));
	pattern(buf, sizeof(buf), rnd(seed));
	switch (what) {
	case 0: (void)do_mkdir(dirs[rnd(seed) % 4]); break;
	case 1: tree_remove(dirs[rnd(seed) % 4]); break;
	case 2: (void)do_remove(dirs[rnd(seed) % 4]); break;
	case 3:
	case 4: (void)do_remove(a); break;
	case 5: (void)do_link(a, b); break;
	case 6: (void)do_rename(a, b, RENAME_EXCHANGE); break;
	case 7:
	case 8: (void)do_rename(a, b, 0); break;
	case 9: (void)do_truncate(a, rnd(seed) % 30000); break;
	case 10:
		(void)do_symlink(
			rnd(seed) % 2
				? "short"
				: "a-long-one-that-takes-a-block-of-its-own-because-it-has-more-than-sixty-bytes",
			a);
		break;
	case 11: (void)do_fsync(a); break;
	case 12: replace(seed); break;
	default: (void)do_write(a, rnd(seed) % 40000, buf, rnd(seed) % sizeof(buf)); break;
	}
}

/* Files only move; that directories do in more than one step is said in the README. */
static void run(uint32_t seed, unsigned steps)
{
	for (unsigned n = 0; n < steps && !disk.dead; n++) {
		change(&seed);
		if (rnd(&seed) % 16 == 0)
			(void)do_sync();
	}
	(void)do_sync();
}

/* What was in blocks before they came to a file must not be seen. The secret has no run of such
 * length in any pattern. */
#define SECRET 0xee

static void spread_secret(void)
{
	static char buf[65536];
	uint64_t pos = 0;
	int64_t n;

	memset(buf, SECRET, sizeof(buf));
	while ((n = do_write("/m/secret", pos, buf, sizeof(buf))) > 0)
		pos += (uint64_t)n;
	assert_int_equal(do_sync(), 0);
	assert_int_equal(do_remove("/m/secret"), 0);
	assert_int_equal(do_sync(), 0);
}

static void find_secret(uint64_t cut)
{
	static char buf[100000];

	for (uint32_t seed = 1, n = 0; n < 400; n++) {
		char path[200];
		int64_t size, run = 0;

		path_of(&seed, path, sizeof(path));
		size = do_read(path, 0, buf, sizeof(buf));
		for (int64_t i = 0; i < size; i++) {
			run = (uint8_t)buf[i] == SECRET ? run + 1 : 0;
			if (run > 500)
				fail_msg("cut %lu: %s holds old blocks", (unsigned long)cut, path);
		}
	}
}

static void prepare(const char *options, unsigned kb, uint32_t block)
{
	static char buf[20000];

	disk_make(options, kb);
	disk.device.block_size = block;
	assert_int_equal(fs_mount(0), 0);
	spread_secret();
	assert_int_equal(do_mkdir("/m/keep"), 0);
	assert_int_equal(do_mkdir("/m/keep/dir"), 0);
	assert_int_equal(do_mkdir("/m/shop"), 0);
	pattern(buf, sizeof(buf), 5);
	assert_int_equal(do_write("/m/keep/dir/file", 0, buf, sizeof(buf)), sizeof(buf));
	assert_int_equal(do_symlink("somewhere", "/m/keep/link"), 0);
	assert_int_equal(do_sync(), 0);
	kept = tree_text("/m/keep");
	pattern(buf, WHOLE, 1);
	assert_int_equal(do_write("/m/keep/replaced", 0, buf, WHOLE), WHOLE);
	assert_int_equal(fs_umount(), 0);
	image = realloc(image, disk.device.sectors * SECTOR_SIZE);
	memcpy(image, disk.now, disk.device.sectors * SECTOR_SIZE);
}

static void begin(void)
{
	memcpy(disk.now, image, disk.device.sectors * SECTOR_SIZE);
	memcpy(disk.medium, image, disk.device.sectors * SECTOR_SIZE);
	disk.writes = disk.flushes = 0;
	disk.cut_at = 0;
	disk.dead = false;
	assert_int_equal(fs_mount(0), 0);
}

static void check_replaced(uint64_t cut)
{
	static char buf[WHOLE + 1], want[WHOLE];

	if (do_read("/m/keep/replaced", 0, buf, sizeof(buf)) != WHOLE)
		fail_msg("cut %lu: the replaced file is not there", (unsigned long)cut);
	pattern(want, WHOLE, (uint8_t)buf[0]);
	assert_memory_equal(buf, want, WHOLE);
	assert_int_equal(do_remove("/m/keep/replaced"), 0);
	/* A helper may be left of it. */
	for (unsigned i = 11; i < 600; i++) {
		char path[40];

		snprintf(path, sizeof(path), "/m/keep/.#%u-0", i);
		(void)do_remove(path);
	}
}

static void check(uint64_t cut, uint64_t seed)
{
	char *text;
	int status;

	mock_disk_power(&disk, seed);
	mock_disk_save(&disk, host_ext2_image());
	status = host_ext2_check("-p");
	if (status > 1)
		fail_msg("cut %lu, seed %lx: e2fsck -p: %d: %s", (unsigned long)cut,
			 (unsigned long)seed, status, host_ext2_said());
	if (host_ext2_check("-fn") != 0)
		fail_msg("cut %lu: still damaged: %s", (unsigned long)cut, host_ext2_said());
	disk_load();
	assert_int_equal(fs_mount(0), 0);
	check_replaced(cut);
	find_secret(cut);
	text = tree_text("/m/keep");
	assert_string_equal(text, kept);
	free(text);
	assert_int_equal(fs_umount(), 0);
}

static void cuts(const char *options, unsigned kb, uint32_t block, uint32_t seed, unsigned steps,
		 unsigned stride)
{
	uint64_t last;

	mock_expect_violation(MOCK_RULE_CONTEXT); /* as in test_ext2.c */
	prepare(options, kb, block);
	begin();
	run(seed, steps);
	last = disk.writes + disk.flushes;
	assert_int_equal(fs_umount(), 0);
	fs_check();
	for (uint64_t cut = 1; cut <= last; cut += stride) {
		disk.device.block_size = block;
		begin();
		disk.cut_at = disk.writes + disk.flushes + cut;
		run(seed, steps);
		disk.dead = true;
		fs_abandon();
		check(cut, cut * 0x9e3779b97f4a7c15u | 1);
		disk.device.block_size = block;
	}
	free(kept);
	printf("%lu writes and flushes\n", (unsigned long)last);
}

static void test_cuts(void **state)
{
	(void)state;
	cuts("-b 1024 -N 256", 2048, 1024, 1, 120, 2);
}

static void test_cuts_4k(void **state)
{
	(void)state;
	cuts("-b 4096 -N 256", 8192, 4096, 7, 200, 7);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_cuts, ext2_setup, ext2_teardown),
		cmocka_unit_test_setup_teardown(test_cuts_4k, ext2_setup, ext2_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
