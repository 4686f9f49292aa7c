// SPDX-License-Identifier: MIT
/*
 * What one user can hold: pipes (/proc/sys/fs/pipe-*), processes behind a change of user
 * (execve(2), EAGAIN), links in a tmpfs, shared memory without reserve. A line says what is tried
 * and the answer. The answers of Linux are in userlimits-linux-6.1.txt.
 *
 *     userlimits crowd     what a user can do to the machine with pipes, as it boots
 *     userlimits bombs     what users can do to it with processes, and what root has left
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/wait.h>
#include <unistd.h>

#define NOBODY 65534
#define KB     1024
#define MB     (1024 * KB)

static char self[256];

static const char *answer(int err)
{
	const char *name = strerrorname_np(err);

	return err == 0 ? "ok" : name ? name : "?";
}

static void tell(const char *what, const char *said)
{
	printf("%s: %s\n", what, said);
	fflush(stdout);
}

static void tell_number(const char *what, long n)
{
	printf("%s: %ld\n", what, n);
	fflush(stdout);
}

/* Of what returns -1 on failure. */
static void tell_result(const char *what, long result)
{
	if (result < 0)
		tell(what, answer(errno));
	else
		tell_number(what, result);
}

static int put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY), err = 0;

	if (fd < 0)
		return errno;
	if (write(fd, text, strlen(text)) < 0)
		err = errno;
	close(fd);
	return err;
}

static const char *get(const char *path)
{
	static char buf[64];
	int fd = open(path, O_RDONLY);
	ssize_t n = fd < 0 ? -1 : read(fd, buf, sizeof(buf) - 1);

	close(fd);
	if (n < 0)
		return answer(errno);
	buf[n] = '\0';
	buf[strcspn(buf, "\n")] = '\0';
	return buf;
}

/* Runs it in a child, as that user. Its wait status. */
static int apart(unsigned uid, void (*function)(void))
{
	int status = 0;
	pid_t pid = fork();

	if (pid == 0) {
		if (uid && setuid(uid))
			_exit(1);
		function();
		_exit(0);
	}
	waitpid(pid, &status, 0);
	return status;
}

static void tell_end(const char *what, int status)
{
	tell(what, WIFSIGNALED(status)   ? sigabbrev_np(WTERMSIG(status))
		   : WEXITSTATUS(status) ? answer(WEXITSTATUS(status))
					 : "ok");
}

/* ---- Pipes ---- */

static void setting(const char *name, const char *text)
{
	char path[64], what[96], said[96];
	int err;

	snprintf(path, sizeof(path), "/proc/sys/fs/%s", name);
	snprintf(what, sizeof(what), "%s \"%s\"", name, text);
	err = put(path, text);
	snprintf(said, sizeof(said), "%s, %s", answer(err), get(path));
	tell(what, said);
}

static void settings(void)
{
	static const char *const values[] = { "5000",       "0",       "1",          "65536",
					      "65537",      "x",       "2147483648", "2147483649",
					      "4294967296", "0x20000", " 7 " };

	for (size_t i = 0; i < sizeof(values) / sizeof(*values); i++)
		setting("pipe-max-size", values[i]);
	for (size_t i = 0; i < sizeof(values) / sizeof(*values); i++)
		setting("pipe-user-pages-hard", values[i]);
	for (size_t i = 0; i < sizeof(values) / sizeof(*values); i++)
		setting("pipe-user-pages-soft", values[i]);
}

static void others_setting(void)
{
	tell("nobody's pipe-user-pages-soft",
	     answer(put("/proc/sys/fs/pipe-user-pages-soft", "0")));
}

/* In pages: the limit above which new pipes are small, the one above which there are none, the size
 * of the largest in bytes. */
static void limits(const char *soft, const char *hard, const char *most)
{
	(void)put("/proc/sys/fs/pipe-user-pages-soft", soft);
	(void)put("/proc/sys/fs/pipe-user-pages-hard", hard);
	(void)put("/proc/sys/fs/pipe-max-size", most);
}

#define PIPES 8
static int pipes[PIPES][2];
static const char *who, *whose = "";

static void make(int i)
{
	char what[64];

	snprintf(what, sizeof(what), "%s%s, pipe %d", whose, who, i);
	tell_result(what, pipe(pipes[i]) ? -1 : fcntl(pipes[i][0], F_GETPIPE_SZ));
}

static void size(int i, int bytes)
{
	char what[64];

	snprintf(what, sizeof(what), "%s%s, pipe %d to %d", whose, who, i, bytes);
	tell_result(what, fcntl(pipes[i][0], F_SETPIPE_SZ, bytes));
}

static void drop(int i)
{
	close(pipes[i][0]);
	close(pipes[i][1]);
}

/* With 64 and 72 pages. */
static void many_pipes(void)
{
	for (int i = 0; i < PIPES; i++)
		make(i);
	size(4, 4 * 4096);
	size(4, 8192);
	size(4, 4096);
	size(4, 8192);
	drop(0);
	who = "with less";
	size(4, 4 * 4096);
	make(0);
	size(4, 64 * KB);
	size(1, 32 * KB);
	for (int i = 0; i < PIPES; i++)
		drop(i);
	who = "with none";
	make(0);
	size(0, 64 * 4096);
	size(0, 128 * 4096);
}

static void fifo(void)
{
	for (int i = 0; i < 6; i++)
		(void)!pipe(pipes[i]);
	tell_result("a FIFO beyond the hard limit",
		    open("/tmp/userlimits.fifo", O_RDWR) < 0 ? -1 : 0);
}

/* With 32 KB at most. */
static void small_pipes(void)
{
	make(0);
	size(0, 32 * KB);
	size(0, 32 * KB + 1);
	size(0, 0);
	size(0, 1);
}

static void large_pipe(void)
{
	who = "made when larger were allowed";
	make(0);
	limits("0", "0", "4096");
	if (setuid(NOBODY))
		return;
	size(0, 32 * KB);
	size(0, 64 * KB);
	size(0, 16 * KB);
	size(0, 32 * KB);
}

/* Who has the ids of another for files only pays himself. */
static void by_real_id(void)
{
	if (seteuid(NOBODY))
		return;
	for (int i = 0; i < PIPES; i++)
		(void)!pipe(pipes[i]);
	who = "of nobody while root is at its limit";
	apart(0, small_pipes);
}

static void and_nobody(void)
{
	who = "and nobody";
	make(0);
}

static void real_and_other(void)
{
	by_real_id();
	if (seteuid(0))
		return;
	apart(NOBODY, and_nobody);
}

static void pipe_limits(void)
{
	settings();
	apart(NOBODY, others_setting);
	limits("64", "72", "1048576");
	who = "of all";
	whose = "nobody, ";
	apart(NOBODY, many_pipes);
	whose = "root, ";
	apart(0, many_pipes);
	whose = "";
	limits("0", "64", "1048576");
	mkfifo("/tmp/userlimits.fifo", 0666);
	chmod("/tmp/userlimits.fifo", 0666);
	apart(NOBODY, fifo);
	unlink("/tmp/userlimits.fifo");
	limits("0", "0", "32768");
	who = "nobody's small";
	apart(NOBODY, small_pipes);
	who = "root's small";
	apart(0, small_pipes);
	limits("0", "0", "1048576");
	apart(0, large_pipe);
	limits("64", "0", "1048576");
	apart(0, real_and_other);
	limits("0", "0", "1048576");
}

/* ---- Processes ---- */

#define SLEEPERS 3
static pid_t sleepers[SLEEPERS];

/* One more process of nobody's. */
static pid_t sleeper(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		if (setuid(NOBODY))
			_exit(1);
		pause();
		_exit(0);
	}
	usleep(10000);
	return pid;
}

static void sleeper_end(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static rlim_t allowed; /* processes */
static int (*become)(void);

static int by_setuid(void)
{
	return setuid(NOBODY);
}

static int by_setresuid(void)
{
	return setresuid(NOBODY, NOBODY, 0);
}

static int by_setreuid(void)
{
	return setreuid(NOBODY, NOBODY);
}

/* Its effective id alone: it stays root's. */
static int by_seteuid(void)
{
	return seteuid(NOBODY);
}

static int run(const char *program)
{
	execl(program, program, "run", NULL);
	return errno;
}

static void change_and_run(void)
{
	struct rlimit r = { allowed, allowed };

	if (setrlimit(RLIMIT_NPROC, &r) || become())
		_exit(errno);
	_exit(run(self));
}

/* The limit meets who changes after it was lowered only. */
static void lower_and_run(void)
{
	struct rlimit r = { 1, 1 };

	if (setuid(NOBODY) || setrlimit(RLIMIT_NPROC, &r))
		_exit(errno);
	_exit(run(self));
}

/* Judged when it comes to it, and until it is below. */
static void run_again(void)
{
	struct rlimit r = { SLEEPERS + 1, SLEEPERS + 1 };
	char *volatile unmapped = (char *)8, *none[] = { NULL };
	pid_t more[2] = { sleeper(), sleeper() };

	if (setrlimit(RLIMIT_NPROC, &r) || setresuid(NOBODY, NOBODY, 0))
		_exit(errno);
	tell("execve, two too many", answer(run(self)));
	tell("execve of nothing", answer(run("/nowhere")));
	tell("execve of no address", answer(execve(unmapped, none, none) < 0 ? errno : 0));
	sleeper_end(more[0]);
	tell("execve, one too many", answer(run(self)));
	sleeper_end(more[1]);
	tell("execve of nothing, as many as allowed", answer(run("/nowhere")));
	_exit(run(self));
}

/* Changed back, it is judged no more. */
static void back_and_run(void)
{
	struct rlimit r = { allowed, allowed };

	if (setrlimit(RLIMIT_NPROC, &r) || setresuid(NOBODY, NOBODY, 0) || setresuid(0, 0, 0))
		_exit(errno);
	_exit(run(self));
}

static void process_limits(void)
{
	char what[64];

	for (int i = 0; i < SLEEPERS; i++)
		sleepers[i] = sleeper();
	for (allowed = SLEEPERS - 1; allowed <= SLEEPERS + 1; allowed++) {
		become = by_setuid;
		snprintf(what, sizeof(what), "setuid to a user of 3 with a limit of %d",
			 (int)allowed);
		tell_end(what, apart(0, change_and_run));
		become = by_setresuid;
		snprintf(what, sizeof(what), "setresuid to a user of 3 with a limit of %d",
			 (int)allowed);
		tell_end(what, apart(0, change_and_run));
	}
	allowed = 1;
	become = by_setreuid;
	tell_end("setreuid", apart(0, change_and_run));
	become = by_seteuid;
	tell_end("seteuid", apart(0, change_and_run));
	tell_end("limit lowered behind setuid", apart(0, lower_and_run));
	tell_end("setresuid and back", apart(0, back_and_run));
	tell_end("execve, as many as allowed", apart(0, run_again));
	for (int i = 0; i < SLEEPERS; i++)
		sleeper_end(sleepers[i]);
}

/* ---- Links ---- */

static char target[1024];

static void link_of(const char *name, size_t length)
{
	char what[64];
	struct statfs st;

	target[length] = '\0';
	snprintf(what, sizeof(what), "%s of %zu letters", name, length);
	tell(what, answer(symlink(target, name) ? errno : 0));
	target[length] = 'x';
	if (statfs(".", &st) == 0)
		tell_number("  pages left", (long)st.f_bfree);
}

static void read_back(const char *name, size_t length)
{
	static char buf[sizeof(target)];
	ssize_t n = readlink(name, buf, sizeof(buf));
	struct stat st = { 0 };

	(void)lstat(name, &st);
	printf("%s reads as: %zd letters, %s, size %ld, blocks %ld\n", name, n,
	       n == (ssize_t)length && memcmp(buf, target, length) == 0 ? "its own" : "others",
	       (long)st.st_size, (long)st.st_blocks);
}

static void links(void)
{
	struct statfs st;

	memset(target, 'x', sizeof(target));
	mkdir("/tmp/userlimits", 0755);
	if (mount("none", "/tmp/userlimits", "tmpfs", 0, "size=12k") || chdir("/tmp/userlimits"))
		return;
	link_of("a", 10);
	link_of("b", 127);
	link_of("c", 128);
	link_of("d", 1000);
	link_of("e", 500);
	link_of("f", 200);
	link_of("g", 20);
	read_back("b", 127);
	read_back("c", 128);
	read_back("d", 1000);
	unlink("d");
	link_of("h", 1000);
	link_of("i", 1000);
	for (char name[2] = "a"; name[0] <= 'i'; name[0]++)
		unlink(name);
	if (statfs(".", &st) == 0)
		tell_number("in the end, pages left", (long)st.f_bfree);
	if (chdir("/") || umount("/tmp/userlimits"))
		tell("umount", answer(errno));
	rmdir("/tmp/userlimits");
}

/* ---- Promises ---- */

static long committed(void)
{
	char line[128];
	long kb = -1;
	FILE *f = fopen("/proc/meminfo", "r");

	while (f && fgets(line, sizeof(line), f))
		(void)sscanf(line, "Committed_AS: %ld", &kb);
	if (f)
		fclose(f);
	return kb;
}

#define SIZE (4 * MB)

static char *shared(int flags)
{
	return mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | flags, -1, 0);
}

static void promise_of(const char *name, int flags)
{
	long before = committed();
	char what[64], *p = shared(flags);

	snprintf(what, sizeof(what), "%s, KB promised when mapped", name);
	tell_number(what, committed() - before);
	for (size_t i = 0; i < SIZE / 2; i += 4096)
		p[i] = 1;
	snprintf(what, sizeof(what), "%s, KB promised when half of it is there", name);
	tell_number(what, committed() - before);
	if (madvise(p, SIZE / 4, MADV_REMOVE))
		tell("MADV_REMOVE", answer(errno));
	snprintf(what, sizeof(what), "%s, KB promised when half of that has gone", name);
	tell_number(what, committed() - before);
	munmap(p, SIZE);
	snprintf(what, sizeof(what), "%s, KB promised in the end", name);
	tell_number(what, committed() - before);
}

static void store_beyond(void)
{
	char *p = shared(MAP_NORESERVE);

	if (put("/proc/sys/vm/overcommit_kbytes", "4") ||
	    put("/proc/sys/vm/overcommit_memory", "2"))
		_exit(1);
	for (size_t i = 0; i < SIZE; i += 4096)
		p[i] = 1;
}

static void promises(void)
{
	int status;

	promise_of("shared memory", 0);
	promise_of("without reserve", MAP_NORESERVE);
	status = apart(0, store_beyond);
	(void)put("/proc/sys/vm/overcommit_memory", "0");
	(void)put("/proc/sys/vm/overcommit_ratio", "50");
	tell_end("a store that is not promised", status);
}

/* ---- A crowd ---- */

#define CROWD 20

/* As many pipes as there are descriptors for, as full as they get: bytes. */
static long fill_pipes(void)
{
	static char chunk[4096];
	long bytes = 0;
	int fds[2];

	while (pipe(fds) == 0) {
		(void)fcntl(fds[1], F_SETFL, O_NONBLOCK);
		for (ssize_t n; (n = write(fds[1], chunk, sizeof(chunk))) > 0;)
			bytes += n;
	}
	return bytes;
}

/* What twenty processes of a user's hold in pipes, and whether all of them are still there. */
static void crowd(void)
{
	int told[2], held = 0;
	long bytes, all = 0;
	pid_t pids[CROWD];

	if (pipe(told))
		return;
	for (int i = 0; i < CROWD; i++) {
		pids[i] = fork();
		if (pids[i] == 0) {
			if (setuid(NOBODY))
				_exit(1);
			bytes = fill_pipes();
			(void)!write(told[1], &bytes, sizeof(bytes));
			pause();
		}
	}
	for (int i = 0; i < CROWD && read(told[0], &bytes, sizeof(bytes)) == sizeof(bytes); i++)
		all += bytes;
	for (int i = 0; i < CROWD; i++) {
		held += waitpid(pids[i], NULL, WNOHANG) == 0;
		kill(pids[i], SIGKILL);
		waitpid(pids[i], NULL, 0);
	}
	printf("%d of %d processes, %ld KB in pipes\n", held, CROWD, all / KB);
}

/* ---- Bombs ---- */

#define BOMBS   3
#define AT_MOST 1000

/* As many children as can be had, that wait for the end; errno of the refusal. */
static int fork_all(int *made)
{
	pid_t pid = 0;

	for (*made = 0; *made < AT_MOST && (pid = fork()) > 0;)
		++*made;
	if (pid == 0) {
		pause();
		_exit(0);
	}
	return pid < 0 ? errno : 0;
}

/* In a process group of its own; tells how many children it has got and why no more. */
static pid_t bomb(uid_t uid, int tell_to)
{
	pid_t pid = fork();
	int result[2];

	if (pid != 0)
		return pid;
	if (setpgid(0, 0) || setuid(uid))
		_exit(1);
	result[1] = fork_all(&result[0]);
	(void)!write(tell_to, result, sizeof(result));
	pause();
	_exit(0);
}

/* Users fill the table of tasks; then root takes what it has. */
static void bombs(void)
{
	int told[2], result[2], users = 0, refused = 0;
	pid_t pids[BOMBS + 1];

	if (pipe(told))
		return;
	for (unsigned i = 0; i < BOMBS; i++)
		pids[i] = bomb(1000 + i, told[1]);
	for (unsigned i = 0; i < BOMBS && read(told[0], result, sizeof(result)) == sizeof(result);
	     i++) {
		users += result[0];
		refused += result[1] == EAGAIN;
	}
	pids[BOMBS] = bomb(0, told[1]);
	if (pids[BOMBS] < 0 || read(told[0], result, sizeof(result)) != sizeof(result))
		result[0] = -1;
	printf("%d of %d users were refused at %s, root has %d more\n", refused, BOMBS,
	       users > 200 ? "hundreds" : "few", result[0]);
	for (unsigned i = 0; i <= BOMBS; i++) {
		if (pids[i] < 0)
			continue;
		kill(-pids[i], SIGKILL);
		waitpid(pids[i], NULL, 0);
	}
}

int main(int argc, char **argv)
{
	if (argc > 1 && strcmp(argv[1], "crowd") == 0) {
		crowd();
		return 0;
	}
	if (argc > 1 && strcmp(argv[1], "bombs") == 0) {
		bombs();
		return 0;
	}
	if (argc > 1)
		return 0; /* run by execve */
	if (readlink("/proc/self/exe", self, sizeof(self) - 1) < 0)
		return 1;
	pipe_limits();
	process_limits();
	links();
	promises();
	return 0;
}
