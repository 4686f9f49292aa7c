// SPDX-License-Identifier: MIT
// Pipes: the ring (pipe.c) and its ends (pipe_open.c).
#ifndef KERNEL_FS_PIPE_H
#define KERNEL_FS_PIPE_H

#include "kernel/fs/vfs.h"
#include "kernel/waitq.h"

#define PAGES_DEFAULT 16

/* /proc/sys/fs/pipe-*, as pipe(7) has them: single words. Who has CAP_SYS_RESOURCE, of the last two
 * also CAP_SYS_ADMIN, is exempt. */
struct pipe_limits {
	uint32_t size;       /* bytes of one pipe: a power of two, a page at least */
	uint64_t soft, hard; /* pages of a user's pipes together: above these new ones are small, or
				refused; 0: no limit */
};
extern struct pipe_limits pipe_limits;
/* What a pipe of n bytes, up to 2 GB, is rounded up to. */
uint32_t pipe_size_round(uint64_t n);

struct pipe {
	struct mutex mutex;
	uint64_t head, tail; /* bytes ever written and read */
	uint32_t npages;     /* a power of two */
	struct user *user;   /* the real one of who made it, a reference: npages count in it */
	bool unnamed;        /* made by pipe2: opening it again (/proc/PID/fd) waits for nobody */
	uint32_t readers, writers;           /* open ends */
	uint32_t reader_opens, writer_opens; /* ever: what open(2) of a FIFO waits for */
	void **page;                         /* npages entries; NULL: not there now */
	struct waitq readable, writable;
	void *first_pages[PAGES_DEFAULT];
};

/* NULL: no memory, or beyond what the user may have. destroy: no end is open any more. */
struct pipe *pipe_create(void);
void pipe_destroy(struct pipe *p);

/* File operations of both kinds. */
int64_t pipe_read(struct file *f, struct io *io);
int64_t pipe_write(struct file *f, struct io *io);
unsigned pipe_poll(struct file *f, struct poll_table *pt);
int64_t pipe_ioctl(struct file *f, unsigned cmd, uint64_t arg);
/* F_SETPIPE_SZ, F_GETPIPE_SZ. Size in bytes, or -EBADF (no pipe), -EINVAL, -EBUSY, -EPERM,
 * -ENOMEM. */
int64_t pipe_fcntl(struct file *f, unsigned cmd, uint64_t arg);

#endif
