// SPDX-License-Identifier: MIT
/*
 * damage PAGES BAD: two processes read PAGES pages of their own each, which lie in swap for the
 * most part, over and over, while somebody damages the medium. Each page has the right words, or
 * reading it is SIGBUS with BUS_MCEERR_AR and its address; never anything else. When BAD pages have
 * been lost, and all have been read once more, the lost ones are written anew. Says "ready" when
 * the medium may be damaged.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE    4096u
#define WORDS   (PAGE / sizeof(uint32_t))
#define SECONDS 150 /* on a busy host; some 5 */

static struct {
	unsigned ready, lost; /* of both */
} * both;

static sigjmp_buf again;
static uint8_t *memory;
static volatile unsigned reading; /* page */
static volatile bool odd;         /* a SIGBUS that should not have been, or not so */

static uint32_t word_of(unsigned who, unsigned page, unsigned word)
{
	uint32_t x = (who * 1000003u + page) * 1024u + word;

	x = (x ^ x >> 16) * 0x7feb352du;
	x = (x ^ x >> 15) * 0x846ca68bu;
	return x ^ x >> 16;
}

static void fill(unsigned who, unsigned page)
{
	uint32_t *p = (uint32_t *)(memory + page * PAGE);

	for (unsigned i = 0; i < WORDS; i++)
		p[i] = word_of(who, page, i);
}

static bool right(unsigned who, unsigned page)
{
	const volatile uint32_t *p = (const uint32_t *)(memory + page * PAGE);

	for (unsigned i = 0; i < WORDS; i++)
		if (p[i] != word_of(who, page, i))
			return false;
	return true;
}

static void on_bus(int signo, siginfo_t *info, void *context)
{
	uintptr_t at = (uintptr_t)info->si_addr, want = (uintptr_t)memory + reading * PAGE;

	(void)signo, (void)context;
	odd |= info->si_code != BUS_MCEERR_AR || at < want || at >= want + PAGE ||
	       info->si_addr_lsb != 12;
	siglongjmp(again, 1);
}

/* Reads all pages; how many had wrong words. */
static unsigned pass(unsigned who, unsigned pages, bool *lost)
{
	volatile unsigned wrong = 0;

	for (reading = 0; reading < pages; reading++) {
		if (sigsetjmp(again, 1) == 0) {
			wrong += !right(who, reading) || lost[reading];
		} else if (!lost[reading]) {
			lost[reading] = true;
			__atomic_add_fetch(&both->lost, 1, __ATOMIC_SEQ_CST);
		}
	}
	return wrong;
}

static unsigned count(const bool *lost, unsigned pages)
{
	unsigned n = 0;

	for (unsigned i = 0; i < pages; i++)
		n += lost[i];
	return n;
}

static int work(unsigned who, unsigned pages, unsigned bad)
{
	struct sigaction sa = { .sa_sigaction = on_bus, .sa_flags = SA_SIGINFO };
	bool *lost = calloc(pages, sizeof(*lost));
	unsigned wrong = 0;

	sigaction(SIGBUS, &sa, NULL);
	/* What is not to be damaged stays in RAM. */
	if (lost == NULL || mlockall(MCL_CURRENT))
		return 2;
	memory = mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		      0);
	if (memory == MAP_FAILED)
		return 2;
	for (unsigned i = 0; i < pages; i++)
		fill(who, i);
	__atomic_add_fetch(&both->ready, 1, __ATOMIC_SEQ_CST);
	alarm(SECONDS);
	while (__atomic_load_n(&both->lost, __ATOMIC_SEQ_CST) < bad)
		wrong += pass(who, pages, lost);
	wrong += pass(who, pages, lost);
	printf("%u: %u lost, %u wrong%s\n", who, count(lost, pages), wrong,
	       odd ? ", odd signals" : "");
	/* A page that is given up and written again is as good as any. */
	for (unsigned i = 0; i < pages; i++)
		if (lost[i]) {
			madvise(memory + i * PAGE, PAGE, MADV_DONTNEED);
			fill(who, i);
		}
	memset(lost, 0, pages * sizeof(*lost));
	wrong += pass(who, pages, lost);
	return wrong || odd ? 1 : 0;
}

int main(int argc, char **argv)
{
	unsigned pages = argc == 3 ? (unsigned)atoi(argv[1]) : 0,
		 bad = argc == 3 ? (unsigned)atoi(argv[2]) : 0;
	int status, failed = 0;

	both = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (pages == 0 || both == MAP_FAILED)
		return 2;
	for (unsigned who = 0; who < 2; who++)
		if (fork() == 0)
			exit(work(who, pages, bad));
	while (__atomic_load_n(&both->ready, __ATOMIC_SEQ_CST) < 2 &&
	       waitpid(-1, &status, WNOHANG) == 0)
		usleep(10000);
	puts("ready");
	fflush(stdout);
	while (wait(&status) > 0)
		failed |= status;
	puts(failed ? "damage: failed" : "damage: all others right");
	return failed != 0;
}
