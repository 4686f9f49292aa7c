// SPDX-License-Identifier: MIT
// /proc/PID and /proc/PID/task/TID: the tables, links, descriptors, and small files.
#include "kernel/cred.h"
#include "kernel/fs/proc/proc.h"
#include "kernel/process.h"
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

static int show_oom_score_adj(struct seq *s, const struct proc_ref *ref)
{
	seq_printf(s, "%d\n", READ_ONCE(ref->process->oom_score_adj));
	return 0;
}

static int set_oom_score_adj(const struct proc_ref *ref, int64_t v)
{
	if (v < READ_ONCE(ref->process->oom_score_adj) && !current_capable(CAP_SYS_RESOURCE))
		return -EACCES;
	WRITE_ONCE(ref->process->oom_score_adj, (int)v);
	return 0;
}

static int store_oom_score_adj(const struct proc_ref *ref, char *text, size_t n)
{
	int64_t v;
	int err = proc_parse_int(text, &v);

	(void)n;
	if (err || v < -1000 || v > 1000)
		return -EINVAL;
	return set_oom_score_adj(ref, v);
}

/* The older scale of the same: -17 (exempt) to 15 (the most). */
#define OOM_ADJ_EXEMPT (-17)
#define OOM_ADJ_MOST   15

static int show_oom_adj(struct seq *s, const struct proc_ref *ref)
{
	int adj = READ_ONCE(ref->process->oom_score_adj);

	seq_printf(s, "%d\n", adj == 1000 ? OOM_ADJ_MOST : adj * -OOM_ADJ_EXEMPT / 1000);
	return 0;
}

static int store_oom_adj(const struct proc_ref *ref, char *text, size_t n)
{
	int64_t v;
	int err = proc_parse_int(text, &v);

	(void)n;
	if (err || v < OOM_ADJ_EXEMPT || v > OOM_ADJ_MOST)
		return -EINVAL;
	return set_oom_score_adj(ref, v == OOM_ADJ_MOST ? 1000 : v * 1000 / -OOM_ADJ_EXEMPT);
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
const struct proc_list proc_fd_list = { &fd_node, find_fd, next_fd, NULL };
const struct proc_list proc_fdinfo_list = { &fdinfo_node, find_fd, next_fd, NULL };

/* What a process and each of its threads have in common. */
#define COMMON_FILES                                                                               \
	{ .name = "auxv", .mode = S_IFREG | 0400, .show = show_pid_auxv },                         \
		{ .name = "cmdline", .mode = S_IFREG | 0444, .show = show_pid_cmdline },           \
		{ .name = "comm",                                                                  \
		  .mode = S_IFREG | 0644,                                                          \
		  .show = show_comm,                                                               \
		  .store = store_comm },                                                           \
		{ .name = "cwd", .mode = S_IFLNK | 0777, .follow = follow_cwd },                   \
		{ .name = "environ", .mode = S_IFREG | 0400, .show = show_pid_environ },           \
		{ .name = "exe", .mode = S_IFLNK | 0777, .follow = follow_exe },                   \
		{ .name = "fd", .mode = S_IFDIR | 0500, .list = &proc_fd_list },                   \
		{ .name = "fdinfo", .mode = S_IFDIR | 0555, .list = &proc_fdinfo_list },           \
		{ .name = "limits", .mode = S_IFREG | 0444, .show = show_pid_limits },             \
		{ .name = "maps", .mode = S_IFREG | 0444, .show = show_pid_maps },                 \
		{ .name = "mountinfo", .mode = S_IFREG | 0444, .show = show_mountinfo },           \
		{ .name = "mounts", .mode = S_IFREG | 0444, .show = show_mounts },                 \
		{ .name = "oom_adj",                                                               \
		  .mode = S_IFREG | 0644,                                                          \
		  .show = show_oom_adj,                                                            \
		  .store = store_oom_adj },                                                        \
		{ .name = "oom_score", .mode = S_IFREG | 0444, .show = show_oom_score },           \
		{ .name = "oom_score_adj",                                                         \
		  .mode = S_IFREG | 0644,                                                          \
		  .show = show_oom_score_adj,                                                      \
		  .store = store_oom_score_adj },                                                  \
		{ .name = "pagemap", .mode = S_IFREG | 0400, .read = read_pid_pagemap },           \
		{ .name = "root", .mode = S_IFLNK | 0777, .follow = follow_root },                 \
		{ .name = "smaps", .mode = S_IFREG | 0444, .show = show_pid_smaps },               \
		{ .name = "smaps_rollup", .mode = S_IFREG | 0444, .show = show_pid_smaps_rollup }, \
		{ .name = "stat", .mode = S_IFREG | 0444, .show = show_pid_stat },                 \
		{ .name = "statm", .mode = S_IFREG | 0444, .show = show_pid_statm },               \
		{ .name = "status", .mode = S_IFREG | 0444, .show = show_pid_status },             \
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

const struct proc_list proc_task_list = { &thread_node, find_thread, next_thread, NULL };

static const struct proc_node pid_children[] = {
	COMMON_FILES,
	{ .name = "task", .mode = S_IFDIR | 0555, .list = &proc_task_list },
	PROC_END,
};

const struct proc_node proc_pid_node = PROC_DIR("pid", 0555, pid_children);
