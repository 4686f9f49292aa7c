// SPDX-License-Identifier: MIT
// SOURCES: kernel/fs/seals.c kernel/fs/inode.c kernel/fs/dentry.c kernel/fs/mount.c kernel/fs/walk.c kernel/fs/names.c kernel/fs/rename.c
// SOURCES: kernel/fs/open.c kernel/fs/file.c kernel/fs/files.c kernel/fs/context.c kernel/fs/tmpfs.c kernel/fs/regular.c
// SOURCES: kernel/fs/sys_names.c kernel/lib/rbtree.c kernel/lib/format.c kernel/lib/parse.c
// SOURCES: tests/unit/kernel/fs/fs_fake.c tests/unit/kernel/fs/host_names.c
// SOURCES: tests/mock/machine.c tests/mock/kernel.c tests/mock/frames.c tests/mock/slab.c
/*
 * Names, walks and tmpfs: random calls are made here and on the host's own file system, and must
 * have the same outcome, error numbers included; now and then both trees are compared. Then what a
 * comparison cannot show: references, memory that runs out, readdir while names go.
 */
#include "tests/mock/mock.h"

#include <asm/statfs.h>
#include <linux/fs.h>

#include "kernel/cred.h"
#include "mm/buddy.h"
#include "kernel/fs/dev.h"
#include "kernel/fs/names.h"
#include "kernel/fs/open.h"
#include "tests/mock/objects.h"
#include "tests/unit/kernel/fs/fs_fake.h"
#include "tests/unit/kernel/fs/host_names.h"
#include "tests/unit/kernel/fs/root_test.h"

#define DEEP "1/2/3/4/5/w" /* so far down that no random path climbs out */

int64_t sys_mkdirat(const uint64_t *args);
int64_t sys_unlinkat(const uint64_t *args);
int64_t sys_symlinkat(const uint64_t *args);
int64_t sys_linkat(const uint64_t *args);
int64_t sys_renameat2(const uint64_t *args);
int64_t sys_readlinkat(const uint64_t *args);

#define AT        ((uint64_t)(int64_t)AT_FDCWD)
#define ARGS(...) ((const uint64_t[6]){ __VA_ARGS__ })
#define PTR(p)    ((uint64_t)(uintptr_t)(p))

static unsigned base;

static void chdir_to(const char *path)
{
	struct path p;

	assert_int_equal(path_lookup(AT_FDCWD, path, 0, &p), 0);
	path_put(current()->fs->cwd);
	current()->fs->cwd = p;
}

static int setup(void **state)
{
	mock_setup(state);
	fake_begin();
	root_begin();
	base = mock_objects_out();
	return 0;
}

static int teardown(void **state)
{
	root_end();
	assert_int_equal(fake_objects(), 0);
	fake_end();
	return mock_teardown(state);
}

static int64_t do_mkdir(const char *path, unsigned mode)
{
	return sys_mkdirat(ARGS(AT, PTR(path), mode));
}

static int64_t do_unlink(const char *path, bool rmdir)
{
	return sys_unlinkat(ARGS(AT, PTR(path), rmdir ? AT_REMOVEDIR : 0));
}

static int64_t do_open(const char *path, unsigned flags)
{
	struct file *f = open_user(AT_FDCWD, PTR(path), flags, 0640);

	if (IS_ERR(f))
		return PTR_ERR(f);
	file_put(f);
	return 0;
}

static int do_stat(const char *path, bool follow, unsigned *mode, unsigned *nlink,
		   unsigned long *size)
{
	struct path p;
	int err = path_lookup(AT_FDCWD, path, follow ? 0 : AT_SYMLINK_NOFOLLOW, &p);

	if (err)
		return err;
	*mode = p.dentry->inode->mode;
	*nlink = S_ISDIR(*mode) ? 0 : p.dentry->inode->nlink;
	*size = S_ISDIR(*mode) ? 0 : (unsigned long)inode_size(p.dentry->inode);
	path_put(p);
	return 0;
}

/* ---- Against the host ---- */

static const char *pick(const char *const *set, unsigned n)
{
	return set[(unsigned)rand() % n];
}

/* One to three components; at most two lead up. */
static void random_path(char *path)
{
	static const char *const names[] = { "a", "b", "c",
					     "d", "a", "b",
					     "c", "d", "e-name-too-long-for-the-dentry-itself",
					     ".", ".." };
	unsigned n = 1 + (unsigned)rand() % 3, ups = 0;

	path[0] = '\0';
	for (unsigned i = 0; i < n; i++) {
		const char *c = pick(names, ARRAY_SIZE(names));

		if (strcmp(c, "..") == 0 && ups++ == 2)
			c = "a";
		sprintf(path + strlen(path), "%s%s", i ? "/" : "", c);
	}
	if (rand() % 12 == 0)
		strcpy(path + strlen(path), "/");
}

static void compare_path(const char *path)
{
	for (int follow = 0; follow < 2; follow++) {
		unsigned mode[2] = { 0, 0 }, nlink[2] = { 0, 0 };
		unsigned long size[2] = { 0, 0 };
		int here = do_stat(path, follow, &mode[0], &nlink[0], &size[0]);
		int there = host_stat(path, follow, &mode[1], &nlink[1], &size[1]);

		if (here != there || mode[0] != mode[1] || nlink[0] != nlink[1] ||
		    size[0] != size[1])
			fail_msg("stat(%s, follow %d): here %d %o %u %lu, host %d %o %u %lu", path,
				 follow, here, mode[0], nlink[0], size[0], there, mode[1], nlink[1],
				 size[1]);
	}
}

static void compare_trees(void)
{
	static const char *const names[] = { "a", "b", "c", "d",
					     "e-name-too-long-for-the-dentry-itself" };
	char path[200];

	for (unsigned i = 0; i < ARRAY_SIZE(names); i++) {
		compare_path(names[i]);
		for (unsigned k = 0; k < ARRAY_SIZE(names); k++) {
			sprintf(path, "%s/%s", names[i], names[k]);
			compare_path(path);
		}
	}
}

static unsigned random_open(const char *path, int64_t *here, int64_t *there)
{
	static const unsigned modes[] = { O_RDONLY, O_WRONLY, O_RDWR };
	static const unsigned bits[] = {
		O_CREAT, O_EXCL, O_TRUNC, O_DIRECTORY, O_NOFOLLOW, O_PATH
	};
	unsigned flags = modes[rand() % 3];

	for (unsigned i = 0; i < ARRAY_SIZE(bits); i++)
		if (rand() % 4 == 0)
			flags |= bits[i];
	/* What O_DIRECTORY with O_CREAT means, and O_EXCL without, differs between versions of
	 * Linux. */
	if (flags & O_DIRECTORY)
		flags &= ~(unsigned)O_CREAT;
	*here = do_open(path, flags);
	*there = host_open(path, (int)flags);
	return flags;
}

static void random_step(int step)
{
	static const char *const targets[] = { "a", "b/c", "./d", "nowhere", "c/", "a/b/c" };
	char p[200], q[200];
	int64_t here = 0, there = 0;
	unsigned op = (unsigned)rand() % 8, flags = 0;
	bool coin = rand() % 2;

	random_path(p);
	random_path(q);
	switch (op) {
	case 0:
		here = do_mkdir(p, 0751);
		there = host_mkdir(p, 0751);
		break;
	case 1:
		here = do_unlink(p, coin);
		there = host_unlink(p, coin);
		break;
	case 2:
	case 3:
		flags = coin ? 0 : 1u << rand() % 2;
		here = sys_renameat2(ARGS(AT, PTR(p), AT, PTR(q), flags));
		there = host_rename(p, q, flags);
		break;
	case 4:
		here = sys_linkat(ARGS(AT, PTR(p), AT, PTR(q), coin ? AT_SYMLINK_FOLLOW : 0));
		there = host_link(p, q, coin);
		break;
	case 5:
		strcpy(q, pick(targets, ARRAY_SIZE(targets)));
		here = sys_symlinkat(ARGS(PTR(q), AT, PTR(p)));
		there = host_symlink(q, p);
		break;
	case 6:
		q[0] = '\0';
		flags = random_open(p, &here, &there);
		break;
	default:
		memset(q, 0, sizeof(q));
		here = sys_readlinkat(ARGS(AT, PTR(p), PTR(q), 100));
		{
			char other[101] = "";

			there = host_readlink(p, other, 100);
			assert_string_equal(q, other);
		}
	}
	if (here != there)
		fail_msg("step %d: op %u (%s, %s, flags %#o, coin %d): here %ld, host %ld", step,
			 op, p, q, flags, coin, (long)here, (long)there);
}

static void test_random_against_host(void **state)
{
	static const char *const dirs[] = { "/1",       "/1/2",       "/1/2/3",
					    "/1/2/3/4", "/1/2/3/4/5", "/1/2/3/4/5/w" };

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(dirs); i++)
		assert_int_equal(do_mkdir(dirs[i], 0777), 0);
	chdir_to("/" DEEP);
	/* Parents are locked before children, and rename makes children of parents: the model takes
	 * that for a mistake. */
	mock_expect_violation(MOCK_RULE_CONTEXT);
	host_begin(DEEP);
	for (unsigned seed = 1; seed <= 5; seed++) {
		srand(seed);
		print_message("seed %u\n", seed);
		for (int step = 0; step < 3000; step++) {
			random_step(step);
			if (step % 200 == 0)
				compare_trees();
		}
		compare_trees();
	}
	host_end();
	mock_assert_violated(MOCK_RULE_CONTEXT);
}

/* ---- By hand ---- */

static void test_unlinked_files_live_on(void **state)
{
	struct file *f = open_kernel(AT_FDCWD, "/f", O_CREAT | O_RDWR, 0644);
	char buf[8] = "";
	struct io io = { .buf = PTR("hello"), .n = 5 };

	(void)state;
	assert_int_equal(file_write(f, &io), 5);
	assert_int_equal(do_unlink("/f", false), 0);
	assert_int_equal(do_open("/f", O_RDONLY), -ENOENT);
	assert_int_equal(file_read_kernel(f, 0, buf, 8), 5);
	assert_string_equal(buf, "hello");
	assert_int_equal(fake_objects(), 1);
	file_put(f);
	assert_int_equal(fake_objects(), 0);
	assert_int_equal(mock_objects_out(), base);
}

static void test_path_text(void **state)
{
	struct path root, p;
	char buf[64];

	(void)state;
	assert_int_equal(do_mkdir("/dir", 0777), 0);
	assert_int_equal(do_mkdir("/dir/sub", 0777), 0);
	root = fs_root();
	assert_int_equal(path_lookup(AT_FDCWD, "/dir/./sub/../sub", 0, &p), 0);
	assert_int_equal(path_text(&p, &root, buf, sizeof(buf)), 8);
	assert_string_equal(buf, "/dir/sub");
	assert_int_equal(path_text(&p, &root, buf, 8), -ERANGE);
	assert_int_equal(path_text(&root, &root, buf, 2), 1);
	assert_string_equal(buf, "/");
	assert_int_equal(do_unlink("/dir/sub", true), 0);
	path_text(&p, &root, buf, sizeof(buf));
	assert_string_equal(buf, "/dir/sub (deleted)");
	path_put(p);
	path_put(root);
}

static void test_dead_directory_takes_nothing(void **state)
{
	(void)state;
	assert_int_equal(do_mkdir("/gone", 0777), 0);
	chdir_to("/gone");
	assert_int_equal(do_unlink("/gone", true), 0);
	assert_int_equal(do_mkdir("x", 0777), -ENOENT);
	assert_int_equal(do_open("x", O_CREAT | O_RDWR), -ENOENT);
	chdir_to("/");
	assert_int_equal(mock_objects_out(), base);
}

static void test_link_chain_limit(void **state)
{
	char name[8], target[8] = "file";

	(void)state;
	assert_int_equal(do_open("/file", O_CREAT | O_RDWR), 0);
	for (int i = 1; i <= 41; i++) {
		sprintf(name, "/l%d", i);
		assert_int_equal(sys_symlinkat(ARGS(PTR(target), AT, PTR(name))), 0);
		sprintf(target, "l%d", i);
	}
	assert_int_equal(do_open("/l40", O_RDONLY), 0);
	assert_int_equal(do_open("/l41", O_RDONLY), -ELOOP);
}

static void test_long_names(void **state)
{
	static char path[PATH_MAX + 10];

	(void)state;
	memset(path, 'n', sizeof(path));
	path[0] = '/';
	path[256] = '\0';
	assert_int_equal(do_open(path, O_CREAT | O_RDWR), 0);
	assert_int_equal(do_unlink(path, false), 0);
	path[256] = 'n';
	path[257] = '\0';
	assert_int_equal(do_open(path, O_CREAT | O_RDWR), -ENAMETOOLONG);
	assert_int_equal(do_mkdir(path, 0777), -ENAMETOOLONG);
	memset(path, '/', sizeof(path));
	path[PATH_MAX - 1] = '\0';
	assert_int_equal(do_open(path, O_RDONLY), 0);
	path[PATH_MAX - 1] = '/';
	path[PATH_MAX] = '\0';
	assert_int_equal(do_open(path, O_RDONLY), -ENAMETOOLONG);
}

/* A link's target that does not fit in front of the rest. */
static void test_link_too_long_for_the_rest(void **state)
{
	static char target[4000], path[400];

	(void)state;
	memset(target, '/', sizeof(target) - 1);
	assert_int_equal(sys_symlinkat(ARGS(PTR(target), AT, PTR("/l"))), 0);
	assert_int_equal(do_open("/l", O_RDONLY), 0);
	strcpy(path, "/l");
	memset(path + 2, '/', 300);
	path[302] = '\0';
	assert_int_equal(do_open(path, O_RDONLY), -ENAMETOOLONG);
}

struct counter {
	struct dir_sink sink;
	unsigned seen, limit;
	char names[600][16];
};

static bool count_name(struct dir_sink *s, const char *name, size_t len, uint64_t ino,
		       unsigned mode, uint64_t next)
{
	struct counter *c = container_of(s, struct counter, sink);

	(void)ino, (void)mode, (void)next;
	if (c->limit-- == 0)
		return false;
	memcpy(c->names[c->seen], name, len);
	c->names[c->seen++][len] = '\0';
	return true;
}

/* Names that are there from beginning to end are seen exactly once, whatever comes and goes between
 * calls. */
static void test_readdir_while_names_change(void **state)
{
	static struct counter c;
	struct file *f;
	char name[32];
	unsigned kept = 0;

	(void)state;
	assert_int_equal(do_mkdir("/d", 0777), 0);
	for (int i = 0; i < 300; i++) {
		sprintf(name, "/d/keep%d", i);
		assert_int_equal(do_open(name, O_CREAT | O_RDWR), 0);
	}
	f = open_kernel(AT_FDCWD, "/d", O_RDONLY | O_DIRECTORY, 0);
	c.sink.emit = count_name;
	for (int round = 0; round < 100; round++) {
		c.limit = 4;
		mutex_lock(&f->inode->mutex);
		assert_int_equal(f->ops->readdir(f, &c.sink), 0);
		mutex_unlock(&f->inode->mutex);
		sprintf(name, "/d/new%d", round);
		if (round < 40)
			assert_int_equal(do_open(name, O_CREAT | O_RDWR), 0);
		sprintf(name, "/d/new%d", round - 5);
		if (round >= 5 && round < 45)
			assert_int_equal(do_unlink(name, false), 0);
	}
	for (unsigned i = 0; i < c.seen; i++) {
		kept += strncmp(c.names[i], "keep", 4) == 0;
		for (unsigned k = 0; k < i; k++)
			assert_string_not_equal(c.names[i], c.names[k]);
	}
	assert_int_equal(kept, 300);
	file_put(f);
}

static void test_mounts(void **state)
{
	struct super *s = tmpfs_type.create(&tmpfs_type, "none", "size=8k", 0);
	struct path at;
	struct file *f;
	char buf[3 * PAGE_SIZE] = "";
	struct io io = { .buf = PTR(buf), .n = sizeof(buf) };

	(void)state;
	assert_int_equal(do_mkdir("/m", 0777), 0);
	assert_int_equal(do_open("/m/under", O_CREAT | O_RDWR), 0);
	assert_int_equal(path_lookup(AT_FDCWD, "/m", 0, &at), 0);
	assert_int_equal(mount_add(s, &at, 0, "none"), 0);
	path_put(at);
	assert_int_equal(do_open("/m/under", O_RDONLY), -ENOENT);
	assert_int_equal(do_open("/m/../m/./..", O_RDONLY), 0);
	assert_int_equal(do_unlink("/m", true), -EBUSY);
	assert_int_equal(sys_renameat2(ARGS(AT, PTR("/m"), AT, PTR("/n"), 0)), -EBUSY);
	f = open_kernel(AT_FDCWD, "/m/f", O_CREAT | O_RDWR, 0644);
	assert_int_equal(sys_linkat(ARGS(AT, PTR("/m/f"), AT, PTR("/g"), 0)), -EXDEV);
	fake_commit_refuses = true;
	assert_int_equal(f->ops->allocate(f, 0, 0, PAGE_SIZE), -ENOSPC);
	assert_int_equal(inode_size(f->inode), 0);
	fake_commit_refuses = false;
	assert_int_equal(file_write(f, &io), 2 * PAGE_SIZE);
	io.pos = 2 * PAGE_SIZE;
	assert_int_equal(file_write(f, &io), -ENOSPC);
	assert_int_equal(path_lookup(AT_FDCWD, "/m", 0, &at), 0);
	assert_int_equal(mount_remove(&at, 0), -EBUSY);
	file_put(f);
	assert_int_equal(mount_remove(&at, 0), 0);
	path_put(at);
	assert_int_equal(do_open("/m/under", O_RDONLY), 0);
	assert_int_equal(do_unlink("/m/under", false), 0);
	assert_int_equal(do_unlink("/m", true), 0);
	assert_int_equal(mock_objects_out(), base);
}

/* What RAM and swap can hold is there once, for the root's files and for those in memory alone. */
static void test_roomy(void **state)
{
	static struct super *other; /* for good */
	struct super *s = tmpfs_type.create(&tmpfs_type, "none", "", 0);
	struct statfs before, after;
	struct path at;
	struct file *f;
	char buf[3 * PAGE_SIZE] = "";
	struct io io = { .buf = PTR(buf), .n = sizeof(buf) };

	(void)state;
	other = tmpfs_type.create(&tmpfs_type, "none", "", 0);
	tmpfs_make_roomy(s);
	tmpfs_make_roomy(other);
	assert_int_equal(do_mkdir("/m", 0777), 0);
	assert_int_equal(path_lookup(AT_FDCWD, "/m", 0, &at), 0);
	assert_int_equal(mount_add(s, &at, 0, "none"), 0);
	path_put(at);
	assert_int_equal(other->ops->statfs(other, &before), 0);
	f = open_kernel(AT_FDCWD, "/m/f", O_CREAT | O_RDWR, 0644);
	assert_int_equal(file_write(f, &io), sizeof(buf));
	assert_int_equal(other->ops->statfs(other, &after), 0);
	assert_int_equal(before.f_bavail - after.f_bavail, 3);
	assert_int_equal(before.f_blocks - after.f_blocks, 3);
	assert_int_equal(s->ops->statfs(s, &after), 0);
	assert_int_equal(after.f_blocks, before.f_blocks);
	assert_int_equal(before.f_bavail - after.f_bavail, 3);
	file_put(f);
	assert_int_equal(path_lookup(AT_FDCWD, "/m", 0, &at), 0);
	assert_int_equal(mount_remove(&at, 0), 0);
	path_put(at);
	assert_int_equal(do_unlink("/m", true), 0);
	assert_int_equal(other->ops->statfs(other, &after), 0);
	assert_int_equal(after.f_bavail, before.f_bavail);
}

/* A long target of a link is a page of its mount's; a short one none. */
static void test_links_in_pages(void **state)
{
	struct super *s = tmpfs_type.create(&tmpfs_type, "none", "size=4k", 0);
	char target[200] = "", buf[200] = "";
	struct statfs st;
	struct path at;

	(void)state;
	memset(target, 'f', 127);
	assert_int_equal(do_mkdir("/m", 0777), 0);
	assert_int_equal(path_lookup(AT_FDCWD, "/m", 0, &at), 0);
	assert_int_equal(mount_add(s, &at, 0, "none"), 0);
	path_put(at);
	assert_int_equal(sys_symlinkat(ARGS(PTR(target), AT, PTR("/m/short"))), 0);
	assert_int_equal(s->ops->statfs(s, &st), 0);
	assert_int_equal(st.f_bfree, 1);
	target[127] = 'g';
	assert_int_equal(do_open("/m/long", O_CREAT | O_RDWR), 0);
	assert_int_equal(do_unlink("/m/long", false), 0);
	assert_int_equal(sys_symlinkat(ARGS(PTR(target), AT, PTR("/m/long"))), 0);
	assert_int_equal(s->ops->statfs(s, &st), 0);
	assert_int_equal(st.f_bfree, 0);
	assert_int_equal(sys_readlinkat(ARGS(AT, PTR("/m/long"), PTR(buf), sizeof(buf))), 128);
	assert_string_equal(buf, target);
	assert_int_equal(do_open("/m/long", O_RDONLY), -ENOENT);
	assert_int_equal(sys_symlinkat(ARGS(PTR(target), AT, PTR("/m/longer"))), -ENOSPC);
	assert_int_equal(do_open("/m/longer", O_RDONLY), -ENOENT);
	assert_int_equal(do_unlink("/m/long", false), 0);
	assert_int_equal(sys_symlinkat(ARGS(PTR(target), AT, PTR("/m/longer"))), 0);
	assert_int_equal(path_lookup(AT_FDCWD, "/m", 0, &at), 0);
	assert_int_equal(mount_remove(&at, 0), 0);
	path_put(at);
	assert_int_equal(do_unlink("/m", true), 0);
	assert_int_equal(mock_objects_out(), base);
}

/* nr_inodes= counts files, directories and further links, until nobody has them any more. */
static void test_inodes(void **state)
{
	struct super *s = tmpfs_type.create(&tmpfs_type, "none", "nr_inodes=1k,nr_inodes=4", 0);
	struct statfs st;
	struct inode *i;
	struct path at;
	struct file *f;
	char buf[64];

	(void)state;
	assert_int_equal(do_mkdir("/m", 0777), 0);
	assert_int_equal(path_lookup(AT_FDCWD, "/m", 0, &at), 0);
	assert_int_equal(mount_add(s, &at, 0, "none"), 0);
	path_put(at);
	f = open_kernel(AT_FDCWD, "/m/f", O_CREAT | O_RDWR, 0644);
	assert_int_equal(do_mkdir("/m/d", 0777), 0);
	assert_int_equal(sys_linkat(ARGS(AT, PTR("/m/f"), AT, PTR("/m/g"), 0)), 0);
	assert_int_equal(sys_linkat(ARGS(AT, PTR("/m/f"), AT, PTR("/m/h"), 0)), -ENOSPC);
	assert_int_equal(do_mkdir("/m/e", 0777), -ENOSPC);
	assert_int_equal(sys_symlinkat(ARGS(PTR("f"), AT, PTR("/m/l"))), -ENOSPC);
	assert_int_equal(s->ops->statfs(s, &st), 0);
	assert_int_equal(st.f_files, 4);
	assert_int_equal(st.f_ffree, 0);
	assert_int_equal(do_unlink("/m/g", false), 0);
	assert_int_equal(sys_symlinkat(ARGS(PTR("f"), AT, PTR("/m/l"))), 0);
	/* Open, it stays. */
	assert_int_equal(do_unlink("/m/f", false), 0);
	assert_int_equal(do_open("/m/g", O_CREAT | O_RDWR), -ENOSPC);
	assert_int_equal(s->ops->remount(s, "nr_inodes=3", false), -EINVAL);
	assert_int_equal(s->ops->remount(s, "size=4x", false), -EINVAL);
	assert_int_equal(s->ops->remount(s, "size=8k,nr_inodes=5", true), 0);
	s->ops->options(s, buf, sizeof(buf));
	assert_string_equal(buf, ",size=8k,nr_inodes=5");
	file_put(f);
	s->ops->statfs(s, &st);
	assert_int_equal(st.f_ffree, 2);
	/* Made without a name, it has paid for the first. */
	assert_int_equal(s->root->inode->ops->tmpfile(s->root->inode, S_IFREG, &i), 0);
	assert_int_equal(s->root->inode->ops->link(s->root->inode, NULL, i), 0);
	s->ops->statfs(s, &st);
	assert_int_equal(st.f_ffree, 1);
	inode_put(i);
	assert_int_equal(s->ops->remount(s, "nr_inodes=0", false), 0);
	s->ops->statfs(s, &st);
	assert_int_equal(st.f_files + st.f_ffree, 0);
	assert_int_equal(do_mkdir("/m/e", 0777), 0);
	assert_int_equal(path_lookup(AT_FDCWD, "/m", 0, &at), 0);
	assert_int_equal(mount_remove(&at, 0), 0);
	path_put(at);
	assert_int_equal(do_unlink("/m", true), 0);
	s = tmpfs_type.create(&tmpfs_type, "none", "", 0);
	s->ops->statfs(s, &st);
	assert_int_equal(st.f_files, frames_total() / 2);
	tmpfs_limit_inodes(s);
	s->ops->statfs(s, &st);
	assert_int_equal(st.f_ffree, frames_total() / 2); /* beside what was there */
	dentry_drop_tree(s->root);
	super_free(s);
	assert_int_equal(mock_objects_out(), base);
}

static void test_permissions(void **state)
{
	(void)state;
	assert_int_equal(do_mkdir("/private", 0700), 0);
	assert_int_equal(do_mkdir("/shared", 01777), 0);
	{
		struct path p;

		assert_int_equal(path_lookup(AT_FDCWD, "/shared", 0, &p), 0);
		p.dentry->inode->mode = S_IFDIR | 01777; /* the umask took some */
		path_put(p);
	}
	assert_int_equal(do_open("/shared/roots", O_CREAT | O_RDWR), 0);
	assert_int_equal(do_open("/private/f", O_CREAT | O_RDWR), 0);
	fake_uid = 1000;
	current()->cred->fsuid = current()->cred->euid = 1000;
	current()->cred->caps.effective = 0;
	current()->cred->fsgid = current()->cred->egid = 1000;
	assert_int_equal(do_open("/private/f", O_RDONLY), -EACCES);
	assert_int_equal(do_open("/private/none", O_RDONLY), -EACCES);
	assert_int_equal(do_mkdir("/mine", 0777), -EACCES);
	assert_int_equal(do_open("/shared/roots", O_RDONLY), -EACCES);
	assert_int_equal(do_unlink("/shared/roots", false), -EPERM);
	assert_int_equal(do_open("/shared/mine", O_CREAT | O_RDWR), 0);
	assert_int_equal(sys_renameat2(ARGS(AT, PTR("/shared/mine"), AT, PTR("/shared/roots"), 0)),
			 -EPERM);
	assert_int_equal(do_unlink("/shared/mine", false), 0);
	assert_int_equal(do_unlink("/private/f", false), -EACCES);
}

/* A sequence that uses every way to allocate, with each allocation failing once. */
static void sequence(void)
{
	static const char long_name[] = "/d/a-name-that-is-too-long-for-the-dentry";

	(void)do_mkdir("/d", 0777);
	(void)do_open("/d/f", O_CREAT | O_RDWR);
	(void)sys_symlinkat(ARGS(PTR("f"), AT, PTR("/d/s")));
	(void)sys_linkat(ARGS(AT, PTR("/d/f"), AT, PTR(long_name), 0));
	(void)sys_renameat2(
		ARGS(AT, PTR("/d/f"), AT, PTR("/d/another-name-that-is-too-long-for-it"), 0));
	(void)do_open("/d/s", O_CREAT | O_RDWR | O_TRUNC);
	(void)do_open("/d", O_TMPFILE | O_RDWR);
}

static void clean_up(void)
{
	static const char *const names[] = {
		"/d/f",
		"/d/s",
		"/d/a-name-that-is-too-long-for-the-dentry",
		"/d/another-name-that-is-too-long-for-it",
	};

	for (unsigned i = 0; i < ARRAY_SIZE(names); i++)
		(void)do_unlink(names[i], false);
	(void)do_unlink("/d", true);
}

static void test_no_memory(void **state)
{
	(void)state;
	for (unsigned n = 1;; n++) {
		bool failed;

		mock_fail_allocation(n);
		sequence();
		failed = mock_failed_allocation();
		mock_fail_allocation(0);
		clean_up();
		assert_int_equal(mock_objects_out(), base);
		assert_int_equal(fake_objects(), 0);
		if (!failed)
			break;
	}
}

#define T(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_random_against_host),
		T(test_unlinked_files_live_on),
		T(test_path_text),
		T(test_dead_directory_takes_nothing),
		T(test_link_chain_limit),
		T(test_long_names),
		T(test_link_too_long_for_the_rest),
		T(test_readdir_while_names_change),
		T(test_mounts),
		T(test_roomy),
		T(test_links_in_pages),
		T(test_inodes),
		T(test_permissions),
		T(test_no_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
