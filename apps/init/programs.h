// SPDX-License-Identifier: MIT
// The programs in this one executable: it is called by the name of the one that is wanted.
#ifndef INIT_PROGRAMS_H
#define INIT_PROGRAMS_H

int init_main(void);
int demo_main(int argc, char **argv);
int swapstat_main(int argc, char **argv);

#endif
