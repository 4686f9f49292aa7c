// SPDX-License-Identifier: MIT
/*
 * The kernel's mapping area, in two parts:
 *
 *      KERNEL_MAP_BASE                          + STACK_SLOTS * 2 * KSTACK_SIZE              end
 *      | guard | stack | guard | stack | ...    | windows, each followed by a guard page --> |
 *
 * A stack slot is twice a stack's size and aligned to it; the stack is its upper half, so one bit
 * of the stack pointer tells the stack from the guard below it (the exception entry tests it).
 * Slots are found in a bitmap. Making a stack costs four frames, four entries and, when it goes, a
 * TLB flush on all CPUs: who makes tasks keeps some (kernel/task.c).
 *
 * Windows are for devices and never go, so a bump pointer allocates them.
 *
 * One spin lock over bitmap and bump pointer, a leaf; mapping is done outside it.
 */
#include "mm/kmap.h"

#include "kernel/lib/string.h"
#include "kernel/log.h"
#include "kernel/task.h"
#include "mm/buddy.h"
#include "mm/pmap.h"

#define STACK_FRAMES (KSTACK_SIZE / PAGE_SIZE)
#define SLOT_SIZE    ((size_t)2 * KSTACK_SIZE)
#define STACK_SLOTS  32768u /* 1 GB of addresses; each stack in use takes 16 KB of RAM */
#define SLOT_WORDS   (STACK_SLOTS / 64)
#define WINDOWS_BASE (KERNEL_MAP_BASE + STACK_SLOTS * SLOT_SIZE)
#define WINDOWS_END  (KERNEL_MAP_BASE + KERNEL_MAP_SIZE)
/* Windows from here on lie so that blocks can map them: 64 MB of flash then cost no tables. */
#define BIG_WINDOW ((size_t)2 << 20)

_Static_assert(KSTACK_SIZE % 4096 == 0, "stacks are whole pages");
_Static_assert((KSTACK_SIZE & (KSTACK_SIZE - 1)) == 0, "one bit tells stack from guard");

static struct spinlock lock = SPINLOCK_INIT;
static uint64_t slots[SLOT_WORDS]; /* bit set: taken */
static unsigned first_word;        /* no slot is free in words before it */
static uint32_t frames;            /* mapped for stacks */
static virt_addr_t window_next;

void kmap_init(void)
{
	memset(slots, 0, sizeof(slots));
	first_word = frames = 0;
	window_next = WINDOWS_BASE;
}

/* Called under the kernel map's spin lock: must not sleep. */
static phys_addr_t table_alloc(void)
{
	struct page *p = page_alloc(ALLOC_ZERO | ALLOC_NOWAIT | ALLOC_RESERVE);

	if (p == NULL)
		return 0;
	p->type = PAGE_TABLE;
	return page_to_phys(p);
}

/* A slot's stack address, or 0: all are taken. */
static virt_addr_t slot_take(void)
{
	virt_addr_t stack = 0;

	spin_lock(&lock);
	while (first_word < SLOT_WORDS && slots[first_word] == UINT64_MAX)
		first_word++;
	if (first_word < SLOT_WORDS) {
		unsigned bit = (unsigned)__builtin_ctzll(~slots[first_word]);

		slots[first_word] |= 1ull << bit;
		stack = KERNEL_MAP_BASE + (first_word * 64 + bit) * SLOT_SIZE + KSTACK_SIZE;
	}
	spin_unlock(&lock);
	return stack;
}

static void slot_give(virt_addr_t stack)
{
	unsigned slot = (unsigned)((stack - KERNEL_MAP_BASE) / SLOT_SIZE);

	spin_lock(&lock);
	ASSERT(slots[slot / 64] & (1ull << slot % 64));
	slots[slot / 64] &= ~(1ull << slot % 64);
	first_word = MIN(first_word, slot / 64);
	spin_unlock(&lock);
}

static void frames_add(int n)
{
	atomic_fetch_add(&frames, (uint32_t)n);
}

/* Unmaps and frees the first n pages of a stack. */
static void stack_unmap(virt_addr_t stack, unsigned n)
{
	phys_addr_t pa[STACK_FRAMES];

	for (unsigned i = 0; i < n; i++)
		if (!pmap_kernel_lookup(stack + i * PAGE_SIZE, &pa[i]))
			panic("kernel stack %#lx is not mapped", (unsigned long)stack);
	if (n > 0)
		pmap_kernel_unmap(stack, n * PAGE_SIZE);
	for (unsigned i = 0; i < n; i++)
		page_free(phys_to_page(pa[i]), 0);
	frames_add(-(int)n);
}

/* Backs a whole stack with frames. False: no memory (nothing is left). */
static bool stack_map(virt_addr_t stack)
{
	for (unsigned i = 0; i < STACK_FRAMES; i++) {
		struct page *p = page_alloc(0);

		if (p != NULL && pmap_kernel_map(stack + i * PAGE_SIZE, page_to_phys(p), PAGE_SIZE,
						 KERNEL_RW, table_alloc) != 0) {
			page_free(p, 0);
			p = NULL;
		}
		if (p == NULL) {
			stack_unmap(stack, i);
			return false;
		}
		frames_add(1);
	}
	return true;
}

virt_addr_t kstack_alloc(void)
{
	virt_addr_t stack = slot_take();

	if (stack != 0 && !stack_map(stack)) {
		slot_give(stack);
		stack = 0;
	}
	return stack;
}

void kstack_free(virt_addr_t stack)
{
	ASSERT(stack % SLOT_SIZE == KSTACK_SIZE && stack >= KERNEL_MAP_BASE);
	if (stack >= WINDOWS_BASE)
		return; /* the boot stack: part of the kernel, and nobody's frames */
	stack_unmap(stack, STACK_FRAMES);
	slot_give(stack);
}

uint32_t kstack_frames(void)
{
	return atomic_load(&frames);
}

virt_addr_t kmap_reserve(size_t size, size_t align)
{
	virt_addr_t va = 0, start;

	ASSERT(size > 0 && (align & (align - 1)) == 0);
	if (size > KERNEL_MAP_SIZE)
		return 0;
	size = ALIGN_UP(size, PAGE_SIZE);
	align = MAX(align, PAGE_SIZE);
	spin_lock(&lock);
	start = ALIGN_UP(window_next, align);
	/* One page more stays unmapped: a run past the end faults. */
	if (start >= window_next && start < WINDOWS_END &&
	    WINDOWS_END - start >= size + PAGE_SIZE) {
		va = start;
		window_next = start + size + PAGE_SIZE;
	}
	spin_unlock(&lock);
	return va;
}

virt_addr_t kmap_device(phys_addr_t pa, size_t size)
{
	phys_addr_t base = pa & PAGE_MASK;
	size_t offset = pa - base, whole = ALIGN_UP(offset + size, PAGE_SIZE);
	virt_addr_t va;

	if (size == 0 || pa + size < pa || whole < size)
		return 0;
	va = kmap_reserve(whole, IS_ALIGNED(base, BIG_WINDOW) && whole >= BIG_WINDOW ? BIG_WINDOW
										     : PAGE_SIZE);
	if (va == 0 || pmap_kernel_map(va, base, whole, KERNEL_DEVICE, table_alloc) != 0)
		return 0;
	return va + offset;
}
