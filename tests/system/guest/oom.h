// SPDX-License-Identifier: MIT
// What the programs that end memory share (oomsites.c, oomstorm.c, rtclaim.c): the time, files of
// /proc, an end with a word about it.
#ifndef TESTS_SYSTEM_GUEST_OOM_H
#define TESTS_SYSTEM_GUEST_OOM_H

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define MB ((size_t)1 << 20)

/* In ns. */
static inline long now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000L + t.tv_nsec;
}

static inline void die(const char *what)
{
	printf("%s: %s\n", what, strerror(errno));
	exit(1);
}

static inline void write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		die(path);
	close(fd);
}

/* The number behind a word that begins a line. */
static inline long number_in(const char *path, const char *name)
{
	FILE *f = fopen(path, "r");
	char word[64];
	long value;

	while (f && fscanf(f, "%63s %ld%*[^\n]", word, &value) == 2)
		if (!strcmp(word, name)) {
			fclose(f);
			return value;
		}
	die(path);
	return 0;
}

#endif
