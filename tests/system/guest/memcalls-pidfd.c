// SPDX-License-Identifier: MIT
// Descriptors of processes: pidfd_open, pidfd_send_signal, pidfd_getfd, clone's CLONE_PIDFD, poll,
// waitid(P_PIDFD), fdinfo, process_mrelease (cases.h says how).
#include "cases.h"

#include <linux/sched.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/resource.h>

#define V(v)            (long)(uintptr_t)(v)
#define UNPRIV          C(setresuid, 65534, 65534, 65534)
#define PIDFD(who)      C(pidfd_open, who, 0)
#define PIDFD_NONBLOCK_ O_NONBLOCK
#define P_PIDFD_        3

static siginfo_t queued, as_user, other_signal;
static struct clone_args same_place = { .flags = CLONE_PIDFD | CLONE_PARENT_SETTID,
					.pidfd = ARENA,
					.parent_tid = ARENA },
			 bad_place = { .flags = CLONE_PIDFD, .pidfd = 0xffff000000001000UL },
			 thread_fd = { .flags = CLONE_PIDFD | CLONE_THREAD | CLONE_SIGHAND |
						CLONE_VM,
				       .pidfd = ARENA };

static const struct test_case opening[] = {
	{ "pidfd_open, unknown flag", { C(pidfd_open, PID, O_CLOEXEC) } },
	{ "pidfd_open, flags, without waiting",
	  { C(pidfd_open, PID, O_NONBLOCK), C(close, RESULT) } },
	{ "pidfd, its flags", { PIDFD(PID), C(fcntl, RESULT, F_GETFL) } },
	{ "pidfd, its flags, without waiting",
	  { C(pidfd_open, PID, O_NONBLOCK), C(fcntl, RESULT, F_GETFL) } },
	{ "pidfd, closed by exec", { PIDFD(PID), C(fcntl, RESULT, F_GETFD) } },
	{ "pidfd, read", { PIDFD(PID), C(read, RESULT, P(0), 1) } },
	{ "pidfd, write", { PIDFD(PID), C(write, RESULT, P(0), 1) } },
	{ "pidfd, seek", { PIDFD(PID), C(lseek, RESULT, 0, SEEK_SET) } },
	{ "pidfd, mmap", { PIDFD(PID), C(mmap, 0, N(1), R, MAP_PRIVATE, RESULT, 0) } },
	{ "pidfd, truncate", { PIDFD(PID), C(ftruncate, RESULT, 0) } },
	{ "pidfd, ioctl", { PIDFD(PID), C(ioctl, RESULT, 0x5413, P(0)) } },
	{ "pidfd_open, without privilege", { UNPRIV, PIDFD(PARENT), C(close, RESULT) } },
};

static const struct test_case sending[] = {
	{ "pidfd_send_signal, 0", { PIDFD(PID), C(pidfd_send_signal, RESULT, 0, 0, 0) } },
	{ "pidfd_send_signal, 0, to the parent",
	  { PIDFD(PARENT), C(pidfd_send_signal, RESULT, 0, 0, 0) } },
	{ "pidfd_send_signal, -1", { PIDFD(PID), C(pidfd_send_signal, RESULT, -1, 0, 0) } },
	{ "pidfd_send_signal, 65", { PIDFD(PID), C(pidfd_send_signal, RESULT, 65, 0, 0) } },
	{ "pidfd_send_signal, flags", { PIDFD(PID), C(pidfd_send_signal, RESULT, 0, 0, 1) } },
	{ "pidfd_send_signal, closed", { C(pidfd_send_signal, FD_CLOSED, 0, 0, 0) } },
	{ "pidfd_send_signal, a file", { C(pidfd_send_signal, FD_RW, 0, 0, 0) } },
	{ "pidfd_send_signal, a directory", { C(pidfd_send_signal, FD_DIR, 0, 0, 0) } },
	{ "pidfd_send_signal, /proc",
	  { C(openat, AT_FDCWD, V("/proc"), O_RDONLY), C(pidfd_send_signal, RESULT, 0, 0, 0) } },
	{ "pidfd_send_signal, /proc/self",
	  { C(openat, AT_FDCWD, V("/proc/self"), O_RDONLY),
	    C(pidfd_send_signal, RESULT, 0, 0, 0) } },
	{ "pidfd_send_signal, /proc/self/fd",
	  { C(openat, AT_FDCWD, V("/proc/self/fd"), O_RDONLY),
	    C(pidfd_send_signal, RESULT, 0, 0, 0) } },
	{ "pidfd_send_signal, /proc/self by its path alone",
	  { C(openat, AT_FDCWD, V("/proc/self"), O_PATH), C(pidfd_send_signal, RESULT, 0, 0, 0) } },
	{ "pidfd_send_signal, kill", { PIDFD(PID), C(pidfd_send_signal, RESULT, SIGKILL, 0, 0) } },
	{ "pidfd_send_signal, info",
	  { PIDFD(PARENT), C(pidfd_send_signal, RESULT, 0, V(&queued), 0) } },
	{ "pidfd_send_signal, info of another signal",
	  { PIDFD(PID), C(pidfd_send_signal, RESULT, 0, V(&other_signal), 0) } },
	{ "pidfd_send_signal, info as if by kill",
	  { PIDFD(PARENT), C(pidfd_send_signal, RESULT, 0, V(&as_user), 0) } },
	{ "pidfd_send_signal, info as if by kill, to oneself",
	  { PIDFD(PID), C(pidfd_send_signal, RESULT, 0, V(&as_user), 0) } },
	{ "pidfd_send_signal, info unmapped",
	  { PIDFD(PID), C(pidfd_send_signal, RESULT, 0, P(30), 0) } },
	{ "pidfd_send_signal, info in the other half",
	  { PIDFD(PID), C(pidfd_send_signal, RESULT, 0, KERNEL, 0) } },
	{ "pidfd_send_signal, info across the end of an area",
	  { PIDFD(PID), C(pidfd_send_signal, RESULT, 0, P(4) - 64, 0) } },
	{ "pidfd_send_signal, not mine",
	  { UNPRIV, PIDFD(PARENT), C(pidfd_send_signal, RESULT, 0, 0, 0) } },
};

static const struct test_case getting[] = {
	{ "pidfd_getfd, flags", { PIDFD(PID), C(pidfd_getfd, RESULT, FD_RW, 1) } },
	{ "pidfd_getfd, closed", { C(pidfd_getfd, FD_CLOSED, FD_RW, 0) } },
	{ "pidfd_getfd, a file", { C(pidfd_getfd, FD_RO, FD_RW, 0) } },
	{ "pidfd_getfd, nothing there", { PIDFD(PID), C(pidfd_getfd, RESULT, FD_CLOSED, 0) } },
	{ "pidfd_getfd, -1", { PIDFD(PID), C(pidfd_getfd, RESULT, -1, 0) } },
	{ "pidfd_getfd, the parent's",
	  { PIDFD(PARENT), C(pidfd_getfd, RESULT, FD_MEMFD, 0), C(fcntl, RESULT, F_GETFD) } },
	{ "pidfd_getfd, not mine", { UNPRIV, PIDFD(PARENT), C(pidfd_getfd, RESULT, FD_RW, 0) } },
	{ "process_mrelease, flags", { PIDFD(PID), C(process_mrelease, RESULT, 1) } },
	{ "process_mrelease, closed", { C(process_mrelease, FD_CLOSED, 0) } },
	{ "process_mrelease, a file", { C(process_mrelease, FD_RW, 0) } },
	{ "process_mrelease, alive", { PIDFD(PID), C(process_mrelease, RESULT, 0) } },
	{ "process_mrelease, the parent's", { PIDFD(PARENT), C(process_mrelease, RESULT, 0) } },
	{ "waitid by pidfd, closed", { C(waitid, P_PIDFD_, FD_CLOSED, 0, WEXITED, 0) } },
	{ "waitid by pidfd, a file", { C(waitid, P_PIDFD_, FD_RW, 0, WEXITED, 0) } },
	{ "waitid by pidfd, -1", { C(waitid, P_PIDFD_, -1, 0, WEXITED, 0) } },
	{ "waitid by pidfd, oneself", { PIDFD(PID), C(waitid, P_PIDFD_, RESULT, 0, WEXITED, 0) } },
	{ "waitid, unknown kind", { C(waitid, 4, 1, 0, WEXITED, 0) } },
	{ "clone, pidfd and parent_tid",
	  { C(clone, SIGCHLD | CLONE_PIDFD | CLONE_PARENT_SETTID, 0, P(0), 0, 0) } },
	{ "clone, pidfd of a thread",
	  { C(clone, CLONE_PIDFD | CLONE_THREAD | CLONE_SIGHAND | CLONE_VM, P(1), P(0), 0, 0) } },
	{ "clone, pidfd and detached",
	  { C(clone, SIGCHLD | CLONE_PIDFD | CLONE_DETACHED, 0, P(0), 0, 0) } },
	{ "clone, pidfd to nowhere", { C(clone, SIGCHLD | CLONE_PIDFD, 0, P(30), 0, 0) } },
	{ "clone, pidfd to a read-only page", { C(clone, SIGCHLD | CLONE_PIDFD, 0, P(5), 0, 0) } },
	{ "clone3, pidfd and parent_tid in one place", { C(clone3, V(&same_place), 64) } },
	{ "clone3, pidfd to the other half", { C(clone3, V(&bad_place), 64) } },
	{ "clone3, pidfd of a thread", { C(clone3, V(&thread_fd), 64) } },
};

/* ---- What takes more than a list of calls ---- */

static void say(const char *what, long answer)
{
	printf("%s ", what);
	print_answer(answer < 0 ? -errno : answer);
	printf(", ");
}

static int pidfd_of(pid_t pid)
{
	return (int)syscall(SYS_pidfd_open, pid, 0);
}

static int signal_by(int fd, int signo)
{
	return (int)syscall(SYS_pidfd_send_signal, fd, signo, NULL, 0);
}

static short readiness(int fd, int timeout)
{
	struct pollfd p = { fd, POLLIN | POLLOUT, 0 };

	poll(&p, 1, timeout);
	return p.revents;
}

static int wait_by(int fd, int options)
{
	siginfo_t info;

	return waitid(P_PIDFD_, (id_t)fd, &info, options);
}

/* Waits to be killed, or for ms and exits. */
static pid_t start_child(int ms)
{
	pid_t pid = fork();

	if (pid == 0) {
		if (ms)
			usleep((useconds_t)ms * 1000);
		else
			for (;;)
				pause();
		_exit(7);
	}
	return pid;
}

static void life(void)
{
	pid_t pid = start_child(0);
	int fd = pidfd_of(pid);
	siginfo_t info;

	printf("alive %x, ", readiness(fd, 0));
	say("wait without waiting", wait_by(fd, WEXITED | WNOHANG));
	say("signal", signal_by(fd, SIGKILL));
	printf("then %x, ", readiness(fd, -1));
	say("signal to a zombie", signal_by(fd, 0));
	say("pidfd of a zombie", close(pidfd_of(pid)));
	say("file of a zombie", syscall(SYS_pidfd_getfd, fd, 0, 0));
	say("mrelease", syscall(SYS_process_mrelease, fd, 0));
	say("wait", waitid(P_PIDFD_, (id_t)fd, &info, WEXITED));
	printf("pid %d code %d status %d, ", info.si_pid == pid, info.si_code, info.si_status);
	printf("then %x, ", readiness(fd, 0));
	say("wait", wait_by(fd, WEXITED));
	say("signal", signal_by(fd, 0));
	say("file", syscall(SYS_pidfd_getfd, fd, 0, 0));
	say("mrelease", syscall(SYS_process_mrelease, fd, 0));
	say("open", pidfd_of(pid));
}

static void waiting_by_poll(void)
{
	int fd = pidfd_of(start_child(50)), ep = epoll_create1(0);
	struct epoll_event e = { .events = EPOLLIN };

	say("add", epoll_ctl(ep, EPOLL_CTL_ADD, fd, &e));
	say("none", epoll_wait(ep, &e, 1, 0));
	say("one", epoll_wait(ep, &e, 1, -1));
	printf("events %x, ready %x, ", e.events, readiness(fd, 0));
	say("wait", wait_by(fd, WEXITED));
}

static void not_waiting(void)
{
	pid_t pid = start_child(0);
	int fd = (int)syscall(SYS_pidfd_open, pid, PIDFD_NONBLOCK_);

	say("wait", wait_by(fd, WEXITED));
	say("wait without waiting", wait_by(fd, WEXITED | WNOHANG));
	say("stopped", signal_by(fd, SIGSTOP));
	while (wait_by(fd, WSTOPPED) < 0 && errno == EAGAIN)
		usleep(1000);
	say("wait", wait_by(fd, WEXITED));
	say("signal", signal_by(fd, SIGKILL));
	printf("then %x, ", readiness(fd, -1));
	say("wait", wait_by(fd, WEXITED));
}

/* Not readable before the last thread is gone. */
static char stack[4 * 4096];

static int thread(void *fd)
{
	char c;

	(void)!read(*(int *)fd, &c, 1);
	syscall(SYS_exit, 0);
	return 0;
}

static void threads(void)
{
	int pipes[2], fd;
	pid_t pid;

	if (pipe(pipes))
		cases_die("pipe");
	pid = fork();
	if (pid == 0) {
		extern int clone(int (*)(void *), void *, int, void *, ...);

		close(pipes[1]);
		clone(thread, stack + sizeof(stack),
		      CLONE_VM | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD, &pipes[0]);
		syscall(SYS_exit, 3);
	}
	close(pipes[0]);
	fd = pidfd_of(pid);
	usleep(50000);
	printf("leader gone %x, ", readiness(fd, 0));
	say("signal", signal_by(fd, 0));
	say("last", write(pipes[1], "x", 1));
	printf("then %x, ", readiness(fd, -1));
	say("wait", wait_by(fd, WEXITED));
}

static int nothing(void *arg)
{
	(void)arg;
	for (;;)
		pause();
	return 0;
}

static void of_a_thread(void)
{
	extern int clone(int (*)(void *), void *, int, void *, ...);
	int tid = clone(nothing, stack + sizeof(stack),
			CLONE_VM | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_FS, NULL);

	say("open", pidfd_of(tid));
}

static void by_clone(void)
{
	int fd = -1, fd3 = -1, status;
	struct clone_args args = { .flags = CLONE_PIDFD,
				   .pidfd = (uint64_t)(uintptr_t)&fd3,
				   .exit_signal = SIGCHLD };
	long pid = syscall(SYS_clone, SIGCHLD | CLONE_PIDFD, 0, &fd, 0, 0);

	if (pid == 0) /* the parent's table has it, not the child's, which was copied before */
		_exit(fcntl(fd, F_GETFD) < 0 ? 1 : 2);
	printf("close-on-exec %d, then %x, ", fcntl(fd, F_GETFD), readiness(fd, -1));
	waitpid((pid_t)pid, &status, 0);
	printf("not %d in the child, ", WEXITSTATUS(status) == 2);
	pid = syscall(SYS_clone3, &args, sizeof(args));
	if (pid == 0)
		_exit(0);
	printf("clone3 %x, ", readiness(fd3, -1));
	say("wait", wait_by(fd3, WEXITED));
	printf("next %d", dup(0) - fd3);
}

static void print_pid_line(int fd, pid_t pid)
{
	char path[64], line[128];
	FILE *f;
	int value;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	f = fopen(path, "r");
	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "Pid:\t%d", &value) == 1 ||
		    sscanf(line, "NSpid:\t%d", &value) == 1)
			printf("%.*s %d, ", (int)strcspn(line, "\t"), line,
			       value == pid ? 1 : value);
	if (f)
		fclose(f);
}

static void fdinfo(void)
{
	pid_t pid = start_child(0);
	int fd = pidfd_of(pid);

	print_pid_line(fd, pid);
	signal_by(fd, SIGKILL);
	printf("then %x, ", readiness(fd, -1));
	print_pid_line(fd, pid);
	wait_by(fd, WEXITED);
	print_pid_line(fd, pid);
}

static void link_text(void)
{
	char path[64], text[64] = "";

	snprintf(path, sizeof(path), "/proc/self/fd/%d", pidfd_of(getpid()));
	(void)!readlink(path, text, sizeof(text) - 1);
	printf("%s", text);
}

static void no_descriptors_left(void)
{
	int fd = pidfd_of(getpid()), tid = 0;
	struct rlimit none = { 0, 0 };

	setrlimit(RLIMIT_NOFILE, &none);
	say("open", pidfd_of(getpid()));
	say("getfd", syscall(SYS_pidfd_getfd, fd, FD_RW, 0));
	say("clone", syscall(SYS_clone, SIGCHLD | CLONE_PIDFD, 0, &tid, 0, 0));
	say("children", wait_by(fd, WEXITED));
}

static void shared_file(void)
{
	int pipes[2], fd, mine;
	pid_t pid;

	if (pipe(pipes))
		cases_die("pipe");
	pid = start_child(0);
	fd = pidfd_of(pid);
	mine = (int)syscall(SYS_pidfd_getfd, fd, pipes[1], 0);
	close(pipes[1]);
	say("write", write(mine, "hello", 5));
	say("read", read(pipes[0], stack, 10));
	signal_by(fd, SIGKILL);
	wait_by(fd, WEXITED);
}

int main(void)
{
	queued.si_code = as_user.si_code = SI_QUEUE;
	as_user.si_code = SI_USER;
	other_signal.si_signo = SIGUSR1;
	other_signal.si_code = SI_QUEUE;
	cases_begin();
	cases_run(opening);
	cases_run(sending);
	cases_run(getting);
	case_function("pidfd, a life", life);
	case_function("pidfd, epoll", waiting_by_poll);
	case_function("pidfd, not waiting", not_waiting);
	case_function("pidfd, the last of two threads", threads);
	case_function("pidfd, of a thread", of_a_thread);
	case_function("pidfd, by clone", by_clone);
	case_function("pidfd, in fdinfo", fdinfo);
	case_function("pidfd, in fd", link_text);
	case_function("pidfd, no descriptors left", no_descriptors_left);
	case_function("pidfd, a file of another", shared_file);
	return 0;
}
