// SPDX-License-Identifier: MIT
/*
 * What a board's firmware knows of the board while the kernel runs, between the driver that asks it
 * and whoever shows it.
 */
#ifndef KERNEL_FIRMWARE_H
#define KERNEL_FIRMWARE_H

#include "kernel/lib/types.h"

struct firmware {
	uint32_t revision; /* of the board */
	uint64_t serial;
	const char *model; /* the device tree's word for it; "" */
	/* Thousandths of a degree Celsius. 0 or negative errno. May sleep. */
	int (*temperature)(int *millidegrees);
};

/* By a driver's probe: for good. 0 or -EBUSY. */
int firmware_register(const struct firmware *f) MUST_CHECK;
/* NULL: there is none that says anything. */
const struct firmware *firmware_get(void);

#endif
