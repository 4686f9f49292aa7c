// SPDX-License-Identifier: MIT
// SOURCES: kernel/fs/seals.c kernel/fs/inode.c kernel/fs/dentry.c kernel/fs/mount.c kernel/fs/walk.c kernel/fs/names.c
// SOURCES: kernel/fs/open.c kernel/fs/file.c kernel/fs/files.c kernel/fs/context.c kernel/fs/tmpfs.c kernel/fs/regular.c
// SOURCES: kernel/lib/rbtree.c kernel/lib/format.c kernel/lib/parse.c tests/unit/kernel/fs/fs_fake.c
// SOURCES: tests/mock/machine.c tests/mock/kernel.c tests/mock/frames.c tests/mock/slab.c
/*
 * Mounts that move and change places with the root: where paths lead afterwards, what is refused,
 * and that every reference is given back.
 */
#include "tests/mock/mock.h"

#include "kernel/cred.h"
#include "kernel/fs/dev.h"
#include "kernel/fs/names.h"
#include "tests/mock/objects.h"
#include "tests/unit/kernel/fs/fs_fake.h"
#include "tests/unit/kernel/fs/root_test.h"

static struct path at(const char *path)
{
	struct path p;

	assert_int_equal(path_lookup(AT_FDCWD, path, 0, &p), 0);
	return p;
}

static void make(const char *path, uint32_t type)
{
	struct walk w;

	assert_int_equal(walk_start(&w, AT_FDCWD, path), 0);
	assert_int_equal(walk_parent(&w), 0);
	assert_int_equal(name_create(&w, type | 0755, 0), 0);
	walk_end(&w);
}

static bool there(const char *path)
{
	struct path p;

	if (path_lookup(AT_FDCWD, path, 0, &p))
		return false;
	path_put(p);
	return true;
}

/* A fresh tmpfs on path, with a directory `name` in it. */
static void mount_on(const char *path, const char *name)
{
	struct super *s = tmpfs_type.create(&tmpfs_type, "none", "", 0);
	struct path p = at(path);
	char inside[64];

	assert_int_equal(mount_add(s, &p, 0, "none"), 0);
	path_put(p);
	(void)format(inside, sizeof(inside), "%s/%s", path, name);
	make(inside, S_IFDIR);
}

static int unmount(const char *path)
{
	struct path p = at(path);
	int err = mount_remove(&p, 0);

	path_put(p);
	return err;
}

static int move(const char *from, const char *to)
{
	struct path f = at(from), t = at(to);
	int err = mount_move(&f, &t);

	path_put(f);
	path_put(t);
	return err;
}

static int pivot(const char *new, const char *put_old)
{
	struct path root = fs_root(), n = at(new), o = at(put_old);
	int err = mount_pivot(&root, &n, &o);

	path_put(root);
	path_put(n);
	path_put(o);
	return err;
}

/* chroot and chdir. */
static void enter(struct path p)
{
	struct fs_context *c = current()->fs;

	path_put(c->root);
	path_put(c->cwd);
	c->root = p;
	c->cwd = path_get(p);
}

static int setup(void **state)
{
	mock_setup(state);
	fake_begin();
	root_begin();
	return 0;
}

static unsigned roots; /* those of earlier tests stay in the table */

static int teardown(void **state)
{
	assert_null(mount_at(++roots));
	root_end();
	assert_int_equal(fake_objects(), 0);
	fake_end();
	return mock_teardown(state);
}

static void test_move(void **state)
{
	(void)state;
	make("/a", S_IFDIR);
	make("/b", S_IFDIR);
	make("/f", S_IFREG);
	mount_on("/a", "inner");
	mount_on("/a/inner", "leaf");
	assert_int_equal(move("/a", "/b"), 0);
	assert_true(there("/b/inner/leaf"));
	assert_false(there("/a/inner"));
	assert_true(there("/b/inner/../../a"));
	assert_int_equal(move("/a", "/b"), -EINVAL); /* no longer a mount */
	assert_int_equal(move("/b/inner/leaf", "/a"), -EINVAL);
	assert_int_equal(move("/", "/a"), -EINVAL);
	assert_int_equal(move("/b", "/b/inner"), -ELOOP);
	assert_int_equal(move("/b", "/b"), -ELOOP);
	assert_int_equal(move("/b", "/f"), -ENOTDIR);
	assert_int_equal(unmount("/b"), -EBUSY);
	assert_int_equal(unmount("/b/inner"), 0);
	assert_int_equal(unmount("/b"), 0);
}

/* A directory that is removed between look-up and move; a mount that is detached. */
static void test_gone(void **state)
{
	struct path gone, from, lazy;
	struct walk w;

	(void)state;
	make("/a", S_IFDIR);
	make("/b", S_IFDIR);
	mount_on("/a", "x");
	gone = at("/b");
	assert_int_equal(walk_start(&w, AT_FDCWD, "/b"), 0);
	assert_int_equal(walk_parent(&w), 0);
	assert_int_equal(name_remove(&w, true), 0);
	walk_end(&w);
	from = at("/a");
	assert_int_equal(mount_move(&from, &gone), -ENOENT);
	path_put(gone);
	make("/b", S_IFDIR);
	mount_on("/b", "y");
	lazy = at("/b");
	assert_int_equal(mount_remove(&lazy, 2 /* MNT_DETACH */), 0);
	assert_int_equal(mount_move(&from, &lazy), -EINVAL);
	assert_int_equal(mount_move(&lazy, &from), -EINVAL);
	path_put(lazy);
	path_put(from);
	assert_int_equal(unmount("/a"), 0);
}

/* As an initramfs does it: the new root moves over the old one. */
static void test_switch(void **state)
{
	struct path top = mount_root(), moved;

	(void)state;
	make("/new", S_IFDIR);
	mount_on("/new", "etc");
	moved = at("/new");
	assert_int_equal(mount_move(&moved, &top), 0);
	enter(moved);
	assert_true(there("/etc"));
	assert_true(there("/../../etc"));
	assert_false(there("/new"));
	enter(path_get(top));
	moved = path_get(top);
	mount_cross(&moved);
	assert_ptr_not_equal(moved.mount, top.mount);
	assert_int_equal(mount_remove(&moved, 0), 0);
	path_put(moved);
	path_put(top);
}

static void test_pivot(void **state)
{
	struct path top = mount_root(), p;

	(void)state;
	/* The root of everything stays where it is. */
	make("/new", S_IFDIR);
	mount_on("/new", "old");
	assert_int_equal(pivot("/new", "/new/old"), -EINVAL);
	p = at("/new");
	assert_int_equal(mount_move(&p, &top), 0);
	enter(p); /* the disk */

	make("/next", S_IFDIR);
	mount_on("/next", "put");
	assert_int_equal(pivot("/", "/next/put"), -EBUSY);
	assert_int_equal(pivot("/next", "/old"), -EBUSY);
	assert_int_equal(pivot("/next/put", "/next/put"), -EINVAL);
	make("/other", S_IFDIR);
	mount_on("/other", "place");
	assert_int_equal(pivot("/next", "/other/place"), -EINVAL);
	assert_int_equal(unmount("/other"), 0);
	p = at("/next");
	assert_int_equal(pivot("/next", "/next/put"), 0);
	enter(p);
	assert_true(there("/put/old"));
	assert_true(there("/put/next"));
	assert_false(there("/put/next/put"));
	assert_int_equal(unmount("/put"), 0);
	assert_false(there("/put/old"));

	p = path_get(top);
	enter(path_get(top));
	mount_cross(&p);
	assert_int_equal(mount_remove(&p, 0), 0);
	path_put(p);
	path_put(top);
}

static struct super_ops opening;
static struct path opened;

static int sync_while_opened(struct super *s)
{
	(void)s;
	opened = at("/busy/file");
	return 0;
}

/* Somebody comes while the file system is written before it is unmounted: as if he had been there
 * before. */
static void test_opened_while_synced(void **state)
{
	struct path p;

	(void)state;
	make("/busy", S_IFDIR);
	mount_on("/busy", "file");
	p = at("/busy");
	opening = *p.mount->super->ops;
	opening.sync = sync_while_opened;
	p.mount->super->ops = &opening;
	path_put(p);
	assert_int_equal(unmount("/busy"), -EBUSY);
	path_put(opened);
	opening.sync = NULL;
	assert_true(there("/busy/file"));
	assert_int_equal(unmount("/busy"), 0);
	assert_false(there("/busy/file"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_move, setup, teardown),
		cmocka_unit_test_setup_teardown(test_gone, setup, teardown),
		cmocka_unit_test_setup_teardown(test_switch, setup, teardown),
		cmocka_unit_test_setup_teardown(test_pivot, setup, teardown),
		cmocka_unit_test_setup_teardown(test_opened_while_synced, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
