// SPDX-License-Identifier: MIT
/*
 * Dentries: the tree of names. A hash table over (parent, name) answers walks; each directory also
 * keeps its children in a tree ordered by cookie, so that readdir goes on where it stopped whatever
 * was made or removed meanwhile.
 *
 * dentry_lock covers hash, children, parent, name and flags. A reference count leaves or reaches
 * zero only under it, so that a walk that finds a dentry in the hash can always take a reference.
 * Chains are short (the table is made for the size of RAM); nothing else under the lock depends on
 * the number of files but the depth of the children tree.
 *
 * Invariants: (1) a hashed dentry is among its parent's children; (2) in a SUPER_TREE file system a
 * hashed dentry holds a reference to itself; (3) a dentry holds a reference to its parent, deleted
 * or not; (4) parent and name change only with the mutexes of both directories held, so either that
 * mutex or dentry_lock makes them readable.
 */
#include "kernel/fs/internal.h"
#include "kernel/fs/vfs.h"
#include "kernel/log.h"
#include "mm/buddy.h"
#include "mm/slab.h"

#define HASH_BITS_MIN     9
#define HASH_BITS_MAX     16
#define FRAMES_PER_BUCKET 16

struct spinlock dentry_lock = SPINLOCK_INIT;
struct mutex rename_mutex = MUTEX_INIT(rename_mutex);
uint32_t dentry_renames;

static struct kmem_cache *dentry_cache;
static struct dentry **buckets;
static unsigned hash_bits = HASH_BITS_MIN;

/* The table grows with memory, so that as many files as fit into it still make short chains. */
int dentry_init(void)
{
	while (hash_bits < HASH_BITS_MAX && frames_total() >> hash_bits > FRAMES_PER_BUCKET)
		hash_bits++;
	buckets = kmalloc(sizeof(*buckets) << hash_bits, ALLOC_ZERO);
	dentry_cache = kmem_cache_create("dentry", sizeof(struct dentry), 0);
	return buckets && dentry_cache ? 0 : -ENOMEM;
}

/* FNV-1a: names are short, one multiplication a byte is cheap enough. */
uint32_t name_hash(const char *text, size_t len)
{
	uint32_t h = 2166136261u;

	while (len--)
		h = (h ^ (uint8_t)*text++) * 16777619u;
	return h;
}

static struct dentry **bucket_of(const struct dentry *parent, uint32_t hash)
{
	uint32_t mixed = (hash ^ (uint32_t)((uintptr_t)parent >> 6)) * 2654435761u;

	return &buckets[mixed >> (32 - hash_bits)];
}

static void hash_insert(struct dentry *d)
{
	struct dentry **b = bucket_of(d->parent, d->hash);

	d->hash_next = *b;
	*b = d;
	d->flags |= DENTRY_HASHED;
}

static void hash_remove(struct dentry *d)
{
	struct dentry **p = bucket_of(d->parent, d->hash);

	while (*p != d)
		p = &(*p)->hash_next;
	*p = d->hash_next;
	d->flags &= ~DENTRY_HASHED;
}

static void children_insert(struct dentry *parent, struct dentry *d)
{
	struct rb_node **link = &parent->children.node, *last = rb_last(&parent->children);

	/* Cookies grow, so the newest child is always the rightmost. */
	d->cookie = parent->next_cookie++;
	if (last)
		link = &last->right;
	rb_insert(&parent->children, &d->sibling, last, link);
}

static void unlink_locked(struct dentry *d)
{
	if (!(d->flags & DENTRY_HASHED))
		return;
	hash_remove(d);
	rb_remove(&d->parent->children, &d->sibling);
}

static bool in_tree(const struct dentry *d)
{
	return d->inode->super->flags & SUPER_TREE;
}

struct dentry *dentry_get(struct dentry *d)
{
	atomic_inc(&d->refs);
	return d;
}

static void dentry_destroy(struct dentry *d)
{
	if (d->inode)
		inode_put(d->inode);
	if (d->name != d->inline_name)
		kfree(d->name);
	kmem_cache_free(dentry_cache, d);
}

void dentry_put(struct dentry *d)
{
	while (d) {
		uint32_t refs = atomic_load(&d->refs);
		struct dentry *parent;

		while (refs > 1)
			if (atomic_compare_exchange(&d->refs, &refs, refs - 1))
				return;
		spin_lock(&dentry_lock);
		if (atomic_dec(&d->refs) != 0) {
			spin_unlock(&dentry_lock);
			return;
		}
		unlink_locked(d);
		parent = d->parent == d ? NULL : d->parent;
		spin_unlock(&dentry_lock);
		dentry_destroy(d);
		d = parent;
	}
}

static bool name_is(const struct dentry *d, const struct name *n)
{
	return d->hash == n->hash && d->name_len == n->len && memcmp(d->name, n->text, n->len) == 0;
}

struct dentry *dentry_find(struct dentry *parent, const struct name *name)
{
	struct dentry *d, *stale = NULL;

	spin_lock(&dentry_lock);
	for (d = *bucket_of(parent, name->hash); d; d = d->hash_next)
		if (d->parent == parent && name_is(d, name))
			break;
	if (d) {
		const struct super_ops *ops = d->inode->super->ops;

		atomic_inc(&d->refs);
		if (ops->valid && !ops->valid(d)) {
			unlink_locked(d);
			stale = d;
			d = NULL;
		}
	}
	spin_unlock(&dentry_lock);
	if (stale)
		dentry_put(stale);
	return d;
}

struct dentry *dentry_lookup_locked(struct dentry *parent, const struct name *name)
{
	struct inode *dir = parent->inode, *inode;
	struct dentry *d = dentry_find(parent, name);
	int err;

	if (d)
		return d;
	if (!dir->ops->lookup)
		return ERR_PTR(-ENOENT);
	d = dentry_alloc(parent, name);
	if (!d)
		return ERR_PTR(-ENOMEM);
	err = dir->ops->lookup(dir, name, &inode);
	if (err) {
		dentry_free_unused(d);
		return ERR_PTR(err);
	}
	dentry_attach(d, inode);
	return d;
}

struct dentry *dentry_alloc(struct dentry *parent, const struct name *name)
{
	struct dentry *d = kmem_cache_alloc(dentry_cache, ALLOC_ZERO);

	if (!d)
		return NULL;
	d->name = d->inline_name;
	if (name->len >= DENTRY_INLINE) {
		d->name = kmalloc(name->len + 1, 0);
		if (!d->name) {
			kmem_cache_free(dentry_cache, d);
			return NULL;
		}
	}
	memcpy(d->name, name->text, name->len);
	d->name[name->len] = '\0';
	d->name_len = name->len;
	d->hash = name->hash;
	d->next_cookie = 2;
	d->parent = parent ? dentry_get(parent) : d;
	return d;
}

void dentry_free_unused(struct dentry *d)
{
	struct dentry *parent = d->parent == d ? NULL : d->parent;

	dentry_destroy(d);
	if (parent)
		dentry_put(parent);
}

void dentry_attach(struct dentry *d, struct inode *inode)
{
	d->inode = inode;
	spin_lock(&dentry_lock);
	d->refs = in_tree(d) ? 2 : 1;
	hash_insert(d);
	children_insert(d->parent, d);
	spin_unlock(&dentry_lock);
}

struct dentry *dentry_create_alone(struct inode *inode, const char *text)
{
	struct name name = { text, (uint32_t)strlen(text), 0 };
	struct dentry *d;

	if (!inode)
		return NULL;
	d = dentry_alloc(NULL, &name);
	if (!d) {
		inode_put(inode);
		return NULL;
	}
	d->inode = inode;
	d->refs = 1;
	return d;
}

void dentry_detach(struct dentry *d)
{
	bool was;

	spin_lock(&dentry_lock);
	was = d->flags & DENTRY_HASHED;
	unlink_locked(d);
	spin_unlock(&dentry_lock);
	if (was && in_tree(d))
		dentry_put(d);
}

/* Gives d a new name, a long one in *room (then NULL). Returns memory of the old name to free, or
 * NULL. */
static char *rename_locked(struct dentry *d, const struct name *name, char **room)
{
	char *old = d->name == d->inline_name ? NULL : d->name;

	if (name->len < DENTRY_INLINE) {
		memcpy(d->inline_name, name->text, name->len);
		d->name = d->inline_name;
	} else {
		memcpy(*room, name->text, name->len);
		d->name = *room;
		*room = NULL;
	}
	d->name[name->len] = '\0';
	d->name_len = name->len;
	d->hash = name->hash;
	return old;
}

void dentry_move(struct dentry *d, struct dentry *new_parent, const struct name *name, char *room)
{
	struct dentry *old_parent = d->parent;
	char *old_name;

	dentry_get(new_parent);
	spin_lock(&dentry_lock);
	unlink_locked(d);
	old_name = rename_locked(d, name, &room);
	WRITE_ONCE(d->parent, new_parent);
	atomic_store_release(&dentry_renames, dentry_renames + 1);
	hash_insert(d);
	children_insert(new_parent, d);
	spin_unlock(&dentry_lock);
	kfree(room);
	kfree(old_name);
	dentry_put(old_parent);
}

static void swap_names(struct dentry *a, struct dentry *b)
{
	char tmp[DENTRY_INLINE], *a_long = a->name == a->inline_name ? NULL : a->name;
	char *b_long = b->name == b->inline_name ? NULL : b->name;
	uint32_t len = a->name_len, hash = a->hash;

	memcpy(tmp, a->inline_name, DENTRY_INLINE);
	memcpy(a->inline_name, b->inline_name, DENTRY_INLINE);
	memcpy(b->inline_name, tmp, DENTRY_INLINE);
	a->name = b_long ? b_long : a->inline_name;
	b->name = a_long ? a_long : b->inline_name;
	a->name_len = b->name_len;
	a->hash = b->hash;
	b->name_len = len;
	b->hash = hash;
}

void dentry_exchange(struct dentry *a, struct dentry *b)
{
	struct dentry *parent;

	spin_lock(&dentry_lock);
	unlink_locked(a);
	unlink_locked(b);
	swap_names(a, b);
	parent = a->parent; /* the references of the two just change hands */
	WRITE_ONCE(a->parent, b->parent);
	WRITE_ONCE(b->parent, parent);
	atomic_store_release(&dentry_renames, dentry_renames + 1);
	hash_insert(a);
	children_insert(a->parent, a);
	hash_insert(b);
	children_insert(b->parent, b);
	spin_unlock(&dentry_lock);
}

bool dentry_has_children(struct dentry *d)
{
	return READ_ONCE(d->children.node) != NULL;
}

struct dentry *dentry_next_child(struct dentry *d, uint64_t cookie)
{
	struct rb_node *n;
	struct dentry *found = NULL;

	spin_lock(&dentry_lock);
	for (n = d->children.node; n;) {
		struct dentry *c = rb_entry(n, struct dentry, sibling);

		if (c->cookie >= cookie) {
			found = c;
			n = n->left;
		} else {
			n = n->right;
		}
	}
	if (found)
		atomic_inc(&found->refs);
	spin_unlock(&dentry_lock);
	return found;
}

bool dentry_is_below(struct dentry *d, struct dentry *ancestor)
{
	/* Directories get another parent only under rename_mutex, and each holds a reference to its
	 * own: no lock, however deep the tree. */
	DEBUG_ASSERT(mutex_held(&rename_mutex));
	while (d != ancestor && d != d->parent)
		d = d->parent;
	return d == ancestor;
}

void dentry_drop_tree(struct dentry *root)
{
	struct dentry *d = dentry_get(root), *child, *parent;

	/* Deepest first: go down to a leaf, take it out, go back up to its parent. */
	for (;;) {
		child = dentry_next_child(d, 0);
		if (child) {
			dentry_put(d);
			d = child;
			continue;
		}
		if (d == root)
			break;
		parent = dentry_get(d->parent);
		dentry_detach(d);
		dentry_put(d);
		d = parent;
	}
	dentry_put(d);
	dentry_put(root);
}

bool dir_emit_dots(struct file *f, struct dir_sink *sink)
{
	struct dentry *d = f->path.dentry;
	uint64_t up;

	if (f->pos == 0) {
		if (!sink->emit(sink, ".", 1, d->inode->ino, S_IFDIR, 1))
			return false;
		f->pos = 1;
	}
	if (f->pos == 1) {
		spin_lock(&dentry_lock);
		up = d->parent->inode->ino;
		spin_unlock(&dentry_lock);
		if (!sink->emit(sink, "..", 2, up, S_IFDIR, 2))
			return false;
		f->pos = 2;
	}
	return true;
}

int dentry_readdir(struct file *f, struct dir_sink *sink)
{
	struct dentry *d;

	if (!dir_emit_dots(f, sink))
		return 0;
	while ((d = dentry_next_child(f->path.dentry, f->pos)) != NULL) {
		bool taken = sink->emit(sink, d->name, d->name_len, d->inode->ino, d->inode->mode,
					d->cookie + 1);

		if (taken)
			f->pos = d->cookie + 1;
		dentry_put(d);
		if (!taken)
			break;
	}
	return 0;
}
