// SPDX-License-Identifier: MIT
/*
 * Process 1. The kernel has mounted /dev, /proc and /sys and given it the console. It runs one
 * program: the script /etc/granule/exec when the root file system has one (run --exec), else an
 * interactive shell. It collects every orphan meanwhile, and ends with that program's status, after
 * whatever still runs: the kernel then powers off with it.
 *
 * poweroff, halt and reboot (BusyBox) signal process 1: SIGUSR2, SIGUSR1 and SIGTERM. Everything
 * else is asked to end first.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "programs.h"

#define SCRIPT "/etc/granule/exec"

static void say(int fd, const char *text)
{
	(void)!write(fd, text, strlen(text));
}

static void copy_file(const char *path, int to)
{
	char buf[512];
	ssize_t n;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return;
	while ((n = read(fd, buf, sizeof(buf))) > 0)
		(void)!write(to, buf, (size_t)n);
	close(fd);
}

static void set_host_name(void)
{
	char name[64];
	int fd = open("/etc/hostname", O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return;
	n = read(fd, name, sizeof(name));
	close(fd);
	while (n > 0 && (name[n - 1] == '\n' || name[n - 1] == ' '))
		n--;
	if (n > 0)
		sethostname(name, (size_t)n);
}

/* The harness compares output byte for byte: a new line is one byte then. */
static void plain_output(void)
{
	struct termios t;

	if (tcgetattr(STDOUT_FILENO, &t))
		return;
	t.c_oflag &= ~(tcflag_t)ONLCR;
	t.c_lflag &= ~(tcflag_t)(ECHO | ECHOE | ECHOK | ECHONL);
	tcsetattr(STDOUT_FILENO, TCSANOW, &t);
}

/* The child: a session of its own with the console as its terminal, so that ^C reaches it and job
 * control works. */
static _Noreturn void run(const sigset_t *signals, char *const argv[], char *const envp[])
{
	sigprocmask(SIG_SETMASK, signals, NULL);
	setsid();
	ioctl(STDIN_FILENO, TIOCSCTTY, 0);
	if (chdir("/root"))
		(void)!chdir("/");
	execve("/bin/sh", argv, envp);
	say(STDERR_FILENO, "init: /bin/sh cannot be run: the root file system lacks it\n");
	_exit(127);
}

static pid_t start(const sigset_t *signals, bool scripted)
{
	static char *const script[] = { "sh", SCRIPT, NULL };
	static char *const login[] = { "-sh", NULL };
	static char *const env[] = { "PATH=/bin:/sbin:/usr/bin:/usr/sbin",
				     "HOME=/root",
				     "USER=root",
				     "LOGNAME=root",
				     "SHELL=/bin/sh",
				     "TERM=vt100",
				     NULL };
	pid_t pid = fork();

	if (!pid)
		run(signals, scripted ? script : login, env);
	return pid;
}

/* Collects what ends, for a moment; true when nobody is left. */
static bool collect_all(void)
{
	for (int tries = 0; tries < 20; tries++) {
		while (waitpid(-1, NULL, WNOHANG) > 0)
			;
		if (waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD)
			return true;
		nanosleep(&(struct timespec){ .tv_nsec = 50000000 }, NULL);
	}
	return false;
}

/* Asks all processes to end, gives them a moment, ends them, and stops the machine. */
static _Noreturn void shut_down(int how)
{
	kill(-1, SIGTERM);
	kill(-1, SIGCONT);
	if (!collect_all()) {
		kill(-1, SIGKILL);
		(void)collect_all();
	}
	sync();
	reboot(how);
	_exit(1);
}

/* Collects children until `main_child` has ended: its status as a shell gives it. */
static int wait_for(pid_t main_child, const sigset_t *wanted)
{
	for (;;) {
		int status, signal = sigwaitinfo(wanted, NULL);
		pid_t pid;

		if (signal == SIGUSR1 || signal == SIGUSR2)
			shut_down(RB_POWER_OFF);
		if (signal == SIGTERM)
			shut_down(RB_AUTOBOOT);
		while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
			if (pid == main_child)
				return WIFSIGNALED(status) ? 128 + WTERMSIG(status)
							   : WEXITSTATUS(status);
	}
}

int init_main(void)
{
	bool scripted = !access(SCRIPT, R_OK);
	sigset_t wanted, before;
	pid_t child;
	int status;

	sigemptyset(&wanted);
	sigaddset(&wanted, SIGCHLD);
	sigaddset(&wanted, SIGUSR1);
	sigaddset(&wanted, SIGUSR2);
	sigaddset(&wanted, SIGTERM);
	sigprocmask(SIG_BLOCK, &wanted, &before);

	set_host_name();
	if (scripted)
		plain_output();
	else
		copy_file("/etc/motd", STDOUT_FILENO);
	child = start(&before, scripted);
	if (child < 0) {
		say(STDERR_FILENO, "init: no process can be made for the shell\n");
		return 127;
	}
	status = wait_for(child, &wanted);
	/* What still runs would keep a file system on a disk from being left clean. */
	if (!kill(-1, SIGKILL))
		(void)collect_all();
	return status;
}
