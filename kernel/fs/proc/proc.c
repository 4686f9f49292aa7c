// SPDX-License-Identifier: MIT
/*
 * The proc file system: inodes and files over the tables in root.c, sys.c and pid.c; and /sys, a smaller one over those in sysfs.c.
 *
 * Nothing is kept: a dentry lives while it is used, and one that belongs to a process is thrown away when the process has been reaped
 * (proc_valid), so a pid that is used again never shows the old one's files. Descriptors and threads come and go faster: their dentries are
 * never found twice. An inode holds references to its process and thread (the structures, not their memory or files), and each file's
 * show function finds out itself what is left of them.
 */
#include "kernel/fs/proc/proc.h"

#include <linux/magic.h>

#include "kernel/cred.h"
#include "kernel/process.h"
#include "kernel/time.h"
#include "mm/slab.h"

#define TEXT_FIRST 2048u
#define TEXT_MAX   ((size_t)4 << 20)
#define STORE_MAX  4096
#define LIST_POS   0x10000 /* readdir positions: 2.. static entries, from here on numbers */

static const struct inode_ops proc_file_inode_ops, proc_place_ops, proc_dir_inode_ops;
static const struct file_ops proc_file_ops, proc_dir_ops;

static struct proc_ref *ref_of(const struct inode *i)
{
	return i->data;
}

int proc_may_inspect(const struct proc_ref *ref)
{
	int err = ref->process ? process_may_inspect(ref->process, true) : 0;

	return err == -EPERM ? -EACCES : err;
}

int proc_parse_int(const char *text, int64_t *value)
{
	bool negative = false;
	uint64_t v = 0;

	while (*text == ' ' || *text == '\t')
		text++;
	if (*text == '-' || *text == '+')
		negative = *text++ == '-';
	if (*text < '0' || *text > '9')
		return -EINVAL;
	for (; *text >= '0' && *text <= '9'; text++) {
		v = v * 10 + (uint64_t)(*text - '0');
		if (v > INT64_MAX / 16)
			return -EINVAL;
	}
	while (*text == ' ' || *text == '\n')
		text++;
	*value = negative ? -(int64_t)v : (int64_t)v;
	return *text ? -EINVAL : 0;
}

struct task *proc_task(const struct proc_ref *ref)
{
	return ref->task ? task_get(ref->task) : process_leader(ref->process);
}

/* The owner of a process's files is its effective user. */
static void own(struct inode *i, const struct proc_ref *ref)
{
	struct task *t = ref->process ? proc_task(ref) : NULL;
	struct cred *c = t ? cred_of_task(t) : NULL;

	i->uid = c ? c->euid : 0;
	i->gid = c ? c->egid : 0;
	if (c)
		cred_put(c);
	if (t)
		task_put(t);
}

static uint64_t ino_of(const struct proc_ref *ref)
{
	uint64_t h = (uintptr_t)ref->node;

	h = h * 31 + (uint64_t)(ref->process ? ref->process->pid : 0);
	h = h * 31 + (uint64_t)(ref->task ? ref->task->tid : 0);
	h = h * 31 + (uint64_t)ref->number;
	return (h & 0x3fffffff) | 0x40000000; /* never that of the root */
}

/* Consumes ref's references on failure too. */
static int inode_make(struct super *s, const struct proc_ref *ref, struct inode **out)
{
	const struct proc_node *n = ref->node;
	struct proc_ref *copy = kmalloc(sizeof(*copy), 0);
	struct inode *i = copy ? inode_alloc(s, n->mode) : NULL;

	if (!i) {
		kfree(copy);
		if (ref->process)
			process_put(ref->process);
		if (ref->task)
			task_put(ref->task);
		return -ENOMEM;
	}
	*copy = *ref;
	i->data = copy;
	i->ops = S_ISDIR(n->mode) ? &proc_dir_inode_ops
		 : n->follow      ? &proc_place_ops
				  : &proc_file_inode_ops;
	i->fops = S_ISDIR(n->mode) ? &proc_dir_ops : &proc_file_ops;
	i->nlink = S_ISDIR(n->mode) ? 2 : 1;
	i->ino = ino_of(ref);
	own(i, ref);
	*out = i;
	return 0;
}

static void proc_evict(struct inode *i)
{
	struct proc_ref *ref = ref_of(i);

	if (ref && ref->process)
		process_put(ref->process);
	if (ref && ref->task)
		task_put(ref->task);
	kfree(ref);
	inode_free(i);
}

/* dentry_lock is held. A process that was reaped has no leader any more: one word. */
static bool proc_valid(struct dentry *d)
{
	const struct proc_ref *ref = ref_of(d->inode);

	if (ref->number || ref->task)
		return false;
	return !ref->process || READ_ONCE(ref->process->leader) != NULL;
}

/* The number behind the word, or -1. */
static int parse_number(const struct name *name, const char *word)
{
	size_t at = word ? strlen(word) : 0, digits = name->len - at;
	int v = 0;

	if (name->len <= at || memcmp(name->text, word, at) != 0)
		return -1;
	if (digits > 9 || (name->text[at] == '0' && digits > 1))
		return -1;
	for (; at < name->len; at++) {
		if (name->text[at] < '0' || name->text[at] > '9')
			return -1;
		v = v * 10 + (name->text[at] - '0');
	}
	return v;
}

static bool shown(const struct proc_node *n, const struct proc_ref *dir)
{
	return !n->hidden || !n->hidden(dir);
}

static int find_child(const struct proc_ref *dir, const struct name *name, struct proc_ref *child)
{
	const struct proc_node *n = dir->node->children;
	int number;

	for (; n && n->name; n++) {
		if (n->name[0] == name->text[0] && strlen(n->name) == name->len &&
		    memcmp(n->name, name->text, name->len) == 0 && shown(n, dir)) {
			*child = (struct proc_ref){ .node = n, .number = dir->number };
			if (dir->process)
				child->process = process_get(dir->process);
			if (dir->task)
				child->task = task_get(dir->task);
			return 0;
		}
	}
	number = dir->node->list ? parse_number(name, dir->node->list->word) : -1;
	if (number < 0)
		return -ENOENT;
	*child = (struct proc_ref){ .node = dir->node->list->node };
	return dir->node->list->lookup(dir, number, child);
}

static int proc_lookup(struct inode *dir, const struct name *name, struct inode **out)
{
	struct proc_ref child;
	int err;

	if (ref_of(dir)->process && !READ_ONCE(ref_of(dir)->process->leader))
		return -ENOENT;
	err = find_child(ref_of(dir), name, &child);
	return err ? err : inode_make(dir->super, &child, out);
}

static int proc_readlink(struct inode *i, char *buf, size_t size)
{
	const struct proc_ref *ref = ref_of(i);
	struct path p, root;
	int n;

	if (ref->node->link)
		return ref->node->link(ref, buf, size);
	n = ref->node->follow(ref, &p);
	if (n)
		return n;
	root = fs_root();
	n = path_text(&p, &root, buf, size);
	path_put(root);
	path_put(p);
	return n;
}

static int proc_follow(struct inode *i, struct path *to)
{
	const struct proc_ref *ref = ref_of(i);

	return ref->node->follow(ref, to);
}

static void proc_getattr(struct inode *i)
{
	int64_t now = (int64_t)time_wall();

	if (ref_of(i)->process)
		own(i, ref_of(i));
	i->atime = i->mtime = i->ctime = now;
}

static int proc_setattr(struct inode *i, const struct attr *a)
{
	(void)i, (void)a;
	return -EPERM;
}

static const struct inode_ops proc_file_inode_ops = {
	.readlink = proc_readlink,
	.getattr = proc_getattr,
	.setattr = proc_setattr,
};

/* Links that lead straight to a place. */
static const struct inode_ops proc_place_ops = {
	.readlink = proc_readlink,
	.follow = proc_follow,
	.getattr = proc_getattr,
	.setattr = proc_setattr,
};

static const struct inode_ops proc_dir_inode_ops = {
	.lookup = proc_lookup,
	.getattr = proc_getattr,
	.setattr = proc_setattr,
};

struct process *proc_dir_process(const struct inode *i)
{
	if (i->ops != &proc_dir_inode_ops || ref_of(i)->node != &proc_pid_node)
		return NULL;
	return process_get(ref_of(i)->process);
}

static bool emit_static(struct file *f, struct dir_sink *sink)
{
	const struct proc_ref *ref = ref_of(f->inode);
	const struct proc_node *n = ref->node->children;

	for (uint64_t pos = 2; n && n->name; n++, pos++) {
		struct proc_ref child = { n, ref->process, ref->task, 0 };

		if (pos < f->pos || !shown(n, ref))
			continue;
		if (!sink->emit(sink, n->name, strlen(n->name), ino_of(&child), n->mode, pos + 1))
			return false;
		f->pos = pos + 1;
	}
	return true;
}

static int proc_readdir(struct file *f, struct dir_sink *sink)
{
	const struct proc_ref *ref = ref_of(f->inode);
	const struct proc_list *list = ref->node->list;
	int number;

	if (ref->process && !READ_ONCE(ref->process->leader))
		return -ENOENT;
	if (!dir_emit_dots(f, sink))
		return 0;
	if (f->pos < LIST_POS && !emit_static(f, sink))
		return 0;
	if (!list)
		return 0;
	if (f->pos < LIST_POS)
		f->pos = LIST_POS;
	while ((number = list->next(ref, (int)(f->pos - LIST_POS))) >= 0) {
		struct proc_ref child = { list->node, ref->process, ref->task, number };
		uint64_t next = LIST_POS + (uint64_t)number + 1;
		char name[16];
		int len = format(name, sizeof(name), "%s%d", list->word ?: "", number);

		if (!sink->emit(sink, name, (size_t)len, ino_of(&child), list->node->mode, next))
			break;
		f->pos = next;
	}
	return 0;
}

/* The text of one open file. */
struct proc_text {
	struct mutex mutex;
	char *buf;
	size_t len;
};

static int proc_open(struct file *f)
{
	struct proc_text *t = kmalloc(sizeof(*t), ALLOC_ZERO);

	if (!t)
		return -ENOMEM;
	mutex_init(&t->mutex);
	f->data = t;
	return 0;
}

static void proc_release(struct file *f)
{
	struct proc_text *t = f->data;

	kfree(t->buf);
	kfree(t);
}

static int make_text(struct proc_text *t, const struct proc_ref *ref)
{
	struct seq s = { .size = TEXT_FIRST };
	int err;

	kfree(t->buf);
	t->buf = NULL;
	for (;; s.size *= 2) {
		if (s.size > TEXT_MAX)
			return -ENOMEM;
		s.buf = kmalloc(s.size, 0);
		if (!s.buf)
			return -ENOMEM;
		s.len = 0;
		s.overflow = false;
		err = ref->node->show(&s, ref);
		if (err || !s.overflow)
			break;
		kfree(s.buf);
	}
	if (err) {
		kfree(s.buf);
		return err;
	}
	t->buf = s.buf;
	t->len = s.len;
	return 0;
}

static int64_t proc_read(struct file *f, struct io *io)
{
	struct proc_text *t = f->data;
	const struct proc_ref *ref = ref_of(f->inode);
	int64_t n = 0;

	if (ref->node->read)
		return ref->node->read(ref, io);
	if (!ref->node->show)
		return -EINVAL;
	if (mutex_lock_killable(&t->mutex))
		return -EINTR;
	if (io->pos == 0 || !t->buf)
		n = make_text(t, ref);
	if (!n && io->pos < t->len) {
		size_t part = MIN(io->n, t->len - io->pos);

		n = io_put(io, t->buf + io->pos, part);
		if (!n)
			n = (int64_t)part;
	}
	mutex_unlock(&t->mutex);
	return n;
}

static int64_t proc_write(struct file *f, struct io *io)
{
	const struct proc_ref *ref = ref_of(f->inode);
	size_t n = io->n;
	char *text;
	int err;

	if (!ref->node->store)
		return -EIO;
	if (n >= STORE_MAX)
		return -EINVAL;
	text = kmalloc(n + 1, 0);
	if (!text)
		return -ENOMEM;
	err = io_get(io, text, n);
	text[n] = '\0';
	if (!err)
		err = ref->node->store(ref, text, n);
	kfree(text);
	return err ? err : (int64_t)n;
}

static const struct file_ops proc_file_ops = {
	.open = proc_open, .release = proc_release, .read = proc_read, .write = proc_write
};
static const struct file_ops proc_dir_ops = { .readdir = proc_readdir };

static const struct super_ops proc_super_ops = { .evict = proc_evict, .valid = proc_valid };

static struct super *proc_make(const struct super_type *type, const char *source,
			       const char *options, unsigned flags)
{
	bool is_proc = type == &proc_type;
	struct super *s =
		super_alloc(type, &proc_super_ops, is_proc ? PROC_SUPER_MAGIC : SYSFS_MAGIC, 0);
	struct proc_ref ref = { .node = is_proc ? &proc_root : &sys_root };
	struct inode *root = NULL;

	(void)source, (void)options, (void)flags;
	if (!s)
		return ERR_PTR(-ENOMEM);
	if (inode_make(s, &ref, &root) == 0) {
		root->ino = 1;
		s->root = dentry_create_alone(root, "/");
	}
	if (!s->root) {
		super_free(s);
		return ERR_PTR(-ENOMEM);
	}
	return s;
}

struct super_type proc_type = { .name = "proc", .create = proc_make };
struct super_type sysfs_type = { .name = "sysfs", .create = proc_make };
