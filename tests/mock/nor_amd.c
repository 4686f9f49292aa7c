// SPDX-License-Identifier: MIT
/*
 * The bank with command set 2: written from the S29GL-N data sheet ("Command definitions", "Write
 * operation status"), and not from the driver. An operation shows itself by reads that alternate;
 * when it is over the chips are a memory again, or, when it failed, alternate until they are reset.
 */
#include <string.h>

#include "kernel/errno.h"
#include "tests/mock/mock.h"
#include "tests/mock/nor_cells.h"

enum { ARRAY, QUERY, BUSY, FAILED, PROGRAM, BUFFER_COUNT, BUFFER_DATA, BUFFER_CONFIRM };

#define LANES    0x00010001u
#define UNLOCK_1 (0x555 * 4)
#define UNLOCK_2 (0x2aa * 4)
#define DQ2      0x04
#define DQ5      0x20
#define DQ6      0x40
#define DQ7      0x80

/* ---- Operations ---- */

static void begin(struct nor *n)
{
	n->mode = BUSY;
	n->busy_left = n->busy_reads;
}

static void end(struct nor *n, int err)
{
	n->mode = err ? FAILED : ARRAY;
	n->erasing = false;
}

static bool protected(const struct nor *n)
{
	return n->read_only || n->locks;
}

/* Its result shows when it is over. */
static int result;

static void program_word(struct nor *n, size_t offset, uint32_t v)
{
	n->at = offset;
	result = protected(n) ? 0 : nor_cells_word(n, offset, v);
	begin(n);
}

static void program_buffer(struct nor *n, uint32_t v)
{
	if (v != 0x29 * LANES)
		fail_msg("NOR: %08x where a program is confirmed", v);
	result = protected(n) ? 0
			      : nor_cells_program(n, n->at, (const uint8_t *)n->data, n->words * 4);
	begin(n);
}

static void suspended(struct nor *n)
{
	n->suspending = false;
	n->suspended = true;
	n->suspends++;
	n->mode = ARRAY;
}

static void step(struct nor *n)
{
	if (n->hangs)
		return;
	if (n->busy_left > 0) {
		n->busy_left--;
		if (n->on_busy)
			n->on_busy(n);
		if (n->suspending && n->suspend_left-- == 0)
			suspended(n);
		return;
	}
	n->suspending = false; /* too late */
	if (n->erasing)
		result = protected(n) ? 0 : nor_cells_erase(n, n->at);
	end(n, result);
}

/* ---- The bus ---- */

static bool in_erased_block(const struct nor *n, size_t offset)
{
	return nor_block(n, offset) == nor_block(n, n->at);
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
	if (n->mode == BUSY)
		step(n);
	n->alternate ^= DQ6 | DQ2;
	if (n->mode == BUSY)
		return (n->alternate & (n->erasing ? DQ6 | DQ2 : DQ6)) * LANES;
	if (n->mode == FAILED)
		return ((n->alternate & DQ6) | DQ5) * LANES;
	if (n->suspended && in_erased_block(n, offset))
		return ((n->alternate & DQ2) | DQ7) * LANES;
	if (n->mode != ARRAY)
		fail_msg("NOR: read in the middle of a command");
	nor_cells_read(n, offset, (uint8_t *)&v, sizeof(v));
	return v;
}

static void bus_copy(const struct cfi_bus *bus, size_t offset, void *buf, size_t words)
{
	struct nor *n = container_of(bus, struct nor, bus);

	assert_true(offset % 4 == 0 && offset + words * 4 <= n->size);
	if (n->mode != ARRAY || (n->suspended && in_erased_block(n, offset)))
		fail_msg("NOR: the array is read while the chips are at work");
	nor_cells_read(n, offset, buf, words * 4);
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
	assert_true(in_erased_block(n, offset));
	n->words = n->words_left = (v & 0xffff) + 1;
	if (n->words * 4 > n->buffer ||
	    offset / n->buffer != (offset + n->words * 4 - 1) / n->buffer)
		fail_msg("NOR: a program of %u words at %#lx crosses its window", n->words,
			 (unsigned long)offset);
	n->mode = BUFFER_DATA;
}

/* A command after its two unlocking writes. */
static void command(struct nor *n, size_t offset, uint32_t v)
{
	bool setup = n->setup;

	n->unlocks = 0;
	n->setup = false;
	n->at = offset;
	if (setup && v == 0x30 * LANES) {
		assert_int_equal(offset % n->block_size, 0);
		n->erasing = true;
		begin(n);
	} else if (v == 0x25 * LANES && !setup) {
		n->mode = BUFFER_COUNT;
	} else if (offset != UNLOCK_1 || setup) {
		fail_msg("NOR: %08x at %#lx after an unlock", v, (unsigned long)offset);
	} else if (v == 0xa0 * LANES) {
		n->mode = PROGRAM;
	} else if (v == 0x80 * LANES) {
		n->setup = true;
	} else if (v == 0xf0 * LANES) {
		n->mode = ARRAY;
	} else {
		fail_msg("NOR: unknown command %08x", v);
	}
}

static void array_write(struct nor *n, size_t offset, uint32_t v)
{
	if (n->suspended && v == 0x30 * LANES && n->unlocks == 0) {
		assert_true(in_erased_block(n, offset));
		n->suspended = false;
		n->mode = BUSY; /* it goes on where it was */
		return;
	}
	if (n->unlocks == 2) {
		command(n, offset, v);
		return;
	}
	if (v == 0xf0 * LANES || v == 0xff * LANES) {
		n->unlocks = 0;
		n->setup = false;
		n->mode = ARRAY;
	} else if (v == 0x98 * LANES && offset == 0x55 * 4) {
		n->mode = QUERY;
	} else if (offset == (n->unlocks ? UNLOCK_2 : UNLOCK_1) &&
		   v == (n->unlocks ? 0x55 : 0xaa) * LANES && !n->suspended) {
		n->unlocks++;
	} else {
		fail_msg("NOR: %08x at %#lx is no command", v, (unsigned long)offset);
	}
}

/* While busy the chips listen to nothing but a suspension of an erase, which takes effect after a
 * while, or never when the erase ends before. */
static void busy_write(struct nor *n, size_t offset, uint32_t v)
{
	if (v != 0xb0 * LANES || !n->erasing || !n->can_suspend || n->suspending)
		fail_msg("NOR: command %08x while busy", v);
	assert_true(in_erased_block(n, offset));
	n->suspend_left = n->suspend_reads;
	if (n->suspend_reads > 0)
		n->suspending = true;
	else
		suspended(n);
}

/* One that failed wants a reset first, with or without an unlock. */
static void failed_write(struct nor *n, size_t offset, uint32_t v)
{
	bool first = v == 0xaa * LANES && offset == UNLOCK_1;

	if (v == 0xf0 * LANES)
		n->mode = ARRAY;
	else if (!first && !(v == 0x55 * LANES && offset == UNLOCK_2))
		fail_msg("NOR: %08x before the chips that failed were reset", v);
}

static void bus_write(const struct cfi_bus *bus, size_t offset, uint32_t v)
{
	struct nor *n = container_of(bus, struct nor, bus);

	assert_true(offset % 4 == 0 && offset < n->size);
	assert_true(preemptible());
	n->writes++;
	switch (n->mode) {
	case BUSY: busy_write(n, offset, v); break;
	case FAILED: failed_write(n, offset, v); break;
	case PROGRAM: program_word(n, offset, v); break;
	case BUFFER_COUNT: buffer_count(n, offset, v); break;
	case BUFFER_DATA: buffer_word(n, offset, v); break;
	case BUFFER_CONFIRM: program_buffer(n, v); break;
	default: array_write(n, offset, v);
	}
}

void nor_amd(struct nor *n)
{
	n->amd = true;
	n->bus = (struct cfi_bus){ bus_read, bus_write, bus_copy };
}
