// SPDX-License-Identifier: MIT
/*
 * Random system calls with absurd arguments, from root and from an ordinary user: whatever they
 * answer, the kernel must stand. usage: callfuzz SEED [PROCESSES [CALLS]]. The same seed makes the
 * same calls.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define BUFFER  (16 * 4096)
#define NUMBERS 460

static uint64_t state;
static char *buffer;

static uint64_t next(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state;
}

static uint64_t argument(void)
{
	switch (next() % 15) {
	case 0: return 0;
	case 1: return next() % 16;
	case 2: return UINT64_MAX;
	case 3: return next();
	case 4: /* the kernel's own memory */ return 0xffff000000000000 + (next() & 0xffffff);
	case 5: return 0xffffffff80000000 + (next() & 0xfffff);
	case 6: return (uint64_t)buffer + (next() & 0xfff);
	case 7: /* across the end of what is mapped */
		return (uint64_t)buffer + BUFFER - next() % 16;
	case 8: return (uint64_t)1 << next() % 64;
	case 9: return 4096 * (next() % 64);
	case 10: return next() % 4096;
	case 11: /* across the end of user memory */ return 0x0000ffffffff0000 - next() % 8192;
	case 12: return -(next() % 64);
	case 13: return (uint64_t)getpid();
	default: return (uint64_t)buffer;
	}
}

/* Calls that end the experiment rather than test anything: they stop or kill everybody, or wait for
 * ever. */
static int is_left_out(long number)
{
	static const long numbers[] = {
		SYS_reboot,      SYS_exit,          SYS_exit_group,    SYS_kill,
		SYS_tkill,       SYS_tgkill,        SYS_syslog,        SYS_umount2,
		SYS_chroot,      SYS_mount,         SYS_pivot_root,    SYS_nanosleep,
		SYS_ppoll,       SYS_pselect6,      SYS_rt_sigsuspend, SYS_clock_nanosleep,
		SYS_sethostname, SYS_clock_settime, SYS_settimeofday,
	};

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		if (number == numbers[i])
			return 1;
	return (number == SYS_clone || number == SYS_clone3) && next() % 8 != 0;
}

static void limit(int resource, rlim_t value)
{
	struct rlimit r = { value, value };

	setrlimit(resource, &r);
}

static void run(int calls, int privileged)
{
	setsid();
	for (int fd = 0; fd < 3; fd++)
		close(fd);
	buffer = mmap(NULL, BUFFER, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	limit(RLIMIT_NPROC, 100);
	limit(RLIMIT_AS, 8 << 20);
	if (!privileged && (setgid(1000) || setuid(1000)))
		_exit(1);
	alarm(2);
	while (calls-- > 0) {
		long number = (long)(next() % NUMBERS);

		for (int i = 0; i < 8; i++)
			((uint64_t *)buffer)[next() % 512] = argument();
		if (!is_left_out(number))
			syscall(number, argument(), argument(), argument(), argument(), argument(),
				argument());
	}
	_exit(0);
}

int main(int argc, char **argv)
{
	uint64_t seed = argc > 1 ? strtoull(argv[1], NULL, 0) : 1;
	int processes = argc > 2 ? atoi(argv[2]) : 40, calls = argc > 3 ? atoi(argv[3]) : 400,
	    status;

	for (int i = 0; i < processes; i++) {
		pid_t child = fork();

		if (child == 0) {
			state = (seed * 1000003 + (uint64_t)i) * 0x9e3779b97f4a7c15 | 1;
			run(calls, i % 2 == 0);
		}
		if (child < 0 || waitpid(child, &status, 0) != child) {
			perror("callfuzz");
			return 1;
		}
	}
	printf("survived seed %llu\n", (unsigned long long)seed);
	return 0;
}
