// SPDX-License-Identifier: MIT
/*
 * Tables of system calls whose answers are compared with another kernel's, line by line. A case is
 * a list of calls; the last one's answer is printed, and what it changed in the arena, which is
 * mapped afresh for each case at the same address:
 *
 *    page  0-3    private, read and write
 *          5      private, read
 *          6      private, no access
 *          8-11   anonymous, shared
 *          13-14  file, private, read and write
 *          16-19  file, shared, read and write (the file ends in 18)
 *          21     file open for reading only, shared, read
 *    all others   nothing
 *
 * Each case runs in a child of its own, so it may do to itself what it likes. A line:
 *
 *    mprotect, over a hole: ENOMEM [2-3 r--p cd]
 *
 * says that pages 2 and 3 are different now: their rights, and the first byte of each (! when it
 * cannot be read); "-" is a page that is gone, "*" a byte that is no character. Values that differ
 * from run to run are printed as a word.
 */
#ifndef TESTS_SYSTEM_GUEST_CASES_H
#define TESTS_SYSTEM_GUEST_CASES_H

#include <errno.h>
#include <fcntl.h>
#include <linux/memfd.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE          4096UL
#define ARENA         0x1000000000UL
#define PAGES         64
#define P(n)          ((long)(ARENA + (n)*PAGE))
#define N(n)          ((long)((n)*PAGE))
#define ALIGN_PAGE(a) (((uint64_t)(a) + PAGE - 1) & ~(PAGE - 1))
#define R             PROT_READ
#define RW            (PROT_READ | PROT_WRITE)
#define ANON          (MAP_PRIVATE | MAP_ANONYMOUS)
#define FIXED         (ANON | MAP_FIXED)
#define KERNEL        ((long)0xffff000000001000UL) /* the other half */
#define NOBODY        0x0080000000000000L          /* neither half */
/* the first address that is not the user's */
#define TOP    0x0001000000000000L
#define HUGE_L ((long)(~0UL & ~(PAGE - 1)))

/* Files that are open in every case. */
enum { FD_RW = 40, FD_RO, FD_WO, FD_PIPE, FD_DIR, FD_MEMFD, FD_CLOSED };

/* Arguments that are known only at run time. */
#define PID    0x7e57000000000001L /* the case's own process */
#define PARENT 0x7e57000000000002L /* the program, whose arena is as new */
#define RESULT 0x7e57000000000003L /* what the call before answered */
#define FIRST  0x7e57000000000004L /* what the first call answered */

struct call {
	long nr; /* + 1, so that 0 ends a list */
	long args[6];
};

struct test_case {
	const char *name;
	struct call calls[9];
};

#define C(name, ...)                                                                               \
	{                                                                                          \
		SYS_##name + 1,                                                                    \
		{                                                                                  \
			__VA_ARGS__                                                                \
		}                                                                                  \
	}

static inline long raw_call(long nr, const long *a)
{
	register long x8 __asm__("x8") = nr;
	register long x0 __asm__("x0") = a[0];
	register long x1 __asm__("x1") = a[1];
	register long x2 __asm__("x2") = a[2];
	register long x3 __asm__("x3") = a[3];
	register long x4 __asm__("x4") = a[4];
	register long x5 __asm__("x5") = a[5];

	__asm__ volatile("svc #0"
			 : "+r"(x0)
			 : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5)
			 : "memory");
	return x0;
}

/* ---- The arena ---- */

struct look {
	char rights[5]; /* as in /proc/self/maps; "" when nothing is there */
	char byte;
};

static pid_t program;            /* the parent of all cases */
static void (*case_after)(void); /* puts away what a case left behind in the system */

static void cases_die(const char *what)
{
	printf("%s: %s\n", what, strerror(errno));
	exit(1);
}

static void arena_piece(unsigned page, unsigned pages, int prot, int flags, int fd)
{
	char *p = mmap((void *)P(page), pages * PAGE, prot | PROT_WRITE, flags | MAP_FIXED, fd, 0);

	if (p == MAP_FAILED)
		cases_die("arena");
	for (unsigned i = 0; fd < 0 && i < pages; i++)
		p[i * PAGE] = (char)('a' + page + i);
	if (prot != RW && mprotect(p, pages * PAGE, prot))
		cases_die("arena");
}

static void arena_open(int at, int fd)
{
	if (fd < 0 || dup2(fd, at) != at)
		cases_die("files");
	if (fd != at)
		close(fd);
}

static void arena_files(void)
{
	char path[64];
	int fds[2];

	snprintf(path, sizeof(path), "/tmp/cases.%d", getpid());
	arena_open(FD_RW, open(path, O_RDWR | O_CREAT | O_TRUNC, 0666));
	arena_open(FD_RO, open(path, O_RDONLY));
	arena_open(FD_WO, open(path, O_WRONLY));
	arena_open(FD_DIR, open("/tmp", O_RDONLY | O_DIRECTORY));
	if (unlink(path) || pipe(fds))
		cases_die("files");
	close(fds[1]);
	arena_open(FD_PIPE, fds[0]);
	arena_open(FD_MEMFD, (int)syscall(SYS_memfd_create, "case", MFD_ALLOW_SEALING));
	if (ftruncate(FD_MEMFD, 4 * PAGE) || ftruncate(FD_RW, 2 * PAGE + 100) ||
	    pwrite(FD_RW, "x", 1, 0) != 1 || pwrite(FD_RW, "y", 1, PAGE) != 1 ||
	    pwrite(FD_RW, "z", 1, 2 * PAGE) != 1)
		cases_die("files");
}

static void arena_make(void)
{
	arena_files();
	arena_piece(0, 4, RW, ANON, -1);
	arena_piece(5, 1, R, ANON, -1);
	arena_piece(6, 1, PROT_NONE, ANON, -1);
	arena_piece(8, 4, RW, MAP_SHARED | MAP_ANONYMOUS, -1);
	arena_piece(13, 2, RW, MAP_PRIVATE, FD_RW);
	arena_piece(16, 4, RW, MAP_SHARED, FD_RW);
	if (mmap((void *)P(21), PAGE, R, MAP_SHARED | MAP_FIXED, FD_RO, 0) == MAP_FAILED)
		cases_die("arena");
}

/* The rights of every page of the arena, and what is in it: a pipe's write tells without a
 * signal. */
static void arena_look(struct look *looks)
{
	FILE *maps = fopen("/proc/self/maps", "r");
	char line[512];
	int fds[2];

	memset(looks, 0, PAGES * sizeof(*looks));
	if (!maps || pipe(fds))
		cases_die("maps");
	while (fgets(line, sizeof(line), maps)) {
		unsigned long start, end;
		char rights[5];

		if (sscanf(line, "%lx-%lx %4s", &start, &end, rights) != 3)
			continue;
		for (unsigned i = 0; i < PAGES; i++)
			if (start <= ARENA + i * PAGE && ARENA + i * PAGE < end)
				memcpy(looks[i].rights, rights, sizeof(rights));
	}
	fclose(maps);
	for (unsigned i = 0; i < PAGES; i++) {
		char c = '!';

		if (looks[i].rights[0] && write(fds[1], (void *)P(i), 1) == 1 &&
		    read(fds[0], &c, 1) != 1)
			cases_die("pipe");
		looks[i].byte = (char)((unsigned char)c > '~' ? '*' : c < 10 ? '0' + c : c);
	}
	close(fds[0]);
	close(fds[1]);
}

static void arena_differences(const struct look *before, const struct look *after)
{
	bool first = true;

	for (unsigned i = 0, end; i < PAGES; i = end) {
		end = i + 1;
		if (!memcmp(&before[i], &after[i], sizeof(*before)))
			continue;
		while (end < PAGES && memcmp(&before[end], &after[end], sizeof(*before)) &&
		       !strcmp(after[i].rights, after[end].rights))
			end++;
		printf(first ? " [%u" : ", %u", i);
		if (end > i + 1)
			printf("-%u", end - 1);
		printf(" %s", after[i].rights[0] ? after[i].rights : "-");
		for (unsigned j = i; after[i].rights[0] && j < end; j++)
			printf(j == i ? " %c" : "%c", after[j].byte);
		first = false;
	}
	if (!first)
		printf("]");
}

/* ---- Cases ---- */

static void print_answer(long answer)
{
	if (answer < 0 && answer > -4096) {
		const char *name = strerrorname_np((int)-answer);

		printf("%s", name ? name : "?");
	} else if (answer >= P(0) && answer <= P(PAGES))
		printf("page %ld%s", (answer - P(0)) / N(1), answer % N(1) ? "+" : "");
	else if (answer >= 0 && answer < 1 << 20)
		printf("%ld", answer);
	else
		printf("other"); /* an address, a size of the machine */
}

static long argument(long value, long first, long last)
{
	switch (value) {
	case PID: return getpid();
	case PARENT: return program;
	case FIRST: return first;
	case RESULT: return last;
	default: return value;
	}
}

/* In a child of its own. */
static void case_run(const struct test_case *t)
{
	struct look before[PAGES], after[PAGES];
	long answer = 0, first = 0, args[6];

	arena_look(before);
	for (const struct call *c = t->calls; c->nr; c++) {
		for (int i = 0; i < 6; i++)
			args[i] = argument(c->args[i], first, answer);
		answer = raw_call(c->nr - 1, args);
		if (c == t->calls)
			first = answer;
		if (c[1].nr && answer < 0 && answer > -4096) {
			printf("step %d ", (int)(c - t->calls) + 1);
			break;
		}
	}
	print_answer(answer);
	arena_look(after);
	arena_differences(before, after);
}

/* A case that is a function prints its own answer. */
static void case_in_child(const char *name, const struct test_case *t, void (*function)(void))
{
	int status;
	pid_t child;

	printf("%s: ", name);
	fflush(stdout);
	child = fork();
	if (child == 0) {
		arena_make();
		if (t)
			case_run(t);
		else
			function();
		fflush(stdout);
		_exit(0);
	}
	if (child < 0 || waitpid(child, &status, 0) != child)
		cases_die("fork");
	if (WIFSIGNALED(status))
		printf("%s", sigabbrev_np(WTERMSIG(status)));
	printf("\n");
	if (case_after)
		case_after();
}

static inline void cases_begin(void)
{
	program = getpid();
	arena_make();
}

#define cases_run(table)                                                                           \
	do {                                                                                       \
		for (size_t i_ = 0; i_ < sizeof(table) / sizeof((table)[0]); i_++)                 \
			case_in_child((table)[i_].name, &(table)[i_], NULL);                       \
	} while (0)

static inline void case_function(const char *name, void (*function)(void))
{
	case_in_child(name, NULL, function);
}

#endif
