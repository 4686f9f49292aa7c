// SPDX-License-Identifier: MIT
/*
 * mm/usercopy.h for tests: every byte goes through the model's MMU as user mode on this CPU; faults
 * go to mock_fault_handler, which a test points at its own wrapper of aspace_fault().
 */
#include "mm/usercopy.h"

#include <string.h>

#include "kernel/errno.h"
#include "tests/mock/private.h"

#define FAULTS_MAX 16 /* of one page in a row: more is a loop */

int (*mock_fault_handler)(virt_addr_t va, enum mock_access kind, enum mock_result why);

/* The frame behind va for this access, faults resolved; -EFAULT when the handler gives up. */
static int user_page(virt_addr_t va, enum mock_access kind, phys_addr_t *pa)
{
	for (unsigned i = 0; i < FAULTS_MAX; i++) {
		enum mock_result result = mock_access(va, kind, pa);

		if (result == MOCK_OK)
			return 0;
		if (!preemptible())
			mock_violation(MOCK_RULE_CONTEXT,
				       "user memory touched with preemption or interrupts off");
		if (!mock_fault_handler || mock_fault_handler(va, kind, result) != 0)
			return -EFAULT;
	}
	fail_msg("access to %#lx faults for ever", (unsigned long)va);
	return -EFAULT;
}

static size_t user_copy(virt_addr_t va, char *buf, size_t n, enum mock_access kind)
{
	size_t done = 0;

	if (!user_range_ok(va, n))
		return n;
	while (done < n) {
		size_t chunk = MIN(n - done, PAGE_SIZE - ((va + done) & (PAGE_SIZE - 1)));
		phys_addr_t pa;

		if (user_page(va + done, kind, &pa) != 0)
			break;
		if (kind == MOCK_WRITE)
			memcpy(phys_to_virt(pa), buf + done, chunk);
		else
			memcpy(buf + done, phys_to_virt(pa), chunk);
		done += chunk;
	}
	return n - done;
}

int mock_user_read(virt_addr_t va, void *buf, size_t n)
{
	return user_copy(va, buf, n, MOCK_READ) ? -EFAULT : 0;
}

int mock_user_write(virt_addr_t va, const void *buf, size_t n)
{
	return user_copy(va, (char *)buf, n, MOCK_WRITE) ? -EFAULT : 0;
}

bool user_range_ok(virt_addr_t p, size_t n)
{
	return p < USER_TOP && n <= USER_TOP - p;
}

int copy_from_user(void *dst, virt_addr_t src, size_t n)
{
	return mock_user_read(src, dst, n);
}

int copy_to_user(virt_addr_t dst, const void *src, size_t n)
{
	return mock_user_write(dst, src, n);
}

size_t copy_from_user_some(void *dst, virt_addr_t src, size_t n)
{
	return user_copy(src, dst, n, MOCK_READ);
}

size_t copy_to_user_some(virt_addr_t dst, const void *src, size_t n)
{
	return user_copy(dst, (char *)src, n, MOCK_WRITE);
}

int clear_user(virt_addr_t dst, size_t n)
{
	static const char zeroes[PAGE_SIZE];

	while (n) {
		size_t chunk = MIN(n, PAGE_SIZE);

		if (mock_user_write(dst, zeroes, chunk) != 0)
			return -EFAULT;
		dst += chunk;
		n -= chunk;
	}
	return 0;
}

int64_t copy_string_from_user(char *dst, virt_addr_t src, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		if (mock_user_read(src + i, dst + i, 1) != 0)
			return -EFAULT;
		if (dst[i] == 0)
			return (int64_t)i;
	}
	return -ENAMETOOLONG;
}

int user_load32(uint32_t *value, virt_addr_t src)
{
	return mock_user_read(src, value, sizeof(*value));
}

int user_load64(uint64_t *value, virt_addr_t src)
{
	return mock_user_read(src, value, sizeof(*value));
}

int user_store32(virt_addr_t dst, uint32_t value)
{
	return mock_user_write(dst, &value, sizeof(value));
}

int user_store64(virt_addr_t dst, uint64_t value)
{
	return mock_user_write(dst, &value, sizeof(value));
}

int user_compare_exchange32(virt_addr_t dst, uint32_t expected, uint32_t desired, uint32_t *seen)
{
	if (mock_user_read(dst, seen, sizeof(*seen)) != 0)
		return -EFAULT;
	return *seen == expected ? user_store32(dst, desired) : 0;
}
