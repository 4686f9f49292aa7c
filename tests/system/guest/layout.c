// SPDX-License-Identifier: MIT
/*
 * Where a program's parts lie. "layout" runs itself many times and prints how many bits of each
 * part's address vary, checks that no part is both writable and executable, and that
 * ADDR_NO_RANDOMIZE and /proc/sys/kernel/randomize_va_space are met. Built twice: of fixed place,
 * and position independent (layoutpie).
 */
#include "check.h"

#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/wait.h>
#include <unistd.h>

#define RUNS 120

enum part { MAPPING, STACK, HEAP, PROGRAM, VDSO, PARTS };
static const char *const names[PARTS] = { "mmap", "stack", "heap", "program", "vdso" };

static void show_places(void)
{
	uint64_t at[PARTS];
	int here;

	at[MAPPING] = (uintptr_t)mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	at[STACK] = (uintptr_t)&here & ~4095ull;
	at[HEAP] = (uintptr_t)sbrk(0) & ~4095ull;
	at[PROGRAM] = (uintptr_t)show_places & ~4095ull;
	at[VDSO] = getauxval(AT_SYSINFO_EHDR);
	if (write(1, at, sizeof(at)) != sizeof(at))
		_exit(1);
	_exit(0);
}

/* Runs this program anew under a personality: where its parts are. */
static void look(unsigned long persona, uint64_t at[PARTS])
{
	int ends[2], status = -1;
	pid_t child;

	if (pipe(ends) != 0)
		exit(1);
	child = fork();
	if (child == 0) {
		personality(persona);
		dup2(ends[1], 1);
		close(ends[0]);
		close(ends[1]);
		execl("/proc/self/exe", "layout", "show", (char *)NULL);
		_exit(127);
	}
	close(ends[1]);
	CHECK(read(ends[0], at, PARTS * sizeof(*at)) == (ssize_t)(PARTS * sizeof(*at)));
	close(ends[0]);
	waitpid(child, &status, 0);
	CHECK(status == 0);
}

static void measure(void)
{
	uint64_t first[PARTS], at[PARTS], varies[PARTS] = { 0 };

	look(0, first);
	for (int run = 1; run < RUNS; run++) {
		look(0, at);
		for (int i = 0; i < PARTS; i++)
			varies[i] |= at[i] ^ first[i];
	}
	for (int i = 0; i < PARTS; i++)
		printf("%s %d bits\n", names[i], __builtin_popcountll(varies[i]));
}

/* Whether parts stay where they are, in each of a few runs. */
static void expect_fixed(unsigned long persona, int fixed_parts, int moving_parts)
{
	uint64_t first[PARTS], at[PARTS];
	int moved = 0;

	look(persona, first);
	for (int run = 0; run < 5; run++) {
		look(persona, at);
		for (int i = 0; i < PARTS; i++)
			if (at[i] != first[i])
				moved |= 1 << i;
	}
	CHECK((moved & fixed_parts) == 0);
	CHECK((moved & moving_parts) == moving_parts);
}

static int set(const char *value)
{
	int fd = open("/proc/sys/kernel/randomize_va_space", O_WRONLY);
	int good = fd >= 0 && write(fd, value, strlen(value)) == (ssize_t)strlen(value);

	close(fd);
	return good;
}

static void check_settings(int position_independent)
{
	int heap = position_independent ? 0 : 1 << HEAP, all = (1 << PARTS) - 1;

	expect_fixed(ADDR_NO_RANDOMIZE, all, 0);
	expect_fixed(0, 0, 1 << MAPPING | 1 << STACK | 1 << HEAP | 1 << VDSO);
	CHECK(set("0\n"));
	expect_fixed(0, all, 0);
	CHECK(set("1\n"));
	expect_fixed(0, heap, 1 << MAPPING | 1 << STACK | 1 << VDSO);
	CHECK(!set("3\n") && !set("x\n") && !set("-1\n"));
	CHECK(set("2\n"));
}

static void check_rights(void)
{
	char line[512];
	int lines = 0;
	FILE *f = fopen("/proc/self/maps", "r");

	while (f && fgets(line, sizeof(line), f)) {
		char *rights = strchr(line, ' ');

		lines++;
		CHECK(rights && !(rights[2] == 'w' && rights[3] == 'x'));
	}
	CHECK(lines > 4);
	if (f)
		fclose(f);
}

int main(int argc, char **argv)
{
	const uint64_t base = 1 << 30;

	if (argc > 1 && strcmp(argv[1], "show") == 0)
		show_places();
	(void)argv;
	personality(0);
	check_rights();
	measure();
	check_settings((uintptr_t)main > base);
	return check_end();
}
