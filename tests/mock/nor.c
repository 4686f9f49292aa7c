// SPDX-License-Identifier: MIT
/*
 * The cells and their rules first, then the medium that a swap store sees, then the chips' command
 * interface (Intel command set, J3 datasheet 290667), which is written from the datasheet and not
 * from the driver.
 */
#include "tests/mock/nor_cells.h"

#include <stdlib.h>
#include <string.h>

#include "kernel/errno.h"
#include "tests/mock/mock.h"

/* ---- Cells ---- */

unsigned nor_block(const struct nor *n, uint64_t at)
{
	return (unsigned)(at / n->block_size);
}

/* True when power fails in this operation. */
static bool begin(struct nor *n)
{
	n->operations++;
	if (n->cut_at != 0 && n->operations == n->cut_at)
		n->dead = true;
	return n->dead;
}

static void program_byte(struct nor *n, uint64_t at, uint8_t v)
{
	if (v & ~n->cells[at])
		fail_msg("NOR: program at %#lx turns 0 into 1 (%02x over %02x)", (unsigned long)at,
			 v, n->cells[at]);
	n->cells[at] = v;
}

static void program_word(struct nor *n, uint64_t at, const uint8_t *v)
{
	static const uint8_t ones[4] = { 0xff, 0xff, 0xff, 0xff }, zeros[4];

	if (memcmp(v, ones, 4) == 0 && memcmp(n->cells + at, ones, 4) == 0)
		return;
	if (n->programmed[at / 4] && memcmp(v, zeros, 4) != 0)
		fail_msg("NOR: the word at %#lx is programmed twice", (unsigned long)at);
	n->programmed[at / 4] = 1;
	for (unsigned i = 0; i < 4; i++)
		program_byte(n, at + i, v[i]);
}

/* Some cells reach their value, one word is in between, the rest stay. */
static void program_half(struct nor *n, uint64_t at, const uint8_t *data, size_t len)
{
	size_t done = (size_t)rand() % (len / 4) * 4;

	for (size_t i = 0; i < done; i += 4)
		program_word(n, at + i, data + i);
	for (size_t i = 0; i < 4; i++)
		n->cells[at + done + i] &= data[done + i] | (uint8_t)rand();
	for (size_t i = done; i < len; i += 4)
		n->programmed[(at + i) / 4] = 1;
}

static void erase_half(struct nor *n, uint64_t at)
{
	for (uint32_t i = 0; i < n->block_size; i++)
		switch (rand() % 4) {
		case 0: n->cells[at + i] |= (uint8_t)rand(); break;
		case 1: break;
		default: n->cells[at + i] = 0xff;
		}
}

int nor_cells_program(struct nor *n, uint64_t at, const uint8_t *data, size_t len)
{
	unsigned b = nor_block(n, at);

	assert_true(at % 8 == 0 && len % 8 == 0 && len > 0 && at + len <= n->size);
	assert_int_equal(b, nor_block(n, at + len - 1));
	if (n->dead)
		return -ENODEV;
	n->bytes += len;
	if (begin(n)) {
		program_half(n, at, data, len);
		return -ENODEV;
	}
	if (n->bad[b] == NOR_PROGRAM_FAILS || (n->bad[b] == NOR_DIES && n->endurance[b] == 0)) {
		program_half(n, at, data, len);
		return -EIO;
	}
	for (size_t i = 0; i < len; i += 4)
		program_word(n, at + i, data + i);
	return 0;
}

int nor_cells_word(struct nor *n, uint64_t at, uint32_t v)
{
	program_word(n, at, (const uint8_t *)&v);
	return n->bad[nor_block(n, at)] == NOR_PROGRAM_FAILS ? -EIO : 0;
}

int nor_cells_erase(struct nor *n, uint64_t at)
{
	unsigned b = nor_block(n, at);
	bool worn = n->bad[b] == NOR_DIES && n->endurance[b] == 0;

	assert_true(at % n->block_size == 0 && at < n->size);
	if (n->dead)
		return -ENODEV;
	if (begin(n)) {
		erase_half(n, at);
		return -ENODEV;
	}
	n->erases[b]++;
	if (n->bad[b] == NOR_ERASE_FAILS || worn) {
		erase_half(n, at);
		return -EIO;
	}
	if (n->bad[b] == NOR_DIES)
		n->endurance[b]--;
	memset(n->cells + at, 0xff, n->block_size);
	memset(n->programmed + at / 4, 0, n->block_size / 4);
	return 0;
}

/* What reading shows: bad blocks lie. */
void nor_cells_read(struct nor *n, uint64_t at, uint8_t *buf, size_t len)
{
	memcpy(buf, n->cells + at, len);
	for (size_t i = 0; i < len; i++) {
		enum nor_bad bad = n->bad[nor_block(n, at + i)];

		if (bad == NOR_STUCK && (at + i) % 509 == 7)
			buf[i] &= 0xfb;
		if (bad == NOR_READ_FLIPS && (at + i) % 1021 == 5 && n->programmed[(at + i) / 4])
			buf[i] ^= 0x10;
	}
}

void nor_flip(struct nor *n, uint64_t at, unsigned bit)
{
	n->cells[at] ^= (uint8_t)(1u << bit);
}

/* ---- The bank as a medium ---- */

static int medium_read(struct medium *m, uint64_t offset, void *buf, size_t len)
{
	struct nor *n = container_of(m, struct nor, medium);

	assert_true(preemptible());
	assert_true(offset + len <= n->size);
	if (n->dead)
		return -ENODEV;
	nor_cells_read(n, offset, buf, len);
	return 0;
}

static int medium_program(struct medium *m, uint64_t offset, const void *buf, size_t len)
{
	assert_true(preemptible());
	return nor_cells_program(container_of(m, struct nor, medium), offset, buf, len);
}

static int medium_erase(struct medium *m, uint64_t offset)
{
	assert_true(preemptible());
	return nor_cells_erase(container_of(m, struct nor, medium), offset);
}

static const struct medium_ops ops = { .read = medium_read,
				       .program = medium_program,
				       .erase = medium_erase };

/* ---- Commands ---- */

enum {
	ARRAY,
	STATUS,
	QUERY,
	PROGRAM_SETUP,
	BUFFER_COUNT,
	BUFFER_DATA,
	BUFFER_CONFIRM,
	ERASE_SETUP,
	LOCK_SETUP
};

#define LANES 0x00010001u
#define READY 0x80u

/* The extended table, from its beginning. */
static uint8_t extended_byte(const struct nor *n, unsigned i)
{
	switch (i) {
	case 0: return 'P';
	case 1: return 'R';
	case 2: return 'I';
	case 3: return n->amd ? '1' : 0;
	case 4: return n->amd ? '3' : 0;
	case 5: return n->amd ? 0 : (uint8_t)((n->can_suspend ? 0x02 : 0) | (n->locks ? 0x20 : 0));
	case 6: return n->amd && n->can_suspend ? 2 : 0;
	case 15: return n->amd ? (n->top_boot ? 3 : 2) : 0;
	default: return 0;
	}
}

/* Four bytes for each region: blocks less one, and their size by 256. With top_boot the last block
 * is eight small ones, which are said first. */
static uint8_t region_byte(const struct nor *n, unsigned i)
{
	uint32_t block = n->block_size / 2, blocks = n->size / n->block_size;
	bool small = n->top_boot && i < 4;
	uint32_t count = small ? 8 : n->top_boot ? blocks - 1 : blocks;
	uint32_t size = small ? block / 8 : block;

	return (uint8_t)(((count - 1) | size / 256 << 16) >> i % 4 * 8);
}

uint8_t nor_query_byte(const struct nor *n, unsigned i)
{
	unsigned regions = n->top_boot ? 2 : 1, extended = 0x2d + 4 * regions;

	switch (i) {
	case 0x10: return 'Q';
	case 0x11: return 'R';
	case 0x12: return 'Y';
	case 0x13: return n->amd ? 2 : 1;
	case 0x15: return (uint8_t)extended;
	case 0x1f: return 7;
	case 0x20: return 7;
	case 0x21: return 10;
	case 0x23: return 4;
	case 0x24: return 4;
	case 0x25: return 4;
	case 0x27: return (uint8_t)__builtin_ctz(n->size / 2);
	case 0x2a: return n->buffer ? (uint8_t)__builtin_ctz(n->buffer / 2) : 0;
	case 0x2c: return (uint8_t)regions;
	default: break;
	}
	if (i >= extended)
		return extended_byte(n, i - extended);
	return i >= 0x2d ? region_byte(n, i - 0x2d) : 0;
}

static void end(struct nor *n, int err, uint32_t error_bits)
{
	n->status |= err ? error_bits : 0;
	n->busy_left = n->busy_reads;
	n->mode = STATUS;
}

static bool refused(struct nor *n, uint32_t error_bits)
{
	unsigned b = nor_block(n, n->at);

	if (n->locks && !n->unlocked[b])
		error_bits |= 0x02;
	else if (!n->read_only)
		return false;
	end(n, -EIO, error_bits);
	return true;
}

static uint32_t status_read(struct nor *n)
{
	if (n->hangs)
		return 0;
	if (n->suspended)
		return (READY | 0x40) * LANES;
	if (n->busy_left > 0) {
		n->busy_left--;
		if (n->on_busy)
			n->on_busy(n);
		return 0;
	}
	if (n->erasing) {
		n->erasing = false;
		n->status |= nor_cells_erase(n, n->at) ? 0x20 : 0;
	}
	return (READY | n->status) * LANES;
}

static uint32_t bus_read(const struct cfi_bus *bus, size_t offset)
{
	struct nor *n = container_of(bus, struct nor, bus);
	uint32_t v;

	assert_true(offset % 4 == 0 && offset < n->size);
	assert_true(preemptible());
	n->reads++;
	if (n->mode == QUERY)
		return nor_query_byte(n, (unsigned)(offset / 4)) * LANES;
	if (n->mode != ARRAY)
		return status_read(n);
	nor_cells_read(n, offset, (uint8_t *)&v, sizeof(v));
	return v;
}

static void bus_copy(const struct cfi_bus *bus, size_t offset, void *buf, size_t words)
{
	struct nor *n = container_of(bus, struct nor, bus);

	assert_true(offset % 4 == 0 && offset + words * 4 <= n->size);
	if (n->mode != ARRAY)
		fail_msg("NOR: the array is read while the chips show their status");
	nor_cells_read(n, offset, buf, words * 4);
}

static void buffer_confirmed(struct nor *n, uint32_t v)
{
	if (v != 0xd0 * LANES)
		fail_msg("NOR: %08x where a program is confirmed", v);
	if (!refused(n, 0x10))
		end(n, nor_cells_program(n, n->at, (const uint8_t *)n->data, n->words * 4), 0x10);
}

static void command(struct nor *n, size_t offset, uint32_t v)
{
	n->at = offset;
	if (v % LANES != 0)
		fail_msg("NOR: command %08x is not the same for both chips", v);
	switch (v & 0xff) {
	case 0xff: n->mode = ARRAY; break;
	case 0xf0: break;
	case 0x70: n->mode = STATUS; break;
	case 0x50: n->status = 0; break;
	case 0x98: n->mode = QUERY; break;
	case 0x40: n->mode = PROGRAM_SETUP; break;
	case 0xe8: n->mode = BUFFER_COUNT; break;
	case 0x20:
		n->at = ALIGN_DOWN(offset, (size_t)n->block_size);
		n->mode = ERASE_SETUP;
		break;
	case 0x60: n->mode = LOCK_SETUP; break;
	default: fail_msg("NOR: unknown command %08x", v);
	}
}

/* While busy the chips listen to nothing but a suspension; while suspended to reading and the
 * resume. */
static bool busy_command(struct nor *n, uint32_t v)
{
	if (n->suspended) {
		if (v == 0xd0 * LANES) {
			n->suspended = false;
			n->mode = STATUS;
		} else if (v == 0xff * LANES) {
			n->mode = ARRAY;
		} else if (v == 0x70 * LANES) {
			n->mode = STATUS;
		} else {
			fail_msg("NOR: command %08x while an erase is suspended", v);
		}
		return true;
	}
	if (v == 0xb0 * LANES) {
		assert_true(n->can_suspend);
		if (n->erasing) {
			n->suspended = true;
			n->suspends++;
		}
		n->mode = STATUS;
		return true;
	}
	return false;
}

static void buffer_word(struct nor *n, size_t offset, uint32_t v)
{
	assert_int_equal(offset, n->at + 4 * (n->words - n->words_left));
	n->data[n->words - n->words_left] = v;
	if (--n->words_left == 0)
		n->mode = BUFFER_CONFIRM;
}

static void buffer_count(struct nor *n, size_t offset, uint32_t v)
{
	n->words = n->words_left = (v & 0xffff) + 1;
	if (n->words < 2)
		fail_msg("NOR: a buffered program of one word is dropped by QEMU");
	if (n->words * 4 > n->buffer ||
	    offset / n->buffer != (offset + n->words * 4 - 1) / n->buffer)
		fail_msg("NOR: a program of %u words at %#lx crosses its window", n->words,
			 (unsigned long)offset);
	n->at = offset;
	n->mode = BUFFER_DATA;
}

static void word_programmed(struct nor *n, size_t offset, uint32_t v)
{
	n->at = offset;
	if (refused(n, 0x10))
		return;
	end(n, nor_cells_word(n, offset, v), 0x10);
}

static void lock_changed(struct nor *n, uint32_t v)
{
	if (v == 0xd0 * LANES)
		n->unlocked[nor_block(n, n->at)] = true;
	n->mode = STATUS;
}

static void erase_confirmed(struct nor *n, uint32_t v)
{
	if (v != 0xd0 * LANES)
		fail_msg("NOR: %08x where an erase is confirmed", v);
	if (refused(n, 0x20))
		return;
	n->erasing = true;
	end(n, 0, 0);
}

static void bus_write(const struct cfi_bus *bus, size_t offset, uint32_t v)
{
	struct nor *n = container_of(bus, struct nor, bus);

	assert_true(offset % 4 == 0 && offset < n->size);
	assert_true(preemptible());
	n->writes++;
	if (busy_command(n, v))
		return;
	if (v == 0x70 * LANES && n->mode == STATUS)
		return;
	if (n->erasing || (n->busy_left > 0 && n->mode == STATUS && v != 0xe8 * LANES))
		fail_msg("NOR: command %08x while busy", v);
	switch (n->mode) {
	case PROGRAM_SETUP: word_programmed(n, offset, v); break;
	case BUFFER_COUNT:
		if (v == 0xe8 * LANES)
			break; /* asked again */
		buffer_count(n, offset, v);
		break;
	case BUFFER_DATA: buffer_word(n, offset, v); break;
	case BUFFER_CONFIRM: buffer_confirmed(n, v); break;
	case ERASE_SETUP: erase_confirmed(n, v); break;
	case LOCK_SETUP: lock_changed(n, v); break;
	default: command(n, offset, v);
	}
}

/* ---- Life ---- */

void nor_init(struct nor *n, uint32_t block_size, unsigned blocks)
{
	assert_true(blocks <= NOR_BLOCKS_MAX);
	memset(n, 0, sizeof(*n));
	n->size = block_size * blocks;
	n->block_size = block_size;
	n->buffer = 4096;
	n->cells = malloc(n->size);
	n->programmed = calloc(n->size / 4, 1);
	assert_true(n->cells && n->programmed);
	memset(n->cells, 0xff, n->size);
	n->bus = (struct cfi_bus){ bus_read, bus_write, bus_copy };
	n->medium = (struct medium){
		.ops = &ops,
		.name = "nor",
		.size = n->size,
		.erase_size = block_size,
		.program_unit = 8,
		.program_best = 4096,
		.erased_is_ff = true,
	};
}

void nor_free(struct nor *n)
{
	free(n->cells);
	free(n->programmed);
}

void nor_power_on(struct nor *n)
{
	n->dead = n->hangs = n->erasing = n->suspended = n->suspending = false;
	n->cut_at = n->operations = 0;
	n->mode = ARRAY;
	n->status = 0;
	n->busy_left = 0;
	memset(n->unlocked, 0, sizeof(n->unlocked));
}
