// SPDX-License-Identifier: MIT
/*
 * A medium that was away and is back. Whoever keeps copies of what lies on it, a file system or
 * swap, is told so (block_bind), and goes on when it is what was left: only they know what tells
 * that. The medium may go and come while they look, and the look itself may be what finds it: they
 * are asked until it was there all the time.
 */
#include "kernel/block.h"

int block_look(struct block_device *d, uint64_t sector, void *kva, uint32_t n)
{
	struct block_segment s = { kva, n };
	struct block_request r = { .device = d,
				   .op = BLOCK_READ,
				   .sector = sector,
				   .sectors = n >> SECTOR_SHIFT,
				   .segments = &s,
				   .nsegments = 1,
				   .anew = true };

	return block_submit_wait(&r);
}

int block_rebind(struct block_device *d, int (*differs)(void *arg), void *arg)
{
	uint32_t returns;
	int other;

	do {
		returns = block_returns(d);
		other = differs(arg);
	} while (other >= 0 && returns != block_returns(d));
	if (other == 0)
		block_bind(d, returns);
	return other;
}
