// SPDX-License-Identifier: MIT
/*
 * The cgroup2 file system: a directory per group, made by mkdir(2), removed by rmdir(2), with the
 * files of cgroup-v2.rst for the controllers that the group has. Like /proc it keeps nothing:
 * inodes hold a reference to their group, and what chown(2) and chmod(2) say of a directory,
 * cgroup.procs and cgroup.subtree_control is kept with the group; its other files cannot be given
 * away. Where it is mounted a second time, it is the same tree.
 *
 * Here are the core's files and the pids controller's; cgroup_mem.c has memory's.
 */
#include <linux/capability.h>

#include "kernel/cgroup.h"
#include "kernel/cred.h"
#include "kernel/errno.h"
#include "kernel/fs/proc/cgroup.h"
#include "kernel/lib/string.h"
#include "kernel/psi.h"

#define PIDS_MOST 4194304 /* PID_MAX_LIMIT: pids.max takes no more */

static const char *const controllers[] = { "memory", "pids" }; /* by bit */

/* What node->kind says: which groups have the file; whose owner it has; what it tells poll(2)
 * of. */
enum {
	EVERYWHERE = 0,
	NOT_ROOT = 1,
	NEEDS_SHIFT = 1,
	WITH_MEMORY_OR_ROOT = CGROUP_MEMORY << NEEDS_SHIFT, /* which has it for the machine */
	WITH_MEMORY = WITH_MEMORY_OR_ROOT | NOT_ROOT,
	WITH_PIDS = CGROUP_PIDS << NEEDS_SHIFT | NOT_ROOT,
	OWN_SHIFT = 3, /* 1 + CGROUP_OWNER_..., or 0 */
	OWN_DIR = (1 + CGROUP_OWNER_DIR) << OWN_SHIFT,
	OWN_PROCS = (1 + CGROUP_OWNER_PROCS) << OWN_SHIFT,
	OWN_THREADS = (1 + CGROUP_OWNER_THREADS) << OWN_SHIFT,
	OWN_CONTROL = (1 + CGROUP_OWNER_CONTROL) << OWN_SHIFT,
	OWN = 7 << OWN_SHIFT,
	TELLS_EVENTS = 1 << 6,
	TELLS_PIDS = 2 << 6,
	TELLS_MEMORY = 3 << 6,
	TELLS = 3 << 6,
};

bool cgroup_file_shown(const struct proc_node *n, const struct cgroup *g)
{
	unsigned needs = n->kind >> NEEDS_SHIFT & CGROUP_CONTROLLERS;

	return !(n->kind & NOT_ROOT && g->parent == NULL) && !(needs & ~cgroup_available(g));
}

struct cgroup_owner *cgroup_file_owner(const struct proc_ref *ref)
{
	unsigned who = (ref->node->kind & OWN) >> OWN_SHIFT;

	return who ? &ref->cgroup->owners[who - 1] : NULL;
}

struct waitq *cgroup_file_queue(const struct proc_ref *ref)
{
	switch (ref->node->kind & TELLS) {
	case 0: return NULL;
	case TELLS_MEMORY: return &memcg_event_wait;
	default: return &cgroup_event_wait;
	}
}

uint32_t cgroup_file_version(const struct proc_ref *ref)
{
	const struct cgroup *g = ref->cgroup;

	switch (ref->node->kind & TELLS) {
	case TELLS_MEMORY: return memory_version(&g->memory);
	case TELLS_PIDS: return READ_ONCE(g->pids.met);
	case TELLS_EVENTS: return READ_ONCE(g->events);
	default: return 0;
	}
}

/* ---- Numbers ---- */

/* node->data says where, and whether it counts pages. */
uint32_t *cgroup_number(const struct proc_ref *ref)
{
	return (uint32_t *)((char *)ref->cgroup + (ref->node->data & ~CGROUP_PAGES));
}

static int show_number(struct seq *s, const struct proc_ref *ref)
{
	uint32_t value = READ_ONCE(*cgroup_number(ref));

	if (value == CGROUP_NO_LIMIT)
		seq_puts(s, "max\n");
	else
		seq_printf(s, "%ju\n",
			   (uint64_t)value * (ref->node->data & CGROUP_PAGES ? PAGE_SIZE : 1));
	return 0;
}

void cgroup_show_lines(struct seq *s, const char *names, const uint32_t *numbers, unsigned unit)
{
	for (; *names; names += strlen(names) + 1, numbers++)
		seq_printf(s, "%s %ju\n", names, (uint64_t)READ_ONCE(*numbers) * unit);
}

static int show_counts(struct seq *s, const struct proc_ref *ref)
{
	const struct cgroup *g = ref->cgroup;
	const uint32_t *first = cgroup_number(ref);
	const char *names = "low\0high\0max\0oom\0oom_kill\0oom_group_kill\0";

	if (first == &g->memory.events[MEMCG_SWAP_HIGH])
		names = "high\0max\0fail\0";
	else if (first == &g->pids.met)
		names = "max\0";
	cgroup_show_lines(s, names, first, 1);
	return 0;
}

/* A count or "max", in pids.max, cgroup.max.depth and .descendants; 0 or 1 in memory.oom.group. */
static int store_number(const struct proc_ref *ref, char *text, size_t n)
{
	uint32_t *number = cgroup_number(ref);
	bool binary = number == &ref->cgroup->memory.oom_group;
	bool tasks = number == &ref->cgroup->pids.max;
	int64_t most = binary ? 1 : tasks ? PIDS_MOST : INT32_MAX, v = CGROUP_NO_LIMIT;
	int err = 0;

	(void)n;
	text = proc_strip(text);
	if (binary || strcmp(text, "max") != 0) {
		err = proc_parse_int(text, &v);
		if (!err && (v < 0 || v > most))
			err = binary || tasks ? -EINVAL : -ERANGE;
	}
	if (!err)
		WRITE_ONCE(*number, v == INT32_MAX ? CGROUP_NO_LIMIT : (uint32_t)v);
	return err;
}

/* ---- cgroup.* ---- */

/* cgroup.threads, not cgroup.procs. */
static bool names_threads(const struct proc_ref *ref)
{
	return (ref->node->kind & OWN) == OWN_THREADS;
}

static int show_procs_of(struct process *p, void *arg)
{
	const struct proc_ref *ref = ((void **)arg)[0];

	struct seq *s = ((void **)arg)[1];
	struct task *t;

	if (p->cgroup != ref->cgroup || p->zombie)
		return 0;
	if (!names_threads(ref))
		seq_printf(s, "%d\n", p->pid);
	else
		list_for_each (t, &p->threads, process_link)
			seq_printf(s, "%d\n", t->tid);
	return 0;
}

static int show_procs(struct seq *s, const struct proc_ref *ref)
{
	void *args[] = { (void *)ref, s };

	process_tree_lock();
	(void)process_for_each_locked(show_procs_of, args);
	process_tree_unlock();
	return 0;
}

static int store_procs(const struct proc_ref *ref, char *text, size_t n)
{
	int64_t tid;

	(void)n;
	if (proc_parse_int(text, &tid) || tid < 0 || tid > INT32_MAX)
		return -EINVAL;
	return cgroup_move(ref->cgroup, tid > PID_MAX ? -1 : (int)tid, names_threads(ref),
			   ref->opener);
}

/* Those that the group has; those that it gives, where they can be set. */
static int show_controllers(struct seq *s, const struct proc_ref *ref)
{
	unsigned set =
		ref->node->store ? READ_ONCE(ref->cgroup->control) : cgroup_available(ref->cgroup);

	for (unsigned i = 0; i < ARRAY_SIZE(controllers); i++, set >>= 1)
		if (set & 1)
			seq_printf(s, set > 1 ? "%s " : "%s\n", controllers[i]);
	return 0;
}

/* "+memory -pids": the last word about one counts. */
static int store_control(const struct proc_ref *ref, char *text, size_t n)
{
	unsigned set[2] = { 0, 0 }; /* taken, given */
	char *next;

	(void)n;
	for (text = proc_strip(text); *text; text = next) {
		bool give = *text == '+';
		unsigned i = 0;

		if (!give && *text != '-')
			return -EINVAL;
		next = strchr(++text, ' ') ?: text + strlen(text);
		while (*next == ' ')
			*next++ = '\0';
		while (strcmp(controllers[i], text) != 0)
			if (++i == ARRAY_SIZE(controllers))
				return -EINVAL;
		set[give] |= 1u << i;
		set[!give] &= ~(1u << i);
	}
	return cgroup_set_control(ref->cgroup, set[1], set[0]);
}

static int show_events(struct seq *s, const struct proc_ref *ref)
{
	seq_printf(s, "populated %d\nfrozen 0\n", READ_ONCE(ref->cgroup->populated) > 0);
	return 0;
}

static int store_kill(const struct proc_ref *ref, char *text, size_t n)
{
	int64_t v;
	int err = proc_parse_int(text, &v);

	(void)n;
	if (err || v != 1)
		return err ?: -ERANGE;
	cgroup_kill(ref->cgroup);
	return 0;
}

static int show_stat(struct seq *s, const struct proc_ref *ref)
{
	seq_printf(s, "nr_descendants %u\nnr_dying_descendants 0\n",
		   READ_ONCE(ref->cgroup->descendants));
	return 0;
}

static int show_type(struct seq *s, const struct proc_ref *ref)
{
	(void)ref;
	seq_puts(s, "domain\n");
	return 0;
}

static int store_type(const struct proc_ref *ref, char *text, size_t n)
{
	(void)ref, (void)n;
	return strcmp(proc_strip(text), "threaded") == 0 ? -EOPNOTSUPP : -EINVAL;
}

/* ---- Directories ---- */

static int find_group(const struct proc_ref *dir, const struct name *name, struct proc_ref *child)
{
	child->cgroup = cgroup_child(dir->cgroup, name->text, name->len, 0);
	return child->cgroup ? 0 : -ENOENT;
}

static bool next_group(const struct proc_ref *dir, uint64_t *key, struct proc_ref *child,
		       const char **name)
{
	child->cgroup = cgroup_child(dir->cgroup, NULL, 0, *key);
	if (!child->cgroup)
		return false;
	*key = child->cgroup->id;
	*name = child->cgroup->name;
	return true;
}

static int make_group(const struct proc_ref *dir, const struct name *name, uint32_t mode,
		      struct proc_ref *child)
{
	const struct cred *c = current()->cred;
	struct cgroup_owner owner = { c->fsuid, c->fsgid, mode };

	for (const struct proc_node *n = proc_cgroup_node.children; n->name; n++)
		if (strlen(n->name) == name->len && memcmp(n->name, name->text, name->len) == 0)
			return -EEXIST; /* a file that is hidden as yet */
	return cgroup_create(dir->cgroup, name->text, name->len, &owner, &child->cgroup);
}

static int remove_group(const struct proc_ref *ref)
{
	return cgroup_remove(ref->cgroup);
}

/* ---- /proc/PID/cgroup, /proc/cgroups ---- */

int show_pid_cgroup(struct seq *s, const struct proc_ref *ref)
{
	const struct cgroup *g;

	process_tree_lock();
	g = ref->process->cgroup;
	seq_puts(s, "0::");
	s->len += MIN((size_t)cgroup_path_locked(g, s->buf + s->len, s->size - s->len),
		      s->size - s->len);
	seq_puts(s, g->dead ? " (deleted)\n" : "\n");
	process_tree_unlock();
	return 0;
}

int show_cgroups(struct seq *s, const struct proc_ref *ref)
{
	(void)ref;
	seq_puts(s, "#subsys_name\thierarchy\tnum_cgroups\tenabled\n");
	for (unsigned i = 0; i < ARRAY_SIZE(controllers); i++)
		seq_printf(s, "%s\t0\t%u\t1\n", controllers[i], cgroup_root.descendants + 1);
	return 0;
}

#define AT(field)       offsetof(struct cgroup, field)
#define PAGES_AT(field) (AT(memory.field) | CGROUP_PAGES)
_Static_assert(sizeof(struct cgroup) < CGROUP_PAGES, "an offset and the bit fit in a node's data");

/* A number; one that can be set; counts in lines; text; text that can be set; an order. */
#define FIGURE(n, k, where)                                                                        \
	{                                                                                          \
		.name = (n), .mode = S_IFREG | 0444, .kind = (k), .data = (where),                 \
		.show = show_number                                                                \
	}
#define LIMIT(n, k, where, fn)                                                                     \
	{                                                                                          \
		.name = (n), .mode = S_IFREG | 0644, .kind = (k), .data = (where),                 \
		.show = show_number, .store = (fn)                                                 \
	}
#define COUNTS(n, k, where)                                                                        \
	{                                                                                          \
		.name = (n), .mode = S_IFREG | 0444, .kind = (k), .data = (where),                 \
		.show = show_counts                                                                \
	}
#define TEXT(n, k, fn)                                                                             \
	{                                                                                          \
		.name = (n), .mode = S_IFREG | 0444, .kind = (k), .show = (fn)                     \
	}
#define SETTING(n, k, show_fn, store_fn)                                                           \
	{                                                                                          \
		.name = (n), .mode = S_IFREG | 0644, .kind = (k), .show = (show_fn),               \
		.store = (store_fn)                                                                \
	}
#define ORDER(n, k, fn)                                                                            \
	{                                                                                          \
		.name = (n), .mode = S_IFREG | 0200, .kind = (k), .store = (fn)                    \
	}

#define PRESSURE(n, resource)                                                                      \
	{                                                                                          \
		.name = (n), .mode = S_IFREG | 0644, .how = PROC_OPENED, .kind = EVERYWHERE,       \
		.data = (resource), .files = &proc_pressure_ops                                    \
	}

static const struct proc_node group_children[] = {
	TEXT("cgroup.controllers", EVERYWHERE, show_controllers),
	TEXT("cgroup.events", NOT_ROOT | TELLS_EVENTS, show_events),
	ORDER("cgroup.kill", NOT_ROOT, store_kill),
	LIMIT("cgroup.max.depth", EVERYWHERE, AT(max_depth), store_number),
	LIMIT("cgroup.max.descendants", EVERYWHERE, AT(max_descendants), store_number),
	SETTING("cgroup.procs", OWN_PROCS, show_procs, store_procs),
	TEXT("cgroup.stat", EVERYWHERE, show_stat),
	SETTING("cgroup.subtree_control", OWN_CONTROL, show_controllers, store_control),
	SETTING("cgroup.threads", OWN_THREADS, show_procs, store_procs),
	SETTING("cgroup.type", NOT_ROOT, show_type, store_type),
	PRESSURE("cpu.pressure", PSI_CPU),
	PRESSURE("io.pressure", PSI_IO),
	FIGURE("memory.current", WITH_MEMORY, PAGES_AT(usage)),
	COUNTS("memory.events", WITH_MEMORY | TELLS_MEMORY, AT(memory.events)),
	COUNTS("memory.events.local", WITH_MEMORY | TELLS_MEMORY, AT(memory.own_events)),
	LIMIT("memory.high", WITH_MEMORY, PAGES_AT(high), store_memory_limit),
	LIMIT("memory.low", WITH_MEMORY, PAGES_AT(low), store_memory_limit),
	LIMIT("memory.max", WITH_MEMORY, PAGES_AT(max), store_memory_limit),
	LIMIT("memory.min", WITH_MEMORY, PAGES_AT(min), store_memory_limit),
	LIMIT("memory.oom.group", WITH_MEMORY, AT(memory.oom_group), store_number),
	FIGURE("memory.peak", WITH_MEMORY, PAGES_AT(peak)),
	PRESSURE("memory.pressure", PSI_MEMORY),
	ORDER("memory.reclaim", WITH_MEMORY, store_memory_reclaim),
	TEXT("memory.stat", WITH_MEMORY_OR_ROOT, show_memory_stat),
	FIGURE("memory.swap.current", WITH_MEMORY, PAGES_AT(swap)),
	COUNTS("memory.swap.events", WITH_MEMORY | TELLS_MEMORY,
	       AT(memory.events[MEMCG_SWAP_HIGH])),
	LIMIT("memory.swap.high", WITH_MEMORY, PAGES_AT(swap_high), store_memory_limit),
	LIMIT("memory.swap.max", WITH_MEMORY, PAGES_AT(swap_max), store_memory_limit),
	FIGURE("memory.swap.peak", WITH_MEMORY, PAGES_AT(swap_peak)),
	FIGURE("pids.current", WITH_PIDS, AT(pids.now)),
	COUNTS("pids.events", WITH_PIDS | TELLS_PIDS, AT(pids.met)),
	LIMIT("pids.max", WITH_PIDS, AT(pids.max), store_number),
	FIGURE("pids.peak", WITH_PIDS, AT(pids.peak)),
	PROC_END,
};

static const struct proc_list group_list = { .node = &proc_cgroup_node,
					     .find = find_group,
					     .each = next_group,
					     .make = make_group,
					     .remove = remove_group };

const struct proc_node proc_cgroup_node = { .name = "/",
					    .mode = S_IFDIR | 0755,
					    .kind = OWN_DIR,
					    .children = group_children,
					    .list = &group_list };
