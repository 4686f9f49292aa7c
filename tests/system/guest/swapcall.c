// SPDX-License-Identifier: MIT
// swapon(2) of a place that the tools cannot name, as flash has no nodes. usage: swapcall NAME...
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/swap.h>

int main(int argc, char **argv)
{
	(void)argc;
	while (*++argv)
		printf("%s: %s\n", *argv, swapon(*argv, 0) ? strerror(errno) : "on");
	return 0;
}
