// SPDX-License-Identifier: MIT
/*
 * swapstat: what the swap stores have done to their flash, for people. Figures from
 * /proc/swapstore, a name and a value a line, where each area begins with the line "medium"; then a
 * map of the wear.
 */
#include "swapstat.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "programs.h"

#define SECONDS 2
#define FIGURES "/proc/swapstore"

static const char help[] =
	"usage: swapstat [-w [SECONDS]]\n"
	"\n"
	"Shows what swap has done to the flash it lies on: pages there, bytes written, wear, how long the\n"
	"flash will last, the write budget, errors, and a map of the segments.\n"
	"\n"
	"  -w          again and again, every two seconds or as often as said; Ctrl-C ends it\n"
	"  -h, --help  this text\n";

/* ---- Figures ---- */

/* The value behind `name` in an area's text, up to the line's end; NULL: this kernel has no such
 * figure. */
static const char *text_of(const char *area, const char *name)
{
	size_t len = strlen(name);

	for (const char *line = area; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (line != area && !strncmp(line, "medium ", 7))
			return NULL;
		if (!strncmp(line, name, len) && line[len] == ' ')
			return line + len + 1;
	}
	return NULL;
}

static double number_of(const char *area, const char *name)
{
	const char *text = text_of(area, name);

	return text ? strtod(text, NULL) : 0;
}

static bool known(const char *area, const char *name)
{
	const char *text = text_of(area, name);

	return text && *text != '-';
}

/* "1.4 GB", in one of a few buffers, so that a line can have several. */
static const char *bytes_of(const char *area, const char *name)
{
	static const char *const units[] = { "bytes", "KB", "MB", "GB", "TB", "PB" };
	static char texts[8][24];
	static unsigned next;
	char *text = texts[next++ % 8];
	double v = number_of(area, name);
	unsigned u = 0;

	for (; (v >= 1000 || v <= -1000) && u < 5; u++)
		v /= 1024;
	snprintf(text, sizeof(texts[0]), "%.*f %s", u > 0 && v < 9.95 && v > -9.95, v, units[u]);
	return text;
}

static const char *life_of(double days)
{
	static char text[40];

	if (days >= 365 * 1000.0)
		snprintf(text, sizeof(text), "more than 1000 years");
	else if (days >= 3 * 365)
		snprintf(text, sizeof(text), "%.0f years", days / 365);
	else
		snprintf(text, sizeof(text), "%.0f days", days);
	return text;
}

/* ---- Showing ---- */

static void show_medium(const char *a)
{
	printf("%.*s: %.0f segments of %s, %.0f free, %.0f retired; %.0f pages are there\n",
	       (int)strcspn(a + 7, "\n"), a + 7, number_of(a, "segments"),
	       bytes_of(a, "segment_bytes"), number_of(a, "segments_free"),
	       number_of(a, "segments_retired"), number_of(a, "records_live"));
	printf("  written   %s since boot, for %s of pages: amplification %.2f; %s since it was new\n",
	       bytes_of(a, "bytes_programmed"), bytes_of(a, "bytes_in"),
	       number_of(a, "write_amplification"), bytes_of(a, "bytes_programmed_ever"));
}

static void show_wear(const char *a)
{
	double most = number_of(a, "erase_count_max"), rated = number_of(a, "rated_cycles");

	printf("  wear      segments were erased %.0f to %.0f times, %.1f on average; %.2f %% of the %.0f they are rated for\n",
	       number_of(a, "erase_count_min"), most, number_of(a, "erase_count_avg"),
	       rated > 0 ? 100 * most / rated : 0, rated);
	if (known(a, "lifetime_days"))
		printf("  lifetime  %s at %s a day, the rate of late\n",
		       life_of(number_of(a, "lifetime_days")), bytes_of(a, "bytes_per_day"));
	else
		printf("  lifetime  nothing is written\n");
}

static void show_budget(const char *a)
{
	if (number_of(a, "budget_bytes_per_day") == 0) {
		printf("  budget    none (swap_budget=BYTES_A_DAY, /proc/sys/vm/swap_budget)\n");
		return;
	}
	printf("  budget    %s a day, %s at once; %s left%s; lasts %s or more\n",
	       bytes_of(a, "budget_bytes_per_day"), bytes_of(a, "budget_burst"),
	       bytes_of(a, "budget_left"), number_of(a, "budget_spent") > 0 ? ", SPENT" : "",
	       life_of(number_of(a, "lifetime_days_at_budget")));
}

static void show_errors(const char *a)
{
	double checksum = number_of(a, "checksum_failures");
	double program = number_of(a, "program_failures"), erase = number_of(a, "erase_failures");

	if (checksum + program + erase == 0)
		printf("  errors    none since boot\n");
	else
		printf("  errors    %.0f pages could not be read back; %.0f programs and %.0f erases failed\n",
		       checksum, program, erase);
}

/* The file's text, terminated, for the caller to free; NULL: it cannot be had. */
static char *read_figures(void)
{
	const size_t room = 32768;
	char *text = malloc(room);
	size_t n = 0;
	FILE *f;

	if (text == NULL)
		return NULL;
	f = fopen(FIGURES, "r");
	if (f) {
		n = fread(text, 1, room - 1, f);
		fclose(f);
	}
	if (n == 0) {
		free(text);
		return NULL;
	}
	text[n] = 0;
	return text;
}

static int show(bool colours)
{
	char *text = read_figures();
	unsigned area = 0;

	if (!text) {
		fprintf(stderr, "swapstat: " FIGURES " cannot be read: %s\n", strerror(errno));
		return 1;
	}
	if (!strncmp(text, "medium none", 11))
		printf("There is no swap. swapon adds some; a flash partition named swap is found at boot.\n");
	else
		for (const char *a = text; a; area++) {
			if (area > 0)
				putchar('\n');
			show_medium(a);
			show_wear(a);
			show_budget(a);
			show_errors(a);
			swapstat_map(area, (unsigned)number_of(a, "rated_cycles"), colours);
			a = strstr(a, "\nmedium ");
			a += a != NULL;
		}
	free(text);
	return 0;
}

/* ---- Arguments ---- */

static int wrong(const char *what, const char *argument)
{
	fprintf(stderr, "swapstat: %s %s; swapstat --help tells what there is\n", what, argument);
	return 2;
}

/* Shows again and again; ends when that fails. */
static int watch(unsigned seconds)
{
	bool terminal = isatty(STDOUT_FILENO);
	int err;

	do {
		fputs(terminal ? "\033[H\033[J" : "", stdout);
		err = show(terminal);
		fputs(terminal ? "" : "\n", stdout);
		if (fflush(stdout))
			return 1;
		sleep(seconds);
	} while (!err);
	return err;
}

int swapstat_main(int argc, char **argv)
{
	unsigned long seconds = SECONDS;
	char *end;

	if (argc < 2)
		return show(isatty(STDOUT_FILENO));
	if (!strcmp(argv[1], "-h") || !strcmp(argv[1], "--help"))
		return fputs(help, stdout) < 0;
	if (strcmp(argv[1], "-w") != 0)
		return wrong("no such option:", argv[1]);
	if (argc > 3)
		return wrong("too many arguments:", argv[3]);
	if (argc == 3) {
		seconds = strtoul(argv[2], &end, 10);
		if (*argv[2] < '0' || *argv[2] > '9' || *end || seconds == 0 || seconds > 86400)
			return wrong("-w takes 1 to 86400 seconds, not", argv[2]);
	}
	return watch((unsigned)seconds);
}
