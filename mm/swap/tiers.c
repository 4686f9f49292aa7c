// SPDX-License-Identifier: MIT
/*
 * What a page goes through on its way to a store: it is packed. The page daemon alone packs, so one packer serves all stores; it is made
 * when the first page leaves and kept. Without memory for it pages go as they are.
 */
#include "mm/swap/tiers.h"

#include "mm/slab.h"
#include "mm/swap/codec.h"

static struct packer *packer; /* the daemon's */

int page_store(struct store *s, uint32_t slot, const void *page)
{
	const void *data;
	uint16_t n = 0;

	if (packer == NULL)
		packer = packer_create(ALLOC_NOWAIT);
	if (packer != NULL)
		n = page_pack(packer, page, &data);
	return n > 0 ? store_append_packed(s, slot, data, n) : store_append(s, slot, page);
}

void page_store_rest(void)
{
	packer_destroy(packer);
	packer = NULL;
}
