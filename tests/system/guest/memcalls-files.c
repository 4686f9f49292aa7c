// SPDX-License-Identifier: MIT
// Files and their mappings where the file ends: what is seen behind the end, what a file that
// changes its size does to its mappings, and files of huge pages (cases.h says how). memcalls-files
// DIR: the files lie there, and huge pages are left out.
#include "cases.h"

#include <linux/falloc.h>
#include <setjmp.h>

#ifndef MFD_HUGE_2MB
#define MFD_HUGE_2MB (21U << MFD_HUGE_SHIFT)
#endif

static const char *directory = "/tmp";
static sigjmp_buf caught;
static volatile int code;
static char *volatile at;

static void on_bus(int sig, siginfo_t *info, void *context)
{
	(void)sig, (void)context;
	code = info->si_code;
	at = info->si_addr;
	siglongjmp(caught, 1);
}

/* A new file of 'x' and its mapping of 8 pages. */
static int file_new(long size, int flags, char **map)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "%s/end.%d", directory, getpid());
	fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
	if (fd < 0 || unlink(path))
		cases_die("file");
	for (long i = 0; i < size; i++)
		if (write(fd, "x", 1) != 1)
			cases_die("write");
	*map = mmap(NULL, 8 * PAGE, RW, flags, fd, 0);
	if (*map == MAP_FAILED)
		cases_die("mmap");
	sigaction(SIGBUS, &(struct sigaction){ .sa_sigaction = on_bus, .sa_flags = SA_SIGINFO },
		  NULL);
	return fd;
}

/* A byte, or the signal and where it says that it was. */
static void look(const char *map, long offset)
{
	if (sigsetjmp(caught, 1))
		printf(" SIGBUS %d at +%ld", code, (long)(at - map) - offset);
	else
		printf(" %d", *(volatile const char *)(map + offset));
}

static void store(char *map, long offset, char c)
{
	if (sigsetjmp(caught, 1))
		printf(" SIGBUS %d at +%ld", code, (long)(at - map) - offset);
	else
		*(volatile char *)(map + offset) = c;
}

static void in_file(int fd, long offset)
{
	char c = -1;
	long n = pread(fd, &c, 1, offset);

	printf(n == 1 ? " file %d" : " no byte", c);
}

static void stored_behind(char **map, int *fd)
{
	*fd = file_new(100, MAP_SHARED, map);
	store(*map, 100, 'a');
	store(*map, 4095, 'b');
}

static void behind(void)
{
	char *map;
	int fd;

	stored_behind(&map, &fd);
	in_file(fd, 100);
	look(map, 4096);
	look(map, 8 * 4096 - 1);
	store(map, 3 * 4096 + 77, 'c');
	printf(" %ld", (long)lseek(fd, 0, SEEK_END));
}

/* The file is written to the medium, and comes back from there if it can be made to. */
static void behind_synced(void)
{
	char *map;
	int fd;

	stored_behind(&map, &fd);
	if (msync(map, N(1), MS_SYNC) || munmap(map, N(8)) || fsync(fd))
		cases_die("msync");
	posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
	map = mmap(NULL, N(8), RW, MAP_SHARED, fd, 0);
	look(map, 99);
	printf(" size %ld", (long)lseek(fd, 0, SEEK_END));
}

static void longer_truncated(void)
{
	char *map;
	int fd;

	stored_behind(&map, &fd);
	if (ftruncate(fd, 5000))
		cases_die("ftruncate");
	look(map, 99);
	look(map, 100);
	look(map, 4095);
	in_file(fd, 4095);
	look(map, 4096);
}

static void longer_written(void)
{
	char *map;
	int fd;

	stored_behind(&map, &fd);
	if (pwrite(fd, "y", 1, 5000) != 1)
		cases_die("write");
	look(map, 99);
	look(map, 100);
	look(map, 4095);
	in_file(fd, 100);
	look(map, 5000);
}

static void longer_written_within(void)
{
	char *map;
	int fd;

	stored_behind(&map, &fd);
	if (pwrite(fd, "y", 1, 2000) != 1)
		cases_die("write");
	look(map, 100);
	in_file(fd, 1999);
	look(map, 2000);
}

static void cut(void)
{
	char *map;
	int fd = file_new(10000, MAP_SHARED, &map);

	if (ftruncate(fd, 50))
		cases_die("ftruncate");
	look(map, 49);
	look(map, 50);
	look(map, 5000);
	store(map, 60, 'a');
	if (ftruncate(fd, 10000))
		cases_die("ftruncate");
	look(map, 60);
	look(map, 5000);
	look(map, 9999);
	look(map, 3 * 4096 + 5);
}

/* By another process, of a mapping that has been used. */
static void cut_elsewhere(void)
{
	char *map;
	int fd = file_new(10000, MAP_SHARED, &map), status;

	look(map, 9000);
	fflush(stdout);
	if (fork() == 0)
		_exit(ftruncate(fd, 4096) != 0);
	wait(&status);
	printf(" %d", status);
	look(map, 4095);
	look(map, 4096);
	look(map, 9000);
	store(map, 9000, 'a');
}

static void private_cut(void)
{
	char *map;
	int fd = file_new(3 * 4096, MAP_PRIVATE, &map);

	store(map, 4095, 'a');
	store(map, 4096, 'b');
	store(map, 2 * 4096, 'c');
	if (ftruncate(fd, 4097))
		cases_die("ftruncate");
	look(map, 4095);
	look(map, 4096);
	look(map, 2 * 4096);
	store(map, 2 * 4096, 'd');
	if (ftruncate(fd, 3 * 4096))
		cases_die("ftruncate");
	look(map, 4096);
	look(map, 2 * 4096);
}

/* What a child has copied, and what it shares with its parent, goes too. */
static void private_cut_forked(void)
{
	char *map;
	int fd = file_new(3 * 4096, MAP_PRIVATE, &map), status, ends[2], ready[2];
	char c;

	store(map, 4096, 'b');
	store(map, 2 * 4096, 'c');
	if (pipe(ends) || pipe(ready))
		cases_die("pipe");
	fflush(stdout);
	if (fork() == 0) {
		store(map, 4096, 'd');
		if (write(ready[1], "", 1) != 1 || read(ends[0], &c, 1) != 1)
			_exit(1);
		printf(" child");
		look(map, 0);
		look(map, 4096);
		look(map, 2 * 4096);
		fflush(stdout);
		_exit(0);
	}
	if (read(ready[0], &c, 1) != 1 || ftruncate(fd, 1) || write(ends[1], "", 1) != 1)
		cases_die("ftruncate");
	wait(&status);
	printf(" parent");
	look(map, 0);
	look(map, 4096);
	look(map, 2 * 4096);
}

/* A system call that is given memory behind the end. */
static void given(void)
{
	char *map;
	int fd = file_new(4096, MAP_SHARED, &map);
	long n = write(fd, map + 2 * 4096, 10);

	printf("%s", n < 0 ? strerrorname_np(errno) : "written");
	n = write(fd, map + 4090, 10);
	printf(" %ld", n);
}

/* ---- Files of huge pages, none of which are set aside ---- */

#define MFD(flags) C(memfd_create, (long)(uintptr_t) "huge", MFD_HUGETLB | (flags))
#define SIZE(n)    C(ftruncate, FIRST, n)
#define MB2        (2L << 20)

static const struct test_case huge[] = {
	{ "huge file", { MFD(0), C(close, RESULT) } },
	{ "huge file, of 2 MB", { MFD(MFD_HUGE_2MB), C(close, RESULT) } },
	{ "huge file, of 64 KB", { MFD(16U << MFD_HUGE_SHIFT), C(close, RESULT) } },
	{ "huge file, of 32 MB", { MFD(25U << MFD_HUGE_SHIFT), C(close, RESULT) } },
	{ "huge file, of 8 MB", { MFD(23U << MFD_HUGE_SHIFT), C(close, RESULT) } },
	{ "huge file, its seals", { MFD(0), C(fcntl, RESULT, F_GET_SEALS) } },
	{ "huge file, with seals", { MFD(MFD_ALLOW_SEALING), C(fcntl, RESULT, F_GET_SEALS) } },
	{ "huge file, written", { MFD(0), C(write, RESULT, P(0), 1) } },
	{ "huge file, read", { MFD(0), C(read, RESULT, P(0), 1) } },
	{ "huge file, read at a hole", { MFD(0), SIZE(MB2), C(read, FIRST, P(0), 4) } },
	{ "huge file, a size of pages", { MFD(0), SIZE(4096) } },
	{ "huge file, a size of huge pages", { MFD(0), SIZE(MB2) } },
	{ "huge file, allocated", { MFD(0), C(fallocate, RESULT, 0, 0, MB2) } },
	{ "huge file, a hole",
	  { MFD(0), SIZE(2 * MB2),
	    C(fallocate, FIRST, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, MB2) } },
	{ "huge file, mapped", { MFD(0), SIZE(MB2), C(mmap, 0, MB2, RW, MAP_SHARED, FIRST, 0) } },
	{ "huge file, mapped privately",
	  { MFD(0), SIZE(MB2), C(mmap, 0, MB2, RW, MAP_PRIVATE, FIRST, 0) } },
	{ "huge file, mapped unreserved",
	  { MFD(0), SIZE(MB2), C(mmap, 0, MB2, RW, MAP_SHARED | MAP_NORESERVE, FIRST, 0) } },
	{ "huge file, mapped by name",
	  { MFD(0), SIZE(MB2), C(mmap, 0, MB2, RW, MAP_SHARED | MAP_HUGETLB, FIRST, 0) } },
	{ "huge file, a part of a huge page mapped unreserved",
	  { MFD(0), SIZE(MB2), C(mmap, 0, 4096, RW, MAP_SHARED | MAP_NORESERVE, FIRST, 0) } },
	{ "huge file, mapped from a page on",
	  { MFD(0), SIZE(MB2), C(mmap, 0, MB2, RW, MAP_SHARED, FIRST, 4096) } },
	{ "huge file, mapped at a page",
	  { MFD(0), SIZE(MB2), C(mmap, P(0), MB2, RW, MAP_SHARED | MAP_FIXED, FIRST, 0) } },
	{ "huge file, mapped beyond its end",
	  { MFD(0), C(mmap, 0, MB2, RW, MAP_SHARED | MAP_NORESERVE, FIRST, 0),
	    C(lseek, FIRST, 0, SEEK_END) } },
	{ "huge file, mapped beyond its end to be read",
	  { MFD(0), C(mmap, 0, MB2, R, MAP_SHARED | MAP_NORESERVE, FIRST, 0),
	    C(lseek, FIRST, 0, SEEK_END) } },
	{ "huge file, touched",
	  { MFD(0), C(mmap, 0, MB2, RW, MAP_SHARED | MAP_NORESERVE, FIRST, 0),
	    C(read, FD_RW, RESULT, 1) } },
	{ "huge, shared",
	  { C(mmap, 0, MB2, RW, MAP_SHARED | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0) } },
	{ "huge, shared and unreserved",
	  { C(mmap, 0, MB2, RW, MAP_SHARED | MAP_ANONYMOUS | MAP_HUGETLB | MAP_NORESERVE, -1,
	      0) } },
	{ "huge, a segment of 32 MB", { C(shmget, 0, 32L << 20, 0600 | 04000 | 25L << 26) } },
	{ "huge, a segment of 8 MB pages", { C(shmget, 0, MB2, 0600 | 04000 | 23L << 26) } },
};

int main(int argc, char **argv)
{
	cases_begin();
	if (argc > 1)
		directory = argv[1];
	case_function("file end, stored behind", behind);
	case_function("file end, stored behind and synced", behind_synced);
	case_function("file end, stored behind, then longer", longer_truncated);
	case_function("file end, stored behind, then written beyond", longer_written);
	case_function("file end, stored behind, then written in the same page",
		      longer_written_within);
	case_function("file end, cut and grown", cut);
	case_function("file end, cut by another process", cut_elsewhere);
	case_function("file end, private copies cut", private_cut);
	case_function("file end, private copies of a fork cut", private_cut_forked);
	case_function("file end, given to write", given);
	if (argc == 1)
		cases_run(huge);
	return 0;
}
