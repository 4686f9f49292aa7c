// SPDX-License-Identifier: MIT
/*
 * The fixture of ext2's tests: a tmpfs root, in it the file system of a mock disk at /m and, for
 * comparison, the directory /t; system calls by path. All of the kernel's file room and of its page
 * cache is the real one.
 */
#ifndef TESTS_UNIT_KERNEL_FS_EXT2_TEST_H
#define TESTS_UNIT_KERNEL_FS_EXT2_TEST_H

#include "tests/mock/mock.h"

#include "kernel/fs/ext2/ext2.h"
#include "tests/mock/block.h"
#include "tests/mock/objects.h"
#include "tests/unit/kernel/fs/fs_fake.h"
#include "tests/unit/kernel/fs/host_ext2.h"

extern struct mock_disk disk;
/* Called before each page that do_write() brings; NULL: its bytes come from the kernel,
 * undisturbed. */
extern void (*while_copying)(void);

/* cmocka's. No disk yet. */
int ext2_setup(void **state);
int ext2_teardown(void **state);

/* A disk with a new file system. */
void disk_make(const char *options, unsigned kb);
/* The image as it is on the host becomes the disk; the disk goes. */
void disk_load(void);
void disk_drop(void);
/* 0 or what mounting gives. */
int fs_mount(unsigned flags);
int fs_umount(void);
/* As if nothing were there any more: without writing. The disk must be dead. */
void fs_abandon(void);
struct ext2_fs *fs_mounted(void);
/* Saves the disk and lets e2fsck -fn judge: fails the test if it finds anything. */
void fs_check(void);

int64_t do_mkdir(const char *path);
int64_t do_remove(const char *path);
int64_t do_rename(const char *from, const char *to, unsigned flags);
int64_t do_link(const char *from, const char *to);
int64_t do_symlink(const char *target, const char *path);
int64_t do_mknod(const char *path, uint32_t mode, devno_t rdev);
int64_t do_truncate(const char *path, uint64_t size);
int64_t do_chmod(const char *path, uint32_t mode);
struct file *do_open(const char *path, unsigned flags); /* or ERR_PTR */
/* Bytes at pos; the file is made if need be (flags: more O_). */
int64_t do_write(const char *path, uint64_t pos, const void *buf, size_t n);
int64_t do_read(const char *path, uint64_t pos, void *buf, size_t n);
int64_t do_fsync(const char *path);
int64_t do_sync(void);
/* The inode behind a path, not followed, with a reference; or ERR_PTR. */
struct inode *do_find(const char *path);
/* A text that tells all there is below dir: names in order, types, modes, links, sizes, contents,
 * targets. To be freed. */
char *tree_text(const char *dir);
/* Everything below dir goes, but for lost+found at the top. */
void tree_remove(const char *dir);

uint32_t rnd(uint32_t *seed);

#endif
