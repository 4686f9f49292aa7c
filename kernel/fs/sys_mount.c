// SPDX-License-Identifier: MIT
// System calls on mounts: mount, umount2, pivot_root.
#include <linux/mount.h>

#include "kernel/cred.h"
#include "kernel/fs/internal.h"
#include "kernel/fs/walk.h"
#include "kernel/process.h"
#include "kernel/syscall.h"
#include "mm/slab.h"
#include "mm/usercopy.h"

#define MOUNT_FLAGS                                                                                \
	(MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_NOATIME | MS_RELATIME | MS_SILENT |     \
	 MS_STRICTATIME | MS_NODIRATIME)

static int64_t remount(const struct path *at, const char *options, unsigned flags)
{
	struct super *s = at->mount->super;
	int err = 0;

	if (at->dentry != at->mount->root)
		return -EINVAL;
	/* One mount is all that a file system on a device has. */
	if (s->ops->remount)
		err = s->ops->remount(s, options, flags & MS_RDONLY);
	if (err)
		return err;
	WRITE_ONCE(at->mount->flags, flags & MOUNT_FLAGS);
	return 0;
}

static int64_t mount_new(const struct path *at, const char *type_name, const char *source,
			 const char *options, unsigned flags)
{
	const struct super_type *type = super_type_find(type_name);
	struct super *s;

	if (!type)
		return -ENODEV;
	if (!S_ISDIR(at->dentry->inode->mode))
		return -ENOTDIR;
	s = type->create(type, source, options, flags);
	if (IS_ERR(s))
		return PTR_ERR(s);
	return mount_add(s, at, flags & MOUNT_FLAGS & ~(unsigned)MS_SILENT,
			 source[0] ? source : "none");
}

/* A string argument that may be missing. Length or -errno. */
static int64_t optional_string(char *dst, uint64_t src, size_t size)
{
	dst[0] = '\0';
	return src ? copy_string_from_user(dst, (virt_addr_t)src, size) : 0;
}

static int64_t move(uint64_t source, uint64_t target)
{
	struct path from, to;
	int64_t err = path_lookup_user(AT_FDCWD, source, 0, &from);

	if (err)
		return err;
	err = path_lookup_user(AT_FDCWD, target, 0, &to);
	if (!err) {
		err = mount_move(&from, &to);
		path_put(to);
	}
	path_put(from);
	return err;
}

SYSCALL(mount)
{
	unsigned flags = (unsigned)args[3];
	char *text, type[32];
	struct path at;
	int64_t err;

	if (!current_capable(CAP_SYS_ADMIN))
		return -EPERM;
	if ((flags & 0xffff0000u) == MS_MGC_VAL)
		flags &= 0xffff;
	if (flags & MS_MOVE)
		return move(args[0], args[1]);
	if (flags & ~(unsigned)(MOUNT_FLAGS | MS_REMOUNT))
		return -EINVAL;          /* bind and propagation are not there */
	text = kmalloc(2 * PATH_MAX, 0); /* source, options */
	if (!text)
		return -ENOMEM;
	err = optional_string(type, args[2], sizeof(type));
	if (err == -ENAMETOOLONG)
		err = -ENODEV;
	if (err >= 0)
		err = optional_string(text, args[0], PATH_MAX);
	if (err >= 0)
		err = optional_string(text + PATH_MAX, args[4], PATH_MAX);
	if (err >= 0)
		err = path_lookup_user(AT_FDCWD, args[1], 0, &at);
	if (!err) {
		err = flags & MS_REMOUNT ? remount(&at, text + PATH_MAX, flags)
					 : mount_new(&at, type, text, text + PATH_MAX, flags);
		path_put(at);
	}
	kfree(text);
	return err;
}

SYSCALL(umount2)
{
	struct path at;
	int64_t err;

	if (!current_capable(CAP_SYS_ADMIN))
		return -EPERM;
	err = path_lookup_user(AT_FDCWD, args[0],
			       args[1] & 8 /* UMOUNT_NOFOLLOW */ ? AT_SYMLINK_NOFOLLOW : 0, &at);
	if (err)
		return err;
	err = mount_remove(&at, (unsigned)args[1]);
	path_put(at);
	return err;
}

/* ---- pivot_root(2) ---- */

static void replace(struct path *place, const struct path *from, const struct path *to,
		    struct path *old)
{
	if (place->mount != from->mount || place->dentry != from->dentry)
		return;
	*old = *place;
	*place = path_get(*to);
}

/* Who has `from` as root or working directory has `to`. A fork under way may keep it, as if it had
 * been later. */
static void contexts_move(const struct path *from, const struct path *to)
{
	struct process *p;

	for (int pid = 1; (p = process_next(pid)) != NULL; process_put(p)) {
		struct fs_context *c = process_fs(p);
		struct path root = { 0 }, cwd = { 0 };

		pid = p->pid + 1;
		if (!c)
			continue;
		spin_lock(&c->lock);
		replace(&c->root, from, to, &root);
		replace(&c->cwd, from, to, &cwd);
		spin_unlock(&c->lock);
		path_put(root);
		path_put(cwd);
		fs_context_put(c);
	}
}

static int64_t pivot(const struct path *new, const struct path *put_old)
{
	struct path root = fs_root();
	int64_t err = -ENOTDIR;

	if (S_ISDIR(new->dentry->inode->mode) && S_ISDIR(put_old->dentry->inode->mode))
		err = mount_pivot(&root, new, put_old);
	if (!err)
		contexts_move(&root, new);
	path_put(root);
	return err;
}

SYSCALL(pivot_root)
{
	struct path new, put_old;
	int64_t err;

	if (!current_capable(CAP_SYS_ADMIN))
		return -EPERM;
	err = path_lookup_user(AT_FDCWD, args[0], 0, &new);
	if (err)
		return err;
	err = path_lookup_user(AT_FDCWD, args[1], 0, &put_old);
	if (!err) {
		err = pivot(&new, &put_old);
		path_put(put_old);
	}
	path_put(new);
	return err;
}
