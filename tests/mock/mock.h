// SPDX-License-Identifier: MIT
/*
 * The one header for host tests: cmocka, the hardware model (hw.c, mmu.c), and stand-ins for the
 * kernel around the code under test (kernel.c, frames.c, usercopy.c). See tests/mock/README.md.
 */
#ifndef TESTS_MOCK_MOCK_H
#define TESTS_MOCK_MOCK_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "kernel/task.h"
#include "mm/page.h"

/* ---- The machine (hw.c) ---- */

#define MOCK_RAM_MAX     ((size_t)1 << 30)
#define MOCK_RAM_DEFAULT ((size_t)64 << 20)

struct mock_options {
	unsigned cpus;       /* 1..NR_CPUS_MAX */
	size_t ram;          /* bytes, from MOCK_RAM_BASE on */
	unsigned asid_bits;  /* 8 or 16 */
	bool hw_access_flag; /* FEAT_HAFDBS: the walker sets the access flag */
	bool speculate;   /* every valid translation of a loaded table is cached as soon as it can
			     be */
	bool allow_wx;    /* user pages both writable and executable are what the test wants */
	bool loose_frees; /* a freed frame may still be known to the TLB under an ASID that is
			     loaded nowhere (roll-over tests) */
};
extern struct mock_options mock_options;

/* cmocka fixtures: a fresh machine with default options (4 CPUs, 64 MB, speculating); at the end
 * every rule is checked once more, and that preemption, interrupts and mutexes are as they were.
 * Change mock_options and call mock_reset() for another machine. */
int mock_setup(void **state);
int mock_teardown(void **state);
/* Powers up: RAM is zero, frames are PAGE_RESERVED, TLBs are empty. */
void mock_reset(void);

/* This thread goes on as CPU `cpu`, running the task that mock_set_current() last put there (at
 * first: one task per CPU). */
void mock_on_cpu(unsigned cpu);
void mock_set_current(struct task *t);
static inline pfn_t mock_first_pfn(void)
{
	return (pfn_t)(MOCK_RAM_BASE >> PAGE_SHIFT);
}
static inline pfn_t mock_end_pfn(void)
{
	return (pfn_t)((MOCK_RAM_BASE + mock_options.ram) >> PAGE_SHIFT);
}
/* Called by every hw_relax() and hw_wait_event(): what another CPU does meanwhile. Without it, long
 * spinning fails the test as a deadlock. */
extern void (*mock_on_relax)(void);

/* ---- Violations ---- */

enum mock_rule {
	MOCK_RULE_BBM,     /* valid to valid without break-before-make, or made before the break was
			      flushed */
	MOCK_RULE_BARRIER, /* a table store not yet visible to the walker that somebody relied on */
	MOCK_RULE_STALE_FRAME, /* a frame freed or re-used while a TLB still knows it */
	MOCK_RULE_STALE_ASID,  /* an ASID given to another address space while a TLB still knows
				  it */
	MOCK_RULE_ICACHE,      /* an executable page whose stores were not made fetchable */
	MOCK_RULE_WX,    /* writable and executable, or user memory executable by the kernel */
	MOCK_RULE_STORE, /* a live descriptor written other than by pte_store(), or not whole */
	MOCK_RULE_DESCRIPTOR, /* reserved or senseless bits */
	MOCK_RULE_CONTEXT, /* sleeping with preemption off, lock order, unlocking what is not held
			      ... */
	MOCK_RULE_DMA,     /* a buffer shared with a device without cache maintenance */
	MOCK_RULES,
};

/* The model's report: fails the test with the text, unless that rule is expected; then it is
 * counted and the model goes on. */
void mock_violation(enum mock_rule rule, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* From now on breaches of `rule` are counted, not fatal. */
void mock_expect_violation(enum mock_rule rule);
/* Asserts that at least one came since mock_expect_violation(), and makes the rule fatal again. */
void mock_assert_violated(enum mock_rule rule);
/* Goes through all TLBs and frames now. */
void mock_check(void);

/* ---- The MMU (mmu.c) ---- */

enum mock_access { MOCK_READ, MOCK_WRITE, MOCK_EXEC };
enum mock_result { MOCK_OK, MOCK_FAULT_TRANSLATION, MOCK_FAULT_ACCESS_FLAG, MOCK_FAULT_PERMISSION };

/* One access from user mode on this CPU, through its TLB, stale entries first. *pa (may be NULL) is
 * set for MOCK_OK. */
enum mock_result mock_access(virt_addr_t va, enum mock_access kind, phys_addr_t *pa);
/* Called once by the next DSB ISH, then forgotten: what another CPU does in that window (use
 * mock_on_cpu() and come back). */
extern void (*mock_on_dsb)(void);
/* Number of TLB entries, on any CPU, that map or walk through the frame. */
unsigned mock_tlb_uses(pfn_t pfn);
/* Counts since mock_reset() or mock_counts_clear(). */
struct mock_counts {
	unsigned stores, dsb, isb, tlbi_va, tlbi_asid, tlbi_all, tlbi_local, ttbr_writes,
		icache_syncs;
};
extern struct mock_counts mock_counts;
/* The frame goes back to the allocator: no TLB may know it. Called by frames.c; a test with its own
 * allocator calls it too. */
void mock_frame_freed(pfn_t pfn);

/* User memory through the MMU, page by page, with faults resolved by mock_fault_handler (0: retry).
 * Return 0 or -EFAULT. */
extern int (*mock_fault_handler)(virt_addr_t va, enum mock_access kind, enum mock_result why);
int mock_user_read(virt_addr_t va, void *buf, size_t n);
int mock_user_write(virt_addr_t va, const void *buf, size_t n);

/* ---- Allocation failure ---- */

/* The n-th allocation from now on fails (1: the next one), every later one succeeds; 0: none
 * fails. */
void mock_fail_allocation(unsigned n);
/* True once the failure asked for has happened: loop n = 1, 2, 3 ... until it has not. */
bool mock_failed_allocation(void);
/* For allocators: true when this call is the one to fail. */
bool mock_alloc_should_fail(void);
/* Called once, by the next page_alloc() before it takes a frame: what others do while that may
 * sleep. */
extern void (*mock_on_page_alloc)(void);

/* ---- The kernel around the code under test (kernel.c) ---- */

/* Runs code and asserts that it panics with a message that contains text. The code is left by
 * longjmp: locks it held stay held. */
#define mock_expect_panic(text, code)                                                              \
	do {                                                                                       \
		mock_panic_arm(text);                                                              \
		if (setjmp(mock_panic_jump) == 0) {                                                \
			code;                                                                      \
			mock_panic_missing(text);                                                  \
		}                                                                                  \
		mock_panic_caught();                                                               \
	} while (0)
extern jmp_buf mock_panic_jump;
void mock_panic_arm(const char *text);
void mock_panic_missing(const char *text);
void mock_panic_caught(void);

/* Everything logged since mock_reset(), one line each. */
const char *mock_log(void);
void mock_log_clear(void);

/* The clock, ns. Advancing runs timers that are due. */
void mock_time_set(uint64_t now);
void mock_time_advance(uint64_t ns);

/* Called when the running task would sleep (on a mutex or wait queue): what another task does
 * meanwhile, as another current(). NULL, or when it does not help: the test fails, as the task
 * would sleep for ever. */
extern void (*mock_on_block)(void);
/* What task_for_each_process() walks. */
void mock_process_add(struct task *leader);
/* A task for tests: zeroed, then usable as current(). Lives until mock_reset(). */
struct task *mock_task(const char *name);

#endif
