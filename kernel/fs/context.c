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

/* Writes the names from p up to root backwards. *reached: root was met. dentry_lock held; work bounded by the buffer. */
static bool names_locked(const struct path *p, const struct path *root, char *buf, char **at,
			 bool *reached)
{
	const struct mount *m = p->mount;
	const struct dentry *d = p->dentry;

	for (;;) {
		*reached = root && d == root->dentry && m == root->mount;
		if (*reached)
			return true;
		if (d == m->root || d == d->parent) {
			if (!m->parent)
				return true;
			d = m->point;
			m = m->parent;
			continue;
		}
		if (!prepend(buf, at, d->name, d->name_len) || !prepend(buf, at, "/", 1))
			return false;
		d = d->parent;
	}
}

int path_text(const struct path *p, const struct path *root, char *buf, size_t size)
{
	static const char deleted[] = " (deleted)", unreachable[] = "(unreachable)";
	char *end = buf + size, *at = end;
	bool fits, reached, gone;

	if (size == 0 || !prepend(buf, &at, "", 1))
		return -ERANGE;
	spin_lock(&dentry_lock);
	gone = !(p->dentry->flags & DENTRY_HASHED) && p->dentry != p->mount->root;
	fits = !gone || prepend(buf, &at, deleted, sizeof(deleted) - 1);
	fits = fits && names_locked(p, root, buf, &at, &reached);
	spin_unlock(&dentry_lock);
	if (fits && (*at == '\0' || *at == ' '))
		fits = prepend(buf, &at, "/", 1);
	if (fits && !reached && root && p->mount->parent == NULL && p->mount != root->mount)
		fits = prepend(buf, &at, unreachable, sizeof(unreachable) - 1);
	if (!fits)
		return -ERANGE;
	memmove(buf, at, (size_t)(end - at));
	return (int)(end - at) - 1;
}
