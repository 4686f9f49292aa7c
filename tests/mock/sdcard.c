// SPDX-License-Identifier: MIT
// The card: see sdcard.h beside.
#include "tests/mock/sdcard.h"

#include <stdlib.h>
#include <string.h>

#include "tests/mock/mock.h"

#define NONE   UINT64_MAX
#define ACMD   64
#define SECTOR 512u

static uint32_t bit(unsigned n)
{
	return (uint32_t)1 << n;
}

enum mock_sd_kind mock_sdcard_kind(unsigned index)
{
	switch (index) {
	case 0: return SD_SILENT;
	case 2:
	case 9:
	case 10: return SD_GIVES_R2;
	case 3: return SD_GIVES_R6;
	case 7:
	case 12:
	case 28:
	case 29:
	case 38: return SD_GIVES_R1B;
	case 8: return SD_GIVES_R7;
	case ACMD | 41: return SD_GIVES_R3;
	default: return SD_GIVES_R1;
	}
}

/* ---- Registers ---- */

/* Bits [low, low + width) of a register of 128 bits, highest byte first. */
static void set_bits(uint8_t reg[16], unsigned low, unsigned width, uint32_t value)
{
	for (unsigned i = 0; i < width; i++, value >>= 1)
		if (value & 1)
			reg[15 - (low + i) / 8] |= (uint8_t)(1 << (low + i) % 8);
}

/* As the controller shows an answer of 136 bits: its bits 127:8, lowest first. */
static void show(const uint8_t reg[16], uint32_t words[4])
{
	memset(words, 0, 16);
	for (unsigned i = 0; i < 15; i++)
		words[i / 4] |= (uint32_t)reg[14 - i] << 8 * (i % 4);
}

static void csd(const struct mock_sdcard *c, uint32_t words[4])
{
	uint64_t sectors = c->claimed ? c->claimed : c->sectors;
	uint8_t reg[16] = { 0 };
	uint32_t classes = 0x5b5;

	if (c->no_erase)
		classes &= ~bit(5);
	if (c->no_class10 || c->version1)
		classes &= ~bit(10);
	set_bits(reg, 126, 2, c->csd_version3 ? 2 : c->blocks);
	set_bits(reg, 96, 8, 0x32);
	set_bits(reg, 84, 12, classes);
	set_bits(reg, 80, 4, c->blocks ? 9 : 10);
	set_bits(reg, 46, 1, !c->large_erase);
	set_bits(reg, 39, 7, 0x7f);
	set_bits(reg, 13, 1, c->protected_);
	if (c->blocks) {
		set_bits(reg, 48, 22, (uint32_t)(sectors / 1024 - 1));
	} else {
		/* 2^10 bytes a block, 2^(2 + 2) blocks a unit of C_SIZE */
		set_bits(reg, 47, 3, 2);
		set_bits(reg, 62, 12, (uint32_t)(sectors / 32 - 1));
	}
	show(reg, words);
}

static void scr(struct mock_sdcard *c)
{
	memset(c->special, 0, sizeof(c->special));
	c->special[0] = c->version1 ? 0 : 2;
	c->special[1] = c->four_lines ? 0x25 : 0x21;
	c->special[3] = c->cmd23 ? 2 : 0;
	c->nspecial = 8;
}

static void switch_function(struct mock_sdcard *c, uint32_t argument)
{
	bool to_high = (argument & 0xf) == 1;

	memset(c->special, 0, sizeof(c->special));
	c->special[13] = c->high_speed ? 3 : 1;
	c->special[16] = to_high ? c->high_speed ? 1 : 0xf : 0;
	c->nspecial = 64;
	if (argument >> 31 && to_high && c->high_speed)
		c->fast = true;
}

/* ---- Commands ---- */

static void illegal(struct mock_sdcard *c, struct mock_sd_answer *a)
{
	c->status |= bit(SD_ILLEGAL);
	a->kind = SD_SILENT;
}

static uint64_t sector_of(struct mock_sdcard *c, uint32_t argument)
{
	if (c->blocks)
		return argument;
	if (argument % SECTOR)
		c->status |= bit(SD_ADDRESS_ERROR);
	return argument / SECTOR;
}

static void begin_data(struct mock_sdcard *c, uint32_t argument, struct mock_sd_answer *a,
		       bool write, bool many)
{
	if (c->state != SD_TRANSFER) {
		illegal(c, a);
		return;
	}
	c->at = sector_of(c, argument);
	if (c->at >= c->sectors)
		c->status |= bit(SD_OUT_OF_RANGE);
	if (c->status & ~bit(SD_ILLEGAL) & ~bit(SD_CARD_LOCKED)) /* what is wrong: no data */
		return;
	c->left = many ? c->counted ? c->count23 : NONE : 1;
	c->counted = false;
	c->state = write ? SD_RECEIVE : SD_DATA;
	a->block = c->blocks ? SECTOR : c->block_length;
	a->write = write;
	a->many = many;
}

static void erase(struct mock_sdcard *c)
{
	if (c->erase_step != 2) {
		c->status |= bit(SD_ERASE_SEQUENCE);
		return;
	}
	if (c->erase_to < c->erase_from || sector_of(c, c->erase_to) >= c->sectors) {
		c->status |= bit(SD_ERASE_PARAM);
		return;
	}
	for (uint64_t s = sector_of(c, c->erase_from); s <= sector_of(c, c->erase_to); s++)
		if (s == c->guarded_sector)
			c->found |= bit(SD_WP_ERASE_SKIP);
		else
			memset(c->cells + s * SECTOR, 0xff, SECTOR);
	c->erases++;
}

static void op_cond(struct mock_sdcard *c, uint32_t argument, struct mock_sd_answer *a)
{
	uint32_t voltages = c->other_voltage ? 0x80 : 0x00ff8000;

	if (c->state != SD_IDLE) {
		illegal(c, a);
		return;
	}
	a->words[0] = voltages;
	if (!(argument & voltages))
		return;
	/* A card of high capacity stays busy for a host that does not know it. */
	if (c->polls++ < c->start_polls ||
	    (c->blocks && !(argument & bit(30) && c->interface_seen)))
		return;
	a->words[0] |= bit(31) | (c->blocks ? bit(30) : 0);
	c->state = SD_READY;
}

static void app_command(struct mock_sdcard *c, unsigned index, uint32_t argument,
			struct mock_sd_answer *a)
{
	if (index == 41) {
		op_cond(c, argument, a);
	} else if (index == 6 && c->state == SD_TRANSFER && c->four_lines) {
		c->lines4 = (argument & 3) == 2;
	} else if (index == 51 && c->state == SD_TRANSFER) {
		scr(c);
		c->state = SD_DATA;
		a->block = 8;
	} else {
		illegal(c, a);
	}
}

/* CMD7, 9, 12, 13: those that move a card that has an address from state to state, and tell of
 * it. */
static void state_command(struct mock_sdcard *c, unsigned index, uint32_t argument,
			  struct mock_sd_answer *a)
{
	bool addressed = argument >> 16 == c->rca;

	if (index == 12 && (c->state == SD_DATA || c->state == SD_RECEIVE)) {
		/* Reading ahead, it has met its end; the host is to know that (4.3.3). */
		if (c->state == SD_DATA && !c->nspecial && c->at >= c->sectors)
			c->status |= bit(SD_OUT_OF_RANGE);
		c->state = SD_TRANSFER;
		c->nspecial = 0;
	} else if (index == 13 && c->state >= SD_STANDBY && addressed) {
		if (c->stays_busy == SD_BUSY_PROGRAM || c->stays_busy == SD_BUSY_EARLY)
			c->state = SD_PROGRAM;
	} else if (index == 9 && c->state == SD_STANDBY && addressed) {
		csd(c, a->words);
	} else if (index == 7 && c->state == SD_STANDBY && addressed) {
		c->state = SD_TRANSFER;
	} else {
		illegal(c, a);
	}
}

static void name_command(struct mock_sdcard *c, unsigned index, uint32_t argument,
			 struct mock_sd_answer *a)
{
	if (index == 2 && c->state == SD_READY) {
		show(c->cid, a->words);
		c->state = SD_IDENT;
	} else if (index == 3 && (c->state == SD_IDENT || c->state == SD_STANDBY)) {
		c->rca = (uint16_t)(rand() % 65535 + 1);
		c->state = SD_STANDBY;
		a->words[0] = (uint32_t)c->rca << 16 | SD_IDENT << 9;
	} else if (index == 8 && c->state == SD_IDLE && !c->version1) {
		c->interface_seen = true;
		a->words[0] = argument ^ (c->wrong_echo ? 0xff : 0);
	} else {
		illegal(c, a);
	}
}

static void erase_command(struct mock_sdcard *c, unsigned index, uint32_t argument,
			  struct mock_sd_answer *a)
{
	if (c->state != SD_TRANSFER || c->no_erase) {
		illegal(c, a);
		return;
	}
	if (index == 38) {
		erase(c);
		c->erase_step = 0;
		return;
	}
	*(index == 32 ? &c->erase_from : &c->erase_to) = argument;
	if (index == 33 && c->erase_step != 1) {
		c->status |= bit(SD_ERASE_SEQUENCE);
		c->erase_step = 0;
		return;
	}
	c->erase_step = index - 31;
}

static void transfer_command(struct mock_sdcard *c, unsigned index, uint32_t argument,
			     struct mock_sd_answer *a)
{
	if (c->state != SD_TRANSFER) {
		illegal(c, a);
	} else if (index == 6 && !c->no_class10 && !c->version1) {
		switch_function(c, argument);
		c->state = SD_DATA;
		a->block = 64;
	} else if (index == 16) {
		if (argument != SECTOR)
			c->status |= bit(SD_BLOCK_LEN_ERROR);
		c->block_length = argument;
	} else if (index == 23 && c->cmd23) {
		c->count23 = argument;
		c->counted = true;
	} else {
		illegal(c, a);
	}
}

static void carry_out(struct mock_sdcard *c, unsigned index, uint32_t argument,
		      struct mock_sd_answer *a)
{
	switch (index) {
	case 2:
	case 3:
	case 8: name_command(c, index, argument, a); break;
	case 7:
	case 9:
	case 12:
	case 13: state_command(c, index, argument, a); break;
	case 6:
	case 16:
	case 23: transfer_command(c, index, argument, a); break;
	case 17:
	case 18:
	case 24:
	case 25: begin_data(c, argument, a, index >= 24, index % 2 == (index >= 24)); break;
	case 32:
	case 33:
	case 38: erase_command(c, index, argument, a); break;
	case 55:
		if (c->state >= SD_STANDBY && argument >> 16 != c->rca)
			illegal(c, a);
		else
			c->app = true;
		break;
	default: illegal(c, a);
	}
}

static bool ready_for_data(const struct mock_sdcard *c, enum mock_sd_state state)
{
	if (c->stays_busy > SD_BUSY_PROGRAM)
		return c->stays_busy == SD_BUSY_EARLY;
	return state != SD_PROGRAM;
}

void mock_sdcard_command(struct mock_sdcard *c, unsigned index, uint32_t argument,
			 struct mock_sd_answer *a)
{
	bool app = c->app;
	enum mock_sd_state before = c->state;

	*a = (struct mock_sd_answer){ 0 };
	if (!c->present || !c->known)
		return;
	c->commands[index]++;
	c->app = false;
	if (c->erase_step && index != 13 && (index < 32 || index > 38)) {
		c->erase_step = 0; /* 4.3.5 */
		c->status |= bit(SD_ERASE_RESET);
	}
	if (index == 0) {
		mock_sdcard_power(c, true);
		return;
	}
	a->kind = mock_sdcard_kind(app ? index | ACMD : index);
	if (app)
		app_command(c, index, argument, a);
	else
		carry_out(c, index, argument, a);
	if (a->kind != SD_GIVES_R1 && a->kind != SD_GIVES_R1B)
		return;
	if (index == 13)
		before = c->state;
	a->words[0] = c->status | (c->locked ? bit(SD_CARD_LOCKED) : 0) | (uint32_t)before << 9 |
		      (ready_for_data(c, before) ? bit(8) : 0) | (c->app ? bit(5) : 0);
	c->status = c->found;
	c->found = 0;
}

/* ---- Data ---- */

static void next(struct mock_sdcard *c)
{
	c->at++;
	if (c->left != NONE && --c->left == 0)
		c->state = SD_TRANSFER;
}

static bool goes_bad(struct mock_sdcard *c)
{
	if (c->at != c->bad_sector || c->bad_times == 0)
		return false;
	c->bad_times--;
	return true;
}

bool mock_sdcard_read(struct mock_sdcard *c, void *buf, unsigned n)
{
	if (!c->present || c->state != SD_DATA)
		return false;
	if (c->nspecial) {
		assert_int_equal(n, c->nspecial);
		memcpy(buf, c->special, n);
		c->nspecial = 0;
		c->state = SD_TRANSFER;
		return true;
	}
	if (goes_bad(c)) {
		c->status |= bit(SD_ECC_FAILED);
		return false;
	}
	if (c->at >= c->sectors) {
		c->status |= bit(SD_OUT_OF_RANGE);
		return false;
	}
	memcpy(buf, c->cells + c->at * SECTOR, n);
	c->reads++;
	next(c);
	return true;
}

/* What fails while it is programmed shows in the next answer. */
bool mock_sdcard_write(struct mock_sdcard *c, const void *buf, unsigned n)
{
	if (!c->present || c->state != SD_RECEIVE || c->at >= c->sectors)
		return false;
	if (c->protected_ || c->at == c->guarded_sector)
		c->status |= bit(SD_WP_VIOLATION);
	else if (goes_bad(c))
		c->status |= bit(SD_ERROR);
	else
		memcpy(c->cells + c->at * SECTOR, buf, n);
	c->writes++;
	next(c);
	return true;
}

/* ---- A card ---- */

/* CMD0 and power alike: all but the cells and what is to be told is forgotten. */
void mock_sdcard_power(struct mock_sdcard *c, bool on)
{
	c->known = on;
	c->state = SD_IDLE;
	c->status = c->found = 0;
	c->rca = 0;
	c->app = c->lines4 = c->fast = c->interface_seen = c->counted = false;
	c->polls = c->nspecial = c->erase_step = 0;
	c->block_length = 1024; /* READ_BL_LEN */
}

void mock_sdcard_init(struct mock_sdcard *c, uint64_t sectors)
{
	memset(c, 0, sizeof(*c));
	c->present = c->blocks = c->four_lines = c->high_speed = c->cmd23 = true;
	c->start_polls = 3;
	c->sectors = sectors;
	c->bad_sector = c->guarded_sector = NONE;
	for (unsigned i = 0; i < 16; i++)
		c->cid[i] = (uint8_t)(0x1b + 7 * i);
	c->cells = calloc(sectors, SECTOR);
	assert_non_null(c->cells);
}

void mock_sdcard_free(struct mock_sdcard *c)
{
	free(c->cells);
}
