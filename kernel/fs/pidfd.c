// SPDX-License-Identifier: MIT
/*
 * Process descriptors: pidfd_open(2), clone(2) with CLONE_PIDFD, pidfd_getfd(2). The file holds the
 * struct process, which stays when the process has been reaped, without a leader: so a descriptor
 * never comes to mean another process of the same number. It is readable when no thread is left.
 */
#include "kernel/fs/pidfd.h"

#include <linux/pidfd.h>

#include "kernel/cred.h"
#include "kernel/fs/internal.h"
#include "kernel/fs/poll.h"
#include "kernel/fs/proc/proc.h"
#include "kernel/process.h"
#include "kernel/syscall.h"
#include "mm/usercopy.h"

static void pidfd_release(struct file *f)
{
	process_put(f->data);
}

static unsigned pidfd_poll(struct file *f, struct poll_table *pt)
{
	struct process *p = f->data;

	poll_watch(pt, &p->thread_wait);
	return READ_ONCE(p->zombie) ? POLL_READABLE : 0;
}

static void pidfd_info(struct file *f, char *buf, size_t size)
{
	const struct process *p = f->data;
	int pid = READ_ONCE(p->leader) ? p->pid : -1;

	format(buf, size, "Pid:\t%d\nNSpid:\t%d\n", pid, pid);
}

static const struct file_ops pidfd_ops = {
	.name = "[pidfd]",
	.poll = pidfd_poll,
	.release = pidfd_release,
	.fdinfo = pidfd_info,
};

struct process *pidfd_process(int fd, bool *nonblock)
{
	struct file *f = file_get_fd(fd);
	struct process *p = f && f->ops == &pidfd_ops ? process_get(f->data) : ERR_PTR(-EBADF);

	if (f && nonblock)
		*nonblock = file_nonblock(f);
	if (f)
		file_put(f);
	return p;
}

struct process *pidfd_process_or_dir(int fd)
{
	struct file *f = file_get_fd(fd);
	struct process *p = NULL;

	if (f && f->ops == &pidfd_ops)
		p = process_get(f->data);
	else if (f && !(f->mode & FILE_PATH))
		p = proc_dir_process(f->inode);
	if (f)
		file_put(f);
	return p ? p : ERR_PTR(-EBADF);
}

/* flags: O_NONBLOCK. ERR_PTR: -ENOMEM. */
static struct file *pidfd_file(struct process *p, unsigned flags)
{
	struct inode *i = anon_inode(0600);
	struct file *f = ERR_PTR(-ENOMEM);

	if (i)
		f = file_create_anon(&pidfd_ops, i, FILE_READ | FILE_WRITE, O_RDWR | flags, p);
	if (!IS_ERR(f))
		process_get(p);
	return f;
}

/* Other users of the table may see the descriptor before the process is complete: it has no leader
 * yet, as if it were gone. */
struct file *pidfd_offer(struct process *p, virt_addr_t user, int *fd)
{
	struct file *f = pidfd_file(p, 0);

	if (IS_ERR(f))
		return f;
	*fd = file_install(file_get(f), 0, true);
	if (*fd < 0) {
		file_put(f);
		file_put(f);
		return ERR_PTR(*fd);
	}
	if (user_store32(user, (uint32_t)*fd) == 0)
		return f;
	pidfd_settle(f, *fd, false);
	return ERR_PTR(-EFAULT);
}

void pidfd_settle(struct file *f, int fd, bool keep)
{
	if (!keep)
		(void)file_close_fd_if((unsigned)fd, f); /* unless another thread did */
	file_put(f);
}

SYSCALL(pidfd_open)
{
	int pid = (int)args[0];
	unsigned flags = (unsigned)args[1];
	struct process *p;
	struct task *t;
	int64_t fd;

	if (flags & ~(unsigned)PIDFD_NONBLOCK || pid <= 0)
		return -EINVAL;
	p = process_find(pid);
	if (!p) {
		t = task_find(pid); /* a thread that is no leader */
		if (t)
			task_put(t);
		return t ? -EINVAL : -ESRCH;
	}
	fd = fd_for(pidfd_file(p, flags & O_NONBLOCK), O_CLOEXEC); /* always (pidfd_open(2)) */
	process_put(p);
	return fd;
}

/* The file behind p's descriptor, with a reference, or ERR_PTR: -ESRCH, -EPERM, -EBADF. */
static struct file *file_of_process(struct process *p, unsigned fd)
{
	int err = process_may_inspect(p, false);
	struct files *files;
	struct file *f;

	if (err)
		return ERR_PTR(err);
	files = process_files(p);
	if (!files)
		return ERR_PTR(-ESRCH);
	f = files_lookup(files, fd);
	files_put(files);
	return f ? f : ERR_PTR(-EBADF);
}

SYSCALL(pidfd_getfd)
{
	struct process *p;
	struct file *f;

	if ((unsigned)args[2] != 0)
		return -EINVAL;
	p = pidfd_process((int)args[0], NULL);
	if (IS_ERR(p))
		return PTR_ERR(p);
	f = file_of_process(p, (unsigned)args[1]);
	process_put(p);
	return fd_for(f, O_CLOEXEC);
}
