// SPDX-License-Identifier: MIT
// The firmware that a driver has found, for /proc/cpuinfo and /sys/class/thermal.
#include "kernel/firmware.h"

#include "kernel/errno.h"
#include "kernel/lib/atomic.h"

static const struct firmware *firmware;

int firmware_register(const struct firmware *f)
{
	const struct firmware *none = NULL;

	return atomic_compare_exchange(&firmware, &none, f) ? 0 : -EBUSY;
}

const struct firmware *firmware_get(void)
{
	return atomic_load_acquire(&firmware);
}
