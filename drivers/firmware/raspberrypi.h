// SPDX-License-Identifier: MIT
// Questions to the VideoCore's firmware of a Raspberry Pi, for other drivers.
#ifndef DRIVERS_FIRMWARE_RASPBERRYPI_H
#define DRIVERS_FIRMWARE_RASPBERRYPI_H

#include "kernel/lib/types.h"

/* Clocks by the firmware's numbers. */
enum vc_clock { VC_CLOCK_EMMC = 1, VC_CLOCK_UART = 2, VC_CLOCK_CORE = 4, VC_CLOCK_EMMC2 = 12 };

/* A clock's rate in Hz; 0: unknown, or no such firmware. Task context, may sleep. */
uint32_t vc_clock_rate(enum vc_clock clock);

#endif
