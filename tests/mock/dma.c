// SPDX-License-Identifier: MIT
/*
 * A device that is not coherent with the CPUs' caches: it sees a second copy of RAM. hw_dma_clean()
 * copies dirty lines from the CPUs' view to the device's, hw_dma_invalidate() goes the other way;
 * nothing else ever does. A third copy is what the CPUs' view was when the two last met: what
 * differs from it is dirty. What the architecture leaves to chance is decided against the driver: a
 * dirty line is written back at the worst moment, a clean one is never refilled.
 */
#include <string.h>
#include <sys/mman.h>

#include "tests/mock/dma.h"
#include "tests/mock/private.h"

#define LINE 64

static char *device_ram, *met;
static size_t device_size;

static char *arena(void)
{
	char *p = mmap(NULL, device_size, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	assert_true(p != MAP_FAILED);
	return p;
}

void mock_dma_reset(void)
{
	if (device_ram) {
		munmap(device_ram, device_size);
		munmap(met, device_size);
	}
	device_size = mock_options.ram;
	device_ram = arena();
	met = arena();
}

static bool dirty(size_t start, size_t n)
{
	return memcmp(met + start, mock_ram + start, n) != 0;
}

static size_t offset_of(const void *kva, size_t n)
{
	size_t offset = (size_t)((const char *)kva - mock_ram);

	assert_true((const char *)kva >= mock_ram && offset + n <= mock_options.ram);
	return offset;
}

void hw_dma_clean(const void *kva, size_t n)
{
	size_t start = ALIGN_DOWN(offset_of(kva, n), (size_t)LINE);
	size_t end = ALIGN_UP(offset_of(kva, n) + n, (size_t)LINE);

	/* A clean line is not written back, however old it is. */
	for (; start < end; start += LINE)
		if (dirty(start, LINE)) {
			memcpy(device_ram + start, mock_ram + start, LINE);
			memcpy(met + start, mock_ram + start, LINE);
		}
}

/* Lines only partly in the range are cleaned first, as the contract says: their other bytes belong
 * to somebody else. */
void hw_dma_invalidate(void *kva, size_t n)
{
	size_t start = offset_of(kva, n);

	memcpy(mock_ram + start, device_ram + start, n);
	memcpy(met + start, device_ram + start, n);
}

void mock_device_read(phys_addr_t pa, void *buf, size_t n)
{
	size_t start = offset_of(phys_to_virt(pa), n);

	if (dirty(start, n))
		mock_violation(MOCK_RULE_DMA,
			       "a device reads %zu bytes at %#llx that were not cleaned", n,
			       (unsigned long long)pa);
	memcpy(buf, device_ram + start, n);
}

void mock_device_write(phys_addr_t pa, const void *buf, size_t n)
{
	size_t start = offset_of(phys_to_virt(pa), n);

	if (dirty(start, n))
		mock_violation(
			MOCK_RULE_DMA,
			"a device writes %zu bytes at %#llx under dirty lines: invalidate first", n,
			(unsigned long long)pa);
	memcpy(device_ram + start, buf, n);
}
