// SPDX-License-Identifier: MIT
/*
 * From a failing allocation to memory: oomtime [MB]. A child takes MB megabytes (64) and offers
 * itself to the OOM policy; the parent then takes pages until that was ended, and prints how long
 * its longest page took, which is the one that nobody had until the child's came back.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MB ((size_t)1 << 20)

static long now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000L + t.tv_nsec;
}

static char *memory(size_t bytes)
{
	char *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (p == MAP_FAILED) {
		perror("mmap");
		exit(1);
	}
	return p;
}

static void offer(const char *adj)
{
	int fd = open("/proc/self/oom_score_adj", O_WRONLY);

	if (fd < 0 || write(fd, adj, strlen(adj)) < 0)
		perror("oom_score_adj");
	close(fd);
}

static void victim(size_t bytes, int told)
{
	char *p = memory(bytes);

	offer("1000");
	for (size_t i = 0; i < bytes; i += 4096)
		p[i] = 1;
	(void)!write(told, "r", 1);
	for (;;)
		pause();
}

int main(int argc, char **argv)
{
	size_t bytes = (argc > 1 ? strtoul(argv[1], NULL, 10) : 64) * MB, more = (size_t)4 << 30;
	long longest = 0, at, before;
	int told[2], status = 0;
	char c, *p = memory(more);
	pid_t pid;

	if (pipe(told))
		return 1;
	offer("-1000");
	pid = fork();
	if (pid == 0)
		victim(bytes, told[1]);
	if (read(told[0], &c, 1) != 1)
		return 1;
	before = now();
	for (size_t i = 0; i < more && waitpid(pid, &status, WNOHANG) == 0; i += 4096) {
		p[i] = 1;
		at = now();
		if (at - before > longest)
			longest = at - before;
		before = at;
	}
	printf("oom_victim_%zuMB %ld ns\n", bytes / MB, longest);
	return !(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}
