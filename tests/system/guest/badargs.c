// SPDX-License-Identifier: MIT
/*
 * Every system call that takes a pointer or a length, with each of them wrong in each way, the
 * others right. A line:
 *
 *    readlinkat 1: null EFAULT, odd ENOENT, ...
 *
 * says what the call answers when its argument 1 (the first is 0) is a null pointer, one that is
 * not aligned, and so on; DIED what a signal ended, and "leaks" a call that failed and left a
 * descriptor. Each is made in a child of its own. cases.h has the arena. Left out are calls on
 * addresses as such (mmap and its kin: memcalls-*), sockets, and calls that end the caller or the
 * machine.
 */
#include "cases.h"

#include <linux/capability.h>
#include <linux/futex.h>
#include <linux/sched.h>
#include <poll.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <time.h>

#define V(v) (long)(uintptr_t)(v)

enum { FD_EPOLL = FD_CLOSED + 1, FD_TIMER, FD_SELF };

/* How an argument is wrong. Where there is memory it is zero. */
struct wrong {
	const char *name;
	long value;
};

static const struct wrong pointers[] = {
	{ "null", 0 },
	{ "odd", ARENA + 65 },
	{ "end", ARENA + 4 * PAGE - 1 },
	{ "across", ARENA + 4 * PAGE - 5 },
	{ "unmapped", ARENA + 30 * PAGE },
	{ "readonly", ARENA + 5 * PAGE + 64 },
	{ "noaccess", ARENA + 6 * PAGE + 64 },
	{ "kernel", KERNEL },
	{ "nobody", NOBODY },
	{ "top", TOP - 4 },
	{ "last", -1 },
};

static const struct wrong lengths[] = {
	{ "0", 0 },
	{ "1", 1 },
	{ "page", PAGE },
	{ "2^31", 1L << 31 },
	{ "2^32+1", (1L << 32) + 1 },
	{ "2^62", 1L << 62 },
	{ "most", INT64_MAX },
	{ "-1", -1 },
	{ "-8", -8 },
};

struct row {
	const char *name;
	long nr;
	const char *kinds; /* per argument: p a pointer, n a length, - another; then ~: the answer
			      is this run's own */
	long args[6];
};

#define CALL(n, kinds, ...) AS(#n, n, kinds, __VA_ARGS__)
#define AS(label, n, kinds, ...)                                                                   \
	{                                                                                          \
		label, SYS_##n, kinds,                                                             \
		{                                                                                  \
			__VA_ARGS__                                                                \
		}                                                                                  \
	}

static char zeros[PAGE], out[PAGE];
static const char *argv_quit[] = { "badargs", "quit", NULL };
static struct clone_args new_process = { .exit_signal = SIGCHLD };
static struct iovec pieces[2] = { { zeros, 10 }, { zeros, 10 } };
static struct iovec mine[1] = { { (void *)ARENA, 1 } };
static uint32_t header[2] = { _LINUX_CAPABILITY_VERSION_3, 0 };
static struct rlimit soft = { 0, 0 };
static struct pollfd polled = { FD_PIPE, POLLIN, 0 };
static struct epoll_event event = { EPOLLIN, { 0 } };
static uint64_t mask;
static struct {
	uint32_t size, policy;
	uint64_t flags;
	int32_t nice;
	uint32_t priority;
	uint64_t more[3];
} attr = { 48, 0, 0, 0, 0, { 0 } };
static struct flock whole = { .l_type = F_RDLCK };
static const char tmp[] = "/tmp", none[] = "/tmp/none", exe[] = "/proc/self/exe", word[] = "word";

#define Z V(zeros)
#define O V(out)

static const struct row rows[] = {
	/* Processes */
	CALL(clone, "--p-p~",
	     SIGCHLD | CLONE_PARENT_SETTID | CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID, 0, O, 0, O),
	CALL(clone3, "pn~", V(&new_process), sizeof(new_process)),
	CALL(execve, "ppp", V(exe), V(argv_quit), 0),
	CALL(execveat, "-ppp", AT_FDCWD, V(exe), V(argv_quit), 0, 0),
	CALL(wait4, "-p-p", -1, O, WNOHANG, O),
	CALL(waitid, "--p-p", P_ALL, 0, O, WEXITED | WNOHANG, O),
	CALL(set_tid_address, "p~", O),
	CALL(getrusage, "-p", 0, O),
	CALL(prlimit64, "--pp", 0, RLIMIT_CORE, V(&soft), O),
	CALL(getrlimit, "-p", RLIMIT_CORE, O),
	CALL(setrlimit, "-p", RLIMIT_CORE, V(&soft)),
	CALL(getresuid, "ppp", O, O, O),
	CALL(getresgid, "ppp", O, O, O),
	CALL(getgroups, "np", 10, O),
	CALL(setgroups, "np", 1, Z),
	CALL(capget, "pp", V(header), O),
	CALL(capset, "pp", V(header), Z),
	CALL(getcpu, "pp", O, O),
	/* Signals */
	CALL(rt_sigaction, "-ppn", SIGUSR1, Z, O, 8),
	CALL(rt_sigprocmask, "-ppn", SIG_BLOCK, Z, O, 8),
	CALL(rt_sigpending, "pn", O, 8),
	CALL(rt_sigsuspend, "pn", Z, 8),
	CALL(rt_sigtimedwait, "pppn", Z, O, Z, 8),
	CALL(rt_sigqueueinfo, "--p", PID, 0, Z),
	CALL(rt_tgsigqueueinfo, "---p", PID, PID, 0, Z),
	CALL(sigaltstack, "pp", 0, O),
	CALL(pidfd_send_signal, "--p-", FD_SELF, 0, 0, 0),
	/* Futexes */
	AS("futex wait", futex, "p--p--", Z, FUTEX_WAIT, 1, Z, 0, 0),
	AS("futex wake", futex, "p-----", Z, FUTEX_WAKE, 1, 0, 0, 0),
	AS("futex wake private", futex, "p-----", Z, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, 1, 0, 0, 0),
	AS("futex requeue", futex, "p---p-", Z, FUTEX_CMP_REQUEUE, 1, 1, Z + 8, 0),
	AS("futex wake op", futex, "p---p-", Z, FUTEX_WAKE_OP, 1, 1, O, 0),
	AS("futex wait bitset", futex, "p--p--", Z, FUTEX_WAIT_BITSET, 1, Z, 0, 1),
	AS("futex lock pi", futex, "p--p--", O, FUTEX_LOCK_PI, 0, 0, 0, 0),
	AS("futex unlock pi", futex, "p-----", O, FUTEX_UNLOCK_PI, 0, 0, 0, 0),
	AS("futex trylock pi", futex, "p-----", O, FUTEX_TRYLOCK_PI, 0, 0, 0, 0),
	CALL(set_robust_list, "pn", Z, 24),
	CALL(get_robust_list, "-pp", 0, O, O),
	/* Scheduling */
	CALL(sched_setscheduler, "--p", 0, SCHED_OTHER, Z),
	CALL(sched_setparam, "-p", 0, Z),
	CALL(sched_getparam, "-p", 0, O),
	CALL(sched_setattr, "-p-", 0, V(&attr), 0),
	CALL(sched_getattr, "-pn-", 0, O, 48, 0),
	CALL(sched_setaffinity, "-np", 0, 8, Z),
	CALL(sched_getaffinity, "-np~", 0, 64, O),
	CALL(sched_rr_get_interval, "-p", 0, O),
	/* Time */
	CALL(clock_gettime, "-p", CLOCK_MONOTONIC, O),
	CALL(clock_getres, "-p", CLOCK_MONOTONIC, O),
	CALL(clock_settime, "-p", CLOCK_MONOTONIC, Z),
	CALL(clock_nanosleep, "--pp", CLOCK_MONOTONIC, 0, Z, O),
	CALL(nanosleep, "pp", Z, O),
	CALL(gettimeofday, "pp", O, O),
	CALL(times, "p~", O),
	CALL(getitimer, "-p", ITIMER_VIRTUAL, O),
	CALL(setitimer, "-pp", ITIMER_VIRTUAL, Z, O),
	CALL(timer_create, "-pp", CLOCK_MONOTONIC, 0, O),
	CALL(timer_settime, "--pp", 0, 0, Z, O),
	CALL(timer_gettime, "-p", 0, O),
	CALL(timerfd_settime, "--pp", FD_TIMER, 0, Z, O),
	CALL(timerfd_gettime, "-p", FD_TIMER, O),
	/* Memory of others, shared memory, the machine */
	CALL(process_vm_readv, "-pnpn-", PID, V(mine), 1, V(mine), 1, 0),
	CALL(process_vm_writev, "-pnpn-", PID, V(mine), 1, V(mine), 1, 0),
	CALL(process_madvise, "-pn--", FD_SELF, V(mine), 1, 20, 0),
	CALL(mincore, "pnp", ARENA, 4096, O),
	CALL(shmctl, "--p", 0, IPC_INFO, O),
	CALL(uname, "p", O),
	CALL(sethostname, "pn", V(word), 4),
	CALL(setdomainname, "pn", V(word), 4),
	CALL(sysinfo, "p", O),
	CALL(getrandom, "pn-", O, 16, 0),
	CALL(syslog, "-pn~", 3, O, 0),
	AS("prctl name", prctl, "-p", 15, V(word)),
	AS("prctl name asked", prctl, "-p", 16, O),
	/* Files */
	CALL(openat, "-p--", AT_FDCWD, V(tmp), O_RDONLY, 0),
	CALL(ioctl, "--p", FD_PIPE, FIONREAD, O),
	AS("fcntl lock asked", fcntl, "--p", FD_RW, F_GETLK, V(&whole)),
	AS("fcntl lock", fcntl, "--p", FD_RW, F_SETLK, V(&whole)),
	CALL(read, "-pn", FD_RW, O, 100),
	CALL(write, "-pn", FD_RW, Z, 100),
	AS("read directory", read, "-pn", FD_DIR, O, 100),
	AS("read pipe", read, "-pn", FD_PIPE, O, 100),
	CALL(readv, "-pn", FD_RW, V(pieces), 2),
	CALL(writev, "-pn", FD_RW, V(pieces), 2),
	CALL(pread64, "-pn-", FD_RW, O, 100, 0),
	CALL(pwrite64, "-pn-", FD_RW, Z, 100, 0),
	CALL(preadv, "-pn-", FD_RW, V(pieces), 2, 0),
	CALL(pwritev, "-pn-", FD_RW, V(pieces), 2, 0),
	CALL(preadv2, "-pn---", FD_RW, V(pieces), 2, 0, 0, 0),
	CALL(pwritev2, "-pn---", FD_RW, V(pieces), 2, 0, 0, 0),
	CALL(sendfile, "--pn", FD_RW, FD_RO, Z, 10),
	CALL(mkdirat, "-p-", AT_FDCWD, V(tmp), 0777),
	CALL(mknodat, "-p--", AT_FDCWD, V(tmp), S_IFREG, 0),
	CALL(unlinkat, "-p-", AT_FDCWD, V(none), 0),
	CALL(symlinkat, "p-p", V(word), AT_FDCWD, V(tmp)),
	CALL(linkat, "-p-p-", AT_FDCWD, V(none), AT_FDCWD, V(tmp), 0),
	CALL(renameat, "-p-p", AT_FDCWD, V(none), AT_FDCWD, V(tmp)),
	CALL(renameat2, "-p-p-", AT_FDCWD, V(none), AT_FDCWD, V(tmp), 0),
	CALL(readlinkat, "-ppn~", AT_FDCWD, V(exe), O, 100),
	CALL(fstat, "-p", FD_RW, O),
	CALL(newfstatat, "-pp-", AT_FDCWD, V(tmp), O, 0),
	CALL(statx, "-p--p", AT_FDCWD, V(tmp), 0, 0x7ff, O),
	CALL(statfs, "pp", V(tmp), O),
	CALL(fstatfs, "-p", FD_RW, O),
	CALL(faccessat, "-p-", AT_FDCWD, V(tmp), R_OK),
	CALL(faccessat2, "-p--", AT_FDCWD, V(tmp), R_OK, 0),
	CALL(fchmodat, "-p-", AT_FDCWD, V(tmp), 01777),
	CALL(fchownat, "-p---", AT_FDCWD, V(tmp), 0, 0, 0),
	CALL(utimensat, "-pp-", AT_FDCWD, V(tmp), 0, 0),
	CALL(truncate, "p-", V(tmp), 0),
	CALL(setxattr, "pppn-", V(tmp), V(word), Z, 4, 0),
	CALL(getxattr, "pppn", V(tmp), V(word), O, 4),
	CALL(fgetxattr, "-ppn", FD_RW, V(word), O, 4),
	CALL(listxattr, "ppn", V(tmp), O, 100),
	CALL(removexattr, "pp", V(tmp), V(word)),
	CALL(fsetxattr, "-ppn-", FD_RW, V(word), Z, 4, 0),
	CALL(flistxattr, "-pn", FD_RW, O, 100),
	CALL(getdents64, "-pn~", FD_DIR, O, 1000),
	CALL(chdir, "p", V(tmp)),
	CALL(chroot, "p", V(tmp)),
	CALL(getcwd, "pn", O, 100),
	CALL(mount, "ppp-p", V(word), V(none), V(word), 0, 0),
	CALL(umount2, "p-", V(none), 0),
	CALL(pipe2, "p-", O, 0),
	CALL(ppoll, "pnppn", V(&polled), 1, Z, 0, 8),
	CALL(pselect6, "npppp-", FD_PIPE + 1, Z, Z, Z, Z, 0),
	CALL(epoll_create1, "n", 0),
	CALL(epoll_ctl, "---p", FD_EPOLL, EPOLL_CTL_ADD, FD_PIPE, V(&event)),
	CALL(epoll_pwait, "-pn-pn", FD_EPOLL, O, 10, 0, V(&mask), 8),
	CALL(epoll_pwait2, "-pnppn", FD_EPOLL, O, 10, Z, V(&mask), 8),
	CALL(signalfd4, "-pn-", -1, V(&mask), 8, 0),
	CALL(memfd_create, "p-", V(word), 0),
};

/* In a child: what the call needs. */
static void prepare(void)
{
	struct itimerval soon = { .it_value = { 0, 400000 } };
	int id;

	arena_open(FD_EPOLL, epoll_create1(0));
	arena_open(FD_TIMER, timerfd_create(CLOCK_MONOTONIC, 0));
	arena_open(FD_SELF, (int)syscall(SYS_pidfd_open, getpid(), 0));
	if (syscall(SYS_timer_create, CLOCK_MONOTONIC, NULL, &id) || id != 0)
		cases_die("timer");
	if (lseek(FD_RW, 0, SEEK_SET) || ftruncate(FD_RW, 2 * PAGE + 100))
		cases_die("file");
	lseek(FD_DIR, 0, SEEK_SET);
	setitimer(ITIMER_REAL, &soon, NULL);
}

static void one_call(const struct row *r, unsigned which, long value)
{
	long args[6], answer;
	pid_t me = getpid();
	int before, after;

	prepare();
	for (int i = 0; i < 6; i++)
		args[i] = argument(r->args[i], 0, 0);
	args[which] = value;
	before = dup(0);
	close(before);
	answer = raw_call(r->nr, args);
	if (getpid() != me)
		_exit(0); /* clone's child */
	after = dup(0);
	if (strchr(r->kinds, '~') && answer > 0)
		printf("some");
	else
		print_answer(answer);
	if (answer < 0 && after != before)
		printf(" leaks");
	fflush(stdout);
	_exit(0);
}

static void one_row(const struct row *r, unsigned which)
{
	bool pointer = r->kinds[which] == 'p';
	const struct wrong *ways = pointer ? pointers : lengths;
	size_t n =
		pointer ? sizeof(pointers) / sizeof(*pointers) : sizeof(lengths) / sizeof(*lengths);

	printf("%s %u:", r->name, which);
	for (size_t i = 0; i < n; i++) {
		int status;
		pid_t child;

		printf("%s %s ", i ? "," : "", ways[i].name);
		fflush(stdout);
		child = fork();
		if (child == 0)
			one_call(r, which, ways[i].value);
		if (child < 0 || waitpid(child, &status, 0) != child)
			cases_die("fork");
		if (WIFSIGNALED(status))
			printf("%s", WTERMSIG(status) == SIGALRM ? "waits" : "DIED");
	}
	printf("\n");
}

static long free_kb(void)
{
	FILE *f = fopen("/proc/meminfo", "r");
	char line[128];
	long kb = 0;

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "MemFree: %ld", &kb) == 1)
			break;
	if (f)
		fclose(f);
	return kb;
}

int main(int argc, char **argv)
{
	long before;

	if (argc < 1 || !argv[0][0] || (argc > 1 && !strcmp(argv[1], "quit"))) {
		printf("runs");
		return 0;
	}
	(void)!chdir("/");
	setvbuf(stdout, NULL, _IOFBF, 1 << 16);
	cases_begin();
	before = free_kb();
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		if (argc > 1 && strcmp(argv[1], rows[i].name))
			continue;
		for (unsigned which = 0; rows[i].kinds[which] && rows[i].kinds[which] != '~';
		     which++)
			if (rows[i].kinds[which] != '-')
				one_row(&rows[i], which);
	}
	printf("memory %s\n", free_kb() < before - 1024 ? "is lost" : "is back");
	return 0;
}
