// SPDX-License-Identifier: MIT
/*
 * Works on more memory than there is: livelock SECONDS MB... Each MB is a child's, which fills so
 * many megabytes with what does not pack, and when all have, writes to random pages. Beside them
 * the parent asks, again and again, how long the machine takes to run a program, and prints when it
 * knew, on the kernel's clock, the time, in ms both, what the children got done meanwhile, and the
 * sizes of those that are left. It ends when one is not, or when its time is up.
 */
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PAGE_WORDS 512
#define MOST       64

static volatile uint64_t *done; /* by child: pages touched */
static unsigned *filled;        /* children that have all their memory */

static uint64_t now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static uint64_t next_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

static _Noreturn void work(unsigned child, size_t pages, unsigned tasks)
{
	uint64_t *p = mmap(NULL, pages * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			   -1, 0);
	uint64_t state = child + 1;

	if (p == MAP_FAILED)
		_exit(3);
	for (size_t i = 0; i < pages * PAGE_WORDS; i++)
		p[i] = next_random(&state);
	__atomic_fetch_add(filled, 1, __ATOMIC_RELAXED);
	while (__atomic_load_n(filled, __ATOMIC_RELAXED) < tasks)
		usleep(1000);
	for (;;) {
		p[next_random(&state) % pages * PAGE_WORDS + 7]++;
		done[child]++;
	}
}

static uint64_t answer_us(void)
{
	uint64_t start = now_us();
	pid_t pid = fork();

	if (pid == 0) {
		execl("/bin/busybox", "busybox", "true", NULL);
		_exit(127);
	}
	waitpid(pid, NULL, 0);
	return now_us() - start;
}

int main(int argc, char **argv)
{
	unsigned tasks = (unsigned)argc - 2, left = tasks;
	uint64_t end = now_us() + strtoul(argv[1], NULL, 10) * 1000000, seen = 0;
	pid_t pids[MOST];

	done = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	filled = (unsigned *)(done + MOST);
	for (unsigned i = 0; i < tasks; i++) {
		pids[i] = fork();
		if (pids[i] == 0)
			work(i, strtoul(argv[i + 2], NULL, 10) * 256, tasks);
	}
	while (now_us() < end && left == tasks) {
		uint64_t sum = 0, took;

		usleep(500000);
		took = answer_us();
		for (unsigned i = 0; i < tasks; i++) {
			if (waitpid(pids[i], NULL, WNOHANG) == pids[i]) {
				pids[i] = 0;
				left--;
			}
			sum += done[i];
		}
		printf("at %llu answered in %llu, %llu pages,", (unsigned long long)now_us() / 1000,
		       (unsigned long long)took / 1000, (unsigned long long)(sum - seen));
		for (unsigned i = 0; i < tasks; i++)
			if (pids[i] != 0)
				printf(" %s", argv[i + 2]);
		puts(" left");
		fflush(stdout);
		seen = sum;
	}
	for (unsigned i = 0; i < tasks; i++)
		if (pids[i] != 0)
			kill(pids[i], SIGKILL);
	return 0;
}
