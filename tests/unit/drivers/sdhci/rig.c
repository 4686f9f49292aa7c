// SPDX-License-Identifier: MIT
// What rig.h offers.
#include <stdlib.h>
#include <string.h>

#include "kernel/block_internal.h"
#include "mm/memblock.h"
#include "tests/mock/block_layer.h"
#include "tests/unit/drivers/sdhci/rig.h"

struct mock_sdhci m;
char *memory;

/* Devices are registered for good: those of earlier tests stay in the list. */
struct sd_disk *disk;
static struct sd_disk *disks[4000];
static unsigned ndisks;
static bool in_thread;

bool memblock_ram(unsigned i, struct memblock_range *r)
{
	*r = (struct memblock_range){ MOCK_RAM_BASE, mock_options.ram };
	return i == 0;
}

void others(void)
{
	if (mock_sdhci_run(&m)) {
		m.interrupts++;
		assert_true(sdhci_interrupt(&disk->host));
		assert_false(m.status & m.signal); /* or it would come for ever */
	}
	if (in_thread || !disk->device.queue)
		return;
	in_thread = true;
	mock_block_turns(&disk->device);
	in_thread = false;
}

static void microsecond(void)
{
	mock_time_advance(NSEC_PER_USEC);
}

void fill(void)
{
	for (size_t i = 0; i < m.card.sectors * 512; i++)
		m.card.cells[i] = (uint8_t)(i / 512 * 7 + i);
	memset(m.card.cells + 446, 0, 66); /* no partitions */
}

int setup(void **state)
{
	mock_setup(state);
	mock_on_block = others;
	mock_on_relax = microsecond;
	mock_time_set(SECOND);
	in_thread = false;
	memory = mock_ram + (48 << 20);
	mock_sdhci_init(&m, SECTORS);
	fill();
	return 0;
}

int teardown(void **state)
{
	mock_sdhci_free(&m);
	return mock_teardown(state);
}

int begin(void)
{
	struct sdhci *h;

	assert_true(ndisks < ARRAY_SIZE(disks));
	disk = disks[ndisks++] = calloc(1, sizeof(*disk));
	mock_time_advance(SECOND);
	h = &disk->host;
	h->bus = &m.bus;
	h->coherent = m.coherent;
	h->slow_writes = m.slow;
	h->card_detect = m.detects;
	h->reach =
		(struct dma_reach){ .base = MOCK_RAM_BASE, .bus = m.bus_offset, .size = m.reach };
	(void)snprintf(disk->device.name, sizeof(disk->device.name), "mmcblk%u", ndisks);
	disk->device.devno = ndisks * 16;
	return sd_disk_init(disk);
}

int start(void)
{
	int err = begin();

	if (err)
		return err;
	assert_int_equal(block_register(&disk->device), 0);
	m.interrupts = m.commands = m.dma_transfers = m.port_blocks = 0;
	return 0;
}

void stop(void)
{
	sd_disk_stop(disk);
	mock_time_advance(31 * SECOND); /* its queue's timer is not set any more */
}

void started(void)
{
	assert_int_equal(start(), 0);
}

int read_at(uint64_t sector, size_t n)
{
	memset(memory, 0x44, n);
	return block_transfer(&disk->device, BLOCK_READ, sector, memory, n);
}

int write_at(uint64_t sector, size_t n)
{
	memset(memory, 0x55, n);
	return block_transfer(&disk->device, BLOCK_WRITE, sector, memory, n);
}

void good(void)
{
	assert_int_equal(read_at(100, 8192), 0);
	assert_memory_equal(memory, m.card.cells + 51200, 8192);
	assert_int_equal(write_at(300, 8192), 0);
	assert_memory_equal(memory, m.card.cells + 153600, 8192);
}
