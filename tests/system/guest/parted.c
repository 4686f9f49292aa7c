// SPDX-License-Identifier: MIT
// Pages that were shared by forks and are one process's again, all given back at once: their
// reverse maps still have what the other sides needed. usage: parted
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE     4096
#define PAGES    960 /* fewer than there may be such pages */
#define CHILDREN 64  /* more than a chain of the reverse map has room for */

static void store(char *memory, size_t pages, size_t step)
{
	for (size_t i = 0; i < pages; i += step)
		((volatile char *)memory)[i * PAGE]++;
}

/* A child parts the tables that it shares, so that each has its entries, and tells. */
static void child(char *memory, size_t pages, int told)
{
	store(memory, pages, 512);
	if (write(told, "", 1) != 1)
		_exit(1);
	for (;;)
		pause();
}

static void part(size_t pages, int children)
{
	char *memory = mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			    -1, 0);
	pid_t pids[CHILDREN];
	int told[2];
	char byte;

	if (memory == MAP_FAILED || pipe(told))
		exit(1);
	store(memory, pages, 1);
	for (int i = 0; i < children; i++) {
		pids[i] = fork();
		if (pids[i] == 0)
			child(memory, pages, told[1]);
		if (pids[i] < 0 || read(told[0], &byte, 1) != 1)
			exit(1);
	}
	for (int i = 0; i < children; i++)
		if (kill(pids[i], SIGKILL) || waitpid(pids[i], NULL, 0) != pids[i])
			exit(1);
	store(memory, pages, 1);
	if (munmap(memory, pages * PAGE) || close(told[0]) || close(told[1]))
		exit(1);
}

int main(void)
{
	for (int i = 0; i < 10; i++)
		part(PAGES, 1);
	for (int i = 0; i < 3; i++)
		part(PAGES, CHILDREN);
	puts("all good");
	return 0;
}
