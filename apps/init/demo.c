// SPDX-License-Identifier: MIT
/*
 * The demonstration: what this kernel is for, in a minute. A process works on more memory than
 * there is while a real-time task keeps its period; a process forks; wild pointers and a leak hurt
 * nobody else. One report follows; the exit status says whether all of it held.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "demo.h"
#include "programs.h"

#define STEPS 4

struct demo_shared *demo_shared;

static const char usage_text[] =
	"usage: demo [--work MB] [--fork MB] [--passes N] [--worst US]\n"
	"\n"
	"  --work MB        memory the first process works on (RAM and a half)\n"
	"  --fork MB        memory of the process that forks (half of RAM)\n"
	"  --passes N       times the first process verifies all of its memory (2), 1 to 8\n"
	"  --worst US       the real-time task's worst wake-up may be this late (20 where the clock counts\n"
	"                   instructions; else its lateness is shown, not judged: an emulator's clock runs\n"
	"                   on while the host does something else)\n"
	"\n"
	"Exit status: 0 all of it held, 1 something did not, 2 it cannot be run like this.\n";

static bool number(const char *text, unsigned least, unsigned most, unsigned *value)
{
	char *end;
	unsigned long v;

	errno = 0;
	v = strtoul(text, &end, 10);
	if (*text < '0' || *text > '9' || *end || errno || v < least || v > most)
		return false;
	*value = (unsigned)v;
	return true;
}

static bool parse(int argc, char **argv, struct demo_options *o)
{
	static const struct option options[] = { { "work", required_argument, NULL, 'w' },
						 { "fork", required_argument, NULL, 'f' },
						 { "passes", required_argument, NULL, 'p' },
						 { "worst", required_argument, NULL, 'u' },
						 { "help", no_argument, NULL, 'h' },
						 { NULL, 0, NULL, 0 } };
	bool good = true;
	int c;

	while (good && (c = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		switch (c) {
		case 'w': good = number(optarg, 1, 1 << 20, &o->work_mb); break;
		case 'f': good = number(optarg, 1, 1 << 20, &o->fork_mb); break;
		case 'p': good = number(optarg, 1, 8, &o->passes); break;
		case 'u': good = number(optarg, 1, 1000000, &o->worst_us); break;
		case 'h': fputs(usage_text, stdout); exit(0);
		default: return false;
		}
		if (!good)
			fprintf(stderr, "demo: --%s takes no '%s'\n",
				c == 'w'   ? "work"
				: c == 'f' ? "fork"
				: c == 'p' ? "passes"
					   : "worst",
				optarg);
	}
	if (good && optind < argc) {
		fprintf(stderr, "demo: '%s' is no option\n", argv[optind]);
		return false;
	}
	return good;
}

/* What was not asked for is sized by the machine: 96 MB and 32 MB where RAM is 64 MB. */
static bool size_up(struct demo_options *o)
{
	/* What the firmware and the kernel keep is missing in MemTotal: boards have multiples of 16
	 * MB. */
	unsigned ram = (unsigned)((demo_meminfo("MemTotal") / 1024 + 15) / 16 * 16);
	unsigned room = (unsigned)((demo_meminfo("MemFree") + demo_meminfo("SwapFree")) / 1024);

	if (!demo_meminfo("SwapTotal")) {
		fprintf(stderr, "demo: there is no swap, so nothing can be larger than RAM: "
				"start with a swap partition (run --swap pflash)\n");
		return false;
	}
	if (!o->work_mb)
		o->work_mb = ram * 3 / 2 < room * 9 / 10 ? ram * 3 / 2 : room * 9 / 10;
	if (!o->fork_mb)
		o->fork_mb = ram / 2;
	printf("%u MB of RAM, %u MB of swap\n\n", ram,
	       (unsigned)(demo_meminfo("SwapTotal") / 1024));
	return true;
}

/* ---- the report ---- */

static void report_steps(const struct demo_result *results)
{
	printf("\n%-9s %9s %8s %10s %10s %11s %10s\n", "", "minor", "major", "MB paged", "MB paged",
	       "MB written", "rt worst");
	printf("%-9s %9s %8s %10s %10s %11s %10s\n", "step", "faults", "faults", "out", "in",
	       "to flash", "us");
	for (int i = 0; i < STEPS; i++) {
		const struct demo_figures *f = &results[i].figures;
		printf("%-9s %9llu %8llu %10.1f %10.1f %11.1f %10.1f\n", results[i].name,
		       (unsigned long long)(f->faults - f->major), (unsigned long long)f->major,
		       (double)f->pages_out / 256, (double)f->pages_in / 256,
		       (double)f->flash_bytes / 1048576, (double)results[i].rt_worst / 1e3);
	}
}

static void report_line(bool held, const char *name, const char *text)
{
	printf("%-6s %-9s %s\n", held ? "held" : "FAILED", name, text);
}

static void report_histogram(void)
{
	static const char *const names[DEMO_BINS] = { "<2us",  "<5us",   "<10us", "<20us",
						      "<50us", "<100us", "<1ms",  "late" };

	printf("\nwake-ups of the real-time task, by how late they were:\n ");
	for (int i = 0; i < DEMO_BINS; i++)
		printf(" %8s", names[i]);
	printf("\n ");
	for (int i = 0; i < DEMO_BINS; i++)
		printf(" %8llu", (unsigned long long)demo_shared->rt_bins[i]);
	printf("\n\n");
}

static bool report_rt(const struct demo_options *o, const struct demo_result *results)
{
	unsigned long long wakeups = demo_shared->rt_wakeups, missed = demo_shared->rt_missed;
	uint64_t worst = 0;
	char text[240];
	bool held;

	for (int i = 0; i < STEPS; i++)
		worst = results[i].rt_worst > worst ? results[i].rt_worst : worst;
	held = wakeups > 100 && !demo_shared->rt_major &&
	       (!o->worst_us || (!missed && worst <= o->worst_us * 1000ull));
	if (demo_shared->rt_error)
		snprintf(text, sizeof(text), "the real-time task could not be set up: %s",
			 strerror(demo_shared->rt_error));
	else
		snprintf(
			text, sizeof(text),
			"%llu periods of 1 ms, %llu missed, %llu major faults; worst %.1f us, average %.1f us%s",
			wakeups + missed, missed, (unsigned long long)demo_shared->rt_major,
			(double)worst / 1e3,
			wakeups ? (double)demo_shared->rt_sum / (double)wakeups / 1e3 : 0,
			o->worst_us ? "" : " (not judged: the clock is the host's)");
	held = held && !demo_shared->rt_error;
	if (held && !o->worst_us)
		printf("%-6s %-9s %s\n", "shown", "real time", text);
	else
		report_line(held, "real time", text);
	return held;
}

static bool report_bystander(pid_t pid)
{
	int status = -1;
	char text[160];
	bool held = waitpid(pid, &status, 0) == pid && !status && !demo_shared->by_bad &&
		    demo_shared->by_rounds > 0;

	snprintf(
		text, sizeof(text),
		"an ordinary process beside all this verified its memory %llu times, %llu pages wrong%s",
		(unsigned long long)demo_shared->by_rounds, (unsigned long long)demo_shared->by_bad,
		status ? "; it was ended" : "");
	report_line(held, "bystander", text);
	return held;
}

/* ---- */

static void run_steps(const struct demo_options *o, struct demo_result *results)
{
	static void (*const steps[STEPS])(const struct demo_options *,
					  struct demo_result *) = { demo_work, demo_fork, demo_wild,
								    demo_leak };
	static const char *const names[STEPS] = { "work", "fork", "wild", "leak" };
	struct demo_figures before;
	uint64_t missed;

	for (int i = 0; i < STEPS; i++) {
		results[i].name = names[i];
		demo_figures_read(&before);
		missed = demo_shared->rt_missed;
		demo_shared->step++;
		steps[i](o, &results[i]);
		results[i].figures = demo_figures_since(&before);
		results[i].rt_worst = demo_shared->rt_worst;
		results[i].rt_missed = demo_shared->rt_missed - missed;
	}
}

static bool report(const struct demo_options *o, const struct demo_result *results, pid_t bystander)
{
	bool held = true;

	report_steps(results);
	report_histogram();
	for (int i = 0; i < STEPS; i++) {
		report_line(results[i].held, results[i].name, results[i].why);
		held &= results[i].held;
	}
	held &= report_rt(o, results);
	held &= report_bystander(bystander);
	if (!held)
		printf("\ndemo: NOT all of it held\n");
	else
		printf("\ndemo: all %s held\n", o->worst_us ? "of it" : "that was judged");
	return held;
}

int demo_main(int argc, char **argv)
{
	struct demo_options o = { .passes = 2 };
	static struct demo_result results[STEPS];
	pid_t rt, bystander;

	if (!parse(argc, argv, &o)) {
		fputs(usage_text, stderr);
		return 2;
	}
	if (!size_up(&o))
		return 2;
	if (!o.worst_us && demo_clock_counts())
		o.worst_us = DEMO_WORST_US;
	demo_shared = mmap(NULL, sizeof(*demo_shared), PROT_READ | PROT_WRITE,
			   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (demo_shared == MAP_FAILED) {
		fprintf(stderr, "demo: no memory to begin with: %s\n", strerror(errno));
		return 2;
	}
	fflush(stdout);
	rt = demo_rt_start();
	bystander = demo_bystander_start();
	if (rt < 0 || bystander < 0) {
		fprintf(stderr, "demo: no process can be made: %s\n", strerror(errno));
		demo_shared->stop = 1;
		return 2;
	}
	run_steps(&o, results);
	demo_shared->stop = 1;
	waitpid(rt, NULL, 0);
	return report(&o, results, bystander) ? 0 : 1;
}
