// SPDX-License-Identifier: MIT
// SOURCES: mm/memblock.c
// Random additions, reservations and allocations against a map with one byte per page; the
// hand-over with holes.
#include <stdlib.h>
#include <string.h>

#include "kernel/errno.h"
#include "mm/buddy.h"
#include "kernel/log.h"
#include "mm/memblock.h"
#include "mm/pmap.h"
#include "tests/mock/mock.h"

/* The model in this file is all the machine there is: memory at address 0, too small to be touched
 * but by the hand-over. */
#define PAGES 8192u
#define GROUP 1024u

_Thread_local unsigned mock_cpu;
struct cpu_local cpu_locals[NR_CPUS_MAX];
char *mock_ram;
struct page *mock_frames;

static char *memory; /* address 0 of the model */
static bool is_ram[PAGES], is_reserved[PAGES], given[PAGES], mapped[PAGES];
static char log_text[4096];

void log_line(enum log_level level, const char *fmt, ...)
{
	size_t used = strlen(log_text);
	va_list ap;

	(void)level;
	va_start(ap, fmt);
	vsnprintf(log_text + used, sizeof(log_text) - used, fmt, ap);
	va_end(ap);
}

static jmp_buf panicked;

void panic(const char *fmt, ...)
{
	(void)fmt;
	longjmp(panicked, 1);
}

void assert_failed(const char *what, int line)
{
	panic("assertion failed: %s:%d", what, line);
}

void buddy_add_range(pfn_t start, pfn_t end)
{
	for (pfn_t pfn = start; pfn < end; pfn++) {
		assert_true(pfn < PAGES && is_ram[pfn] && mapped[pfn] && !given[pfn]);
		given[pfn] = true;
	}
}

struct page *buddy_claim(pfn_t pfn)
{
	assert_true(mapped[pfn] && !given[pfn]);
	given[pfn] = true;
	return pfn_to_page(pfn);
}

int pmap_kernel_map(virt_addr_t va, phys_addr_t pa, size_t size, enum kernel_prot prot,
		    phys_addr_t (*table_alloc)(void))
{
	size_t first = (va - (virt_addr_t)mock_frames) / sizeof(struct page);
	phys_addr_t table = table_alloc();

	assert_int_equal(prot, KERNEL_RW);
	assert_int_equal((va - (virt_addr_t)mock_frames) % (GROUP * sizeof(struct page)), 0);
	assert_true(table != 0 && !is_reserved[table >> PAGE_SHIFT]);
	is_reserved[table >> PAGE_SHIFT] = true;
	for (size_t i = pa >> PAGE_SHIFT; i < (pa + size) >> PAGE_SHIFT; i++) {
		assert_true(is_ram[i] && !is_reserved[i]);
		is_reserved[i] = true;
	}
	for (size_t i = first; i < first + size / sizeof(struct page); i++) {
		assert_false(mapped[i]);
		mapped[i] = true;
	}
	return 0;
}

static void mark(bool *map, uint64_t base, uint64_t size, bool inwards)
{
	for (uint64_t i = 0; i < PAGES; i++) {
		uint64_t from = i << PAGE_SHIFT, to = from + PAGE_SIZE;

		if (inwards ? from >= base && to <= base + size : from < base + size && to > base)
			map[i] = true;
	}
}

static void compare_ram(void)
{
	struct memblock_range r;
	uint64_t sum = 0, last_end = 0;
	bool seen[PAGES] = { false };

	for (unsigned i = 0; memblock_ram(i, &r); i++) {
		assert_true(i == 0 || r.base > last_end); /* sorted, disjoint, merged */
		last_end = r.base + r.size;
		mark(seen, r.base, r.size, true);
		sum += r.size;
	}
	assert_memory_equal(seen, is_ram, sizeof(seen));
	assert_int_equal(memblock_ram_total(), sum);
}

static uint64_t random_base(void)
{
	return PAGE_SIZE + (uint64_t)rand() % ((PAGES - 300) * PAGE_SIZE);
}

/* The lowest place that will do, by looking at every one. */
static uint64_t first_fit(uint64_t pages, uint64_t align_pages)
{
	for (uint64_t start = align_pages; start + pages <= PAGES; start += align_pages) {
		uint64_t n = 0;

		while (n < pages && is_ram[start + n] && !is_reserved[start + n])
			n++;
		if (n == pages)
			return start << PAGE_SHIFT;
	}
	return 0;
}

static void random_step(void)
{
	uint64_t base = random_base(), size = (uint64_t)rand() % (100 * PAGE_SIZE);
	uint64_t pages = 1 + (uint64_t)rand() % 20, align = 1ull << rand() % 4, pa;
	int err;

	switch (rand() % 3) {
	case 0:
		err = memblock_add_ram(base, size * 2);
		assert_true(err == 0 || err == -ENOSPC);
		if (err == 0)
			mark(is_ram, base, size * 2, true);
		break;
	case 1:
		base &= ~(uint64_t)0x3ffff; /* few places, so that the table does not fill up */
		err = memblock_reserve(base, size / 20);
		assert_true(err == 0 || err == -ENOSPC);
		if (err == 0 && size / 20 > 0)
			mark(is_reserved, base, size / 20, false);
		break;
	default:
		pa = memblock_alloc(pages * PAGE_SIZE - (uint64_t)rand() % 100, align * PAGE_SIZE);
		assert_int_equal(pa, first_fit(pages, align));
		if (pa != 0)
			mark(is_reserved, pa, pages * PAGE_SIZE, true);
		break;
	}
}

static void test_refused(void **state)
{
	(void)state;
	assert_int_equal(memblock_add_ram(UINT64_MAX - 100, 200), -EINVAL);
	assert_int_equal(memblock_reserve(UINT64_MAX - 5000, 5000), -EINVAL);
	assert_int_equal(memblock_add_ram(UINT64_MAX - 100, 50), -EINVAL);
	assert_int_equal(memblock_alloc(1, 1), 0); /* no RAM yet */
	/* Less than a page, page 0, and what no frame number can name, are no RAM. */
	assert_int_equal(memblock_add_ram(0x1001, 0x1ffe), 0);
	assert_int_equal(memblock_add_ram(0, 0x1000), 0);
	assert_int_equal(memblock_add_ram(1ull << 45, 1ull << 30), 0);
	assert_int_equal(memblock_ram_total(), 0);
	assert_non_null(strstr(log_text, "lost to rounding"));
}

static void test_random(void **state)
{
	(void)state;
	srand(1);
	for (int i = 0; i < 300; i++) {
		random_step();
		compare_ram();
	}
}

static void test_full_table(void **state)
{
	int err = 0;

	(void)state;
	for (unsigned i = 0; err == 0 && i < 200; i++) {
		err = memblock_reserve(((uint64_t)1 << 40) + i * 3 * PAGE_SIZE, PAGE_SIZE);
	}
	assert_int_equal(err, -ENOSPC);
}

static void test_hand_over(void **state)
{
	bool before[PAGES];

	(void)state;
	memblock_hand_over();
	memcpy(before, given, sizeof(given));
	for (unsigned i = 0; i < PAGES; i++) {
		assert_int_equal(given[i], is_ram[i] && !is_reserved[i]);
		if (is_ram[i])
			assert_true(mapped[i]);
	}
	if (setjmp(panicked) == 0) {
		(void)!memblock_alloc(1, 1);
		fail_msg("memblock_alloc after the hand-over");
	}
	/* A reserved range comes later, its edges rounded inwards. */
	for (unsigned i = 1; i < PAGES - 1; i++) {
		if (is_ram[i] && is_reserved[i]) {
			memblock_release(((uint64_t)i << PAGE_SHIFT) - 1, PAGE_SIZE + 2);
			assert_true(given[i]);
			before[i] = true;
			break;
		}
	}
	assert_memory_equal(before, given, sizeof(given));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_random),
		cmocka_unit_test(test_hand_over),
		cmocka_unit_test(test_full_table),
	};
	int failed;

	/* phys_to_virt(pa) lands in an array for the addresses used here. */
	memory = calloc(PAGES, PAGE_SIZE);
	mock_ram = memory + MOCK_RAM_BASE;
	mock_frames = calloc(PAGES, sizeof(struct page));
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	free(memory);
	free(mock_frames);
	return failed;
}
