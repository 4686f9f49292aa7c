// SPDX-License-Identifier: MIT
/*
 * For programs whose answers about control groups are compared with another kernel's, line by line
 * (groupfiles.c, grouprules.c, grouplimits.c): a line says what is tried, and the answer: an
 * errno's name, or "ok" and what there is to read then.
 */
#ifndef TESTS_SYSTEM_GUEST_GROUPS_H
#define TESTS_SYSTEM_GUEST_GROUPS_H

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define TOP    "/tmp/groups"
#define NOBODY 65534
#define MB     ((size_t)1 << 20)

static inline const char *answer(int err)
{
	const char *name = strerrorname_np(err);

	return err == 0 ? "ok" : name ? name : "?";
}

/* Of what returns -1 on failure. */
static inline const char *answer_of(long result)
{
	return answer(result < 0 ? errno : 0);
}

/* Prints text with what would break a line escaped. */
static inline void print_text(const char *text)
{
	for (; *text; text++)
		if (*text == '\n')
			printf("\\n");
		else if (*text == '\t')
			printf("\\t");
		else if (*text == ':')
			printf(";");
		else
			putchar(*text);
}

static inline void tell(const char *what, const char *detail, const char *answer)
{
	print_text(what);
	printf(*detail ? " " : "");
	print_text(detail);
	printf(": ");
	print_text(answer);
	printf("\n");
	fflush(stdout);
}

static inline int put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY), err = 0;

	if (fd < 0)
		return errno;
	if (write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		err = errno;
	close(fd);
	return err;
}

/* What there is to read, whole, or the errno. */
static inline const char *get(const char *path)
{
	static char buf[8192];
	int fd = open(path, O_RDONLY);
	ssize_t n = fd < 0 ? -1 : read(fd, buf, sizeof(buf) - 1);
	int err = errno;

	close(fd);
	if (n < 0)
		return answer(err);
	buf[n] = '\0';
	return buf;
}

/* The number behind a word in a file, or -1. */
static inline long value_in(const char *path, const char *word)
{
	size_t n = strlen(word);

	for (const char *line = get(path); line && *line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (strncmp(line, word, n) == 0 && (line[n] == ' ' || line[n] == '='))
			return atol(line + n + 1);
	}
	return -1;
}

/* Writes, and tells that and what the file says then. */
static inline void tell_put(const char *path, const char *text)
{
	char quoted[128];

	snprintf(quoted, sizeof(quoted), "\"%s\"", text);
	tell(path, quoted, answer(put(path, text)));
}

/* Runs it in a child that may do to itself what it likes; its status as wait(2) has it. */
static inline int apart(void (*function)(void))
{
	int status = 0;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		function();
		fflush(stdout);
		_exit(0);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		printf("apart: %s\n", strerror(errno));
	return status;
}

/* A child that waits until it is killed, in the group (NULL: the parent's). */
static inline pid_t sleeper(const char *group)
{
	char path[128];
	int fds[2];
	pid_t pid;
	char c = 0;

	fflush(stdout);
	if (pipe(fds))
		return -1;
	pid = fork();
	if (pid == 0) {
		if (group) {
			snprintf(path, sizeof(path), "%s/cgroup.procs", group);
			c = (char)put(path, "0");
		}
		if (write(fds[1], &c, 1) == 1)
			for (;;)
				pause();
		_exit(1);
	}
	if (read(fds[0], &c, 1) != 1 || c)
		printf("sleeper: %s\n", strerror(c));
	close(fds[0]);
	close(fds[1]);
	return pid;
}

static inline void end(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static inline void as_nobody(void)
{
	if (setgid(NOBODY) || setuid(NOBODY))
		_exit(1);
}

/* Memory written to: page by page. */
static inline void eat(size_t bytes)
{
	char *p = malloc(bytes);

	for (size_t at = 0; p && at < bytes; at += 4096)
		((volatile char *)p)[at] = 1;
}

static inline void groups_begin(void)
{
	if (mkdir(TOP, 0755) || mount("none", TOP, "cgroup2", 0, NULL) || chdir(TOP)) {
		perror(TOP);
		exit(1);
	}
}

static inline void groups_end(void)
{
	if (put("cgroup.subtree_control", "-memory -pids") || chdir("/") || umount(TOP) ||
	    rmdir(TOP))
		perror("end");
}

#endif
