// SPDX-License-Identifier: MIT
// What identifies a futex: shared by kernel/futex*.c.
#ifndef KERNEL_FUTEX_KEY_H
#define KERNEL_FUTEX_KEY_H

#include "kernel/lib/types.h"

struct object;

struct futex_key {
	const void *base;      /* the object, or the address space for private memory */
	uint64_t offset;       /* bytes */
	struct object *object; /* a reference, or NULL */
};

/* The futex at uaddr of the running task. -EINVAL (alignment), -EFAULT (nothing is mapped there;
 * with `private` that is not looked at). May sleep. Pair with futex_key_put(). */
int futex_key_get(virt_addr_t uaddr, bool private, struct futex_key *key) MUST_CHECK;
void futex_key_put(struct futex_key *key);

/* Changes *uaddr as encoded says (kernel/futex_op.c): whether the old value passes the comparison,
 * or negative errno. May sleep. */
int futex_change_word(virt_addr_t uaddr, uint32_t encoded) MUST_CHECK;

#endif
