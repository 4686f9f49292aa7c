// SPDX-License-Identifier: MIT
/*
 * Inodes in memory. A node and its struct inode live together and are found by number through
 * fs->nodes. When nobody refers to it, a node stays as idle, with the pages of its file, until
 * there are too many; only one that is as the medium has it may go. An inode whose last name and
 * last user are gone becomes a corpse: its blocks are freed, and a flush writes that it is no more.
 *
 * nodes_lock guards chains, idle list and references from and to 0. An idle node has refs 0, and
 * its object one reference: the inode's.
 */
#include "kernel/fs/ext2/ext2.h"
#include "kernel/time.h"
#include "mm/slab.h"

static struct kmem_cache *node_cache;

int ext2_nodes_init(void)
{
	if (!node_cache)
		node_cache = kmem_cache_create("ext2_node", sizeof(struct ext2_node), 0);
	return node_cache ? 0 : -ENOMEM;
}

static struct list *chain_of(struct ext2_fs *fs, uint64_t ino)
{
	return &fs->nodes[ino % EXT2_HASH];
}

/* ---- Life ---- */

static void node_free(struct ext2_node *node)
{
	struct ext2_fs *fs = node->fs;

	kmem_cache_free(node_cache, node);
	/* Under the lock, so that whoever waits for the last one does not free fs before this is
	 * done with it. */
	spin_lock(&fs->nodes_lock);
	if (--fs->live == 0)
		waitq_wake_all(&fs->settled);
	spin_unlock(&fs->nodes_lock);
}

/* The object of a file: it may outlive the inode while the page daemon has a reference. */
void ext2_object_release(struct object *o)
{
	node_free(container_of(o, struct ext2_node, object));
}

static void node_destroy(struct ext2_node *node)
{
	struct inode *i = node->inode;

	if (i->object) {
		inode_free(i);
		return;
	}
	inode_free(i);
	node_free(node);
}

struct inode *ext2_node_new(struct ext2_fs *fs, struct inode *dir, uint32_t mode)
{
	struct ext2_node *node = kmem_cache_alloc(node_cache, ALLOC_ZERO);
	struct inode *i = node ? inode_alloc(fs->super, mode) : NULL;

	if (!i) {
		if (node)
			kmem_cache_free(node_cache, node);
		return NULL;
	}
	if (dir)
		inode_init_owner(i, dir, mode);
	node->inode = i;
	node->fs = fs;
	list_init(&node->link);
	list_init(&node->idle);
	i->data = node;
	i->ops = &ext2_inode_ops;
	spin_lock(&fs->nodes_lock);
	fs->live++;
	spin_unlock(&fs->nodes_lock);
	return i;
}

void ext2_node_discard(struct inode *i)
{
	node_destroy(ext2_node(i));
}

void ext2_node_publish(struct inode *i)
{
	struct ext2_node *node = ext2_node(i);
	struct ext2_fs *fs = node->fs;

	if (S_ISREG(i->mode)) {
		i->fops = &ext2_file_ops;
		disk_object_init(&node->disk, &ext2_object_ops,
				 node->raw.size | (uint64_t)node->raw.size_high << 32);
		node->disk.all_errors = &i->super->sync_errors;
		i->object = &node->object;
	} else if (S_ISDIR(i->mode)) {
		i->fops = &ext2_dir_ops;
	}
	spin_lock(&fs->nodes_lock);
	list_push_front(chain_of(fs, i->ino), &node->link);
	fs->nnodes++;
	spin_unlock(&fs->nodes_lock);
}

static void unhash_locked(struct ext2_node *node)
{
	list_remove(&node->link);
	node->fs->nnodes--;
}

static struct ext2_node *find_locked(struct ext2_fs *fs, uint64_t ino)
{
	struct ext2_node *node;

	list_for_each (node, chain_of(fs, ino), link)
		if (node->inode->ino == ino)
			return node;
	return NULL;
}

static void wake_from_idle_locked(struct ext2_node *node)
{
	if (atomic_load(&node->inode->refs) == 0) {
		list_remove(&node->idle);
		node->fs->nidle--;
	}
	atomic_inc(&node->inode->refs);
}

static int node_read(struct ext2_fs *fs, uint32_t ino, struct inode *i)
{
	int err = ext2_node_load(fs, ino, ext2_node(i));

	if (err)
		return err;
	i->ino = ino;
	ext2_node_publish(i);
	return 0;
}

int ext2_node_get(struct ext2_fs *fs, uint32_t ino, struct inode *spare, struct inode **out)
{
	struct ext2_node *node;
	int err;

	if (ino > fs->inodes || (ino < fs->first_ino && ino != EXT2_ROOT_INO))
		return ext2_damage(fs, "a name leads to inode %u", ino);
	spin_lock(&fs->nodes_lock);
	node = find_locked(fs, ino);
	if (node && node->links)
		wake_from_idle_locked(node);
	spin_unlock(&fs->nodes_lock);
	if (node && !node->links)
		return ext2_damage(fs, "a name leads to inode %u, which is deleted", ino);
	if (node) {
		*out = node->inode;
		return 0;
	}
	err = node_read(fs, ino, spare);
	if (!err)
		*out = spare;
	return err;
}

/* ---- The end of an inode ---- */

void ext2_node_orphaned(struct ext2_node *node)
{
	node->raw.dtime = (uint32_t)(time_wall() / NSEC_PER_SEC);
	node->dirty = true;
	node->orphan = true;
	node->fs->norphans++;
}

bool ext2_node_wait(struct ext2_node *node)
{
	struct ext2_fs *fs = node->fs;

	if (!node->writing)
		return false;
	mutex_unlock(&fs->mutex);
	(void)wait_event(&fs->settled, READ_ONCE(node->writing) == 0, WAIT_UNINTERRUPTIBLE,
			 WAIT_FOREVER);
	mutex_lock(&fs->mutex);
	return true;
}

/* The block of extended attributes loses one that shares it. */
static int xattr_release(struct ext2_node *node)
{
	struct ext2_fs *fs = node->fs;
	uint32_t block = node->raw.file_acl, sectors = fs->block_size / SECTOR_SIZE;
	struct ext2_xattr_head *head;
	struct ext2_buffer *b;
	bool shared;
	int err;

	if (!block)
		return 0;
	if (!ext2_block_valid(fs, block)) {
		node->raw.file_acl = 0;
		(void)ext2_damage(fs, "extended attributes in block %u", block);
		return 0;
	}
	err = ext2_buffer_read(fs, block, EXT2_CLASS_TABLE, &b);
	if (err)
		return err == -EAGAIN ? err : 0; /* what cannot be read is left for e2fsck */
	head = (struct ext2_xattr_head *)b->data;
	shared = head->magic != EXT2_XATTR_MAGIC || head->refcount > 1;
	if (shared && head->magic == EXT2_XATTR_MAGIC) {
		head->refcount--;
		ext2_buffer_dirty(fs, b);
	}
	ext2_buffer_put(b);
	err = shared ? 0 : ext2_block_free(fs, block);
	if (err)
		return err;
	node->raw.file_acl = 0;
	node->raw.blocks -= MIN(sectors, node->raw.blocks);
	return 0;
}

static int contents_release(struct ext2_node *node)
{
	int err = ext2_node_has_blocks(node) ? ext2_map_cut(node, 0) : 0;

	if (!err)
		err = xattr_release(node);
	if (err == -EAGAIN)
		return err;
	node->dirty = true;
	return 0;
}

static void corpse_make(struct ext2_node *node)
{
	struct ext2_fs *fs = node->fs;

	spin_lock(&fs->nodes_lock);
	unhash_locked(node);
	spin_unlock(&fs->nodes_lock);
	if (node->orphan)
		fs->norphans--;
	node->orphan = false;
	node->inode->size = 0;
	list_push_back(&fs->corpses, &node->link);
	fs->ncorpses++;
}

/* Nobody can find the node any more; its pages go first, and with them whoever might write some. */
static void node_delete(struct ext2_node *node)
{
	struct ext2_fs *fs = node->fs;
	int err;

	if (node->inode->object)
		(void)!object_truncate(node->inode->object, 0); /* to nothing: cannot fail */
	do {
		err = ext2_begin(fs);
		if (err)
			break;
		while (ext2_node_wait(node))
			;
		err = contents_release(node);
		if (!err)
			corpse_make(node);
		ext2_end(fs);
		if (err == -EAGAIN)
			err = ext2_flush(fs, false) ? -EIO : -EAGAIN;
	} while (err == -EAGAIN);
	if (!err)
		return;
	/* The medium has failed: it stays as it is. */
	spin_lock(&fs->nodes_lock);
	unhash_locked(node);
	spin_unlock(&fs->nodes_lock);
	node_destroy(node);
}

void ext2_node_drop(struct inode *i)
{
	struct ext2_node *node = ext2_node(i);
	struct ext2_fs *fs = node->fs;
	bool dead;

	spin_lock(&fs->nodes_lock);
	if (atomic_dec(&i->refs) != 0) {
		spin_unlock(&fs->nodes_lock);
		return;
	}
	dead = node->links == 0;
	if (!dead) {
		list_push_back(&fs->idle, &node->idle);
		fs->nidle++;
	}
	spin_unlock(&fs->nodes_lock);
	if (dead)
		node_delete(node);
}

void ext2_corpses_take(struct ext2_fs *fs, struct list *out)
{
	list_splice_back(out, &fs->corpses);
	fs->ncorpses = 0;
}

void ext2_corpses_free(struct list *corpses)
{
	struct ext2_node *node, *next;

	list_for_each_safe (node, next, corpses, link) {
		list_remove(&node->link);
		node_destroy(node);
	}
}

/* ---- All of them ---- */

static bool visit_takes(struct ext2_node *node, const struct ext2_visit *v)
{
	if (!node->inode->object || (v->round ? node->round == v->round : !node->fresh))
		return false;
	if (v->round)
		node->round = v->round;
	else
		node->fresh = false;
	return true;
}

struct ext2_node *ext2_visit_next(struct ext2_fs *fs, struct ext2_visit *v)
{
	struct ext2_node *node;

	for (; v->chain < EXT2_HASH; v->chain++) {
		spin_lock(&fs->nodes_lock);
		list_for_each (node, &fs->nodes[v->chain], link) {
			if (!visit_takes(node, v))
				continue;
			(void)object_get(&node->object);
			spin_unlock(&fs->nodes_lock);
			return node;
		}
		spin_unlock(&fs->nodes_lock);
	}
	return NULL;
}

int ext2_nodes_each(struct ext2_fs *fs, int (*fn)(struct ext2_node *node, void *arg), void *arg)
{
	struct ext2_node *node;
	int err = 0;

	/* Without nodes_lock: what is hashed or unhashed is so under fs->mutex, but for nodes given
	 * up by ext2_nodes_trim(), under it too. */
	DEBUG_ASSERT(mutex_held(&fs->mutex));
	for (unsigned i = 0; i < EXT2_HASH; i++)
		list_for_each (node, &fs->nodes[i], link) {
			err = fn(node, arg);
			if (err)
				return err;
		}
	return 0;
}

/* The node idle longest, in use by us now. */
static struct ext2_node *idle_take(struct ext2_fs *fs)
{
	struct ext2_node *node = NULL;

	spin_lock(&fs->nodes_lock);
	if (fs->nidle > fs->idle_max) {
		node = list_first(&fs->idle, struct ext2_node, idle);
		wake_from_idle_locked(node);
	}
	spin_unlock(&fs->nodes_lock);
	return node;
}

/* Gives node up if it is clean, and still ours alone. */
static bool idle_end(struct ext2_node *node)
{
	struct ext2_fs *fs = node->fs;
	bool gone = false;

	mutex_lock(&fs->mutex);
	/* What could not be written, or still is being written, has only this node. */
	if (!ext2_node_changed(node) && !node->fresh &&
	    (!node->inode->object || object_is_clean(&node->object))) {
		spin_lock(&fs->nodes_lock);
		gone = atomic_load(&node->inode->refs) == 1;
		if (gone)
			unhash_locked(node);
		spin_unlock(&fs->nodes_lock);
	}
	mutex_unlock(&fs->mutex);
	return gone;
}

void ext2_nodes_trim(struct ext2_fs *fs)
{
	struct ext2_node *node;

	/* One more than comes: each call is for one new node. */
	for (unsigned n = 0; n < 2 && (node = idle_take(fs)) != NULL; n++) {
		int err = node->inode->object ? object_sync(&node->object, 0, UINT32_MAX) : 0;

		if (!err && (node->fresh || ext2_node_changed(node)) && !fs->read_only)
			err = ext2_flush(fs, false);
		if (!err && idle_end(node))
			node_destroy(node);
		else
			inode_put(node->inode);
	}
}

void ext2_nodes_free(struct ext2_fs *fs)
{
	struct ext2_node *node, *next;

	for (unsigned i = 0; i < EXT2_HASH; i++)
		list_for_each_safe (node, next, &fs->nodes[i], link) {
			spin_lock(&fs->nodes_lock);
			unhash_locked(node);
			spin_unlock(&fs->nodes_lock);
			node_destroy(node);
		}
	ext2_corpses_free(&fs->corpses);
	/* The page daemon may be looking at one of their pages. */
	(void)wait_event(&fs->settled, atomic_load(&fs->live) == 0, WAIT_UNINTERRUPTIBLE,
			 WAIT_FOREVER);
	spin_lock(&fs->nodes_lock);
	spin_unlock(&fs->nodes_lock);
}
