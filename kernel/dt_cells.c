// SPDX-License-Identifier: MIT
/*
 * Numbers of the device tree: 32-bit big-endian cells, one or more to a number (Devicetree
 * Specification 0.4, 2.2.4). How many an address or a size has stands in the node above, and where
 * it does not, the specification's default holds (2.3.5). libfdt's own functions for this would
 * bring with them all that changes a tree.
 */
#include <libfdt.h>

#include "kernel/dt.h"

int dt_number(int node, const char *name, int otherwise)
{
	int len;
	const fdt32_t *p = fdt_getprop(dt_blob(), node, name, &len);

	return p && len == sizeof(*p) ? (int)fdt32_to_cpu(*p) : otherwise;
}

int dt_address_cells(int node)
{
	return dt_number(node, "#address-cells", 2);
}

int dt_size_cells(int node)
{
	return dt_number(node, "#size-cells", 1);
}

uint64_t dt_read_cells(const void *cells, int n)
{
	const fdt32_t *cell = cells;
	uint64_t v = 0;

	while (n-- > 0)
		v = v << 32 | fdt32_to_cpu(*cell++);
	return v;
}
