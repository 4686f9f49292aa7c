// SPDX-License-Identifier: MIT
/*
 * The wear map, from /proc/swapstore_map: a cell of a digit and a sign for each segment. The digit
 * is its share of the most erases that any has had, so a levelled medium shows one digit all over;
 * the colour, on a terminal, is how much of what the flash is rated for has gone. A medium of many
 * segments has several in a cell, which then shows the most worn of them.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "swapstat.h"

#define COLUMNS 32u
#define ROWS    16u

struct segment {
	unsigned erases;
	char state; /* the first letter of its name: free, ready, head, sealed; X: retired */
};

/* What all segments of a cell are, or the one that matters. */
struct cell {
	unsigned erases, segments, unused;
	bool head, retired;
};

static unsigned read_segments(unsigned area, struct segment **to)
{
	FILE *f = fopen("/proc/swapstore_map", "r");
	unsigned of, number, erases, n = 0, room = 0;
	char state[16];

	*to = NULL;
	while (f && fscanf(f, "%u %u %15s %u %*u", &of, &number, state, &erases) == 4) {
		if (of != area)
			continue;
		if (n == room) {
			struct segment *more;

			room = room ? 2 * room : 256;
			more = realloc(*to, room * sizeof(**to));
			if (!more)
				break;
			*to = more;
		}
		(*to)[n++] = (struct segment){ erases, strcmp(state, "retired") ? state[0] : 'X' };
	}
	if (f)
		fclose(f);
	return n;
}

static struct cell cell_of(const struct segment *s, unsigned n)
{
	struct cell c = { .segments = n };

	for (unsigned i = 0; i < n; i++) {
		c.retired |= s[i].state == 'X';
		c.head |= s[i].state == 'h';
		c.unused += s[i].state == 'f' || s[i].state == 'r';
		if (s[i].state != 'X' && s[i].erases > c.erases)
			c.erases = s[i].erases;
	}
	return c;
}

static const char *colour_of(const struct cell *c, unsigned rated)
{
	if (c->retired)
		return "\033[1;31m";
	if (c->erases >= rated / 10 * 9)
		return "\033[31m";
	return c->erases >= rated / 2 ? "\033[33m" : "\033[32m";
}

/* Changes the terminal's colour, where it is not the one it has. */
static void set_colour(const char *colour)
{
	static const char *now = "";

	if (strcmp(now, colour) != 0)
		fputs(colour, stdout);
	now = colour;
}

static void show_cell(const struct cell *c, unsigned most, unsigned rated, bool colours)
{
	char sign = c->head ? '>' : c->unused == c->segments ? '-' : ' ';
	unsigned digit = most ? c->erases * 9 / most : 0;

	if (colours)
		set_colour(colour_of(c, rated));
	if (c->retired)
		printf("XX");
	else
		printf("%u%c", digit, sign);
}

void swapstat_map(unsigned area, unsigned rated, bool colours)
{
	struct segment *s;
	unsigned n = read_segments(area, &s), most = cell_of(s, n).erases;
	unsigned each = (n + ROWS * COLUMNS - 1) / (ROWS * COLUMNS);

	for (unsigned i = 0; i < n; i += each) {
		struct cell c = cell_of(s + i, i + each < n ? each : n - i);

		if (i / each % COLUMNS == 0)
			printf("%s%6u  ", i ? "\n" : "", i);
		show_cell(&c, most, rated, colours);
	}
	if (colours && n > 0)
		set_colour("\033[0m");
	if (each > 1)
		printf("\n        in each place the most worn of %u segments", each);
	if (n > 0 && most == 0)
		printf("\n        none has been erased yet; - free, > being written, XX retired\n");
	else if (n > 0)
		printf("\n        9 erased most, %u time%s; - free, > being written, XX retired\n",
		       most, most == 1 ? "" : "s");
	free(s);
}
