// SPDX-License-Identifier: MIT
// Files on a disk and their mappings: what programs may rely on. pagecache DIR; what is left there afterwards is for e2fsck and the host's eyes.
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <setjmp.h>
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

/* Makes the cache forget the file, so that what is read next comes from the disk. */
static void forget(int fd)
{
	CHECK(fsync(fd) == 0);
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

int main(int argc, char **argv)
{
	if (argc != 2 || chdir(argv[1]) != 0)
		return 2;
	stores();
	return check_end();
}
