// SPDX-License-Identifier: MIT
/*
 * mm/usercopy.h: range checks in front of the loops of usercopy.S. The range check is what keeps
 * kernel addresses out: unprivileged instructions would fault on them, but a fault is dearer than a
 * comparison.
 */
#include "mm/usercopy.h"

#include "arch/arm64/features.h"
#include "arch/arm64/usercopy.h"
#include "arch/hw.h"
#include "kernel/errno.h"
#include "kernel/log.h"
#include "kernel/preempt.h"
#include "kernel/task.h"

size_t user_copy_in(void *dst, virt_addr_t src, size_t n);
size_t user_copy_out(virt_addr_t dst, const void *src, size_t n);
size_t user_clear(virt_addr_t dst, size_t n);
int64_t user_string_in(char *dst, virt_addr_t src, size_t n);
int user_load_word32(uint32_t *value, virt_addr_t src);
int user_load_word64(uint64_t *value, virt_addr_t src);
int user_store_word32(virt_addr_t dst, uint32_t value);
int user_store_word64(virt_addr_t dst, uint64_t value);
int user_store_fp(virt_addr_t dst);
int user_exchange_word32(virt_addr_t dst, uint32_t expected, uint32_t desired, uint32_t *seen);

struct fixup {
	int32_t insn, target; /* each relative to itself */
};
extern const struct fixup fixup_start[], fixup_end[];

virt_addr_t fixup_find(virt_addr_t pc)
{
	for (const struct fixup *f = fixup_start; f < fixup_end; f++)
		if ((virt_addr_t)&f->insn + (virt_addr_t)(int64_t)f->insn == pc)
			return (virt_addr_t)&f->target + (virt_addr_t)(int64_t)f->target;
	return 0;
}

bool user_range_ok(virt_addr_t p, size_t n)
{
	if (likely(n <= USER_TOP && p <= USER_TOP - n))
		return true;
	return current()->tagged_addresses && n <= USER_TOP && user_untag(p) <= USER_TOP - n;
}

/* The top byte (TCR_EL1.TBI0): bit 55 tells which half an address belongs to. */
virt_addr_t user_untag(virt_addr_t p)
{
	return (virt_addr_t)(((int64_t)(p << 8)) >> 8);
}

/* MSR PAN, #imm: the assembler's own name for it needs a newer base architecture. */
static void pan_set(bool on)
{
	if (!cpu_features.pan)
		return;
	if (on)
		__asm__ volatile("msr S0_0_C4_C1_4, xzr" : : : "memory");
	else
		__asm__ volatile("msr S0_0_C4_C0_4, xzr" : : : "memory");
}

size_t copy_from_user_some(void *dst, virt_addr_t src, size_t n)
{
	DEBUG_ASSERT(preemptible());
	return user_range_ok(src, n) ? user_copy_in(dst, src, n) : n;
}

size_t copy_to_user_some(virt_addr_t dst, const void *src, size_t n)
{
	DEBUG_ASSERT(preemptible());
	if (!user_range_ok(dst, n))
		return n;
	pan_set(false); /* a switch or an exception keeps PSTATE.PAN with this task */
	n = user_copy_out(dst, src, n);
	pan_set(true);
	return n;
}

int copy_from_user(void *dst, virt_addr_t src, size_t n)
{
	return copy_from_user_some(dst, src, n) ? -EFAULT : 0;
}

int copy_to_user(virt_addr_t dst, const void *src, size_t n)
{
	return copy_to_user_some(dst, src, n) ? -EFAULT : 0;
}

int clear_user(virt_addr_t dst, size_t n)
{
	DEBUG_ASSERT(preemptible());
	if (!user_range_ok(dst, n))
		return -EFAULT;
	pan_set(false);
	n = user_clear(dst, n);
	pan_set(true);
	return n ? -EFAULT : 0;
}

int64_t copy_string_from_user(char *dst, virt_addr_t src, size_t size)
{
	virt_addr_t at = current()->tagged_addresses ? user_untag(src) : src;
	size_t n = at < USER_TOP ? MIN(size, USER_TOP - at) : 0;
	int64_t len;

	DEBUG_ASSERT(preemptible());
	if (n == 0 && size > 0)
		return -EFAULT;
	len = user_string_in(dst, src, n);
	if (len < 0)
		return -EFAULT;
	if ((size_t)len < n)
		return len;
	return n < size ? -EFAULT : -ENAMETOOLONG;
}

int user_load32(uint32_t *value, virt_addr_t src)
{
	return !user_range_ok(src, sizeof(*value)) || user_load_word32(value, src) ? -EFAULT : 0;
}

int user_load64(uint64_t *value, virt_addr_t src)
{
	return !user_range_ok(src, sizeof(*value)) || user_load_word64(value, src) ? -EFAULT : 0;
}

int user_store32(virt_addr_t dst, uint32_t value)
{
	return !user_range_ok(dst, sizeof(value)) || user_store_word32(dst, value) ? -EFAULT : 0;
}

int user_store64(virt_addr_t dst, uint64_t value)
{
	return !user_range_ok(dst, sizeof(value)) || user_store_word64(dst, value) ? -EFAULT : 0;
}

int user_fp_record(virt_addr_t dst)
{
	int result;

	if (!user_range_ok(dst, FP_RECORD_SIZE))
		return -EFAULT;
	pan_set(false);
	result = user_store_fp(dst);
	pan_set(true);
	return result ? -EFAULT : 0;
}

int user_compare_exchange32(virt_addr_t dst, uint32_t expected, uint32_t desired, uint32_t *seen)
{
	int result;

	DEBUG_ASSERT(preemptible());
	if (!user_range_ok(dst, sizeof(desired)) || !IS_ALIGNED(dst, sizeof(desired)))
		return -EFAULT;
	do {
		pan_set(false);
		result = user_exchange_word32(dst, expected, desired, seen);
		pan_set(true);
	} while (result == 2);
	return result ? -EFAULT : 0;
}
