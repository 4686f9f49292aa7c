// SPDX-License-Identifier: MIT
/*
 * The verbs of arch/hw.h on the host: tests/mock/hw.c and tests/mock/mmu.c stand behind them. RAM
 * is an arena that begins at physical address MOCK_RAM_BASE; user addresses and the kernel's
 * mapping area are numbers that only the model's MMU translates, while linear-map addresses are
 * host pointers into the arena.
 */
#ifndef TESTS_MOCK_HW_IMPL_H
#define TESTS_MOCK_HW_IMPL_H

#include "kernel/lib/types.h"

#define NR_CPUS_MAX 16

#define USER_MIN        ((virt_addr_t)0x10000)
#define USER_TOP        ((virt_addr_t)0x0000ffffffff0000)
#define USER_END        ((virt_addr_t)0x0001000000000000)
#define FRAME_ARRAY     mock_frames
#define KERNEL_MAP_BASE ((virt_addr_t)0xffffd00000000000)
#define KERNEL_MAP_SIZE ((size_t)1 << 38)

#define MOCK_RAM_BASE ((phys_addr_t)0x40000000)

struct page;
struct pmap;
struct task;

struct cpu_local {
	struct task *current;
	struct pmap *pmap;
	uint32_t index;
	bool irqs_off;
};

extern struct cpu_local cpu_locals[NR_CPUS_MAX];
extern _Thread_local unsigned mock_cpu; /* the CPU this thread plays; mock_on_cpu() */
extern char *mock_ram;
extern struct page *mock_frames;

void mock_relax(void);
/* Interrupts are enabled. Where there is none, nothing comes. */
__attribute__((weak)) void mock_irqs_come(void);
void mock_barrier(void);
void mock_wait_event(void);
uint64_t mock_counter(void);
void mock_frame_written(const void *kva, size_t n);

static inline struct cpu_local *cpu_local(void)
{
	return &cpu_locals[mock_cpu];
}

static inline uint64_t hw_irq_save(void)
{
	uint64_t old = cpu_local()->irqs_off;

	cpu_local()->irqs_off = true;
	return old;
}

static inline void hw_irq_restore(uint64_t old)
{
	cpu_local()->irqs_off = old;
}

static inline bool hw_irqs_off(void)
{
	return cpu_local()->irqs_off;
}

static inline void hw_irq_enable(void)
{
	cpu_local()->irqs_off = false;
	if (mock_irqs_come)
		mock_irqs_come();
}

static inline void hw_irq_disable(void)
{
	cpu_local()->irqs_off = true;
}

static inline unsigned hw_cpu(void)
{
	return mock_cpu;
}

static inline unsigned hw_cpus(void)
{
	return NR_CPUS_MAX;
}

static inline struct task *hw_current(void)
{
	return cpu_local()->current;
}

static inline void hw_relax(void)
{
	mock_relax();
}

static inline void hw_spin_wait(const uint16_t *p, uint16_t value)
{
	while (__atomic_load_n(p, __ATOMIC_ACQUIRE) != value)
		hw_relax();
}

static inline void hw_wait_event(void)
{
	mock_wait_event();
}

static inline void hw_send_event(void)
{
	mock_barrier();
}

static inline void hw_wait_interrupt(void)
{
	mock_wait_event();
}

/* Stores to frames so far come before later ones. */
void mock_stores_ordered(void);

static inline void hw_mb(void)
{
	mock_stores_ordered();
	mock_barrier();
}

static inline void hw_rmb(void)
{
	mock_barrier();
}

static inline void hw_wmb(void)
{
	mock_stores_ordered();
	mock_barrier();
}

static inline void hw_dma_rmb(void)
{
	mock_barrier();
}

static inline void hw_dma_wmb(void)
{
	mock_barrier();
}

static inline uint64_t hw_counter(void)
{
	return mock_counter();
}

static inline uint64_t hw_counter_hz(void)
{
	return 1000000000;
}

static inline void *phys_to_virt(phys_addr_t pa)
{
	return mock_ram + (pa - MOCK_RAM_BASE);
}

static inline phys_addr_t virt_to_phys(const void *kva)
{
	return (phys_addr_t)((const char *)kva - mock_ram) + MOCK_RAM_BASE;
}

void hw_clear_page(void *kva);
void hw_copy_page(void *dst, const void *src);
void hw_icache_sync(const void *kva, size_t n);
void hw_dma_clean(const void *kva, size_t n);
void hw_dma_invalidate(void *kva, size_t n);
uint32_t hw_crc32c(uint32_t crc, const void *p, size_t n);

extern _Thread_local bool mock_vectors; /* the vector registers are lent */

static inline void hw_with_vectors(void (*fn)(void *), void *arg)
{
	bool before = mock_vectors;

	mock_vectors = true;
	fn(arg);
	mock_vectors = before;
}

#endif
