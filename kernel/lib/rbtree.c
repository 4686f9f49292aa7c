// SPDX-License-Identifier: MIT
/*
 * Red-black trees (Guibas and Sedgewick; Cormen et al., Introduction to Algorithms, chapter 13).
 *
 *   (1) A red node has no red child.
 *   (2) Every path from a node down to a missing child passes the same number of black nodes.
 *   (3) The root is black.
 *
 * Together they bound the height by 2 * log2(n + 1), so every walk below is bounded and may run
 * under a spin lock. Missing children are NULL and count as black. The colour lives in bit 0 of the
 * parent word: nodes are at least 2-byte aligned. Both mirror images of each case are written once,
 * with the side as a parameter: side 0 is left.
 *
 * Augmented trees: linking or unlinking a node changes the summaries on its path to the root, all
 * updated before the repair. A rotation changes no subtree but the two whose tops it exchanges, so
 * it updates just these.
 */
#include "kernel/lib/rbtree.h"

enum { RED = 0, BLACK = 1 };

static inline struct rb_node *parent_of(const struct rb_node *n)
{
	return rb_parent(n);
}

static inline bool is_red(const struct rb_node *n)
{
	return n != NULL && (n->parent_color & 1) == RED;
}

static inline void set_parent(struct rb_node *n, struct rb_node *parent)
{
	n->parent_color = (uintptr_t)parent | (n->parent_color & 1);
}

static inline void set_color(struct rb_node *n, unsigned color)
{
	n->parent_color = (n->parent_color & ~(uintptr_t)1) | color;
}

static inline struct rb_node **link_of(struct rb_node *n, unsigned side)
{
	return &n->child[side];
}

static inline unsigned side_of(const struct rb_node *parent, const struct rb_node *n)
{
	return parent->left != n;
}

/* Puts `new` (or nothing) where `old` hangs. */
static void replace_child(struct rb_root *root, struct rb_node *parent, struct rb_node *old,
			  struct rb_node *new)
{
	if (parent == NULL)
		root->node = new;
	else
		*link_of(parent, side_of(parent, old)) = new;
}

/* n sinks to `side`; its child on the other side rises into its place. */
static NOINLINE struct rb_node *turn(struct rb_root *root, struct rb_node *n, unsigned side)
{
	struct rb_node *up = *link_of(n, !side), *inner = *link_of(up, side),
		       *parent = parent_of(n);

	*link_of(n, !side) = inner;
	if (inner != NULL)
		set_parent(inner, n);
	replace_child(root, parent, n, up);
	set_parent(up, parent);
	*link_of(up, side) = n;
	set_parent(n, up);
	return up;
}

static inline void rotate(struct rb_root *root, struct rb_node *n, unsigned side, rb_update update)
{
	struct rb_node *up = turn(root, n, side);

	if (update != NULL) {
		update(n);
		update(up);
	}
}

void rb_augment(struct rb_node *node, rb_update update)
{
	for (; node != NULL; node = parent_of(node))
		update(node);
}

static void insert(struct rb_root *root, struct rb_node *node, struct rb_node *parent,
		   struct rb_node **link, rb_update update)
{
	node->parent_color = (uintptr_t)parent | RED;
	node->left = node->right = NULL;
	*link = node;
	if (update != NULL)
		rb_augment(node, update);

	/* node is red; only (1) may be broken, between it and a red parent, which then is not the
	 * root. */
	while (parent = parent_of(node), is_red(parent)) {
		struct rb_node *grand = parent_of(parent);
		unsigned side = side_of(grand, parent);
		struct rb_node *uncle = *link_of(grand, !side);

		if (is_red(uncle)) {
			set_color(parent, BLACK);
			set_color(uncle, BLACK);
			set_color(grand, RED);
			node = grand;
			continue;
		}
		if (side_of(parent, node) != side) {
			rotate(root, parent, side, update);
			parent = node;
		}
		set_color(parent, BLACK);
		set_color(grand, RED);
		rotate(root, grand, !side, update);
		break;
	}
	set_color(root->node, BLACK);
}

void rb_insert(struct rb_root *root, struct rb_node *node, struct rb_node *parent,
	       struct rb_node **link)
{
	insert(root, node, parent, link, NULL);
}

void rb_insert_augmented(struct rb_root *root, struct rb_node *node, struct rb_node *parent,
			 struct rb_node **link, rb_update update)
{
	insert(root, node, parent, link, update);
}

/* The subtree at `side` of parent lacks one black node on every path: (2). Repairs it. */
static void fill_black(struct rb_root *root, struct rb_node *parent, unsigned side,
		       rb_update update)
{
	for (;;) {
		struct rb_node *sibling = *link_of(parent, !side);
		struct rb_node *near, *far;

		if (is_red(sibling)) {
			set_color(sibling, BLACK);
			set_color(parent, RED);
			rotate(root, parent, side, update);
			sibling = *link_of(parent, !side);
		}
		near = *link_of(sibling, side);
		far = *link_of(sibling, !side);
		if (is_red(near) && !is_red(far)) {
			set_color(near, BLACK);
			set_color(sibling, RED);
			rotate(root, sibling, !side, update);
			sibling = near;
			far = *link_of(sibling, !side);
		}
		if (is_red(far)) {
			set_color(sibling, is_red(parent) ? RED : BLACK);
			set_color(parent, BLACK);
			set_color(far, BLACK);
			rotate(root, parent, side, update);
			return;
		}
		/* No red nephew: the sibling gives one black up, and the lack moves to the
		 * parent. */
		set_color(sibling, RED);
		if (is_red(parent) || parent_of(parent) == NULL) {
			set_color(parent, BLACK);
			return;
		}
		side = side_of(parent_of(parent), parent);
		parent = parent_of(parent);
	}
}

/* Exchanges node, which has two children, with its successor, colours staying with the places. */
static void swap_with_next(struct rb_root *root, struct rb_node *node)
{
	struct rb_node *next = rb_next(node), saved = *node, *next_parent = parent_of(next);

	replace_child(root, parent_of(node), node, next);
	node->parent_color = next->parent_color;
	node->left = NULL;
	node->right = next->right;
	if (node->right != NULL)
		set_parent(node->right, node);
	*next = saved;
	if (next_parent == node) {
		next->right = node;
	} else {
		next_parent->left = node;
		set_parent(next->right, next);
	}
	set_parent(next->left, next);
	set_parent(node, next_parent == node ? next : next_parent);
}

static void unlink_node(struct rb_root *root, struct rb_node *node, rb_update update)
{
	struct rb_node *child, *parent;
	unsigned side;

	if (node->left != NULL && node->right != NULL)
		swap_with_next(root, node);
	child = node->left != NULL ? node->left : node->right;
	parent = parent_of(node);
	side = parent != NULL ? side_of(parent, node) : 0;
	replace_child(root, parent, node, child);
	if (update != NULL)
		rb_augment(parent, update);
	if (child != NULL) {
		/* An only child is red by (2): painting it makes up for a black node that went. */
		set_parent(child, parent);
		set_color(child, BLACK);
	} else if (!is_red(node) && parent != NULL) {
		fill_black(root, parent, side, update);
	}
	node->parent_color = 0;
	node->left = node->right = NULL;
}

void rb_remove(struct rb_root *root, struct rb_node *node)
{
	unlink_node(root, node, NULL);
}

void rb_remove_augmented(struct rb_root *root, struct rb_node *node, rb_update update)
{
	unlink_node(root, node, update);
}

static struct rb_node *outermost(struct rb_node *n, unsigned side)
{
	while (n != NULL && *link_of(n, side) != NULL)
		n = *link_of(n, side);
	return n;
}

static struct rb_node *neighbour(const struct rb_node *node, unsigned side)
{
	struct rb_node *n = (struct rb_node *)node, *parent;

	if (*link_of(n, side) != NULL)
		return outermost(*link_of(n, side), !side);
	while (parent = parent_of(n), parent != NULL && side_of(parent, n) == side)
		n = parent;
	return parent;
}

struct rb_node *rb_first(const struct rb_root *root)
{
	return outermost(root->node, 0);
}

struct rb_node *rb_last(const struct rb_root *root)
{
	return outermost(root->node, 1);
}

struct rb_node *rb_next(const struct rb_node *node)
{
	return neighbour(node, 1);
}

struct rb_node *rb_prev(const struct rb_node *node)
{
	return neighbour(node, 0);
}
