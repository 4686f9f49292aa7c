// SPDX-License-Identifier: MIT
/*
 * The machine's CPUs, RAM and caches; the MMU is in mmu.c. RAM is one anonymous mapping, new at
 * every mock_reset(), so that a pointer kept across tests faults. The frame array is mapped
 * sparsely from frame 0 on, as on the target.
 *
 * Instruction caches: the model does not see the kernel's plain stores, so it remembers the
 * contents of every frame at its last hw_icache_sync() as a checksum and compares when the frame is
 * executed (mmu.c asks mock_frame_fetchable). DMA works alike: see tests/mock/dma.c.
 */
#include "tests/mock/mock.h"

#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "tests/mock/private.h"

struct cpu_local cpu_locals[NR_CPUS_MAX];
_Thread_local unsigned mock_cpu;
_Thread_local bool mock_vectors;
char *mock_ram;
struct page *mock_frames;
__attribute__((weak)) struct page *zero_page;
struct mock_options mock_options;
struct mock_counts mock_counts;
void (*mock_on_relax)(void);

#define FRAMES_MAX ((MOCK_RAM_BASE + MOCK_RAM_MAX) >> PAGE_SHIFT)
#define SPIN_LIMIT 1000000

static struct {
	unsigned expected[MOCK_RULES], seen[MOCK_RULES];
	uint32_t *synced; /* checksum per frame at its last sync; 0: never */
	unsigned spins;
	unsigned fail_in;
	bool failed;
	uint64_t counter;
} hw;

static const char *const rule_names[MOCK_RULES] = {
	[MOCK_RULE_BBM] = "break-before-make",    [MOCK_RULE_BARRIER] = "barrier",
	[MOCK_RULE_STALE_FRAME] = "stale frame",  [MOCK_RULE_STALE_ASID] = "stale ASID",
	[MOCK_RULE_ICACHE] = "instruction cache", [MOCK_RULE_WX] = "write xor execute",
	[MOCK_RULE_STORE] = "descriptor store",   [MOCK_RULE_DESCRIPTOR] = "descriptor",
	[MOCK_RULE_CONTEXT] = "context",          [MOCK_RULE_DMA] = "DMA",
};

static void *map_fresh(void *old, size_t size)
{
	void *p;

	if (old)
		munmap(old, size);
	p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
		 -1, 0);
	assert_true(p != MAP_FAILED);
	return p;
}

void mock_reset(void)
{
	static size_t ram_mapped;

	assert_in_range(mock_options.cpus, 1, NR_CPUS_MAX);
	assert_true(mock_options.ram <= MOCK_RAM_MAX);
	if (mock_ram)
		munmap(mock_ram, ram_mapped);
	ram_mapped = mock_options.ram;
	mock_ram = map_fresh(NULL, ram_mapped);
	mock_frames = map_fresh(mock_frames, FRAMES_MAX * sizeof(struct page));
	zero_page = pfn_to_page(mock_first_pfn()); /* until page_init(), where there is one */
	free(hw.synced);
	memset(&hw, 0, sizeof(hw));
	hw.synced = calloc(mock_options.ram >> PAGE_SHIFT, sizeof(*hw.synced));
	memset(&mock_counts, 0, sizeof(mock_counts));
	memset(cpu_locals, 0, sizeof(cpu_locals));
	for (unsigned i = 0; i < NR_CPUS_MAX; i++)
		cpu_locals[i].index = i;
	mock_cpu = 0;
	mock_on_relax = NULL;
	mock_mmu_reset();
	mock_kernel_reset();
	mock_dma_reset();
}

int mock_setup(void **state)
{
	(void)state;
	mock_options = (struct mock_options){
		.cpus = 4,
		.ram = MOCK_RAM_DEFAULT,
		.asid_bits = 16,
		.speculate = true,
	};
	mock_reset();
	return 0;
}

int mock_teardown(void **state)
{
	(void)state;
	mock_check();
	mock_kernel_check();
	return 0;
}

void mock_on_cpu(unsigned cpu)
{
	assert_true(cpu < mock_options.cpus);
	mock_cpu = cpu;
}

void mock_set_current(struct task *t)
{
	cpu_local()->current = t;
}

void mock_relax(void)
{
	if (mock_on_relax)
		mock_on_relax();
	else if (__atomic_add_fetch(&hw.spins, 1, __ATOMIC_RELAXED) > SPIN_LIMIT)
		fail_msg("spinning without end: a lock that nobody will release");
	else if (hw.spins % 64 == 0)
		sched_yield();
}

void mock_wait_event(void)
{
	mock_relax();
}

void mock_barrier(void)
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

uint64_t mock_counter(void)
{
	return hw.counter++;
}

/* ---- Violations ---- */

void mock_violation(enum mock_rule rule, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	hw.seen[rule]++;
	if (!hw.expected[rule])
		fail_msg("hardware model, rule \"%s\": %s", rule_names[rule], text);
}

void mock_expect_violation(enum mock_rule rule)
{
	hw.expected[rule] = 1;
	hw.seen[rule] = 0;
}

void mock_assert_violated(enum mock_rule rule)
{
	if (!hw.seen[rule])
		fail_msg("rule \"%s\" was broken on purpose and the model did not notice",
			 rule_names[rule]);
	hw.expected[rule] = 0;
}

/* ---- RAM and caches ---- */

bool mock_pa_in_ram(phys_addr_t pa)
{
	return pa >= MOCK_RAM_BASE && pa < MOCK_RAM_BASE + mock_options.ram;
}

static bool kva_in_ram(const void *kva, size_t n)
{
	const char *p = kva;

	return p >= mock_ram && p + n <= mock_ram + mock_options.ram;
}

static uint32_t frame_checksum(const void *kva)
{
	const uint64_t *w = kva;
	uint64_t sum = 0x9e3779b97f4a7c15;

	for (unsigned i = 0; i < PAGE_SIZE / 8; i++)
		sum = (sum ^ w[i]) * 0xff51afd7ed558ccd + (sum >> 29);
	return (uint32_t)(sum >> 32) | 1;
}

bool mock_frame_fetchable(phys_addr_t pa)
{
	return hw.synced[(pa - MOCK_RAM_BASE) >> PAGE_SHIFT] ==
	       frame_checksum(phys_to_virt(pa & PAGE_MASK));
}

void hw_icache_sync(const void *kva, size_t n)
{
	const char *p = (const char *)((uintptr_t)kva & PAGE_MASK);

	assert_true(kva_in_ram(kva, n));
	mock_counts.icache_syncs++;
	/* Parts of frames are taken for whole ones: other bytes are not instructions of this sync,
	 * but may be of an earlier one. */
	for (; p < (const char *)kva + n; p += PAGE_SIZE)
		hw.synced[(virt_to_phys(p) - MOCK_RAM_BASE) >> PAGE_SHIFT] = frame_checksum(p);
}

/* The frame filled last, while no barrier orders that before what this CPU stores next. */
_Thread_local phys_addr_t mock_frame_unordered;

void mock_stores_ordered(void)
{
	mock_frame_unordered = 0;
}

void hw_clear_page(void *kva)
{
	assert_true(IS_ALIGNED((uintptr_t)kva, PAGE_SIZE) && kva_in_ram(kva, PAGE_SIZE));
	mock_frame_reused(virt_to_phys(kva));
	memset(kva, 0, PAGE_SIZE);
	mock_frame_unordered = virt_to_phys(kva);
}

void hw_copy_page(void *dst, const void *src)
{
	assert_true(IS_ALIGNED((uintptr_t)dst, PAGE_SIZE) && kva_in_ram(dst, PAGE_SIZE));
	mock_frame_reused(virt_to_phys(dst));
	memcpy(dst, src, PAGE_SIZE);
	mock_frame_unordered = virt_to_phys(dst);
}

uint32_t hw_crc32c(uint32_t crc, const void *p, size_t n)
{
	const uint8_t *b = p;

	while (n--) {
		crc ^= *b++;
		for (int i = 0; i < 8; i++)
			crc = crc & 1 ? crc >> 1 ^ 0x82f63b78
				      : crc >> 1; /* Castagnoli, reflected */
	}
	return crc;
}

/* ---- Allocation failure ---- */

void mock_fail_allocation(unsigned n)
{
	hw.fail_in = n;
	hw.failed = false;
}

bool mock_failed_allocation(void)
{
	return hw.failed;
}

bool mock_alloc_should_fail(void)
{
	if (hw.fail_in == 0 || --hw.fail_in != 0)
		return false;
	hw.failed = true;
	return true;
}
