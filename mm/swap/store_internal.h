// SPDX-License-Identifier: MIT
/*
 * Inside the swap store; README.md draws the format.
 *
 * Terms. A segment is one erase block. The head is the segment that records are appended to. Its
 * newest bytes live in the ring, at ring[offset % ring_size], until a whole record is on the
 * medium: [first, fill) is what only the ring is sure to have. A location is a medium offset and a
 * size, both in units of 16 bytes; offset 0 is a segment header, so location 0 means "none". A
 * record is plain (a page as it is) or packed (mm/swap/codec.h); the packed one is always smaller,
 * so the size tells.
 *
 * Locks, in order
 *   writer  mutex: the log, the cleaner, segment states, erase counts, ring contents. One task
 *           appends, commits or cleans at a time
 *   lock    spin, interrupts off, a leaf: the map, live bytes, readers, head.programmed and
 *           head.fill, statistics that readers bump
 * The medium is called with `writer` or with nothing held, never under `lock`. A segment with
 * readers is not erased; readers enter only through the map, and a segment that is to be erased has
 * no location in it left.
 *
 * Invariants
 *   (1) seg.live = sum of the sizes of the map entries that point into it; their number over all
 *       segments is live_records
 *   (2) a map entry changes from nothing to a location only under `writer`; anybody may clear it
 *   (3) header_area <= first <= fill, programmed <= fill <= segment_size, fill - first <=
 *       ring_size; between calls programmed <= begun <= fill
 *   (4) users leave KEEP_FREE segments to the cleaner, so cleaning a segment always has somewhere
 *       to go
 *   (5) a segment closes when it has no room for a plain record: it then holds per_segment records
 *       or more. As fewer than that times the segments may be live, some segment has at least one
 *       dead record and so RECORD_SIZE to gain, whatever the sizes are
 */
#ifndef MM_SWAP_STORE_INTERNAL_H
#define MM_SWAP_STORE_INTERNAL_H

#include "kernel/errno.h"
#include "kernel/lock.h"
#include "kernel/waitq.h"
#include "kernel/lib/chacha20.h"
#include "mm/page.h"
#include "mm/swap/store.h"

#define STORE_MAGIC    0x50535247u /* "GRSP" in memory */
#define STORE_VERSION  1
#define RECORD_HEADER  16u
#define RECORD_PAYLOAD 4096u
#define RECORD_SIZE    (RECORD_HEADER + RECORD_PAYLOAD)
#define RECORD_ALIGN   16u
#define RECORD_MOVED   1u /* flag: the cleaner's copy; nobody keeps a frame for it */
#define RECORD_PACKED  2u /* flag: the payload is page_pack()'s */

typedef uint64_t loc_t; /* offset in the lower half, size in the upper */
#define LOC_NONE   ((loc_t)0)
#define LOC_POISON UINT64_MAX /* its record cannot be read back any more */

#define KEEP_FREE    2u /* free segments that only the cleaner may take */
#define READY_TARGET 2u /* erased ahead, so that an append seldom waits for an erase */
/* erase counts may differ by this much before cold contents are moved */
#define WEAR_SPREAD 16u
#define RETRIES     8u /* segments tried for the same data before giving up */
#define NO_SEGMENT  UINT32_MAX

#define MAP_SHIFT 9
#define MAP_CHUNK (1u << MAP_SHIFT) /* map entries per allocation: one frame */

/* On the medium, little-endian. Each is programmed once per erase. */
struct segment_header {
	uint32_t magic;
	uint16_t version, spent; /* what is missing in the write budget's bucket, store_budget.c */
	uint32_t segment_size;
	uint32_t erase_count; /* including the erase before this header */
	uint32_t sequence;    /* records of this life of the segment carry the same */
	uint32_t crc;         /* CRC-32C of the header with this field 0 */
	/* Programmed since the medium was new, and what may be before the next header; how many
	 * segments, from the first on, have ever been erased or begun (USED_UNKNOWN: all may; so
	 * may 0, of stores that did not tell). */
	uint64_t bytes_ever : 48, used : 16;
};
#define USED_UNKNOWN   UINT16_MAX
#define BYTES_EVER_MAX (((uint64_t)1 << 48) - 1)

struct record_header {
	uint32_t slot;
	uint16_t length, flags;
	uint32_t sequence;
	uint32_t crc; /* CRC-32C of the twelve bytes before and the payload */
};

_Static_assert(sizeof(struct segment_header) == 32, "as drawn in README.md");
_Static_assert(sizeof(struct record_header) == RECORD_HEADER, "as drawn in README.md");

enum segment_state {
	SEGMENT_FREE,  /* to be erased or at least looked at before use */
	SEGMENT_READY, /* erased, header written */
	SEGMENT_HEAD,
	SEGMENT_SEALED,
	SEGMENT_RETIRED, /* never used again */
};

#define SEGMENT_BLANK     1u /* FREE: thought to be erased; checked before use */
#define SEGMENT_HEADER    2u /* FREE: has a good header */
#define SEGMENT_SUSPECT   4u /* retire it once its records have moved */
#define SEGMENT_DISCARDED 8u /* FREE: erased already, where that is a discard */

struct segment {
	uint32_t live;        /* bytes of records; under lock */
	uint32_t readers;     /* under lock */
	uint32_t bad_records; /* found unreadable; under lock */
	uint32_t erase_count, sequence;
	uint32_t opened; /* value of store.openings when it became the head: its age */
	uint8_t state, flags;
};

/* How much is programmed of late. */
struct rate {
	uint64_t bytes, since; /* since then: time_now() */
};

struct budget {
	uint64_t taken; /* bytes out of the bucket that have not come in again */
	uint64_t since; /* time_now() up to which it has been filled */
	bool spent;     /* refused last, and not yet full enough */
	uint64_t refusals;
};

struct head {
	uint32_t segment; /* NO_SEGMENT: none is open */
	uint32_t first;   /* first record that is not wholly on the medium */
	uint32_t programmed, fill;
	uint32_t committed; /* fill at the last commit: for records before it nobody keeps a frame;
			       writer */
	uint32_t begun; /* the medium is at work on what lies between programmed and this; writer */
	unsigned under_way; /* in so many pieces: windows, the last maybe a part of one; writer */
	uint32_t moved; /* where the last record ends that was elsewhere on the medium; writer */
	unsigned origin, origins; /* store.origin[] of the first record in the ring, and behind the
				     last's; writer */
	uint8_t *ring;
	bool failed; /* a program failed: the ring must move to another segment */
	bool stuck;  /* the medium as a whole took no program: nothing is put behind this one until
			it does */
};

struct store {
	struct medium *medium;
	uint32_t segment_size, nsegments;
	uint32_t slots, last;          /* promised; the highest number of one */
	uint32_t reserve, clean_below; /* segments beyond the promise; the cleaner works while fewer
					  are free */
	uint32_t per_segment;          /* plain records that surely fit a segment */
	uint32_t header_unit, header_area, align, window, ring_size;

	struct mutex writer;
	struct segment *segments;
	struct head head;
	struct head rescued;          /* the failed head while its records move; lock */
	uint8_t *spare_ring, *bounce; /* the ring of the next rescue; one payload for the cleaner */
	uint32_t *origin; /* of each record in the ring, in turn: where on the medium it was before,
			     as in a location; 0: nowhere */
	int gone;         /* what the medium said when it took nothing, 0: it does; writer */
	uint64_t gone_tell; /* time_now() from when on the log is told of that again */
	uint32_t openings, sequence, cleanings;
	uint32_t victim; /* segment that the medium went away under while it was cleaned, or
			    NO_SEGMENT; writer */
	uint32_t used;   /* segments from this number on were never erased nor begun */
	uint64_t bytes_ever;
	struct rate rate;
	struct budget budget;
	bool encrypted; /* payloads are: under `key`, by (sequence of the segment, place of the
			   record) */
	uint8_t key[CHACHA20_KEY];

	struct mutex unpacking;
	uint8_t *packed; /* a payload on its way to being unpacked, when there is no memory;
			    unpacking */

	struct spinlock lock;
	loc_t **map; /* [slot >> MAP_SHIFT][slot % MAP_CHUNK]; a chunk is made when a slot of it is
			first written */
	uint32_t live_records;
	bool dead;         /* a segment's last record died since the cleaner looked for such */
	uint32_t draining; /* segment whose readers are waited for */
	struct waitq drained;
	struct store_stats
		stats; /* what only the writer counts needs no lock: words, each read whole */
};

_Static_assert(MAP_CHUNK * sizeof(loc_t) <= PAGE_SIZE, "the zero page is a chunk");

/* The chunk that stands for all that nobody has written yet. Nobody stores to it: map_extend()
 * comes first. */
static inline loc_t *map_nothing(void)
{
	return page_to_virt(zero_page);
}

static inline loc_t *map_entry(struct store *s, uint32_t slot)
{
	return &s->map[slot >> MAP_SHIFT][slot % MAP_CHUNK];
}

static inline uint64_t segment_base(const struct store *s, uint32_t segment)
{
	return (uint64_t)segment * s->segment_size;
}

/* What a mark consists of. On NOR zeros can always be programmed; elsewhere they may be there
 * without anyone's doing. */
static inline uint8_t retired_byte(const struct store *s)
{
	return s->medium->erased_is_ff ? 0 : 0xa5;
}

/* Where its header is. */
static inline uint64_t segment_header_at(const struct store *s, uint32_t segment)
{
	return segment_base(s, segment) + s->medium->lead;
}

static inline loc_t location(const struct store *s, uint32_t segment, uint32_t offset,
			     uint32_t size)
{
	return (segment_base(s, segment) + offset) / RECORD_ALIGN | (loc_t)(size / RECORD_ALIGN)
									    << 32;
}

/* Where on the medium. */
static inline uint64_t location_offset(loc_t loc)
{
	return (uint64_t)(uint32_t)loc * RECORD_ALIGN;
}

static inline uint32_t location_size(loc_t loc)
{
	return (uint32_t)(loc >> 32) * RECORD_ALIGN;
}

static inline uint32_t location_segment(const struct store *s, loc_t loc)
{
	return (uint32_t)(location_offset(loc) / s->segment_size);
}

/* What can be programmed into a segment behind its header. */
static inline uint32_t segment_room(const struct store *s)
{
	return s->segment_size - s->header_area;
}

/* What a record with that payload takes. */
static inline uint32_t record_size(uint32_t length)
{
	return (uint32_t)ALIGN_UP(RECORD_HEADER + length, RECORD_ALIGN);
}

static inline bool location_valid(loc_t loc)
{
	return loc != LOC_NONE && loc != LOC_POISON;
}

/* Its records are to be moved and it is to be retired. */
static inline bool segment_suspect(const struct segment *g)
{
	return (g->flags & SEGMENT_SUSPECT) || READ_ONCE(g->bad_records) != 0;
}

/* A mount found its header and nothing behind it. */
static inline bool segment_unused(const struct segment *g)
{
	return g->state == SEGMENT_FREE && (g->flags & SEGMENT_HEADER) &&
	       (g->flags & SEGMENT_BLANK);
}

/* Errors that speak of the whole medium, not of one segment. */
static inline bool medium_gone(int err)
{
	return err == -ENODEV || err == -EROFS;
}

/* As many as the ring can have. */
static inline uint32_t ring_records(const struct store *s)
{
	return s->ring_size / (2 * RECORD_ALIGN);
}

/* The ring has records whose originals must stay where they are: they are not on the medium a
 * second time. */
static inline bool head_unsettled(const struct store *s)
{
	return s->head.segment != NO_SEGMENT && s->head.moved > s->head.committed;
}

/* ---- store.c: the map ---- */

/* Points slot from `old` to `new` and accounts for both; false: it was not at `old` any more.
 * `lock` held. */
bool map_move_locked(struct store *s, uint32_t slot, loc_t old, loc_t new);
/* Encrypts the payload of the record that goes to loc of a segment with that sequence, or decrypts
 * it; nothing where the store is not encrypted. */
void record_cipher(const struct store *s, uint32_t sequence, loc_t loc, void *payload,
		   uint16_t length);
/* Reads, checks and decrypts the record at loc, twice if need be: its payload, packed or not, up to
 * RECORD_PAYLOAD bytes, *length of them. No `lock`; the caller keeps its segment from being erased.
 * 0, -EIO, -ENODEV. */
int record_read(struct store *s, uint32_t slot, loc_t loc, void *payload,
		uint16_t *length) MUST_CHECK;
/* The record at loc cannot be read: its slot gives -EIO from now on, its segment will be
 * retired. */
void record_poison(struct store *s, uint32_t slot, loc_t loc);

/* ---- store_segment.c: lives of segments; all under `writer` ---- */

uint32_t header_crc(struct segment_header h);
/* How a program ended: notes whether the medium is gone, and says so when it goes, once a minute at
 * most. Returns err. */
int medium_note(struct store *s, int err);
/* How many segments are in states of which `states` has the bits. */
uint32_t segments_in(const struct store *s, unsigned states);
/* FREE and READY ones. */
uint32_t segments_free(const struct store *s);
/* The least worn READY segment, or a FREE one made ready, becomes *segment (still READY). -ENOSPC:
 * none is left; -EIO: RETRIES of them failed; or the medium is gone. */
int segment_take(struct store *s, uint32_t *segment) MUST_CHECK;
/* Erases one FREE segment and writes its header: READY. -EIO: it is retired. -ENODEV, -EROFS: it
 * stays FREE. Waits for readers. */
int segment_prepare(struct store *s, uint32_t segment) MUST_CHECK;
/* Tells a medium that `discards` of a FREE segment before it is needed again. Waits for readers. */
void segment_discard(struct store *s, uint32_t segment);
/* All of its records are dead or elsewhere, on the medium (and not head_unsettled()): FREE, or
 * RETIRED when suspect. */
void segment_release(struct store *s, uint32_t segment);
/* The least worn in that state or NO_SEGMENT. Of FREE ones not the one with the newest header,
 * which has the figures, when there is another. */
uint32_t segment_least_worn(const struct store *s, enum segment_state state);
bool blank(const void *p, size_t n);

/* ---- store_log.c: the head; all under `writer` ---- */

/* Copies n bytes at `offset` of the head's segment out of its ring. `lock` or `writer` held. */
void ring_get(const struct store *s, const struct head *h, uint32_t offset, void *dst, uint32_t n);
struct payload {
	const void *data;
	uint16_t length, flags; /* flags: as in the record's header */
};
/* Appends a record (the caller made sure of room) and points slot from `old` to it; drops it when
 * the slot has left `old`. Programs full windows. On an error (as store_append's) the record is in
 * the ring still, and so readable. */
int head_put(struct store *s, uint32_t slot, loc_t old, struct payload payload) MUST_CHECK;
/* True when the open head has room for one more record, of whatever size. */
bool head_has_room(const struct store *s);
/* Ends the head (all of it programmed), then opens a new one: -ENOSPC when users may not have one
 * (unless cleaning), -EIO, -ENODEV, -EROFS. */
int head_advance(struct store *s, bool cleaning) MUST_CHECK;
/* Everything in the ring is on the medium when this returns 0. */
int head_commit(struct store *s) MUST_CHECK;
/* Waits for what the medium is at work on, whatever becomes of it. */
void head_drain(struct store *s);
/* Gives up what is in the ring: slots are back where they were on the medium; those that were
 * nowhere are told to `lost`. Of a head that is stuck the latter alone. */
void head_abandon(struct store *s, void (*lost)(uint32_t slot, void *arg), void *arg);
/* After an error: the same, if the head failed for good and no slot of it waits for a commit. */
void head_give_up(struct store *s);

/* ---- store_budget.c: under `writer` ---- */

/* Bytes that may be written a day, 0: any amount; and at once. */
uint64_t budget_day(const struct store *s);
uint64_t budget_burst(const struct store *s);
/* Erases that each segment is good for. */
uint32_t rated_cycles(const struct store *s);
/* Bytes in the bucket; negative: overdrawn. */
int64_t budget_left(struct store *s);
/* True: no page may be taken now. */
bool budget_spent(struct store *s);
/* The medium is given these to program; negative: took none of so many. */
void bytes_programmed(struct store *s, int32_t bytes);
/* How much the bucket will miss when `ahead` more bytes are written, for a header; and back from
 * the newest header's, of which `unused` bytes were not written. */
uint16_t budget_mark(struct store *s, uint64_t ahead);
void budget_restore(struct store *s, uint16_t mark, uint64_t unused);

/* ---- store_clean.c: under `writer` ---- */

/* Goes on with the victim that the medium went away under. 0, or what says that it still is. */
int clean_finish(struct store *s) MUST_CHECK;
/* Frees one segment. False: there is nothing to gain. any: a gain of one record is enough. */
bool clean_one(struct store *s, bool any);

#endif
