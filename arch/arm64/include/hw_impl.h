// SPDX-License-Identifier: MIT
/*
 * The hardware verbs of arch/hw.h for AArch64.
 *
 *   0x0000_0000_0001_0000  USER_MIN        TTBR0: one task's address space
 *   0x0000_ffff_ffff_0000  USER_TOP
 *   0xffff_0000_0000_0000  LINEAR_BASE     TTBR1: all RAM, physical address + base, not executable
 *   0xffff_c000_0000_0000  FRAME_ARRAY     struct page per frame, mapped where RAM is
 *   0xffff_d000_0000_0000  KERNEL_MAP_BASE kernel stacks, device windows
 *   0xffff_ffff_8000_0000  IMAGE_BASE      the kernel image, wherever it was loaded
 *   0xffff_ffff_c000_0000  FIXED_BASE      boot-time windows: device tree, early console
 *
 * Two registers belong to the kernel while it runs: SP_EL0 holds the running task, TPIDR_EL1 this
 * CPU's struct cpu_local. Register and instruction behaviour: Arm ARM, DDI 0487, chapters C5 and
 * C6.
 */
#ifndef ARCH_ARM64_HW_IMPL_H
#define ARCH_ARM64_HW_IMPL_H

#include "kernel/lib/types.h"

#define NR_CPUS_MAX 16

#define USER_MIN        ((virt_addr_t)0x10000)
#define USER_TOP        ((virt_addr_t)0x0000ffffffff0000)
#define USER_END        ((virt_addr_t)0x0001000000000000)
#define LINEAR_BASE     ((virt_addr_t)0xffff000000000000)
#define LINEAR_END      ((virt_addr_t)0xffffc00000000000)
#define FRAME_ARRAY     ((struct page *)0xffffc00000000000)
#define KERNEL_MAP_BASE ((virt_addr_t)0xffffd00000000000)
#define KERNEL_MAP_SIZE ((size_t)1 << 38)
#define IMAGE_BASE      ((virt_addr_t)0xffffffff80000000)
#define FIXED_BASE      ((virt_addr_t)0xffffffffc0000000)

#define DAIF_I (1u << 7)

struct page;
struct pmap;
struct task;

/* What a CPU knows of itself. Offsets are used by the assembly: see arch/arm64/offsets.h. */
struct cpu_local {
	struct task *
		current; /* the running task, for entry from user mode, when SP_EL0 is the user's */
	virt_addr_t emergency; /* top of the stack for a kernel stack overflow */
	struct task *fp_owner; /* whose FP state the registers hold; NULL: nobody's */
	uint32_t index;
	uint32_t pad;
	uint64_t mpidr;    /* affinity fields only */
	struct pmap *pmap; /* what TTBR0 points at; NULL: the empty table. Interrupts off */
};

extern struct cpu_local cpu_locals[NR_CPUS_MAX];
extern unsigned cpus_started; /* their places come first; grows at boot, before one is started */

static inline uint64_t hw_irq_save(void)
{
	uint64_t old;

	__asm__ volatile("mrs %0, daif\n\tmsr daifset, #2" : "=r"(old) : : "memory");
	return old;
}

static inline void hw_irq_restore(uint64_t old)
{
	__asm__ volatile("msr daif, %0" : : "r"(old) : "memory");
}

static inline bool hw_irqs_off(void)
{
	uint64_t daif;

	__asm__ volatile("mrs %0, daif" : "=r"(daif) : : "memory");
	return daif & DAIF_I;
}

static inline void hw_irq_enable(void)
{
	__asm__ volatile("msr daifclr, #2" : : : "memory");
}

static inline void hw_irq_disable(void)
{
	__asm__ volatile("msr daifset, #2" : : : "memory");
}

static inline struct cpu_local *cpu_local(void)
{
	struct cpu_local *c;

	__asm__ volatile("mrs %0, tpidr_el1" : "=r"(c));
	return c;
}

static inline unsigned hw_cpu(void)
{
	return cpu_local()->index;
}

static inline unsigned hw_cpus(void)
{
	return READ_ONCE(cpus_started);
}

/* Not volatile: a function sees one task however often it asks, across switches too. */
static inline struct task *hw_current(void)
{
	struct task *t;

	__asm__("mrs %0, sp_el0" : "=r"(t));
	return t;
}

static inline void hw_relax(void)
{
	__asm__ volatile("yield" : : : "memory");
}

/* Out of line, and no register changes but these, as if it were a loop here: a function that waits
 * for a lock need not be one that calls. */
static inline void hw_spin_wait(const uint16_t *p, uint16_t value)
{
	register const uint16_t *x16 __asm__("x16") = p;
	register uint64_t x17 __asm__("x17") = value;

	__asm__ volatile("mov x15, x30\n\tbl cpu_spin_wait\n\tmov x30, x15"
			 : "+r"(x16), "+r"(x17)
			 :
			 : "x15", "cc", "memory");
}

static inline void hw_wait_event(void)
{
	__asm__ volatile("wfe" : : : "memory");
}

static inline void hw_send_event(void)
{
	__asm__ volatile("dsb ishst\n\tsev" : : : "memory");
}

static inline void hw_wait_interrupt(void)
{
	__asm__ volatile("dsb sy\n\twfi" : : : "memory");
}

static inline void hw_mb(void)
{
	__asm__ volatile("dmb ish" : : : "memory");
}

static inline void hw_rmb(void)
{
	__asm__ volatile("dmb ishld" : : : "memory");
}

static inline void hw_wmb(void)
{
	__asm__ volatile("dmb ishst" : : : "memory");
}

static inline void hw_dma_rmb(void)
{
	__asm__ volatile("dmb oshld" : : : "memory");
}

static inline void hw_dma_wmb(void)
{
	__asm__ volatile("dmb oshst" : : : "memory");
}

/* The ISB keeps the counter from being read before earlier instructions (DDI 0487, D12.1.2). */
static inline uint64_t hw_counter(void)
{
	uint64_t v;

	__asm__ volatile("isb\n\tmrs %0, cntvct_el0" : "=r"(v) : : "memory");
	return v;
}

static inline uint64_t hw_counter_hz(void)
{
	uint64_t v;

	__asm__("mrs %0, cntfrq_el0" : "=r"(v));
	return v;
}

static inline void *phys_to_virt(phys_addr_t pa)
{
	return (void *)(LINEAR_BASE + pa);
}

static inline phys_addr_t virt_to_phys(const void *kva)
{
	return (virt_addr_t)kva - LINEAR_BASE;
}

/* arch/arm64/lib/page.S */
void hw_clear_page(void *kva);

/* arch/arm64/cache.c */
void hw_copy_page(void *dst, const void *src);
void hw_icache_sync(const void *kva, size_t n);
void hw_dma_clean(const void *kva, size_t n);
void hw_dma_invalidate(void *kva, size_t n);
uint32_t hw_crc32c(uint32_t crc, const void *p, size_t n);
void hw_with_vectors(void (*fn)(void *), void *arg);

#endif
