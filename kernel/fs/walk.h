// SPDX-License-Identifier: MIT
/*
 * Path walks. A walk owns a buffer of PATH_MAX bytes with the text still to go. walk_parent()
 * resolves all but the last component; walk_last() resolves that too. In between a caller may
 * create, remove or rename what w->last names in w->at.
 */
#ifndef KERNEL_FS_WALK_H
#define KERNEL_FS_WALK_H

#include "kernel/fs/vfs.h"

enum last_type {
	LAST_NAME,    /* a real name */
	LAST_NOTHING, /* the path ended: "/" */
	LAST_DOT,
	LAST_DOTDOT,
};

struct walk {
	struct path at;   /* the directory reached; references */
	struct path root; /* the task's root; references */
	char *buffer;
	char *rest;       /* in buffer: what is still to be walked */
	struct name last; /* in buffer */
	enum last_type type;
	bool must_be_dir; /* a slash follows the last component */
	unsigned links;   /* symbolic links followed */
};

/* Begins at dirfd (AT_FDCWD: the working directory) or the root with a path from user or kernel
 * memory. 0, or -ENOENT (empty), -ENAMETOOLONG, -EFAULT, -EBADF, -ENOTDIR, -ENOMEM; then nothing is
 * held. */
int walk_start_user(struct walk *w, int dirfd, uint64_t path) MUST_CHECK;
int walk_start(struct walk *w, int dirfd, const char *path) MUST_CHECK;
/* Frees what the walk holds, at any point after a successful start. */
void walk_end(struct walk *w);
int walk_parent(struct walk *w) MUST_CHECK;
/* After walk_parent: the place itself, with references. follow: a final symbolic link is followed
 * (one with a slash behind always is). */
int walk_last(struct walk *w, bool follow, struct path *out) MUST_CHECK;
/* link was found under the last name: walks on where it leads, up to the new last component.
 * Consumes link's references. */
int walk_follow(struct walk *w, struct path link) MUST_CHECK;

/* All in one. flags: AT_SYMLINK_NOFOLLOW, AT_EMPTY_PATH (an empty or null path is dirfd itself). */
int path_lookup_user(int dirfd, uint64_t path, unsigned flags, struct path *out) MUST_CHECK;
int path_lookup(int dirfd, const char *path, unsigned flags, struct path *out) MUST_CHECK;
/* The place of an open file of any type, with references (AT_FDCWD: the working directory). 0 or
 * -EBADF. */
int path_of_fd(int fd, struct path *out) MUST_CHECK;
/* walk_start_user and walk_parent; -errno with nothing held. */
int walk_to_parent(struct walk *w, int dirfd, uint64_t path) MUST_CHECK;

#endif
