// SPDX-License-Identifier: MIT
/*
 * PSCI (Arm DEN 0022D): function number in w0, arguments in x1..x3, by HVC or SMC as the device
 * tree's /psci/method says. 0.2 and later have fixed function numbers; 0.1 has them in the device
 * tree and knows neither off nor reset.
 */
#include "arch/arm64/psci.h"

#include <libfdt.h>

#include "kernel/dt.h"
#include "kernel/errno.h"
#include "kernel/lib/string.h"
#include "kernel/log.h"

#define PSCI_CPU_ON_64    0xc4000003u
#define PSCI_SYSTEM_OFF   0x84000008u
#define PSCI_SYSTEM_RESET 0x84000009u

#define PSCI_INVALID_PARAMETERS (-2)
#define PSCI_ALREADY_ON         (-4)

static enum { CONDUIT_NONE, CONDUIT_HVC, CONDUIT_SMC } conduit;
static uint32_t fn_cpu_on, fn_off, fn_reset; /* 0: not there */

static int64_t psci_call(uint32_t fn, uint64_t a1, uint64_t a2, uint64_t a3)
{
	register uint64_t x0 __asm__("x0") = fn;
	register uint64_t x1 __asm__("x1") = a1;
	register uint64_t x2 __asm__("x2") = a2;
	register uint64_t x3 __asm__("x3") = a3;

	/* SMC Calling Convention (DEN 0028): x4..x17 may change as well. */
	if (conduit == CONDUIT_HVC)
		__asm__ volatile("hvc #0"
				 : "+r"(x0), "+r"(x1), "+r"(x2), "+r"(x3)
				 :
				 : "x4", "x5", "x6", "x7", "x8", "x9", "x10", "x11", "x12", "x13",
				   "x14", "x15", "x16", "x17", "memory");
	else
		__asm__ volatile("smc #0"
				 : "+r"(x0), "+r"(x1), "+r"(x2), "+r"(x3)
				 :
				 : "x4", "x5", "x6", "x7", "x8", "x9", "x10", "x11", "x12", "x13",
				   "x14", "x15", "x16", "x17", "memory");
	return (int64_t)(int32_t)x0;
}

static uint32_t function_property(int node, const char *name)
{
	int len;
	const fdt32_t *p = fdt_getprop(dt_blob(), node, name, &len);

	return p && len == 4 ? fdt32_to_cpu(*p) : 0;
}

bool psci_init(void)
{
	const void *fdt = dt_blob();
	int node = fdt_node_offset_by_compatible(fdt, -1, "arm,psci-0.2");
	const char *method;

	if (node < 0)
		node = fdt_node_offset_by_compatible(fdt, -1, "arm,psci-1.0");
	if (node >= 0) {
		fn_cpu_on = PSCI_CPU_ON_64;
		fn_off = PSCI_SYSTEM_OFF;
		fn_reset = PSCI_SYSTEM_RESET;
	} else {
		node = fdt_node_offset_by_compatible(fdt, -1, "arm,psci");
		if (node < 0)
			return false;
		fn_cpu_on = function_property(node, "cpu_on");
	}
	method = fdt_getprop(fdt, node, "method", NULL);
	if (method && strcmp(method, "hvc") == 0)
		conduit = CONDUIT_HVC;
	else if (method && strcmp(method, "smc") == 0)
		conduit = CONDUIT_SMC;
	else
		log_error("psci: no method in the device tree");
	return conduit != CONDUIT_NONE;
}

int psci_cpu_on(uint64_t mpidr, phys_addr_t entry, uint64_t context)
{
	if (conduit == CONDUIT_NONE || !fn_cpu_on)
		return -ENODEV;
	switch (psci_call(fn_cpu_on, mpidr, entry, context)) {
	case 0: return 0;
	case PSCI_ALREADY_ON: return -EEXIST;
	case PSCI_INVALID_PARAMETERS: return -EINVAL;
	default: return -EIO;
	}
}

void psci_system_off(void)
{
	if (conduit != CONDUIT_NONE && fn_off)
		psci_call(fn_off, 0, 0, 0);
}

void psci_system_reset(void)
{
	if (conduit != CONDUIT_NONE && fn_reset)
		psci_call(fn_reset, 0, 0, 0);
}
