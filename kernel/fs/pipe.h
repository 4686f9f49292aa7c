// SPDX-License-Identifier: MIT
// Pipes: the ring (pipe.c) and its ends (pipe_open.c).
#ifndef KERNEL_FS_PIPE_H
#define KERNEL_FS_PIPE_H

#include "kernel/fs/vfs.h"
#include "kernel/waitq.h"

#define PAGES_DEFAULT 16

struct pipe {
	struct mutex mutex;
	uint64_t head, tail; /* bytes ever written and read */
	uint32_t npages;     /* a power of two */
	bool unnamed;        /* made by pipe2: opening it again (/proc/PID/fd) waits for nobody */
	uint32_t readers, writers;           /* open ends */
	uint32_t reader_opens, writer_opens; /* ever: what open(2) of a FIFO waits for */
	void **page;                         /* npages entries; NULL: not there now */
	struct waitq readable, writable;
	void *first_pages[PAGES_DEFAULT];
};

/* NULL: no memory. destroy: no end is open any more. */
struct pipe *pipe_create(void);
void pipe_destroy(struct pipe *p);

/* File operations of both kinds. */
int64_t pipe_read(struct file *f, struct io *io);
int64_t pipe_write(struct file *f, struct io *io);
unsigned pipe_poll(struct file *f, struct poll_table *pt);
int64_t pipe_ioctl(struct file *f, unsigned cmd, uint64_t arg);
/* F_SETPIPE_SZ, F_GETPIPE_SZ. Size in bytes, or -EBADF (no pipe), -EINVAL, -EBUSY, -EPERM, -ENOMEM. */
int64_t pipe_fcntl(struct file *f, unsigned cmd, uint64_t arg);

#endif
