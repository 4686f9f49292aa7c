// SPDX-License-Identifier: MIT
/*
 * /proc/self/smaps, smaps_rollup and pagemap against memory whose state is known: untouched,
 * written, read only, shared by a fork and by mappings of the same memory, locked; and the sums
 * against each other.
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

static long status(const char *name)
{
	return figure("/proc/self/status", NULL, name);
}

/* Each area's parts make up what it has, all areas' what the process has, and so do the kinds. */
static void check_parts(void)
{
	static const char *const parts[] = { "Shared_Clean:", "Shared_Dirty:", "Private_Clean:",
					     "Private_Dirty:" };
	long rss = 0, all = 0, sum = 0, kb, resident = 0, shared = 0;
	FILE *f = fopen("/proc/self/smaps", "r");
	char line[512];

	while (f && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "Rss: %ld", &kb) == 1) {
			CHECK(sum == rss);
			rss = kb;
			all += kb;
			sum = 0;
		}
		if (sscanf(line, "Pss: %ld", &kb) == 1)
			CHECK(kb <= rss);
		if (sscanf(line, "Anonymous: %ld", &kb) == 1 ||
		    sscanf(line, "Referenced: %ld", &kb) == 1)
			CHECK(kb <= rss);
		for (int i = 0; i < 4; i++)
			if (strncmp(line, parts[i], strlen(parts[i])) == 0)
				sum += strtol(line + strlen(parts[i]), NULL, 10);
	}
	if (f)
		fclose(f);
	CHECK(sum == rss && all > 0);
	/* What reading itself takes may come in between. */
	CHECK(labs(status("VmRSS") - all) <= 16);
	CHECK(status("RssAnon") + status("RssFile") + status("RssShmem") == status("VmRSS"));
	f = fopen("/proc/self/statm", "r");
	CHECK(f && fscanf(f, "%*d %ld %ld", &resident, &shared) == 2);
	if (f)
		fclose(f);
	CHECK(labs(resident * 4 - status("VmRSS")) <= 16);
	CHECK(shared * 4 == status("RssFile") + status("RssShmem"));
}

/* A file's pages, read and copied, and shared anonymous memory: which kind each counts as. disk:
 * the directory is on one. */
static void check_kinds(const char *directory, int disk)
{
	const char *kind = disk ? "RssFile" : "RssShmem", *other = disk ? "RssShmem" : "RssFile";
	long before, anon, others, sum = 0;
	char path[64], page[PAGE] = { 1 }, *p, *q;
	int fd;

	snprintf(path, sizeof(path), "%s/kinds", directory);
	fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
	unlink(path);
	for (int i = 0; i < 64; i++)
		CHECK(write(fd, page, PAGE) == PAGE);
	p = mmap(NULL, 64 * PAGE, PROT_READ, MAP_SHARED, fd, 0);
	q = mmap(NULL, 64 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	before = status(kind);
	anon = status("RssAnon");
	others = status(other);
	for (int i = 0; i < 64; i++)
		sum += *(volatile char *)(p + i * PAGE);
	CHECK(sum == 64 && status(kind) == before + 256 && status(other) == others);
	CHECK(of(p, "Rss") == 256 && of(p, "Anonymous") == 0 && of(p, "Pss") == 256);
	for (int i = 0; i < 16; i++)
		q[i * PAGE] = 2;
	CHECK(status("RssAnon") == anon + 64 && of(q, "Anonymous") == 64);
	CHECK(of(q, "Private_Dirty") == 64);
	munmap(p, 64 * PAGE);
	munmap(q, 64 * PAGE);
	CHECK(status(kind) == before && status("RssAnon") == anon);
	close(fd);
	before = status("RssShmem");
	p = map(16, PROT_READ | PROT_WRITE, MAP_SHARED);
	memset(p, 1, 16 * PAGE);
	CHECK(status("RssShmem") == before + 64);
	check_parts();
}

#define PROCESSES 20

/* What many processes map is there once: their shares add up to it. */
static void check_many(void)
{
	int fd = memfd_create("text", 0), ends[2], hold[2], done[2], status_;
	long pss, sum = 0;
	char *p, c;

	CHECK(ftruncate(fd, 64 * PAGE) == 0 && pipe(ends) == 0 && pipe(hold) == 0 &&
	      pipe(done) == 0);
	p = mmap(NULL, 64 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	memset(p, 1, 64 * PAGE);
	munmap(p, 64 * PAGE);
	for (int i = 0; i < PROCESSES; i++) {
		if (fork() == 0) {
			p = mmap(NULL, 64 * PAGE, PROT_READ, MAP_SHARED, fd, 0);
			for (int j = 0; j < 64; j++)
				CHECK(*(volatile char *)(p + j * PAGE) == 1);
			close(done[1]);
			CHECK(write(ends[1], "", 1) == 1);
			CHECK(read(hold[0], &c, 1) == 1); /* until all have */
			pss = of(p, "Pss");
			CHECK(write(ends[1], &pss, sizeof(pss)) == sizeof(pss));
			CHECK(read(done[0], &c, 1) == 0); /* until all have looked */
			_exit(checks_failed != 0);
		}
	}
	for (int i = 0; i < PROCESSES; i++)
		CHECK(read(ends[0], &c, 1) == 1);
	for (int i = 0; i < PROCESSES; i++)
		CHECK(write(hold[1], "", 1) == 1);
	for (int i = 0; i < PROCESSES; i++) {
		CHECK(read(ends[0], &pss, sizeof(pss)) == sizeof(pss));
		sum += pss;
	}
	CHECK(sum <= 256 && sum >= 256 - PROCESSES); /* each is rounded down */
	close(done[1]);
	while (wait(&status_) > 0)
		CHECK(status_ == 0);
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
	/* The page daemon takes them in its own time, if it does; each page is in one place or the
	 * other. */
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

/* smaps DISK: with files on a disk too. */
/* What there was most of stays in VmPeak. */
static void check_peak(void)
{
	long size = figure("/proc/self/status", NULL, "VmSize"), peak;
	char *p = mmap(NULL, 64UL << 20, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	peak = figure("/proc/self/status", NULL, "VmPeak");
	CHECK(p != MAP_FAILED && peak >= size + 65536);
	munmap(p, 64UL << 20);
	CHECK(figure("/proc/self/status", NULL, "VmPeak") == peak);
	CHECK(figure("/proc/self/status", NULL, "VmSize") == size);
}

int main(int argc, char **argv)
{
	check_peak();
	check_private();
	check_shared();
	check_pagemap();
	check_kinds("/tmp", 0);
	if (argc > 1)
		check_kinds(argv[1], 1);
	check_many();
	check_swapped();
	check_sums();
	return check_end();
}
