// SPDX-License-Identifier: MIT
/*
 * The swap store: swapped pages in an append-only log of segments on one medium (mm/swap/medium.h).
 * A record is a header (slot, length, sequence, CRC-32C over header and payload) and a payload.
 * Segments carry a header with magic, erase count and sequence. A cleaner moves live records out of
 * the segment that is cheapest to clean, and erases it; reserve segments guarantee that cleaning
 * always progresses. What is promised is what fits when every page is plain: that it fits more when
 * they are packed is room that makes cleaning cheap.
 *
 * One writer at a time (the page daemon: store_append, store_commit, store_clean); store_read from
 * any task at any time; store_discard from any context, under spin locks too. Slots are the
 * caller's numbers.
 */
#ifndef MM_SWAP_STORE_H
#define MM_SWAP_STORE_H

#include "mm/store_stats.h"
#include "mm/swap/medium.h"

struct store;

/* Opens the store on m: reads segment headers (erase counts survive), takes blank media, refuses
 * foreign content with -EMEDIUMTYPE unless `format`. -EINVAL: too small (says in the log how small
 * is too small). -ENOMEM, -EIO. Contents of former boots are never reused. *slots: how many pages
 * of 4 KB the store promises to hold. */
int store_open(struct medium *m, bool format, struct store **store, uint32_t *slots) MUST_CHECK;
/* How many it promises by now: fewer when segments retired. Any context. */
uint32_t store_capacity(const struct store *s);
/* Slots from now on may be numbered up to `last`, however many the store promises to hold. 0 or
 * -ENOMEM: as before. May sleep. */
int store_grow(struct store *s, uint32_t last) MUST_CHECK;
/* Frees the memory; the medium keeps its wear records. No reads or writes under way. */
void store_close(struct store *s);
/* Takes a copy of the page for `slot` (1..slots) into the open batch; programs full units as they
 * fill. An older record of the slot becomes dead. May sleep, may clean. 0, -ENOSPC (no segment can
 * be had: the slot keeps nothing), -EDQUOT (the write budget is spent, likewise), -ENOMEM
 * (likewise), -EIO / -ENODEV / -EROFS (medium dying: segment retired, tried elsewhere, in vain). */
int store_append(struct store *s, uint32_t slot, const void *page) MUST_CHECK;
/* As store_append, for a page that page_pack() made `length` bytes of: they are what is written,
 * store_read() unpacks them. */
int store_append_packed(struct store *s, uint32_t slot, const void *data,
			uint16_t length) MUST_CHECK;
/* Everything appended is on the medium when this returns 0. On failure every slot appended since
 * the last commit and not readable is told to `lost` (may be NULL): its frame must stay in RAM. May
 * sleep. */
int store_commit(struct store *s, void (*lost)(uint32_t slot, void *arg), void *arg) MUST_CHECK;
/* Reads slot's page into buf (4 KB): 0, -ENOENT (no record), -EIO (unreadable, or checksum wrong
 * twice: segment marked for retirement). May sleep. A slot whose record is still in the open batch
 * is served from there. */
int store_read(struct store *s, uint32_t slot, void *buf) MUST_CHECK;
/* Has the medium, if it can, read the records of slots first..first + n - 1 (a few) that lie in one
 * segment with the first, for calls of store_read() that come soon. May sleep. */
void store_read_ahead(struct store *s, uint32_t first, uint32_t n);
/* The slot's record is dead. Any context; bounded. */
void store_discard(struct store *s, uint32_t slot);
/* Segments may have died whole since the last store_clean(), and the medium wants to hear of it.
 * Any context; a hint. */
bool store_dead(const struct store *s);
/* Discards a segment that holds nothing any more; cleans while segments are scarce, there is
 * something to gain and the write budget is not spent, a bounded amount a call; true when there is
 * more to do. May sleep. */
bool store_clean(struct store *s);

/* What may be written to its medium from now on. Waits as store_stats. */
void store_allow(struct store *s, struct swap_allowance budget);
/* What may still be written, in bytes, negative: overdrawn; *day: so many come a day, 0: there is
 * no limit. Waits as store_stats. */
int64_t store_budget(struct store *s, uint64_t *day);
/* Figures (mm/store_stats.h). Waits for a write or a cleaning under way; may sleep. */
void store_stats(struct store *s, struct store_stats *st);
/* The segments from number `first` on, n of them if there are as many (all but `area`); returns how
 * many there are in all. As store_stats. */
uint32_t store_segments(struct store *s, uint32_t first, struct store_segment *to, uint32_t n);

#endif
