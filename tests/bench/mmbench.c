// SPDX-License-Identifier: MIT
// Microbenchmarks of a kernel's memory and task services, as one static Linux/AArch64 program.
// Prints "name value unit" lines; value = virtual-counter nanoseconds per operation. Under QEMU's
// -icount shift=0 a virtual nanosecond is one executed instruction, so values are instructions per
// operation and repeat from run to run; the same binary runs on any kernel that speaks this ABI.
#define _GNU_SOURCE
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <sys/syscall.h>
#include <signal.h>
#include <setjmp.h>
#include <fcntl.h>
#include <sched.h>
#include <time.h>
#include <errno.h>
#include <linux/futex.h>

static inline uint64_t ticks(void)
{
	uint64_t v;
	asm volatile("isb; mrs %0, cntvct_el0" : "=r"(v)::"memory");
	return v;
}
static inline uint64_t freq(void)
{
	uint64_t v;
	asm volatile("mrs %0, cntfrq_el0" : "=r"(v));
	return v;
}
static double ns(uint64_t t)
{
	return (double)t * 1e9 / (double)freq();
}
#define PG 4096UL
// Of as many spans between two reads of the clock.
static void out_of(const char *n, uint64_t t, unsigned long ops, unsigned long spans)
{
	printf("%-28s %10.1f ns/op", n, ns(t) / (double)ops);
	if (spans > 1)
		printf(" in %lu spans", spans);
	putchar('\n');
	fflush(stdout);
}
static void out(const char *n, uint64_t t, unsigned long ops)
{
	out_of(n, t, ops, 1);
}
static void fail(const char *n)
{
	printf("%-28s FAIL errno=%d\n", n, errno);
	fflush(stdout);
}

static void b_syscall(void)
{
	unsigned long n = 20000;
	for (int i = 0; i < 100; i++)
		syscall(SYS_getppid);
	uint64_t t = ticks();
	for (unsigned long i = 0; i < n; i++)
		syscall(SYS_getppid);
	out("syscall_getppid", ticks() - t, n);
}
static void b_fault(const char *name, int write, int flags, int fd, unsigned long pages)
{
	char *p = mmap(0, pages * PG, PROT_READ | PROT_WRITE, flags, fd, 0);
	if (p == MAP_FAILED) {
		fail(name);
		return;
	}
	uint64_t t = ticks();
	volatile char s = 0;
	for (unsigned long i = 0; i < pages; i++) {
		if (write)
			p[i * PG] = 1;
		else
			s += p[i * PG];
	}
	out(name, ticks() - t, pages);
	char nm[64];
	snprintf(nm, sizeof nm, "%s_unmap", name);
	t = ticks();
	munmap(p, pages * PG);
	out(nm, ticks() - t, pages);
}
static void b_mmap(void)
{
	unsigned long n = 2000;
	uint64_t t = ticks();
	for (unsigned long i = 0; i < n; i++) {
		void *p =
			mmap(0, 4 * PG, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		munmap(p, 4 * PG);
	}
	out("mmap_munmap_untouched", ticks() - t, n);
	t = ticks();
	for (unsigned long i = 0; i < n; i++) {
		volatile char *p =
			mmap(0, PG, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		p[0] = 1;
		munmap((void *)p, PG);
	}
	out("mmap_touch_munmap_1page", ticks() - t, n);
}
static void b_mprotect(void)
{
	char *p = mmap(0, 512 * PG, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	memset(p, 1, 512 * PG);
	unsigned long n = 2000;
	uint64_t t = ticks();
	for (unsigned long i = 0; i < n; i++) {
		mprotect(p, PG, PROT_READ);
		mprotect(p, PG, PROT_READ | PROT_WRITE);
	}
	out("mprotect_1page", ticks() - t, 2 * n);
	n = 50;
	t = ticks();
	for (unsigned long i = 0; i < n; i++) {
		mprotect(p, 512 * PG, PROT_READ);
		mprotect(p, 512 * PG, PROT_READ | PROT_WRITE);
	}
	out("mprotect_per_page_of_512", ticks() - t, 2 * n * 512);
	t = ticks();
	madvise(p, 512 * PG, MADV_DONTNEED);
	out("madvise_dontneed_per_page", ticks() - t, 512);
	munmap(p, 512 * PG);
}
static void b_vmas(void)
{ // many areas: cost of lookup as the count of areas grows
	static const unsigned long counts[] = { 16, 1024 };
	for (int c = 0; c < 2; c++) {
		unsigned long k = counts[c];
		char *p = mmap(0, 2 * k * PG, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (p == MAP_FAILED) {
			fail("vmas");
			return;
		}
		for (unsigned long i = 0; i < k; i++)
			mprotect(p + 2 * i * PG, PG, PROT_READ | PROT_WRITE);
		uint64_t sum = 0;
		unsigned long done = 0, spans = 0, j = 0;
		while (done < 1024) { // few faults at a time: an interrupt among them must not show
			uint64_t t = ticks();
			for (unsigned long i = 0; i < k; i++) {
				j = (j + 7919) % k;
				p[2 * j * PG] = 1;
			}
			sum += ticks() - t;
			done += k;
			spans++;
			madvise(p, 2 * k * PG, MADV_DONTNEED);
		}
		char nm[64];
		snprintf(nm, sizeof nm, "fault_among_%lu_areas", k);
		out_of(nm, sum, done, spans);
		munmap(p, 2 * k * PG);
	}
}
static void b_brk(void)
{
	unsigned long n = 2000;
	char *b = sbrk(0);
	uint64_t t = ticks();
	for (unsigned long i = 0; i < n; i++) {
		syscall(SYS_brk, b + 4 * PG);
		syscall(SYS_brk, b);
	}
	out("brk_grow_shrink", ticks() - t, n);
}
static void b_fork(const char *name, unsigned long pages, int touch)
{
	char *p = 0;
	if (pages) {
		p = mmap(0, pages * PG, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		memset(p, 1, pages * PG);
	}
	unsigned long n = pages ? 10 : 100;
	uint64_t t = ticks();
	for (unsigned long i = 0; i < n; i++) {
		pid_t c = fork();
		if (c < 0) {
			fail(name);
			return;
		}
		if (!c) {
			if (touch)
				for (unsigned long j = 0; j < pages; j++)
					p[j * PG] = 2;
			_exit(0);
		}
		waitpid(c, 0, 0);
	}
	if (touch)
		out(name, ticks() - t, n * pages);
	else
		out(name, ticks() - t, n);
	if (p)
		munmap(p, pages * PG);
}
static void b_pipe(void)
{
	int a[2], b[2];
	char c = 0;
	if (pipe(a) || pipe(b)) {
		fail("pipe");
		return;
	}
	unsigned long n = 2000;
	pid_t pid = fork();
	if (!pid) {
		close(a[1]);
		close(b[0]);
		for (;;) {
			if (read(a[0], &c, 1) != 1)
				_exit(0);
			if (write(b[1], &c, 1) != 1)
				_exit(0);
		}
	}
	close(a[0]);
	close(b[1]);
	for (int i = 0; i < 50; i++) {
		if (write(a[1], &c, 1) != 1 || read(b[0], &c, 1) != 1) {
			fail("pipe");
			return;
		}
	}
	uint64_t t = ticks();
	for (unsigned long i = 0; i < n; i++) {
		if (write(a[1], &c, 1) != 1 || read(b[0], &c, 1) != 1) {
			fail("pipe");
			return;
		}
	}
	out("pipe_switch_one_way", ticks() - t, 2 * n);
	close(a[1]);
	close(b[0]);
	waitpid(pid, 0, 0);
}
static void b_futex(void)
{ // two processes, shared anonymous page, one-way hand-off
	volatile int *w = mmap(0, PG, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	unsigned long n = 2000;
	pid_t pid = fork();
	if (!pid) {
		for (unsigned long i = 0; i < n; i++) {
			while (w[0] != 1)
				syscall(SYS_futex, w, FUTEX_WAIT, 0, 0, 0, 0);
			w[0] = 0;
			syscall(SYS_futex, w, FUTEX_WAKE, 1, 0, 0, 0);
		}
		_exit(0);
	}
	uint64_t t = ticks();
	for (unsigned long i = 0; i < n; i++) {
		w[0] = 1;
		syscall(SYS_futex, w, FUTEX_WAKE, 1, 0, 0, 0);
		while (w[0] != 0)
			syscall(SYS_futex, w, FUTEX_WAIT, 1, 0, 0, 0);
	}
	out("futex_switch_one_way", ticks() - t, 2 * n);
	waitpid(pid, 0, 0);
}
static void b_yield(void)
{ // two processes of one priority hand the CPU to each other
	unsigned long n = 2000;
	pid_t pid = fork();
	if (!pid) {
		for (unsigned long i = 0; i < n; i++)
			syscall(SYS_sched_yield);
		_exit(0);
	}
	uint64_t t = ticks();
	for (unsigned long i = 0; i < n; i++)
		syscall(SYS_sched_yield);
	out("yield_switch_one_way", ticks() - t, 2 * n);
	waitpid(pid, 0, 0);
}
static sigjmp_buf jb;
static char *sp_page;
static void on_segv(int s, siginfo_t *si, void *u)
{
	(void)s;
	(void)si;
	(void)u;
	mprotect(sp_page, PG, PROT_READ | PROT_WRITE);
}
static void b_sig(void)
{
	struct sigaction sa;
	memset(&sa, 0, sizeof sa);
	sa.sa_sigaction = on_segv;
	sa.sa_flags = SA_SIGINFO;
	sigaction(SIGSEGV, &sa, 0);
	sp_page = mmap(0, PG, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	sp_page[0] = 1;
	unsigned long n = 500;
	uint64_t t = ticks();
	for (unsigned long i = 0; i < n; i++) {
		mprotect(sp_page, PG, PROT_READ);
		((volatile char *)sp_page)[0] = 2;
	}
	out("segv_handler_round_trip", ticks() - t, n);
	(void)jb;
}
static void b_exec(char *self)
{
	unsigned long n = 20;
	uint64_t t = ticks();
	for (unsigned long i = 0; i < n; i++) {
		pid_t c = fork();
		if (!c) {
			char *av[] = { self, "nop", 0 };
			execv(self, av);
			_exit(1);
		}
		int st;
		waitpid(c, &st, 0);
		if (st) {
			fail("exec");
			return;
		}
	}
	out("fork_exec_exit", ticks() - t, n);
}
static void b_sleep(void)
{
	struct timespec ts = { 0, 1000000 };
	unsigned long n = 50;
	uint64_t worst = 0, sum = 0;
	for (unsigned long i = 0; i < n; i++) {
		uint64_t t = ticks();
		nanosleep(&ts, 0);
		t = ticks() - t;
		sum += t;
		if (t > worst)
			worst = t;
	}
	printf("%-28s %10.1f ns avg over 1ms, worst %.1f\n", "nanosleep_overshoot",
	       ns(sum) / n - 1e6, ns(worst) - 1e6);
	fflush(stdout);
}
int main(int argc, char **argv)
{
	if (argc > 1 && !strcmp(argv[1], "nop"))
		return 0;
	struct sched_param sp = { .sched_priority = 50 };
	printf("mmbench freq=%lu fifo=%d\n", (unsigned long)freq(),
	       (int)syscall(SYS_sched_setscheduler, 0, SCHED_FIFO, &sp));
	unsigned long P = argc > 1 ? strtoul(argv[1], 0, 0) : 2048;
	b_syscall();
	b_fault("fault_anon_write", 1, MAP_PRIVATE | MAP_ANONYMOUS, -1, P);
	b_fault("fault_anon_write_again", 1, MAP_PRIVATE | MAP_ANONYMOUS, -1, P);
	b_fault("fault_anon_read", 0, MAP_PRIVATE | MAP_ANONYMOUS, -1, P);
	b_fault("fault_shared_anon_write", 1, MAP_SHARED | MAP_ANONYMOUS, -1, P);
	b_fault("populate_anon", 1, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, P);
	int fd = open("/tmp/bench.file", O_RDWR | O_CREAT, 0600);
	if (fd >= 0) {
		static char buf[PG];
		for (unsigned long i = 0; i < 512; i++) {
			if (write(fd, buf, PG) != (long)PG) {
				fail("write");
				break;
			}
		}
		b_fault("fault_file_read", 0, MAP_SHARED, fd, 512);
		b_fault("fault_file_private_write", 1, MAP_PRIVATE, fd, 512);
		unsigned long n = 512;
		lseek(fd, 0, SEEK_SET);
		uint64_t t = ticks();
		for (unsigned long i = 0; i < n; i++)
			if (read(fd, buf, PG) != (long)PG) {
				fail("read");
				break;
			}
		out("read_file_4k", ticks() - t, n);
		close(fd);
		unlink("/tmp/bench.file");
	} else
		fail("file");
	b_mmap();
	b_mprotect();
	b_vmas();
	b_brk();
	b_fork("fork_exit_wait_small", 0, 0);
	b_fork("fork_exit_wait_8MB", P, 0);
	b_fork("fork_cow_break_per_page", P, 1);
	b_exec(argv[0]);
	b_pipe();
	b_futex();
	b_yield();
	b_sig();
	b_sleep();
	printf("mmbench done\n");
	return 0;
}
