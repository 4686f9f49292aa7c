// SPDX-License-Identifier: MIT
/*
 * A trie over 32-bit indices, six bits a level, that leaves out nodes with a single child.
 *
 *   (1) A node of shift s and prefix q covers the indices i with i >> s >> 6 == q; its 64 slots
 *       divide them by bits s .. s+5. Leaves have shift 0 and hold the user's words; other nodes
 *       hold nodes of smaller shift.
 *   (2) Bit k of `present` is set exactly when slot k is not 0.
 *   (3) A leaf has at least one slot present, any other node at least two.
 *
 * By (3) an insertion needs at most a new leaf and a fork above it, whatever the index, so
 * RADIX_RESERVE_NODES is two and a file of one page costs one node. Six levels at most, so every
 * walk is bounded.
 */
#include "kernel/lib/radix.h"

#include "kernel/errno.h"
#include "kernel/log.h"
#include "mm/slab.h"

enum { SLOT_BITS = 6, SLOTS = 1 << SLOT_BITS };

struct radix_node {
	uint32_t prefix;
	uint32_t shift;
	uint64_t present;
	uintptr_t slots[SLOTS];
};

/* Created by whoever comes first; never goes. */
static struct kmem_cache *node_cache;

static struct kmem_cache *cache_get(void)
{
	struct kmem_cache *c = atomic_load_acquire(&node_cache), *seen = NULL;

	if (c != NULL)
		return c;
	c = kmem_cache_create("radix_node", sizeof(struct radix_node), 0);
	if (c != NULL && !atomic_compare_exchange(&node_cache, &seen, c)) {
		kmem_cache_destroy(c);
		c = seen;
	}
	return c;
}

/* The bits above the node's own six. Two shifts: s + 6 may be 36. */
static inline uint32_t prefix_of(uint32_t index, unsigned shift)
{
	return (uint32_t)((uint64_t)index >> shift >> SLOT_BITS);
}

static inline unsigned slot_of(uint32_t index, unsigned shift)
{
	return (unsigned)(index >> shift) % SLOTS;
}

static inline bool node_covers(const struct radix_node *n, uint32_t index)
{
	return prefix_of(index, n->shift) == n->prefix;
}

static void slot_fill(struct radix_node *n, unsigned slot, uintptr_t word)
{
	n->slots[slot] = word;
	n->present |= 1ull << slot;
}

void radix_init(struct radix *r)
{
	r->root = NULL;
}

/* The leaf whose range holds index, or NULL. */
static struct radix_node *leaf_find(const struct radix *r, uint32_t index)
{
	struct radix_node *n = r->root;

	while (n != NULL && node_covers(n, index)) {
		if (n->shift == 0)
			return n;
		n = (struct radix_node *)n->slots[slot_of(index, n->shift)];
	}
	return NULL;
}

uintptr_t radix_get(const struct radix *r, uint32_t index)
{
	struct radix_node *leaf = leaf_find(r, index);

	return leaf != NULL ? leaf->slots[slot_of(index, 0)] : 0;
}

const uintptr_t *radix_run(const struct radix *r, uint32_t first, unsigned count, unsigned *n)
{
	const struct radix_node *leaf = leaf_find(r, first);
	unsigned slot = slot_of(first, 0);

	*n = MIN(count, SLOTS - slot);
	return leaf != NULL ? &leaf->slots[slot] : NULL;
}

bool radix_ready(const struct radix *r, uint32_t index)
{
	return leaf_find(r, index) != NULL;
}

int radix_prepare(struct radix_reserve *res)
{
	struct kmem_cache *c = cache_get();

	res->count = 0;
	while (c != NULL && res->count < RADIX_RESERVE_NODES) {
		struct radix_node *n = kmem_cache_alloc(c, ALLOC_ZERO);

		if (n == NULL)
			break;
		res->nodes[res->count++] = n;
	}
	if (res->count == RADIX_RESERVE_NODES)
		return 0;
	radix_unprepare(res);
	return -ENOMEM;
}

void radix_unprepare(struct radix_reserve *res)
{
	while (res->count > 0)
		kmem_cache_free(node_cache, res->nodes[--res->count]);
}

/* Nodes in a reserve are all zero. */
static struct radix_node *node_take(struct radix_reserve *res, uint32_t index, unsigned shift)
{
	struct radix_node *n;

	ASSERT(res->count > 0);
	n = res->nodes[--res->count];
	n->shift = shift;
	n->prefix = prefix_of(index, shift);
	return n;
}

/* The smallest shift at which one node covers both index and all of n, which does not cover
 * index. */
static unsigned fork_shift(const struct radix_node *n, uint32_t index)
{
	unsigned shift = n->shift;

	do
		shift += SLOT_BITS;
	while (prefix_of(index, shift) != n->prefix >> (shift - n->shift));
	return shift;
}

uintptr_t radix_set(struct radix *r, uint32_t index, uintptr_t word, struct radix_reserve *res)
{
	struct radix_node **link = &r->root, *n, *leaf;
	uintptr_t old;

	ASSERT(word != 0);
	while (n = *link, n != NULL && node_covers(n, index)) {
		unsigned slot = slot_of(index, n->shift);

		if (n->shift == 0) {
			old = n->slots[slot];
			slot_fill(n, slot, word);
			return old;
		}
		n->present |= 1ull << slot; /* (2): an empty slot is filled below */
		link = (struct radix_node **)&n->slots[slot];
	}
	leaf = node_take(res, index, 0);
	slot_fill(leaf, slot_of(index, 0), word);
	if (n != NULL) {
		unsigned shift = fork_shift(n, index);
		struct radix_node *fork = node_take(res, index, shift);

		slot_fill(fork, (n->prefix >> (shift - n->shift - SLOT_BITS)) % SLOTS,
			  (uintptr_t)n);
		slot_fill(fork, slot_of(index, shift), (uintptr_t)leaf);
		*link = fork;
	} else {
		*link = leaf;
	}
	return 0;
}

uintptr_t radix_replace(struct radix *r, uint32_t index, uintptr_t word)
{
	struct radix_node *leaf = leaf_find(r, index);
	uintptr_t old = leaf != NULL ? leaf->slots[slot_of(index, 0)] : 0;

	ASSERT(old != 0 && word != 0);
	leaf->slots[slot_of(index, 0)] = word;
	return old;
}

/* Frees n, the node at *link, when it is an empty leaf, or puts its only child into its place:
 * (3). */
static void node_settle(struct radix_node **link)
{
	struct radix_node *n = *link;

	if (n->shift == 0 && n->present == 0)
		*link = NULL;
	else if (n->shift != 0 && (n->present & (n->present - 1)) == 0)
		*link = (struct radix_node *)n->slots[__builtin_ctzll(n->present)];
	else
		return;
	kmem_cache_free(node_cache, n);
}

uintptr_t radix_remove(struct radix *r, uint32_t index)
{
	struct radix_node **link = &r->root, **parent_link = NULL, *n;
	unsigned slot, parent_slot = 0;
	uintptr_t old;

	while (n = *link, n != NULL && node_covers(n, index) && n->shift != 0) {
		parent_slot = slot_of(index, n->shift);
		parent_link = link;
		link = (struct radix_node **)&n->slots[parent_slot];
	}
	slot = slot_of(index, 0);
	if (n == NULL || !node_covers(n, index) || n->slots[slot] == 0)
		return 0;
	old = n->slots[slot];
	n->slots[slot] = 0;
	n->present &= ~(1ull << slot);
	node_settle(link);
	if (*link == NULL && parent_link != NULL) {
		(*parent_link)->present &= ~(1ull << parent_slot);
		node_settle(parent_link);
	}
	return old;
}

/* The first present slot of n at or after `from` (up to 64), or SLOTS. */
static unsigned slot_next(const struct radix_node *n, unsigned from)
{
	uint64_t rest = from < SLOTS ? n->present & (~0ull << from) : 0;

	return rest != 0 ? (unsigned)__builtin_ctzll(rest) : SLOTS;
}

/* The first index that slot covers; beyond 32 bits never, as slots outside the prefix are never
 * present. */
static uint64_t slot_start(const struct radix_node *n, unsigned slot)
{
	return ((uint64_t)n->prefix << n->shift << SLOT_BITS) | ((uint64_t)slot << n->shift);
}

/* One walk down towards want. True: leaf *leaf has its slot *slot as the answer. False: *want is
 * where to look next. */
static bool next_step(const struct radix_node *n, uint64_t *want, const struct radix_node **leaf,
		      unsigned *slot)
{
	uint32_t index = (uint32_t)*want;

	*want = UINT64_MAX;
	while (node_covers(n, index)) {
		unsigned own = slot_of(index, n->shift), right;

		*slot = slot_next(n, own);
		*leaf = n;
		if (n->shift == 0)
			return *slot < SLOTS;
		right = *slot == own ? slot_next(n, own + 1) : *slot;
		if (right < SLOTS)
			*want = slot_start(n, right);
		if (*slot != own)
			return false;
		n = (const struct radix_node *)n->slots[own];
	}
	if (slot_start(n, 0) > index)
		*want = slot_start(n, 0);
	return false;
}

bool radix_next(const struct radix *r, uint32_t *index, uintptr_t *word)
{
	const struct radix_node *leaf;
	uint64_t want = *index;
	unsigned slot;

	while (r->root != NULL && want <= UINT32_MAX) {
		if (next_step(r->root, &want, &leaf, &slot)) {
			*index = (uint32_t)slot_start(leaf, slot);
			*word = leaf->slots[slot];
			return true;
		}
	}
	return false;
}
