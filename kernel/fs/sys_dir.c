// SPDX-License-Identifier: MIT
// System calls on directories and places: getdents64, chdir, chroot, getcwd; sync.
#include "kernel/cred.h"
#include "kernel/fs/files.h"
#include "kernel/fs/internal.h"
#include "kernel/fs/walk.h"
#include "kernel/signal.h"
#include "kernel/syscall.h"
#include "mm/slab.h"
#include "mm/usercopy.h"

/* struct linux_dirent64 of getdents64(2): the name follows the fixed part, records are multiples of
 * 8 bytes. */
struct dirent_head {
	uint64_t ino;
	int64_t off;
	uint16_t reclen;
	uint8_t type;
} __attribute__((packed));
#define DIRENT_HEAD 19

struct user_sink {
	struct dir_sink sink;
	virt_addr_t at;
	size_t room, done;
	int err;
};

static bool user_emit(struct dir_sink *sink, const char *name, size_t len, uint64_t ino,
		      unsigned mode, uint64_t next)
{
	struct user_sink *s = container_of(sink, struct user_sink, sink);
	size_t n = ALIGN_UP(DIRENT_HEAD + len + 1, 8);
	uint64_t record[(DIRENT_HEAD + NAME_MAX + 1 + 7) / 8];
	struct dirent_head head = { ino, (int64_t)next, (uint16_t)n,
				    (uint8_t)((mode & S_IFMT) >> 12) };

	if (n > s->room) {
		s->err = s->done ? 0 : -EINVAL;
		return false;
	}
	if (len > NAME_MAX) {
		s->err = -EIO;
		return false;
	}
	record[n / 8 - 1] = 0;
	memcpy(record, &head, DIRENT_HEAD);
	memcpy((char *)record + DIRENT_HEAD, name, len);
	((char *)record)[DIRENT_HEAD + len] = '\0';
	if (copy_to_user(s->at, record, n)) {
		s->err = -EFAULT;
		return false;
	}
	s->at += n;
	s->room -= n;
	s->done += n;
	return true;
}

SYSCALL(getdents64)
{
	struct fdref r = fd_borrow((int)args[0]);
	struct file *f = r.file;
	struct user_sink s = { .sink = { user_emit },
			       .at = (virt_addr_t)args[1],
			       .room = (unsigned)args[2] };
	int64_t ret;

	if (!f)
		return -EBADF;
	ret = !(f->mode & FILE_READ) ? -EBADF
	      : !f->ops->readdir     ? -ENOTDIR
	      : (int)args[2] < 0     ? -EINVAL
				     : 0;
	if (ret)
		goto out;
	mutex_lock(&f->pos_mutex);
	mutex_lock(&f->inode->mutex);
	/* A directory that was removed has nothing in it any more, "." and ".." included. */
	if (f->inode->nlink == 0)
		ret = -ENOENT;
	else
		ret = f->ops->readdir(f, &s.sink);
	mutex_unlock(&f->inode->mutex);
	mutex_unlock(&f->pos_mutex);
	if (!ret)
		ret = s.done ? (int64_t)s.done : s.err;
	inode_accessed(f->inode, f->path.mount);
out:
	fd_return(r);
	return ret;
}

/* Replaces the root (or working directory) by p, whose references are consumed on success. */
static int context_set(struct path p, bool root)
{
	struct fs_context *c = current()->fs;
	struct path old, *place = root ? &c->root : &c->cwd;
	int err = S_ISDIR(p.dentry->inode->mode) ? inode_permission(p.dentry->inode, MAY_EXEC)
						 : -ENOTDIR;

	if (err)
		return err;
	spin_lock(&c->lock);
	old = *place;
	*place = p;
	spin_unlock(&c->lock);
	path_put(old);
	return 0;
}

static int64_t change_place(uint64_t path, bool root)
{
	struct path p;
	int64_t err = path_lookup_user(AT_FDCWD, path, 0, &p);

	if (err)
		return err;
	err = context_set(p, root);
	if (err)
		path_put(p);
	return err;
}

SYSCALL(chdir)
{
	return change_place(args[0], false);
}

SYSCALL(fchdir)
{
	struct fdref r = fd_borrow((int)args[0]);
	struct path p;
	int64_t err;

	if (!r.file)
		return -EBADF;
	p = path_get(r.file->path);
	fd_return(r);
	err = context_set(p, false);
	if (err)
		path_put(p);
	return err;
}

SYSCALL(chroot)
{
	if (!current_capable(CAP_SYS_CHROOT))
		return -EPERM;
	return change_place(args[0], true);
}

SYSCALL(getcwd)
{
	char *buf = kmalloc(PATH_MAX, 0);
	struct path root, cwd;
	int64_t n;

	if (!buf)
		return -ENOMEM;
	root = fs_root();
	cwd = fs_cwd();
	if (!(READ_ONCE(cwd.dentry->flags) & DENTRY_HASHED) && cwd.dentry != cwd.mount->root)
		n = -ENOENT;
	else
		n = path_text(&cwd, &root, buf, PATH_MAX);
	path_put(root);
	path_put(cwd);
	if (n >= 0 && (uint64_t)++n > args[1])
		n = -ERANGE;
	if (n > 0 && copy_to_user((virt_addr_t)args[0], buf, (size_t)n))
		n = -EFAULT;
	kfree(buf);
	return n;
}

void fs_sync(void)
{
	struct mount *m;

	for (unsigned i = 0; (m = mount_at(i)) != NULL; i++) {
		if (m->super->ops->sync)
			(void)m->super->ops->sync(
				m->super); /* each file system reports its own failures */
		mount_put(m);
	}
}

SYSCALL(sync)
{
	(void)args;
	fs_sync();
	return 0;
}

SYSCALL(syncfs)
{
	struct fdref r = fd_borrow((int)args[0]);
	struct super *s;
	int err = -EBADF, told = 0;

	if (!r.file)
		return -EBADF;
	if (!(r.file->mode & FILE_PATH)) {
		s = r.file->inode->super;
		err = s->ops->sync ? s->ops->sync(s) : 0;
		/* Whatever file it was of: this descriptor hears of it, once. */
		told = write_error_tell(&s->sync_errors, &r.file->syncfs_told);
	}
	fd_return(r);
	return err ? err : told;
}

/* No address family is there yet: socket(2) says so, as Linux does for a family it was built
 * without. */
SYSCALL(socket)
{
	(void)args;
	return -EAFNOSUPPORT;
}

SYSCALL(socketpair)
{
	(void)args;
	return -EAFNOSUPPORT;
}
