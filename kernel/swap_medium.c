// SPDX-License-Identifier: MIT
/*
 * The medium of a swap store on a block device.
 *
 *      0        4 KB                     segment          2 * segment
 *      | mkswap | log of the first segment | lead | log ... | lead | log ... |
 *
 * Segments count from the partition's beginning, so that they lie as the flash behind it does,
 * which is where partitions are laid for. The first page of each is left alone (medium.lead), for
 * in the first one it is mkswap's header: not a byte of it is ever written, nor discarded.
 *
 * Reads of records begin anywhere, so they go through buffers of whole blocks: a few per area,
 * handed to the most urgent reader first. Writes come from the store's ring, which is aligned, in
 * pieces of WINDOW bytes, some of which are under way at a time. One more buffer has a piece of the
 * log that was read ahead: records in it need no transfer. Erasing is a discard that nobody waits
 * for but the next erase and whoever writes there.
 */
#include "kernel/driver.h"
#include "kernel/errno.h"
#include "kernel/lib/string.h"
#include "kernel/psi.h"
#include "kernel/swap_disk_internal.h"
#include "mm/buddy.h"
#include "mm/slab.h"

#define WINDOW        (16u << 10)
#define SEGMENT_MIN   (64u << 10)
#define SEGMENT_MAX   (1u << 20)
#define SEGMENT_HUGE  (4u << 20)
#define SEGMENTS_WANT 64u    /* rather smaller segments than fewer */
#define SEGMENTS_MOST 20480u /* each takes RAM, and a read at swapon */
#define AHEAD_ORDER   3u     /* of the buffer for reading ahead: 32 KB */
/* bytes the store reads at once: a page and its header */
#define RECORD_MOST (5u << 10)

static struct waitq something_ended =
	WAITQ_INIT(something_ended); /* not the disk's own: that may go when its flag is seen */

static struct swap_disk *disk_of(struct medium *m)
{
	return container_of(m, struct swap_disk, medium);
}

/* What a store knows of errors (mm/swap/medium.h). */
static int medium_error(int err)
{
	return err == 0 || err == -ENODEV || err == -EROFS ? err : -EIO;
}

/* ---- Buffers ---- */

static size_t buffer_size(const struct swap_disk *s)
{
	return PAGE_SIZE << s->order;
}

static unsigned buffer_get(struct swap_disk *s)
{
	for (;;) {
		unsigned i;

		spin_lock(&s->lock);
		i = s->unused ? (unsigned)__builtin_ctz(s->unused) : BUFFERS;
		if (i < BUFFERS)
			s->unused &= ~(1u << i);
		spin_unlock(&s->lock);
		if (i < BUFFERS)
			return i;
		(void)wait_event(&s->wait, READ_ONCE(s->unused) != 0, WAIT_UNINTERRUPTIBLE,
				 WAIT_FOREVER);
	}
}

static void buffer_put(struct swap_disk *s, unsigned i)
{
	spin_lock(&s->lock);
	s->unused |= 1u << i;
	spin_unlock(&s->lock);
	waitq_wake_one(&s->wait);
}

static int buffers_alloc(struct swap_disk *s)
{
	while (buffer_size(s) < RECORD_MOST + 2 * s->device->block_size)
		s->order++;
	for (unsigned i = 0; i < BUFFERS; i++) {
		s->buffers[i] = page_alloc_order(s->order, 0);
		if (!s->buffers[i])
			return -ENOMEM;
	}
	s->unused = (1u << BUFFERS) - 1;
	s->ahead = page_alloc_order(AHEAD_ORDER, 0);
	s->look = page_alloc(0);
	return s->ahead && s->look ? 0 : -ENOMEM;
}

static int transfer(struct swap_disk *s, enum block_op op, uint64_t offset, void *kva, size_t n)
{
	int err = block_transfer(s->device, op, offset >> SECTOR_SHIFT, kva, n);

	if (err == -ENODEV && swap_return(s))
		err = block_transfer(s->device, op, offset >> SECTOR_SHIFT, kva, n);
	/* Not away: lost. */
	if (err == -ENODEV && op == BLOCK_READ && READ_ONCE(s->medium.lost))
		err = -EIO;
	return medium_error(err);
}

/* ---- Operations ---- */

/* n bytes from anywhere, through buffer at; as many as fit. */
static int read_some(struct swap_disk *s, uint64_t offset, uint8_t *to, size_t *n, void *at)
{
	size_t block = s->device->block_size, skip = offset % block;
	int err;

	*n = MIN(*n, buffer_size(s) - skip);
	err = transfer(s, BLOCK_READ, offset - skip, at, ALIGN_UP(skip + *n, block));
	if (!err && to)
		memcpy(to, (uint8_t *)at + skip, *n);
	return err;
}

static int disk_read(struct medium *m, uint64_t offset, void *buf, size_t n)
{
	struct swap_disk *s = disk_of(m);
	unsigned i = buffer_get(s);
	int err = 0;

	for (size_t done = 0, part; done < n && !err; done += part) {
		part = n - done;
		err = read_some(s, offset + done, (uint8_t *)buf + done, &part,
				page_to_virt(s->buffers[i]));
	}
	buffer_put(s, i);
	return err;
}

static void pieces_copy(const struct medium_piece pieces[2], const uint8_t *from)
{
	memcpy(pieces[0].to, from, pieces[0].n);
	memcpy(pieces[1].to, from + pieces[0].n, pieces[1].n);
}

static void disk_read_ahead(struct medium *m, uint64_t offset, size_t n)
{
	struct swap_disk *s = disk_of(m);
	size_t block = s->device->block_size, skip = offset % block;
	int err;

	spin_lock(&s->lock);
	s->ahead_n = 0;
	spin_unlock(&s->lock);
	n = MIN(ALIGN_UP(skip + n, block), PAGE_SIZE << AHEAD_ORDER);
	err = block_read(s->device, (offset - skip) >> SECTOR_SHIFT, page_to_virt(s->ahead), n);
	spin_lock(&s->lock);
	s->ahead_at = offset - skip;
	s->ahead_n = err ? 0 : n; /* each record's own read will tell */
	s->ahead_last = UINT64_MAX;
	spin_unlock(&s->lock);
}

/* Takes the record out of what was read ahead. False: it is not there, or was taken just before:
 * who asks again did not like it. */
static bool ahead_take(struct swap_disk *s, uint64_t offset, const struct medium_piece pieces[2])
{
	uint64_t n = pieces[0].n + pieces[1].n, skip;
	bool there;

	spin_lock(&s->lock);
	skip = offset - s->ahead_at;
	there = offset != s->ahead_last && skip <= s->ahead_n && n <= s->ahead_n - skip;
	if (there) {
		pieces_copy(pieces, (uint8_t *)page_to_virt(s->ahead) + skip);
		s->ahead_last = offset;
	}
	spin_unlock(&s->lock);
	return there;
}

/* These bytes become others. */
static void forget(struct swap_disk *s, uint64_t offset, uint64_t n)
{
	spin_lock(&s->lock);
	if (offset < s->ahead_at + s->ahead_n && s->ahead_at < offset + n)
		s->ahead_n = 0;
	if (s->mark_at - offset < n)
		s->mark_at = 0;
	spin_unlock(&s->lock);
}

/* Header and contents of a record in one transfer: they fit a buffer. */
static int disk_read_both(struct medium *m, uint64_t offset, const struct medium_piece pieces[2])
{
	struct swap_disk *s = disk_of(m);
	size_t n = pieces[0].n + pieces[1].n;
	unsigned i;
	int err;

	if (ahead_take(s, offset, pieces))
		return 0;
	i = buffer_get(s);
	err = read_some(s, offset, NULL, &n, page_to_virt(s->buffers[i]));
	if (!err)
		pieces_copy(pieces, (uint8_t *)page_to_virt(s->buffers[i]) +
					    offset % s->device->block_size);
	buffer_put(s, i);
	return err;
}

static void discard_wait(struct swap_disk *s)
{
	(void)wait_event(&something_ended, !atomic_load_acquire(&s->discarding),
			 WAIT_UNINTERRUPTIBLE, WAIT_FOREVER);
}

/* What cannot be discarded is written over just as well. */
static void discard_done(struct block_request *r)
{
	struct swap_disk *s = r->data;

	atomic_store_release(&s->discarding, false);
	waitq_wake_all(&something_ended);
}

/* Of a segment that is longer than one discard may be, waits for all but the last. */
static int disk_erase(struct medium *m, uint64_t offset)
{
	struct swap_disk *s = disk_of(m);
	uint32_t kept = m->lead + MEDIUM_KEPT * m->program_unit;
	uint64_t sector = (offset + kept) >> SECTOR_SHIFT;
	uint64_t end = (offset + m->erase_size) >> SECTOR_SHIFT, n;

	forget(s, offset + kept, m->erase_size - kept);
	if (!s->device->can_discard)
		return 0;
	for (; sector < end; sector += n) {
		discard_wait(s);
		n = MIN(end - sector, (uint64_t)s->device->max_discard);
		s->discard = (struct block_request){
			.device = s->device,
			.op = BLOCK_DISCARD,
			.sector = sector,
			.sectors = (uint32_t)n,
			.done = discard_done,
			.data = s,
		};
		atomic_store(&s->discarding, true);
		block_submit(&s->discard);
	}
	return 0;
}

static bool meets_discard(const struct swap_disk *s, uint64_t offset, size_t n)
{
	uint64_t first = offset >> SECTOR_SHIFT, end = (offset + n) >> SECTOR_SHIFT;

	return atomic_load(&s->discarding) && first < s->discard.sector + s->discard.sectors &&
	       end > s->discard.sector;
}

/* The header of a segment is on the medium. */
static void mark_note(struct swap_disk *s, uint64_t offset, const void *header)
{
	spin_lock(&s->lock);
	s->mark_at = offset;
	memcpy(s->mark, header, MARK);
	spin_unlock(&s->lock);
}

static int program_copied(struct swap_disk *s, uint64_t offset, const uint8_t *buf, size_t n)
{
	unsigned i = buffer_get(s);
	int err = 0;

	for (size_t done = 0, part; done < n && !err; done += part) {
		part = MIN(n - done, buffer_size(s));
		memcpy(page_to_virt(s->buffers[i]), buf + done, part);
		err = transfer(s, BLOCK_WRITE, offset + done, page_to_virt(s->buffers[i]), part);
	}
	buffer_put(s, i);
	return err;
}

static int disk_program(struct medium *m, uint64_t offset, const void *buf, size_t n)
{
	struct swap_disk *s = disk_of(m);
	int err;

	forget(s, offset, n);
	if (meets_discard(s, offset, n))
		discard_wait(s);
	if (IS_ALIGNED((uintptr_t)buf, BLOCK_ALIGN))
		err = transfer(s, BLOCK_WRITE, offset, (void *)(uintptr_t)buf, n);
	else
		err = program_copied(s, offset, buf, n);
	if (!err && offset % m->erase_size == m->lead)
		mark_note(s, offset, buf);
	return err;
}

static void piece_done(struct block_request *r)
{
	struct piece *p = r->data;

	atomic_store_release(&p->ended, true);
	waitq_wake_all(&something_ended);
}

static void disk_program_begin(struct medium *m, uint64_t offset, const void *buf, size_t n)
{
	struct swap_disk *s = disk_of(m);
	struct piece *p = &s->pieces[s->begun++ % PIECES];

	forget(s, offset, n);
	if (meets_discard(s, offset, n))
		discard_wait(s);
	p->segment = (struct block_segment){ (void *)(uintptr_t)buf, (uint32_t)n };
	p->request = (struct block_request){
		.device = s->device,
		.op = BLOCK_WRITE,
		.sector = offset >> SECTOR_SHIFT,
		.sectors = (uint32_t)(n >> SECTOR_SHIFT),
		.segments = &p->segment,
		.nsegments = 1,
		.done = piece_done,
		.data = p,
	};
	atomic_store(&p->ended, false);
	block_submit(&p->request);
}

static int disk_program_end(struct medium *m)
{
	struct swap_disk *s = disk_of(m);
	struct piece *p = &s->pieces[s->over++ % PIECES];
	bool waits = psi_io_begin();

	(void)wait_event(&something_ended, atomic_load_acquire(&p->ended), WAIT_UNINTERRUPTIBLE,
			 WAIT_FOREVER);
	psi_io_end(waits);
	if (p->request.status == -ENODEV && swap_return(s))
		(void)block_submit_wait(&p->request);
	return medium_error(p->request.status);
}

static const struct medium_ops disk_ops = {
	.read = disk_read,
	.program = disk_program,
	.program_begin = disk_program_begin,
	.program_end = disk_program_end,
	.erase = disk_erase,
	.read_both = disk_read_both,
	.read_ahead = disk_read_ahead,
};

void swap_medium_free(struct swap_disk *s)
{
	discard_wait(s);
	for (unsigned i = 0; i < BUFFERS; i++)
		if (s->buffers[i])
			page_free(s->buffers[i], s->order);
	if (s->ahead)
		page_free(s->ahead, AHEAD_ORDER);
	if (s->look)
		page_free(s->look, 0);
	kfree(s);
}

static uint32_t segment_for(uint64_t size)
{
	uint32_t segment = SEGMENT_MAX;

	while (segment > SEGMENT_MIN && size / segment < SEGMENTS_WANT)
		segment /= 2;
	while (segment < SEGMENT_HUGE && size / segment > SEGMENTS_MOST)
		segment *= 2;
	return segment;
}

struct swap_disk *swap_medium_create(struct block_device *d, uint64_t size, bool given)
{
	struct swap_disk *s = kmalloc(sizeof(*s), ALLOC_ZERO);
	uint32_t segment = segment_for(size);

	if (!s)
		return NULL;
	s->device = d;
	spin_init(&s->lock);
	mutex_init(&s->again);
	waitq_init(&s->wait);
	(void)format(s->name, sizeof(s->name), "/dev/%s", d->name);
	s->medium = (struct medium){
		.ops = &disk_ops,
		.name = s->name,
		.size = ALIGN_DOWN(size, (uint64_t)segment),
		.erase_size = segment,
		.program_unit = d->block_size,
		.program_best = WINDOW,
		.programs = d->max_segment >= WINDOW ? PIECES : 0,
		.lead = PAGE_SIZE,
		.given = given,
		.discards = d->can_discard,
		.distant = true,
		.exposed = true,
		.card = d->card,
	};
	if (!buffers_alloc(s))
		return s;
	swap_medium_free(s);
	return NULL;
}
