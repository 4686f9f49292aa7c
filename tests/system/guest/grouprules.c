// SPDX-License-Identifier: MIT
/*
 * The rules of the tree of control groups: who may be where, moves, forks into a group, controllers
 * given and taken, limits of the tree and of tasks, what is left of a group that was removed. The
 * answers of Linux are in grouprules-linux-6.1.txt.
 */
#include "groups.h"

#include <linux/sched.h>
#include <pthread.h>

static void make(const char *path)
{
	tell("mkdir", path, answer_of(mkdir(path, 0755)));
}

static void take_away(const char *path)
{
	tell("rmdir", path, answer_of(rmdir(path)));
}

static void tell_file(const char *path)
{
	tell("then", path, get(path));
}

/* Where a process is. */
static void tell_where(const char *who, pid_t pid)
{
	char path[64];
	const char *text;

	snprintf(path, sizeof(path), "/proc/%d/cgroup", pid);
	text = strstr(get(path), "0::");
	tell("where", who, text ? text : "nowhere");
}

static int put_number(const char *path, long number)
{
	char text[32];

	snprintf(text, sizeof(text), "%ld", number);
	return put(path, text);
}

/* ---- Moves ---- */

static void *thread_waits(void *arg)
{
	*(volatile int *)arg = gettid();
	for (;;)
		pause();
	return NULL;
}

static void move_thread(void)
{
	volatile int tid = 0;
	pthread_t thread;

	pthread_create(&thread, NULL, thread_waits, (void *)&tid);
	while (tid == 0)
		usleep(1000);
	tell("threads", "to another group", answer(put_number("a/cgroup.threads", tid)));
	tell("procs", "by a thread's tid", answer(put_number("a/cgroup.procs", tid)));
	tell_where("who was named by a thread", getpid());
	tell("threads", "where it is", answer(put_number("a/cgroup.threads", tid)));
	tell("threads", "oneself", answer(put("a/cgroup.threads", "0")));
	_exit(0);
}

static void move_self(void)
{
	tell("procs", "0", answer(put("a/cgroup.procs", "0")));
	tell_where("self", getpid());
	tell("procs", "0 again", answer(put("a/cgroup.procs", "0\n")));
	tell("events", "with one", get("a/cgroup.events"));
	take_away("a");
	tell("procs", "to one below", answer(put("a/b/cgroup.procs", "0")));
	tell("events", "with one below", get("a/cgroup.events"));
	tell_file("a/cgroup.procs");
	tell("procs", "to the root", answer(put("cgroup.procs", "0")));
	tell_where("self, back", getpid());
}

static void moves(void)
{
	pid_t zombie;

	make("a");
	make("a/b");
	apart(move_self);
	apart(move_thread);
	tell("procs", "1", answer(put("a/cgroup.procs", "1")));
	tell_where("1", 1);
	tell("procs", "1 back", answer(put("cgroup.procs", "1")));
	zombie = fork();
	if (zombie == 0)
		_exit(put("a/cgroup.procs", "0"));
	(void)waitid(P_PID, (id_t)zombie, NULL, WEXITED | WNOWAIT);
	tell("procs", "a zombie", answer(put_number("a/cgroup.procs", zombie)));
	tell("events", "with a zombie", get("a/cgroup.events"));
	tell_file("a/pids.current");
	tell_file("a/cgroup.procs");
	take_away("a/b");
	take_away("a");
	tell_where("zombie of a removed group", zombie);
	waitpid(zombie, NULL, 0);
	make("a");
	take_away("a");
}

/* nobody has the directory and the files named; the process is in `from`. */
static void delegate(const char *group, bool threads)
{
	char path[64];

	for (const char *const *f =
		     (const char *const[]){ "", "/cgroup.procs", "/cgroup.subtree_control", NULL };
	     *f; f++) {
		snprintf(path, sizeof(path), "%s%s", group, *f);
		if (chown(path, NOBODY, NOBODY))
			perror(path);
	}
	snprintf(path, sizeof(path), "%s/cgroup.threads", group);
	if (threads)
		tell("chown", path, answer_of(chown(path, NOBODY, NOBODY)));
}

static void moves_of_nobody(void)
{
	(void)put("a/cgroup.procs", "0");
	as_nobody();
	make("a/b");
	make("a/c");
	make("d");
	tell("nobody, procs", "down", answer(put("a/b/cgroup.procs", "0")));
	tell("nobody, procs", "aside", answer(put("a/c/cgroup.procs", "0")));
	tell("nobody, procs", "up", answer(put("a/cgroup.procs", "0")));
	tell("nobody, procs", "out", answer(put("cgroup.procs", "0")));
	tell("nobody, procs", "another's", answer(put_number("a/cgroup.procs", getppid())));
	tell("nobody, procs", "1", answer(put("a/cgroup.procs", "1")));
	tell("nobody, limit", "a", answer(put("a/memory.max", "max")));
	tell("nobody, limit", "a/b", answer(put("a/b/cgroup.max.depth", "max")));
	tell("nobody, control", "a", answer(put("a/cgroup.subtree_control", "+pids")));
	tell("nobody, control", "root", answer(put("cgroup.subtree_control", "+pids")));
	tell("nobody, rmdir", "b", answer_of(rmdir("a/b")));
	tell("nobody, rmdir", "c", answer_of(rmdir("a/c")));
	tell("nobody, rmdir", "a", answer_of(rmdir("a")));
}

static void from_outside(void)
{
	as_nobody();
	tell("nobody outside, procs", "in", answer(put("a/cgroup.procs", "0")));
	tell("nobody outside, procs", "where it is", answer(put("cgroup.procs", "0")));
}

/* The file was opened by who might, and is written by who may not: the opener's rights count. */
static void handed_fd(void)
{
	int fd = open("a/cgroup.procs", O_WRONLY);

	as_nobody();
	tell("nobody, given a file", "procs", answer_of(write(fd, "0", 1)));
}

static void delegation(void)
{
	make("a");
	delegate("a", true);
	apart(moves_of_nobody);
	apart(from_outside);
	apart(handed_fd);
	take_away("a");
}

/* ---- Forks into a group ---- */

static void into(const char *what, int fd, uint64_t flags, size_t size)
{
	struct clone_args a = { .flags = CLONE_INTO_CGROUP | flags,
				.exit_signal = flags & CLONE_THREAD ? 0 : SIGCHLD,
				.cgroup = (uint64_t)fd };
	long pid;
	int err;

	fflush(stdout);
	pid = syscall(SYS_clone3, &a, size);
	err = errno;
	if (pid == 0) {
		tell_where(what, getpid());
		_exit(0);
	}
	if (pid > 0)
		waitpid((pid_t)pid, NULL, 0);
	tell("into", what, answer(pid < 0 ? err : 0));
}

static void into_as_nobody(void)
{
	int fd = open("a", O_RDONLY | O_DIRECTORY);

	as_nobody();
	into("as nobody", fd, 0, sizeof(struct clone_args));
}

static void forks_into(void)
{
	const size_t full = sizeof(struct clone_args);
	int dir, file, other;

	make("a");
	dir = open("a", O_RDONLY | O_DIRECTORY);
	file = open("a/cgroup.procs", O_RDONLY);
	other = open("/", O_RDONLY | O_DIRECTORY);
	into("a", dir, 0, full);
	into("a path", open("a", O_PATH), 0, full);
	into("the root", open(".", O_RDONLY | O_DIRECTORY), 0, full);
	into("a file of it", file, 0, full);
	into("another's directory", other, 0, full);
	into("nothing", -1, 0, full);
	into("closed", 999, 0, full);
	into("a number that is no fd", dir, 0, 64);
	into("a short structure", dir, 0, 80);
	into("a thread", dir, CLONE_THREAD | CLONE_SIGHAND | CLONE_VM, full);
	apart(into_as_nobody);
	(void)put("a/pids.max", "0");
	into("a full group", dir, 0, full);
	tell_file("a/pids.events");
	(void)put("a/pids.max", "max");
	make("a/b");
	tell_put("a/cgroup.subtree_control", "+memory");
	into("one that gives memory", dir, 0, full);
	take_away("a/b");
	take_away("a");
	into("one that is removed", dir, 0, full);
	close(dir);
	close(file);
	close(other);
}

/* ---- Controllers ---- */

static void controllers_with_members(void)
{
	pid_t p = sleeper("a");

	tell("with a member", "+memory", answer(put("a/cgroup.subtree_control", "+memory")));
	tell("with a member", "+pids", answer(put("a/cgroup.subtree_control", "+pids")));
	tell("with a member", "+both", answer(put("a/cgroup.subtree_control", "+pids +memory")));
	tell("with a member", "-pids", answer(put("a/cgroup.subtree_control", "-pids")));
	tell("with a member", "nothing", answer(put("a/cgroup.subtree_control", "-memory")));
	end(p);
	p = sleeper("a/b");
	tell("with one below", "+memory", answer(put("a/cgroup.subtree_control", "+memory")));
	tell("procs", "where memory is given", answer(put_number("a/cgroup.procs", p)));
	tell("procs", "oneself where memory is given", answer(put("a/cgroup.procs", "0")));
	tell("with one below", "-memory", answer(put("a/cgroup.subtree_control", "-memory")));
	tell("procs", "where it is given no more", answer(put_number("a/cgroup.procs", p)));
	end(p);
	tell_put("a/cgroup.subtree_control", "+pids");
	p = sleeper(NULL);
	tell("procs", "where pids is given", answer(put_number("a/cgroup.procs", p)));
	end(p);
	tell_put("a/cgroup.subtree_control", "-pids");
}

static void controllers(void)
{
	make("a");
	make("a/b");
	make("a/b/c");
	tell_file("a/cgroup.controllers");
	tell_file("a/b/cgroup.controllers");
	tell("below first", "+memory", answer(put("a/b/cgroup.subtree_control", "+memory")));
	controllers_with_members();
	tell("down", "1", answer(put("a/cgroup.subtree_control", "+memory +pids")));
	tell("down", "1 again", answer(put("a/cgroup.subtree_control", "+memory +pids")));
	tell_file("a/cgroup.subtree_control");
	tell("down", "2", answer(put("a/b/cgroup.subtree_control", "+memory")));
	tell("taken while used", "memory", answer(put("a/cgroup.subtree_control", "-memory")));
	tell("taken while used", "both", answer(put("a/cgroup.subtree_control", "-pids -memory")));
	tell_file("a/cgroup.subtree_control");
	tell("root, taken while used", "memory", answer(put("cgroup.subtree_control", "-memory")));
	tell_put("a/b/c/memory.max", "1M");
	tell("up", "2", answer(put("a/b/cgroup.subtree_control", "-memory")));
	tell("lost", "memory.max", get("a/b/c/memory.max"));
	tell("down", "2 again", answer(put("a/b/cgroup.subtree_control", "+memory")));
	tell("new again", "memory.max", get("a/b/c/memory.max"));
	take_away("a/b/c");
	tell_put("a/b/pids.max", "7");
	tell("given and taken", "", answer(put("a/cgroup.subtree_control", "+memory -pids")));
	tell("up", "1", answer(put("a/cgroup.subtree_control", "-memory")));
	take_away("a/b");
	take_away("a");
}

/* ---- Limits of the tree, and of tasks ---- */

/* Linux's removed groups are dying for a while. */
static void tell_stat(const char *path)
{
	char said[32];

	snprintf(said, sizeof(said), "%ld", value_in(path, "nr_descendants"));
	tell("descendants", path, said);
}

static void tree_limits(void)
{
	make("a");
	tell_put("a/cgroup.max.depth", "1");
	make("a/b");
	make("a/b/c");
	tell_put("a/cgroup.max.depth", "0");
	make("a/c");
	tell_put("a/cgroup.max.depth", "max");
	tell_put("a/cgroup.max.descendants", "2");
	make("a/b/c");
	make("a/d");
	make("a/b/c/d");
	tell_stat("a/cgroup.stat");
	tell_stat("a/b/cgroup.stat");
	take_away("a/b/c");
	make("a/d");
	tell_put("a/cgroup.max.descendants", "0");
	take_away("a");
	take_away("a/d");
	make("a/d");
	take_away("a/b");
	tell_stat("a/cgroup.stat");
	take_away("a");
}

static void try_fork(const char *what)
{
	pid_t pid = fork();
	int err = errno;

	if (pid == 0)
		_exit(0);
	tell("fork", what, answer(pid < 0 ? err : 0));
	if (pid > 0)
		waitpid(pid, NULL, 0);
}

static void within_pids_max(void)
{
	(void)put("a/b/cgroup.procs", "0");
	try_fork("within");
	tell("moved", "into what is full", answer(put_number("a/b/cgroup.procs", getppid())));
	tell_file("a/pids.current");
	try_fork("beyond");
	tell_file("a/pids.events");
	tell_file("a/b/pids.events");
	tell("moved", "out again", answer(put_number("cgroup.procs", getppid())));
	tell_put("a/pids.max", "1");
	try_fork("beyond that of the group above");
	tell("pids.events", "above", get("a/pids.events"));
	tell("pids.events", "below", get("a/b/pids.events"));
	tell_put("a/pids.max", "0");
	tell_put("a/pids.max", "max");
	tell_put("a/b/pids.max", "max");
	try_fork("without limits");
	tell_put("a/b/pids.max", "1");
	(void)put("cgroup.procs", "0");
}

static void task_limits(void)
{
	make("a");
	make("a/b");
	tell_put("a/cgroup.subtree_control", "+pids");
	tell_put("a/b/pids.max", "2");
	apart(within_pids_max);
	tell("left", "in the group", get("a/pids.current"));
	take_away("a/b");
	take_away("a");
}

static void kills(void)
{
	int status;
	pid_t here, below;

	make("a");
	make("a/b");
	here = sleeper("a");
	below = sleeper("a/b");
	tell_put("a/cgroup.kill", "1");
	waitpid(here, &status, 0);
	tell("killed", "here", WIFSIGNALED(status) ? sigabbrev_np(WTERMSIG(status)) : "no");
	waitpid(below, &status, 0);
	tell("killed", "below", WIFSIGNALED(status) ? sigabbrev_np(WTERMSIG(status)) : "no");
	tell("events", "after the kill", get("a/cgroup.events"));
	take_away("a/b");
	take_away("a");
}

/* ---- What is left of a removed group ---- */

static void at(int dir, const char *path, int flags)
{
	int fd = openat(dir, path, flags, 0644);

	tell("removed, openat", path, answer_of(fd));
	close(fd);
}

static void removed_directory(int dir)
{
	struct stat st;
	DIR *d;
	int entries = 0;

	at(dir, "cgroup.procs", O_RDONLY);
	at(dir, "memory.max", O_WRONLY);
	at(dir, "memory.pressure", O_RDWR);
	at(dir, ".", O_RDONLY);
	at(dir, "..", O_RDONLY);
	at(dir, "x", O_RDWR | O_CREAT);
	tell("removed", "mkdirat", answer_of(mkdirat(dir, "x", 0755)));
	tell("removed", "fstat", answer_of(fstat(dir, &st)));
	tell("removed", "fstatat", answer_of(fstatat(dir, "cgroup.procs", &st, 0)));
	tell("removed", "unlinkat", answer_of(unlinkat(dir, "x", AT_REMOVEDIR)));
	tell("removed", "fchdir", answer_of(fchdir(dir)));
	tell("removed", "getcwd", getcwd((char[64]){ 0 }, 64) ? "ok" : answer(errno));
	if (chdir(TOP))
		perror(TOP);
	d = fdopendir(dir);
	while (d && readdir(d))
		entries++;
	tell("removed", "readdir", entries ? "entries" : "empty");
	closedir(d);
}

static int patience; /* Linux tells of changes after 10 ms, if one came just before */

static void tell_poll(const char *what, int fd, short events)
{
	struct pollfd p = { .fd = fd, .events = events };
	char said[32];
	int n = poll(&p, 1, patience);

	snprintf(said, sizeof(said), "%d %s%s%s%s%s", n, p.revents & POLLIN ? "IN " : "",
		 p.revents & POLLOUT ? "OUT " : "", p.revents & POLLPRI ? "PRI " : "",
		 p.revents & POLLERR ? "ERR " : "", p.revents & POLLHUP ? "HUP" : "");
	tell("poll", what, said);
}

static const char *const kept[] = { "memory.max",      "cgroup.procs", "cgroup.events",
				    "memory.current",  "cgroup.kill",  "cgroup.subtree_control",
				    "memory.pressure", "pids.max",     "cgroup.type",
				    "memory.reclaim",  "memory.events" };
#define KEPT (sizeof(kept) / sizeof(*kept))

static void removed_files(const int *fds)
{
	char buf[64];

	for (size_t i = 0; i < KEPT; i++) {
		tell("removed, read", kept[i], answer_of(pread(fds[i], buf, sizeof(buf), 0)));
		tell("removed, write", kept[i], answer_of(write(fds[i], "1", 1)));
		tell("removed, write nothing", kept[i], answer_of(write(fds[i], "", 0)));
		tell_poll(kept[i], fds[i], POLLIN | POLLOUT | POLLPRI);
		close(fds[i]);
	}
}

static void removed(void)
{
	int fds[KEPT], dir;
	char path[64];

	make("a");
	dir = open("a", O_RDONLY | O_DIRECTORY);
	for (size_t i = 0; i < KEPT; i++) {
		snprintf(path, sizeof(path), "a/%s", kept[i]);
		fds[i] = open(path, O_RDWR);
		tell("open", kept[i], answer_of(fds[i]));
		tell_poll(kept[i], fds[i], POLLIN | POLLOUT | POLLPRI);
	}
	tell("trigger", "", answer_of(write(fds[6], "some 150000 1000000", 20)));
	tell("trigger", "second", answer_of(write(fds[6], "some 150000 1000000", 20)));
	tell_poll("with a trigger", fds[6], POLLPRI);
	take_away("a");
	take_away("a");
	removed_files(fds);
	removed_directory(dir);
	make("a");
	take_away("a");
}

/* ---- What is told by poll ---- */

static void events(void)
{
	char buf[64];
	int fd;
	pid_t p;

	make("a");
	fd = open("a/cgroup.events", O_RDONLY);
	tell_poll("events, never read", fd, POLLPRI);
	(void)pread(fd, buf, sizeof(buf), 0);
	tell_poll("events, read", fd, POLLPRI);
	p = sleeper("a");
	tell_poll("events, after a join", fd, POLLPRI);
	(void)pread(fd, buf, sizeof(buf), 0);
	tell_poll("events, read again", fd, POLLPRI);
	end(p);
	patience = 1000;
	tell_poll("events, after the end", fd, POLLPRI);
	patience = 0;
	close(fd);
	take_away("a");
}

int main(void)
{
	groups_begin();
	if (put("cgroup.subtree_control", "+memory +pids"))
		perror("control");
	moves();
	delegation();
	forks_into();
	controllers();
	tree_limits();
	task_limits();
	kills();
	removed();
	events();
	groups_end();
	return 0;
}
