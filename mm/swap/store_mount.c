// SPDX-License-Identifier: MIT
/*
 * Opening a store. Nothing of a former boot's contents is used: mounting reads one header per
 * segment, for the erase counts and for what is retired. A segment without a good header lost it to
 * a power failure in its erase (or is bad, which the next erase shows): its erase count is taken to
 * be the least of the others: too low by at most the spread, and it is used soon, so that it gets a
 * header again. (With their mean it might wait through many boots, its estimate growing in each.)
 * Segments that were never used have no header either: they are taken in order, and headers tell
 * how far that has come, so those behind have had no erase.
 *
 * A medium where no segment has our header is ours to take only when the beginning of every segment
 * is blank: all ones, or all zeros as in a new file of an emulator; or when it has nothing but a
 * header that power failed in; or when the first segment has a header of ours for another size:
 * then what begins in the middle of what were segments are records. Anything else is somebody's
 * data.
 *
 * How much is promised: `reserve` segments stay out of it. KEEP_FREE for the cleaner, one for the
 * head, one for luck, and a sixteenth of the medium, so that segments have died to a useful part
 * before they are cleaned even when every slot is in use.
 */
#include "kernel/errno.h"
#include "kernel/lib/string.h"
#include "kernel/log.h"
#include "kernel/random.h"
#include "kernel/time.h"
#include "mm/buddy.h"
#include "mm/slab.h"
#include "mm/swap.h"
#include "mm/swap/codec.h"
#include "mm/swap/store_internal.h"

#define RESERVE_MIN   (KEEP_FREE + 2)
#define RESERVE_SHARE 16u
#define SEGMENTS_MIN  (RESERVE_MIN + 2)
/* locations end there; slots before, areas.c */
#define SIZE_MOST ((uint64_t)64 << 30)
/* bytes looked at to tell a blank segment from a foreign one */
#define PEEK 512u

enum swap_encrypt swap_encrypt;

/* ---- Memory ---- */

static void map_free(struct store *s)
{
	if (s->map)
		for (uint32_t i = 0; i <= s->last >> MAP_SHIFT; i++)
			if (s->map[i] != map_nothing())
				kfree(s->map[i]);
	kfree(s->map);
}

/* Rings are whole frames, as devices want them. */
static unsigned ring_order(const struct store *s)
{
	unsigned order = 0;

	while (PAGE_SIZE << order < s->ring_size)
		order++;
	return order;
}

static uint8_t *ring_alloc(const struct store *s)
{
	struct page *p = page_alloc_order(ring_order(s), 0);

	return p ? page_to_virt(p) : NULL;
}

static void ring_free(const struct store *s, uint8_t *ring)
{
	if (ring)
		page_free(virt_to_page(ring), ring_order(s));
}

static void store_free(struct store *s)
{
	map_free(s);
	ring_free(s, s->head.ring);
	ring_free(s, s->spare_ring);
	kfree(s->origin);
	kfree(s->bounce);
	kfree(s->packed);
	kfree(s->segments);
	memset(s->key, 0, sizeof(s->key));
	barrier(); /* done, although nobody looks */
	kfree(s);
}

/* What a store has is the machine's: no group pays, whoever turns swap on. */
static int map_alloc(struct store *s)
{
	uint32_t chunks = (s->slots >> MAP_SHIFT) + 1;

	s->map = kmalloc(chunks * sizeof(*s->map), ALLOC_PAID);
	for (uint32_t i = 0; s->map && i < chunks; i++)
		s->map[i] = map_nothing();
	return s->map ? 0 : -ENOMEM;
}

/* Bytes of a segment that are looked at: header, mark, and where the first record begins. */
static uint32_t peek_size(const struct store *s)
{
	return MAX(PEEK, 2 * s->header_unit + RECORD_HEADER);
}

static int buffers_alloc(struct store *s)
{
	s->segments = kmalloc(s->nsegments * sizeof(*s->segments), ALLOC_ZERO | ALLOC_PAID);
	s->head.ring = ring_alloc(s);
	s->spare_ring = ring_alloc(s);
	s->origin = kmalloc(ring_records(s) * sizeof(*s->origin), ALLOC_PAID);
	s->bounce = kmalloc(MAX(RECORD_PAYLOAD, peek_size(s)), 0);
	s->packed = kmalloc(PACKED_MAX, 0);
	return s->segments && s->head.ring && s->spare_ring && s->origin && s->bounce && s->packed
		       ? 0
		       : -ENOMEM;
}

/* ---- Geometry ---- */

static bool power_of_two(uint32_t n)
{
	return n != 0 && (n & (n - 1)) == 0;
}

static int geometry_check(const struct medium *m)
{
	uint64_t segments = m->erase_size ? m->size / m->erase_size : 0;

	if (m->erase_size == 0 || !power_of_two(m->program_unit) ||
	    m->program_unit > RECORD_PAYLOAD || m->program_best == 0 ||
	    m->program_best % MAX(m->program_unit, RECORD_ALIGN) != 0 ||
	    m->erase_size % MAX(m->program_unit, RECORD_ALIGN) != 0 ||
	    m->lead % MAX(m->program_unit, RECORD_ALIGN) != 0 ||
	    m->erase_size < m->lead + 4 * RECORD_SIZE || m->size % m->erase_size != 0) {
		log_error(
			"swap store %s: a geometry that cannot be used (%u bytes per erase, %u per program)",
			m->name, m->erase_size, m->program_unit);
		return -EINVAL;
	}
	if (segments < SEGMENTS_MIN) {
		log_error("swap store %s: too small, %u KB; the least is %u KB", m->name,
			  (unsigned)(m->size / 1024), SEGMENTS_MIN * (m->erase_size / 1024));
		return -EINVAL;
	}
	return 0;
}

static void geometry_set(struct store *s, struct medium *m)
{
	s->medium = m;
	s->segment_size = m->erase_size;
	s->nsegments = (uint32_t)(MIN(m->size, SIZE_MOST) / m->erase_size);
	if (m->size > SIZE_MOST)
		log_warn("swap store %s: of %u MB the first %u are used", m->name,
			 (unsigned)(m->size >> 20), (unsigned)(SIZE_MOST >> 20));
	s->header_unit = MAX(m->program_unit, (uint32_t)sizeof(struct segment_header));
	s->header_area = m->lead + MEDIUM_KEPT * s->header_unit;
	s->align = MAX(m->program_unit, RECORD_ALIGN);
	s->window = m->program_best;
	/* What is under way, a window that is not full yet, the rest of a record before, a record
	 * more. */
	s->ring_size =
		(uint32_t)DIV_ROUND_UP((m->programs + 1) * s->window + 2 * RECORD_SIZE + s->align,
				       s->window) *
		s->window;
	/* On NOR at worst each record is committed by itself and so padded; elsewhere what a commit
	 * pads is written again. */
	s->per_segment = (s->segment_size - s->header_area) /
			 (uint32_t)ALIGN_UP(RECORD_SIZE, m->erased_is_ff ? s->align : RECORD_ALIGN);
	s->reserve = RESERVE_MIN + s->nsegments / RESERVE_SHARE;
	s->reserve = MIN(s->reserve, s->nsegments - 1);
	s->clean_below = KEEP_FREE + 2 + s->nsegments / (4 * RESERVE_SHARE);
	s->head.segment = s->rescued.segment = s->draining = s->victim = NO_SEGMENT;
}

/* ---- What the medium holds ---- */

struct survey {
	uint32_t ours, foreign, erase_min;
	uint32_t used;  /* as the headers have it; 0: they do not */
	uint16_t spent; /* as the newest header has it */
	bool first;     /* the first segment has our header, whatever its size */
};

static bool all_are(uint8_t byte, const uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (p[i] != byte)
			return false;
	return true;
}

static bool header_good(const struct segment_header *h)
{
	return h->magic == STORE_MAGIC && h->crc == header_crc(*h) && h->version == STORE_VERSION;
}

/* Power failed while NOR's first header was programmed: nothing lies behind it, and of what is the
 * same in each header no bit has been cleared that should not be. */
static bool header_torn(const struct store *s, const uint8_t *head, uint32_t n)
{
	struct segment_header h;

	memcpy(&h, head, sizeof(h));
	return s->medium->erased_is_ff && (h.magic & STORE_MAGIC) == STORE_MAGIC &&
	       (h.version & STORE_VERSION) == STORE_VERSION &&
	       (h.segment_size & s->segment_size) == s->segment_size &&
	       blank(head + s->header_unit, n - s->header_unit);
}

/* What a good header says. The mark and the first record behind it tell a retired and an unused
 * segment. */
static void segment_known(struct store *s, struct segment *g, const uint8_t *head, bool format,
			  struct survey *v)
{
	const uint8_t *mark = head + s->header_unit;
	struct segment_header h;

	memcpy(&h, head, sizeof(h));
	v->ours++;
	v->erase_min = MIN(v->erase_min, h.erase_count);
	v->used = MAX(v->used, (uint32_t)h.used);
	v->spent = h.sequence > s->sequence ? h.spent : v->spent;
	g->erase_count = h.erase_count;
	s->sequence = MAX(s->sequence, h.sequence);
	s->bytes_ever = MAX(s->bytes_ever, (uint64_t)h.bytes_ever);
	g->flags = SEGMENT_HEADER;
	g->sequence = h.sequence;
	if (all_are(retired_byte(s), mark, s->header_unit) && !format) {
		g->state = SEGMENT_RETIRED;
		s->stats.retired_segments++;
	} else if (s->medium->erased_is_ff && blank(mark, peek_size(s) - s->header_unit)) {
		g->flags |= SEGMENT_BLANK;
	}
}

static int segment_survey(struct store *s, uint32_t segment, bool format, struct survey *v)
{
	struct segment *g = &s->segments[segment];
	uint32_t n = peek_size(s);
	struct segment_header h;
	int err = s->medium->ops->read(s->medium, segment_header_at(s, segment), s->bounce, n);

	if (medium_gone(err))
		return err;
	g->state = SEGMENT_FREE;
	if (err)
		return 0; /* a bad block is no reason to do without the others; its erase will
			     tell */
	memcpy(&h, s->bounce, sizeof(h));
	if (header_good(&h)) {
		v->first |= segment == 0;
		/* Of segments of another size, from when the partition was another, nothing is
		 * known but that they are nobody else's. */
		if (h.segment_size == s->segment_size)
			segment_known(s, g, s->bounce, format, v);
	} else if (blank(s->bounce, n)) {
		g->flags = s->medium->erased_is_ff ? SEGMENT_BLANK : 0;
	} else {
		v->foreign += !all_are(0, s->bounce, n) && !header_torn(s, s->bounce, n);
	}
	return 0;
}

/* Segments without a header on a medium that is ours: never used, or power failed in their
 * erase. */
static void estimate(struct store *s, const struct survey *v)
{
	s->used = v->used == 0 || v->used == USED_UNKNOWN ? s->nsegments : v->used;
	for (uint32_t i = 0; i < s->nsegments; i++) {
		struct segment *g = &s->segments[i];

		if (g->flags & SEGMENT_HEADER)
			continue;
		g->erase_count = i < s->used ? v->erase_min : 0;
		g->flags = 0; /* even one that reads blank: its erase may not have been finished */
	}
}

/* The newest header counted what might be written after it (bytes_ahead): what is still unused was
 * not. */
static void figures_restore(struct store *s, const struct survey *v)
{
	uint64_t unused = 0;

	for (uint32_t i = 0; i < s->nsegments; i++)
		unused += segment_unused(&s->segments[i]) ? segment_room(s) : 0;
	s->bytes_ever -= MIN(unused, s->bytes_ever);
	budget_restore(s, v->spent, unused);
}

static int survey(struct store *s, bool format)
{
	struct survey v = { .erase_min = UINT32_MAX };

	for (uint32_t i = 0; i < s->nsegments; i++) {
		int err = segment_survey(s, i, format, &v);

		if (err)
			return err;
	}
	if (v.ours > 0) {
		estimate(s, &v);
	} else if (v.foreign > 0 && !v.first && !format && !s->medium->given) {
		log_error(
			"swap store %s: holds something else in %u of %u blocks; swap.format=1 on the command line overwrites it",
			s->medium->name, v.foreign, s->nsegments);
		return -EMEDIUMTYPE;
	}
	figures_restore(s, &v);
	return 0;
}

/* ---- Calls ---- */

/* A key of this opening: nobody has it when the machine is off, so nothing on the medium can be
 * read. */
static void key_make(struct store *s)
{
	s->encrypted = swap_encrypt == SWAP_ENCRYPT_ALWAYS ||
		       (swap_encrypt == SWAP_ENCRYPT_AUTO && s->medium->exposed);
	if (!s->encrypted)
		return;
	if (!random_ready())
		log_warn("swap store %s: the board gave no random seed: its key can be guessed",
			 s->medium->name);
	random_bytes(s->key, sizeof(s->key));
}

static int store_set_up(struct store *s, bool format)
{
	int err = buffers_alloc(s);

	if (!err)
		err = survey(s, format);
	if (err)
		return err;
	key_make(s);
	s->slots = s->last = store_capacity(s);
	if (s->slots == 0) {
		log_error("swap store %s: %u of %u segments are retired, too few are left",
			  s->medium->name, s->stats.retired_segments, s->nsegments);
		return -EIO;
	}
	return map_alloc(s);
}

int store_open(struct medium *m, bool format, struct store **store, uint32_t *slots)
{
	struct store *s;
	int err = geometry_check(m);

	if (err)
		return err;
	s = kmalloc(sizeof(*s), ALLOC_ZERO);
	if (!s)
		return -ENOMEM;
	geometry_set(s, m);
	mutex_init(&s->writer);
	mutex_init(&s->unpacking);
	spin_init(&s->lock);
	waitq_init(&s->drained);
	s->rate.since = time_now();
	err = store_set_up(s, format);
	if (err) {
		store_free(s);
		return err;
	}
	*store = s;
	*slots = s->slots;
	log_info("swap store %s: %u segments of %u KB (%u retired), %u pages%s", m->name,
		 s->nsegments, s->segment_size / 1024, s->stats.retired_segments, s->slots,
		 s->encrypted ? ", encrypted" : "");
	return 0;
}

void store_close(struct store *s)
{
	head_drain(s);
	store_free(s);
}
