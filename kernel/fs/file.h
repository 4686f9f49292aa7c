// SPDX-License-Identifier: MIT
/*
 * Open files as the rest of the kernel sees them. Inodes, paths and file systems are in
 * kernel/fs/vfs.h.
 *
 * struct file (an open file description) is reference counted and shared by dup and fork; struct
 * files is a process's table of descriptors, shared by clone(CLONE_FILES); struct fs_context is
 * root, working directory and umask, shared by CLONE_FS.
 */
#ifndef KERNEL_FS_FILE_H
#define KERNEL_FS_FILE_H

#include "kernel/task.h"

struct object;
struct stat;
struct file;
struct poll_table;

/* The file behind descriptor fd of the running task, with a reference, or NULL (EBADF). */
struct file *file_get_fd(int fd);
struct file *file_get(struct file *f);
void file_put(struct file *f);
/* Installs f (consumes the reference on success) at the lowest free descriptor >= min. fd or
 * -EMFILE. */
int file_install(struct file *f, int min, bool cloexec);
/* Kernel side of mmap: the object to map at byte offset `offset` with these AREA_* flags. On
 * success *object has a reference, or is NULL: plain anonymous memory (/dev/zero). *may_write tells
 * whether mprotect may later add PROT_WRITE. -ENODEV (not mappable), -EACCES (open mode forbids
 * it). */
int file_map_object(struct file *f, unsigned area_flags, uint64_t offset, struct object **object,
		    bool *may_write);

/* For exec: opens an executable regular file by (dirfd, path in kernel memory, AT_* flags). Checks
 * execute permission. ERR_PTR on failure. */
struct file *file_open_exec(int dirfd, const char *path, int flags);
/* Reads at pos into kernel memory: bytes or negative errno. */
int64_t file_read_kernel(struct file *f, uint64_t pos, void *buf, size_t n);
/* The absolute path as the running task's root sees it, NUL-terminated in buf: length or
 * -ERANGE. */
int file_path(struct file *f, char *buf, size_t size);

struct files *files_create(void);             /* empty; NULL: no memory */
struct files *files_copy(struct files *from); /* fork: a table of its own with the same files */
struct files *files_get(struct files *fs);
void files_put(struct files *fs); /* last one closes everything; may sleep */
void files_close_on_exec(struct files *fs);
struct fs_context *fs_context_copy(struct fs_context *from);
struct fs_context *fs_context_get(struct fs_context *c);
void fs_context_put(struct fs_context *c);

/* Boot: mounts tmpfs as root with /dev and /proc, unpacks the initramfs at [start, start+size)
 * (linear map; may be damaged: then what could be read stays, and the log tells), adopting
 * page-aligned file data as frames. Gives init's first context and files (console on 0, 1, 2) to
 * current(). */
void fs_boot(phys_addr_t initrd, uint64_t size);
/* The program of the initramfs that comes before any other init, NULL: none. */
const char *fs_first_init(void);
/* Flushes everything dirty (sync(2), and before power off). */
void fs_sync(void);

#endif
