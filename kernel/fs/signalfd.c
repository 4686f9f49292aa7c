// SPDX-License-Identifier: MIT
/*
 * signalfd: pending signals as records to read. They are the reader's own, whoever made the
 * descriptor; poll watches the maker's queue, which the file keeps alive.
 */
#include <linux/signalfd.h>

#include "kernel/fs/files.h"
#include "kernel/fs/internal.h"
#include "kernel/fs/poll.h"
#include "kernel/process.h"
#include "kernel/syscall.h"
#include "mm/slab.h"
#include "mm/usercopy.h"

struct signalfd {
	uint64_t mask; /* signals to take; one word */
	struct process *process;
};

static bool pending(const struct signalfd *s)
{
	return signal_pending_set() & READ_ONCE(s->mask);
}

/* The record of one signal: the same facts as siginfo, laid out flat (signalfd(2)). */
static void record(const struct ksiginfo *info, struct signalfd_siginfo *r)
{
	*r = (struct signalfd_siginfo){ .ssi_signo = (uint32_t)info->signo,
					.ssi_errno = info->error,
					.ssi_code = info->code };
	switch (info->signo) {
	case SIGCHLD:
		r->ssi_pid = (uint32_t)info->u.child.pid;
		r->ssi_uid = info->u.child.uid;
		r->ssi_status = info->u.child.status;
		r->ssi_utime = (uint64_t)info->u.child.utime;
		r->ssi_stime = (uint64_t)info->u.child.stime;
		break;
	case SIGSEGV:
	case SIGBUS:
	case SIGILL:
	case SIGFPE:
	case SIGTRAP: r->ssi_addr = info->u.fault.addr; break;
	default:
		if (info->code == SI_TIMER) {
			r->ssi_tid = (uint32_t)info->u.timer.id;
			r->ssi_overrun = (uint32_t)info->u.timer.overrun;
			r->ssi_ptr = info->u.timer.value;
		} else {
			r->ssi_pid = (uint32_t)info->u.rt.pid;
			r->ssi_uid = info->u.rt.uid;
			r->ssi_ptr = info->u.rt.value;
		}
		r->ssi_int = (int32_t)r->ssi_ptr;
	}
}

static int64_t signalfd_read(struct file *f, struct io *io)
{
	struct signalfd *s = f->data;
	struct signalfd_siginfo r;
	struct ksiginfo info;
	int64_t done = 0;

	if (io->n < sizeof(r))
		return -EINVAL;
	while (io->n >= sizeof(r)) {
		if (!signal_take(READ_ONCE(s->mask), &info)) {
			if (done)
				break;
			if (io->nonblock)
				return -EAGAIN;
			if (wait_event(signal_waitq(current()->process), pending(s),
				       WAIT_INTERRUPTIBLE, WAIT_FOREVER))
				return -ERESTART;
			continue;
		}
		record(&info, &r);
		if (io_put(io, &r, sizeof(r)))
			return done ? done : -EFAULT;
		done += sizeof(r);
	}
	return done;
}

static unsigned signalfd_poll(struct file *f, struct poll_table *pt)
{
	struct signalfd *s = f->data;

	poll_watch(pt, signal_waitq(s->process));
	return pending(s) ? POLL_READABLE : 0;
}

static void signalfd_release(struct file *f)
{
	struct signalfd *s = f->data;

	process_put(s->process);
	kfree(s);
}

static const struct file_ops signalfd_ops = {
	.name = "[signalfd]",
	.read = signalfd_read,
	.poll = signalfd_poll,
	.release = signalfd_release,
};

static int64_t change_mask(int fd, uint64_t mask)
{
	struct fdref r = fd_borrow(fd);
	int64_t ret = fd;

	if (!r.file)
		return -EBADF;
	if (r.file->ops == &signalfd_ops)
		WRITE_ONCE(((struct signalfd *)r.file->data)->mask, mask);
	else
		ret = -EINVAL;
	fd_return(r);
	return ret;
}

SYSCALL(signalfd4)
{
	unsigned flags = (unsigned)args[3];
	struct signalfd *s;
	uint64_t mask;

	if (flags & ~(unsigned)(SFD_CLOEXEC | SFD_NONBLOCK) || args[2] != sizeof(mask))
		return -EINVAL;
	if (copy_from_user(&mask, (virt_addr_t)args[1], sizeof(mask)))
		return -EFAULT;
	mask &= ~(uint64_t)SIGNAL_UNBLOCKABLE;
	if ((int)args[0] != -1)
		return change_mask((int)args[0], mask);
	s = kmalloc(sizeof(*s), 0);
	if (!s)
		return -ENOMEM;
	*s = (struct signalfd){ mask, process_get(current()->process) };
	return anon_fd(&signalfd_ops, FILE_READ, O_RDONLY | (flags & (O_CLOEXEC | O_NONBLOCK)), s);
}
