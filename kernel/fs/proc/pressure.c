// SPDX-License-Identifier: MIT
// Files of pressure: /proc/pressure's for the whole machine, and a group's.
#include "kernel/fs/pressure.h"

#include "kernel/cgroup.h"
#include "kernel/errno.h"
#include "kernel/fs/poll.h"
#include "kernel/fs/proc/proc.h"

/* Whose the file is: the machine's is the root's. */
static struct cgroup *group_of(const struct file *f)
{
	return proc_ref_of(f)->cgroup ?: &cgroup_root;
}

static int open(struct file *f)
{
	struct cgroup *g = group_of(f);
	struct psi *psi = cgroup_psi_open(g);
	int err;

	if (psi == NULL)
		return -ENODEV;
	err = pressure_open(f, psi, (enum psi_resource)proc_ref_of(f)->node->data);
	if (err)
		cgroup_psi_close(g);
	return err;
}

static void release(struct file *f)
{
	pressure_release(f);
	cgroup_psi_close(group_of(f));
}

/* As of a group's other files: a removed group's say no more, and whoever polls them is told. */
static bool is_gone(const struct file *f)
{
	return READ_ONCE(group_of(f)->dead);
}

static int64_t read(struct file *f, struct io *io)
{
	return is_gone(f) ? -ENODEV : pressure_read(f, io);
}

static int64_t write(struct file *f, struct io *io)
{
	if (is_gone(f))
		return -ENODEV;
	return io->n == 0 && proc_ref_of(f)->cgroup ? 0 : pressure_write(f, io);
}

static unsigned poll(struct file *f, struct poll_table *pt)
{
	if (proc_ref_of(f)->cgroup)
		poll_watch(pt, &cgroup_event_wait); /* woken by a removal */
	return is_gone(f) ? POLL_READABLE | POLL_WRITABLE | POLLERR | POLLPRI
			  : pressure_poll(f, pt);
}

const struct file_ops proc_pressure_ops = {
	.open = open,
	.release = release,
	.read = read,
	.write = write,
	.poll = poll,
};

#define PRESSURE(n, resource)                                                                      \
	{                                                                                          \
		.name = (n), .mode = S_IFREG | 0666, .how = PROC_OPENED, .data = (resource),       \
		.files = &proc_pressure_ops                                                        \
	}
const struct proc_node proc_pressure_children[] = {
	PRESSURE("io", PSI_IO),
	PRESSURE("memory", PSI_MEMORY),
	PRESSURE("cpu", PSI_CPU),
	PROC_END,
};
