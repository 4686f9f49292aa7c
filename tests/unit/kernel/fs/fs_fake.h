// SPDX-License-Identifier: MIT
/*
 * What kernel/fs stands on, for its tests on the host: objects that are plain memory, a process
 * without limits, user memory that is the test's own. Weak, so that a test may name the real file.
 */
#ifndef TESTS_UNIT_KERNEL_FS_FS_FAKE_H
#define TESTS_UNIT_KERNEL_FS_FS_FAKE_H

#include "kernel/fs/internal.h"

/* The host's, without its headers: those define the structures of the system call interface once
 * more. */
void *calloc(size_t n, size_t size);
void *realloc(void *p, size_t size);
void free(void *p);
int rand(void);
void srand(unsigned seed);
char *strcpy(char *dst, const char *src);

/* The running task gets a process and root's credentials; undone by fake_end(). */
void fake_begin(void);
void fake_end(void);
extern uint64_t fake_limit_nofile, fake_limit_memlock;
extern uint32_t fake_uid;
extern int fake_signal;      /* the last signal sent, 0: none */
unsigned fake_objects(void); /* objects not freed */

/* No page more may be promised. */
extern bool fake_commit_refuses;

#endif
