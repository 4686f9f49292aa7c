// SPDX-License-Identifier: MIT
// Atomic operations with their memory order in the name; relaxed where nothing is said. Thin names
// over the compiler's __atomic builtins so that kernel and host tests share them.
#ifndef KERNEL_LIB_ATOMIC_H
#define KERNEL_LIB_ATOMIC_H

#include "kernel/lib/types.h"

#define atomic_load(p)             __atomic_load_n(p, __ATOMIC_RELAXED)
#define atomic_load_acquire(p)     __atomic_load_n(p, __ATOMIC_ACQUIRE)
#define atomic_store(p, v)         __atomic_store_n(p, v, __ATOMIC_RELAXED)
#define atomic_store_release(p, v) __atomic_store_n(p, v, __ATOMIC_RELEASE)
/* Return the value before the operation. */
#define atomic_fetch_add(p, v)         __atomic_fetch_add(p, v, __ATOMIC_RELAXED)
#define atomic_fetch_or(p, v)          __atomic_fetch_or(p, v, __ATOMIC_RELAXED)
#define atomic_fetch_and(p, v)         __atomic_fetch_and(p, v, __ATOMIC_RELAXED)
#define atomic_fetch_or_acquire(p, v)  __atomic_fetch_or(p, v, __ATOMIC_ACQUIRE)
#define atomic_fetch_and_release(p, v) __atomic_fetch_and(p, v, __ATOMIC_RELEASE)
#define atomic_exchange(p, v)          __atomic_exchange_n(p, v, __ATOMIC_ACQ_REL)
/* Return the value after the operation; acquire-release, for reference counts. */
#define atomic_inc(p) __atomic_add_fetch(p, 1, __ATOMIC_RELAXED)
#define atomic_dec(p) __atomic_sub_fetch(p, 1, __ATOMIC_ACQ_REL)
/* True when *p was *expected and is now `desired`; else *expected holds what *p was. */
#define atomic_compare_exchange(p, expected, desired)                                              \
	__atomic_compare_exchange_n(p, expected, desired, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)

#endif
