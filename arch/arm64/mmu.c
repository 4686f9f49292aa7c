// SPDX-License-Identifier: MIT
/*
 * The second step of the kernel's map. head.S mapped the image; once the device tree has told where
 * RAM is, all of it goes into the linear map, in blocks as large as the ranges allow, so that the
 * map of a machine costs a few tables. The image's text and constants are read-only there too: a
 * frame that can be executed through one name cannot be written through any.
 */
#include "arch/arm64/asid.h"
#include "arch/arm64/features.h"
#include "arch/arm64/kernel_map.h"
#include "arch/arm64/sysreg.h"
#include "arch/boot.h"
#include "arch/hw.h"
#include "kernel/task.h"
#include "kernel/lib/string.h"
#include "kernel/log.h"
#include "mm/memblock.h"

static unsigned pool_used;

phys_addr_t boot_table_alloc(void)
{
	char *table = boot_table_pool + pool_used * PAGE_SIZE;

	if (table == tables_end)
		return 0;
	pool_used++;
	memset(table, 0, PAGE_SIZE);
	return image_to_phys(table);
}

phys_addr_t boot_table_rest(uint64_t *size)
{
	*size = (size_t)(tables_end - boot_table_pool) - pool_used * PAGE_SIZE;
	return image_to_phys(boot_table_pool + pool_used * PAGE_SIZE);
}

static void map_linear(phys_addr_t start, phys_addr_t end, uint64_t attributes)
{
	if (start < end && kernel_map_raw(LINEAR_BASE + start, start, end - start, attributes,
					  boot_table_alloc) != 0)
		panic("RAM is in too many pieces for the boot tables");
}

void mmu_map_ram(void)
{
	phys_addr_t constants_end = image_to_phys(rodata_end);
	struct memblock_range r;

	for (unsigned i = 0; memblock_ram(i, &r); i++) {
		phys_addr_t end = MIN(r.base + r.size, (phys_addr_t)(LINEAR_END - LINEAR_BASE));

		map_linear(r.base, MIN(end, image_pa), PTE_KERNEL_DATA);
		map_linear(MAX(r.base, image_pa), MIN(end, constants_end), PTE_KERNEL_RODATA);
		map_linear(MAX(r.base, constants_end), end, PTE_KERNEL_DATA);
	}
	mmu_check_wx();
}

/* One leaf: executable only inside the image's text, and then not writable; what aliases that text
 * not writable either. */
static void check_leaf(uint64_t raw, unsigned level)
{
	phys_addr_t pa = pte_pa(raw), end = pa + LEVEL_SIZE(level);
	bool writable = !(raw & PTE_AP_READONLY), text;

	text = pa < image_to_phys(text_end) && end > image_pa;
	ASSERT(raw & PTE_UXN);
	ASSERT(text || (raw & PTE_PXN));
	ASSERT(!(text && writable));
}

static void check_table(const uint64_t *table, unsigned level)
{
	for (unsigned i = 0; i < TABLE_ENTRIES; i++) {
		if (!(table[i] & PTE_VALID))
			continue;
		if (level < 3 && pte_is_table(table[i]))
			check_table(kernel_table_at(pte_pa(table[i])), level + 1);
		else
			check_leaf(table[i], level);
	}
}

void mmu_check_wx(void)
{
	check_table(kernel_root, 0);
}

/* ---- arch/boot.h ---- */

/* Virtual and physical address agree within 2 MB, so that large windows are blocks. */
void *boot_map(phys_addr_t pa, size_t size, bool device)
{
	static virt_addr_t next = FIXED_BASE;
	phys_addr_t start = ALIGN_DOWN(pa, (phys_addr_t)PAGE_SIZE);
	virt_addr_t va = ALIGN_UP(next, LEAF_SPAN) + (start & (LEAF_SPAN - 1));
	size_t whole = ALIGN_UP(pa + size - start, PAGE_SIZE);

	if (kernel_map_raw(va, start, whole, device ? PTE_KERNEL_DEVICE : PTE_KERNEL_RODATA,
			   boot_table_alloc) != 0)
		return NULL;
	next = va + whole;
	return (void *)(va + (pa - start));
}

void boot_image_range(phys_addr_t *base, uint64_t *size)
{
	*base = image_pa;
	*size = image_end - image_start;
}

void boot_map_ram(void)
{
	mmu_map_ram();
}

void boot_release_rest(void)
{
	uint64_t size;
	phys_addr_t pa = boot_table_rest(&size);

	pool_used += size / PAGE_SIZE;
	memblock_release(pa, size);
}

void arch_init(struct task *boot_task)
{
	boot_task->kstack = (virt_addr_t)boot_stack;
	boot_task->arch.fp_cpu = FP_CPU_NONE;
	features_init();
	features_note_cpu(hw_cpu());
	asid_init(image_to_phys(empty_table));
	__asm__ volatile("msr daifclr, #4"
			 :
			 :
			 : "memory"); /* system errors are reported from here on */
}
