// SPDX-License-Identifier: MIT
// What the parts of the demonstration share: a page that all of its processes see, the figures of a
// step, the steps.
#ifndef INIT_DEMO_H
#define INIT_DEMO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define DEMO_PAGE       4096UL
#define DEMO_WORDS      (DEMO_PAGE / sizeof(uint64_t))
#define DEMO_PERIOD_NS  1000000ull
#define DEMO_BINS       8
#define DEMO_WORST_US   20
#define DEMO_WILD_CASES 3

/* One writer per group; the parent reads. 64-bit loads and stores are single, so no lock is
 * needed. */
struct demo_shared {
	/* The real-time task. */
	volatile uint64_t rt_wakeups, rt_sum, rt_worst, rt_missed, rt_major;
	volatile uint64_t rt_bins[DEMO_BINS];
	volatile int rt_error; /* errno of its setting up; 0: it runs */
	/* The bystander. */
	volatile uint64_t by_rounds, by_bad;
	/* The process of the step under way. */
	volatile uint64_t done, bad, cow_ns;
	volatile uint64_t wild_address;
	volatile int wild_code;
	/* The parent: companions end when it is set; the real-time task starts a new worst when
	 * this changes. */
	volatile int stop;
	volatile unsigned step;
};

struct demo_options {
	unsigned work_mb, fork_mb, passes;
	unsigned worst_us; /* the real-time task's worst wake-up and no period missed; 0: not
			      judged */
};

/* The kernel's counters at one moment, or the difference of two. Absent ones are 0. */
struct demo_figures {
	uint64_t ns, faults, major, pages_in, pages_out, oom_kills, flash_bytes;
};

/* What one step came to. */
struct demo_result {
	const char *name, *what;
	bool held;
	char why[160]; /* one line: what was shown, or what did not hold */
	struct demo_figures figures;
	uint64_t rt_worst, rt_missed;
};

extern struct demo_shared *demo_shared;

/* demo_figures.c */
/* True when the clock is exact for this purpose: one CPU, and one instruction is one nanosecond
 * (QEMU -icount). */
bool demo_clock_counts(void);
void demo_figures_read(struct demo_figures *f);
struct demo_figures demo_figures_since(const struct demo_figures *before);
/* A field of /proc/meminfo in KB; 0 when it is not there. */
uint64_t demo_meminfo(const char *name);
uint64_t demo_now(void);

/* demo_companions.c: each forks; the process ID, or -1 with errno. They run until
 * demo_shared->stop. */
pid_t demo_rt_start(void);
pid_t demo_bystander_start(void);

/* demo_memory.c: patterned memory. Words differ by place and by `seed`, and do not compress. */
uint64_t *demo_map(size_t pages);
void demo_fill(uint64_t *page, uint64_t number, uint64_t seed);
bool demo_holds(const uint64_t *page, uint64_t number, uint64_t seed);

/* demo_steps.c: run the step in processes of its own and judge it. */
void demo_work(const struct demo_options *o, struct demo_result *r);
void demo_fork(const struct demo_options *o, struct demo_result *r);
void demo_wild(const struct demo_options *o, struct demo_result *r);
void demo_leak(const struct demo_options *o, struct demo_result *r);

/* demo_progress.c: "  fill  ........  3.1 s" grows on stdout while `of` pages are done. */
void demo_progress_begin(const char *what, uint64_t of);
void demo_progress_show(void);
void demo_progress_end(void);

#endif
