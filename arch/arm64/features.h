// SPDX-License-Identifier: MIT
// What this CPU can do beyond the base architecture, read once at boot from the ID registers.
#ifndef ARCH_ARM64_FEATURES_H
#define ARCH_ARM64_FEATURES_H

#include "kernel/lib/types.h"

struct cpu_features {
	bool pan, crc32;
	uint64_t hwcap, hwcap2;
};
extern struct cpu_features cpu_features;

/* Boot CPU, before anything asks. */
void features_init(void);
/* Each CPU once as it starts, the one that boots too: what it is. */
void features_note_cpu(unsigned cpu);

#define read_sysreg(name)                                                                          \
	({                                                                                         \
		uint64_t value_;                                                                   \
		__asm__ volatile("mrs %0, " #name : "=r"(value_));                                 \
		value_;                                                                            \
	})
#define write_sysreg(name, value)                                                                  \
	__asm__ volatile("msr " #name ", %0" : : "r"((uint64_t)(value)) : "memory")

#endif
