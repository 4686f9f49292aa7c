// SPDX-License-Identifier: MIT
// What swapstat's two files share.
#ifndef INIT_SWAPSTAT_H
#define INIT_SWAPSTAT_H

#include <stdbool.h>

/* The map of area number `area`: segments in rows, how worn each is beside the most worn one, and
 * what it is for. rated: erases that each is good for. */
void swapstat_map(unsigned area, unsigned rated, bool colours);

#endif
