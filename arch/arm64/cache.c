// SPDX-License-Identifier: MIT
/*
 * Cache maintenance by address (DDI 0487, D7.5.9): data to the point of unification before
 * instructions are fetched from it, to the point of coherency for devices that do not look into the
 * caches. And CRC-32C, and copying a frame.
 */
#include "arch/arm64/features.h"
#include "arch/hw.h"
#include "kernel/lib/atomic.h"
#include "kernel/preempt.h"

/* CTR_EL0 fields */
#define CTR_IMINLINE_SHIFT 0
#define CTR_L1IP_SHIFT     14
#define CTR_L1IP_PIPT      3
#define CTR_DMINLINE_SHIFT 16
#define CTR_IDC            (1u << 28) /* no clean to the point of unification needed */
#define CTR_DIC            (1u << 29) /* no instruction cache invalidation needed */

static size_t line_size(uint64_t ctr, unsigned shift)
{
	return (size_t)4 << ((ctr >> shift) & 0xf);
}

#define for_each_line(op, from, n, line)                                                           \
	do {                                                                                       \
		virt_addr_t line_ = ALIGN_DOWN((virt_addr_t)(from), line);                         \
		for (; line_ < (virt_addr_t)(from) + (n); line_ += (line))                         \
			__asm__ volatile(op ", %0" : : "r"(line_) : "memory");                     \
	} while (0)

void hw_icache_sync(const void *kva, size_t n)
{
	uint64_t ctr = read_sysreg(ctr_el0);

	if (!(ctr & CTR_IDC))
		for_each_line("dc cvau", kva, n, line_size(ctr, CTR_DMINLINE_SHIFT));
	__asm__ volatile("dsb ish" : : : "memory");
	if (!(ctr & CTR_DIC)) {
		/* By address only where one name of a frame reaches all its lines: programs fetch
		 * through another one. */
		if (((ctr >> CTR_L1IP_SHIFT) & 3) == CTR_L1IP_PIPT)
			for_each_line("ic ivau", kva, n, line_size(ctr, CTR_IMINLINE_SHIFT));
		else
			__asm__ volatile("ic ialluis" : : : "memory");
	}
	__asm__ volatile("dsb ish\n\tisb" : : : "memory");
}

void hw_dma_clean(const void *kva, size_t n)
{
	for_each_line("dc cvac", kva, n, line_size(read_sysreg(ctr_el0), CTR_DMINLINE_SHIFT));
	__asm__ volatile("dsb sy" : : : "memory");
}

void hw_dma_invalidate(void *kva, size_t n)
{
	size_t line = line_size(read_sysreg(ctr_el0), CTR_DMINLINE_SHIFT);
	virt_addr_t start = (virt_addr_t)kva, end = start + n;
	virt_addr_t inner = ALIGN_UP(start, line), inner_end = ALIGN_DOWN(end, line);

	/* Lines shared with a neighbour keep the neighbour's bytes. */
	if (start != inner)
		for_each_line("dc civac", start, 1, line);
	if (end != inner_end)
		for_each_line("dc civac", end - 1, 1, line);
	if (inner < inner_end)
		for_each_line("dc ivac", inner, inner_end - inner, line);
	__asm__ volatile("dsb sy" : : : "memory");
}

/* Castagnoli's polynomial 0x1EDC6F41, reflected, for half a byte at a time. */
static uint32_t crc32c_software(uint32_t crc, const uint8_t *p, size_t n)
{
	static uint32_t table[16];

	if (table[1] == 0) /* any CPU computes the same; the last entry is written first, so
			      table[1] says all are there */
		for (int i = 15; i >= 0; i--) {
			uint32_t c = (uint32_t)i;

			for (int bit = 0; bit < 4; bit++)
				c = (c >> 1) ^ (c & 1 ? 0x82f63b78u : 0);
			atomic_store_release(&table[i], c);
		}
	for (; n; n--) {
		crc ^= *p++;
		crc = (crc >> 4) ^ table[crc & 15];
		crc = (crc >> 4) ^ table[crc & 15];
	}
	return crc;
}

static uint64_t load64(const uint8_t *p)
{
	uint64_t v;

	__builtin_memcpy(&v, p, sizeof(v));
	return v;
}

#define CRC_WORD(crc, v) __asm__(".arch_extension crc\n\tcrc32cx %w0, %w0, %1" : "+r"(crc) : "r"(v))

uint32_t hw_crc32c(uint32_t crc, const void *data, size_t n)
{
	const uint8_t *p = data;

	if (!cpu_features.crc32)
		return crc32c_software(crc, p, n);
	for (; n >= 32; n -= 32, p += 32) {
		CRC_WORD(crc, load64(p));
		CRC_WORD(crc, load64(p + 8));
		CRC_WORD(crc, load64(p + 16));
		CRC_WORD(crc, load64(p + 24));
	}
	for (; n >= 8; n -= 8, p += 8)
		CRC_WORD(crc, load64(p));
	for (; n; n--, p++)
		__asm__(".arch_extension crc\n\tcrc32cb %w0, %w0, %w1"
			: "+r"(crc)
			: "r"((uint32_t)*p));
	return crc;
}

void copy_page_fp(void *dst, const void *src); /* lib/page.S */

/* No switch meanwhile: it would save for the FP registers' task what is a page's. Interrupt
 * handlers have no use for them. */
void hw_copy_page(void *dst, const void *src)
{
	preempt_disable();
	copy_page_fp(dst, src);
	preempt_enable();
}
