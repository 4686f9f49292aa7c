// SPDX-License-Identifier: MIT
/*
 * The steps of the demonstration. Each runs in processes of its own, so that what it does to them
 * is seen from outside: the parent counts progress, collects the status and judges.
 */
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "demo.h"

#define PAGES_PER_MB 256u

enum { EXIT_GOOD, EXIT_WRONG_DATA, EXIT_NO_MEMORY };

static void judge(struct demo_result *r, bool held, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static void judge(struct demo_result *r, bool held, const char *format, ...)
{
	va_list args;

	r->held = held;
	va_start(args, format);
	vsnprintf(r->why, sizeof(r->why), format, args);
	va_end(args);
}

/* Waits for the child while its progress shows; its raw status, or -1. */
static int watch(pid_t child, struct rusage *usage)
{
	int status = -1;
	pid_t got;

	while ((got = wait4(child, &status, WNOHANG, usage)) == 0) {
		demo_progress_show();
		nanosleep(&(struct timespec){ .tv_nsec = 20000000 }, NULL);
	}
	return got == child ? status : -1;
}

static pid_t start(struct demo_result *r)
{
	demo_shared->done = demo_shared->bad = 0;
	pid_t child = fork();

	if (child < 0)
		judge(r, false, "no process can be made: %s", strerror(errno));
	return child;
}

static const char *ending(int status)
{
	static char text[64];

	if (status < 0)
		return "could not be waited for";
	if (WIFSIGNALED(status))
		snprintf(text, sizeof(text), "was ended by signal %d (%s)", WTERMSIG(status),
			 strsignal(WTERMSIG(status)));
	else if (WEXITSTATUS(status) == EXIT_NO_MEMORY)
		return "got no memory";
	else
		snprintf(text, sizeof(text), "ended with status %d", WEXITSTATUS(status));
	return text;
}

/* ---- more memory than the machine has ---- */

/* Which page comes n-th: in order, or jumping about. An odd factor beside a power of two hits each
 * page once. */
static size_t nth_page(size_t n, size_t pages, bool jumping)
{
	size_t size = 1;

	if (!jumping)
		return n;
	while (size < pages)
		size <<= 1;
	/* The n-th of those numbers of the permutation of 0..size-1 that are below `pages`, found
	 * by following its cycle. */
	do
		n = (n * 0x9e3779b1u + 0x7f4a7c15u) & (size - 1);
	while (n >= pages);
	return n;
}

/* Verifies every page with seed `old` and leaves each eighth with seed `old` + 1 when its turn is
 * to be rewritten. */
static void work_pass(uint64_t *memory, size_t pages, unsigned pass)
{
	for (size_t n = 0; n < pages; n++, demo_shared->done++) {
		size_t i = nth_page(n, pages, pass & 1);
		uint64_t *page = memory + i * DEMO_WORDS;
		unsigned age = i % 8 < pass ? 1 : 0;

		if (!demo_holds(page, i, age))
			demo_shared->bad++;
		if (i % 8 == pass)
			demo_fill(page, i, 1);
	}
}

static _Noreturn void work_child(const struct demo_options *o)
{
	size_t pages = (size_t)o->work_mb * PAGES_PER_MB;
	uint64_t *memory = demo_map(pages);

	if (!memory)
		_exit(EXIT_NO_MEMORY);
	for (size_t i = 0; i < pages; i++, demo_shared->done++)
		demo_fill(memory + i * DEMO_WORDS, i, 0);
	for (unsigned pass = 0; pass < o->passes; pass++)
		work_pass(memory, pages, pass);
	_exit(demo_shared->bad ? EXIT_WRONG_DATA : EXIT_GOOD);
}

void demo_work(const struct demo_options *o, struct demo_result *r)
{
	uint64_t pages = (uint64_t)o->work_mb * PAGES_PER_MB, all = pages * (o->passes + 1);
	struct rusage usage = { 0 };
	pid_t child;

	demo_progress_begin("working on more than RAM", all);
	child = start(r);
	if (!child)
		work_child(o);
	int status = child > 0 ? watch(child, &usage) : -1;
	demo_progress_end();
	if (child < 0)
		return;
	if (status || demo_shared->done != all)
		judge(r, false, "the process %s after %llu of %llu pages, %llu of them wrong",
		      ending(status), (unsigned long long)demo_shared->done,
		      (unsigned long long)all, (unsigned long long)demo_shared->bad);
	else
		judge(r, true,
		      "%u MB written, verified %u times, no word wrong; %ld minor and %ld major faults",
		      o->work_mb, o->passes, usage.ru_minflt, usage.ru_majflt);
}

/* ---- fork ---- */

/* Rewrites the pages of one parity as `seed`, then checks all: the others are as before the
 * fork. */
static int fork_side(uint64_t *memory, size_t pages, unsigned parity, uint64_t seed)
{
	uint64_t bad = 0;

	for (size_t i = parity; i < pages; i += 2)
		demo_fill(memory + i * DEMO_WORDS, i, seed);
	for (size_t i = 0; i < pages; i++)
		bad += !demo_holds(memory + i * DEMO_WORDS, i, i % 2 == parity ? seed : 10);
	demo_shared->bad += bad;
	return bad ? EXIT_WRONG_DATA : EXIT_GOOD;
}

static _Noreturn void fork_child(const struct demo_options *o)
{
	size_t pages = (size_t)o->fork_mb * PAGES_PER_MB;
	uint64_t *memory = demo_map(pages), before;
	int status = -1, mine;
	pid_t other;

	if (!memory)
		_exit(EXIT_NO_MEMORY);
	for (size_t i = 0; i < pages; i++, demo_shared->done++)
		demo_fill(memory + i * DEMO_WORDS, i, 10);
	before = demo_now();
	other = fork();
	if (other < 0)
		_exit(EXIT_NO_MEMORY);
	if (!other)
		_exit(fork_side(memory, pages, 1, 12));
	demo_shared->cow_ns = demo_now() - before;
	mine = fork_side(memory, pages, 0, 11);
	demo_shared->done += pages;
	if (waitpid(other, &status, 0) != other || status)
		_exit(EXIT_WRONG_DATA);
	/* And once more: the other side's end took nothing along. */
	_exit(mine ? mine : fork_side(memory, pages, 0, 13));
}

void demo_fork(const struct demo_options *o, struct demo_result *r)
{
	struct rusage usage = { 0 };
	pid_t child;

	demo_progress_begin("fork", (uint64_t)o->fork_mb * PAGES_PER_MB * 2);
	child = start(r);
	if (!child)
		fork_child(o);
	int status = child > 0 ? watch(child, &usage) : -1;
	demo_progress_end();
	if (child < 0)
		return;
	if (status)
		judge(r, false, "the process %s, %llu pages wrong", ending(status),
		      (unsigned long long)demo_shared->bad);
	else
		judge(r, true,
		      "%u MB forked in %.0f us; both sides rewrote half and verified all of it",
		      o->fork_mb, (double)demo_shared->cow_ns / 1e3);
}

/* ---- wild pointers ---- */

struct wild_case {
	const char *what;
	volatile uint64_t *address;
	int code;
};

static const uint64_t read_only_word = 42;

static const struct wild_case wild_cases[DEMO_WILD_CASES] = {
	{ "nothing there", (volatile uint64_t *)0x123456788, SEGV_MAPERR },
	{ "read-only", (volatile uint64_t *)&read_only_word, SEGV_ACCERR },
	{ "the kernel's", (volatile uint64_t *)0xffff000000000000, SEGV_MAPERR },
};

/* Tells where, and lets the same fault end the process: the next one finds the default action. */
static void on_wild(int signal, siginfo_t *info, void *context)
{
	(void)signal;
	(void)context;
	demo_shared->wild_address = (uint64_t)(uintptr_t)info->si_addr;
	demo_shared->wild_code = info->si_code;
}

static _Noreturn void wild_child(const struct wild_case *w)
{
	struct sigaction action = { .sa_sigaction = on_wild,
				    .sa_flags = SA_SIGINFO | (int)SA_RESETHAND };

	sigaction(SIGSEGV, &action, NULL);
	*w->address = 1;
	_exit(EXIT_GOOD);
}

static bool wild_case_holds(const struct wild_case *w, struct demo_result *r)
{
	int status;
	pid_t child;

	demo_shared->wild_address = 0;
	demo_shared->wild_code = 0;
	child = fork();
	if (!child)
		wild_child(w);
	status = child > 0 ? watch(child, NULL) : -1;
	if (status >= 0 && WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV &&
	    demo_shared->wild_address == (uintptr_t)w->address && demo_shared->wild_code == w->code)
		return true;
	judge(r, false, "a store at %p (%s) %s; si_addr 0x%llx, si_code %d", (void *)w->address,
	      w->what, ending(status), (unsigned long long)demo_shared->wild_address,
	      demo_shared->wild_code);
	return false;
}

void demo_wild(const struct demo_options *o, struct demo_result *r)
{
	uint64_t rounds = demo_shared->by_rounds;
	bool held = true;

	(void)o;
	demo_shared->done = 0;
	demo_progress_begin("wild pointers", DEMO_WILD_CASES);
	for (size_t i = 0; held && i < DEMO_WILD_CASES; i++, demo_shared->done++)
		held = wild_case_holds(&wild_cases[i], r);
	/* The others go on: the bystander completes two more rounds. */
	for (int i = 0; i < 500 && demo_shared->by_rounds < rounds + 2; i++)
		nanosleep(&(struct timespec){ .tv_nsec = 10000000 }, NULL);
	demo_progress_end();
	if (!held)
		return;
	if (demo_shared->by_rounds < rounds + 2)
		judge(r, false, "another process stood still after a wild pointer");
	else
		judge(r, true,
		      "SIGSEGV with the right address %d times: unmapped, read-only, the kernel's",
		      DEMO_WILD_CASES);
}

/* ---- a leak ---- */

static _Noreturn void leak_child(uint64_t most)
{
	for (uint64_t mb = 0; mb < most; mb++) {
		uint64_t *memory = demo_map(PAGES_PER_MB);
		if (!memory)
			_exit(EXIT_NO_MEMORY);
		for (size_t i = 0; i < PAGES_PER_MB; i++, demo_shared->done++)
			demo_fill(memory + i * DEMO_WORDS, i, mb);
	}
	_exit(EXIT_GOOD);
}

void demo_leak(const struct demo_options *o, struct demo_result *r)
{
	uint64_t room = (demo_meminfo("MemTotal") + demo_meminfo("SwapTotal")) / 1024;
	uint64_t rounds = demo_shared->by_rounds;
	struct demo_figures before;
	pid_t child;

	(void)o;
	demo_figures_read(&before);
	demo_progress_begin("a leak", room * PAGES_PER_MB);
	child = start(r);
	if (!child)
		leak_child(2 * room + 16);
	int status = child > 0 ? watch(child, NULL) : -1;
	demo_progress_end();
	if (child < 0)
		return;
	unsigned long long mb = demo_shared->done / PAGES_PER_MB;
	uint64_t kills = demo_figures_since(&before).oom_kills;

	if (status < 0 || !WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL)
		judge(r, false, "the leaking process %s after %llu MB", ending(status), mb);
	else if (kills != 1)
		judge(r, false, "the leak was ended after %llu MB, but the policy acted %llu times",
		      mb, (unsigned long long)kills);
	else if (demo_shared->by_rounds == rounds)
		judge(r, false, "another process stood still while a leak took %llu MB", mb);
	else
		judge(r, true, "ended by the out-of-memory policy after %llu MB, nobody else was",
		      mb);
}
