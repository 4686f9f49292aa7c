// SPDX-License-Identifier: MIT
/*
 * Which group pays for a slot: two bytes for each, in arrays of as many as a chunk of slots has,
 * beside the chunks. They are made when a group's page is the first to get a slot there, so without
 * groups there are none. swap.lock; arrays are added by the daemon alone.
 */
#include "mm/memcg_internal.h"
#include "mm/slab.h"
#include "mm/swap/swap_internal.h"

static inline uint16_t **owners_of(uint32_t slot)
{
	struct swap_part *part = &swap.parts[slot / PART_SLOTS];

	return part->owners == NULL ? NULL : &part->owners[slot % PART_SLOTS / SLOTS_PER_CHUNK];
}

static inline uint16_t *owner_at(uint32_t slot)
{
	uint16_t **owners = owners_of(slot);

	return owners == NULL || *owners == NULL ? NULL : &(*owners)[slot % SLOTS_PER_CHUNK];
}

bool swap_owner_ready(uint32_t slot, unsigned group)
{
	struct swap_part *part = &swap.parts[slot / PART_SLOTS];
	uint16_t **owners, *new;

	if (group == 0 || owner_at(slot) != NULL)
		return true;
	if (part->owners == NULL) {
		owners = kmalloc((PART_SLOTS / SLOTS_PER_CHUNK + 1) * sizeof(*owners),
				 ALLOC_ZERO | ALLOC_NOWAIT);
		hw_wmb(); /* whoever sees the array finds nothing in it */
		WRITE_ONCE(part->owners, owners);
	}
	owners = owners_of(slot);
	if (owners == NULL)
		return false;
	new = kmalloc(SLOTS_PER_CHUNK * sizeof(*new), ALLOC_ZERO | ALLOC_NOWAIT);
	hw_wmb();
	WRITE_ONCE(*owners, new);
	return new != NULL;
}

void swap_owner_set_locked(uint32_t slot, unsigned group)
{
	if (group != 0 && memcg_swap_charge(group))
		*owner_at(slot) = (uint16_t)group;
}

void swap_owner_clear_locked(uint32_t slot)
{
	uint16_t *owner = owner_at(slot);

	if (owner == NULL || *owner == 0)
		return;
	memcg_swap_uncharge(*owner);
	*owner = 0;
}

void swap_owner_charge_locked(uint32_t slot, struct page *p)
{
	const uint16_t *owner = owner_at(slot);

	if (owner != NULL && *owner != 0)
		memcg_charge_to(p, *owner);
}

/* The slots of one array. */
static void hand_over_chunk(uint16_t *owners, struct memcg *m, struct memcg *heir)
{
	uint32_t n = 0;

	spin_lock(&swap.lock);
	for (unsigned i = 0; i < SLOTS_PER_CHUNK; i++)
		if (owners[i] == m->id) {
			owners[i] = heir == NULL ? 0 : heir->id;
			n++;
		}
	spin_lock(&memcg_lock);
	memcg_moved_locked(m, heir, 0, n);
	spin_unlock(&memcg_lock);
	spin_unlock(&swap.lock);
}

void swap_owner_hand_over(struct memcg *m, struct memcg *heir)
{
	for (uint32_t slot = 0; slot <= READ_ONCE(swap.limit); slot += SLOTS_PER_CHUNK) {
		uint16_t **owners = owners_of(slot);

		if (owners != NULL && READ_ONCE(*owners) != NULL)
			hand_over_chunk(*owners, m, heir);
	}
}
