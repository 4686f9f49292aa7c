// SPDX-License-Identifier: MIT
/*
 * The proc file system: inodes and files over the tables in root.c, sys.c and pid.c; /sys, a
 * smaller one over those in sysfs.c; and cgroup2, over those in cgroup.c, whose directories users
 * make.
 *
 * Nothing is kept: a dentry lives while it is used, and one that belongs to a process is thrown
 * away when the process has been reaped (proc_valid), so a pid that is used again never shows the
 * old one's files. Descriptors and threads come and go faster: their dentries are never found
 * twice. An inode holds references to its process and thread (the structures, not their memory or
 * files), and each file's show function finds out itself what is left of them.
 */
#include "kernel/fs/proc/proc.h"

#include <linux/magic.h>

#include "kernel/cgroup.h"
#include "kernel/cred.h"
#include "kernel/fs/poll.h"
#include "kernel/fs/proc/cgroup.h"
#include "kernel/process.h"
#include "kernel/time.h"
#include "mm/slab.h"

#define TEXT_FIRST 2048u
#define TEXT_MAX   ((size_t)4 << 20)
#define STORE_MAX  4096
/* readdir positions: 2.. static entries, from here on numbers */
#define LIST_POS 0x10000

static const struct inode_ops proc_file_inode_ops, proc_place_ops, proc_dir_inode_ops;
static const struct file_ops proc_file_ops, proc_dir_ops;

static struct proc_ref *ref_of(const struct inode *i)
{
	return i->data;
}

const struct proc_ref *proc_ref_of(const struct file *f)
{
	return ref_of(f->inode);
}

int proc_may_inspect(const struct proc_ref *ref)
{
	int err = ref->process ? process_may_inspect(ref->process, true) : 0;

	return err == -EPERM ? -EACCES : err;
}

static bool is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

char *proc_strip(char *text)
{
	size_t n;

	while (is_space(*text))
		text++;
	for (n = strlen(text); n > 0 && is_space(text[n - 1]); n--)
		text[n - 1] = '\0';
	return text;
}

int proc_parse_int(char *text, int64_t *value)
{
	const char *end;
	bool negative;
	uint64_t v;
	int err;

	text = proc_strip(text);
	negative = *text == '-';
	err = parse_uint(text + (negative || *text == '+'), &end, &v);
	if (err == 0 && *end)
		err = -EINVAL;
	if (err == 0 && v > INT64_MAX)
		err = -ERANGE;
	if (err == 0)
		*value = negative ? -(int64_t)v : (int64_t)v;
	return err;
}

struct task *proc_task(const struct proc_ref *ref)
{
	return ref->task ? task_get(ref->task) : process_leader(ref->process);
}

/* The owner of a process's files is its effective user; of a group's whoever made the group, or was
 * given them. */
static void own(struct inode *i, const struct proc_ref *ref)
{
	const struct cgroup_owner *dir =
		ref->cgroup ? &ref->cgroup->owners[CGROUP_OWNER_DIR] : NULL;
	const struct cgroup_owner *file = dir ? cgroup_file_owner(ref) : NULL;
	const struct cgroup_owner *rest = dir ? &ref->cgroup->owners[CGROUP_OWNER_REST] : NULL;
	struct task *t = ref->process ? proc_task(ref) : NULL;
	struct cred *c = t ? cred_of_task(t) : NULL;

	if (dir) {
		i->uid = (file ?: rest)->uid;
		i->gid = (file ?: rest)->gid;
		if (file)
			i->mode = (ref->node->mode & S_IFMT) | file->mode;
		return;
	}
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
	h = h * 31 + (uint64_t)ref->number + (ref->cgroup ? ref->cgroup->id << 9 : 0);
	return (h & 0x3fffffff) | 0x40000000; /* never that of the root */
}

static void ref_drop(const struct proc_ref *ref)
{
	if (ref->process)
		process_put(ref->process);
	if (ref->task)
		task_put(ref->task);
	cgroup_put(ref->cgroup);
}

/* Consumes ref's references on failure too. */
static int inode_make(struct super *s, const struct proc_ref *ref, struct inode **out)
{
	const struct proc_node *n = ref->node;
	struct proc_ref *copy = kmalloc(sizeof(*copy), 0);
	struct inode *i = copy ? inode_alloc(s, n->mode) : NULL;

	if (!i) {
		kfree(copy);
		ref_drop(ref);
		return -ENOMEM;
	}
	*copy = *ref;
	i->data = copy;
	i->ops = S_ISDIR(n->mode)                ? &proc_dir_inode_ops
		 : S_ISLNK(n->mode) && n->follow ? &proc_place_ops
						 : &proc_file_inode_ops;
	i->fops = S_ISDIR(n->mode)        ? &proc_dir_ops
		  : n->how == PROC_OPENED ? n->files
					  : &proc_file_ops;
	i->nlink = S_ISDIR(n->mode) ? 2 : 1;
	i->ino = ino_of(ref);
	own(i, ref);
	*out = i;
	return 0;
}

static void proc_evict(struct inode *i)
{
	struct proc_ref *ref = ref_of(i);

	if (ref)
		ref_drop(ref);
	kfree(ref);
	inode_free(i);
}

/* dentry_lock is held. A process that was reaped has no leader any more: one word. */
static bool proc_valid(struct dentry *d)
{
	const struct proc_ref *ref = ref_of(d->inode);

	if (ref->number || ref->task || (ref->cgroup && READ_ONCE(ref->cgroup->dead)))
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
	return !dir->cgroup || cgroup_file_shown(n, dir->cgroup);
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
			if (dir->cgroup)
				child->cgroup = cgroup_get(dir->cgroup);
			return 0;
		}
	}
	if (dir->node->list && dir->node->list->find) {
		*child = (struct proc_ref){ .node = dir->node->list->node };
		return dir->node->list->find(dir, name, child);
	}
	number = dir->node->list ? parse_number(name, dir->node->list->word) : -1;
	if (number < 0)
		return -ENOENT;
	*child = (struct proc_ref){ .node = dir->node->list->node };
	return dir->node->list->lookup(dir, number, child);
}

/* A process's or group's directory, still open. */
static bool is_gone(const struct proc_ref *dir)
{
	return (dir->process && !READ_ONCE(dir->process->leader)) ||
	       (dir->cgroup && READ_ONCE(dir->cgroup->dead));
}

static int proc_lookup(struct inode *dir, const struct name *name, struct inode **out)
{
	struct proc_ref child;
	int err;

	if (is_gone(ref_of(dir)))
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
	struct cgroup_owner *o = ref_of(i)->cgroup ? cgroup_file_owner(ref_of(i)) : NULL;

	if (!o)
		return -EPERM;
	if (a->valid & ATTR_MODE)
		o->mode = a->mode & 07777;
	if (a->valid & ATTR_UID)
		o->uid = a->uid;
	if (a->valid & ATTR_GID)
		o->gid = a->gid;
	return 0;
}

/* mkdir(2) and rmdir(2) where children are users'; other files cannot be made. */
static int proc_create(struct inode *dir, const struct name *name, uint32_t mode, devno_t rdev,
		       struct inode **out)
{
	const struct proc_list *list = ref_of(dir)->node->list;
	struct proc_ref child = { 0 };
	int err;

	(void)rdev;
	if (!S_ISDIR(mode) || !list || !list->make)
		return S_ISREG(mode) ? -EACCES : -EPERM;
	child.node = list->node;
	err = list->make(ref_of(dir), name, mode, &child);
	return err ? err : inode_make(dir->super, &child, out);
}

static int proc_rmdir(struct inode *dir, struct dentry *victim)
{
	const struct proc_list *list = ref_of(dir)->node->list;

	return list && list->remove ? list->remove(ref_of(victim->inode)) : -EPERM;
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
	.create = proc_create,
	.rmdir = proc_rmdir,
	.getattr = proc_getattr,
	.setattr = proc_setattr,
};

struct cgroup *cgroup_of_fd(int fd)
{
	struct file *f = file_get_fd(fd);
	struct cgroup *g = NULL;

	if (f && f->inode->ops == &proc_dir_inode_ops)
		g = ref_of(f->inode)->cgroup;
	if (g)
		g = READ_ONCE(g->dead) ? ERR_PTR(-ENOENT) : cgroup_get(g);
	if (f)
		file_put(f);
	return g ?: ERR_PTR(-EBADF);
}

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
		struct proc_ref child = {
			.node = n, .process = ref->process, .task = ref->task, .cgroup = ref->cgroup
		};

		if (pos < f->pos || !shown(n, ref))
			continue;
		if (!sink->emit(sink, n->name, strlen(n->name), ino_of(&child), n->mode, pos + 1))
			return false;
		f->pos = pos + 1;
	}
	return true;
}

/* Keys are small enough to be positions. */
static int emit_names(struct file *f, struct dir_sink *sink, const struct proc_list *list)
{
	uint64_t key = f->pos - LIST_POS;
	struct proc_ref child = { .node = list->node };
	const char *name;
	bool room = true;

	while (room && list->each(ref_of(f->inode), &key, &child, &name)) {
		room = sink->emit(sink, name, strlen(name), ino_of(&child), list->node->mode,
				  LIST_POS + ++key);
		if (room)
			f->pos = LIST_POS + key;
		ref_drop(&child);
	}
	return 0;
}

static int proc_readdir(struct file *f, struct dir_sink *sink)
{
	const struct proc_ref *ref = ref_of(f->inode);
	const struct proc_list *list = ref->node->list;
	int number;

	if (is_gone(ref))
		return -ENOENT;
	if (!dir_emit_dots(f, sink))
		return 0;
	if (f->pos < LIST_POS && !emit_static(f, sink))
		return 0;
	if (!list)
		return 0;
	if (f->pos < LIST_POS)
		f->pos = LIST_POS;
	if (list->each)
		return emit_names(f, sink, list);
	while ((number = list->next(ref, (int)(f->pos - LIST_POS))) >= 0) {
		struct proc_ref child = { .node = list->node,
					  .process = ref->process,
					  .task = ref->task,
					  .number = number };
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
	uint32_t seen;       /* of a file that tells of changes: the version that was read last */
	struct cred *opener; /* of a group's */
};

static int proc_open(struct file *f)
{
	struct proc_text *t = kmalloc(sizeof(*t), ALLOC_ZERO);

	if (!t)
		return -ENOMEM;
	mutex_init(&t->mutex);
	if (ref_of(f->inode)->cgroup) {
		t->seen =
			cgroup_file_version(ref_of(f->inode)) - 1; /* there is something to read */
		t->opener = cred_get(current()->cred);
	}
	f->data = t;
	return 0;
}

static void proc_release(struct file *f)
{
	struct proc_text *t = f->data;

	if (t->opener)
		cred_put(t->opener);
	kfree(t->buf);
	kfree(t);
}

static int make_text(struct proc_text *t, const struct proc_ref *ref)
{
	struct seq s = { .size = TEXT_FIRST };
	int err = 0;

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
		if (ref->node->how == PROC_SAME)
			seq_puts(&s, ref->node->text);
		else
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

/* A group's file, open since before the group was removed, or lost the controller. */
static bool is_withdrawn(const struct proc_ref *ref)
{
	return ref->cgroup && (READ_ONCE(ref->cgroup->dead) || !shown(ref->node, ref));
}

static int64_t proc_read(struct file *f, struct io *io)
{
	struct proc_text *t = f->data;
	const struct proc_ref *ref = ref_of(f->inode);
	int64_t n = 0;

	if (ref->node->how == PROC_READ)
		return ref->node->read(ref, io);
	if (is_withdrawn(ref))
		return -ENODEV;
	if (!ref->node->show)
		return -EINVAL;
	if (mutex_lock_killable(&t->mutex))
		return -EINTR;
	if (io->pos == 0 || !t->buf) {
		if (ref->cgroup)
			WRITE_ONCE(t->seen, cgroup_file_version(ref));
		n = make_text(t, ref);
	}
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
	struct proc_ref as = *ref_of(f->inode), *ref = &as;
	size_t n = io->n;
	char *text;
	int err;

	if (is_withdrawn(ref))
		return -ENODEV;
	if (n == 0 && ref->cgroup)
		return 0;
	if (!ref->node->store)
		return ref->cgroup ? -EINVAL : -EIO; /* root may open what cannot be written */
	if (n > STORE_MAX)
		return -EINVAL;
	as.opener = ((struct proc_text *)f->data)->opener;
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

static unsigned proc_poll(struct file *f, struct poll_table *pt)
{
	const struct proc_ref *ref = ref_of(f->inode);
	const struct proc_text *t = f->data;
	unsigned ready = POLL_READABLE | POLL_WRITABLE;
	struct waitq *wq;

	if (!ref->cgroup)
		return ready;
	wq = cgroup_file_queue(ref);
	if (wq)
		poll_watch(pt, wq);
	if (!READ_ONCE(ref->cgroup->dead) && cgroup_file_version(ref) == READ_ONCE(t->seen))
		return ready;
	return ready | POLLPRI | POLLERR;
}

static const struct file_ops proc_file_ops = { .open = proc_open,
					       .release = proc_release,
					       .read = proc_read,
					       .write = proc_write,
					       .poll = proc_poll };
static const struct file_ops proc_dir_ops = { .readdir = proc_readdir };

static const struct super_ops proc_super_ops = { .evict = proc_evict, .valid = proc_valid };

static struct super *proc_make(const struct super_type *type, const char *source,
			       const char *options, unsigned flags)
{
	bool is_proc = type == &proc_type, is_groups = type == &cgroup2_type;
	struct super *s = super_alloc(type, &proc_super_ops,
				      is_proc     ? PROC_SUPER_MAGIC
				      : is_groups ? CGROUP2_SUPER_MAGIC
						  : SYSFS_MAGIC,
				      0);
	struct proc_ref ref = { .node = is_proc     ? &proc_root
					: is_groups ? &proc_cgroup_node
						    : &sys_root };
	struct inode *root = NULL;

	(void)source, (void)options, (void)flags;
	if (!s)
		return ERR_PTR(-ENOMEM);
	if (is_groups)
		ref.cgroup = cgroup_get(&cgroup_root);
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

/* Each is nsdelegate, between commas: what that guards against is not there, namespaces. */
static bool options_known(const char *at)
{
	while (*at) {
		if (strncmp(at, "nsdelegate", 10) == 0)
			at += 10;
		if (*at && *at++ != ',')
			return false;
	}
	return true;
}

static struct super *groups_make(const struct super_type *type, const char *source,
				 const char *options, unsigned flags)
{
	return options && !options_known(options) ? ERR_PTR(-EINVAL)
						  : proc_make(type, source, options, flags);
}

struct super_type proc_type = { .name = "proc", .create = proc_make };
struct super_type cgroup2_type = { .name = "cgroup2", .create = groups_make };
struct super_type sysfs_type = { .name = "sysfs", .create = proc_make };
