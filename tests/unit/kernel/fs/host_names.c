// SPDX-License-Identifier: MIT
#define _GNU_SOURCE
#include "tests/unit/kernel/fs/host_names.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char place[64];
static char before[4096];

static int result(int ret)
{
	return ret < 0 ? -errno : ret;
}

void host_begin(const char *deep)
{
	char path[256], *p;

	/* tmpfs where there is one: some file systems refuse part of renameat2. */
	snprintf(place, sizeof(place), "%s/granule-names-XXXXXX",
		 access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	if (!getcwd(before, sizeof(before)) || !mkdtemp(place) || chdir(place) != 0)
		abort();
	umask(022);
	snprintf(path, sizeof(path), "%s/", deep);
	for (p = strchr(path, '/'); p; p = strchr(p + 1, '/')) {
		*p = '\0';
		if (mkdir(path, 0777) != 0)
			abort();
		*p = '/';
	}
	if (chdir(deep) != 0)
		abort();
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st, (void)type, (void)ftw;
	return remove(path);
}

void host_end(void)
{
	if (chdir(before) != 0 || nftw(place, remove_one, 16, FTW_DEPTH | FTW_PHYS) != 0)
		abort();
}

int host_mkdir(const char *path, unsigned mode)
{
	return result(mkdir(path, mode));
}

int host_unlink(const char *path, int rmdir)
{
	return result(unlinkat(AT_FDCWD, path, rmdir ? AT_REMOVEDIR : 0));
}

int host_rename(const char *from, const char *to, unsigned flags)
{
	return result(renameat2(AT_FDCWD, from, AT_FDCWD, to, flags));
}

int host_link(const char *from, const char *to, int follow)
{
	return result(linkat(AT_FDCWD, from, AT_FDCWD, to, follow ? AT_SYMLINK_FOLLOW : 0));
}

int host_symlink(const char *target, const char *path)
{
	return result(symlink(target, path));
}

int host_open(const char *path, int flags)
{
	int fd = open(path, flags, 0640);

	if (fd < 0)
		return -errno;
	close(fd);
	return 0;
}

int host_stat(const char *path, int follow, unsigned *mode, unsigned *nlink, unsigned long *size)
{
	struct stat st;

	if ((follow ? stat : lstat)(path, &st) != 0)
		return -errno;
	*mode = st.st_mode;
	*nlink = S_ISDIR(st.st_mode) ? 0 : (unsigned)st.st_nlink;
	*size = S_ISDIR(st.st_mode) ? 0 : (unsigned long)st.st_size;
	return 0;
}

int host_readlink(const char *path, char *buf, unsigned size)
{
	return result((int)readlink(path, buf, size));
}
