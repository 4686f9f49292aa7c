// SPDX-License-Identifier: MIT
/*
 * Ends of pipes: pipe2(2), and the opening and closing of FIFOs, where each side waits for the
 * other.
 *
 * The inode's mutex orders openings and closings; the pipe is made with the first end and goes with
 * the last.
 */
#include "kernel/fs/internal.h"
#include "kernel/fs/pipe.h"
#include "kernel/syscall.h"
#include "mm/usercopy.h"

static void wake_both(struct pipe *p)
{
	waitq_wake_all(&p->readable);
	waitq_wake_all(&p->writable);
}

/* Counts an end in. Inode mutex held. */
static void end_open(struct pipe *p, unsigned mode)
{
	mutex_lock(&p->mutex);
	if (mode & FILE_READ) {
		p->readers++;
		p->reader_opens++;
	}
	if (mode & FILE_WRITE) {
		p->writers++;
		p->writer_opens++;
	}
	mutex_unlock(&p->mutex);
	wake_both(p);
}

static void end_close(struct inode *i, unsigned mode)
{
	struct pipe *p = i->pipe;
	bool last;

	mutex_lock(&i->mutex);
	mutex_lock(&p->mutex);
	p->readers -= (mode & FILE_READ) != 0;
	p->writers -= (mode & FILE_WRITE) != 0;
	last = !p->readers && !p->writers;
	mutex_unlock(&p->mutex);
	if (last)
		i->pipe = NULL;
	else
		wake_both(p); /* under the inode's mutex: the other end's closing would take the
				 pipe away */
	mutex_unlock(&i->mutex);
	if (last)
		pipe_destroy(p);
}

static int fifo_open(struct file *f)
{
	bool reads = f->mode & FILE_READ, there;
	struct inode *i = f->inode;
	uint32_t *opens, before;
	struct pipe *p;
	int err = -ENXIO;

	mutex_lock(&i->mutex);
	if (!i->pipe)
		i->pipe = pipe_create();
	p = i->pipe;
	if (!p) {
		mutex_unlock(&i->mutex);
		return -ENOMEM;
	}
	/* What poll compares with: hang-up needs a writer that was there in this reader's time. */
	f->data = (void *)(uintptr_t)(p->writers ? p->writer_opens - 1 : p->writer_opens);
	end_open(p, f->mode);
	/* Looked at before the mutex goes: whoever waited for us may write, close and be gone the
	 * moment after. The counts of opens tell of one that comes and goes while we wait. */
	there = p->unnamed || (reads ? p->writers : p->readers) != 0;
	opens = reads ? &p->writer_opens : &p->reader_opens;
	before = *opens;
	mutex_unlock(&i->mutex);
	if (there || (reads && file_nonblock(f)))
		return 0;
	if (!file_nonblock(f))
		err = wait_event(reads ? &p->readable : &p->writable, READ_ONCE(*opens) != before,
				 WAIT_INTERRUPTIBLE, WAIT_FOREVER);
	if (err)
		end_close(i, f->mode);
	return err == -EINTR ? -ERESTART : err;
}

static void fifo_release(struct file *f)
{
	end_close(f->inode, f->mode);
}

const struct file_ops fifo_ops = {
	.name = "pipe",
	.open = fifo_open,
	.release = fifo_release,
	.read = pipe_read,
	.write = pipe_write,
	.ioctl = pipe_ioctl,
	.poll = pipe_poll,
};

/* Both ends of a new pipe. 0; -ENFILE: no pipe is to be had (pipe(2)); -ENOMEM. */
static int pipe_files(unsigned flags, struct file *end[2])
{
	struct inode *i = anon_inode(S_IFIFO | 0600);

	if (!i)
		return -ENFILE;
	i->pipe = pipe_create();
	if (!i->pipe) {
		inode_put(i);
		return -ENFILE;
	}
	end[0] = file_create_anon(&fifo_ops, inode_get(i), FILE_READ,
				  (flags & ~(unsigned)O_ACCMODE) | O_RDONLY, NULL);
	if (IS_ERR(end[0])) {
		pipe_destroy(i->pipe);
		inode_put(i);
		return PTR_ERR(end[0]);
	}
	i->pipe->unnamed = true;
	i->pipe->readers = 1;
	i->pipe->writer_opens = 1;
	end[1] = file_create_anon(&fifo_ops, i, FILE_WRITE,
				  (flags & ~(unsigned)O_ACCMODE) | O_WRONLY, NULL);
	if (IS_ERR(end[1])) {
		file_put(end[0]);
		return PTR_ERR(end[1]);
	}
	i->pipe->writers = 1;
	return 0;
}

SYSCALL(pipe2)
{
	unsigned flags = (unsigned)args[1];
	struct file *end[2] = { NULL, NULL };
	int32_t fd[2];
	int err;

	if (flags & ~(unsigned)(O_CLOEXEC | O_NONBLOCK | O_DIRECT))
		return -EINVAL;
	if (flags & O_DIRECT)
		return -EINVAL; /* packet mode is not there */
	err = pipe_files(flags, end);
	if (err)
		return err;
	fd[0] = file_install(end[0], 0, flags & O_CLOEXEC);
	if (fd[0] < 0) {
		file_put(end[0]);
		file_put(end[1]);
		return fd[0];
	}
	fd[1] = file_install(end[1], 0, flags & O_CLOEXEC);
	if (fd[1] < 0) {
		file_put(end[1]);
		(void)file_close_fd((unsigned)fd[0]);
		return fd[1];
	}
	if (copy_to_user((virt_addr_t)args[0], fd, sizeof(fd))) {
		(void)file_close_fd((unsigned)fd[0]);
		(void)file_close_fd((unsigned)fd[1]);
		return -EFAULT;
	}
	return 0;
}
