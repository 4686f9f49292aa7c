// SPDX-License-Identifier: MIT
// Files on a disk and their mappings: what programs may rely on. pagecache DIR; what is left there
// afterwards is for e2fsck and the host's eyes.
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <setjmp.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

#define PAGE   4096
#define SHARED PROT_READ | PROT_WRITE, MAP_SHARED

static int file_new(const char *name, off_t size)
{
	int fd = open(name, O_RDWR | O_CREAT | O_TRUNC, 0644);

	CHECK(fd >= 0);
	CHECK(ftruncate(fd, size) == 0);
	return fd;
}

/* Makes the cache forget the file, so that what is read next comes from the disk. All of it is read
 * before: what was still on its way would come after the forgetting. */
static void forget(int fd)
{
	char buf[64 * 1024];
	off_t at = 0;
	ssize_t n;

	CHECK(fsync(fd) == 0);
	while ((n = pread(fd, buf, sizeof(buf), at)) > 0)
		at += n;
	CHECK(posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED) == 0);
}

/* Pages of [0, n) in memory. */
static int resident(int fd, int n)
{
	unsigned char vec[256];
	char *p = mmap(NULL, (size_t)n * PAGE, PROT_READ, MAP_SHARED, fd, 0);
	int sum = 0;

	CHECK(mincore(p, (size_t)n * PAGE, vec) == 0);
	for (int i = 0; i < n; i++)
		sum += vec[i] & 1;
	munmap(p, (size_t)n * PAGE);
	return sum;
}

static char byte_at(int fd, off_t at)
{
	char c = -1;

	CHECK(pread(fd, &c, 1, at) == 1);
	return c;
}

/* A store after msync counts as much as one before it. */
static void stores(void)
{
	int fd = file_new("stores", 4 * PAGE), status;
	char *p = mmap(NULL, 4 * PAGE, SHARED, fd, 0), *q = mmap(NULL, 4 * PAGE, SHARED, fd, 0);

	p[0] = 1;
	CHECK(msync(p, PAGE, MS_SYNC) == 0);
	p[0] = 2;
	q[PAGE] = 3;
	CHECK(fsync(fd) == 0);
	p[PAGE]++;
	if (fork() == 0) {
		p[2 * PAGE] = 5;
		CHECK(fdatasync(fd) == 0);
		p[2 * PAGE]++;
		_exit(0);
	}
	CHECK(wait(&status) > 0 && status == 0);
	CHECK(munmap(p, 4 * PAGE) == 0);
	CHECK(munmap(q, 4 * PAGE) == 0);
	forget(fd);
	CHECK(byte_at(fd, 0) == 2 && byte_at(fd, PAGE) == 4 && byte_at(fd, 2 * PAGE) == 6);
	CHECK(byte_at(fd, 3 * PAGE) == 0);
	close(fd);
}

static int file_of(const char *name, int pages)
{
	int fd = file_new(name, 0);
	char page[PAGE];

	for (int i = 0; i < pages; i++) {
		memset(page, i + 1, PAGE);
		CHECK(write(fd, page, PAGE) == PAGE);
	}
	forget(fd);
	return fd;
}

/* Waits for what is read without anybody's waiting. */
static int resident_soon(int fd, int pages, int wanted)
{
	int n = 0;

	for (int i = 0; i < 200 && (n = resident(fd, pages)) < wanted; i++)
		usleep(10000);
	return n;
}

static void reading_ahead(void)
{
	int fd = file_of("ahead", 200), n;
	volatile char *p;

	CHECK(resident(fd, 200) == 0);
	/* At random: nothing but what was asked for. */
	CHECK(byte_at(fd, 100 * PAGE) == 101);
	CHECK(byte_at(fd, 50 * PAGE) == 51);
	CHECK(resident(fd, 200) <= 2);
	/* In sequence: more and more ahead, all of it right. */
	CHECK(lseek(fd, 0, SEEK_SET) == 0);
	for (int i = 0; i < 64; i++) {
		char page[PAGE];

		CHECK(read(fd, page, PAGE) == PAGE && page[0] == i + 1 && page[PAGE - 1] == i + 1);
	}
	n = resident_soon(fd, 200, 80);
	CHECK(n >= 80 && n <= 160);
	/* Told not to. */
	forget(fd);
	CHECK(posix_fadvise(fd, 0, 0, POSIX_FADV_RANDOM) == 0);
	for (int i = 0; i < 10; i++)
		CHECK(byte_at(fd, i * PAGE) == i + 1);
	CHECK(resident(fd, 200) == 10);
	/* Told to. */
	CHECK(posix_fadvise(fd, 100 * PAGE, 20 * PAGE, POSIX_FADV_WILLNEED) == 0);
	CHECK(readahead(fd, 150 * PAGE, 10 * PAGE) == 0);
	CHECK(resident_soon(fd, 200, 40) == 40);
	forget(fd);
	/* Around a fault; not where that was refused. */
	p = mmap(NULL, 200 * PAGE, PROT_READ, MAP_SHARED, fd, 0);
	CHECK(p[40 * PAGE] == 41 && p[20 * PAGE] == 21);
	n = resident_soon(fd, 200, 32);
	CHECK(n >= 8 && n <= 64);
	CHECK(munmap((void *)p, 200 * PAGE) == 0);
	forget(fd);
	p = mmap(NULL, 200 * PAGE, PROT_READ, MAP_SHARED, fd, 0);
	CHECK(madvise((void *)p, 200 * PAGE, MADV_RANDOM) == 0);
	CHECK(p[40 * PAGE] == 41);
	CHECK(resident(fd, 200) == 1);
	CHECK(madvise((void *)p, 200 * PAGE, MADV_WILLNEED) == 0);
	CHECK(resident_soon(fd, 200, 200) == 200);
	for (int i = 0; i < 200; i++)
		CHECK(p[i * PAGE] == (char)(i + 1));
	CHECK(munmap((void *)p, 200 * PAGE) == 0);
	close(fd);
}

/* Requests of the disk that have been read, in /proc/diskstats. */
static long device_reads(void)
{
	FILE *f = fopen("/proc/diskstats", "r");
	long reads = -1;

	CHECK(f && fscanf(f, "%*d %*d %*s %ld", &reads) == 1);
	if (f)
		fclose(f);
	return reads;
}

/* How many reads of the device it takes to touch n pages, `step` apart, under that advice. */
static long mapped_reads(int fd, int advice, int n, int step)
{
	volatile char *p;
	long before;

	forget(fd);
	CHECK(resident(fd, 200) == 0);
	p = mmap(NULL, 200 * PAGE, PROT_READ, MAP_SHARED, fd, 0);
	CHECK(madvise((void *)p, 200 * PAGE, advice) == 0);
	before = device_reads();
	for (int i = 0; i < n; i++)
		CHECK(p[i * step * PAGE] == (char)(i * step + 1));
	before = device_reads() - before;
	CHECK(munmap((void *)p, 200 * PAGE) == 0);
	return before;
}

/* Mappings read ahead: in sequence many pages by one read, at random none but those touched. */
static void mapped_ahead(void)
{
	int fd = file_of("mapped", 200);
	long n = mapped_reads(fd, MADV_NORMAL, 200, 1);

	CHECK(n > 0 && n <= 20);
	n = mapped_reads(fd, MADV_SEQUENTIAL, 200, 1);
	CHECK(n > 0 && n <= 20);
	CHECK(mapped_reads(fd, MADV_RANDOM, 50, 4) == 50);
	CHECK(mapped_reads(fd, MADV_NORMAL, 3, 64) <= 12); /* what is around, in its pieces */
	close(fd);
}

static long dirty(void)
{
	char line[128];
	long n = -1;
	FILE *f = fopen("/proc/vmstat", "r");

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "nr_dirty %ld", &n) == 1)
			break;
	if (f)
		fclose(f);
	return n;
}

/* msync and sync_file_range write what they were asked to, not the whole file. */
static void ranges(void)
{
	int fd = file_of("ranges", 64);
	char *p = mmap(NULL, 64 * PAGE, SHARED, fd, 0);

	CHECK(dirty() == 0);
	for (int i = 0; i < 64; i++)
		p[i * PAGE] = 77;
	CHECK(dirty() == 64);
	CHECK(msync(p + 8 * PAGE, 8 * PAGE, MS_SYNC) == 0);
	CHECK(dirty() == 56);
	CHECK(msync(p, 64 * PAGE, MS_ASYNC) == 0);
	CHECK(sync_file_range(fd, 32 * PAGE, 4 * PAGE, SYNC_FILE_RANGE_WRITE) == 0);
	CHECK(dirty() == 52);
	CHECK(fsync(fd) == 0 && dirty() == 0);
	CHECK(syncfs(fd) == 0);
	CHECK(munmap(p, 64 * PAGE) == 0);
	close(fd);
	fd = open("ranges", O_PATH);
	CHECK(syncfs(fd) == -1 && errno == EBADF);
	close(fd);
}

static void advice_errors(void)
{
	int fd = file_new("errors", PAGE), out = open("errors", O_WRONLY), ends[2];

	CHECK(pipe(ends) == 0);
	CHECK(posix_fadvise(-1, 0, 0, POSIX_FADV_NORMAL) == EBADF);
	CHECK(posix_fadvise(ends[0], 0, 0, POSIX_FADV_NORMAL) == ESPIPE);
	CHECK(posix_fadvise(fd, 0, 0, 99) == EINVAL);
	CHECK(posix_fadvise(fd, 0, -1, POSIX_FADV_NORMAL) == EINVAL);
	CHECK(posix_fadvise(fd, 0, 0, POSIX_FADV_NOREUSE) == 0);
	CHECK(readahead(-1, 0, 1) == -1 && errno == EBADF);
	CHECK(readahead(out, 0, 1) == -1 && errno == EBADF);
	CHECK(readahead(ends[0], 0, 1) == -1 && errno == EINVAL);
	CHECK(sync_file_range(fd, 0, 0, 7) == 0);
	CHECK(sync_file_range(fd, 0, 0, 8) == -1 && errno == EINVAL);
	CHECK(sync_file_range(fd, -1, 0, 2) == -1 && errno == EINVAL);
	CHECK(sync_file_range(fd, 0, -1, 2) == -1 && errno == EINVAL);
	CHECK(sync_file_range(ends[0], 0, 0, 2) == -1 && errno == ESPIPE);
	CHECK(sync_file_range(-1, 0, 0, 2) == -1 && errno == EBADF);
	close(ends[0]);
	close(ends[1]);
	close(out);
	close(fd);
}

/* Who reads what is appended finds the end or what was written, never zeroes in between. */
static void appending(void)
{
	static char text[256 * 1024], seen[PAGE];
	int fd = open("append", O_RDWR | O_CREAT | O_TRUNC | O_APPEND, 0644), status, zeroes = 0;
	char *done = mmap(NULL, PAGE, SHARED | MAP_ANONYMOUS, -1, 0);
	off_t at = 0;
	ssize_t n;
	pid_t child;

	memset(text, 'x', sizeof(text));
	child = fork();
	if (child == 0) {
		bool over;

		do {
			over = *(volatile char *)done;
			while ((n = pread(fd, seen, sizeof(seen), at)) > 0) {
				zeroes += memchr(seen, 0, (size_t)n) != NULL;
				at += n;
			}
		} while (!over);
		_exit(zeroes || at != 20 * (off_t)sizeof(text));
	}
	for (int i = 0; i < 20; i++)
		CHECK(write(fd, text, sizeof(text)) == sizeof(text));
	*done = 1;
	CHECK(waitpid(child, &status, 0) == child && status == 0);
	close(fd);
}

int main(int argc, char **argv)
{
	if (argc != 2 || chdir(argv[1]) != 0)
		return 2;
	stores();
	reading_ahead();
	mapped_ahead();
	ranges();
	advice_errors();
	appending();
	return check_end();
}
