// SPDX-License-Identifier: MIT
// The controller's data: the port, ADMA2, busy cards. See sdhci.h beside.
#include <string.h>

#include "tests/mock/sdhci_private.h"

#define FOR_EVER    UINT64_MAX
#define DAT_TIMEOUT (1u << 20)

static uint64_t timeout_ns(const struct mock_sdhci *m)
{
	uint64_t hz = (m->capabilities & 0x3f) * (m->capabilities & 0x80 ? 1000000ull : 1000ull);

	return ((uint64_t)8192 << (m->clock >> 16 & 0xf)) * NSEC_PER_SEC / hz;
}

/* It stops where it is, and stays so until the lines are reset. */
static void stop(struct mock_sdhci *m, uint32_t error)
{
	m->data = m->ready = m->busy = false;
	if (error == DAT_TIMEOUT)
		mock_time_advance(timeout_ns(m));
	mock_sdhci_note(m, error);
}

/* ---- Busy cards ---- */

void mock_sdhci_busy(struct mock_sdhci *m, uint64_t ns)
{
	m->busy = true;
	m->busy_until = ns == FOR_EVER ? FOR_EVER : time_now() + ns;
	if (ns > timeout_ns(m) && m->enable & DAT_TIMEOUT)
		stop(m, DAT_TIMEOUT);
}

static bool busy_step(struct mock_sdhci *m)
{
	if (m->busy_until == FOR_EVER)
		return false;
	if (m->busy_until > time_now())
		mock_time_set(m->busy_until);
	m->busy = false;
	m->present &= ~2u;
	mock_sdhci_note(m, 2 | (mock_sdhci_fails(m, SD_FAIL_LATE) ? DAT_TIMEOUT : 0));
	return true;
}

static void end(struct mock_sdhci *m)
{
	m->data = false;
	if ((m->mode & 0xc) == 4)
		mock_sdhci_auto(m, 12, 0);
	mock_sdhci_busy(m, m->write ? m->card.busy_ns : 0);
}

/* ---- Memory ---- */

static void *reached(struct mock_sdhci *m, uint32_t address, size_t n)
{
	uint64_t at = (uint64_t)address - m->bus_offset;

	RULE(m, address >= m->bus_offset && at + n <= m->reach, "%zu bytes at %#x are out of reach",
	     n, address);
	RULE(m, address % 4 == 0, "memory at %#x", address);
	return address >= m->bus_offset && at + n <= m->reach ? mock_ram + at : mock_ram;
}

static void fetch(struct mock_sdhci *m, uint32_t address, void *buf, size_t n)
{
	void *kva = reached(m, address, n);

	if (m->coherent)
		memcpy(buf, kva, n);
	else
		mock_device_read(virt_to_phys(kva), buf, n);
}

static void store(struct mock_sdhci *m, uint32_t address, const void *buf, size_t n)
{
	void *kva = reached(m, address, n);

	if (m->coherent)
		memcpy(kva, buf, n);
	else
		mock_device_write(virt_to_phys(kva), buf, n);
}

/* The next line with something left. False: the table has ended, or makes no sense. */
static bool line_next(struct mock_sdhci *m)
{
	if (m->line.length)
		return true;
	if (m->line.attributes & 2) {
		mock_sdhci_violation(m, "a table shorter than the transfer");
		return false;
	}
	fetch(m, m->next_line, &m->line, 8);
	m->next_line += 8;
	RULE(m, (m->line.attributes & 0x39) == 0x21 && m->line.length && m->line.length % 4 == 0,
	     "a descriptor %#x of %u bytes", m->line.attributes, m->line.length);
	return m->line.length;
}

static void dma_move(struct mock_sdhci *m, uint8_t *buf, unsigned n)
{
	while (n && line_next(m)) {
		unsigned piece = MIN(n, m->line.length);

		if (m->write)
			fetch(m, m->line.address, buf, piece);
		else
			store(m, m->line.address, buf, piece);
		buf += piece;
		n -= piece;
		m->line.length = (uint16_t)(m->line.length - piece);
		m->line.address += piece;
	}
}

/* ---- Blocks ---- */

/* The failures of this block. True: the transfer has stopped. */
static bool block_fails(struct mock_sdhci *m)
{
	static const struct {
		enum mock_sd_failure kind;
		uint32_t bit;
	} kinds[] = { { SD_FAIL_DAT_TIMEOUT, 20 },
		      { SD_FAIL_DAT_CRC, 21 },
		      { SD_FAIL_DAT_END, 22 },
		      { SD_FAIL_CURRENT, 23 },
		      { SD_FAIL_ADMA, 25 } };

	if (m->nth++ != m->fail.block)
		return false;
	for (unsigned i = 0; i < ARRAY_SIZE(kinds); i++)
		if (mock_sdhci_fails(m, kinds[i].kind)) {
			stop(m, 1u << kinds[i].bit);
			return true;
		}
	if (m->nth > 1 && mock_sdhci_fails(m, SD_FAIL_REMOVAL)) {
		mock_sdhci_remove(m);
		m->data = false;
		return true;
	}
	return false;
}

static bool card_moves(struct mock_sdhci *m)
{
	bool moved = m->write ? mock_sdcard_write(&m->card, m->buffer, m->size)
			      : mock_sdcard_read(&m->card, m->buffer, m->size);

	if (!moved)
		stop(m, DAT_TIMEOUT);
	return moved;
}

static void dma_run(struct mock_sdhci *m)
{
	m->dma_transfers++;
	m->next_line = m->table;
	memset(&m->line, 0, sizeof(m->line));
	for (; m->blocks_left; m->blocks_left--) {
		if (block_fails(m))
			return;
		if (m->write)
			dma_move(m, m->buffer, m->size);
		if (!card_moves(m))
			return;
		if (!m->write)
			dma_move(m, m->buffer, m->size);
	}
	RULE(m, m->line.length == 0 && m->line.attributes & 2, "a table longer than the transfer");
	end(m);
}

static bool port_step(struct mock_sdhci *m)
{
	if (m->ready)
		return false;
	if (m->blocks_left == 0) {
		end(m);
		return true;
	}
	if (block_fails(m) || (!m->write && !card_moves(m)))
		return true;
	m->ready = true;
	m->nbuffer = 0;
	mock_sdhci_note(m, m->write ? 1u << 4 : 1u << 5);
	return true;
}

bool mock_sdhci_data_step(struct mock_sdhci *m)
{
	if (m->busy)
		return busy_step(m);
	if (!m->data)
		return false;
	if (!(m->mode & 1))
		return port_step(m);
	dma_run(m);
	return true;
}

/* A whole block went through the port. */
static void port_turn(struct mock_sdhci *m)
{
	m->ready = false;
	m->port_blocks++;
	m->blocks_left--;
	if (m->write && !card_moves(m))
		return;
	if (m->eager && m->blocks_left)
		(void)port_step(m);
}

uint32_t mock_sdhci_port_read(struct mock_sdhci *m)
{
	uint32_t word = 0;

	RULE(m, m->ready && !m->write, "the port is read when nothing is there");
	if (!m->ready)
		return 0;
	memcpy(&word, m->buffer + m->nbuffer, 4);
	m->nbuffer += 4;
	if (m->nbuffer == m->size)
		port_turn(m);
	return word;
}

void mock_sdhci_port_write(struct mock_sdhci *m, uint32_t value)
{
	RULE(m, m->ready && m->write, "the port is written when nothing is wanted");
	if (!m->ready)
		return;
	memcpy(m->buffer + m->nbuffer, &value, 4);
	m->nbuffer += 4;
	if (m->nbuffer == m->size)
		port_turn(m);
}

/* ---- The beginning ---- */

static void check_data(struct mock_sdhci *m, const struct mock_sd_answer *a)
{
	unsigned automatic = m->mode >> 2 & 3, count = m->block >> 16;

	RULE(m, (m->mode >> 4 & 1) == !a->write && (m->mode >> 5 & 1) == a->many,
	     "mode %#x of command %u", m->mode & 0xffff, m->index);
	RULE(m, (m->block & 0xfff) == a->block && !(m->block & 0xf000) && count, "blocks %#x",
	     m->block);
	RULE(m, a->many ? (m->mode & 2) && count > 1 : count == 1, "%u blocks by mode %#x", count,
	     m->mode & 0xffff);
	RULE(m, a->many ? automatic == 1 || automatic == 2 : !automatic,
	     "nobody ends it, or somebody: mode %#x", m->mode & 0xffff);
	RULE(m, automatic != 2 || (m->version >= 2 && m->card.cmd23 && m->argument2 == count),
	     "CMD23 of %u, blocks %u", m->argument2, count);
	RULE(m, (m->control >> 1 & 1) == m->card.lines4, "lines as the card has not");
	RULE(m, mock_sdhci_hz(m) <= 25000000 || m->control & 4,
	     "fast, and the controller does not know");
	RULE(m, !(m->mode & 1) || (m->control & 0x18) == 0x10, "DMA that is not chosen");
}

void mock_sdhci_data(struct mock_sdhci *m, const struct mock_sd_answer *a)
{
	if (a->block == 0) {
		stop(m, DAT_TIMEOUT); /* the card does not do it */
		return;
	}
	check_data(m, a);
	m->data = true;
	m->write = a->write;
	m->ready = false;
	m->size = a->block;
	m->blocks_left = a->many ? m->block >> 16 : 1;
	m->nth = 0;
}
