// SPDX-License-Identifier: MIT
// The host's own file system as a reference for what names do: each call returns 0 (or as said) or
// -errno, with the working directory in a fresh place.
#ifndef TESTS_UNIT_KERNEL_FS_HOST_NAMES_H
#define TESTS_UNIT_KERNEL_FS_HOST_NAMES_H

/* Makes a fresh directory with `deep` below it and goes there. */
void host_begin(const char *deep);
void host_end(void);
int host_mkdir(const char *path, unsigned mode);
int host_unlink(const char *path, int rmdir);
int host_rename(const char *from, const char *to, unsigned flags);
int host_link(const char *from, const char *to, int follow);
int host_symlink(const char *target, const char *path);
int host_open(const char *path, int flags); /* and close again */
/* Type and permissions; *nlink for what is no directory, else 0. */
int host_stat(const char *path, int follow, unsigned *mode, unsigned *nlink, unsigned long *size);
int host_readlink(const char *path, char *buf, unsigned size); /* length */

#endif
