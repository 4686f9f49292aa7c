// SPDX-License-Identifier: MIT
// e2fsprogs on the host: makes file systems and judges them. Images are files in a fresh place of
// the host.
#ifndef TESTS_UNIT_KERNEL_FS_HOST_EXT2_H
#define TESTS_UNIT_KERNEL_FS_HOST_EXT2_H

/* The path of the one image there is, until host_ext2_end(). */
const char *host_ext2_image(void);
void host_ext2_end(void);
/* Makes a file system of `kb` KB in the image, with mke2fs's options. Fails the test when it
 * cannot. */
void host_ext2_make(const char *options, unsigned kb);
/* e2fsck on the image: "-fn", "-p"...; its exit status. What it said is kept. */
int host_ext2_check(const char *options);
const char *host_ext2_said(void);

#endif
