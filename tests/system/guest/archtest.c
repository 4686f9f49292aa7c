// SPDX-License-Identifier: MIT
/*
 * What a program sees of the processor through the kernel: which signal a wrong instruction gets
 * (but for a stack off its boundary, which QEMU lets pass), that registers survive interrupts,
 * switches and signal handlers, that a forged signal frame gets nowhere, that the kernel survives
 * every pointer it is given, and that code can be written at run time. Each check prints one line;
 * the exit status is the number that failed.
 */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

static int failures;

static void check(int good, const char *what)
{
	printf("%s %s\n", good ? "ok" : "BAD", what);
	failures += !good;
}

static size_t page;

static char *map_page(int prot)
{
	char *p = mmap(NULL, page, prot, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		abort();
	return p;
}

/* ---- Which signal ---- */

static sigjmp_buf back;
static volatile sig_atomic_t got_signal, got_code;
static void *volatile got_address;

static void note_signal(int signo, siginfo_t *info, void *context)
{
	(void)context;
	got_signal = signo;
	got_code = info->si_code;
	got_address = info->si_addr;
	siglongjmp(back, 1);
}

static void expect(const char *what, int signo, int code, const void *address,
		   void (*wrong)(void *), void *arg)
{
	got_signal = 0;
	if (sigsetjmp(back, 1) == 0)
		wrong(arg);
	check(got_signal == signo && got_code == code && (!address || got_address == address),
	      what);
	if (got_signal != signo || got_code != code)
		printf("    signal %d code %d address %p\n", got_signal, got_code, got_address);
}

static void load(void *p)
{
	*(volatile char *)p;
}

static void store(void *p)
{
	*(volatile char *)p = 1;
}

static void jump(void *p)
{
	((void (*)(void))p)();
}

static void load_exclusive(void *p)
{
	uint64_t v;

	__asm__ volatile("ldxr %0, [%1]" : "=r"(v) : "r"(p));
}

static void undefined(void *p)
{
	(void)p;
	__asm__ volatile(".word 0");
}

static void privileged(void *p)
{
	(void)p;
	__asm__ volatile("msr ttbr0_el1, xzr");
}

static void physical_counter(void *p)
{
	(void)p;
	__asm__ volatile("mrs x9, cntpct_el0" : : : "x9");
}

static void breakpoint(void *p)
{
	(void)p;
	__asm__ volatile("brk #1");
}

static void check_signals(void)
{
	struct sigaction act = { .sa_sigaction = note_signal, .sa_flags = SA_SIGINFO };
	static const int signals[] = { SIGSEGV, SIGBUS, SIGILL, SIGTRAP };
	char *readable = map_page(PROT_READ), *data = map_page(PROT_READ | PROT_WRITE);
	char *kernel = (char *)0xffff000040000000, *code = map_page(PROT_READ | PROT_EXEC);

	for (unsigned i = 0; i < 4; i++)
		sigaction(signals[i], &act, NULL);
	*data = 0;
	expect("load from the null page", SIGSEGV, SEGV_MAPERR, (void *)8, load, (void *)8);
	expect("store to a read-only page", SIGSEGV, SEGV_ACCERR, readable + 5, store,
	       readable + 5);
	expect("load from the kernel", SIGSEGV, SEGV_MAPERR, kernel, load, kernel);
	expect("load from where the kernel would be", SIGSEGV, SEGV_MAPERR,
	       (void *)0x00ff000000001000, load, (void *)0x00ff000000001000);
	expect("store to the kernel", SIGSEGV, SEGV_MAPERR, kernel, store, kernel);
	expect("jump to the kernel", SIGSEGV, SEGV_MAPERR, kernel, jump, kernel);
	expect("jump to data", SIGSEGV, SEGV_ACCERR, data, jump, data);
	expect("jump to an odd address", SIGBUS, BUS_ADRALN, code + 2, jump, code + 2);
	expect("exclusive load off its boundary", SIGBUS, BUS_ADRALN, data + 3, load_exclusive,
	       data + 3);
	expect("undefined instruction", SIGILL, ILL_ILLOPC, NULL, undefined, NULL);
	expect("privileged instruction", SIGILL, ILL_ILLOPC, NULL, privileged, NULL);
	expect("the physical counter", SIGILL, ILL_ILLOPC, NULL, physical_counter, NULL);
	expect("breakpoint", SIGTRAP, TRAP_BRKPT, NULL, breakpoint, NULL);
	for (unsigned i = 0; i < 4; i++)
		signal(signals[i], SIG_DFL);
}

/* ---- Registers survive ---- */

/* Fills registers from seed, spins, and compares: 0 when all are as they were. */
static int spin_with(uint64_t seed, volatile int *stop)
{
	int bad = 0;

	while (!*stop && !bad) {
		uint64_t first, last, lane, general, n = 20000;

		__asm__ volatile(
			"fmov d0, %5\n\tadd x10, %5, #1\n\tfmov d31, x10\n\tdup v15.2d, %5\n\tmov x28, %5\n"
			"1:	subs %4, %4, #1\n\tb.ne 1b\n\t"
			"fmov %0, d0\n\tfmov %1, d31\n\tmov %2, v15.d[1]\n\tmov %3, x28"
			: "=&r"(first), "=&r"(last), "=&r"(lane), "=&r"(general), "+&r"(n)
			: "r"(seed)
			: "x10", "x28", "v0", "v15", "v31", "cc");
		bad = first != seed || last != seed + 1 || lane != seed || general != seed;
	}
	return bad;
}

static volatile int stop;
static volatile sig_atomic_t ticks;
static __thread uint64_t local = 1;

static void *spinner(void *arg)
{
	uint64_t seed = (uint64_t)arg * 0x0101010101;
	int bad;

	local = seed;
	bad = spin_with(seed, &stop);
	return (void *)(uintptr_t)(bad || local != seed);
}

static void tick(int signo)
{
	(void)signo;
	/* The handler is free to use every register: here are some. */
	__asm__ volatile("movi v0.16b, #1\n\tmovi v15.16b, #2\n\tmovi v31.16b, #3"
			 :
			 :
			 : "v0", "v15", "v31");
	ticks++;
}

static void check_registers(void)
{
	struct itimerval fast = { { 0, 1000 }, { 0, 1000 } }, off = { { 0, 0 }, { 0, 0 } };
	struct timespec nap = { 0, 300000000 };
	pthread_t threads[8];
	uintptr_t bad = 0;

	signal(SIGALRM, tick);
	setitimer(ITIMER_REAL, &fast, NULL);
	for (uintptr_t i = 0; i < 8; i++)
		pthread_create(&threads[i], NULL, spinner, (void *)(i + 3));
	while (nanosleep(&nap, &nap) != 0)
		;
	stop = 1;
	for (unsigned i = 0; i < 8; i++) {
		void *result;

		pthread_join(threads[i], &result);
		bad |= (uintptr_t)result;
	}
	setitimer(ITIMER_REAL, &off, NULL);
	check(!bad, "registers and TLS of eight threads under a fast timer signal");
	check(ticks > 0, "the timer signal came");
}

static void check_fork(void)
{
	uint64_t child = 0;
	int status;
	pid_t pid;

	__asm__ volatile("movi v9.16b, #0x5a" : : : "v9");
	pid = (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
	__asm__ volatile("fmov %0, d9" : "=r"(child));
	if (pid == 0)
		_exit(child == 0x5a5a5a5a5a5a5a5a ? 0 : 1);
	waitpid(pid, &status, 0);
	check(status == 0, "FP registers go with a fork");
}

/* ---- Signal frames ---- */

static uint64_t v20_seen;
static volatile uintptr_t handler_sp;

static struct fpsimd_context *find_fp(ucontext_t *uc)
{
	struct _aarch64_ctx *head = (struct _aarch64_ctx *)uc->uc_mcontext.__reserved;

	return head->magic == FPSIMD_MAGIC ? (struct fpsimd_context *)head : NULL;
}

static void change_frame(int signo, siginfo_t *info, void *context)
{
	ucontext_t *uc = context;
	struct fpsimd_context *fp = find_fp(uc);

	(void)signo;
	(void)info;
	handler_sp = (uintptr_t)__builtin_frame_address(0);
	if (fp)
		fp->vregs[20] = 77;
	uc->uc_mcontext.regs[21] = 88;
	uc->uc_mcontext.pc += 4; /* over the breakpoint */
}

static void check_frame(void)
{
	struct sigaction act = { .sa_sigaction = change_frame,
				 .sa_flags = SA_SIGINFO | SA_ONSTACK };
	size_t size = 64 << 10;
	char *stack = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	stack_t alternate = { .ss_sp = stack, .ss_size = size }, now;
	uint64_t x21;

	sigaltstack(&alternate, NULL);
	sigaction(SIGTRAP, &act, NULL);
	__asm__ volatile("mov x21, #1\n\tmovi v20.16b, #0\n\tbrk #1\n\tfmov %0, d20\n\tmov %1, x21"
			 : "=r"(v20_seen), "=r"(x21)
			 :
			 : "x21", "v20", "memory");
	check(v20_seen == 77 && x21 == 88, "what a handler writes to its frame takes effect");
	check(handler_sp > (uintptr_t)stack && handler_sp < (uintptr_t)stack + size,
	      "the handler ran on the signal stack");
	sigaltstack(NULL, &now);
	check(now.ss_sp == stack && now.ss_flags == 0, "the signal stack is as before");
	alternate.ss_flags = SS_DISABLE;
	sigaltstack(&alternate, NULL);
	signal(SIGTRAP, SIG_DFL);
}

static volatile sig_atomic_t plain_ran;

static void plain(int signo)
{
	plain_ran = signo;
}

/* As the kernel takes it, without a restorer: the handler returns by the vDSO page. */
static void check_vdso(void)
{
	struct {
		void (*handler)(int);
		unsigned long flags;
		void (*restorer)(void);
		uint64_t mask;
	} act = { plain, 0, NULL, 0 };
	const Elf64_Ehdr *elf = (const Elf64_Ehdr *)getauxval(AT_SYSINFO_EHDR);

	check(elf && memcmp(elf->e_ident, ELFMAG, SELFMAG) == 0 && elf->e_machine == EM_AARCH64,
	      "the vDSO is there");
	syscall(SYS_rt_sigaction, SIGUSR1, &act, NULL, 8);
	raise(SIGUSR1);
	check(plain_ran == SIGUSR1, "a handler without restorer returns");
	signal(SIGUSR1, SIG_DFL);
}

static void forge_mode(int signo, siginfo_t *info, void *context)
{
	(void)signo;
	(void)info;
	((ucontext_t *)context)->uc_mcontext.pstate |= 5; /* EL1h */
}

static void forge_record(int signo, siginfo_t *info, void *context)
{
	struct _aarch64_ctx *head =
		(struct _aarch64_ctx *)((ucontext_t *)context)->uc_mcontext.__reserved;

	(void)signo;
	(void)info;
	head->magic = 0x12345678;
	head->size = 0xfffffff0;
}

static int ends_with(void (*body)(void *), void *arg)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		body(arg);
		_exit(0);
	}
	waitpid(pid, &status, 0);
	return WIFSIGNALED(status) ? WTERMSIG(status) : -WEXITSTATUS(status);
}

static void raise_with(void *handler)
{
	struct sigaction act = { .sa_flags = SA_SIGINFO };

	act.sa_sigaction = (void (*)(int, siginfo_t *, void *))handler;
	sigaction(SIGUSR1, &act, NULL);
	raise(SIGUSR1);
}

static void return_from_nothing(void *sp)
{
	__asm__ volatile("mov sp, %0\n\tmov x8, #139\n\tsvc #0" : : "r"(sp) : "x8", "memory");
}

static void overflow(void *arg)
{
	volatile char frame[4096];

	frame[0] = 1;
	if (arg != (void *)&frame[1]) /* always so */
		overflow(arg);
	frame[1] = frame[0];
}

static void check_forgery(void)
{
	check(ends_with(raise_with, (void *)forge_mode) == SIGSEGV,
	      "a frame that says kernel mode");
	check(ends_with(raise_with, (void *)forge_record) == SIGSEGV,
	      "a frame with a record of no kind");
	check(ends_with(return_from_nothing, (void *)0xffff000040000000) == SIGSEGV,
	      "sigreturn from the kernel's memory");
	check(ends_with(return_from_nothing, (void *)16) == SIGSEGV, "sigreturn from nowhere");
	check(ends_with(overflow, NULL) == SIGSEGV, "a stack that runs away");
}

/* ---- The kernel and bad pointers ---- */

static void check_pointers(void)
{
	char *two =
		mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char *readable = map_page(PROT_READ), *edge = two + page - 100,
	     *kernel = (char *)0xffff000040000000;
	int fds[2], zero = open("/dev/zero", O_RDONLY);
	struct timespec ts;
	ssize_t n;

	munmap(two + page, page);
	memset(two, 'x', page);
	if (pipe(fds) != 0)
		abort();
	check(write(fds[1], kernel, 1) == -1 && errno == EFAULT, "write from the kernel's memory");
	check(read(zero, kernel, 1) == -1 && errno == EFAULT, "read to the kernel's memory");
	check(read(zero, readable, 1) == -1 && errno == EFAULT, "read to a read-only page");
	check(read(zero, (char *)-1, 64) == -1 && errno == EFAULT, "read that wraps around");
	n = write(fds[1], edge, 300);
	check(n == 100 || (n == -1 && errno == EFAULT), "write that runs off its page");
	check(clock_gettime(CLOCK_MONOTONIC, &ts) == 0, "a good pointer");
	check(syscall(SYS_clock_gettime, CLOCK_MONOTONIC, edge + 92) == -1 && errno == EFAULT,
	      "a structure that crosses into nothing");
	strcpy(two + page - 5, "/tmp");
	check(access(two + page - 5, F_OK) == 0, "a path that ends with its page");
	two[page - 1] = 'x';
	check(access(two + page - 5, F_OK) == -1 && errno == EFAULT,
	      "a path without end at the end of its page");
	check(open(kernel, O_RDONLY) == -1 && errno == EFAULT, "a path in the kernel's memory");
	close(fds[0]);
	close(fds[1]);
	close(zero);
}

/* ---- Code written at run time; user mode's instructions ---- */

static void check_code(void)
{
	static const uint32_t code[] = { 0x52800540, 0xd65f03c0 }; /* mov w0, #42; ret */
	char *p = map_page(PROT_READ | PROT_WRITE), *rwx;
	uint64_t zeroed[64] __attribute__((aligned(1024))), counter, hz, blocks;
	struct timespec before, after;

	memcpy(p, code, sizeof(code));
	mprotect(p, page, PROT_READ | PROT_EXEC);
	__builtin___clear_cache(p, p + sizeof(code));
	check(((int (*)(void))p)() == 42, "code made executable");
	rwx = mmap(NULL, page, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		   0);
	if (rwx != MAP_FAILED) {
		memcpy(rwx, code, sizeof(code));
		__builtin___clear_cache(rwx, rwx + sizeof(code));
		check(((int (*)(void))rwx)() == 42, "code in a writable page");
	}
	memset(zeroed, 0xff, sizeof(zeroed));
	__asm__ volatile("mrs %0, dczid_el0" : "=r"(blocks));
	if (!(blocks & 16))
		__asm__ volatile("dc zva, %0" : : "r"(zeroed) : "memory");
	check((blocks & 16) || zeroed[0] == 0, "DC ZVA");
	__asm__ volatile("mrs %0, cntvct_el0\n\tmrs %1, cntfrq_el0" : "=r"(counter), "=r"(hz));
	check(counter && hz, "the virtual counter");
	clock_gettime(CLOCK_MONOTONIC, &before);
	for (int i = 0; i < 100; i++)
		__asm__ volatile("wfi\n\tmov %0, #7" : "=r"(hz));
	clock_gettime(CLOCK_MONOTONIC, &after);
	check(hz == 7 && after.tv_sec - before.tv_sec < 2, "WFI sleeps for no more than a moment");
	check((getauxval(AT_HWCAP) & 3) == 3, "AT_HWCAP has FP and ASIMD");
}

int main(void)
{
	page = (size_t)sysconf(_SC_PAGESIZE);
	setvbuf(stdout, NULL, _IOLBF, 0);
	check_signals();
	check_registers();
	check_fork();
	check_frame();
	check_vdso();
	check_forgery();
	check_pointers();
	check_code();
	printf("%d failed\n", failures);
	return failures;
}
