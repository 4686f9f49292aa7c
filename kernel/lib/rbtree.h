// SPDX-License-Identifier: MIT
// A red-black tree threaded through its elements; the user finds the place, the tree keeps the
// balance. The caller's lock protects it.
#ifndef KERNEL_LIB_RBTREE_H
#define KERNEL_LIB_RBTREE_H

#include "kernel/lib/types.h"

struct rb_node {
	uintptr_t parent_color;
	union {
		struct {
			struct rb_node *left, *right;
		};
		struct rb_node *child[2];
	};
};

struct rb_root {
	struct rb_node *node;
};

#define rb_entry(ptr, type, member) container_of(ptr, type, member)

/* Links node as a leaf at *link below parent (both found by the caller's descent) and
 * rebalances. */
void rb_insert(struct rb_root *root, struct rb_node *node, struct rb_node *parent,
	       struct rb_node **link);
void rb_remove(struct rb_root *root, struct rb_node *node);
/* The same where node comes to be, or is, the only one, for trees that seldom have two. False: it
 * does not, or is not, and nothing was done. */
static inline bool rb_insert_only(struct rb_root *root, struct rb_node *node)
{
	if (root->node)
		return false;
	*node = (struct rb_node){ .parent_color = 1 }; /* black */
	root->node = node;
	return true;
}
static inline bool rb_remove_only(struct rb_root *root, const struct rb_node *node)
{
	if (root->node != node || node->left || node->right)
		return false;
	root->node = NULL;
	return true;
}
/* In order; NULL at the ends. */
struct rb_node *rb_first(const struct rb_root *root);
struct rb_node *rb_last(const struct rb_root *root);
struct rb_node *rb_next(const struct rb_node *node);
struct rb_node *rb_prev(const struct rb_node *node);

/*
 * Trees that keep a summary of each subtree in its top node (a maximum, a sum). update(n) computes
 * n's summary from n and its children's, which are up to date. A tree that uses one of these uses
 * no plain rb_insert or rb_remove.
 */
typedef void (*rb_update)(struct rb_node *n);
void rb_insert_augmented(struct rb_root *root, struct rb_node *node, struct rb_node *parent,
			 struct rb_node **link, rb_update update);
void rb_remove_augmented(struct rb_root *root, struct rb_node *node, rb_update update);
/* After node's own share of the summary changed: updates it and everything above. */
void rb_augment(struct rb_node *node, rb_update update);
static inline struct rb_node *rb_parent(const struct rb_node *n)
{
	return (struct rb_node *)(n->parent_color & ~(uintptr_t)1);
}

#endif
