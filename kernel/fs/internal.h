// SPDX-License-Identifier: MIT
// What the files of kernel/fs share among themselves and with nobody else.
#ifndef KERNEL_FS_INTERNAL_H
#define KERNEL_FS_INTERNAL_H

#include "kernel/fs/vfs.h"

#define IOV_LIMIT 1024          /* UIO_MAXIOV */
#define IO_MAX    0x7ffff000ull /* most that one call transfers (read(2), NOTES) */

/* Set-up of caches, once, in fs_init(). 0 or -ENOMEM. */
int inode_init(void);
int dentry_init(void);
int file_init(void);
int pipe_init(void);
void timerfd_init(void);
int memfd_init(void); /* after tmpfs can be made */

/* root.c: at boot, with the initramfs unpacked: decides what init is, or mounts the root that the
 * command line names; panics when there is no such root. May sleep. */
void root_choose(void);

/* Records an access for atime; m may be NULL. */
void inode_accessed(struct inode *i, const struct mount *m);

/* A new file with ops and data, and a descriptor for it, or -EMFILE, -ENOMEM: then ops->release has
 * had data. */
int64_t anon_fd(const struct file_ops *ops, unsigned mode, unsigned flags, void *data);
/* Gives f (consumed; may be ERR_PTR) a descriptor. flags: O_CLOEXEC. */
int64_t fd_for(struct file *f, unsigned flags);

/* locks.c. release: a process closes a descriptor of f; free: the inode goes. */
void file_locks_free(struct inode *i);
void file_locks_close(struct file *f, struct files *owner);
void file_locks_release(struct file *f);

/* epoll.c: f is going away. */
void epoll_file_gone(struct file *f);

/* files.c: under the lock of fs, with a reference; for /proc/PID/fd. */
struct file *files_lookup(struct files *fs, unsigned fd);
/* Whether f is still there. */
bool files_hold(struct files *fs, unsigned fd, const struct file *f);
/* The first used descriptor >= fd, or -1. */
int files_next(struct files *fs, unsigned fd);
bool files_get_cloexec(struct files *fs, unsigned fd);
int files_set_cloexec(struct files *fs, unsigned fd, bool on);
unsigned files_table_size(struct files *fs);
/* Installs f at fd exactly (consumes the reference on success), closing what was there. fd or
 * -EBADF, -ENOMEM. */
int file_install_at(struct file *f, unsigned fd, bool cloexec);
/* only: not when another file is there by now; NULL: whatever is there. 0 or -EBADF. */
int file_close_fd_if(unsigned fd, const struct file *only);
static inline int file_close_fd(unsigned fd)
{
	return file_close_fd_if(fd, NULL);
}
/* Nobody may write the inode while f lives. 0 or -ETXTBSY. */
int file_deny_write(struct file *f) MUST_CHECK;
/* Operations of a device node, or NULL (cdev.c). */
const struct file_ops *device_ops(uint32_t mode, devno_t rdev);
struct fs_context *fs_context_create(void);

/* The running task's root and working directory, with references. */
struct path fs_root(void);
struct path fs_cwd(void);

struct fs_context {
	struct spinlock lock;
	uint32_t refs;         /* atomic */
	struct path root, cwd; /* references; lock */
	uint32_t umask;        /* lock to change */
};

/* A path as text as seen from root, terminated, into buf; " (deleted)" and "(unreachable)" as Linux
 * has them. Length or -ERANGE / -ENAMETOOLONG. */
int path_text(const struct path *p, const struct path *root, char *buf, size_t size);
int file_text(struct file *f, const struct path *root, char *buf, size_t size);

/* Makes the file system's own objects. */
extern struct super_type tmpfs_type, devtmpfs_type, proc_type, sysfs_type, cgroup2_type, ext2_type;
extern const struct file_ops tmpfs_file_ops, tmpfs_dir_ops, huge_file_ops;
extern const struct inode_ops tmpfs_inode_ops;
/* An instance of tmpfs, one of two for good, may take what RAM and swap can hold and the other does
 * not have, and as many inodes; as many as usual from now on. */
void tmpfs_make_roomy(struct super *s);
void tmpfs_limit_inodes(struct super *s);

/* Opens a FIFO node or makes both ends of a pipe. */
extern const struct file_ops fifo_ops;

/* Checks a name may be made or removed in dir (mutex held): permission, dead directory, read-only
 * mount. */
int dir_may_change(const struct path *dir) MUST_CHECK;
int dir_may_remove(const struct path *dir, const struct dentry *victim) MUST_CHECK;
/* A new file of any type under w's last name. Directory mutex held; *out has a reference. */
int dir_create_locked(const struct path *dir, const struct name *name, uint32_t mode, devno_t rdev,
		      struct dentry **out);

#endif
