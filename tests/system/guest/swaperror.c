// SPDX-License-Identifier: MIT
/*
 * What a program sees of pages that cannot be read back: swaperror MB [DEVICE OFFSET BYTES]. Fills
 * MB megabytes with what does not pack, has BYTES of the swap device written over, and reads all of
 * it. A page that is lost is SIGBUS with BUS_MCEERR_AR and its address, each time it is touched,
 * until another takes its place; all others are as they were written. A second process beside it
 * must not notice. Says "lost N pages, M wrong, beside ok" and ends with 0 when M is 0.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE  4096ul
#define WORDS (PAGE / sizeof(uint64_t))

static sigjmp_buf back;
static volatile uintptr_t touched;
static unsigned wrong;

static uint64_t value(size_t i)
{
	return (i + 1) * 0x9e3779b97f4a7c15u;
}

static uint64_t *take(size_t pages)
{
	uint64_t *p = mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			   -1, 0);

	if (p == MAP_FAILED)
		exit(2);
	for (size_t i = 0; i < pages * WORDS; i++)
		p[i] = value(i);
	return p;
}

static unsigned differs(const uint64_t *p, size_t page)
{
	for (size_t i = page * WORDS; i < (page + 1) * WORDS; i++)
		if (p[i] != value(i))
			return 1;
	return 0;
}

static void bus_error(int signo, siginfo_t *info, void *context)
{
	(void)signo;
	(void)context;
	if (info->si_code != BUS_MCEERR_AR || (uintptr_t)info->si_addr / PAGE != touched / PAGE ||
	    info->si_addr_lsb != 12)
		wrong++;
	siglongjmp(back, 1);
}

/* 1: it is lost. */
static unsigned touch(const uint64_t *p, size_t page)
{
	touched = (uintptr_t)(p + page * WORDS);
	if (sigsetjmp(back, 1) != 0)
		return 1;
	wrong += differs(p, page);
	return 0;
}

/* A lost page stays so; a new one in its place is like any. */
static void replace(uint64_t *p, size_t page)
{
	void *at = p + page * WORDS;

	wrong += !touch(p, page);
	if (mmap(at, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1,
		 0) != at)
		wrong++;
	memset(at, 0x55, PAGE);
}

static void overwrite(char **argv)
{
	size_t n = strtoul(argv[2], NULL, 0);
	void *junk = aligned_alloc(PAGE, n);
	int fd = open(argv[0], O_WRONLY);

	memset(junk, 0xa6, n);
	if (fd < 0 || pwrite(fd, junk, n, (off_t)strtoull(argv[1], NULL, 0)) != (ssize_t)n)
		exit(3);
	close(fd);
}

/* Another process with memory of its own, which looks at it when the pipe is closed. */
static int beside(int pipe_end)
{
	const size_t pages = 256;
	uint64_t *p = take(pages);
	unsigned bad = 0;
	char c;

	(void)read(pipe_end, &c, 1);
	for (size_t i = 0; i < pages; i++)
		bad += differs(p, i);
	return bad != 0;
}

int main(int argc, char **argv)
{
	size_t pages = argc > 1 ? strtoul(argv[1], NULL, 0) * 256 : 256, lost = 0;
	struct sigaction sa = { .sa_sigaction = bus_error, .sa_flags = SA_SIGINFO };
	int ends[2], status;
	uint64_t *p;
	pid_t child;

	if (pipe(ends) || (child = fork()) < 0)
		return 2;
	if (child == 0) {
		close(ends[1]);
		return beside(ends[0]);
	}
	p = take(pages);
	if (argc > 4)
		overwrite(argv + 2);
	sigaction(SIGBUS, &sa, NULL);
	for (size_t i = 0; i < pages; i++)
		if (touch(p, i)) {
			lost++;
			replace(p, i);
		}
	close(ends[1]);
	if (waitpid(child, &status, 0) != child || status != 0)
		wrong++;
	printf("lost %zu pages, %u wrong, beside %s\n", lost, wrong, status == 0 ? "ok" : "not");
	return wrong != 0;
}
