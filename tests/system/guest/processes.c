// SPDX-License-Identifier: MIT
// Processes: fork, vfork, wait, exec in all its ways, sessions, limits, credentials, scheduling
// calls.
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/times.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "check.h"

static char *self;

static int status_of_child(pid_t child)
{
	int status = -1;

	CHECK(waitpid(child, &status, 0) == child);
	return status;
}

/* ---- fork and wait ---- */

static void test_wait(void)
{
	struct rusage ru;
	siginfo_t info = { 0 };
	pid_t child = fork();
	int status;

	if (child == 0)
		_exit(7);
	CHECK(wait4(child, &status, 0, &ru) == child && WEXITSTATUS(status) == 7 &&
	      ru.ru_minflt > 0);
	CHECK(waitpid(-1, &status, 0) == -1 && errno == ECHILD);
	child = fork();
	if (child == 0)
		_exit(9);
	CHECK(waitid(P_PID, (id_t)child, &info, WEXITED | WNOWAIT) == 0);
	CHECK(info.si_pid == child && info.si_status == 9 && info.si_code == CLD_EXITED);
	CHECK(WEXITSTATUS(status_of_child(child)) == 9);
	signal(SIGCHLD, SIG_IGN);
	child = fork();
	if (child == 0)
		_exit(0);
	CHECK(waitpid(child, &status, 0) == -1 && errno == ECHILD);
	signal(SIGCHLD, SIG_DFL);
	CHECK(waitpid(-1, &status, 0xff00) == -1 && errno == EINVAL);
}

/* ---- CPU time ---- */

static void cpu_times(long ms[2])
{
	struct rusage ru;

	CHECK(getrusage(RUSAGE_SELF, &ru) == 0);
	ms[0] = ru.ru_utime.tv_sec * 1000 + ru.ru_utime.tv_usec / 1000;
	ms[1] = ru.ru_stime.tv_sec * 1000 + ru.ru_stime.tv_usec / 1000;
}

static void compute(void)
{
	for (volatile int i = 0; i < 300000; i++)
		;
}

static void make_the_kernel_work(void)
{
	static char zeroes[1 << 18];
	int fd = open("/dev/zero", O_RDONLY);

	CHECK(read(fd, zeroes, sizeof(zeroes)) == sizeof(zeroes));
	close(fd);
}

/* Does it for 200 ms of CPU time; which parts of that were user and system time, ms. */
static void measure(void (*fn)(void), long used[2])
{
	long begin[2], end[2];

	cpu_times(begin);
	do {
		fn();
		cpu_times(end);
	} while (end[0] + end[1] < begin[0] + begin[1] + 200);
	used[0] = end[0] - begin[0];
	used[1] = end[1] - begin[1];
}

/* Most of it is of that part: a clock that goes on while the host does something else may say
 * otherwise, but not each time. */
static int is_mostly(int part, void (*fn)(void))
{
	long used[2];

	for (int i = 0; i < 5; i++) {
		measure(fn, used);
		if (used[part] > 4 * used[!part])
			return 1;
	}
	return 0;
}

static void test_cpu_times(void)
{
	long used[2];
	struct tms tms;
	clock_t user, system;
	pid_t child;

	CHECK(is_mostly(0, compute));
	CHECK(is_mostly(1, make_the_kernel_work));
	times(&tms);
	user = tms.tms_cutime;
	system = tms.tms_cstime;
	child = fork();
	if (child == 0) {
		measure(compute, used);
		_exit(0);
	}
	CHECK(status_of_child(child) == 0);
	times(&tms);
	user = tms.tms_cutime - user;
	system = tms.tms_cstime - system;
	CHECK(user >= sysconf(_SC_CLK_TCK) / 10 && user > 2 * system);
}

static pid_t vfork_child(int status)
{
	pid_t child = vfork();

	if (child == 0)
		_exit(status);
	return child;
}

static pid_t fork_child(int status)
{
	pid_t child = fork();

	if (child == 0)
		_exit(status);
	return child;
}

static void test_many(void)
{
	for (int i = 0; i < 200; i++) {
		CHECK(WEXITSTATUS(status_of_child(fork_child(i & 63))) == (i & 63));
		CHECK(WEXITSTATUS(status_of_child(vfork_child(i & 63))) == (i & 63));
	}
}

static long kernel_stacks(void) /* KB */
{
	char text[4096] = "", *line;
	FILE *f = fopen("/proc/meminfo", "r");

	CHECK(f && fread(text, 1, sizeof(text) - 1, f) > 0 && fclose(f) == 0);
	line = strstr(text, "KernelStack:");
	return line ? atol(line + strlen("KernelStack:")) : -1;
}

/* Who waits to be waited for needs no stack: of 16 KB each, a few may be kept for others. */
static void test_zombies(void)
{
	long before = kernel_stacks();
	siginfo_t info;
	pid_t child;

	for (int i = 0; i < 100; i++) {
		child = fork_child(1);
		CHECK(waitid(P_PID, (id_t)child, &info, WEXITED | WNOWAIT) == 0);
	}
	CHECK(before > 0 && kernel_stacks() < before + 20 * 16);
	for (int i = 0; i < 100; i++)
		CHECK(waitpid(-1, NULL, 0) > 0);
}

static void test_orphan(void)
{
	int fd[2], parent = -1;
	pid_t child;

	CHECK(pipe(fd) == 0);
	child = fork();
	if (child == 0) {
		pid_t middle = getpid();

		if (fork() == 0) {
			while (getppid() == middle)
				usleep(1000);
			parent = getppid();
			_exit(write(fd[1], &parent, sizeof(parent)) != sizeof(parent));
		}
		_exit(0);
	}
	status_of_child(child);
	CHECK(read(fd[0], &parent, sizeof(parent)) == sizeof(parent) && parent == 1);
}

/* ---- exec ---- */

static void *sleeper(void *arg)
{
	for (;;)
		sleep(100);
	return arg;
}

static void *exec_self(void *arg)
{
	char *argv[] = { self, "check-arguments", "a b", NULL };

	(void)arg;
	execv(self, argv);
	_exit(99);
}

static void *exit_five(void *arg)
{
	(void)arg;
	usleep(10000);
	exit(5);
}

/* Two at once: one of them wins, the other never comes back to run _exit(99). */
static void *exec_twice(void *arg)
{
	pthread_t t;

	pthread_create(&t, NULL, exec_self, NULL);
	return exec_self(arg);
}

/* exec ends the other threads, whichever thread it is that calls it. */
static void exec_among_threads(void *(*last)(void *))
{
	pthread_t t;

	for (int i = 0; i < 3; i++)
		pthread_create(&t, NULL, sleeper, NULL);
	if (last)
		pthread_create(&t, NULL, last, NULL);
	else
		exec_self(NULL);
	sleep(60);
	_exit(1);
}

static void test_exec_threads(void)
{
	static void *(*const last[])(void *) = { NULL, exec_self, exit_five, exec_twice };
	static const int want[] = { 42, 42, 5, 42 };

	for (int i = 0; i < 20; i++) {
		int k = i < 4 ? i : 3;
		pid_t child = fork();

		if (child == 0)
			exec_among_threads(last[k]);
		CHECK(WEXITSTATUS(status_of_child(child)) == want[k]);
	}
}

static void write_program(const char *path, const char *text, size_t n)
{
	FILE *f = fopen(path, "w");

	CHECK(f && fwrite(text, 1, n, f) == n && fclose(f) == 0);
	CHECK(chmod(path, 0755) == 0);
}

static void test_exec_errors(void)
{
	char *argv[] = { "x", NULL }, bad[64] = "\177ELF and then nothing that makes sense";

	CHECK(execv("/nonexistent", argv) == -1 && errno == ENOENT);
	CHECK(execv("/etc", argv) == -1 && errno == EACCES);
	CHECK(execv("/etc/passwd", argv) == -1 && errno == EACCES);
	write_program("/tmp/bad", bad, sizeof(bad));
	CHECK(execv("/tmp/bad", argv) == -1 && errno == ENOEXEC);
	write_program("/tmp/bad", "#!/tmp/bad\n", 11);
	CHECK(execv("/tmp/bad", argv) == -1 && errno == ELOOP);
	write_program("/tmp/bad", "", 0);
	CHECK(execv("/tmp/bad", argv) == -1 && errno == ENOEXEC);
	unlink("/tmp/bad");
}

/* Cut at every length (in steps), a program is refused or dies alone. */
static void test_truncated(void)
{
	static char image[1 << 20];
	char *argv[] = { "x", "check-arguments", NULL };
	FILE *f = fopen(self, "r");
	size_t size = f ? fread(image, 1, sizeof(image), f) : 0;

	CHECK(size > 64);
	for (size_t n = 1; n < size; n = n * 3 / 2 + 7) {
		pid_t child;

		write_program("/tmp/cut", image, n);
		child = fork();
		if (child == 0) {
			execv("/tmp/cut", argv);
			_exit(errno == ENOEXEC ? 77 : 78);
		}
		CHECK(WEXITSTATUS(status_of_child(child)) == 77);
	}
	unlink("/tmp/cut");
}

static void test_script(void)
{
	char text[512], *argv[] = { "zero", "a b", NULL };
	int n = snprintf(text, sizeof(text), "#! %s  check-arguments \n", self);
	pid_t child;

	write_program("/tmp/script", text, (size_t)n);
	child = fork();
	if (child == 0) {
		execv("/tmp/script", argv);
		_exit(98);
	}
	CHECK(WEXITSTATUS(status_of_child(child)) == 43);
	unlink("/tmp/script");
}

static void test_long_arguments(void)
{
	enum { N = 300, LEN = 10000 };
	char **argv = calloc(N + 1, sizeof(*argv)), *s = malloc(LEN + 1);
	pid_t child;

	memset(s, 'a', LEN);
	s[LEN] = '\0';
	for (int i = 0; i < N; i++)
		argv[i] = s;
	CHECK(execv(self, argv) == -1 && errno == E2BIG);
	argv[60] = NULL;
	argv[1] = "count-arguments";
	child = fork();
	if (child == 0) {
		execv(self, argv);
		_exit(97);
	}
	CHECK(WEXITSTATUS(status_of_child(child)) == 60);
}

/* ---- Sessions, credentials, limits, scheduling ---- */

static void test_session(void)
{
	pid_t child = fork();

	if (child == 0)
		_exit(!(setsid() == getpid() && getpgrp() == getpid() && getsid(0) == getpid() &&
			setsid() == -1));
	CHECK(WEXITSTATUS(status_of_child(child)) == 0);
	CHECK(setpgid(0, 12345) == -1 && errno == EPERM);
	CHECK(getpgid(31999) == -1 && errno == ESRCH);
}

static int unprivileged(void)
{
	struct rlimit few = { 3, 3 }, more = { 10, 10 };
	struct sched_param rt = { .sched_priority = 1 };
	int forked = 0;

	if (setgid(100) || setuid(1234))
		return 1;
	if (kill(1, SIGTERM) != -1 || errno != EPERM || setuid(0) != -1 || errno != EPERM)
		return 2;
	if (sched_setscheduler(0, SCHED_FIFO, &rt) != -1 || errno != EPERM || nice(-5) != -1)
		return 3;
	if (setrlimit(RLIMIT_NPROC, &few) || setrlimit(RLIMIT_NPROC, &more) != -1 || errno != EPERM)
		return 4;
	for (; forked < 10; forked++) {
		pid_t child = fork();

		if (child == 0) {
			pause();
			_exit(0);
		}
		if (child < 0)
			break;
	}
	signal(SIGTERM, SIG_IGN);
	kill(0, SIGTERM);
	return forked == 2 && errno == EAGAIN ? 0 : 5;
}

static void test_credentials(void)
{
	pid_t child = fork();

	if (child == 0) {
		setsid();
		_exit(unprivileged());
	}
	CHECK(WEXITSTATUS(status_of_child(child)) == 0);
}

static bool can_map(size_t bytes, bool lock)
{
	void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	bool can = p != MAP_FAILED && (!lock || mlock(p, bytes) == 0);

	if (p != MAP_FAILED)
		munmap(p, bytes);
	return can;
}

/* Limits and rights that a child gives up before exec, on its parent's memory, are not its
 * parent's; a child of its own has them. */
static void test_lent_memory(void)
{
	static const struct rlimit sixteen = { 16 << 20, 16 << 20 }, nothing = { 0, 0 };
	struct rlimit own;
	pid_t child;

	CHECK(getrlimit(RLIMIT_MEMLOCK, &own) == 0 && setrlimit(RLIMIT_MEMLOCK, &nothing) == 0);
	child = vfork();
	if (child == 0) {
		setrlimit(RLIMIT_AS, &sixteen);
		child = (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
		if (child == 0)
			_exit(can_map(32 << 20, false));
		_exit(status_of_child(child) != 0);
	}
	CHECK(status_of_child(child) == 0);
	CHECK(can_map(32 << 20, false));
	child = vfork();
	if (child == 0) {
		syscall(SYS_setresuid, 1000, 1000, 1000);
		execl("/bin/busybox", "busybox", "true", NULL);
		_exit(127);
	}
	CHECK(status_of_child(child) == 0);
	CHECK(can_map(1 << 20, true)); /* beyond the limit: root may */
	CHECK(setrlimit(RLIMIT_MEMLOCK, &own) == 0);
}

static void test_scheduling(void)
{
	struct sched_param rt = { .sched_priority = 10 }, none = { 0 };
	cpu_set_t set;

	CHECK(sched_setscheduler(0, SCHED_FIFO, &rt) == 0 && sched_getscheduler(0) == SCHED_FIFO);
	CHECK(sched_setscheduler(0, SCHED_OTHER, &rt) == -1 && errno == EINVAL);
	CHECK(sched_setscheduler(0, SCHED_OTHER, &none) == 0);
	CPU_ZERO(&set);
	CHECK(sched_getaffinity(0, sizeof(set), &set) == 0 && CPU_ISSET(0, &set));
	CPU_ZERO(&set);
	CPU_SET(0, &set);
	CHECK(sched_setaffinity(0, sizeof(set), &set) == 0 && sched_getcpu() == 0);
	CPU_ZERO(&set);
	CPU_SET(60, &set);
	CHECK(sched_setaffinity(0, sizeof(set), &set) == -1 && errno == EINVAL);
	CHECK(getpriority(PRIO_PROCESS, 0) == 0 && setpriority(PRIO_PROCESS, 0, 5) == 0);
	CHECK(getpriority(PRIO_PROCESS, 0) == 5 && setpriority(PRIO_PROCESS, 0, 0) == 0);
	CHECK(syscall(999) == -1 && errno == ENOSYS);
}

static void test_clocks(void)
{
	struct timespec a, b;
	long ns;

	clock_gettime(CLOCK_MONOTONIC, &a);
	usleep(20000);
	clock_gettime(CLOCK_MONOTONIC, &b);
	ns = (b.tv_sec - a.tv_sec) * 1000000000 + b.tv_nsec - a.tv_nsec;
	CHECK(ns >= 20000000);
	CHECK(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &a) == 0);
	for (volatile int i = 0; i < 1000000; i++)
		;
	CHECK(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &b) == 0);
	CHECK(b.tv_sec > a.tv_sec || b.tv_nsec > a.tv_nsec);
	CHECK(clock_gettime(77, &a) == -1 && errno == EINVAL);
}

/* Process 1 goes on without its first thread, as any other. */
static void *without_leader(void *leader)
{
	pthread_join(*(pthread_t *)leader, NULL);
	test_many();
	return checks_failed ? NULL : exec_self(NULL);
}

static void as_first(void)
{
	pthread_t me = pthread_self(), t;

	pthread_create(&t, NULL, without_leader, &me);
	pthread_exit(NULL);
}

/* How this program answers when it is exec'd by its own tests. */
static int as_child(int argc, char **argv)
{
	if (strcmp(argv[1], "count-arguments") == 0)
		return argc;
	if (argc == 3 && strcmp(argv[2], "a b") == 0)
		return getpid() == syscall(SYS_gettid) ? 42 : 41;
	return argc == 4 && strcmp(argv[2], "/tmp/script") == 0 && strcmp(argv[3], "a b") == 0 ? 43
											       : 40;
}

int main(int argc, char **argv)
{
	if (argc > 1)
		return as_child(argc, argv);
	self = "/proc/self/exe";
	static char path[256];
	ssize_t n = readlink(self, path, sizeof(path) - 1);

	self = n > 0 ? path : argv[0];
	if (getpid() == 1)
		as_first();
	setvbuf(stdout, NULL, _IONBF, 0);
	test_wait();
	test_many();
	test_zombies();
	test_cpu_times();
	test_orphan();
	test_exec_threads();
	test_exec_errors();
	test_truncated();
	test_script();
	test_long_arguments();
	test_session();
	test_credentials();
	test_lent_memory();
	test_scheduling();
	test_clocks();
	return check_end();
}
