// SPDX-License-Identifier: MIT
// The mtdparts= argument of the command line, in the form Linux documents for it (drivers'
// cmdlinepart).
#ifndef DRIVERS_FLASH_MTDPARTS_H
#define DRIVERS_FLASH_MTDPARTS_H

#include "kernel/lib/types.h"

#define MTDPARTS_NAME_MAX 31

struct mtdpart {
	uint64_t offset, size;
	char name[MTDPARTS_NAME_MAX + 1];
	bool read_only;
};

struct mtdparts_error {
	const char *what; /* for people */
	size_t where;     /* offset in the text */
};

/* The parts that text gives to `chip`, of chip_size bytes, in the order written: their number, 0
 * when it says nothing about the chip. All of text is checked. -EINVAL: syntax, a part outside the
 * chip or over another one, more than max: *error says which. No context needed. */
int mtdparts_parse(const char *text, const char *chip, uint64_t chip_size, struct mtdpart *parts,
		   unsigned max, struct mtdparts_error *error) MUST_CHECK;

#endif
