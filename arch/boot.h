// SPDX-License-Identifier: MIT
/*
 * What kernel/main.c asks of the architecture while the machine comes up, in this order. Boot CPU,
 * interrupts off, nothing else runs.
 */
#ifndef ARCH_BOOT_H
#define ARCH_BOOT_H

#include "kernel/lib/types.h"

/* Maps [pa, pa+size) for good before RAM is known: memory read-only, or a device's registers. NULL:
 * no tables or no room left. */
void *boot_map(phys_addr_t pa, size_t size, bool device);
/* Where the kernel image lies, its pool of tables included. */
void boot_image_range(phys_addr_t *base, uint64_t *size);
/* All RAM that memblock knows, at its place in the linear map. No more boot_map afterwards. */
void boot_map_ram(void);
/* After memblock_hand_over(): what the pool still holds becomes ordinary memory. */
void boot_release_rest(void);
/* CPU features, address space identifiers; the task that boots gets its stack's address. */
struct task;
void arch_init(struct task *boot_task);

/* Text for the emulator's console, when there is one (semihosting); false: there is none. Any
 * context. */
bool emulator_present(void);
void emulator_write(const char *s, size_t n);

/* Registers and back trace of this CPU, through the log: for panic(). */
void arch_panic_dump(void);
/* Stops this CPU for good. */
NORETURN void arch_cpu_stop(void);
/* How other CPUs are started and the machine is turned off, from the device tree. */
void arch_power_init(void);

#endif
