// SPDX-License-Identifier: MIT
/*
 * forkthreads [ROUNDS]: what fork's shared tables must not get wrong while other CPUs write. Two
 * threads write counters over three regions without pause and a third maps, protects and unmaps;
 * the main thread forks pairs of children meanwhile. A child sees the regions as one moment left
 * them: every page holds the counter or the one before, and what the parent writes later never
 * shows, nor what its sibling writes. Exit status 0 and one line when all held.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define REGIONS 2
#define PAGES   700 /* more than one leaf table */
#define WORDS   (4096 / sizeof(unsigned long))
#define MAPPED  64

static volatile unsigned long *region[REGIONS];
static volatile int stop;

static volatile unsigned long *word(int r, int page)
{
	return &region[r][(size_t)page * WORDS];
}

static void *writer(void *arg)
{
	long r = (long)arg;

	for (unsigned long n = 1; !stop; n++)
		for (int i = 0; i < PAGES; i++)
			*word((int)r, i) = n;
	return NULL;
}

static void give_up(const char *what)
{
	printf("%s\n", what);
	fflush(stdout);
	_exit(9);
}

static void *mapper(void *arg)
{
	(void)arg;
	for (char k = 1; !stop; k++) {
		char *p = mmap(NULL, MAPPED * 4096, PROT_READ | PROT_WRITE,
			       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		if (p == MAP_FAILED)
			give_up("mmap failed");
		for (int i = 0; i < MAPPED; i++) {
			if (p[i * 4096])
				give_up("a fresh page is not zero");
			p[i * 4096] = k;
		}
		mprotect(p, MAPPED / 2 * 4096, PROT_READ);
		for (int i = 0; i < MAPPED; i++)
			if (p[i * 4096] != k)
				give_up("a page lost what was written");
		munmap(p, MAPPED * 4096);
	}
	return NULL;
}

static unsigned long seen[REGIONS][PAGES];

static int differs(void)
{
	for (int r = 0; r < REGIONS; r++)
		for (int i = 0; i < PAGES; i++)
			if (*word(r, i) != seen[r][i])
				return 1;
	return 0;
}

static int child(int which)
{
	for (int r = 0; r < REGIONS; r++)
		for (int i = 0; i < PAGES; i++)
			seen[r][i] = *word(r, i);
	for (int r = 0; r < REGIONS; r++)
		for (int i = 1; i < PAGES; i++)
			if (seen[r][0] - seen[r][i] > 1)
				return 1;
	for (int step = 0; step < 3; step++) {
		usleep(300);
		if (differs())
			return 2;
		for (int r = 0; r < REGIONS; r++)
			for (int i = step; i < PAGES; i += 7)
				*word(r, i) = seen[r][i] =
					1000000ul * (unsigned long)(which + 1) + (unsigned long)i;
	}
	return differs() ? 3 : 0;
}

int main(int argc, char **argv)
{
	int rounds = argc > 1 ? atoi(argv[1]) : 40, bad = 0;
	pthread_t threads[REGIONS + 1];

	for (long r = 0; r < REGIONS; r++) {
		region[r] = mmap(NULL, PAGES * 4096, PROT_READ | PROT_WRITE,
				 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (region[r] == MAP_FAILED)
			give_up("mmap failed");
		memset((void *)region[r], 0, PAGES * 4096);
		pthread_create(&threads[r], NULL, writer, (void *)r);
	}
	pthread_create(&threads[REGIONS], NULL, mapper, NULL);
	for (int n = 0; n < rounds; n++) {
		pid_t pid[2];
		int status;

		for (int i = 0; i < 2; i++) {
			pid[i] = fork();
			if (pid[i] < 0)
				give_up("fork failed");
			if (pid[i] == 0)
				_exit(child(i));
		}
		for (int i = 0; i < 2; i++)
			if (waitpid(pid[i], &status, 0) != pid[i] || status != 0) {
				printf("round %d: child's status %#x\n", n, status);
				bad++;
			}
	}
	stop = 1;
	for (int i = 0; i <= REGIONS; i++)
		pthread_join(threads[i], NULL);
	printf("%d rounds, %d bad\n", rounds, bad);
	return bad != 0;
}
