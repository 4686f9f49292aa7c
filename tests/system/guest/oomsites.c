// SPDX-License-Identifier: MIT
/*
 * Memory that ends in every allocation that a program's calls make, one after the other, with
 * whatever locks are held there (debug kernels: /proc/sys/vm/oom_site). usage: oomsites
 * self|dir|pagein [LONGEST], in ms. The victim is
 *
 *    self      the process that allocates
 *    dir       another that works in the same directories and files, and so waits for the same
 *              mutexes
 *    pagein    another whose threads mostly wait for pages that were swapped out
 *
 * A process per site makes calls of many kinds until it is ended, or its calls have failed, or all
 * went well. Nobody may hang, no process may take longer than LONGEST, and in the end all memory is
 * back.
 */
#include <dirent.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/msg.h>
#include <sys/resource.h>
#include <sys/sem.h>
#include <sys/sendfile.h>
#include <sys/shm.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <sys/wait.h>

#include "oom.h"

#define LIMIT 60000000000L /* ns: it hangs */
#define SLACK 1024         /* KB: slabs in part in use, CPUs' lists */
#define DIR_  "/tmp/sites"

#define IGNORE(call) ((void)!(call)) /* it may fail: that is what happens here */

extern char **environ;

static void read_all(const char *path)
{
	static char block[16384];
	int fd = open(path, O_RDONLY);

	while (fd >= 0 && read(fd, block, sizeof(block)) > 0)
		;
	close(fd);
}

/* ---- Calls ---- */

static void *idle_thread(void *arg)
{
	return arg;
}

static void memory(void)
{
	char *p = mmap(NULL, 8 * MB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
	     *q;
	pid_t pid;

	if (p == MAP_FAILED)
		return;
	for (size_t i = 0; i < 4 * MB; i += MB / 8)
		p[i] = 1;
	mprotect(p + MB, MB, PROT_READ);
	madvise(p + 2 * MB, MB, MADV_DONTFORK);
	mlock(p, 65536);
	pid = fork();
	if (pid == 0) {
		p[0] = p[4096] = 2;
		munmap(p + MB, 4096);
		_exit(0);
	}
	p[0] = 3;
	if (pid > 0)
		waitpid(pid, NULL, 0);
	q = mremap(p, 8 * MB, 12 * MB, MREMAP_MAYMOVE);
	if (q != MAP_FAILED)
		munmap(q, 12 * MB);
	q = mmap(NULL, MB, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (q != MAP_FAILED)
		q[0] = q[MB - 1] = 1;
	IGNORE(malloc(MB));
	sbrk(65536);
}

static void processes(void)
{
	char *const argv[] = { "true", NULL };
	pthread_t t;
	pid_t pid;

	if (pthread_create(&t, NULL, idle_thread, NULL) == 0)
		pthread_join(t, NULL);
	if (posix_spawn(&pid, "/bin/true", NULL, NULL, argv, environ) == 0)
		waitpid(pid, NULL, 0);
}

static void files_in_memory(void)
{
	static char block[65536];
	int fd = open(DIR_ "/file", O_CREAT | O_RDWR, 0600), to = memfd_create("m", 0);
	char *p;
	DIR *d;

	for (int i = 0; i < 4; i++)
		IGNORE(write(fd, block, sizeof(block)));
	lseek(fd, 0, SEEK_SET);
	IGNORE(sendfile(to, fd, NULL, 65536));
	p = mmap(NULL, MB, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	if (p != MAP_FAILED)
		p[0] = p[8192];
	IGNORE(ftruncate(fd, 100));
	IGNORE(mkdir(DIR_ "/d", 0700));
	IGNORE(symlink("file", DIR_ "/link"));
	IGNORE(link(DIR_ "/file", DIR_ "/hard"));
	IGNORE(rename(DIR_ "/hard", DIR_ "/d/moved"));
	read_all(DIR_ "/link");
	d = opendir(DIR_);
	while (d && readdir(d))
		;
	if (d)
		closedir(d);
	unlink(DIR_ "/d/moved");
	unlink(DIR_ "/link");
	rmdir(DIR_ "/d");
	unlink(DIR_ "/file");
	close(fd);
	close(to);
}

static void descriptors(void)
{
	static char block[65536];
	struct epoll_event e = { .events = EPOLLIN };
	struct pollfd many[200];
	int pipes[2], ep = epoll_create1(0),
		      fds[] = { eventfd(0, 0), timerfd_create(CLOCK_MONOTONIC, 0) };
	sigset_t set;

	sigemptyset(&set);
	IGNORE(signalfd(-1, &set, 0));
	if (pipe2(pipes, O_NONBLOCK) == 0) {
		fcntl(pipes[1], F_SETPIPE_SZ, 1 << 18);
		IGNORE(write(pipes[1], block, sizeof(block)));
		IGNORE(tee(pipes[0], pipes[1], 4096, SPLICE_F_NONBLOCK));
	}
	for (unsigned i = 0; i < 2; i++)
		epoll_ctl(ep, EPOLL_CTL_ADD, fds[i], &e);
	epoll_wait(ep, &e, 1, 0);
	for (int i = 0; i < 200; i++)
		many[i] = (struct pollfd){ .fd = fds[i % 2], .events = POLLIN };
	poll(many, 200, 0);
	dup2(fds[0], 900);
	IGNORE(socketpair(AF_UNIX, SOCK_STREAM, 0, pipes));
	IGNORE(open("/dev/ptmx", O_RDWR | O_NOCTTY));
	IGNORE(open("/dev/null", O_RDWR));
}

static void messages(void)
{
	struct {
		long type;
		char text[6000];
	} m = { .type = 1 };
	struct sembuf up = { 0, 1, SEM_UNDO | IPC_NOWAIT };
	int shm = shmget(IPC_PRIVATE, 65536, 0600), msg = msgget(IPC_PRIVATE, 0600),
	    sem = semget(IPC_PRIVATE, 300, 0600);
	char *p = shmat(shm, NULL, 0);
	struct sigevent ev = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1 };
	timer_t timer;

	if (p != (void *)-1)
		p[0] = 1;
	shmctl(shm, IPC_RMID, NULL);
	IGNORE(msgsnd(msg, &m, sizeof(m.text), IPC_NOWAIT));
	msgctl(msg, IPC_RMID, NULL);
	semop(sem, &up, 1);
	semctl(sem, 0, IPC_RMID);
	signal(SIGUSR1, SIG_IGN);
	IGNORE(timer_create(CLOCK_MONOTONIC, &ev, &timer));
	sigqueue(getpid(), SIGUSR1, (union sigval){ .sival_int = 1 });
}

static void systems(void)
{
	static const char *const names[] = { "/proc/self/maps", "/proc/self/smaps",
					     "/proc/meminfo",   "/proc/self/status",
					     "/proc/slabinfo",  "/proc/mounts",
					     "/proc/oom_log",   "/proc/self/cmdline" };

	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		read_all(names[i]);
	if (mount("none", DIR_ "/mnt", "tmpfs", 0, "size=1m") == 0) {
		close(open(DIR_ "/mnt/x", O_CREAT | O_RDWR, 0600));
		umount(DIR_ "/mnt");
	}
}

static void calls(void)
{
	memory();
	processes();
	files_in_memory();
	descriptors();
	messages();
	systems();
}

/* ---- Victims beside it ---- */

static void work_in_dir(void)
{
	for (;;) {
		files_in_memory();
		systems();
	}
}

#define PAGES 256

static void *touch(void *arg)
{
	volatile char *p = arg;

	for (;;) {
		madvise(arg, PAGES * 4096, MADV_PAGEOUT);
		for (size_t i = 0; i < PAGES; i++)
			p[i * 4096]++;
	}
	return NULL;
}

static void work_in_swap(void)
{
	pthread_t t;

	for (int i = 0; i < 2; i++) {
		char *p = mmap(NULL, PAGES * 4096, PROT_READ | PROT_WRITE,
			       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		for (size_t k = 0; k < PAGES * 4096; k++)
			p[k] = (char)(rand() >> 7);
		pthread_create(&t, NULL, touch, p);
	}
	for (;;)
		pause();
}

static pid_t start(void (*work)(void), const char *adj)
{
	pid_t pid = fork();

	if (pid < 0)
		die("fork");
	if (pid > 0)
		return pid;
	write_file("/proc/self/oom_score_adj", adj);
	work();
	_exit(0);
}

/* ---- Rounds ---- */

static long free_kb(void)
{
	return number_in("/proc/meminfo", "MemFree:") + number_in("/proc/meminfo", "SReclaimable:");
}

/* True: a site was met; false: none is left. */
static int met(unsigned *sites)
{
	FILE *f = fopen("/proc/sys/vm/oom_site", "r");
	unsigned armed = 0;

	if (!f || fscanf(f, "%u %u", sites, &armed) != 2)
		die("/proc/sys/vm/oom_site");
	fclose(f);
	return !armed;
}

static void wait_for(pid_t pid)
{
	long end = now() + LIMIT;

	while (waitpid(pid, NULL, WNOHANG) == 0) {
		if (now() > end)
			die("hangs");
		usleep(200);
	}
}

int main(int argc, char **argv)
{
	void (*beside)(void) = argc < 2 || !strcmp(argv[1], "self") ? NULL
			       : !strcmp(argv[1], "dir")            ? work_in_dir
								    : work_in_swap;
	long before = 0, began, longest = 0, limit = argc > 2 ? atol(argv[2]) * 1000000 : LIMIT;
	pid_t victim = 0;
	unsigned sites;

	setvbuf(stdout, NULL, _IONBF, 0);
	mkdir(DIR_, 0700);
	mkdir(DIR_ "/mnt", 0700);
	write_file("/proc/self/oom_score_adj", "-1000");
	wait_for(start(calls, "0"));
	before = free_kb();
	do {
		if (beside && (victim == 0 || waitpid(victim, NULL, WNOHANG) == victim))
			victim = start(beside, "1000");
		write_file("/proc/sys/vm/oom_site", "1");
		began = now();
		wait_for(start(calls, beside ? "999" : "1000"));
		if (now() - began > longest)
			longest = now() - began;
	} while (met(&sites));
	if (victim)
		kill(victim, SIGKILL);
	if (victim)
		wait_for(victim);
	usleep(100000);
	printf("%s: %u sites, %ld KB of %ld free, longest %ld us\n", argv[1], sites, free_kb(),
	       before, longest / 1000);
	return free_kb() < before - SLACK || longest > limit;
}
