// SPDX-License-Identifier: MIT
/*
 * The set of leaf entries that map one frame, held in one word (struct page's rmap). Private to the
 * reverse map; every call under the page lock. Every operation takes bounded time, however many
 * entries there are: see rmap_set.c. What a set needs no more goes on a list, `gone`, which begins
 * as 0 and is freed when the locks are: what comes back may be the last of a slab, and that the
 * last that a list of frames keeps.
 */
#ifndef MM_RMAP_SET_H
#define MM_RMAP_SET_H

#include "kernel/lib/atomic.h"
#include "mm/pmap.h"

/* Once, at boot. */
void rmap_set_init(void);
/* Memory for the next additions; as rmap_reserve() in mm/rmap.h. */
int rmap_set_reserve(void) MUST_CHECK;

/* ---- Adding and removing: what is most often the case is here, the rest behind it ---- */

#define CHUNK_PTES   7u
#define BEHIND_SHIFT 3
#define TAG_CHUNK    ((uintptr_t)1)
/* chunks kept with a single entry, for the next fork; approximate */
#define LONE_MAX 1024

struct rmap_chunk {
	/* The next chunk's address; in the low bits how many entries are here (0..2), and how many
	 * chunks come behind, 7 standing for more (3..5). */
	uintptr_t link;
	uintptr_t ptes[CHUNK_PTES]; /* what is not used is anything */
};

#define CHUNK_ALIGN ((uintptr_t)64)

extern uint32_t rmap_lone_chunks; /* chunks with a single entry and nothing behind; atomic */
int rmap_set_add_slow(uintptr_t *word, struct pte *pte) MUST_CHECK;
void rmap_set_remove_slow(uintptr_t *word, struct pte *pte, uintptr_t *gone);

static inline unsigned chunk_used(const struct rmap_chunk *c)
{
	return c->link & ((1u << BEHIND_SHIFT) - 1);
}

static inline struct rmap_chunk *chunk_of(uintptr_t word)
{
	return word & TAG_CHUNK ? (struct rmap_chunk *)(word & ~TAG_CHUNK) : NULL;
}

/* head has room. */
static inline void rmap_head_add(struct rmap_chunk *head, uintptr_t pte)
{
	if (head->link == 1) /* alone, with one entry */
		atomic_dec(&rmap_lone_chunks);
	head->ptes[chunk_used(head)] = pte;
	head->link++;
}

/* Takes pte out of a chain's head where that is all there is to do. False: nothing done. */
static inline bool rmap_head_remove(uintptr_t *word, uintptr_t pte, uintptr_t *gone)
{
	struct rmap_chunk *head = chunk_of(*word);
	unsigned last = chunk_used(head) - 1, i = last;

	while (i > 0 && head->ptes[i] != pte)
		i--;
	if (head->ptes[i] != pte)
		return false;
	if (head->link == 1) { /* was shared by a fork, and is no more */
		atomic_dec(&rmap_lone_chunks);
		head->link = *gone;
		*gone = *word;
		*word = 0;
		return true;
	}
	if (last == 0)
		return false;
	if (head->link == 2) { /* alone, with one entry left */
		if (READ_ONCE(rmap_lone_chunks) >= LONE_MAX)
			return false;
		atomic_inc(&rmap_lone_chunks);
	}
	head->ptes[i] = head->ptes[last];
	head->link--;
	return true;
}

/* Adds pte, which is not in the set. 0 or -ENOMEM (nothing changed). */
static inline int MUST_CHECK rmap_set_add(uintptr_t *word, struct pte *pte)
{
	struct rmap_chunk *head = chunk_of(*word);

	if (likely(*word == 0)) {
		*word = (uintptr_t)pte;
		return 0;
	}
	if (unlikely(head == NULL || chunk_used(head) == CHUNK_PTES))
		return rmap_set_add_slow(word, pte);
	rmap_head_add(head, (uintptr_t)pte);
	return 0;
}

/* Removes pte; panics when it is not in the set. */
static inline void rmap_set_remove(uintptr_t *word, struct pte *pte, uintptr_t *gone)
{
	if (likely(*word == (uintptr_t)pte))
		*word = 0;
	else if (unlikely(chunk_of(*word) == NULL || !rmap_head_remove(word, (uintptr_t)pte, gone)))
		rmap_set_remove_slow(word, pte, gone);
}

/* Frees what is on the list: some hundred instructions each, a thousand where a slab goes. */
void rmap_set_free(uintptr_t gone);

/* `to` takes the place of `from`. 0 or -ENOMEM (nothing changed; never while the set is small). */
int rmap_set_move(uintptr_t *word, struct pte *from, struct pte *to) MUST_CHECK;
/* Any entry, or NULL: the set is empty. */
struct pte *rmap_set_any(uintptr_t word);
/* Number of entries. */
unsigned rmap_set_count(uintptr_t word);
/* Up to max entries into ptes[]; all of a set that is not larger than that, others at each call of
 * a set that is much larger. Returns how many. */
unsigned rmap_set_sample(uintptr_t word, struct pte **ptes, unsigned max);

#endif
