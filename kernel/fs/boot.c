// SPDX-License-Identifier: MIT
/*
 * The file system at boot: tmpfs as root, filled from the initramfs, or a disk over it (root.c);
 * /dev and /proc mounted; descriptors for process 1.
 */
#include "kernel/fs/dev.h"
#include "kernel/fs/initramfs.h"
#include "kernel/fs/internal.h"
#include "kernel/fs/names.h"
#include "kernel/fs/open.h"
#include "kernel/log.h"

static int make_dir(const char *path, uint32_t mode)
{
	struct walk w;
	int err = walk_start(&w, AT_FDCWD, path);

	if (err)
		return err;
	err = walk_parent(&w);
	if (!err)
		err = name_create(&w, S_IFDIR | mode, 0);
	walk_end(&w);
	return err == -EEXIST ? 0 : err;
}

static int make_symlink(const char *path, const char *target)
{
	struct walk w;
	int err = walk_start(&w, AT_FDCWD, path);

	if (err)
		return err;
	err = walk_parent(&w);
	if (!err)
		err = name_symlink(&w, target);
	walk_end(&w);
	return err;
}

static int mount_on(const char *dir, const struct super_type *type, unsigned flags,
		    const char *options)
{
	struct super *s;
	struct path at;
	int err = make_dir(dir, 0755);

	if (!err)
		err = path_lookup(AT_FDCWD, dir, 0, &at);
	if (err)
		return err;
	s = type->create(type, type->name, options, flags);
	err = IS_ERR(s) ? PTR_ERR(s) : mount_add(s, &at, flags | MOUNT_RELATIME, type->name);
	path_put(at);
	return err;
}

static int caches_init(void)
{
	int err;

	timerfd_init();
	err = inode_init();
	if (!err)
		err = dentry_init();
	if (!err)
		err = file_init();
	if (!err)
		err = pipe_init();
	return err;
}

static int root_mount(void)
{
	struct super *s;
	int err;

	super_type_register(&tmpfs_type);
	super_type_register(&devtmpfs_type);
	super_type_register(&proc_type);
	super_type_register(&sysfs_type);
	super_type_register(&cgroup2_type);
	super_type_register(&ext2_type);
	s = tmpfs_type.create(&tmpfs_type, "tmpfs", "mode=0755", 0);
	if (IS_ERR(s))
		return PTR_ERR(s);
	tmpfs_make_roomy(s);
	err = mount_add(s, NULL, MOUNT_RELATIME, "tmpfs");
	return err ? err : memfd_init();
}

static int populate_dev(void)
{
	static const char *const links[][2] = {
		{ "/dev/fd", "/proc/self/fd" },
		{ "/dev/stdin", "/proc/self/fd/0" },
		{ "/dev/stdout", "/proc/self/fd/1" },
		{ "/dev/stderr", "/proc/self/fd/2" },
	};
	int err = make_dir("/dev/shm", 01777);

	for (size_t i = 0; !err && i < ARRAY_SIZE(links); i++)
		err = make_symlink(links[i][0], links[i][1]);
	return err;
}

static int open_console(void)
{
	struct file *f = open_kernel(AT_FDCWD, "/dev/console", O_RDWR | O_NOCTTY, 0);

	if (IS_ERR(f))
		return PTR_ERR(f);
	for (int fd = 0; fd < 3; fd++)
		if (file_install(file_get(f), 0, false) != fd)
			file_put(f);
	file_put(f);
	return 0;
}

void fs_boot(phys_addr_t initrd, uint64_t size)
{
	int err = caches_init();

	if (!err)
		err = root_mount();
	if (err)
		panic("no memory for the root file system");
	current()->fs = fs_context_create();
	current()->files = files_create();
	if (!current()->fs || !current()->files)
		panic("no memory for the first task's files");
	current()->fs->umask = 0;
	dev_mem_register();
	tty_register();
	if (size)
		(void)initramfs_unpack(
			initrd, size); /* has said what it could not read; the rest is there */
	tmpfs_limit_inodes(current()->fs->root.mount->super);
	root_choose();
	err = mount_on("/dev", &devtmpfs_type, MOUNT_NOSUID, "mode=0755");
	if (!err)
		err = populate_dev();
	if (!err)
		err = mount_on("/proc", &proc_type, MOUNT_NOSUID | MOUNT_NODEV | MOUNT_NOEXEC, "");
	if (!err)
		err = mount_on("/sys", &sysfs_type, MOUNT_NOSUID | MOUNT_NODEV | MOUNT_NOEXEC, "");
	if (!err)
		err = mount_on("/sys/fs/cgroup", &cgroup2_type,
			       MOUNT_NOSUID | MOUNT_NODEV | MOUNT_NOEXEC, "");
	if (!err)
		err = open_console();
	if (err)
		log_error("fs: /dev, /proc, /sys or the console could not be set up: error %d",
			  err);
	current()->fs->umask = 022;
}
