// SPDX-License-Identifier: MIT
/*
 * Huge pages from outside: blocks by advice, by setting and by populating; what partial unmapping,
 * protection, forks, locks and mremap leave of them; that contents are right all the way; what
 * smaps, meminfo and vmstat say. And MAP_HUGETLB: promises, borders, copies, surplus, shared
 * memory, files.
 */
#define _GNU_SOURCE
#include "check.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define KB   1024L
#define PAGE 4096L
#define HUGE (2 * KB * KB)
#define RW   (PROT_READ | PROT_WRITE)
#define ANON (MAP_PRIVATE | MAP_ANONYMOUS)

#ifndef MAP_HUGE_SHIFT
#define MAP_HUGE_SHIFT 26
#endif

/* The number behind `name` in a file of lines; with p, of the area of smaps that begins there. */
static long figure(const char *file, const void *p, const char *name)
{
	char line[512], start[24];
	int inside = p == NULL;
	long value = -1;
	FILE *f = fopen(file, "r");

	snprintf(start, sizeof(start), "%08lx-", (unsigned long)p);
	while (f && fgets(line, sizeof(line), f)) {
		size_t n = strlen(name);

		if (strncmp(line, start, strlen(start)) == 0)
			inside = 1;
		else if (inside && strncmp(line, name, n) == 0 &&
			 (line[n] == ':' || line[n] == ' ')) {
			value = strtol(line + n + 1, NULL, 10);
			break;
		}
	}
	if (f)
		fclose(f);
	return value;
}

static long of(const void *p, const char *name)
{
	return figure("/proc/self/smaps", p, name);
}

static long event(const char *name)
{
	return figure("/proc/vmstat", NULL, name);
}

static int put(const char *file, const char *text)
{
	FILE *f = fopen(file, "w");
	int ok = f && fputs(text, f) >= 0;

	return f && fclose(f) == 0 && ok;
}

/* n times 2 MB, aligned, alone between areas without rights. */
static char *map(int n)
{
	char *p = mmap(NULL, (n + 2) * HUGE, PROT_NONE, ANON, -1, 0);

	p = (char *)(((uintptr_t)p + HUGE) & -HUGE);
	return mmap(p, n * HUGE, RW, ANON | MAP_FIXED, -1, 0);
}

static char *blocks(int n)
{
	char *p = map(n);

	CHECK(madvise(p, n * HUGE, MADV_HUGEPAGE) == 0);
	for (long at = 0; at < n * HUGE; at += PAGE)
		p[at] = (char)(at / PAGE + 1);
	return p;
}

static int intact(const char *p, long from, long to)
{
	for (long at = from; at < to; at += PAGE)
		if (p[at] != (char)(at / PAGE + 1) || p[at + 1] != 0)
			return 0;
	return 1;
}

static void check_advice(void)
{
	long before = event("thp_fault_alloc"),
	     anon = figure("/proc/meminfo", NULL, "AnonHugePages");
	char *p = map(2), *q;

	p[0] = 1;
	CHECK(of(p, "AnonHugePages") == 0 && of(p, "Rss") == 4);
	munmap(p, 2 * HUGE);
	q = blocks(2);
	CHECK(of(q, "AnonHugePages") == 4096 && of(q, "Rss") == 4096 && of(q, "THPeligible") == 1);
	CHECK(event("thp_fault_alloc") == before + 2);
	CHECK(figure("/proc/meminfo", NULL, "AnonHugePages") == anon + 4096);
	CHECK(intact(q, 0, 2 * HUGE));
	CHECK(madvise(q, HUGE, MADV_DONTNEED) == 0 && q[5] == 0);
	CHECK(intact(q, HUGE, 2 * HUGE));
	munmap(q, 2 * HUGE);
	CHECK(figure("/proc/meminfo", NULL, "AnonHugePages") == anon);
}

static void check_parts(void)
{
	long splits = event("thp_split_page");
	char *p = blocks(4), *moved;

	munmap(p + 100 * PAGE, 3 * PAGE);
	CHECK(event("thp_split_page") == splits + 1);
	CHECK(mprotect(p + HUGE + 7 * PAGE, PAGE, PROT_READ) == 0);
	CHECK(madvise(p + 2 * HUGE + PAGE, PAGE, MADV_DONTNEED) == 0 && p[2 * HUGE + PAGE] == 0);
	CHECK(event("thp_split_page") == splits + 3);
	moved = mremap(p + 3 * HUGE + PAGE, 8 * PAGE, 8 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED,
		       p + 100 * PAGE - 97 * PAGE - 3 * PAGE);
	CHECK(moved == p);
	for (int i = 0; i < 8; i++)
		CHECK(p[i * PAGE] == (char)(3 * 512 + 1 + i + 1));
	CHECK(intact(p, 8 * PAGE, 100 * PAGE) && intact(p, 103 * PAGE, 2 * HUGE));
	CHECK(intact(p, 2 * HUGE + 2 * PAGE, 3 * HUGE) && intact(p, 3 * HUGE + 9 * PAGE, 4 * HUGE));
	munmap(p, 4 * HUGE);
}

static void check_fork(void)
{
	char *p = blocks(2);
	int status;

	if (fork() == 0) {
		int ok = intact(p, 0, 2 * HUGE);

		p[PAGE] = 99;
		munmap(p + HUGE, PAGE);
		_exit(!(ok && p[PAGE] == 99 && intact(p, 2 * PAGE, HUGE)));
	}
	p[HUGE] = 77;
	CHECK(wait(&status) > 0 && status == 0);
	CHECK(intact(p, 0, HUGE) && p[HUGE] == 77 && intact(p, HUGE + PAGE, 2 * HUGE));
	p[HUGE] = 1;
	if (fork() == 0)
		_exit(0);
	CHECK(wait(&status) > 0);
	p[0] = 1; /* nobody else is left: a block again */
	CHECK(of(p, "AnonHugePages") >= 2048);
	CHECK(intact(p, 0, HUGE));
	munmap(p, 2 * HUGE);
}

static void check_lock_and_protect(void)
{
	char *p = blocks(1);

	CHECK(mlock(p, HUGE) == 0 && of(p, "AnonHugePages") == 2048 && of(p, "Locked") == 2048);
	CHECK(mprotect(p, HUGE, PROT_READ) == 0 && of(p, "AnonHugePages") == 2048);
	CHECK(mprotect(p, HUGE, RW) == 0 && of(p, "AnonHugePages") == 2048);
	CHECK(munlock(p, PAGE) == 0 && intact(p, 0, HUGE));
	p[0] = 1;
	munmap(p, HUGE);
}

static void check_setting(void)
{
	static const char file[] = "/sys/kernel/mm/transparent_hugepage/enabled";
	char *p, text[64] = "";
	FILE *f = fopen(file, "r");

	CHECK(f && fgets(text, sizeof(text), f) && strcmp(text, "always [madvise] never\n") == 0);
	if (f)
		fclose(f);
	CHECK(!put(file, "sometimes"));
	CHECK(put(file, "always\n"));
	p = map(2);
	memset(p, 1, HUGE);
	CHECK(of(p, "AnonHugePages") == 2048);
	CHECK(madvise(p, 2 * HUGE, MADV_NOHUGEPAGE) == 0);
	memset(p + HUGE, 1, HUGE);
	CHECK(of(p, "AnonHugePages") == 2048 && of(p, "Rss") == 4096);
	munmap(p, 2 * HUGE);
	CHECK(put(file, "never"));
	p = blocks(1);
	CHECK(of(p, "AnonHugePages") == 0 && intact(p, 0, HUGE));
	munmap(p, HUGE);
	CHECK(put(file, "madvise"));
	CHECK(prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0) == 0);
	p = blocks(1);
	CHECK(of(p, "AnonHugePages") == 0);
	munmap(p, HUGE);
	CHECK(prctl(PR_SET_THP_DISABLE, 0, 0, 0, 0) == 0);
}

/* 64 KB at a time where 2 MB do not fit, and in locked memory: what it costs in faults, and that
 * parts of it can be had alone. */
static void check_runs(void)
{
	char *p = map(1) + 3 * PAGE;
	struct rusage before, after;

	CHECK(madvise(p, 256 * PAGE, MADV_HUGEPAGE) == 0);
	getrusage(RUSAGE_SELF, &before);
	for (long at = 0; at < 256 * PAGE; at += PAGE)
		p[at] = (char)(at / PAGE + 1);
	getrusage(RUSAGE_SELF, &after);
	CHECK(after.ru_minflt - before.ru_minflt < 64);
	munmap(p + 100 * PAGE, PAGE);
	CHECK(mprotect(p + 120 * PAGE, PAGE, PROT_READ) == 0);
	CHECK(madvise(p + 140 * PAGE, PAGE, MADV_DONTNEED) == 0 && p[140 * PAGE] == 0);
	CHECK(intact(p, 0, 100 * PAGE) && intact(p, 101 * PAGE, 140 * PAGE));
	CHECK(intact(p, 141 * PAGE, 256 * PAGE));
	munmap(p, 256 * PAGE);
}

/* Upper and leaf tables for 1,000 pages in a terabyte. */
static void check_sparse(void)
{
	long before = figure("/proc/meminfo", NULL, "PageTables");
	size_t step = 1073741824UL + 37 * PAGE;
	char *p = mmap(NULL, 1000 * step, RW, ANON | MAP_NORESERVE, -1, 0);

	CHECK(p != MAP_FAILED);
	for (size_t i = 0; i < 1000; i++)
		p[i * step] = 1;
	CHECK(figure("/proc/meminfo", NULL, "PageTables") - before < 9 * 1024);
	munmap(p, 1000 * step);
	CHECK(figure("/proc/meminfo", NULL, "PageTables") - before < 4200); /* upper tables stay */
}

/* ---- The pool ---- */

static const char pool_file[] = "/proc/sys/vm/nr_hugepages";

static long pool(const char *name)
{
	char line[32];

	snprintf(line, sizeof(line), "HugePages_%s", name);
	return figure("/proc/meminfo", NULL, line);
}

static int pool_is(long total, long free, long reserved, long surplus)
{
	return pool("Total") == total && pool("Free") == free && pool("Rsvd") == reserved &&
	       pool("Surp") == surplus;
}

static char *huge(size_t length, int more)
{
	return mmap(NULL, length, RW, ANON | MAP_HUGETLB | more, -1, 0);
}

static sigjmp_buf jump;

static void on_bus(int sig, siginfo_t *info, void *context)
{
	(void)sig, (void)context;
	siglongjmp(jump, info->si_code == BUS_ADRERR ? 1 : 2);
}

/* 0: written. 1: SIGBUS. */
static int poke(char *p)
{
	struct sigaction act = { .sa_sigaction = on_bus, .sa_flags = SA_SIGINFO | SA_NODEFER };
	int how;

	sigaction(SIGBUS, &act, NULL);
	how = sigsetjmp(jump, 1);
	if (how == 0)
		*(volatile char *)p = 1;
	return how;
}

static void fill(char *p, int n)
{
	for (long at = 0; at < n * HUGE; at += PAGE)
		p[at] = (char)(at / PAGE + 1);
}

static void check_promises(void)
{
	char *p, *q;

	CHECK(pool_is(0, 0, 0, 0));
	CHECK(huge(HUGE, 0) == MAP_FAILED && errno == ENOMEM);
	CHECK(put(pool_file, "4\n") && pool_is(4, 4, 0, 0));
	CHECK(figure("/proc/meminfo", NULL, "Hugepagesize") == 2048);
	CHECK(figure("/proc/meminfo", NULL, "Hugetlb") == 8192);
	p = huge(3 * HUGE - 5, 21 << MAP_HUGE_SHIFT);
	CHECK(p != MAP_FAILED && ((uintptr_t)p & (HUGE - 1)) == 0 && pool_is(4, 4, 3, 0));
	CHECK(huge(2 * HUGE, 0) == MAP_FAILED && errno == ENOMEM);
	CHECK(huge(HUGE, 22 << MAP_HUGE_SHIFT) == MAP_FAILED && errno == EINVAL);
	p[HUGE] = 1;
	CHECK(pool_is(4, 3, 2, 0));
	CHECK(of(p, "Private_Hugetlb") == 2048 && of(p, "Rss") == 0 &&
	      of(p, "MMUPageSize") == 2048);
	q = huge(2 * HUGE, MAP_NORESERVE);
	CHECK(pool_is(4, 3, 2, 0));
	CHECK(poke(q) == 0 && pool_is(4, 2, 2, 0));
	CHECK(poke(q + HUGE) == 1);
	CHECK(madvise(q, HUGE, MADV_DONTNEED) == 0 && pool_is(4, 3, 2, 0));
	munmap(q, 2 * HUGE);
	/* What was emptied is not promised any more. */
	CHECK(madvise(p + HUGE, HUGE, MADV_DONTNEED) == 0 && pool_is(4, 4, 2, 0));
	CHECK(put(pool_file, "0") && pool_is(2, 2, 2, 2));
	fill(p, 1);
	fill(p + 2 * HUGE, 1);
	CHECK(poke(p + HUGE) == 1);
	CHECK(intact(p, 0, HUGE) && intact(p + 2 * HUGE, 0, HUGE));
	munmap(p, 3 * HUGE);
	CHECK(pool_is(0, 0, 0, 0));
}

static void check_borders(void)
{
	char *p, *to;

	CHECK(put(pool_file, "4"));
	p = huge(4 * HUGE, 0);
	fill(p, 4);
	CHECK(munmap(p, PAGE) == -1 && errno == EINVAL);
	CHECK(munmap(p + PAGE, HUGE) == -1 && errno == EINVAL);
	CHECK(mprotect(p + PAGE, PAGE, PROT_READ) == -1 && errno == EINVAL);
	CHECK(madvise(p + PAGE, HUGE, MADV_DONTNEED) == -1 && errno == EINVAL);
	CHECK(madvise(p, HUGE, MADV_FREE) == -1 && errno == EINVAL);
	CHECK(madvise(p, HUGE, MADV_HUGEPAGE) == -1 && errno == EINVAL);
	CHECK(mremap(p, 4 * HUGE, 5 * HUGE, MREMAP_MAYMOVE) == MAP_FAILED && errno == EINVAL);
	CHECK(mmap(p + PAGE, HUGE, RW, ANON | MAP_HUGETLB | MAP_FIXED, -1, 0) == MAP_FAILED &&
	      errno == EINVAL);
	CHECK(mmap(p + HUGE, PAGE, RW, ANON | MAP_FIXED, -1, 0) == MAP_FAILED && errno == EINVAL);
	CHECK(intact(p, 0, 4 * HUGE));
	CHECK(mprotect(p + HUGE, HUGE, PROT_READ) == 0 && mprotect(p + HUGE, HUGE, RW) == 0);
	CHECK(mlock(p, 4 * HUGE) == 0 && munlock(p, HUGE) == 0);
	to = map(2);
	CHECK(mremap(p + 2 * HUGE, 2 * HUGE, 2 * HUGE, MREMAP_MAYMOVE | MREMAP_FIXED, to) == to);
	CHECK(intact(p, 0, 2 * HUGE) && to[0] == 1 && intact(to + PAGE, 2 * HUGE, HUGE));
	CHECK(mremap(to, 2 * HUGE, HUGE, 0) == to && pool_is(4, 1, 0, 0));
	munmap(to, HUGE);
	munmap(p, 2 * HUGE);
	CHECK(pool_is(4, 4, 0, 0));
}

static void check_copies(void)
{
	char *p = huge(2 * HUGE, 0);
	int status;

	fill(p, 2);
	CHECK(put(pool_file, "3") && pool_is(3, 1, 0, 0));
	if (fork() == 0) {
		int ok = intact(p, 0, 2 * HUGE) && of(p, "Shared_Hugetlb") == 4096;

		ok &= poke(p) == 0 && intact(p, 0, HUGE) && pool("Free") == 0;
		ok &= poke(p + HUGE) == 1; /* no page for a copy */
		ok &= intact(p, HUGE, 2 * HUGE);
		_exit(!ok);
	}
	CHECK(wait(&status) > 0 && status == 0);
	CHECK(intact(p, 0, 2 * HUGE) && pool_is(3, 1, 0, 0));
	CHECK(poke(p) == 0 && poke(p + HUGE) == 0 && pool_is(3, 1, 0, 0));
	munmap(p, 2 * HUGE);
	CHECK(put(pool_file, "0") && pool_is(0, 0, 0, 0));
}

static int child_ok(void)
{
	int status;

	return wait(&status) > 0 && status == 0;
}

/* Shared memory: a fork maps the same pages, and its promises are one for all. */
static void check_shared(void)
{
	int zero = open("/dev/zero", O_RDONLY);
	char *p;

	CHECK(put(pool_file, "3"));
	p = mmap(NULL, 2 * HUGE, RW, MAP_SHARED | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0);
	CHECK(p != MAP_FAILED && pool_is(3, 3, 2, 0));
	CHECK(mmap(NULL, 2 * HUGE, RW, MAP_SHARED | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0) ==
		      MAP_FAILED &&
	      errno == ENOMEM && pool_is(3, 3, 2, 0));
	p[0] = 1;
	CHECK(pool_is(3, 2, 1, 0) && of(p, "Private_Hugetlb") == 2048);
	if (fork() == 0) {
		int ok = p[0] == 1 && of(p, "Shared_Hugetlb") == 2048;

		p[1] = 2;
		p[HUGE] = 3;
		_exit(!(ok && pool_is(3, 1, 0, 0)));
	}
	CHECK(child_ok());
	CHECK(p[1] == 2 && p[HUGE] == 3 && pool_is(3, 1, 0, 0));
	CHECK(mprotect(p, HUGE, PROT_READ) == 0 && p[1] == 2);
	CHECK(read(zero, p, 1) == -1 && errno == EFAULT);
	CHECK(mprotect(p, HUGE, RW) == 0 && poke(p) == 0);
	/* What is dropped is still there; what is removed is not. */
	CHECK(madvise(p, HUGE, MADV_DONTNEED) == 0 && p[1] == 2);
	CHECK(madvise(p, HUGE, MADV_REMOVE) == 0 && pool_is(3, 2, 0, 0) && p[1] == 0);
	close(zero);
	CHECK(munmap(p, HUGE) == 0 && munmap(p + HUGE, HUGE) == 0 && pool_is(3, 3, 0, 0));
}

/* A file of them: mapped shared and privately, cut and filled. */
static void check_file(void)
{
	int fd = memfd_create("huge", MFD_HUGETLB | MFD_ALLOW_SEALING);
	char *p, *q, byte;
	struct stat st;

	CHECK(fd >= 0 && ftruncate(fd, 2 * HUGE) == 0 && pool_is(3, 3, 0, 0));
	p = mmap(NULL, 2 * HUGE, RW, MAP_SHARED, fd, 0);
	CHECK(p != MAP_FAILED && pool_is(3, 3, 2, 0));
	p[5] = 1;
	p[HUGE + 5] = 2;
	CHECK(pread(fd, &byte, 1, HUGE + 5) == 1 && byte == 2 && pool_is(3, 1, 0, 0));
	CHECK(fstat(fd, &st) == 0 && st.st_blksize == HUGE && st.st_blocks == 2 * HUGE / 512);
	/* Another mapping at another address, of another process's making too. */
	q = mmap(NULL, HUGE, RW, MAP_SHARED, fd, HUGE);
	CHECK(q != MAP_FAILED && q[5] == 2 && of(q, "Shared_Hugetlb") == 2048);
	q[6] = 7;
	CHECK(p[HUGE + 6] == 7 && munmap(q, HUGE) == 0);
	/* A private copy, which was promised; and one that was not, of which there is none left. */
	q = mmap(NULL, HUGE, RW, MAP_PRIVATE, fd, 0);
	CHECK(q != MAP_FAILED && pool_is(3, 1, 1, 0) && q[5] == 1 && pool_is(3, 1, 1, 0));
	q[5] = 3;
	CHECK(p[5] == 1 && q[5] == 3 && pool_is(3, 0, 0, 0));
	if (fork() == 0) {
		int ok = q[5] == 3 && poke(q) == 1 && q[5] == 3;

		p[7] = 9;
		_exit(!ok);
	}
	CHECK(child_ok() && p[7] == 9 && q[7] == 0 && poke(q) == 0);
	CHECK(munmap(q, HUGE) == 0 && pool_is(3, 1, 0, 0));
	q = mmap(NULL, 2 * HUGE, RW, MAP_PRIVATE | MAP_NORESERVE, fd, 0);
	CHECK(q[5] == 1 && poke(q) == 0 && q[HUGE + 5] == 2 && poke(q + HUGE) == 1);
	CHECK(q[HUGE + 5] == 2 && pool_is(3, 0, 0, 0));
	/* Truncation takes pages and copies, from all. */
	CHECK(ftruncate(fd, 0) == 0 && pool_is(3, 3, 0, 0));
	CHECK(poke(p) == 1 && poke(q) == 1);
	CHECK(ftruncate(fd, 2 * HUGE) == 0 && p[5] == 0 && pool_is(3, 2, 0, 0));
	munmap(q, 2 * HUGE);
	CHECK(fallocate(fd, 0, 0, 2 * HUGE) == 0 && pool_is(3, 1, 0, 0));
	CHECK(fallocate(fd, 0, 0, 4 * HUGE) == -1 && errno == ENOSPC && pool_is(3, 0, 0, 0));
	p[HUGE] = 1;
	CHECK(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, HUGE, HUGE) == 0);
	CHECK(pool_is(3, 1, 0, 0) && p[HUGE] == 0 && pool_is(3, 0, 0, 0));
	munmap(p, 2 * HUGE);
	close(fd);
	CHECK(pool_is(3, 3, 0, 0));
}

static void check_segments(void)
{
	int id = shmget(IPC_PRIVATE, 2 * HUGE, 0600 | SHM_HUGETLB);
	char *p;

	CHECK(id >= 0 && pool_is(3, 3, 2, 0));
	CHECK(shmget(IPC_PRIVATE, 2 * HUGE, 0600 | SHM_HUGETLB) == -1 && errno == ENOMEM);
	p = shmat(id, NULL, 0);
	CHECK(p != (void *)-1 && pool_is(3, 3, 2, 0));
	p[0] = 1;
	if (fork() == 0) {
		p[HUGE] = p[0] + 1;
		_exit(shmdt(p) != 0);
	}
	CHECK(child_ok() && p[HUGE] == 2 && pool_is(3, 1, 0, 0));
	CHECK(shmctl(id, IPC_RMID, NULL) == 0 && shmdt(p) == 0 && pool_is(3, 3, 0, 0));
	CHECK(put(pool_file, "0") && pool_is(0, 0, 0, 0));
}

static void check_overcommit(void)
{
	char *p;

	CHECK(put("/sys/kernel/mm/hugepages/hugepages-2048kB/nr_overcommit_hugepages", "2"));
	CHECK(huge(3 * HUGE, 0) == MAP_FAILED && errno == ENOMEM && pool_is(0, 0, 0, 0));
	p = huge(2 * HUGE, MAP_POPULATE);
	CHECK(p != MAP_FAILED && pool_is(2, 0, 0, 2));
	munmap(p, 2 * HUGE);
	p = huge(HUGE, MAP_NORESERVE);
	CHECK(poke(p) == 0 && pool_is(1, 0, 0, 1));
	munmap(p, HUGE);
	CHECK(pool_is(0, 0, 0, 0));
	CHECK(put("/proc/sys/vm/nr_overcommit_hugepages", "0"));
	p = huge(HUGE, MAP_NORESERVE);
	CHECK(p != MAP_FAILED && poke(p) == 1);
	munmap(p, HUGE);
}

/* More than RAM: blocks while there is room, pages then; all of it swapped and back. */
static void check_swap(int mb)
{
	int n = mb / 2;
	char *p = blocks(n);

	for (int round = 0; round < 2; round++)
		CHECK(intact(p, 0, n * HUGE));
	CHECK(event("pswpout") > 0 && event("thp_fault_alloc") > 0);
	munmap(p, n * HUGE);
}

int main(int argc, char **argv)
{
	check_advice();
	check_parts();
	check_fork();
	check_lock_and_protect();
	check_setting();
	check_runs();
	check_sparse();
	check_promises();
	check_borders();
	check_copies();
	check_overcommit();
	check_shared();
	check_file();
	check_segments();
	if (argc > 1)
		check_swap(atoi(argv[1]));
	return check_end();
}
