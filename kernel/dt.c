// SPDX-License-Identifier: MIT
/*
 * The flattened device tree: everything the kernel knows of its board. The boot loader leaves a
 * blob somewhere in RAM (Devicetree Specification 0.4, chapter 5); it is checked whole before
 * anything believes it, read through a boot window until RAM is mapped, and then copied, without
 * padding, to memory of its own. Nodes are named by libfdt's offsets.
 */
#include "kernel/dt.h"

#include <libfdt.h>

#include "arch/boot.h"
#include "arch/hw.h"
#include "kernel/driver.h"
#include "kernel/lib/string.h"
#include "kernel/log.h"
#include "mm/memblock.h"

/* The boot protocol says 2 MB, but emulators pad what they are given. */
#define DT_MAX_SIZE (16u << 20)
#define HOLES_MAX   16

static const void *blob;
static phys_addr_t blob_pa; /* where the boot loader left it */
static char cmdline[2048];

/* RAM that must not even be mapped (reserved-memory with no-map). */
static struct memblock_range holes[HOLES_MAX];
static unsigned hole_count;

static bool initrd_bad;

const void *dt_blob(void)
{
	return blob;
}

const char *dt_cmdline(void)
{
	return cmdline;
}

const void *dt_chosen(const char *name, int *len)
{
	int node = blob ? fdt_path_offset(blob, "/chosen") : -1;

	return node < 0 ? NULL : fdt_getprop(blob, node, name, len);
}

const char *dt_open(phys_addr_t pa)
{
	size_t offset = pa & ~PAGE_MASK, size;
	const char *window;
	int len;
	const char *args;

	if (pa == 0 || !IS_ALIGNED(pa, (phys_addr_t)8))
		return "the boot loader gave no device tree";
	window = boot_map(pa - offset, 2 * PAGE_SIZE, false);
	if (!window || fdt_check_header(window + offset) != 0)
		return "no device tree where the boot loader says";
	size = fdt_totalsize(window + offset);
	if (size > DT_MAX_SIZE)
		return "the device tree is larger than 16 MB";
	window = boot_map(pa - offset, ALIGN_UP(offset + size, PAGE_SIZE), false);
	if (!window)
		return "no room to map the device tree";
	if (fdt_check_full(window + offset, size) != 0)
		return "the device tree is damaged";
	blob = window + offset;
	blob_pa = pa;
	args = dt_chosen("bootargs", &len);
	if (args && len > 0)
		string_copy(cmdline, args, MIN((size_t)len, sizeof(cmdline)));
	return NULL;
}

/* The bytes up to the end of the last block: what totalsize would be without padding. */
static size_t used_size(void)
{
	size_t end = fdt_off_dt_struct(blob) + fdt_size_dt_struct(blob);

	end = MAX(end, fdt_off_dt_strings(blob) + fdt_size_dt_strings(blob));
	/* The reservation block comes first in version 17 blobs; if not, keep all. */
	return fdt_off_mem_rsvmap(blob) > end ? fdt_totalsize(blob) : end;
}

void dt_relocate(void)
{
	size_t used = used_size(), size;
	phys_addr_t pa;
	void *copy;

	size = ALIGN_UP(used, PAGE_SIZE);
	pa = memblock_alloc(size, PAGE_SIZE);
	if (!pa)
		panic("no memory for the device tree");
	copy = phys_to_virt(pa);
	memcpy(copy, blob, used);
	fdt_set_totalsize(copy, (uint32_t)used);
	blob = copy;
}

/* ---- Memory ---- */

/* True, and said, when [base, base+size) has no end, not even after rounding to pages. */
static bool wraps(const char *what, uint64_t base, uint64_t size)
{
	if (size <= UINT64_MAX - PAGE_SIZE && base <= UINT64_MAX - PAGE_SIZE - size)
		return false;
	log_error("device tree: %s: %#llx bytes at %#llx: ignored", what ? what : "?",
		  (unsigned long long)size, (unsigned long long)base);
	return true;
}

/*
 * The i-th (address, size) pair of a node's reg, in its parent's cells, untranslated; false past
 * the last. A pair of no size, as boot loaders leave where they filled nothing in, or one that runs
 * over the end of addresses, which is said, comes back with size 0: the others count.
 */
static bool reg_pair(int node, int parent, unsigned i, uint64_t *base, uint64_t *size)
{
	int ac = dt_address_cells(parent), sc = dt_size_cells(parent), len;
	const fdt32_t *reg = fdt_getprop(blob, node, "reg", &len);
	int entry = ac + sc;

	if (!reg || ac < 1 || ac > 2 || sc < 1 || sc > 2 || (int64_t)(i + 1) * entry * 4 > len)
		return false;
	*base = dt_read_cells(reg + i * (unsigned)entry, ac);
	*size = dt_read_cells(reg + i * (unsigned)entry + ac, sc);
	if (!wraps(fdt_get_name(blob, node, NULL), *base, *size))
		return true;
	*size = 0;
	return true;
}

/* Adds RAM without the holes in it. */
static int add_ram(uint64_t base, uint64_t size)
{
	for (unsigned i = 0; i < hole_count; i++) {
		uint64_t hole = holes[i].base, hole_end = hole + holes[i].size, end = base + size;

		if (hole >= end || hole_end <= base)
			continue;
		if (hole_end < end && add_ram(hole_end, end - hole_end) != 0)
			return -1;
		if (hole <= base)
			return 0;
		size = hole - base;
	}
	return memblock_add_ram(base, size);
}

static bool hole_add(uint64_t base, uint64_t size)
{
	uint64_t first = base & PAGE_MASK;

	if (hole_count == HOLES_MAX)
		return false;
	holes[hole_count++] =
		(struct memblock_range){ first, ALIGN_UP(base + size, PAGE_SIZE) - first };
	return true;
}

/* Reservations may lie outside of RAM (memory of other processors, flash): they say nothing
 * then. */
static const char *scan_reserved_nodes(void)
{
	int parent = fdt_path_offset(blob, "/reserved-memory"), node;
	uint64_t base, size;

	if (parent < 0)
		return NULL;
	fdt_for_each_subnode (node, blob, parent) {
		bool no_map = fdt_getprop(blob, node, "no-map", NULL);

		for (unsigned i = 0; reg_pair(node, parent, i, &base, &size); i++)
			if (size &&
			    (no_map ? !hole_add(base, size) : memblock_reserve(base, size) != 0))
				return "too many memory reservations in the device tree";
	}
	return NULL;
}

static const char *scan_reserve_map(void)
{
	uint64_t base, size;

	for (int i = 0; i < fdt_num_mem_rsv(blob); i++)
		if (fdt_get_mem_rsv(blob, i, &base, &size) == 0 && size &&
		    !wraps("memory reservation", base, size) && memblock_reserve(base, size) != 0)
			return "too many memory reservations in the device tree";
	return NULL;
}

static const char *scan_ram(void)
{
	int node;
	uint64_t base, size;

	fdt_for_each_subnode (node, blob, 0) {
		const char *type = fdt_getprop(blob, node, "device_type", NULL);

		if (!type || strcmp(type, "memory") != 0)
			continue;
		for (unsigned i = 0; reg_pair(node, 0, i, &base, &size); i++)
			if (size && add_ram(base, size) != 0)
				return "the memory nodes of the device tree name too many pieces";
	}
	return memblock_ram_total() ? NULL : "the device tree names no memory";
}

static bool inside_ram(phys_addr_t base, uint64_t size)
{
	struct memblock_range r;

	for (unsigned i = 0; memblock_ram(i, &r); i++)
		if (base >= r.base && base - r.base < r.size && size <= r.size - (base - r.base))
			return true;
	return false;
}

/* Pages that the boot loader has put something into are memory even above the limit, if they were
 * before. */
static int keep_ram(phys_addr_t base, uint64_t size, bool was_ram)
{
	phys_addr_t first = base & PAGE_MASK;

	return was_ram ? memblock_add_ram(first, ALIGN_UP(base + size, PAGE_SIZE) - first) : 0;
}

/* mem=SIZE, as Linux has it: no more RAM than that, from the lowest address on, but for the kernel
 * and the initramfs where they are. */
static const char *limit_ram(void)
{
	char text[24];
	const char *end;
	uint64_t limit, image_size, initrd_size = 0;
	phys_addr_t image, initrd = 0;
	bool image_in, initrd_in;

	if (!cmdline_get("mem", text, sizeof(text)))
		return NULL;
	if (parse_size(text, &end, &limit) != 0 || *end) {
		log_warn("mem=%s is no size: ignored", text);
		return NULL;
	}
	boot_image_range(&image, &image_size);
	image_in = inside_ram(image, image_size);
	initrd_in = dt_initrd(&initrd, &initrd_size) && inside_ram(initrd, initrd_size);
	memblock_limit_ram(limit);
	return keep_ram(image, image_size, image_in) || keep_ram(initrd, initrd_size, initrd_in)
		       ? "mem= leaves too many pieces"
		       : NULL;
}

static bool overlaps(phys_addr_t base, uint64_t size, phys_addr_t with, uint64_t with_size)
{
	return base < with + with_size && with < base + size;
}

/* What is wrong with an initramfs there; NULL: nothing. Its frames will be given to whoever needs
 * memory. */
static const char *initrd_fault(phys_addr_t base, uint64_t size)
{
	phys_addr_t image;
	uint64_t image_size;

	boot_image_range(&image, &image_size);
	if (!inside_ram(base, size))
		return "is not in RAM";
	if (overlaps(base, size, image, image_size))
		return "overlaps the kernel";
	if (overlaps(base, size, blob_pa, used_size()))
		return "overlaps the device tree";
	return memblock_is_reserved(base, size) ? "overlaps reserved memory" : NULL;
}

/* A wrong initramfs is not read: it must not take the machine down. Before the reservation map, in
 * which boot loaders list the initramfs itself. */
static const char *scan_initrd(void)
{
	phys_addr_t base;
	uint64_t size;
	const char *fault;

	if (!dt_initrd(&base, &size))
		return NULL;
	fault = initrd_fault(base, size);
	if (fault) {
		log_error("initramfs: %#llx, %llu bytes, %s: ignored", (unsigned long long)base,
			  (unsigned long long)size, fault);
		initrd_bad = true;
		return NULL;
	}
	return memblock_reserve(base, size) != 0 ? "no room to reserve the initramfs" : NULL;
}

/* Until dt_relocate() has copied it nothing else may lie there. */
static const char *scan_blob(void)
{
	return memblock_reserve(blob_pa, used_size()) != 0 ? "no room to reserve the device tree"
							   : NULL;
}

static const char *scan_image(void)
{
	phys_addr_t base;
	uint64_t size;

	boot_image_range(&base, &size);
	if (!inside_ram(base, size))
		return "the kernel is not in the memory that the device tree names";
	return memblock_reserve(base, size) != 0 ? "no room to reserve the kernel's own memory"
						 : NULL;
}

const char *dt_memory(void)
{
	static const char *(*const steps[])(
		void) = { scan_reserved_nodes, scan_ram,   limit_ram, scan_initrd,
			  scan_reserve_map,    scan_image, scan_blob };
	const char *wrong = NULL;

	for (unsigned i = 0; i < ARRAY_SIZE(steps) && !wrong; i++)
		wrong = steps[i]();
	return wrong;
}

static bool chosen_address(const char *name, uint64_t *value)
{
	int len;
	const fdt32_t *p = dt_chosen(name, &len);

	if (!p || (len != 4 && len != 8))
		return false;
	*value = dt_read_cells(p, len / 4);
	return true;
}

bool dt_initrd(phys_addr_t *base, uint64_t *size)
{
	uint64_t start, end;

	if (initrd_bad || !chosen_address("linux,initrd-start", &start) ||
	    !chosen_address("linux,initrd-end", &end) || end == start)
		return false;
	if (end < start) {
		log_error("initramfs: ends before it begins: ignored");
		initrd_bad = true;
		return false;
	}
	*base = start;
	*size = end - start;
	return true;
}

/* ---- /chosen and /cpus ---- */

int dt_stdout(void)
{
	int len;
	const char *path = dt_chosen("stdout-path", &len);
	char name[128];
	char *options;

	if (!path || len <= 0)
		return -1;
	string_copy(name, path, MIN((size_t)len, sizeof(name)));
	options = strchr(name, ':'); /* "serial0:115200n8" */
	if (options)
		*options = '\0';
	return fdt_path_offset(blob, name);
}

static bool cpu_usable(int node)
{
	const char *type = fdt_getprop(blob, node, "device_type", NULL);
	const char *status = fdt_getprop(blob, node, "status", NULL);
	const char *method = fdt_getprop(blob, node, "enable-method", NULL);

	if (!type || strcmp(type, "cpu") != 0)
		return false;
	/* "disabled" CPUs with an enable-method are ones to be started (Devicetree
	 * Specification, 3.8.1). */
	return !status || strcmp(status, "okay") == 0 || strcmp(status, "ok") == 0 ||
	       (method && strcmp(status, "disabled") == 0);
}

bool dt_cpu(unsigned i, struct dt_cpu *cpu)
{
	int cpus = fdt_path_offset(blob, "/cpus"), node, len;

	if (cpus < 0)
		return false;
	fdt_for_each_subnode (node, blob, cpus) {
		const fdt32_t *p;
		const char *method;

		if (!cpu_usable(node) || i-- != 0)
			continue;
		p = fdt_getprop(blob, node, "reg", &len);
		cpu->mpidr = p && (len == 4 || len == 8) ? dt_read_cells(p, len / 4) : UINT64_MAX;
		method = fdt_getprop(blob, node, "enable-method", NULL);
		cpu->psci = method && strcmp(method, "psci") == 0;
		p = fdt_getprop(blob, node, "cpu-release-addr", &len);
		cpu->release_addr =
			method && strcmp(method, "spin-table") == 0 && p && (len == 4 || len == 8)
				? dt_read_cells(p, len / 4)
				: 0;
		return true;
	}
	return false;
}

/* ---- Command line ---- */

/* The end of the word that begins at s: blanks inside double quotes belong to it. */
static const char *word_end(const char *s)
{
	bool quoted = false;

	for (; *s && (quoted || (*s != ' ' && *s != '\t')); s++)
		if (*s == '"')
			quoted = !quoted;
	return s;
}

bool cmdline_get(const char *name, char *value, size_t size)
{
	size_t n = strlen(name);
	bool found = false;

	/* The last one wins. */
	for (const char *s = cmdline; *s;) {
		const char *end = word_end(s), *v = s + n;

		if (strncmp(s, name, n) == 0 && (v == end || *v == '=')) {
			size_t len;

			found = true;
			v += v != end;
			if (v < end && *v == '"' && end[-1] == '"' && end - v >= 2) {
				string_copy(value, v + 1, MIN(size, (size_t)(end - v) - 1));
			} else {
				len = (size_t)(end - v);
				string_copy(value, v, MIN(size, len + 1));
			}
		}
		s = end;
		while (*s == ' ' || *s == '\t')
			s++;
	}
	return found;
}
