// SPDX-License-Identifier: MIT
#include "tests/unit/kernel/fs/ext2_test.h"

#include <linux/fs.h>

#include "kernel/fs/dev.h"
#include "kernel/fs/names.h"
#include "kernel/fs/open.h"
#include "kernel/fs/walk.h"
#include "mm/buddy.h"
#include "mm/frames.h"
#include "tests/unit/kernel/fs/root_test.h"

int64_t sys_mkdirat(const uint64_t *args);
int64_t sys_mknodat(const uint64_t *args);
int64_t sys_unlinkat(const uint64_t *args);
int64_t sys_symlinkat(const uint64_t *args);
int64_t sys_linkat(const uint64_t *args);
int64_t sys_renameat2(const uint64_t *args);

#define AT        ((uint64_t)(int64_t)AT_FDCWD)
#define ARGS(...) ((const uint64_t[6]){ __VA_ARGS__ })
#define PTR(p)    ((uint64_t)(uintptr_t)(p))

struct mock_disk disk;
void (*while_copying)(void);
static bool have_disk;
static unsigned base;

void random_bytes(void *buf, size_t n)
{
	memset(buf, 7, n);
}

/* Single frames are enough for the descriptors of what is made here. */
struct page *page_alloc_order(unsigned order, unsigned flags)
{
	return order ? NULL : page_alloc(flags);
}

size_t copy_to_user_some(virt_addr_t dst, const void *src, size_t n)
{
	memcpy((void *)dst, src, n);
	return 0;
}

size_t copy_from_user_some(void *dst, virt_addr_t src, size_t n)
{
	if (while_copying)
		while_copying();
	memcpy(dst, (const void *)src, n);
	return 0;
}

uint32_t rnd(uint32_t *seed)
{
	*seed = *seed * 1664525 + 1013904223;
	return *seed >> 8;
}

/* ---- Set-up ---- */

int ext2_setup(void **state)
{
	mock_setup(state);
	fake_begin();
	page_init();
	mock_time_set(1700000000ull * 1000000000);
	root_begin();
	assert_int_equal(do_mkdir("/m"), 0);
	assert_int_equal(do_mkdir("/t"), 0);
	base = mock_objects_out();
	return 0;
}

int ext2_teardown(void **state)
{
	disk_drop();
	host_ext2_end();
	root_end();
	fake_end();
	return mock_teardown(state);
}

/* ---- The disk and what is on it ---- */

void disk_drop(void)
{
	if (have_disk)
		mock_disk_free(&disk);
	have_disk = false;
}

void disk_load(void)
{
	disk_drop();
	mock_disk_load(&disk, "vda", host_ext2_image());
	have_disk = true;
}

void disk_make(const char *options, unsigned kb)
{
	host_ext2_make(options, kb);
	disk_load();
}

int fs_mount(unsigned flags)
{
	struct super *s = ext2_type.create(&ext2_type, "vda", "", flags);
	struct path at;
	int err;

	if (IS_ERR(s))
		return PTR_ERR(s);
	assert_int_equal(path_lookup(AT_FDCWD, "/m", 0, &at), 0);
	err = mount_add(s, &at, flags, "vda");
	path_put(at);
	return err;
}

int fs_umount(void)
{
	struct path at;
	int err;

	assert_int_equal(path_lookup(AT_FDCWD, "/m", 0, &at), 0);
	err = mount_remove(&at, 0);
	path_put(at);
	return err;
}

void fs_abandon(void)
{
	(void)fs_umount();
}

struct ext2_fs *fs_mounted(void)
{
	struct inode *i = do_find("/m");
	struct ext2_fs *fs = ext2_of(i);

	inode_put(i);
	return fs;
}

void fs_check(void)
{
	mock_disk_save(&disk, host_ext2_image());
	if (host_ext2_check("-fn") != 0)
		fail_msg("e2fsck: %s", host_ext2_said());
}

/* ---- System calls ---- */

int64_t do_mkdir(const char *path)
{
	return sys_mkdirat(ARGS(AT, PTR(path), 0755));
}

int64_t do_remove(const char *path)
{
	int64_t err = sys_unlinkat(ARGS(AT, PTR(path), 0));

	return err == -EISDIR ? sys_unlinkat(ARGS(AT, PTR(path), AT_REMOVEDIR)) : err;
}

int64_t do_rename(const char *from, const char *to, unsigned flags)
{
	return sys_renameat2(ARGS(AT, PTR(from), AT, PTR(to), flags));
}

int64_t do_link(const char *from, const char *to)
{
	return sys_linkat(ARGS(AT, PTR(from), AT, PTR(to), 0));
}

int64_t do_symlink(const char *target, const char *path)
{
	return sys_symlinkat(ARGS(PTR(target), AT, PTR(path)));
}

int64_t do_mknod(const char *path, uint32_t mode, devno_t rdev)
{
	return sys_mknodat(ARGS(AT, PTR(path), mode, DEVNO_USER(rdev)));
}

struct file *do_open(const char *path, unsigned flags)
{
	return open_user(AT_FDCWD, PTR(path), flags, 0644);
}

struct inode *do_find(const char *path)
{
	struct path p;
	struct inode *i;
	int err = path_lookup(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW, &p);

	if (err)
		return ERR_PTR(err);
	i = inode_get(p.dentry->inode);
	path_put(p);
	return i;
}

static int64_t set_attr(const char *path, const struct attr *a)
{
	struct inode *i = do_find(path);
	int err;

	if (IS_ERR(i))
		return PTR_ERR(i);
	if (a->valid & ATTR_SIZE && !S_ISREG(i->mode)) {
		inode_put(i);
		return S_ISDIR(i->mode) ? -EISDIR : -EINVAL;
	}
	mutex_lock(&i->mutex);
	err = inode_setattr(i, a);
	mutex_unlock(&i->mutex);
	inode_put(i);
	return err;
}

int64_t do_truncate(const char *path, uint64_t size)
{
	return set_attr(path, &(struct attr){ .valid = ATTR_SIZE, .size = size });
}

int64_t do_chmod(const char *path, uint32_t mode)
{
	return set_attr(path, &(struct attr){ .valid = ATTR_MODE, .mode = mode });
}

int64_t do_write(const char *path, uint64_t pos, const void *buf, size_t n)
{
	struct file *f = do_open(path, O_WRONLY | O_CREAT);
	struct io io = { .buf = (uintptr_t)buf, .n = n, .pos = pos, .user = while_copying != NULL };
	int64_t done;

	if (IS_ERR(f))
		return PTR_ERR(f);
	done = file_write(f, &io);
	file_put(f);
	return done;
}

int64_t do_read(const char *path, uint64_t pos, void *buf, size_t n)
{
	struct file *f = do_open(path, O_RDONLY);
	int64_t done;

	if (IS_ERR(f))
		return PTR_ERR(f);
	done = file_read_kernel(f, pos, buf, n);
	file_put(f);
	return done;
}

int64_t do_fsync(const char *path)
{
	struct file *f = do_open(path, O_RDONLY);
	int64_t err;

	if (IS_ERR(f))
		return PTR_ERR(f);
	err = f->ops->sync(f, 0, UINT32_MAX);
	file_put(f);
	return err;
}

int64_t do_sync(void)
{
	return ext2_sync(fs_mounted()->super);
}

/* ---- What is there ---- */

#define TEXT_MAX (4u << 20)

struct entry {
	char name[256];
};

struct listing {
	struct dir_sink sink;
	struct entry *entries;
	unsigned n, room;
};

static bool collect(struct dir_sink *sink, const char *name, size_t len, uint64_t ino,
		    unsigned mode, uint64_t next)
{
	struct listing *l = container_of(sink, struct listing, sink);

	(void)ino, (void)mode, (void)next;
	if ((len == 1 && name[0] == '.') || (len == 2 && memcmp(name, "..", 2) == 0))
		return true;
	if (l->n == l->room) {
		l->room = l->room ? l->room * 2 : 64;
		l->entries = realloc(l->entries, l->room * sizeof(*l->entries));
	}
	memcpy(l->entries[l->n].name, name, len);
	l->entries[l->n++].name[len] = '\0';
	return true;
}

static void sort(struct listing *l)
{
	for (unsigned i = 1; i < l->n; i++)
		for (unsigned k = i;
		     k > 0 && strcmp(l->entries[k - 1].name, l->entries[k].name) > 0; k--) {
			struct entry e = l->entries[k];

			l->entries[k] = l->entries[k - 1];
			l->entries[k - 1] = e;
		}
}

static uint32_t checksum(const char *path, uint64_t size)
{
	static uint8_t buf[8192];
	uint32_t sum = 0;

	for (uint64_t at = 0; at < size;) {
		int64_t n = do_read(path, at, buf, sizeof(buf));

		if (n <= 0)
			return (uint32_t)n;
		for (int64_t i = 0; i < n; i++)
			sum = sum * 31 + buf[i] + (uint32_t)(at + (uint64_t)i);
		at += (uint64_t)n;
	}
	return sum;
}

static size_t describe(char *text, const char *path)
{
	struct inode *i = do_find(path);
	char target[5000];
	size_t n;

	if (IS_ERR(i))
		return (size_t)snprintf(text, 400, " error %d\n", PTR_ERR(i));
	n = (size_t)snprintf(text, 400, " %o links %u", i->mode, S_ISDIR(i->mode) ? 0 : i->nlink);
	if (S_ISREG(i->mode))
		n += (size_t)snprintf(text + n, 400, " size %lu sum %08x",
				      (unsigned long)inode_size(i), checksum(path, inode_size(i)));
	if (S_ISLNK(i->mode) && i->ops->readlink(i, target, sizeof(target)) >= 0)
		n += (size_t)snprintf(text + n, 6000, " -> %s", target);
	if (S_ISCHR(i->mode) || S_ISBLK(i->mode))
		n += (size_t)snprintf(text + n, 400, " dev %x", i->rdev);
	n += (size_t)snprintf(text + n, 400, "\n");
	inode_put(i);
	return n;
}

static int list_dir(const char *dir, struct listing *l)
{
	struct file *f = do_open(dir, O_RDONLY | O_DIRECTORY);
	int err;

	*l = (struct listing){ .sink = { collect } };
	if (IS_ERR(f))
		return PTR_ERR(f);
	mutex_lock(&f->inode->mutex);
	err = f->ops->readdir(f, &l->sink);
	mutex_unlock(&f->inode->mutex);
	file_put(f);
	sort(l);
	return err;
}

static size_t describe_dir(char *text, const char *dir, size_t skip)
{
	struct listing l;
	size_t n = 0;
	int err = list_dir(dir, &l);

	if (err)
		n += (size_t)snprintf(text + n, 4096, "%s: error %d\n", dir + skip, err);
	/* A damaged tree has no end. */
	for (unsigned i = 0; i < l.n && n < TEXT_MAX / 2 && strlen(dir) < 2000; i++) {
		char path[4096];
		struct inode *inode;

		snprintf(path, sizeof(path), "%s/%s", dir, l.entries[i].name);
		if (strcmp(path + skip, "/lost+found") == 0)
			continue;
		n += (size_t)snprintf(text + n, 4096, "%s", path + skip);
		n += describe(text + n, path);
		inode = do_find(path);
		if (IS_ERR(inode))
			continue;
		if (S_ISDIR(inode->mode))
			n += describe_dir(text + n, path, skip);
		inode_put(inode);
	}
	free(l.entries);
	return n;
}

char *tree_text(const char *dir)
{
	char *text = calloc(1, TEXT_MAX);

	(void)describe_dir(text, dir, strlen(dir));
	return text;
}

void tree_remove(const char *dir)
{
	struct listing l;

	(void)list_dir(dir, &l);
	for (unsigned i = 0; i < l.n && strlen(dir) < 2000; i++) {
		char path[4096];

		snprintf(path, sizeof(path), "%s/%s", dir, l.entries[i].name);
		if (strcmp(path, "/m/lost+found") == 0)
			continue;
		if (do_remove(path) == -ENOTEMPTY) {
			tree_remove(path);
			(void)do_remove(path);
		}
	}
	free(l.entries);
}
