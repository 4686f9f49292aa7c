// SPDX-License-Identifier: MIT
/*
 * Access to user memory: the only way the kernel touches it. Every function checks the range, uses
 * unprivileged loads and stores (so the user's own rights decide), and survives faults by a fix-up
 * table. They may fault pages in, so they may sleep: no spin locks, preemption on.
 */
#ifndef MM_USERCOPY_H
#define MM_USERCOPY_H

#include "kernel/lib/types.h"

/* 0, or -EFAULT (then a prefix may have been copied). */
int copy_from_user(void *dst, virt_addr_t src, size_t n) MUST_CHECK;
int copy_to_user(virt_addr_t dst, const void *src, size_t n) MUST_CHECK;
int clear_user(virt_addr_t dst, size_t n) MUST_CHECK;
/* As above, but return the number of bytes NOT copied (0: all): for calls that report partial
 * progress. */
size_t copy_from_user_some(void *dst, virt_addr_t src, size_t n);
size_t copy_to_user_some(virt_addr_t dst, const void *src, size_t n);
/* A string with its terminator into dst[size]: its length, -EFAULT, or -ENAMETOOLONG when no
 * terminator within size. */
int64_t copy_string_from_user(char *dst, virt_addr_t src, size_t size);
/* Single values, naturally aligned (else -EFAULT is not given: hardware allows unaligned normal
 * memory; exclusives need alignment: caller checks). */
int user_load32(uint32_t *value, virt_addr_t src) MUST_CHECK;
int user_load64(uint64_t *value, virt_addr_t src) MUST_CHECK;
int user_store32(virt_addr_t dst, uint32_t value) MUST_CHECK;
int user_store64(virt_addr_t dst, uint64_t value) MUST_CHECK;
/* Atomic: *seen gets the old value; stores desired when it equals expected. dst 4-byte aligned. 0
 * or -EFAULT. */
int user_compare_exchange32(virt_addr_t dst, uint32_t expected, uint32_t desired,
			    uint32_t *seen) MUST_CHECK;

/* True when [p, p+n) lies in the user half: p as it is, or, for a task that asked for it
 * (tagged_addresses), without its tag. */
bool user_range_ok(virt_addr_t p, size_t n);
/* p without the bits that the hardware ignores in a program's addresses. */
virt_addr_t user_untag(virt_addr_t p);

#endif
