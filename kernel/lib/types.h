// SPDX-License-Identifier: MIT
// The base types and small macros every room shares.
#ifndef KERNEL_LIB_TYPES_H
#define KERNEL_LIB_TYPES_H

#include <stdalign.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint64_t phys_addr_t;  /* a physical (bus) address */
typedef uintptr_t virt_addr_t; /* a virtual address, user or kernel */
typedef uint32_t pfn_t;        /* a frame number: physical address / PAGE_SIZE */

#define PAGE_SHIFT 12
#define PAGE_SIZE  ((size_t)1 << PAGE_SHIFT)
#define PAGE_MASK  (~(PAGE_SIZE - 1))

#define ARRAY_SIZE(a)                   (sizeof(a) / sizeof((a)[0]))
#define ALIGN_UP(x, a)                  (((x) + ((a)-1)) & ~((a)-1))
#define ALIGN_DOWN(x, a)                ((x) & ~((a)-1))
#define IS_ALIGNED(x, a)                (((x) & ((a)-1)) == 0)
#define DIV_ROUND_UP(n, d)              (((n) + (d)-1) / (d))
#define container_of(ptr, type, member) ((type *)((char *)(ptr)-offsetof(type, member)))

/* Each operand is evaluated once: what others write meanwhile must not be compared as one value and
 * returned as another. */
#define MIN(a, b)          PICK_(<, a, b, __COUNTER__)
#define MAX(a, b)          PICK_(>, a, b, __COUNTER__)
#define PICK_(op, a, b, n) PICK_AS_(op, a, b, n)
#ifdef __cppcheck__ /* 2.10 loses its way at a block in an initialiser */
#define PICK_AS_(op, a, b, n) ((a)op(b) ? (a) : (b))
#else
#define PICK_AS_(op, a, b, n)                                                                      \
	__extension__({                                                                            \
		__auto_type a_##n = (a);                                                           \
		__auto_type b_##n = (b);                                                           \
		a_##n op b_##n ? a_##n : b_##n;                                                    \
	})
#endif

#define likely(x)        __builtin_expect(!!(x), 1)
#define unlikely(x)      __builtin_expect(!!(x), 0)
#define barrier()        __asm__ volatile("" ::: "memory")
#define READ_ONCE(x)     (*(const volatile __typeof__(x) *)&(x))
#define WRITE_ONCE(x, v) (*(volatile __typeof__(x) *)&(x) = (v))

#define PRINTF_LIKE(f, a) __attribute__((format(printf, f, a)))
#define NORETURN          __attribute__((noreturn))
/* keeps a rare path's registers out of a common one */
#define NOINLINE __attribute__((noinline))
/* rare: small, in files of fast code too */
#define COLD       __attribute__((cold))
#define MUST_CHECK __attribute__((warn_unused_result))

#endif
