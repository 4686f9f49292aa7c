// SPDX-License-Identifier: MIT
/*
 * /proc/self/smaps, smaps_rollup and pagemap against memory whose state is known: untouched, written, read only, shared by a fork and by
 * mappings of the same memory, locked; and the sums against each other.
 */
#include "check.h"

#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE    4096
#define PRESENT (1ull << 63)
#define SWAPPED (1ull << 62)
#define FILE_   (1ull << 61)
#define ALONE   (1ull << 56)
#define PFN     ((1ull << 55) - 1)

/* A figure (kB) of the area that begins at p; p NULL: of the whole file. -1: not there. */
static long figure(const char *file, const void *p, const char *name)
{
	char line[512], start[24];
	int inside = p == NULL;
	long kb = -1;
	FILE *f = fopen(file, "r");

	snprintf(start, sizeof(start), "%08lx-", (unsigned long)p);
	while (f && fgets(line, sizeof(line), f)) {
		if (strncmp(line, start, strlen(start)) == 0)
			inside = 1;
		else if (inside && strncmp(line, name, strlen(name)) == 0 &&
			 line[strlen(name)] == ':') {
			kb = strtol(line + strlen(name) + 1, NULL, 10);
			break;
		}
	}
	if (f)
		fclose(f);
	return kb;
}

static long of(const void *p, const char *name)
{
	return figure("/proc/self/smaps", p, name);
}

static uint64_t pagemap(const void *p)
{
	int fd = open("/proc/self/pagemap", O_RDONLY);
	uint64_t word = 0;

	CHECK(pread(fd, &word, 8, (off_t)((uintptr_t)p / PAGE * 8)) == 8);
	close(fd);
	return word;
}

static char *map(size_t pages, int prot, int flags)
{
	/* Pages of no access on both sides keep neighbours from becoming one area with it. */
	char *p = mmap(NULL, (pages + 2) * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return mmap(p + PAGE, pages * PAGE, prot, MAP_FIXED | MAP_ANONYMOUS | flags, -1, 0);
}

static void check_private(void)
{
	char *p = map(64, PROT_READ | PROT_WRITE, MAP_PRIVATE);
	int status;
	pid_t child;

	CHECK(of(p, "Size") == 256 && of(p, "Rss") == 0 && of(p, "Pss") == 0);
	for (int i = 0; i < 16; i++)
		p[i * PAGE] = 1;
	CHECK(of(p, "Rss") == 64 && of(p, "Pss") == 64 && of(p, "Private_Dirty") == 64);
	CHECK(of(p, "Anonymous") == 64 && of(p, "Referenced") == 64 && of(p, "Shared_Dirty") == 0);
	CHECK(of(p, "Pss_Dirty") == 64 && of(p, "Locked") == 0 && of(p, "Swap") == 0);
	CHECK(*(volatile char *)(p + 20 * PAGE) == 0); /* the frame of zeroes */
	CHECK(of(p, "Rss") == 64);
	child = fork();
	if (child == 0) {
		CHECK(of(p, "Rss") == 64 && of(p, "Pss") == 32 && of(p, "Shared_Dirty") == 64);
		CHECK(!(pagemap(p) & ALONE));
		for (int i = 0; i < 8; i++)
			p[i * PAGE] = 2;
		CHECK(of(p, "Rss") == 64 && of(p, "Pss") == 48 && of(p, "Private_Dirty") == 32);
		_exit(checks_failed != 0);
	}
	waitpid(child, &status, 0);
	CHECK(status == 0);
	CHECK(of(p, "Pss") == 64 && of(p, "Private_Dirty") == 64);
	CHECK(mlock(p, 64 * PAGE) == 0 && of(p, "Locked") == 256 && of(p, "Rss") == 256);
	munmap(p, 64 * PAGE);
}

static void check_shared(void)
{
	char *p = map(8, PROT_READ | PROT_WRITE, MAP_SHARED), *again;
	int fd = memfd_create("shared", 0);

	memset(p, 1, 8 * PAGE);
	CHECK(of(p, "Rss") == 32 && of(p, "Pss") == 32 && of(p, "Anonymous") == 0);
	CHECK(ftruncate(fd, 8 * PAGE) == 0);
	p = mmap(NULL, 8 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	again = mmap(NULL, 8 * PAGE, PROT_READ, MAP_SHARED, fd, 0);
	memset(p, 1, 8 * PAGE);
	for (int i = 0; i < 8; i++)
		CHECK(*(volatile char *)(again + i * PAGE) == 1);
	CHECK(of(p, "Rss") == 32 && of(p, "Pss") == 16 && of(p, "Shared_Dirty") == 32);
	CHECK(of(again, "Pss") == 16);
}

static void check_pagemap(void)
{
	char *p = map(600, PROT_READ | PROT_WRITE, MAP_PRIVATE);
	char *shared = map(2, PROT_READ | PROT_WRITE, MAP_SHARED);
	int fd = open("/proc/self/pagemap", O_RDONLY), status;
	uint64_t words[600];
	pid_t child;

	p[0] = p[599 * PAGE] = p[300 * PAGE] = 1;
	shared[0] = 1;
	CHECK(pread(fd, words, sizeof(words), (off_t)((uintptr_t)p / PAGE * 8)) ==
	      (ssize_t)sizeof(words));
	for (int i = 0; i < 600; i++)
		CHECK(!(words[i] & PRESENT) == !(i == 0 || i == 300 || i == 599));
	CHECK((words[0] & PFN) != 0 && (words[0] & PFN) != (words[300] & PFN));
	CHECK((words[0] & (SWAPPED | FILE_)) == 0 && (words[0] & ALONE));
	CHECK((pagemap(shared) & (PRESENT | FILE_)) == (PRESENT | FILE_));
	CHECK(pagemap(shared + PAGE) == 0);
	CHECK(pread(fd, words, 12, 0) == -1 && errno == EINVAL);
	CHECK(pread(fd, words, 8, 4) == -1 && errno == EINVAL);
	CHECK(pread(fd, words, 8, 1ll << 45) == 0);
	CHECK(syscall(SYS_pread64, fd, 8, 64, 0) == -1 && errno == EFAULT);
	child = fork();
	if (child ==
	    0) { /* those who may not know where memory lies still learn that it is there */
		CHECK(setuid(1000) == 0);
		CHECK((pagemap(p) & PRESENT) && (pagemap(p) & PFN) == 0);
		CHECK(open("/proc/1/smaps", O_RDONLY) < 0 ||
		      figure("/proc/1/smaps", NULL, "Rss") < 0);
		_exit(checks_failed != 0);
	}
	waitpid(child, &status, 0);
	CHECK(status == 0);
	close(fd);
}

/* Pages that may go to swap. */
static void check_swapped(void)
{
	char *p = map(32, PROT_READ | PROT_WRITE, MAP_PRIVATE);

	for (int i = 0; i < 32 * PAGE; i += 8)
		*(uint64_t *)(void *)(p + i) = (uint64_t)i * 6364136223846793005u;
	if (madvise(p, 32 * PAGE, MADV_PAGEOUT) != 0)
		return;
	/* The page daemon takes them in its own time, if it does; each page is in one place or the other. */
	for (int tries = 0; of(p, "Swap") + of(p, "Rss") != 128 && tries < 100; tries++)
		usleep(10000);
	CHECK(of(p, "Swap") + of(p, "Rss") == 128 && of(p, "SwapPss") == of(p, "Swap"));
	for (int i = 0; i < 32; i++)
		CHECK(pagemap(p + i * PAGE) & (PRESENT | SWAPPED));
}

static void check_sums(void)
{
	static const char *const names[] = { "Rss",           "Pss",           "Shared_Clean",
					     "Private_Clean", "Private_Dirty", "Swap" };
	char line[512];

	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		long sum = 0, all = figure("/proc/self/smaps_rollup", NULL, names[i]);
		FILE *f = fopen("/proc/self/smaps", "r");

		while (f && fgets(line, sizeof(line), f))
			if (strncmp(line, names[i], strlen(names[i])) == 0 &&
			    line[strlen(names[i])] == ':')
				sum += strtol(line + strlen(names[i]) + 1, NULL, 10);
		if (f)
			fclose(f);
		CHECK(all >= sum && all <= sum + 40); /* Pss is rounded in every area */
	}
}

int main(void)
{
	check_private();
	check_shared();
	check_pagemap();
	check_swapped();
	check_sums();
	return check_end();
}
