// SPDX-License-Identifier: MIT
// Extended attributes: no file system here keeps any. What a call asks for is looked at, then
// refused; a list of them is empty.
#include <linux/xattr.h>

#include "kernel/fs/files.h"
#include "kernel/fs/internal.h"
#include "kernel/fs/walk.h"
#include "kernel/syscall.h"
#include "mm/usercopy.h"

static int64_t name_and_no_more(virt_addr_t user)
{
	char name[XATTR_NAME_MAX + 1];
	int64_t n = copy_string_from_user(name, user, sizeof(name));

	return n == -EFAULT ? -EFAULT : n <= 0 ? -ERANGE : -EOPNOTSUPP;
}

static int64_t set_one(const uint64_t *args)
{
	int64_t err = name_and_no_more(args[1]);
	uint64_t size = args[3];
	uint8_t part[64];

	if ((unsigned)args[4] & ~(unsigned)(XATTR_CREATE | XATTR_REPLACE))
		return -EINVAL;
	if (err != -EOPNOTSUPP)
		return err;
	if (size > XATTR_SIZE_MAX)
		return -E2BIG;
	for (uint64_t at = 0; at < size; at += sizeof(part))
		if (copy_from_user(part, args[2] + at, MIN(size - at, sizeof(part))))
			return -EFAULT;
	return -EOPNOTSUPP;
}

static int64_t get_one(const uint64_t *args)
{
	return name_and_no_more(args[1]);
}

static int64_t list_all(const uint64_t *args)
{
	(void)args;
	return 0;
}

static int64_t at_path(const uint64_t *args, unsigned flags, int64_t (*fn)(const uint64_t *))
{
	struct path p;
	int err = path_lookup_user(AT_FDCWD, args[0], flags, &p);

	if (err)
		return err;
	path_put(p);
	return fn(args);
}

static int64_t at_fd(const uint64_t *args, int64_t (*fn)(const uint64_t *))
{
	struct fdref r = fd_borrow((int)args[0]);
	int64_t result = r.file && !(r.file->mode & FILE_PATH) ? fn(args) : -EBADF;

	if (r.file)
		fd_return(r);
	return result;
}

#define CALLS(what, fn)                                                                            \
	SYSCALL(what##xattr)                                                                       \
	{                                                                                          \
		return at_path(args, 0, fn);                                                       \
	}                                                                                          \
	SYSCALL(l##what##xattr)                                                                    \
	{                                                                                          \
		return at_path(args, AT_SYMLINK_NOFOLLOW, fn);                                     \
	}                                                                                          \
	SYSCALL(f##what##xattr)                                                                    \
	{                                                                                          \
		return at_fd(args, fn);                                                            \
	}

CALLS(set, set_one)
CALLS(get, get_one)
CALLS(list, list_all)
CALLS(remove, get_one)
