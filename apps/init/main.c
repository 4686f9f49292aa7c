// SPDX-License-Identifier: MIT
/*
 * One executable, several names: what lies in the root file system takes RAM, a C library in it as
 * well. The last part of argv[0] picks the program (links in boards/common/root).
 */
#include <string.h>
#include <unistd.h>

#include "programs.h"

int main(int argc, char **argv)
{
	const char *name = argc > 0 && argv[0] ? argv[0] : "init";
	const char *slash = strrchr(name, '/');

	if (slash)
		name = slash + 1;
	if (!strcmp(name, "demo"))
		return demo_main(argc, argv);
	if (!strcmp(name, "swapstat"))
		return swapstat_main(argc, argv);
	if (getpid() == 1)
		return init_main();
	static const char advice[] =
		"init: this is process 1's program; to end the machine, say poweroff\n";
	(void)!write(STDERR_FILENO, advice, sizeof(advice) - 1);
	return 2;
}
