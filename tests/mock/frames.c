// SPDX-License-Identifier: MIT
/*
 * A plain frame allocator with the interface of mm/buddy.h and mm/page.h, for tests of what lies
 * above or beside the buddy. All functions are weak: name mm/buddy.c and mm/page.c in SOURCES and
 * they take over. Freed frames are filled with a pattern and reported to the TLB model; they come
 * back in the order they were freed, so that a use after free shows early.
 */
#include <string.h>

#include "mm/buddy.h"
#include "mm/frames.h"
#include "tests/mock/private.h"

#define WEAK  __attribute__((weak))
#define FREED 0xa5

static struct {
	pfn_t next, end;  /* never used yet */
	pfn_t head, tail; /* freed, through page->next */
	uint32_t free;
	const char *ram; /* of which machine */
} f;

WEAK uint32_t table_frames;
WEAK struct watermarks watermarks;

/* Starts over when the machine did. */
static void frames_attach(void)
{
	if (f.ram == mock_ram && f.end == mock_end_pfn() && pfn_to_page(mock_first_pfn())->order)
		return;
	f.ram = mock_ram;
	f.next = mock_first_pfn() + 1;
	f.end = mock_end_pfn();
	f.head = f.tail = PFN_NONE;
	f.free = f.end - f.next;
	pfn_to_page(mock_first_pfn())->order =
		1; /* marks this machine as ours: frame 0 is not handed out */
}

static pfn_t frame_take(void)
{
	pfn_t pfn = f.next;

	if (pfn < f.end) {
		f.next++;
		return pfn;
	}
	pfn = f.head;
	if (pfn == PFN_NONE)
		return PFN_NONE;
	f.head = pfn_to_page(pfn)->next;
	if (f.head == PFN_NONE)
		f.tail = PFN_NONE;
	return pfn;
}

void (*mock_on_page_alloc)(void);

WEAK struct page *page_alloc(unsigned flags)
{
	void (*meanwhile)(void) = mock_on_page_alloc;
	struct page *p;
	pfn_t pfn;

	if (!(flags & ALLOC_NOWAIT) && !preemptible())
		mock_violation(MOCK_RULE_CONTEXT, "page_alloc that may sleep, with preemption off");
	frames_attach();
	mock_on_page_alloc = NULL;
	if (meanwhile)
		meanwhile();
	if (mock_alloc_should_fail())
		return NULL;
	pfn = frame_take();
	if (pfn == PFN_NONE)
		return NULL;
	f.free--;
	p = pfn_to_page(pfn);
	memset(p, 0, sizeof(*p));
	p->type = PAGE_KERNEL;
	p->refs = 1;
	p->next = p->prev = PFN_NONE;
	if (flags & ALLOC_ZERO)
		hw_clear_page(page_to_virt(p));
	else
		mock_frame_reused(page_to_phys(p));
	return p;
}

static void list_frame(pfn_t pfn)
{
	struct page *p = pfn_to_page(pfn);

	p->type = PAGE_FREE;
	p->refs = 0;
	p->next = PFN_NONE;
	if (f.tail == PFN_NONE)
		f.head = pfn;
	else
		pfn_to_page(f.tail)->next = pfn;
	f.tail = pfn;
}

/* Out of frames never used: what was freed comes back one by one only. */
WEAK struct page *page_alloc_order(unsigned order, unsigned flags)
{
	pfn_t first, n = (pfn_t)1 << order;
	struct page *p;

	if (!(flags & ALLOC_NOWAIT) && !preemptible())
		mock_violation(MOCK_RULE_CONTEXT,
			       "page_alloc_order that may sleep, with preemption off");
	frames_attach();
	first = (pfn_t)ALIGN_UP(f.next, n);
	if (mock_alloc_should_fail() || first + n > f.end)
		return NULL;
	while (f.next < first)
		list_frame(f.next++);
	for (f.next += n; n-- > 0; f.free--) {
		p = pfn_to_page(first + n);
		memset(p, 0, sizeof(*p));
		p->type = PAGE_KERNEL;
		p->next = p->prev = PFN_NONE;
		if (flags & ALLOC_ZERO)
			hw_clear_page(page_to_virt(p));
	}
	pfn_to_page(first)->refs = 1;
	return pfn_to_page(first);
}

WEAK struct page *page_alloc_spare(unsigned order)
{
	struct page *p = page_alloc_order(order, ALLOC_ZERO | ALLOC_NOWAIT);

	for (pfn_t i = 0; p && i < (pfn_t)1 << order; i++)
		p[i].refs = 1;
	return p;
}

WEAK void page_free_zeroed(struct page *p)
{
	static const uint8_t zeroes[PAGE_SIZE];

	assert_memory_equal(page_to_virt(p), zeroes, PAGE_SIZE);
	page_free(p, 0);
}

WEAK void page_free(struct page *p, unsigned order)
{
	for (pfn_t i = 0; i < (pfn_t)1 << order; i++) {
		struct page *part = p + i;

		if (page_is_free(part) || part->type == PAGE_RESERVED)
			fail_msg("frame %#x is freed but not allocated", page_to_pfn(part));
		mock_frame_freed(page_to_pfn(part));
		memset(page_to_virt(part), FREED, PAGE_SIZE);
		list_frame(page_to_pfn(part));
		f.free++;
	}
}

WEAK bool page_get_live(struct page *p)
{
	if (p->refs == 0)
		return false;
	p->refs++;
	return true;
}

WEAK void page_put(struct page *p)
{
	assert_true(p->refs > 0);
	if (atomic_dec(&p->refs) == 0)
		page_free(p, 0);
}

WEAK void page_free_batch(struct page **pages, unsigned n)
{
	while (n > 0)
		page_free(pages[--n], 0);
}

WEAK void page_put_batch(struct page **pages, unsigned n)
{
	while (n-- > 0)
		if (pages[n]->refs == 0) /* claimed */
			page_free(pages[n], 0);
		else
			page_put(pages[n]);
}

WEAK uint32_t frames_free(void)
{
	frames_attach();
	return f.free;
}

WEAK uint32_t frames_total(void)
{
	frames_attach();
	return f.end - mock_first_pfn() - 1;
}

/* No neighbours here that could merge, no lists apart. */
WEAK bool buddy_has_block(unsigned order)
{
	return order == 0;
}

WEAK void pcp_drain_all(void) {}
