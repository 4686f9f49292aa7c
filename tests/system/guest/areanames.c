// SPDX-License-Identifier: MIT
// Names of anonymous memory (prctl(2), PR_SET_VMA_ANON_NAME): what /proc/self/maps shows, what they
// split and join, what is refused.
#include <linux/prctl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

#define PAGE  4096UL
#define ARENA 0x1000000000UL
#define P(n)  ((void *)(ARENA + (n)*PAGE))

static int name(unsigned page, unsigned pages, const char *text)
{
	return prctl(PR_SET_VMA, PR_SET_VMA_ANON_NAME, P(page), pages * PAGE, text);
}

/* The arena's areas as "first+pages name;...". */
static const char *areas(void)
{
	static char text[1024];
	FILE *f = fopen("/proc/self/maps", "r");
	unsigned long start, end;
	char line[256];
	int len = 0, at;

	text[0] = '\0';
	while (f && fgets(line, sizeof(line), f)) {
		at = 0;
		if (sscanf(line, "%lx-%lx %*s %*s %*s %*s %n", &start, &end, &at) < 2 ||
		    start < ARENA || start >= ARENA + 64 * PAGE)
			continue;
		line[strcspn(line, "\n")] = '\0';
		len += snprintf(text + len, sizeof(text) - (size_t)len, "%lu+%lu %s;",
				(start - ARENA) / PAGE, (end - start) / PAGE, line + at);
	}
	if (f)
		fclose(f);
	return text;
}

#define SHOWS(want) CHECK(strcmp(areas(), want) == 0 || (printf("%s\n", areas()), 0))

int main(void)
{
	char most[80], more[81];
	int status;

	CHECK(mmap(P(0), 8 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED,
		   -1, 0) == P(0));
	SHOWS("0+8 ;");
	CHECK(name(2, 2, "a name, with blanks") == 0);
	SHOWS("0+2 ;2+2 [anon:a name, with blanks];4+4 ;");
	CHECK(name(4, 1, "a name, with blanks") == 0); /* equal by its text */
	SHOWS("0+2 ;2+3 [anon:a name, with blanks];5+3 ;");
	CHECK(name(3, 1, "other") == 0);
	SHOWS("0+2 ;2+1 [anon:a name, with blanks];3+1 [anon:other];4+1 [anon:a name, with blanks];5+3 ;");
	CHECK(name(0, 8, NULL) == 0);
	SHOWS("0+8 ;");
	CHECK(name(0, 8, "") == 0);
	SHOWS("0+8 [anon:];");
	/* A fork's, what is left of a hole, what moves. */
	CHECK(name(0, 8, "all") == 0 && munmap(P(3), PAGE) == 0);
	SHOWS("0+3 [anon:all];4+4 [anon:all];");
	if (fork() == 0) {
		SHOWS("0+3 [anon:all];4+4 [anon:all];");
		_exit(checks_failed);
	}
	CHECK(wait(&status) > 0 && status == 0);
	CHECK(mremap(P(0), 3 * PAGE, 3 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, P(20)) == P(20));
	SHOWS("4+4 [anon:all];20+3 [anon:all];");
	CHECK(mprotect(P(5), PAGE, PROT_READ) == 0);
	SHOWS("4+1 [anon:all];5+1 [anon:all];6+2 [anon:all];20+3 [anon:all];");
	CHECK(mprotect(P(5), PAGE, PROT_READ | PROT_WRITE) == 0);
	SHOWS("4+4 [anon:all];20+3 [anon:all];");
	/* Holes are passed over and told of. */
	CHECK(name(4, 20, "over") == -1 && errno == ENOMEM);
	SHOWS("4+4 [anon:over];20+3 [anon:over];");
	CHECK(name(40, 1, "hole") == -1 && errno == ENOMEM);
	/* What is refused. */
	memset(most, 'x', 79), most[79] = '\0';
	memset(more, 'x', 80), more[80] = '\0';
	CHECK(name(4, 1, most) == 0 && name(4, 1, more) == -1 && errno == EINVAL);
	for (const char *bad = "\\`$[]\n\t\x7f\x80"; *bad; bad++)
		CHECK(name(4, 1, (char[]){ 'a', *bad, '\0' }) == -1 && errno == EINVAL);
	CHECK(name(4, 1, (char *)8) == -1 && errno == EFAULT);
	CHECK(prctl(PR_SET_VMA, PR_SET_VMA_ANON_NAME, (char *)P(4) + 1, PAGE, "x") == -1 &&
	      errno == EINVAL);
	CHECK(prctl(PR_SET_VMA, PR_SET_VMA_ANON_NAME, P(4), -1UL, "x") == -1 && errno == EINVAL);
	CHECK(prctl(PR_SET_VMA, PR_SET_VMA_ANON_NAME, P(4), 0UL, "x") == 0);
	CHECK(mmap(P(30), PAGE, PROT_READ, MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == P(30));
	CHECK(name(30, 1, "shared") == -1 && errno == EBADF);
	return check_end();
}
