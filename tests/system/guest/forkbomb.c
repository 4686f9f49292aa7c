// SPDX-License-Identifier: MIT
/*
 * Forks until the system refuses, every child does likewise; then all wait. usage: forkbomb
 * SECONDS. Exit status 0 in the first process when it was refused with EAGAIN (or for want of
 * memory).
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	int refused = 0, reason = 0;

	signal(SIGCHLD, SIG_IGN);
	while (refused < 3) {
		if (fork() < 0) {
			reason = errno;
			refused++;
		}
	}
	sleep(argc > 1 ? (unsigned)atoi(argv[1]) : 1);
	return !(reason == EAGAIN || reason == ENOMEM);
}
