// SPDX-License-Identifier: MIT
#include "programs.h"
int demo_main(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	return 2;
}
