// SPDX-License-Identifier: MIT
/*
 * The table of devices: a list that only grows, read without lock (nodes are linked in by a release
 * store and never leave).
 */
#include "kernel/fs/dev.h"
#include "kernel/fs/internal.h"
#include "kernel/log.h"

static struct device_node *nodes;
static struct spinlock nodes_lock = SPINLOCK_INIT;
static struct dentry
	*dev_root; /* of the devtmpfs that was mounted first: late devices appear there */

static int node_create(struct dentry *root, const struct device_node *n)
{
	struct path at = { NULL, root };
	struct name name = { n->name, (uint32_t)strlen(n->name), 0 };
	struct dentry *made, *d;
	struct inode *i;
	int err;

	name.hash = name_hash(name.text, name.len);
	mutex_lock(&root->inode->mutex);
	d = dentry_find(root, &name);
	made = d ? NULL : dentry_alloc(at.dentry, &name);
	err = d || made ? 0 : -ENOMEM;
	if (made) {
		err = root->inode->ops->create(root->inode, &name, n->mode, n->devno, &i);
		if (err)
			dentry_free_unused(made);
		else
			dentry_attach(made, i);
		d = err ? NULL : made;
	}
	mutex_unlock(&root->inode->mutex);
	if (d)
		dentry_put(d);
	return err;
}

void device_node_register(struct device_node *n)
{
	struct device_node **p = &nodes;
	struct dentry *root;

	spin_lock(&nodes_lock);
	while (*p)
		p = &(*p)->next;
	n->next = NULL;
	atomic_store_release(p, n);
	root = dev_root;
	spin_unlock(&nodes_lock);
	if (root && node_create(root, n))
		log_warn("dev: no memory for the node of %s", n->name);
}

const struct device_node *device_node_next(const struct device_node *n)
{
	return n ? atomic_load_acquire(&n->next) : atomic_load_acquire(&nodes);
}

static const struct device_node *find(uint32_t mode, devno_t devno)
{
	const struct device_node *n = NULL;

	while ((n = device_node_next(n)) != NULL)
		if (n->devno == devno && (n->mode & S_IFMT) == (mode & S_IFMT))
			return n;
	return NULL;
}

const struct file_ops *device_ops(uint32_t mode, devno_t rdev)
{
	const struct device_node *n = find(mode, rdev);

	return n ? n->ops : NULL;
}

void *device_data(const struct inode *i)
{
	const struct device_node *n = find(i->mode, i->rdev);

	return n ? n->data : NULL;
}

int device_nodes_create(struct dentry *root)
{
	const struct device_node *n = NULL;
	int err;

	while ((n = device_node_next(n)) != NULL) {
		err = node_create(root, n);
		if (err)
			return err;
	}
	if (!dev_root)
		dev_root = dentry_get(root);
	return 0;
}
