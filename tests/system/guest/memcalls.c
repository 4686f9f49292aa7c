// SPDX-License-Identifier: MIT
// The memory calls as programs see them: what they do, what they refuse with which errno, what
// faults bring which signal.
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

#define PAGE 4096UL
#define RW   (PROT_READ | PROT_WRITE)
#define ANON (MAP_PRIVATE | MAP_ANONYMOUS)

#define CHECK_ERR(call, error)     CHECK((call) == -1 && errno == (error))
#define CHECK_MAP_ERR(call, error) CHECK((call) == MAP_FAILED && errno == (error))

static sigjmp_buf back;
static volatile int fault_signal, fault_code;
static void *volatile fault_address;

static void on_fault(int signal, siginfo_t *info, void *context)
{
	(void)context;
	fault_signal = signal;
	fault_code = info->si_code;
	fault_address = info->si_addr;
	siglongjmp(back, 1);
}

/* A byte is read or written there: 0, or the signal that came. */
static int touch(volatile char *p, int write)
{
	fault_signal = 0;
	if (!sigsetjmp(back, 1)) {
		if (write)
			*p = 1;
		else
			(void)*p;
	}
	return fault_signal;
}

static void faults_as(volatile char *p, int write, int signal, int code)
{
	CHECK(touch(p, write) == signal);
	CHECK(!signal || (fault_address == (void *)(uintptr_t)p && fault_code == code));
}

static char *map(size_t pages)
{
	char *p = mmap(NULL, pages * PAGE, RW, ANON, -1, 0);

	CHECK(p != MAP_FAILED);
	return p;
}

static void mapping(void)
{
	char *p = map(8);

	CHECK(((uintptr_t)p & (PAGE - 1)) == 0 && p[0] == 0 && p[8 * PAGE - 1] == 0);
	memset(p, 7, 8 * PAGE);
	CHECK(munmap(p + 2 * PAGE, PAGE) == 0);
	faults_as(p + 2 * PAGE, 0, SIGSEGV, SEGV_MAPERR);
	CHECK(p[PAGE] == 7 && p[3 * PAGE] == 7);
	CHECK(munmap(p + 2 * PAGE, PAGE) == 0); /* nothing there is no error */
	CHECK(mmap(p + 2 * PAGE, PAGE, RW, ANON | MAP_FIXED, -1, 0) == p + 2 * PAGE &&
	      p[2 * PAGE] == 0);
	CHECK_MAP_ERR(mmap(p, PAGE, RW, ANON | MAP_FIXED_NOREPLACE, -1, 0), EEXIST);
	CHECK(p[0] == 7);
	CHECK_ERR(munmap(p + 1, PAGE), EINVAL);
	CHECK_ERR(munmap(p, 0), EINVAL);
	CHECK_ERR(munmap((void *)(~0UL - PAGE + 1), PAGE), EINVAL);
	CHECK_MAP_ERR(mmap(NULL, 0, RW, ANON, -1, 0), EINVAL);
	CHECK_MAP_ERR(mmap(NULL, PAGE, RW, MAP_ANONYMOUS, -1, 0),
		      EINVAL); /* neither shared nor private */
	CHECK_MAP_ERR(mmap(p + 1, PAGE, RW, ANON | MAP_FIXED, -1, 0), EINVAL);
	CHECK_MAP_ERR(mmap(NULL, ~0UL - PAGE, RW, ANON, -1, 0), ENOMEM);
	CHECK_MAP_ERR(mmap(NULL, 1UL << 50, RW, ANON, -1, 0), ENOMEM);
	CHECK_MAP_ERR(mmap(NULL, PAGE, RW, MAP_PRIVATE, 99, 0), EBADF);
	CHECK_MAP_ERR(mmap(NULL, PAGE, RW, MAP_PRIVATE, 0, 1), EINVAL);
	CHECK_MAP_ERR(mmap((void *)(1UL << 60), PAGE, RW, ANON | MAP_FIXED, -1, 0), ENOMEM);
	CHECK(munmap(p, 8 * PAGE) == 0);
	p = mmap(NULL, 4 * PAGE, RW, ANON | MAP_POPULATE, -1, 0);
	CHECK(p != MAP_FAILED && p[3 * PAGE] == 0 && munmap(p, 4 * PAGE) == 0);
}

static void protection(void)
{
	char *p = map(4);

	memset(p, 3, 4 * PAGE);
	CHECK(mprotect(p + PAGE, PAGE, PROT_READ) == 0);
	faults_as(p + PAGE, 1, SIGSEGV, SEGV_ACCERR);
	CHECK(p[PAGE] == 3);
	CHECK(touch(p + 2 * PAGE, 1) == 0);
	CHECK(mprotect(p + PAGE, PAGE, PROT_NONE) == 0);
	faults_as(p + PAGE + 5, 0, SIGSEGV, SEGV_ACCERR);
	CHECK(mprotect(p, 4 * PAGE, RW) == 0 && p[PAGE] == 3 && touch(p + PAGE, 1) == 0);
	CHECK_ERR(mprotect(p + 1, PAGE, RW), EINVAL);
	CHECK(mprotect(p, 0, PROT_NONE) == 0 && touch(p, 0) == 0);
	CHECK(munmap(p + 3 * PAGE, PAGE) == 0);
	CHECK_ERR(mprotect(p + 2 * PAGE, 2 * PAGE, PROT_READ), ENOMEM);
	CHECK(munmap(p, 3 * PAGE) == 0);
	faults_as((char *)16, 0, SIGSEGV, SEGV_MAPERR);
	CHECK(touch((char *)0xffff000000080000, 0) == SIGSEGV);
	CHECK(touch((char *)0x00ff800000000000, 1) == SIGSEGV);
	/* A page that was written becomes executable: mov w0, #42; ret. */
	uint32_t *code = (uint32_t *)(void *)map(1);
	code[0] = 0x52800540;
	code[1] = 0xd65f03c0;
	__builtin___clear_cache((char *)code, (char *)(code + 2));
	CHECK(mprotect(code, PAGE, PROT_READ | PROT_EXEC) == 0);
	CHECK(((int (*)(void))(uintptr_t)code)() == 42);
	munmap(code, PAGE);
}

static void remapping(void)
{
	char *p = map(4), *q;

	memset(p, 5, 4 * PAGE);
	q = mremap(p, 4 * PAGE, 64 * PAGE, MREMAP_MAYMOVE);
	CHECK(q != MAP_FAILED && q[0] == 5 && q[4 * PAGE - 1] == 5 && q[4 * PAGE] == 0);
	if (q != p)
		faults_as(p, 0, SIGSEGV, SEGV_MAPERR);
	CHECK(mremap(q, 64 * PAGE, 2 * PAGE, 0) == q && q[2 * PAGE - 1] == 5);
	faults_as(q + 2 * PAGE, 0, SIGSEGV, SEGV_MAPERR);
	p = map(2);
	CHECK(mremap(q, 2 * PAGE, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, p) == p && p[0] == 5);
	faults_as(q, 0, SIGSEGV, SEGV_MAPERR);
	CHECK_MAP_ERR(mremap(p, 2 * PAGE, 0, MREMAP_MAYMOVE), EINVAL);
	CHECK_MAP_ERR(mremap(p + 1, PAGE, PAGE, MREMAP_MAYMOVE), EINVAL);
	CHECK_MAP_ERR(mremap(q, PAGE, 2 * PAGE, MREMAP_MAYMOVE), EFAULT);
	CHECK_MAP_ERR(mremap(p, 2 * PAGE, 1UL << 50, MREMAP_MAYMOVE), ENOMEM);
	q = map(3);
	CHECK_MAP_ERR(mremap(q, PAGE, 2 * PAGE, 0), ENOMEM); /* no room to grow, may not move */
	munmap(q, 3 * PAGE);
	munmap(p, 2 * PAGE);
}

static void breaking(void)
{
	char *end = sbrk(0);
	struct rlimit limit;

	CHECK(sbrk(16 * (long)PAGE) == end && sbrk(0) == end + 16 * PAGE);
	memset(end, 1, 16 * PAGE);
	CHECK(sbrk(-16 * (long)PAGE) == end + 16 * PAGE);
	CHECK(sbrk(16 * (long)PAGE) == end && end[PAGE] == 0); /* fresh again */
	CHECK(brk(end) == 0);
	CHECK((char *)syscall(SYS_brk, 1UL << 55) == end); /* refused: it stays where it is */
	CHECK(getrlimit(RLIMIT_AS, &limit) == 0);
	limit.rlim_cur = 32 << 20;
	CHECK(setrlimit(RLIMIT_AS, &limit) == 0);
	CHECK_MAP_ERR(mmap(NULL, 64 << 20, RW, ANON, -1, 0), ENOMEM);
	limit.rlim_cur = limit.rlim_max;
	CHECK(setrlimit(RLIMIT_AS, &limit) == 0);
}

static void advice(void)
{
	char *p = map(8);
	unsigned char in[8];

	memset(p, 9, 8 * PAGE);
	CHECK(mincore(p, 8 * PAGE, in) == 0 && (in[0] & 1) && (in[7] & 1));
	CHECK(madvise(p + 2 * PAGE, 2 * PAGE, MADV_DONTNEED) == 0);
	CHECK(p[PAGE] == 9 && p[4 * PAGE] == 9);
	CHECK(mincore(p, 8 * PAGE, in) == 0 && !(in[2] & 1) && !(in[3] & 1));
	CHECK(p[2 * PAGE] == 0 && p[4 * PAGE - 1] == 0);
	CHECK_ERR(madvise(p + 1, PAGE, MADV_DONTNEED), EINVAL);
	CHECK_ERR(madvise(p, PAGE, 4711), EINVAL);
	CHECK_ERR(mincore(p + 1, PAGE, in), EINVAL);
	CHECK_ERR(mincore(p, 8 * PAGE, (unsigned char *)8), EFAULT);
	CHECK(munmap(p + 6 * PAGE, PAGE) == 0);
	CHECK_ERR(madvise(p, 8 * PAGE, MADV_DONTNEED), ENOMEM);
	CHECK_ERR(mincore(p, 8 * PAGE, in), ENOMEM);
	CHECK(mlock(p, 2 * PAGE) == 0);
	CHECK_ERR(madvise(p, PAGE, MADV_DONTNEED), EINVAL); /* locked */
	CHECK(munlock(p, 2 * PAGE) == 0 && madvise(p, PAGE, MADV_DONTNEED) == 0);
	CHECK_ERR(mlock(p + 4 * PAGE, 4 * PAGE), ENOMEM); /* the hole */
	CHECK_ERR(msync(p + 1, PAGE, MS_SYNC), EINVAL);
	CHECK_ERR(msync(p, PAGE, MS_SYNC | MS_ASYNC), EINVAL);
	CHECK(munmap(p, 8 * PAGE) == 0);
	p = map(4);
	CHECK(mlock2(p, 4 * PAGE, MLOCK_ONFAULT) == 0);
	CHECK(mincore(p, 4 * PAGE, in) == 0 && !(in[3] & 1));
	CHECK(mlockall(MCL_CURRENT | MCL_FUTURE) == 0);
	char *q = map(4);
	CHECK(mincore(q, 4 * PAGE, in) == 0 && (in[0] & 1) &&
	      (in[3] & 1)); /* there before it is touched */
	CHECK(munlockall() == 0 && munmap(p, 4 * PAGE) == 0 && munmap(q, 4 * PAGE) == 0);
	CHECK_ERR(mlockall(0), EINVAL);
	CHECK_ERR(mlockall(64), EINVAL);
}

static void files(void)
{
	int fd = open("/tmp/memcalls.file", O_RDWR | O_CREAT | O_TRUNC, 0600);
	char *s, *p, c = 0;

	CHECK(fd >= 0 && ftruncate(fd, PAGE + 100) == 0);
	s = mmap(NULL, 3 * PAGE, RW, MAP_SHARED, fd, 0);
	p = mmap(NULL, PAGE, RW, MAP_PRIVATE, fd, 0);
	CHECK(s != MAP_FAILED && p != MAP_FAILED);
	s[10] = 'a';
	CHECK(pread(fd, &c, 1, 10) == 1 && c == 'a');
	CHECK(p[10] == 'a');
	p[10] = 'b';
	CHECK(s[10] == 'a' && pread(fd, &c, 1, 10) == 1 && c == 'a');
	c = 'z';
	CHECK(pwrite(fd, &c, 1, 20) == 1 && s[20] == 'z');
	CHECK(s[PAGE + 200] == 0); /* the rest of the last page is zero */
	faults_as(s + 2 * PAGE, 0, SIGBUS, BUS_ADRERR);
	CHECK(ftruncate(fd, 0) == 0);
	faults_as(s + 10, 0, SIGBUS, BUS_ADRERR);
	CHECK(munmap(s, 3 * PAGE) == 0 && munmap(p, PAGE) == 0);
	close(fd);
	fd = open("/tmp/memcalls.file", O_RDONLY);
	CHECK_MAP_ERR(mmap(NULL, PAGE, RW, MAP_SHARED, fd, 0), EACCES);
	CHECK((p = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0)) != MAP_FAILED);
	CHECK_ERR(mprotect(p, PAGE, RW), EACCES);
	munmap(p, PAGE);
	close(fd);
	unlink("/tmp/memcalls.file");
}

static void forking(void)
{
	char *own = map(1024), *shared = mmap(NULL, PAGE, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int status = -1;
	pid_t child;

	memset(own, 1, 1024 * PAGE);
	CHECK(madvise(own + 1000 * PAGE, PAGE, MADV_WIPEONFORK) == 0);
	CHECK(madvise(own + 1010 * PAGE, PAGE, MADV_DONTFORK) == 0);
	child = fork();
	if (!child) {
		int good = own[0] == 1 && own[1000 * PAGE] == 0 &&
			   touch(own + 1010 * PAGE, 0) == SIGSEGV;
		memset(own, 2, 512 * PAGE);
		shared[0] = 3;
		_exit(!good);
	}
	CHECK(waitpid(child, &status, 0) == child && status == 0);
	CHECK(shared[0] == 3);
	for (size_t i = 0; i < 1024; i++)
		if (own[i * PAGE] != 1)
			CHECK(!"the child's write reached the parent");
	munmap(own, 1024 * PAGE);
	munmap(shared, PAGE);
}

static int deeper(int n)
{
	volatile char frame[2048];

	frame[0] = (char)n;
	return (n < 1 << 30 ? deeper(n + 1) : 0) + frame[0];
}

static void stacks(void)
{
	struct rlimit limit;
	int status = -1;
	pid_t child;

	CHECK(getrlimit(RLIMIT_STACK, &limit) == 0 && limit.rlim_cur == 8 << 20);
	child = fork();
	if (!child) { /* a handler cannot run: there is no stack left */
		_exit(deeper(0) & 1);
	}
	CHECK(waitpid(child, &status, 0) == child && WIFSIGNALED(status) &&
	      WTERMSIG(status) == SIGSEGV);
}

int main(void)
{
	struct sigaction action = { .sa_sigaction = on_fault, .sa_flags = SA_SIGINFO };

	sigaction(SIGSEGV, &action, NULL);
	sigaction(SIGBUS, &action, NULL);
	mapping();
	protection();
	remapping();
	breaking();
	advice();
	files();
	forking();
	stacks();
	return check_end();
}
