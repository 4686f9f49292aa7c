// SPDX-License-Identifier: MIT
/*
 * Root, working directory and umask of a task (shared by CLONE_FS), and places as text.
 */
#include "kernel/fs/internal.h"
#include "mm/slab.h"

/* A task without context (a kernel thread) sees the whole tree. */
static struct path context_path(bool cwd)
{
	struct fs_context *c = current()->fs;
	struct path got;

	if (!c)
		return mount_root();
	spin_lock(&c->lock);
	got = path_get(cwd ? c->cwd : c->root);
	spin_unlock(&c->lock);
	return got;
}

struct path fs_root(void)
{
	return context_path(false);
}

struct path fs_cwd(void)
{
	return context_path(true);
}

struct fs_context *fs_context_create(void)
{
	struct fs_context *c = kmalloc(sizeof(*c), ALLOC_ZERO);

	if (!c)
		return NULL;
	spin_init(&c->lock);
	c->refs = 1;
	c->root = mount_root();
	c->cwd = path_get(c->root);
	c->umask = 022;
	return c;
}

struct fs_context *fs_context_copy(struct fs_context *from)
{
	struct fs_context *c = kmalloc(sizeof(*c), ALLOC_ZERO);

	if (!c)
		return NULL;
	spin_init(&c->lock);
	c->refs = 1;
	spin_lock(&from->lock);
	c->root = path_get(from->root);
	c->cwd = path_get(from->cwd);
	c->umask = from->umask;
	spin_unlock(&from->lock);
	return c;
}

struct fs_context *fs_context_get(struct fs_context *c)
{
	atomic_inc(&c->refs);
	return c;
}

void fs_context_put(struct fs_context *c)
{
	if (atomic_dec(&c->refs) != 0)
		return;
	path_put(c->root);
	path_put(c->cwd);
	kfree(c);
}

/* Puts text in front of *at, which may not fall below buf. */
static bool prepend(char *buf, char **at, const char *text, size_t n)
{
	if ((size_t)(*at - buf) < n)
		return false;
	*at -= n;
	memcpy(*at, text, n);
	return true;
}

/* One name in front of *at; *p becomes the directory it is in. False: it does not fit. */
static bool name_step(struct path *p, char *buf, char **at)
{
	struct dentry *d = p->dentry;
	bool fits;

	spin_lock(&dentry_lock);
	fits = prepend(buf, at, d->name, d->name_len) && prepend(buf, at, "/", 1);
	p->dentry = dentry_get(d->parent);
	spin_unlock(&dentry_lock);
	dentry_put(d);
	return fits;
}

/* Writes the names from p (whose references are consumed) up to root backwards. *reached: root was
 * met. */
static bool names_up(struct path p, const struct path *root, char *buf, char **at, bool *reached)
{
	bool fits = true;

	for (;;) {
		*reached = root && p.dentry == root->dentry && p.mount == root->mount;
		if (*reached || !fits)
			break;
		if (p.dentry == p.mount->root) {
			if (!mount_climb(&p))
				break;
		} else if (READ_ONCE(p.dentry->parent) == p.dentry) {
			break;
		} else {
			fits = name_step(&p, buf, at);
		}
	}
	path_put(p);
	return fits;
}

/*
 * The tree is locked for one name at a time, so that depth costs no latency. What a rename
 * meanwhile would garble is done again; after some tries the caller gets what a slower look would
 * have seen anyway.
 */
int path_text(const struct path *p, const struct path *root, char *buf, size_t size)
{
	static const char deleted[] = " (deleted)", unreachable[] = "(unreachable)";
	char *end = buf + size, *at;
	bool fits = false, reached = false, gone;
	uint32_t seen;

	for (int tries = 0; tries < 5; tries++) {
		seen = atomic_load_acquire(&dentry_renames);
		at = end;
		gone = !(READ_ONCE(p->dentry->flags) & DENTRY_HASHED) &&
		       p->dentry != p->mount->root;
		fits = prepend(buf, &at, "", size > 0) && size > 0;
		fits = fits && (!gone || prepend(buf, &at, deleted, sizeof(deleted) - 1));
		fits = fits && names_up(path_get(*p), root, buf, &at, &reached);
		if (seen == atomic_load_acquire(&dentry_renames))
			break;
	}
	if (fits && (*at == '\0' || *at == ' '))
		fits = prepend(buf, &at, "/", 1);
	if (fits && !reached && root && p->mount->parent == NULL && p->mount != root->mount)
		fits = prepend(buf, &at, unreachable, sizeof(unreachable) - 1);
	if (!fits)
		return -ERANGE;
	memmove(buf, at, (size_t)(end - at));
	return (int)(end - at) - 1;
}
