// SPDX-License-Identifier: MIT
/*
 * The types of the file room: what a file system supplies and what the layers above it share.
 *
 *   struct super    one mounted file system instance
 *   struct mount    where a super's tree is attached
 *   struct inode    one file, whatever its names
 *   struct dentry   one name of it in the tree
 *   struct path     mount + dentry: a place as a task sees it
 *   struct file     an open file description
 *
 * Only names that exist have a dentry. In memory file systems (SUPER_TREE) the dentry tree is the
 * directory: each name pins its dentry, and a name that is not in the cache is not there. For
 * others a dentry lives while someone uses it, and a miss asks ops->lookup.
 *
 * Lock order: file->pos_mutex -> rename_mutex -> directory's inode->mutex (parent before child,
 * else by address) -> other inode->mutex -> [mm: aspace -> object]. dentry_lock, files->lock,
 * context->lock, inode->lock are spin locks, innermost, never nested in each other.
 */
#ifndef KERNEL_FS_VFS_H
#define KERNEL_FS_VFS_H

#include <linux/fcntl.h>
#include <linux/limits.h>

#include "kernel/errno.h"
#include "kernel/fs/file.h"
#include "kernel/fs/mode.h"
#include "kernel/lib/list.h"
#include "kernel/lib/rbtree.h"
#include "kernel/lib/string.h"
#include "kernel/lib/uuid.h"
#include "mm/object.h"

struct dir_sink;
struct file_ops;
struct inode_ops;
struct statfs;
struct super;

typedef uint32_t devno_t; /* major << 20 | minor */
#define DEVNO(major, minor) ((devno_t)(major) << 20 | (minor))
/* As stat(2) and statx(2) want it in one word. */
#define DEVNO_USER(d) ((uint64_t)((d) >> 20) << 8 | ((d)&0xff) | (uint64_t)((d)&0xfff00) << 12)

struct inode {
	uint32_t refs;       /* atomic */
	uint32_t mode;       /* type and permissions; changed under mutex, read by anyone */
	uint32_t uid, gid;   /* likewise */
	uint32_t nlink;      /* mutex (of the inode, or of the directories that name it) */
	devno_t rdev;        /* character and block nodes; constant */
	uint64_t ino;        /* constant */
	struct super *super; /* constant */
	const struct inode_ops *ops;
	const struct file_ops *
		fops; /* for regular files and directories; devices and FIFOs find theirs at open */
	struct object *object; /* regular files: the page cache, which has the size; else NULL */
	uint64_t size;         /* others: directories, symbolic links */
	uint64_t blocks;       /* of 512 bytes, with SUPER_DISK; brought up to date by getattr */
	int64_t atime, mtime,
		ctime;        /* ns since 1970; single words, written by whoever comes last */
	struct mutex mutex;   /* directory contents; attributes; order of writes to a file */
	struct spinlock lock; /* locks, pipe */
	uint32_t seals;       /* F_SEAL_ bits (seals.c); under mutex, read by anyone */
	int32_t writers;      /* times open for writing, or minus times being executed; atomic */
	struct file_locks *locks; /* POSIX and flock locks, NULL until the first (locks.c); lock */
	struct pipe *pipe;        /* FIFOs that are open (pipe.c); lock */
	void *data;               /* the file system's own */
};

#define DENTRY_INLINE 32

enum dentry_flag {
	DENTRY_HASHED = 1,  /* found by walks; cleared when removed: then " (deleted)" */
	DENTRY_MOUNTED = 2, /* something is mounted here */
};

struct dentry {
	uint32_t refs;  /* atomic; from 0 only under dentry_lock */
	uint32_t flags; /* dentry_lock */
	/* Under dentry_lock; also constant while the parent's inode->mutex is held. */
	uint32_t hash;
	uint32_t name_len;
	struct dentry *parent; /* a reference; itself at the root of a super */
	char *name;            /* inline_name, or kmalloc'ed */
	char inline_name[DENTRY_INLINE];
	struct dentry *hash_next;
	struct rb_node sibling; /* in parent->children, by cookie */
	struct rb_root children;
	uint64_t cookie; /* position in the parent for readdir: grows with each name */
	uint64_t next_cookie;
	struct inode *inode; /* constant, never NULL; a reference */
};

/* A component of a path; text is not terminated. */
struct name {
	const char *text;
	uint32_t len;
	uint32_t hash;
};

struct path {
	struct mount *mount;
	struct dentry *dentry;
};

/* A change of attributes; which fields count is in valid. */
struct attr {
	unsigned valid;
	uint32_t mode, uid, gid;
	uint64_t size;
	int64_t atime, mtime;
};
enum {
	ATTR_MODE = 1,
	ATTR_UID = 2,
	ATTR_GID = 4,
	ATTR_SIZE = 8,
	ATTR_ATIME = 16,
	ATTR_MTIME = 32,
	ATTR_CTIME = 64
};

/*
 * Operations on inodes. All may sleep. The directory's mutex is held for those that change it;
 * permissions, names' lengths, read-only mounts and sticky bits have been checked; times of
 * directories are set by the caller. NULL: -EPERM (rename, link: -EPERM too).
 */
struct inode_ops {
	/* The inode that name has in dir, with a reference; -ENOENT. NULL op: only the dentry tree
	 * counts. Directory mutex held. */
	int (*lookup)(struct inode *dir, const struct name *name, struct inode **out);
	/* A new file of the type in mode (regular, directory, device, FIFO, socket), with a
	 * reference for the caller. */
	int (*create)(struct inode *dir, const struct name *name, uint32_t mode, devno_t rdev,
		      struct inode **out);
	int (*symlink)(struct inode *dir, const struct name *name, const char *target,
		       struct inode **out);
	int (*link)(struct inode *dir, const struct name *name, struct inode *inode);
	/* Removes a name that is not a directory; nlink is the op's to lower. */
	int (*unlink)(struct inode *dir, struct dentry *victim);
	/* Removes a directory: -ENOTEMPTY. */
	int (*rmdir)(struct inode *dir, struct dentry *victim);
	/* from moves from old_dir to new_dir under name; target is the dentry it replaces, or NULL;
	 * exchange swaps the two. Both directories' mutexes are held; emptiness of a target
	 * directory is the op's to check. */
	int (*rename)(struct inode *old_dir, struct dentry *from, struct inode *new_dir,
		      const struct name *name, struct dentry *target, bool exchange);
	/* The target of a symbolic link, terminated, into buf: length or -errno. */
	int (*readlink)(struct inode *inode, char *buf, size_t size);
	/* A link that leads straight to a place (/proc/PID/cwd): *to gets references. NULL: follow
	 * what readlink says. */
	int (*follow)(struct inode *inode, struct path *to);
	/* Stores changed attributes; inode mutex held. NULL: the fields of struct inode are all
	 * there is; sizes go to object_truncate(). */
	int (*setattr)(struct inode *inode, const struct attr *a);
	/* Brings fields that are computed (proc) up to date before stat. NULL: they always are. */
	void (*getattr)(struct inode *inode);
	/* A file without name in dir, nlink 0 (O_TMPFILE). NULL: -EOPNOTSUPP. */
	int (*tmpfile)(struct inode *dir, uint32_t mode, struct inode **out);
};

enum super_flag {
	SUPER_TREE = 1,        /* the dentry tree is the directory: names pin dentries */
	SUPER_MAGIC_OWNER = 2, /* permission checks by owner make no sense (internal) */
	SUPER_DISK = 4,        /* what files take is inode->blocks, not pages */
};

struct super_ops {
	/* The last reference to inode is about to go, but one may still be found: lowers refs
	 * itself, under the lock that its look-ups take, and keeps the inode or releases it. For
	 * file systems that keep inodes without users; then evict is not called. May sleep. */
	void (*drop)(struct inode *inode);
	/* The last reference to inode went: release what the file system keeps for it, storage too
	 * when nlink is 0; then inode_free(). NULL: inode_free(). */
	void (*evict)(struct inode *inode);
	/* False when a cached name no longer holds (a dead process in /proc). NULL: it always does.
	 * Any context without sleeping. */
	bool (*valid)(struct dentry *d);
	int (*statfs)(struct super *s, struct statfs *st);
	/* Everything dirty to the medium. NULL: nothing to do. */
	int (*sync)(struct super *s);
	/* All mounts become read-only or writable, with other options: -EBUSY, -EROFS, -EINVAL.
	 * NULL: nothing to do. May sleep. */
	int (*remount)(struct super *s, const char *options, bool rdonly);
	/* The last mount went; the tree is gone already. Frees what data points to. NULL:
	 * nothing. */
	void (*put)(struct super *s);
	/* Text for /proc/mounts after the options every file system has, such as ",size=4k". NULL:
	 * none. */
	int (*options)(struct super *s, char *buf, size_t size);
};

struct super {
	uint32_t refs; /* mounts; dentry_lock */
	unsigned flags;
	devno_t dev;
	uint32_t magic;
	const struct super_type *type;
	const struct super_ops *ops;
	struct dentry *root;
	uint64_t next_ino; /* atomic */
	uint64_t max_size; /* of a file, bytes; 0: what an object holds */
	void *data;
	struct list link;     /* on the list of all; mount_mutex */
	uint32_t sync_errors; /* of writing files' pages: write_error_tell(); atomic */
};

/* What a file system on a device is called, as it says itself. */
struct super_names {
	char label[17], uuid[UUID_TEXT];
};

struct super_type {
	const char *name;
	bool needs_device;
	/* True when the first page of a device is one of this type's; fills names. NULL: it knows
	 * no devices. Any context. */
	bool (*names)(const void *page, struct super_names *names);
	/* A new super with its root dentry. source and options may be ""; of flags only
	 * MOUNT_RDONLY means something here. ERR_PTR on failure. May sleep. */
	struct super *(*create)(const struct super_type *type, const char *source,
				const char *options, unsigned flags);
	struct super_type *next;
};

enum mount_flag {
	MOUNT_RDONLY = 1,
	MOUNT_NOSUID = 2,
	MOUNT_NODEV = 4,
	MOUNT_NOEXEC = 8,
	MOUNT_NOATIME = 1024,
	MOUNT_RELATIME = 1 << 21
};

struct mount {
	uint32_t refs;  /* dentry_lock to leave 1 while attached; else atomic */
	unsigned flags; /* Linux's MS_ bits */
	struct super *super;
	struct dentry *root;  /* of what is mounted */
	struct mount *parent; /* a reference; NULL: the root, or detached */
	struct dentry *point; /* in parent; a reference */
	char *source;         /* first column of /proc/mounts */
	struct list link;     /* on the list of mounts in order; dentry_lock */
};

/* One transfer between a file and memory. */
struct io {
	uintptr_t buf; /* user address; kernel address when !user */
	size_t n;
	uint64_t pos; /* files without FILE_SEEK ignore it */
	bool user;
	bool nonblock; /* O_NONBLOCK, or something has been transferred already */
};

enum file_mode {
	FILE_READ = 1,
	FILE_WRITE = 2,
	FILE_SEEK = 4,    /* regular file or directory: has a position */
	FILE_PATH = 8,    /* O_PATH: a place only */
	FILE_WRITER = 16, /* counted in inode->writers */
	FILE_EXEC = 32,   /* being executed: counted there negatively */
};

/* All may sleep. read and write return bytes, or negative errno when nothing was transferred. NULL
 * ops: -EINVAL for read, write; see each call. */
struct file_ops {
	const char *name; /* of files without path, for /proc/PID/fd: "[eventfd]" */
	int (*open)(struct file *f);
	void (*release)(struct file *f); /* the last reference went; only after open succeeded */
	int64_t (*read)(struct file *f, struct io *io);
	int64_t (*write)(struct file *f, struct io *io);
	int64_t (*seek)(
		struct file *f, int64_t off,
		int whence); /* pos_mutex held; NULL: by size with FILE_SEEK, else -ESPIPE */
	int64_t (*ioctl)(struct file *f, unsigned cmd, uint64_t arg);
	/* Ready events now; registers on the queues that tell of changes when pt is not NULL
	 * (kernel/fs/poll.h). NULL: always readable and writable. */
	unsigned (*poll)(struct file *f, struct poll_table *pt);
	/* Emits names from f->pos on until the sink is full; directory mutex held. */
	int (*readdir)(struct file *f, struct dir_sink *sink);
	int (*map)(struct file *f, unsigned area_flags, uint64_t offset,
		   struct object **object); /* NULL: the inode's object */
	/* Pages [first, last] to the medium, and what leads to them there, as fsync(2) has it. May
	 * sleep. */
	int (*sync)(struct file *f, uint32_t first, uint32_t last);
	int (*allocate)(struct file *f, int mode, uint64_t off, uint64_t len);
	void (*flags_changed)(struct file *f, unsigned flags);
	/* Further lines of /proc/PID/fdinfo. NULL: none. */
	void (*fdinfo)(struct file *f, char *buf, size_t size);
	/* An area that maps f came (1: by mmap, fork, or a split) or went (-1: f has a reference
	 * still). Aspace mutex held. NULL: nobody counts. */
	void (*area)(struct file *f, int change);
};

struct file {
	uint32_t refs;  /* atomic */
	uint32_t mode;  /* enum file_mode; constant once open */
	uint32_t flags; /* O_ flags that fcntl shows; O_NONBLOCK, O_APPEND change by F_SETFL: single
			   word */
	const struct file_ops *ops;
	struct inode *inode; /* a reference */
	struct path path; /* references; pipes and their like have a dentry of their own outside any
			     tree */
	uint64_t pos;     /* pos_mutex */
	struct mutex pos_mutex;
	struct readahead ahead;  /* regular files on disks */
	uint32_t sync_told;      /* of which errors of write-back it was told; sync's */
	uint32_t syncfs_told;    /* and of which of its file system's */
	void *data;              /* the ops' own */
	struct list epoll_items; /* epoll_lock in epoll.c */
};

/* Collects directory entries. emit: false when the sink is full (the entry was not taken). */
struct dir_sink {
	bool (*emit)(struct dir_sink *s, const char *name, size_t len, uint64_t ino, unsigned mode,
		     uint64_t next_pos);
};

extern struct mutex rename_mutex;   /* moves of directories between directories */
extern struct mutex mount_mutex;    /* mounts and supers come and go */
extern uint32_t dentry_renames;     /* counts moves of dentries; dentry_lock to change */
extern struct spinlock dentry_lock; /* dentry tree, hash, mount table */

/* inode.c */
/* A zeroed inode with refs 1, nlink 1, times now, ids of the running task; NULL: no memory. */
struct inode *inode_alloc(struct super *s, uint32_t mode);
struct inode *inode_get(struct inode *i);
void inode_put(struct inode *i);
void inode_free(struct inode *i);
uint64_t inode_size(const struct inode *i);
/* Marks contents (and so attributes) or attributes alone as changed now. */
void inode_touch(struct inode *i);
void inode_touch_ctime(struct inode *i);
/* mask: MAY_ bits. 0 or -EACCES. Uses fsuid/fsgid of the running task. */
enum { MAY_EXEC = 1, MAY_WRITE = 2, MAY_READ = 4 };
int inode_permission(const struct inode *i, unsigned mask) MUST_CHECK;
/* Likewise with the real ids: access(2). */
int inode_access(const struct inode *i, unsigned mask, bool effective) MUST_CHECK;
bool inode_owner_or_root(const struct inode *i);
/* Inode mutex held. Permission has been checked. */
int inode_setattr(struct inode *i, const struct attr *a) MUST_CHECK;
/* Ids and set-gid inheritance of a file newly made in dir. */
void inode_init_owner(struct inode *i, const struct inode *dir, uint32_t mode);

/* dentry.c */
struct dentry *dentry_get(struct dentry *d);
void dentry_put(struct dentry *d);
uint32_t name_hash(const char *text, size_t len);
/* The cached, valid dentry of name in parent with a reference, or NULL. */
struct dentry *dentry_find(struct dentry *parent, const struct name *name);
/* As above, asking the file system on a miss; parent's mutex held. ERR_PTR: -ENOENT and others. */
struct dentry *dentry_lookup_locked(struct dentry *parent, const struct name *name);
/* Memory for a name to come, so that dentry_attach cannot fail; NULL: none. */
struct dentry *dentry_alloc(struct dentry *parent, const struct name *name);
void dentry_free_unused(struct dentry *d);
/* Enters d (from dentry_alloc) into the tree with inode (consumes the reference); d keeps one
 * reference for the caller. */
void dentry_attach(struct dentry *d, struct inode *inode);
/* Takes a removed name out of the tree; users keep it, deleted. */
void dentry_detach(struct dentry *d);
/* A dentry outside any tree: the root of a super, or a file without a name in a directory. Consumes
 * the inode reference also on failure (NULL: no memory). */
struct dentry *dentry_create_alone(struct inode *inode, const char *text);
/* Moves d under new_parent as name; exchange with target swaps both. room: spare memory for a long
 * name, or NULL. Mutexes of both held. */
void dentry_move(struct dentry *d, struct dentry *new_parent, const struct name *name, char *room);
void dentry_exchange(struct dentry *a, struct dentry *b);
bool dentry_has_children(struct dentry *d);
/* The child with the smallest cookie >= cookie, with a reference, or NULL. */
struct dentry *dentry_next_child(struct dentry *d, uint64_t cookie);
/* True when d is ancestor or below it. Both directories; rename_mutex held. */
bool dentry_is_below(struct dentry *d, struct dentry *ancestor);
/* Drops every name of a tree that is no longer mounted. */
void dentry_drop_tree(struct dentry *root);
/* readdir for SUPER_TREE file systems, "." and ".." included. */
int dentry_readdir(struct file *f, struct dir_sink *sink);
bool dir_emit_dots(struct file *f, struct dir_sink *sink);

/* mount.c */
struct path path_get(struct path p); /* + references; returns p */
void path_put(struct path p);
void super_type_register(struct super_type *t);
const struct super_type *super_type_find(const char *name);
const struct super_type *super_type_next(const struct super_type *t);
struct super *super_alloc(const struct super_type *type, const struct super_ops *ops,
			  uint32_t magic, unsigned flags);
void super_free(struct super *s);
/* Mounts s (consumed) at `at` (NULL: as the root of everything). 0 or -errno. */
int mount_add(struct super *s, const struct path *at, unsigned flags, const char *source);
int mount_remove(const struct path *at, unsigned flags);
/* The mount whose root `from` is goes to `to`, with all that is mounted in it: -EINVAL (no root of
 * a mount, or not attached), -ELOOP (into itself), -ENOTDIR. */
int mount_move(const struct path *from, const struct path *to);
/* new (the root of a mount) takes the place of the mount whose root is `root`, which goes to
 * put_old. As pivot_root(2) has it: -EINVAL, -EBUSY. Whoever is at `root` is not moved. */
int mount_pivot(const struct path *root, const struct path *new, const struct path *put_old);
struct path mount_root(void);
/* Replaces *p by what is mounted there, if anything. Consumes and gives references. */
void mount_cross(struct path *p);
/* *p becomes the place the root of its mount is attached to; false at the top. */
bool mount_climb(struct path *p);
/* The i-th mount with a reference, or NULL. */
struct mount *mount_at(unsigned i);
void mount_get(struct mount *m);
void mount_put(struct mount *m);
bool mount_is_rdonly(const struct path *p);

/* file.c */
/* A file over inode (consumes the reference, on failure too); calls ops->open. ERR_PTR on
 * failure. */
struct file *file_create_anon(const struct file_ops *ops, struct inode *inode, unsigned mode,
			      unsigned flags, void *data);
/* Opens what path says (references are consumed on success only). flags: O_. Permissions have been
 * checked. */
struct file *file_open_path(const struct path *path, unsigned flags);
/* A file in memory of `size` bytes (whole huge pages with `huge`), in no directory, open for
 * reading and writing: its name is for /proc/PID/maps. ops: tmpfs's, or the caller's. ERR_PTR on
 * failure. May sleep. */
struct file *file_create_unnamed(const char *name, bool huge, uint64_t size,
				 const struct file_ops *ops);
/* An inode of the internal file system that has no directories; NULL: no memory. */
struct inode *anon_inode(uint32_t mode);
unsigned file_poll(struct file *f, struct poll_table *pt);
int64_t file_cannot_read(const struct file *f); /* why: -EBADF, -EISDIR, -EINVAL */
int64_t file_cannot_write(const struct file *f);
static inline int64_t file_read(struct file *f, struct io *io)
{
	if (unlikely(!(f->mode & FILE_READ) || !f->ops->read))
		return file_cannot_read(f);
	return f->ops->read(f, io);
}
static inline int64_t file_write(struct file *f, struct io *io)
{
	if (unlikely(!(f->mode & FILE_WRITE) || !f->ops->write))
		return file_cannot_write(f);
	return f->ops->write(f, io);
}
static inline bool file_nonblock(const struct file *f)
{
	return READ_ONCE(f->flags) & O_NONBLOCK;
}
/* Moves n bytes between the io's memory and kernel memory and advances it. 0 or -EFAULT. */
int io_put(struct io *io, const void *src, size_t n) MUST_CHECK;
int io_get(struct io *io, void *dst, size_t n) MUST_CHECK;

#endif
