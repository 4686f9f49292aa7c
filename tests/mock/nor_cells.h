// SPDX-License-Identifier: MIT
// What the models of both command sets share (nor.c has it): the cells with their rules, and the
// query.
#ifndef TESTS_MOCK_NOR_CELLS_H
#define TESTS_MOCK_NOR_CELLS_H

#include "tests/mock/nor.h"

unsigned nor_block(const struct nor *n, uint64_t at);
/* 0, -EIO (the block is bad) or -ENODEV (power has failed). */
int nor_cells_program(struct nor *n, uint64_t at, const uint8_t *data, size_t len);
/* One word, by itself. */
int nor_cells_word(struct nor *n, uint64_t at, uint32_t v);
int nor_cells_erase(struct nor *n, uint64_t at);
/* What reading shows: bad blocks lie. */
void nor_cells_read(struct nor *n, uint64_t at, uint8_t *buf, size_t len);
uint8_t nor_query_byte(const struct nor *n, unsigned i);

#endif
