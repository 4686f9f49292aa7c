// SPDX-License-Identifier: MIT
#define _GNU_SOURCE
#include "tests/unit/kernel/fs/host_ext2.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static char image[64];
static char said[16384];

const char *host_ext2_image(void)
{
	int fd;

	if (!image[0]) {
		/* Memory where there is some: power cuts take thousands of images. */
		snprintf(image, sizeof(image), "%s/granule-ext2-XXXXXX",
			 access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
		fd = mkstemp(image);
		if (fd < 0)
			abort();
		close(fd);
	}
	return image;
}

void host_ext2_end(void)
{
	if (image[0])
		unlink(image);
	image[0] = '\0';
}

/* Runs a command with both outputs kept; its exit status. */
static int run(const char *command)
{
	char all[1024];
	FILE *f;
	size_t n;
	int status;

	snprintf(all, sizeof(all), "{ %s; } </dev/null 2>&1", command);
	f = popen(all, "r");
	if (!f)
		abort();
	n = fread(said, 1, sizeof(said) - 1, f);
	said[n] = '\0';
	while (fgetc(f) != EOF)
		;
	status = pclose(f);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 255;
}

static void run_well(const char *command)
{
	if (run(command) == 0)
		return;
	fprintf(stderr, "%s\n%s\n", command, said);
	abort();
}

void host_ext2_make(const char *options, unsigned kb)
{
	char command[512];

	snprintf(command, sizeof(command),
		 "truncate -s 0 %s && PATH=$PATH:/sbin:/usr/sbin mke2fs -q -F -t ext2 %s %s %uk",
		 host_ext2_image(), options, host_ext2_image(), kb);
	run_well(command);
}

int host_ext2_check(const char *options)
{
	char command[256];

	snprintf(command, sizeof(command), "PATH=$PATH:/sbin:/usr/sbin e2fsck %s %s", options,
		 host_ext2_image());
	return run(command);
}

const char *host_ext2_said(void)
{
	return said;
}
