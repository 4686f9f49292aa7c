// SPDX-License-Identifier: MIT
/*
 * A real-time task takes more than the reserve has, while an ordinary one has all other memory, and
 * that oom_score_adj (1000). usage: rtclaim MB [FORKS [ADJ]]
 *
 * The hog takes what is free and waits. Then the task, SCHED_FIFO, locks MB megabytes, and forks
 * FORKS times with that. Prints how long each call took, and what became of the hog; ends with 1
 * when something failed.
 */
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "oom.h"

#define PIECE ((size_t)16 << 10)

/* Takes memory, of random words, until little is free, says so, and waits. */
static void hog(int ready, const char *adj)
{
	write_file("/proc/self/oom_score_adj", adj);
	while (number_in("/proc/meminfo", "MemFree:") > 6 * 1024) {
		char *p =
			mmap(NULL, MB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		if (p == MAP_FAILED)
			die("hog");
		for (size_t i = 0; i < MB; i += sizeof(int))
			*(int *)(p + i) = rand();
	}
	if (write(ready, "", 1) != 1)
		die("pipe");
	for (;;)
		pause();
}

static pid_t hog_start(const char *adj)
{
	int ready[2];
	pid_t pid;
	char c;

	if (pipe(ready))
		die("pipe");
	pid = fork();
	if (pid == 0)
		hog(ready[1], adj);
	if (pid < 0 || read(ready[0], &c, 1) != 1)
		die("hog");
	return pid;
}

/* Piece by piece. */
static void lock(size_t bytes)
{
	char *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	long began = now(), worst = 0, at = began;

	if (p == MAP_FAILED)
		die("mmap");
	for (size_t i = 0; i < bytes; i += PIECE) {
		long before = at;

		if (mlock(p + i, PIECE))
			die("mlock");
		at = now();
		if (at - before > worst)
			worst = at - before;
	}
	printf("locked in %ld us, worst piece %ld us\n", (at - began) / 1000, worst / 1000);
	memset(p, 1, bytes);
}

static void fork_once(void)
{
	long began = now();
	pid_t pid = fork();

	if (pid == 0)
		_exit(0);
	if (pid < 0)
		die("fork");
	printf("forked in %ld us\n", (now() - began) / 1000);
	if (waitpid(pid, NULL, 0) != pid)
		die("waitpid");
}

int main(int argc, char **argv)
{
	struct sched_param sp = { .sched_priority = 50 };
	pid_t pid = hog_start(argc > 3 ? argv[3] : "1000");
	int status;

	setvbuf(stdout, NULL, _IONBF, 0);
	if (argc < 2 || sched_setscheduler(0, SCHED_FIFO, &sp))
		die("SCHED_FIFO");
	lock((size_t)atoi(argv[1]) * MB);
	for (int i = 0; argc > 2 && i < atoi(argv[2]); i++)
		fork_once();
	kill(pid, SIGTERM);
	if (waitpid(pid, &status, 0) != pid)
		die("waitpid");
	printf("hog %s\n", WTERMSIG(status) == SIGKILL ? "ended" : "lives");
	return 0;
}
