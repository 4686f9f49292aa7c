// SPDX-License-Identifier: MIT
// Signals: handlers, masks, queues, restarts, timers, waiting for signals, faults, job control's
// stops.
#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "check.h"

static volatile sig_atomic_t got, got_code, got_pid, values[16], nvalues;

static void handler(int signo, siginfo_t *info, void *context)
{
	(void)context;
	got = signo;
	got_code = info->si_code;
	got_pid = info->si_pid;
	if (nvalues < 16)
		values[nvalues++] = info->si_value.sival_int;
}

static void handle(int signo, int flags)
{
	struct sigaction sa = { .sa_sigaction = handler, .sa_flags = SA_SIGINFO | flags };

	CHECK(sigaction(signo, &sa, NULL) == 0);
}

static volatile int *volatile wild = (volatile int *)0x1234;

static sigset_t set_of(int signo)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, signo);
	return set;
}

static void alarm_in_ms(long ms)
{
	struct itimerval it = { .it_value = { ms / 1000, ms % 1000 * 1000 } };

	CHECK(setitimer(ITIMER_REAL, &it, NULL) == 0);
}

static void test_masks(void)
{
	sigset_t set = set_of(SIGUSR1), old, pending;

	handle(SIGUSR1, 0);
	kill(getpid(), SIGUSR1);
	CHECK(got == SIGUSR1 && got_code == SI_USER && got_pid == getpid());
	sigprocmask(SIG_BLOCK, &set, &old);
	got = 0;
	raise(SIGUSR1);
	CHECK(got == 0);
	CHECK(sigpending(&pending) == 0 && sigismember(&pending, SIGUSR1));
	sigprocmask(SIG_SETMASK, &old, NULL);
	CHECK(got == SIGUSR1);
	CHECK(signal(SIGKILL, SIG_IGN) == SIG_ERR && errno == EINVAL);
}

static void test_queue(void)
{
	sigset_t set = set_of(SIGRTMIN + 1), old;

	handle(SIGRTMIN + 1, 0);
	sigprocmask(SIG_BLOCK, &set, &old);
	nvalues = 0;
	for (int i = 0; i < 5; i++)
		CHECK(sigqueue(getpid(), SIGRTMIN + 1, (union sigval){ .sival_int = i + 10 }) == 0);
	sigprocmask(SIG_SETMASK, &old, NULL);
	CHECK(nvalues == 5);
	for (int i = 0; i < 5; i++)
		CHECK(values[i] == i + 10);
}

static void test_timedwait(void)
{
	sigset_t set = set_of(SIGUSR2), old;
	struct timespec ts = { 0, 30000000 };
	siginfo_t info;
	pid_t child;

	sigprocmask(SIG_BLOCK, &set, &old);
	CHECK(sigtimedwait(&set, &info, &ts) == -1 && errno == EAGAIN);
	child = fork();
	if (child == 0) {
		usleep(20000);
		kill(getppid(), SIGUSR2);
		_exit(0);
	}
	ts.tv_sec = 5;
	CHECK(sigtimedwait(&set, &info, &ts) == SIGUSR2 && info.si_pid == child);
	CHECK(waitpid(child, NULL, 0) == child);
	sigprocmask(SIG_SETMASK, &old, NULL);
}

static void test_restart(void)
{
	struct timespec wish = { 0, 300000000 }, left = { 0 };
	int fd[2];
	pid_t child;
	char c;

	CHECK(pipe(fd) == 0);
	handle(SIGALRM, 0);
	got = 0;
	alarm_in_ms(30);
	CHECK(read(fd[0], &c, 1) == -1 && errno == EINTR && got == SIGALRM);
	handle(SIGALRM, SA_RESTART);
	child = fork();
	if (child == 0) {
		usleep(100000);
		_exit(write(fd[1], "x", 1) != 1);
	}
	got = 0;
	alarm_in_ms(30);
	CHECK(read(fd[0], &c, 1) == 1 && c == 'x' && got == SIGALRM);
	CHECK(waitpid(child, NULL, 0) == child);
	handle(SIGALRM, 0);
	alarm_in_ms(30);
	CHECK(nanosleep(&wish, &left) == -1 && errno == EINTR);
	CHECK(left.tv_sec == 0 && left.tv_nsec > 0 && left.tv_nsec < 280000000);
	close(fd[0]);
	close(fd[1]);
}

static void test_suspend(void)
{
	sigset_t set = set_of(SIGALRM), old, empty, now;

	sigemptyset(&empty);
	sigprocmask(SIG_BLOCK, &set, &old);
	got = 0;
	alarm_in_ms(20);
	CHECK(sigsuspend(&empty) == -1 && errno == EINTR && got == SIGALRM);
	sigprocmask(SIG_BLOCK, NULL, &now);
	CHECK(sigismember(&now, SIGALRM));
	sigprocmask(SIG_SETMASK, &old, NULL);
}

static void test_timer(void)
{
	struct sigevent ev = { .sigev_notify = SIGEV_SIGNAL,
			       .sigev_signo = SIGRTMIN + 2,
			       .sigev_value.sival_int = 77 };
	struct itimerspec fast = { { 0, 1 }, { 0, 1 } }, often = { { 0, 5000000 }, { 0, 5000000 } },
			  now;
	struct timespec second = { 1, 0 };
	timer_t timer;

	handle(SIGRTMIN + 2, 0);
	CHECK(timer_create(CLOCK_MONOTONIC, &ev, &timer) == 0);
	nvalues = 0;
	CHECK(timer_settime(timer, 0, &often, NULL) == 0);
	for (int i = 0; i < 5; i++)
		nanosleep(&second, NULL);
	CHECK(nvalues >= 5 && values[0] == 77);
	CHECK(timer_gettime(timer, &now) == 0 && now.it_interval.tv_nsec == 5000000);
	/* A period of a nanosecond neither hangs the machine nor goes unnoticed. */
	CHECK(timer_settime(timer, 0, &fast, NULL) == 0);
	nanosleep(&second, NULL);
	CHECK(timer_getoverrun(timer) > 0);
	CHECK(timer_delete(timer) == 0);
	CHECK(timer_delete(timer) == -1 && errno == EINVAL);
}

static sigjmp_buf back;
static void *volatile fault_address;
static volatile int fault_code;

static void on_fault(int signo, siginfo_t *info, void *context)
{
	(void)signo;
	(void)context;
	fault_address = info->si_addr;
	fault_code = info->si_code;
	siglongjmp(back, 1);
}

static void test_faults(void)
{
	struct sigaction sa = { .sa_sigaction = on_fault, .sa_flags = SA_SIGINFO };
	char *page = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	sigaction(SIGSEGV, &sa, NULL);
	if (sigsetjmp(back, 1) == 0)
		*wild = 1;
	CHECK(fault_address == (void *)wild && fault_code == SEGV_MAPERR);
	if (sigsetjmp(back, 1) == 0)
		*(volatile char *)page = 1;
	CHECK(fault_address == page && fault_code == SEGV_ACCERR);
	signal(SIGSEGV, SIG_DFL);
	munmap(page, 4096);
}

static int status_of(void (*fn)(void))
{
	int status = -1;
	pid_t child = fork();

	if (child == 0) {
		fn();
		_exit(0);
	}
	CHECK(waitpid(child, &status, 0) == child);
	return status;
}

static void ignore_then_fault(void)
{
	signal(SIGSEGV, SIG_IGN);
	*wild = 1;
}

static void block_then_fault(void)
{
	sigset_t set = set_of(SIGSEGV);

	sigprocmask(SIG_BLOCK, &set, NULL);
	*wild = 1;
}

static void handler_without_stack(int signo)
{
	(void)signo;
}

/* The frame cannot be stored: the process must die, not loop. */
static void fault_on_bad_stack(void)
{
	register long x0 __asm__("x0"), x1 __asm__("x1"), x8 __asm__("x8");

	signal(SIGUSR1, handler_without_stack);
	x0 = getpid();
	x1 = SIGUSR1;
	x8 = SYS_kill;
	__asm__ volatile("mov sp, %3\n\tsvc #0" ::"r"(x0), "r"(x1), "r"(x8), "r"(16l) : "memory");
}

static void test_deaths(void)
{
	int status;

	status = status_of(ignore_then_fault);
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
	status = status_of(block_then_fault);
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
	status = status_of(fault_on_bad_stack);
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
	status = status_of(abort);
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}

static char *alt_stack;
static volatile int was_on_alt_stack;

static void look_at_stack(int signo)
{
	char here;

	(void)signo;
	was_on_alt_stack = &here >= alt_stack && &here < alt_stack + 65536;
}

static void test_altstack(void)
{
	struct sigaction sa = { .sa_handler = look_at_stack, .sa_flags = SA_ONSTACK };
	stack_t ss = { .ss_size = 65536 }, old;

	alt_stack = malloc(65536);
	ss.ss_sp = alt_stack;
	CHECK(sigaltstack(&ss, NULL) == 0);
	sigaction(SIGUSR1, &sa, NULL);
	raise(SIGUSR1);
	CHECK(was_on_alt_stack);
	CHECK(sigaltstack(NULL, &old) == 0 && old.ss_sp == alt_stack && old.ss_flags == 0);
	ss.ss_size = 100;
	CHECK(sigaltstack(&ss, NULL) == -1 && errno == ENOMEM);
}

static void test_stops(void)
{
	int status;
	pid_t child = fork();

	if (child == 0)
		for (;;)
			pause();
	CHECK(waitpid(child, &status, WNOHANG) == 0);
	for (int i = 0; i < 20; i++) {
		kill(child, SIGSTOP);
		CHECK(waitpid(child, &status, WUNTRACED) == child && WIFSTOPPED(status) &&
		      WSTOPSIG(status) == SIGSTOP);
		kill(child, SIGCONT);
		CHECK(waitpid(child, &status, WCONTINUED) == child && WIFCONTINUED(status));
	}
	kill(child, SIGSTOP);
	CHECK(waitpid(child, &status, WUNTRACED) == child);
	kill(child, SIGKILL); /* reaches a stopped process too */
	CHECK(waitpid(child, &status, 0) == child && WIFSIGNALED(status) &&
	      WTERMSIG(status) == SIGKILL);
}

/* What comes for a stopped process, but SIGKILL, waits until it goes on. */
static void test_signal_while_stopped(void)
{
	struct timespec moment = { 0, 20000000 };
	int status;
	pid_t child = fork();

	if (child == 0)
		for (;;)
			pause();
	kill(child, SIGSTOP);
	CHECK(waitpid(child, &status, WUNTRACED) == child);
	kill(child, SIGTERM);
	nanosleep(&moment, NULL);
	CHECK(waitpid(child, &status, WNOHANG) == 0);
	kill(child, SIGCONT);
	CHECK(waitpid(child, &status, 0) == child && WIFSIGNALED(status) &&
	      WTERMSIG(status) == SIGTERM);
}

/* To everybody is to whom one may: that it is nobody is no error. To a group of others it is. */
static void test_to_others(void)
{
	int status;
	pid_t child = fork();

	if (child == 0) {
		setpgid(0, 0);
		if (setuid(1234) || kill(-1, SIGTERM) || kill(-getpgid(getppid()), SIGTERM) != -1)
			_exit(1);
		_exit(kill(-12345, SIGTERM) != -1);
	}
	CHECK(waitpid(child, &status, 0) == child && status == 0);
}

int main(void)
{
	test_masks();
	test_queue();
	test_timedwait();
	test_restart();
	test_suspend();
	test_timer();
	test_faults();
	test_deaths();
	test_altstack();
	test_stops();
	test_signal_while_stopped();
	test_to_others();
	return check_end();
}
