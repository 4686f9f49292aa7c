// SPDX-License-Identifier: MIT
/*
 * What happens at the limits of control groups' memory, what is counted where, and pressure: files,
 * triggers, poll(2). The answers of Linux are in grouplimits-linux-6.1.txt; they are without swap.
 */
#include "groups.h"

#include <sys/mman.h>
#include <sys/resource.h>
#include <time.h>

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static const char *ended(int status)
{
	return WIFSIGNALED(status) ? sigabbrev_np(WTERMSIG(status)) : "ok";
}

static const char *scene; /* what lines begin with, so that each is there once */

static void tell_of(const char *file, const char *word, const char *said)
{
	char what[128];

	snprintf(what, sizeof(what), "%s, %s", scene, file);
	tell(what, word ? word : "", said);
}

static void tell_value(const char *file, const char *word)
{
	char said[32];

	snprintf(said, sizeof(said), "%ld", value_in(file, word));
	tell_of(file, word, said);
}

/* Whether a number, alone in its file or behind a word, is within bounds. */
static void tell_between(const char *file, const char *word, long least, long most)
{
	long value = word ? value_in(file, word) : atol(get(file));
	char said[64] = "as it should be";

	if (value < least || value > most)
		snprintf(said, sizeof(said), "%ld, not %ld to %ld", value, least, most);
	tell_of(file, word, said);
}

/* ---- What a member does ---- */

static const char *group;

static void join(void)
{
	char path[64];

	snprintf(path, sizeof(path), "%s/cgroup.procs", group);
	if (put(path, "0"))
		_exit(3);
}

static void eat_much(void)
{
	join();
	eat(16 * MB);
}

static void eat_little(void)
{
	join();
	eat(2 * MB);
}

static void eat_some(void)
{
	join();
	eat(2 * MB + MB / 4);
}

static void eat_populated(void)
{
	join();
	(void)mmap(NULL, 16 * MB, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
}

static void eat_locked(void)
{
	join();
	(void)mlockall(MCL_FUTURE);
	(void)mmap(NULL, 16 * MB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

static void eat_shared(void)
{
	char *p = mmap(NULL, 16 * MB, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	join();
	for (size_t at = 0; at < 16 * MB; at += 4096)
		p[at] = 1;
}

static void write_file(size_t bytes)
{
	static const char chunk[65536] = "x";
	int fd = open("/tmp/groups.file", O_RDWR | O_CREAT | O_TRUNC, 0600);

	for (size_t at = 0; at < bytes; at += sizeof(chunk))
		if (write(fd, chunk, sizeof(chunk)) != sizeof(chunk))
			_exit(2);
	close(fd);
}

static void write_much(void)
{
	join();
	write_file(16 * MB);
}

static void write_little(void)
{
	join();
	write_file(2 * MB);
}

/* What is in a pipe is no process's, but was somebody's. */
static void fill_pipes(void)
{
	static const char chunk[65536] = "x";
	int fds[2];

	join();
	for (size_t bytes = 0; bytes < 16 * MB;) {
		if (pipe(fds) || fcntl(fds[1], F_SETPIPE_SZ, MB) < 0 ||
		    fcntl(fds[1], F_SETFL, O_NONBLOCK))
			_exit(2);
		while (write(fds[1], chunk, sizeof(chunk)) > 0)
			bytes += sizeof(chunk);
	}
}

/* The kernel's own: half a megabyte for the table of descriptors. */
static void open_far(void)
{
	struct rlimit r = { 65536, 65536 };

	join();
	if (setrlimit(RLIMIT_NOFILE, &r) || dup2(0, 65535) < 0)
		_exit(2);
	scene = "a table of descriptors";
	tell_between("a/memory.current", NULL, MB / 2, 3 * MB / 2);
}

static void read_into_much(void)
{
	char *p = mmap(NULL, 16 * MB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int fd = open("/dev/zero", O_RDONLY);

	join();
	(void)!read(fd, p, 16 * MB);
}

/* ---- Out of memory in a group ---- */

static void make_family(void)
{
	mkdir("a", 0755);
	mkdir("a/b", 0755);
	mkdir("a/c", 0755);
	(void)put("a/cgroup.subtree_control", "+memory");
}

static void remove_family(void)
{
	if (rmdir("a/b") || rmdir("a/c") || rmdir("a"))
		perror("rmdir");
}

static void tell_events(void)
{
	static const char *const files[] = { "a/memory.events", "a/memory.events.local",
					     "a/b/memory.events", "a/b/memory.events.local",
					     "a/c/memory.events" };

	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++) {
		tell_value(files[i], "oom");
		tell_value(files[i], "oom_kill");
		tell_value(files[i], "oom_group_kill");
		tell_between(files[i], "max", i < 2, i < 2 ? 1000 : 0);
	}
}

/* Something below a, whose limit it is, eats too much; sleepers are in b and in c. */
static void out_of_memory(const char *what, const char *with_group)
{
	pid_t here, there;
	int status;

	make_family();
	scene = what;
	(void)put("a/memory.max", "4M");
	if (with_group)
		(void)put(with_group, "1");
	here = sleeper("a/b");
	there = sleeper("a/c");
	group = "a/b";
	tell("eater", what, ended(apart(eat_much)));
	usleep(20000);
	tell("beside it", what, waitpid(here, &status, WNOHANG) == here ? ended(status) : "lives");
	tell("elsewhere", what,
	     waitpid(there, &status, WNOHANG) == there ? ended(status) : "lives");
	tell_events();
	end(here);
	end(there);
	remove_family();
}

/* Who is exempt is so in a group that ends as a whole, too. */
static void exempt(void)
{
	pid_t pids[2];
	char path[64];

	mkdir("a", 0755);
	scene = "exempt";
	(void)put("a/memory.max", "4M");
	(void)put("a/memory.oom.group", "1");
	for (int i = 0; i < 2; i++) {
		pids[i] = sleeper("a");
		snprintf(path, sizeof(path), "/proc/%d/oom_score_adj", pids[i]);
		(void)put(path, i ? "-999" : "-1000");
	}
	group = "a";
	tell("eater", "beside an exempt one", ended(apart(eat_much)));
	usleep(20000);
	tell("adj", "-1000", waitpid(pids[0], NULL, WNOHANG) ? "gone" : "lives");
	tell("adj", "-999", waitpid(pids[1], NULL, WNOHANG) ? "gone" : "lives");
	tell_value("a/memory.events", "oom_group_kill");
	tell("a/cgroup.events", "", get("a/cgroup.events"));
	end(pids[0]);
	end(pids[1]);
	rmdir("a");
}

/* The others are what the cases are called, so that each line is said once. */
static void kinds(void)
{
	static const struct {
		const char *name;
		void (*function)(void);
	} eaters[] = { { "touching", eat_much },
		       { "populating", eat_populated },
		       { "locking", eat_locked },
		       { "touching what is shared", eat_shared },
		       { "writing to a file", write_much },
		       { "filling pipes", fill_pipes },
		       { "reading into memory", read_into_much } };

	mkdir("a", 0755);
	scene = "beyond max";
	(void)put("a/memory.max", "4M");
	group = "a";
	for (size_t i = 0; i < sizeof(eaters) / sizeof(*eaters); i++) {
		tell("beyond max by", eaters[i].name, ended(apart(eaters[i].function)));
		unlink("/tmp/groups.file");
	}
	tell_between("a/memory.peak", NULL, 3 << 20, (4 << 20) + (96 << 10));
	tell_value("a/memory.events", "oom_kill");
	rmdir("a");
}

static void kernel_memory(void)
{
	mkdir("a", 0755);
	group = "a";
	tell("descriptors", "without limit", ended(apart(open_far)));
	(void)put("a/memory.max", "448K");
	tell("descriptors", "beyond max", ended(apart(open_far)));
	scene = "beyond max by a table of descriptors";
	tell_value("a/memory.events", "oom_kill");
	rmdir("a");
}

static void max_below_usage(void)
{
	int fds[2], status;
	pid_t pid;
	char c;

	mkdir("a", 0755);
	scene = "max below usage";
	group = "a";
	if (pipe(fds))
		return;
	pid = fork();
	if (pid == 0) {
		eat_little();
		(void)!write(fds[1], "", 1);
		pause();
	}
	(void)!read(fds[0], &c, 1);
	tell_between("a/memory.current", NULL, 2 << 20, 3 << 20);
	tell("memory.max", "below what there is", answer(put("a/memory.max", "1M")));
	waitpid(pid, &status, 0);
	scene = "max below usage, then";
	tell("who was there", "", ended(status));
	tell_between("a/memory.current", NULL, 0, 1 << 20);
	tell_value("a/memory.events", "oom_kill");
	rmdir("a");
}

/* ---- What is counted ---- */

static void charges(void)
{
	mkdir("a", 0755);
	mkdir("a/b", 0755);
	(void)put("a/cgroup.subtree_control", "+memory");
	group = "a/b";
	scene = "memory";
	apart(eat_little);
	tell_between("a/b/memory.stat", "pgfault", 512, 2000);
	tell_between("a/memory.stat", "pgfault", 512, 2000);
	tell_between("a/memory.stat", "pgmajfault", 0, 20);
	tell_between("a/b/memory.peak", NULL, 2 << 20, 3 << 20);
	scene = "file";
	apart(write_little);
	tell_between("a/b/memory.current", NULL, 2 << 20, 3 << 20);
	tell_between("a/b/memory.stat", "shmem", 2 << 20, 2 << 20);
	tell_between("a/b/memory.stat", "anon", 0, 0);
	scene = "file of a removed group";
	tell("rmdir", "with what it wrote left", answer_of(rmdir("a/b")));
	tell_between("a/memory.stat", "shmem", 2 << 20, 2 << 20);
	tell_between("a/memory.current", NULL, 2 << 20, 3 << 20);
	unlink("/tmp/groups.file");
	usleep(20000);
	tell_between("a/memory.stat", "file", 0, 0);
	rmdir("a");
}

/* Memory stays where it was charged when its process goes elsewhere. */
static void eat_and_move(void)
{
	group = "a";
	join();
	eat(2 * MB);
	scene = "moved";
	tell("procs", "to b", answer(put("b/cgroup.procs", "0")));
	tell_between("a/memory.stat", "anon", 2 << 20, 3 << 20);
	tell_between("b/memory.stat", "anon", 0, 1 << 20);
	scene = "after the move";
	eat(MB);
	tell_between("b/memory.stat", "anon", 1 << 20, 2 << 20);
}

static void moved(void)
{
	mkdir("a", 0755);
	mkdir("b", 0755);
	apart(eat_and_move);
	tell("a", "left alone", answer_of(rmdir("a")));
	tell("b", "left alone", answer_of(rmdir("b")));
}

/* ---- High, and pressure ---- */

static void high(void)
{
	int64_t start, took;

	mkdir("a", 0755);
	group = "a";
	scene = "beyond high";
	(void)put("a/memory.high", "2M");
	start = now_ms();
	tell("beyond high", "", ended(apart(eat_some)));
	took = now_ms() - start;
	tell("beyond high", "it is", took < 100 ? "quick" : took > 10000 ? "too slow" : "slow");
	tell_between("a/memory.events", "high", 1, 10000);
	tell_between("a/memory.events.local", "high", 1, 10000);
	tell_value("a/memory.events", "max");
	tell_value("a/memory.events", "oom_kill");
	tell_between("a/memory.peak", NULL, 9 << 18, 3 << 20);
	rmdir("a");
}

static int trigger(const char *file, const char *text)
{
	int fd = open(file, O_RDWR);

	tell("trigger", file, answer_of(write(fd, text, strlen(text) + 1)));
	return fd;
}

static void tell_poll(const char *what, int fd, int patience)
{
	struct pollfd p = { .fd = fd, .events = POLLPRI };
	char said[32];
	int n = poll(&p, 1, patience);

	snprintf(said, sizeof(said), "%d%s%s", n, p.revents & POLLPRI ? " PRI" : "",
		 p.revents & POLLERR ? " ERR" : "");
	tell("poll", what, said);
}

/* The first line's. */
static void tell_total(const char *file, long least)
{
	const char *total = strstr(get(file), "total=");

	tell(file, "total of some",
	     total && atol(total + 6) >= least ? "as it should be" : "too little");
}

static void pressure(void)
{
	int here, above, beside;
	pid_t pid;

	make_family();
	(void)put("a/b/memory.high", "2M");
	here = trigger("a/b/memory.pressure", "some 50000 500000");
	above = trigger("a/memory.pressure", "full 50000 500000");
	beside = trigger("a/c/memory.pressure", "some 1000 500000");
	tell_poll("before", here, 0);
	group = "a/b";
	pid = fork();
	if (pid == 0) {
		eat_some();
		_exit(0);
	}
	tell_poll("while it waits", here, 3000);
	tell_poll("right again", here, 0);
	tell_poll("above", above, 3000);
	tell_poll("beside", beside, 0);
	waitpid(pid, NULL, 0);
	tell_total("a/b/memory.pressure", 50000);
	close(above);
	close(beside);
	rmdir("a/b");
	tell_poll("when the group is gone", here, 0);
	close(here);
	mkdir("a/b", 0755);
	remove_family();
}

static void spin(void)
{
	int64_t until = now_ms() + 400;

	join();
	while (now_ms() < until)
		;
}

/* For one CPU. */
static void cpu_pressure(void)
{
	pid_t pids[2];
	int some;

	make_family();
	some = trigger("a/cpu.pressure", "some 100000 500000");
	group = "a/b";
	for (int i = 0; i < 2; i++) {
		pids[i] = fork();
		if (pids[i] == 0) {
			spin();
			_exit(0);
		}
	}
	tell_poll("two for one CPU", some, 3000);
	waitpid(pids[0], NULL, 0);
	waitpid(pids[1], NULL, 0);
	close(some);
	remove_family();
}

/* Who sleeps in poll when the group goes is woken. */
static void removed_while_polled(void)
{
	int fd;

	mkdir("a", 0755);
	fd = trigger("a/memory.pressure", "full 50000 500000");
	if (fork() == 0) {
		usleep(50000);
		rmdir("a");
		_exit(0);
	}
	tell_poll("while the group is removed", fd, 3000);
	wait(NULL);
	close(fd);
}

int main(void)
{
	groups_begin();
	if (put("cgroup.subtree_control", "+memory +pids"))
		perror("control");
	out_of_memory("of one", NULL);
	out_of_memory("of the eater's group", "a/b/memory.oom.group");
	out_of_memory("of the limit's group", "a/memory.oom.group");
	exempt();
	kinds();
	kernel_memory();
	max_below_usage();
	charges();
	moved();
	high();
	pressure();
	cpu_pressure();
	removed_while_polled();
	groups_end();
	return 0;
}
