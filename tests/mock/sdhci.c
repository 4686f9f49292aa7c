// SPDX-License-Identifier: MIT
// The controller's registers and commands: see sdhci.h beside. Its data is in sdhci_data.c.
#include <stdlib.h>
#include <string.h>

#include "tests/mock/sdhci_private.h"

void mock_sdhci_violation(struct mock_sdhci *m, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	if (m->violations == 0)
		vsnprintf(m->what, sizeof(m->what), fmt, ap);
	va_end(ap);
	m->violations++;
	if (!m->tolerant)
		fail_msg("sdhci: %s", m->what);
}

void mock_sdhci_note(struct mock_sdhci *m, uint32_t bits)
{
	m->status |= bits & m->enable;
}

bool mock_sdhci_fails(struct mock_sdhci *m, enum mock_sd_failure kind)
{
	if (m->fail.kind != kind || m->fail.index != m->index || m->fail.times == 0)
		return false;
	if (m->fail.after) {
		m->fail.after--;
		return false;
	}
	m->fail.times--;
	return true;
}

uint32_t mock_sdhci_hz(const struct mock_sdhci *m)
{
	uint32_t base = (m->capabilities >> 8 & (m->version >= 2 ? 0xff : 0x3f)) * 1000000;
	uint32_t n = (m->clock >> 8 & 0xff) | (m->version >= 2 ? (m->clock >> 6 & 3) << 8 : 0);

	return n ? base / 2 / n : base;
}

/* ---- Commands ---- */

static const uint8_t flags_of[] = {
	[SD_SILENT] = 0x00,   [SD_GIVES_R1] = 0x1a, [SD_GIVES_R1B] = 0x1b, [SD_GIVES_R2] = 0x09,
	[SD_GIVES_R3] = 0x02, [SD_GIVES_R6] = 0x1a, [SD_GIVES_R7] = 0x1a,
};

static void check_command(struct mock_sdhci *m, uint32_t code)
{
	bool app = m->card.app && m->card.present;
	unsigned index = code >> 8 & 0x3f, flags = code & 0xff;
	enum mock_sd_kind kind = mock_sdcard_kind(app ? index | 64 : index);
	uint32_t hz = mock_sdhci_hz(m), most = m->card.state < SD_STANDBY ? 400000
					       : m->card.fast             ? 50000000
									  : 25000000;

	RULE(m, !(m->present & 1), "command %u while another is under way", index);
	RULE(m, !(m->present & 2) || !(flags & 0x20 || (flags & 3) == 3) || (flags & 0xc0) == 0xc0,
	     "command %u while data is under way", index);
	RULE(m, (m->control & 0xf00) == 0xf00, "command %u without 3.3 V", index);
	RULE(m, (m->clock & 7) == 7, "command %u without a clock", index);
	RULE(m, hz <= most || !m->card.known, "command %u at %u Hz", index, hz);
	RULE(m, (m->clock >> 16 & 0xf) <= 0xe, "a timeout code that is reserved");
	RULE(m, (flags & 0x1b) == flags_of[kind], "command %u with flags %#x", index, flags);
	RULE(m, ((flags & 0xc0) == 0xc0) == (index == 12 && !app), "command %u of type %u", index,
	     flags >> 6);
	RULE(m, !(code & ~0x3ffbu), "command bits %#x", code);
	RULE(m, !(flags & 0x20) || (m->enable & 0x17f0000) == 0x17f0000,
	     "data with errors that are not noted: %#x", m->enable);
	m->fastest = MAX(m->fastest, hz);
}

/* The four errors of a command, and removal. True: it goes no further. */
static bool command_fails(struct mock_sdhci *m)
{
	static const enum mock_sd_failure kinds[] = { SD_FAIL_CMD_TIMEOUT, SD_FAIL_CMD_CRC,
						      SD_FAIL_CMD_END, SD_FAIL_CMD_INDEX };

	for (unsigned i = 0; i < ARRAY_SIZE(kinds); i++) {
		struct mock_sd_answer a;

		if (!mock_sdhci_fails(m, kinds[i]))
			continue;
		if (kinds[i] != SD_FAIL_CMD_TIMEOUT) /* the card heard it */
			mock_sdcard_command(&m->card, m->index, m->argument, &a);
		memset(m->answer, 0x5a, sizeof(m->answer));
		mock_sdhci_note(m, 0x10000u << i);
		return true;
	}
	if (mock_sdhci_fails(m, SD_FAIL_SILENCE)) {
		m->silent = true;
		return true;
	}
	if (m->fail.block == 0 && mock_sdhci_fails(m, SD_FAIL_REMOVAL))
		mock_sdhci_remove(m);
	return false;
}

static void answer_put(struct mock_sdhci *m, const struct mock_sd_answer *a)
{
	if (a->kind == SD_GIVES_R2)
		memcpy(m->answer, a->words, sizeof(m->answer));
	else if (a->kind != SD_SILENT)
		m->answer[0] = a->words[0];
	if (mock_sdhci_fails(m, SD_FAIL_STATUS))
		m->answer[0] |= m->fail.bits;
}

/* An own command before or behind the one that the driver sent. */
void mock_sdhci_auto(struct mock_sdhci *m, unsigned index, uint32_t argument)
{
	struct mock_sd_answer a;

	mock_sdcard_command(&m->card, index, argument, &a);
	if (a.kind == SD_SILENT || mock_sdhci_fails(m, SD_FAIL_AUTO_CMD)) {
		m->present |= 1;
		mock_sdhci_note(m, 1u << 24);
		return;
	}
	if (index == 12)
		m->answer[3] = a.words[0];
}

static void carry_out(struct mock_sdhci *m)
{
	bool wants_data = m->mode >> 16 & 0x20, failed;
	struct mock_sd_answer a;

	m->pending = false;
	m->commands++;
	if (command_fails(m))
		return;
	if (wants_data && (m->mode & 0xc) == 8)
		mock_sdhci_auto(m, 23, m->argument2);
	mock_sdcard_command(&m->card, m->index, m->argument, &a);
	failed = a.kind == SD_SILENT && m->index != 0;
	RULE(m, failed || (a.block != 0) == wants_data || !a.block,
	     "command %u with data that nobody takes", m->index);
	if (failed) {
		mock_sdhci_note(m, 1u << 16);
		return;
	}
	answer_put(m, &a);
	m->present &= ~1u;
	mock_sdhci_note(m, 1);
	if (wants_data)
		mock_sdhci_data(m, &a);
	else if (a.kind == SD_GIVES_R1B)
		mock_sdhci_busy(m, m->index == 38 ? m->card.busy_ns : 0);
}

static void command_write(struct mock_sdhci *m, uint32_t value)
{
	uint32_t code = value >> 16;

	check_command(m, code);
	m->mode = value;
	m->index = code >> 8 & 0x3f;
	m->present |= 1 | ((code & 0x20 || (code & 3) == 3) ? 2u : 0);
	m->pending = true;
	m->silent = false;
}

/* ---- Registers ---- */

static struct mock_sdhci *of(const struct sdhci_bus *bus)
{
	return container_of((struct sdhci_bus *)(uintptr_t)bus, struct mock_sdhci, bus);
}

static uint32_t present_now(const struct mock_sdhci *m)
{
	bool card = m->detects && m->card.present;

	return m->present | (card ? 7u << 16 : 2u << 16) | (m->switch_protects ? 0 : 1u << 19) |
	       0x1f00000 | (m->ready ? m->write ? 1u << 10 : 1u << 11 : 0);
}

static uint32_t bus_read(const struct sdhci_bus *bus, size_t offset)
{
	struct mock_sdhci *m = of(bus);

	RULE(m, offset % 4 == 0, "register %#zx is read", offset);
	switch (offset) {
	case 0x10:
	case 0x14:
	case 0x18:
	case 0x1c: return m->answer[(offset - 0x10) / 4];
	case 0x20: return mock_sdhci_port_read(m);
	case 0x24: return present_now(m);
	case 0x28: return m->control;
	case 0x2c: return m->clock;
	case 0x30: return m->status | (m->status >> 16 ? 1u << 15 : 0);
	case 0x34: return m->enable;
	case 0x38: return m->signal;
	case 0x40: return m->capabilities;
	case 0xfc: return m->version << 16 | 0x99000000;
	default: mock_sdhci_violation(m, "register %#zx is not one to read", offset); return 0;
	}
}

static void reset_all(struct mock_sdhci *m)
{
	m->argument2 = m->block = m->argument = m->mode = m->control = 0;
	m->clock &= 0xff000000;
	m->status = m->enable = m->signal = m->table = 0;
	m->resets++;
	mock_sdcard_power(&m->card, false);
}

static void reset_write(struct mock_sdhci *m, uint32_t value)
{
	uint32_t what = value >> 24;
	bool sticks = what & 1 ? m->no_reset : m->no_line_reset;

	if (!what)
		return;
	if (sticks) {
		m->clock |= what << 24;
		return;
	}
	if (what & 1)
		reset_all(m);
	else
		m->line_resets++;
	if (what & 3) {
		m->present &= ~1u;
		m->pending = m->silent = false;
		m->status &= ~1u;
	}
	if (what & 5) {
		m->present &= ~2u;
		m->busy = m->data = m->ready = false;
		m->status &= ~0x32u;
	}
}

static void clock_write(struct mock_sdhci *m, uint32_t value)
{
	uint32_t low = value & 0xffff;

	RULE(m, !(m->clock & 4) || ((low ^ m->clock) & 0xffc0) == 0 || value >> 24 & 1,
	     "the clock changes while it runs");
	RULE(m, !(low & 4) || m->clock & 2, "the card's clock before it is stable");
	m->clock = value & 0xfffff;
	if (value & 1 && !m->no_stable_clock)
		m->clock |= 2;
	if (low & 4 && m->control & 0x100 && mock_sdhci_hz(m) <= 400000)
		m->card.known |= m->card.present;
	reset_write(m, value);
}

static void control_write(struct mock_sdhci *m, uint32_t value)
{
	RULE(m, !(value & 0xfffff0e1), "control %#x", value);
	RULE(m, (value & 0x18) == 0 || ((value & 0x18) == 0x10 && m->capabilities >> 19 & 1),
	     "a DMA that it has not");
	RULE(m, !(value & 4) || m->card.fast, "high speed that the card has not");
	m->control = value;
}

static void bus_write(const struct sdhci_bus *bus, size_t offset, uint32_t value)
{
	struct mock_sdhci *m = of(bus);
	uint64_t gap = time_now() - m->written, hz = m->clock & 4 ? mock_sdhci_hz(m) : 400000;

	RULE(m, offset % 4 == 0, "register %#zx is written", offset);
	if (offset == 0x20) {
		mock_sdhci_port_write(m, value);
		return;
	}
	RULE(m, !m->slow || gap * hz >= 4 * NSEC_PER_SEC,
	     "register %#zx is written %llu ns after another", offset, (unsigned long long)gap);
	m->written = time_now();
	RULE(m, !(m->present & 2) || (offset != 0 && offset != 4 && offset != 0x58),
	     "register %#zx is written during a transfer", offset);
	RULE(m, !(m->present & 1) || offset != 8, "the argument is written during a command");
	switch (offset) {
	case 0x00: m->argument2 = value; break;
	case 0x04: m->block = value; break;
	case 0x08: m->argument = value; break;
	case 0x0c: command_write(m, value); break;
	case 0x28: control_write(m, value); break;
	case 0x2c: clock_write(m, value); break;
	case 0x30: m->status &= ~value; break;
	case 0x34: m->enable = value; break;
	case 0x38: m->signal = value; break;
	case 0x58: m->table = value; break;
	default: mock_sdhci_violation(m, "register %#zx is not one to write", offset);
	}
}

static void bus_read_all(const struct sdhci_bus *bus, size_t offset, uint32_t *words, size_t n)
{
	while (n--)
		*words++ = bus_read(bus, offset);
}

static void bus_write_all(const struct sdhci_bus *bus, size_t offset, const uint32_t *words,
			  size_t n)
{
	while (n--)
		bus_write(bus, offset, *words++);
}

/* ---- The test's side ---- */

bool mock_sdhci_run(struct mock_sdhci *m)
{
	while (!(m->status & m->signal) && !m->silent)
		if (m->pending)
			carry_out(m);
		else if (!mock_sdhci_data_step(m))
			break;
	return m->status & m->signal;
}

void mock_sdhci_remove(struct mock_sdhci *m)
{
	m->card.present = m->card.known = false;
	if (m->detects)
		mock_sdhci_note(m, 1u << 7);
}

void mock_sdhci_insert(struct mock_sdhci *m)
{
	m->card.present = true;
	mock_sdcard_power(&m->card, false);
	if (m->detects)
		mock_sdhci_note(m, 1u << 6);
}

void mock_sdhci_init(struct mock_sdhci *m, uint64_t sectors)
{
	memset(m, 0, sizeof(*m));
	m->bus = (struct sdhci_bus){ bus_read, bus_write, bus_read_all, bus_write_all };
	m->capabilities = 0x45ee6432; /* as the Raspberry Pi 4's */
	m->version = 2;
	m->detects = true;
	m->bus_offset = 0xc0000000;
	m->reach = mock_options.ram;
	mock_sdcard_init(&m->card, sectors);
}

void mock_sdhci_free(struct mock_sdhci *m)
{
	mock_sdcard_free(&m->card);
}
