// SPDX-License-Identifier: MIT
// A swap store in host memory (store.c) with failures on request, for tests of what lies above
// mm/swap/store.h. All stores share it: a record is of the store that it was appended to.
#ifndef TESTS_MOCK_STORE_H
#define TESTS_MOCK_STORE_H

#include "mm/swap/store.h"

#define MOCK_STORE_SLOTS_MAX 4096

extern struct mock_store {
	uint32_t slots; /* what store_open promises, and store_capacity */
	unsigned appends, packed, commits, reads, discards; /* packed: of the appends */
	unsigned fail_append; /* the n-th append from now on and all after it answer append_error;
				 0: none */
	int append_error;
	unsigned lose; /* a commit loses every lose-th record of its batch; 0: none */
	unsigned rows; /* calls of store_read_ahead(), and the last one's */
	uint32_t row_first, row_n;
	uint32_t bad_slot; /* reading it answers read_error */
	int read_error;
	void (*on_append)(uint32_t slot), (*on_commit)(void),
		(*on_read)(uint32_t slot); /* what others do meanwhile */
} mock_store;

/* An empty store of that many slots, nothing fails. */
void mock_store_reset(uint32_t slots);
/* Records that are not discarded. */
unsigned mock_store_records(void);
extern struct medium mock_medium, mock_medium2;

#endif
