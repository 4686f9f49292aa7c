// SPDX-License-Identifier: MIT
/*
 * User memory that is the test's own: any pointer but NULL. Weak, so that a test may have its own,
 * or name the real file; for one file of a program to include.
 */
#ifndef TESTS_UNIT_KERNEL_USER_FAKE_H
#define TESTS_UNIT_KERNEL_USER_FAKE_H

#include <string.h>

#include "kernel/errno.h"
#include "kernel/lib/string.h"
#include "mm/usercopy.h"

#define WEAK __attribute__((weak))

WEAK size_t string_copy(char *dst, const char *src, size_t size)
{
	size_t n = strlen(src), part = MIN(n, size - 1);

	memcpy(dst, src, part);
	dst[part] = '\0';
	return n;
}

WEAK bool user_range_ok(virt_addr_t p, size_t n)
{
	(void)n;
	return p != 0;
}

WEAK int copy_from_user(void *dst, virt_addr_t src, size_t n)
{
	if (!src)
		return -EFAULT;
	memcpy(dst, (const void *)src, n);
	return 0;
}

WEAK int copy_to_user(virt_addr_t dst, const void *src, size_t n)
{
	if (!dst)
		return -EFAULT;
	memcpy((void *)dst, src, n);
	return 0;
}

WEAK int user_store32(virt_addr_t dst, uint32_t value)
{
	return copy_to_user(dst, &value, sizeof(value));
}

WEAK int user_load32(uint32_t *value, virt_addr_t src)
{
	return copy_from_user(value, src, sizeof(*value));
}

WEAK int user_store64(virt_addr_t dst, uint64_t value)
{
	return copy_to_user(dst, &value, sizeof(value));
}

WEAK int64_t copy_string_from_user(char *dst, virt_addr_t src, size_t size)
{
	size_t n;

	if (!src)
		return -EFAULT;
	n = string_copy(dst, (const char *)src, size);
	return n >= size ? -ENAMETOOLONG : (int64_t)n;
}

#endif
