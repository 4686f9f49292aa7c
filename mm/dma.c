// SPDX-License-Identifier: MIT
/*
 * Devices that reach a part of RAM only, as those of the Raspberry Pi 4 reach the first GB. The
 * buddy knows no zones: such devices are few, each needs little, and takes it once, at boot. So
 * frames are taken until some lie within reach, and what was taken before goes back.
 */
#include "mm/dma.h"

#include "mm/memblock.h"

static bool within(const struct dma_reach *reach, phys_addr_t pa, uint64_t n)
{
	return pa >= reach->base && n <= reach->size && pa - reach->base <= reach->size - n;
}

bool dma_reaches(const struct dma_reach *reach, const void *kva, size_t n)
{
	return within(reach, virt_to_phys(kva), n);
}

bool dma_reaches_all(const struct dma_reach *reach)
{
	struct memblock_range r;

	for (unsigned i = 0; memblock_ram(i, &r); i++)
		if (!within(reach, r.base, r.size))
			return false;
	return true;
}

uint64_t dma_address(const struct dma_reach *reach, const void *kva)
{
	return virt_to_phys(kva) - reach->base + reach->bus;
}

/* All but the first 2^order frames of a block go back. */
static void trim(struct page *p, unsigned order)
{
	for (unsigned k = p->order; k > order; k--)
		page_free(p + (1u << (k - 1)), k - 1);
	p->order = (uint8_t)order;
}

struct page *dma_alloc(const struct dma_reach *reach, unsigned order)
{
	struct page *p = page_alloc_order(order, 0);
	pfn_t missed = PFN_NONE;

	while (p && !dma_reaches(reach, page_to_virt(p), PAGE_SIZE << order)) {
		p->next = missed;
		missed = page_to_pfn(p);
		p = page_alloc_order(MAX_ORDER, ALLOC_NOWAIT);
	}
	if (p)
		trim(p, order);
	while (missed != PFN_NONE) {
		struct page *back = pfn_to_page(missed);

		missed = back->next;
		page_free(back, back->order);
	}
	return p;
}
