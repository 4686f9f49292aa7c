// SPDX-License-Identifier: MIT
/*
 * The device tree at boot. libfdt is used as Debian compiles it, FP registers included, so nothing
 * here or in driver.h may be called once user tasks run (cmdline_get excepted, which reads a copy).
 */
#ifndef KERNEL_DT_H
#define KERNEL_DT_H

#include "kernel/lib/types.h"

/* Maps and checks the blob at pa. NULL, or what is wrong with it (then there is no blob). */
const char *dt_open(phys_addr_t pa);
/* Tells memblock what RAM there is and what of it is taken. NULL, or what is wrong. */
const char *dt_memory(void);
/* Moves the blob, without its padding, to memory of its own in the linear map. */
void dt_relocate(void);
/* The blob for libfdt; NULL: none. */
const void *dt_blob(void);

/* The initramfs' place; false: there is none. */
bool dt_initrd(phys_addr_t *base, uint64_t *size);
/* The kernel command line, "" when there is none. For good. */
const char *dt_cmdline(void);
/* A property of /chosen, or NULL. */
const void *dt_chosen(const char *name, int *len);
/* The node that /chosen's stdout-path names, or negative. */
int dt_stdout(void);

/* The node's property of one cell; otherwise: there is none. The blob's word: any number. */
int dt_number(int node, const char *name, int otherwise);
/* Cells that an address, or a size, has in the children of a node (dt_cells.c): whatever the blob
 * says. */
int dt_address_cells(int node);
int dt_size_cells(int node);
/* The number in n cells; more than two: the last two. */
uint64_t dt_read_cells(const void *cells, int n);

struct dt_cpu {
	uint64_t mpidr; /* affinity fields */
	uint64_t
		release_addr; /* spin table: where to write the entry address; 0: not that method */
	bool psci;
};
/* The i-th usable CPU node; false past the last. */
bool dt_cpu(unsigned i, struct dt_cpu *cpu);

enum driver_stage;
/* Calls the matching drivers' probes for every enabled node. */
void drivers_probe(enum driver_stage stage);

#endif
