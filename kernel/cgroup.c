// SPDX-License-Identifier: MIT
/*
 * The tree of control groups, and who has which controllers; kernel/cgroup_members.c has who is in
 * them.
 *
 * A group lives until nobody names it any more, inodes of its files for one; what it measures of
 * its tasks' pressure (psi) ends with its removal, or when the last open file of that is closed:
 * either may sleep, which whoever puts a reference may not.
 */
#include "kernel/cgroup.h"

#include "kernel/errno.h"
#include "kernel/lib/string.h"
#include "mm/slab.h"

static struct mutex cgroup_mutex = MUTEX_INIT(cgroup_mutex);
static uint64_t last_id = 1; /* cgroup_mutex */

struct cgroup cgroup_root;

void cgroup_lock(void)
{
	mutex_lock(&cgroup_mutex);
}

void cgroup_unlock(void)
{
	mutex_unlock(&cgroup_mutex);
}

struct cgroup *cgroup_get(struct cgroup *g)
{
	atomic_inc(&g->refs);
	return g;
}

void cgroup_put(struct cgroup *g)
{
	while (g != NULL && atomic_dec(&g->refs) == 0) {
		struct cgroup *parent = g->parent;

		kfree(g);
		g = parent;
	}
}

struct psi *cgroup_psi_open(struct cgroup *g)
{
	bool dead;

	cgroup_lock();
	dead = g->dead;
	g->psi_files += !dead;
	cgroup_unlock();
	return dead ? NULL : cgroup_psi(g);
}

void cgroup_psi_close(struct cgroup *g)
{
	cgroup_lock();
	if (--g->psi_files == 0 && g->dead)
		psi_destroy(&g->psi);
	cgroup_unlock();
}

bool cgroup_is_below(const struct cgroup *g, const struct cgroup *top)
{
	while (g != NULL && g != top)
		g = g->parent;
	return g == top;
}

int cgroup_path_locked(const struct cgroup *g, char *buf, size_t size)
{
	const struct cgroup *line[MEMCG_DEPTH];
	unsigned n = 0;
	size_t at = 0;

	for (; g->parent != NULL; g = g->parent)
		line[n++] = g;
	if (n == 0)
		return format(buf, size, "/");
	while (n-- > 0)
		at += (size_t)format(buf + MIN(at, size), size - MIN(at, size), "/%s",
				     line[n]->name);
	return (int)at;
}

/* ---- Controllers ---- */

unsigned cgroup_available(const struct cgroup *g)
{
	return g->parent == NULL ? CGROUP_CONTROLLERS : READ_ONCE(g->parent->control);
}

/* The memory controller of the groups right below g is turned on or off: the processes there. */
struct change {
	struct cgroup *g;
	struct memcg *above; /* that pays for g */
	bool on;
};

static int pay_for_change(struct process *p, void *arg)
{
	const struct change *c = arg;
	struct cgroup *child = p->cgroup;

	if (child == c->g || !cgroup_is_below(child, c->g))
		return 0;
	while (child->parent != c->g)
		child = child->parent;
	/* Further down nobody has a controller that its parent has not. */
	cgroup_pay_locked(p, c->on ? c->above : &child->memory, c->on ? &child->memory : c->above);
	return 0;
}

static void close_children(struct cgroup *g)
{
	struct cgroup *child;

	list_for_each (child, &g->children, sibling)
		if (child->memory.id != 0)
			memcg_close(&child->memory);
}

/* Children come and go under cgroup_mutex alone, which is held. */
static int memory_on(struct cgroup *g)
{
	struct change c = { .g = g, .above = cgroup_payer(g), .on = true };
	struct cgroup *child;
	int err = 0;

	list_for_each (child, &g->children, sibling)
		if (err == 0)
			err = memcg_open(&child->memory, c.above, child);
	if (err) {
		close_children(g);
		return err;
	}
	process_tree_lock();
	if (g->parent != NULL && g->processes > 0)
		err = -EBUSY; /* as long as the lock is held nobody moves here */
	else
		WRITE_ONCE(g->control, g->control | CGROUP_MEMORY);
	if (err == 0)
		(void)process_for_each_locked(pay_for_change, &c);
	process_tree_unlock();
	if (err)
		close_children(g);
	return err;
}

static void memory_off(struct cgroup *g)
{
	struct change c = { .g = g, .above = cgroup_payer(g), .on = false };

	process_tree_lock();
	(void)process_for_each_locked(pay_for_change, &c);
	WRITE_ONCE(g->control, g->control & ~CGROUP_MEMORY);
	process_tree_unlock();
	close_children(g);
}

static void pids_off(struct cgroup *g)
{
	struct cgroup *child;

	list_for_each (child, &g->children, sibling)
		child->pids.max = CGROUP_NO_LIMIT;
	WRITE_ONCE(g->control, g->control & ~CGROUP_PIDS);
}

static int control_check(const struct cgroup *g, unsigned give, unsigned take)
{
	const struct cgroup *child;

	if (g->dead)
		return -ENODEV;
	if (give & ~cgroup_available(g))
		return -ENOENT;
	list_for_each (child, &g->children, sibling)
		if (child->control & take)
			return -EBUSY;
	return 0;
}

int cgroup_set_control(struct cgroup *g, unsigned give, unsigned take)
{
	int err;

	cgroup_lock();
	give &= ~(unsigned)g->control;
	take &= g->control;
	err = control_check(g, give, take);
	if (err == 0 && (give & CGROUP_MEMORY))
		err = memory_on(g);
	if (err == 0 && (give & CGROUP_PIDS))
		WRITE_ONCE(g->control, g->control | CGROUP_PIDS);
	if (err == 0 && (take & CGROUP_MEMORY))
		memory_off(g);
	if (err == 0 && (take & CGROUP_PIDS))
		pids_off(g);
	cgroup_unlock();
	return err;
}

/* ---- The tree ---- */

static int create_check(const struct cgroup *parent)
{
	unsigned below = 1;

	if (parent->dead)
		return -ENOENT;
	if (parent->depth == MEMCG_DEPTH)
		return -EAGAIN;
	for (; parent != NULL; parent = parent->parent, below++)
		if (parent->descendants >= parent->max_descendants || below > parent->max_depth)
			return -EAGAIN;
	return 0;
}

static struct cgroup *group_alloc(struct cgroup *parent, const char *name, size_t len,
				  const struct cgroup_owner *owner)
{
	struct cgroup *g = kmalloc(sizeof(*g) + len + 1, ALLOC_ZERO);

	if (g == NULL)
		return NULL;
	memcpy(g->name, name, len);
	g->refs = 2; /* the tree's and the caller's */
	g->depth = parent->depth + 1;
	g->id = ++last_id;
	g->parent = cgroup_get(parent);
	list_init(&g->children);
	g->max_descendants = g->max_depth = g->pids.max = CGROUP_NO_LIMIT;
	for (unsigned i = 0; i < CGROUP_OWNERS; i++) {
		g->owners[i] = *owner;
		g->owners[i].mode = i == CGROUP_OWNER_DIR ? owner->mode & 07777 : 0644;
	}
	return g;
}

int cgroup_create(struct cgroup *parent, const char *name, size_t len,
		  const struct cgroup_owner *owner, struct cgroup **out)
{
	struct cgroup *g = NULL;
	int err;

	if (memchr(name, '\n', len))
		return -EINVAL;
	cgroup_lock();
	err = create_check(parent);
	if (err == 0 && (g = group_alloc(parent, name, len, owner)) == NULL)
		err = -ENOMEM;
	if (err == 0)
		err = psi_create(&g->psi, cgroup_psi(parent));
	if (err == 0 && (parent->control & CGROUP_MEMORY)) {
		err = memcg_open(&g->memory, cgroup_payer(parent), g);
		if (err)
			psi_destroy(&g->psi);
	}
	if (err == 0) {
		process_tree_lock();
		list_push_back(&parent->children, &g->sibling);
		for (struct cgroup *a = parent; a != NULL; a = a->parent)
			a->descendants++;
		process_tree_unlock();
		*out = g;
	} else if (g != NULL) {
		g->refs = 1;
		cgroup_put(g);
	}
	cgroup_unlock();
	return err;
}

int cgroup_remove(struct cgroup *g)
{
	int err = -EBUSY;

	cgroup_lock();
	process_tree_lock();
	if (g->processes == 0 && list_empty(&g->children)) {
		err = 0;
		WRITE_ONCE(g->dead, true);
		list_remove(&g->sibling);
		for (struct cgroup *a = g->parent; a != NULL; a = a->parent)
			a->descendants--;
	}
	process_tree_unlock();
	if (err == 0 && g->memory.id != 0)
		memcg_close(&g->memory);
	if (err == 0 && g->psi_files == 0)
		psi_destroy(&g->psi);
	cgroup_unlock();
	if (err == 0) {
		waitq_wake_all(&cgroup_event_wait);
		waitq_wake_all(&memcg_event_wait);
		cgroup_put(g);
	}
	return err;
}

struct cgroup *cgroup_child(struct cgroup *g, const char *name, size_t len, uint64_t id)
{
	struct cgroup *child, *found = NULL;

	process_tree_lock();
	list_for_each (child, &g->children, sibling) {
		if (child->id < id)
			continue;
		if (!name || (strlen(child->name) == len && memcmp(child->name, name, len) == 0)) {
			found = cgroup_get(child);
			break;
		}
	}
	process_tree_unlock();
	return found;
}
