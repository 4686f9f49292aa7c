// SPDX-License-Identifier: MIT
// /proc/PID and /proc/PID/task/TID: the tables, links, descriptors, and small files.
#include "kernel/cred.h"
#include "kernel/fs/proc/proc.h"
#include "kernel/process.h"
#include "mm/aspace.h"
#include "mm/slab.h"

static int show_comm(struct seq *s, const struct proc_ref *ref)
{
	struct task *t = proc_task(ref);

	if (!t)
		return -ESRCH;
	seq_printf(s, "%s\n", t->name);
	task_put(t);
	return 0;
}

static int store_comm(const struct proc_ref *ref, char *text, size_t n)
{
	struct task *t = proc_task(ref);

	if (!t)
		return -ESRCH;
	if (t->process != current()->process) {
		task_put(t);
		return -EINVAL;
	}
	while (n && text[n - 1] == '\n')
		text[--n] = '\0';
	spin_lock(&t->process->lock);
	string_copy(t->name, text, sizeof(t->name));
	spin_unlock(&t->process->lock);
	task_put(t);
	return 0;
}

/* ---- What the OOM policy is told of a process (mm/oom/README.md) ---- */

/* The older scale of oom_score_adj: -17 (exempt) to 15 (the most). */
#define OOM_ADJ_EXEMPT (-17)
#define OOM_ADJ_MOST   15
#define OOM_ADJ_RANGE  1000

struct new_adj {
	const struct process *of;
	const struct aspace *as;
	int adj;
	bool floor; /* below it only the privileged may go from now on */
};

static void take_adj(struct process *p, const struct new_adj *n)
{
	WRITE_ONCE(p->oom_score_adj, n->adj);
	if (n->floor)
		WRITE_ONCE(p->oom_score_adj_min, n->adj);
}

/* Who shares the memory shares its worth; the child of a vfork, for as long as it is one, has its
 * own. */
static int share_adj(struct process *p, void *arg)
{
	if (p != ((struct new_adj *)arg)->of && !p->leader->vfork &&
	    process_runs_on(p, ((struct new_adj *)arg)->as))
		take_adj(p, arg);
	return 0;
}

/* floor: no unprivileged writer goes below. by_adj: written in the older scale, which leaves the
 * floor alone. */
static int set_oom_score_adj(struct process *p, int v, int floor, bool by_adj)
{
	bool may = current_capable(CAP_SYS_RESOURCE);
	struct new_adj n = { p, NULL, v, may && !by_adj };
	struct aspace *as;

	if (v < floor && !may)
		return -EACCES;
	as = process_aspace(p);
	n.as = as;
	process_tree_lock();
	take_adj(p, &n);
	if (as && !p->leader->vfork && READ_ONCE(as->users) > READ_ONCE(p->nr_threads))
		(void)process_for_each_locked(share_adj, &n);
	process_tree_unlock();
	if (as)
		aspace_put(as);
	return 0;
}

static int show_oom_score_adj(struct seq *s, const struct proc_ref *ref)
{
	seq_printf(s, "%d\n", READ_ONCE(ref->process->oom_score_adj));
	return 0;
}

/* An int of C's, from least to most. 0, -ERANGE, -EINVAL. */
static int parse_adj(char *text, int least, int most, int64_t *v)
{
	int err = proc_parse_int(text, v);

	if (err == 0 && *v != (int)*v)
		err = -ERANGE;
	return err == 0 && (*v < least || *v > most) ? -EINVAL : err;
}

static int store_oom_score_adj(const struct proc_ref *ref, char *text, size_t n)
{
	int64_t v;
	int err = parse_adj(text, -OOM_ADJ_RANGE, OOM_ADJ_RANGE, &v);

	(void)n;
	if (err)
		return err;
	return set_oom_score_adj(ref->process, (int)v, READ_ONCE(ref->process->oom_score_adj_min),
				 false);
}

static int show_oom_adj(struct seq *s, const struct proc_ref *ref)
{
	int adj = READ_ONCE(ref->process->oom_score_adj) * -OOM_ADJ_EXEMPT / OOM_ADJ_RANGE;

	seq_printf(s, "%d\n", MIN(adj, OOM_ADJ_MOST));
	return 0;
}

static int store_oom_adj(const struct proc_ref *ref, char *text, size_t n)
{
	int64_t v;
	int err = parse_adj(text, OOM_ADJ_EXEMPT, OOM_ADJ_MOST, &v);

	(void)n;
	if (err)
		return err;
	v = v == OOM_ADJ_MOST ? OOM_ADJ_RANGE : v * OOM_ADJ_RANGE / -OOM_ADJ_EXEMPT;
	return set_oom_score_adj(ref->process, (int)v, READ_ONCE(ref->process->oom_score_adj),
				 true);
}

static int show_wchan(struct seq *s, const struct proc_ref *ref)
{
	(void)ref;
	seq_puts(s, "0");
	return 0;
}

static int follow_context(const struct proc_ref *ref, bool cwd, struct path *to)
{
	struct fs_context *c;
	int err = proc_may_inspect(ref);

	if (err)
		return err;
	c = process_fs(ref->process);
	if (!c)
		return -ENOENT;
	spin_lock(&c->lock);
	*to = path_get(cwd ? c->cwd : c->root);
	spin_unlock(&c->lock);
	fs_context_put(c);
	return 0;
}

static int follow_cwd(const struct proc_ref *ref, struct path *to)
{
	return follow_context(ref, true, to);
}

static int follow_root(const struct proc_ref *ref, struct path *to)
{
	return follow_context(ref, false, to);
}

static int follow_exe(const struct proc_ref *ref, struct path *to)
{
	int err = proc_may_inspect(ref);

	return err ? err : proc_exe_path(ref, to);
}

/* The open file of a descriptor, with a reference, or NULL. */
static struct file *fd_file(const struct proc_ref *ref)
{
	struct files *fs = process_files(ref->process);
	struct file *f;

	if (!fs)
		return NULL;
	f = files_lookup(fs, (unsigned)ref->number - 1);
	files_put(fs);
	return f;
}

static int follow_fd(const struct proc_ref *ref, struct path *to)
{
	struct file *f;
	int err = proc_may_inspect(ref);

	if (err)
		return err;
	f = fd_file(ref);
	if (!f)
		return -ENOENT;
	*to = path_get(f->path);
	file_put(f);
	return 0;
}

static int link_fd(const struct proc_ref *ref, char *buf, size_t size)
{
	struct path root;
	struct file *f;
	int n = proc_may_inspect(ref);

	if (n)
		return n;
	f = fd_file(ref);
	if (!f)
		return -ENOENT;
	root = fs_root();
	n = file_text(f, &root, buf, size);
	path_put(root);
	file_put(f);
	return n;
}

static int show_fdinfo(struct seq *s, const struct proc_ref *ref)
{
	char more[64] = "";
	struct file *f;
	int err = proc_may_inspect(ref);

	if (err)
		return err;
	f = fd_file(ref);
	if (!f)
		return -ENOENT;
	if (f->ops->fdinfo)
		f->ops->fdinfo(f, more, sizeof(more));
	seq_printf(s, "pos:\t%ju\nflags:\t0%o\nmnt_id:\t%u\nino:\t%ju\n",
		   f->mode & FILE_SEEK ? f->pos : 0, f->flags,
		   (f->path.mount->super->dev & 0xfffff) + 20, f->inode->ino);
	seq_puts(s, more);
	file_put(f);
	return 0;
}

/* Descriptors are kept off by one in refs, so that a number says "never cached" (proc_valid). */
static int find_fd(const struct proc_ref *dir, int fd, struct proc_ref *child)
{
	struct file *f;

	child->number = fd + 1;
	child->process = dir->process;
	f = fd_file(child);
	if (!f)
		return -ENOENT;
	file_put(f);
	process_get(child->process);
	if (dir->task)
		child->task = task_get(dir->task);
	return 0;
}

static int next_fd(const struct proc_ref *dir, int from)
{
	struct files *fs;
	int fd;

	if (proc_may_inspect(dir))
		return -1;
	fs = process_files(dir->process);
	if (!fs)
		return -1;
	fd = files_next(fs, (unsigned)from);
	files_put(fs);
	return fd;
}

static const struct proc_node fd_node = {
	.name = "fd", .mode = S_IFLNK | 0700, .link = link_fd, .follow = follow_fd
};
static const struct proc_node fdinfo_node = PROC_FILE("fdinfo", 0400, show_fdinfo);
const struct proc_list proc_fd_list = { .node = &fd_node, .lookup = find_fd, .next = next_fd };
const struct proc_list proc_fdinfo_list = { .node = &fdinfo_node,
					    .lookup = find_fd,
					    .next = next_fd };

/* What a process and each of its threads have in common. */
#define COMMON_FILES                                                                               \
	PROC_FILE("auxv", 0400, show_pid_auxv), PROC_FILE("cgroup", 0444, show_pid_cgroup),        \
		PROC_FILE("cmdline", 0444, show_pid_cmdline),                                      \
		{ .name = "comm",                                                                  \
		  .mode = S_IFREG | 0644,                                                          \
		  .show = show_comm,                                                               \
		  .store = store_comm },                                                           \
		{ .name = "cwd", .mode = S_IFLNK | 0777, .follow = follow_cwd },                   \
		PROC_FILE("environ", 0400, show_pid_environ),                                      \
		{ .name = "exe", .mode = S_IFLNK | 0777, .follow = follow_exe },                   \
		{ .name = "fd", .mode = S_IFDIR | 0500, .list = &proc_fd_list },                   \
		{ .name = "fdinfo", .mode = S_IFDIR | 0555, .list = &proc_fdinfo_list },           \
		PROC_FILE("limits", 0444, show_pid_limits),                                        \
		PROC_FILE("maps", 0444, show_pid_maps),                                            \
		PROC_FILE("mountinfo", 0444, show_mountinfo),                                      \
		PROC_FILE("mounts", 0444, show_mounts),                                            \
		{ .name = "oom_adj",                                                               \
		  .mode = S_IFREG | 0644,                                                          \
		  .show = show_oom_adj,                                                            \
		  .store = store_oom_adj },                                                        \
		PROC_FILE("oom_score", 0444, show_oom_score),                                      \
		{ .name = "oom_score_adj",                                                         \
		  .mode = S_IFREG | 0644,                                                          \
		  .show = show_oom_score_adj,                                                      \
		  .store = store_oom_score_adj },                                                  \
		PROC_BYTES("pagemap", 0400, read_pid_pagemap),                                     \
		{ .name = "root", .mode = S_IFLNK | 0777, .follow = follow_root },                 \
		PROC_FILE("sched", 0444, show_pid_sched),                                          \
		PROC_FILE("smaps", 0444, show_pid_smaps),                                          \
		PROC_FILE("smaps_rollup", 0444, show_pid_smaps_rollup),                            \
		PROC_FILE("stat", 0444, show_pid_stat), PROC_FILE("statm", 0444, show_pid_statm),  \
		PROC_FILE("status", 0444, show_pid_status),                                        \
	{                                                                                          \
		.name = "wchan", .mode = S_IFREG | 0444, .show = show_wchan                        \
	}

static const struct proc_node thread_children[] = { COMMON_FILES, PROC_END };
static const struct proc_node thread_node = PROC_DIR("task", 0555, thread_children);

static int find_thread(const struct proc_ref *dir, int tid, struct proc_ref *child)
{
	struct task *t = process_next_thread(dir->process, tid);

	if (!t)
		return -ENOENT;
	if (t->tid != tid) {
		task_put(t);
		return -ENOENT;
	}
	child->task = t;
	child->process = process_get(dir->process);
	return 0;
}

static int next_thread(const struct proc_ref *dir, int from)
{
	struct task *t = process_next_thread(dir->process, from);
	int tid;

	if (!t)
		return -1;
	tid = t->tid;
	task_put(t);
	return tid;
}

const struct proc_list proc_task_list = { .node = &thread_node,
					  .lookup = find_thread,
					  .next = next_thread };

static const struct proc_node pid_children[] = {
	COMMON_FILES,
	{ .name = "task", .mode = S_IFDIR | 0555, .list = &proc_task_list },
	PROC_END,
};

const struct proc_node proc_pid_node = PROC_DIR("pid", 0555, pid_children);
