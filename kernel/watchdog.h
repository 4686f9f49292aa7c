// SPDX-License-Identifier: MIT
/*
 * A timer of the board that resets the machine when nobody sets it back: how boards without such
 * firmware calls are reset and turned off, and, with `watchdog=SECONDS`, what ends a kernel that
 * panics or hangs.
 */
#ifndef KERNEL_WATCHDOG_H
#define KERNEL_WATCHDOG_H

#include "kernel/lib/types.h"

/* What a driver offers. Each any context, a few register writes. */
struct watchdog {
	const char *name;
	uint32_t max_ms;
	/* The machine is reset so much later, 1..max_ms, unless this is called again before. */
	void (*arm)(uint32_t ms);
	/* Nothing happens any more. */
	void (*disarm)(void);
	/* The next reset does not start the machine again: the board stays off. */
	void (*stay_off)(void);
};

/* By a driver's probe: for good. 0, or -EBUSY: there is one. */
int watchdog_register(const struct watchdog *w) MUST_CHECK;
/* Begins to supervise when the command line wants it; after all CPUs have started. Task context. */
void watchdog_start(void);
/* The machine is being supervised. */
bool watchdog_supervises(void);
/* Resets the machine in a moment, or turns it off: true. False: there is none that could. Any
 * context. */
bool watchdog_end(bool stay_off);

#endif
