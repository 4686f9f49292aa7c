// SPDX-License-Identifier: MIT
/*
 * CFI NOR flash: reading, programming and erasing with any command set. cfi_query.c finds out what
 * there is.
 *
 * While the chips are busy, or were asked for their status, all of the bank reads as status. They
 * are put back to array mode by the next read, not after each command: a batch of programs stays in
 * command mode, where a change of mode is costly (0.3 ms under QEMU).
 *
 * Waiting. A program takes some hundred microseconds: polled, from SPIN_NS on with sleeps between.
 * An erase takes up to seconds: polled every ERASE_POLL_NS, asleep; a reader that comes meanwhile
 * wakes the poller, which suspends the erase, lets readers in and resumes. Chips need time between
 * a resume and the next suspension to get anywhere (ERASE_QUANTUM_NS), so readers cannot starve an
 * erase.
 */
#include "drivers/flash/cfi.h"

#include "kernel/errno.h"
#include "kernel/lib/string.h"
#include "kernel/log.h"
#include "kernel/psi.h"
#include "kernel/time.h"

#define SPIN_NS          (200 * NSEC_PER_USEC)
#define SLEEP_NS         (100 * NSEC_PER_USEC)
#define ERASE_POLL_NS    (2 * NSEC_PER_MSEC)
#define ERASE_QUANTUM_NS (1 * NSEC_PER_MSEC)
#define READERS_MAX      16u /* let in per suspension */
/* QEMU drops a buffered program of a single word */
#define UNIT (2 * CFI_WORD)

const struct cfi_region *cfi_region_of(const struct cfi_chip *c, uint64_t at, uint64_t n)
{
	for (unsigned i = 0; i < c->nregions; i++) {
		const struct cfi_region *r = &c->regions[i];
		uint64_t size = (uint64_t)r->blocks * r->block_size;

		if (at < r->start || at - r->start >= size)
			continue;
		if (n > size - (at - r->start) || (at - r->start) % r->block_size != 0 ||
		    n % r->block_size != 0)
			return NULL;
		return r;
	}
	return NULL;
}

static bool inside(const struct cfi_chip *c, uint64_t at, size_t n)
{
	return at <= c->size && n <= c->size - at;
}

/* ---- Chips that do not come to an end ---- */

/* What they show until then must not be taken for contents. `lock` held. */
static bool stuck(struct cfi_chip *c)
{
	if (c->stuck && c->commands->status(c, c->stuck_at) != CFI_BUSY)
		c->stuck = false;
	return c->stuck;
}

static int get_stuck(struct cfi_chip *c, const char *what, uint64_t at)
{
	log_error("%s: %s at %#x does not end", c->name, what, (unsigned)at);
	c->stuck = true;
	c->stuck_at = at;
	return -EIO;
}

/* ---- Reading ---- */

static void reader_lock(struct cfi_chip *c)
{
	if (mutex_trylock(&c->lock))
		return;
	atomic_inc(&c->waiting);
	if (c->can_suspend)
		waitq_wake_all(&c->wanted);
	mutex_lock(&c->lock);
	atomic_dec(&c->waiting);
}

/* A part of one word, [skip, skip + n). */
static void read_part(const struct cfi_chip *c, uint64_t word_at, unsigned skip, void *buf,
		      size_t n)
{
	uint32_t v = c->bus->read(c->bus, (size_t)word_at);

	memcpy(buf, (uint8_t *)&v + skip, n);
}

int cfi_read(struct cfi_chip *c, uint64_t at, void *buf, size_t n)
{
	uint8_t *to = buf;
	unsigned skip = at % CFI_WORD;
	bool waits;

	if (!inside(c, at, n))
		return -EINVAL;
	waits = psi_io_begin();
	reader_lock(c);
	psi_io_end(waits);
	if (stuck(c)) {
		mutex_unlock(&c->lock);
		return -ENODEV;
	}
	if (!c->array)
		c->commands->array_mode(c);
	if (skip != 0) {
		size_t part = MIN(n, CFI_WORD - skip);

		read_part(c, at - skip, skip, to, part);
		at += part;
		to += part;
		n -= part;
	}
	if (n >= CFI_WORD)
		c->bus->copy(c->bus, (size_t)at, to, n / CFI_WORD);
	if (n % CFI_WORD != 0)
		read_part(c, at + (n - n % CFI_WORD), 0, to + (n - n % CFI_WORD), n % CFI_WORD);
	mutex_unlock(&c->lock);
	return 0;
}

/* ---- Programming ---- */

/* Until a program has ended: 0, -EIO or -EROFS. */
static int program_wait(struct cfi_chip *c, uint64_t at)
{
	uint64_t start = time_now();

	for (;;) {
		uint64_t spent = time_now() - start;
		int status = c->commands->status(c, at);

		if (status != CFI_BUSY)
			return status;
		if (spent > c->program_max_ns + SPIN_NS)
			return get_stuck(c, "a program", at);
		if (spent < SPIN_NS)
			hw_relax();
		else
			(void)time_sleep_until(time_now() + SLEEP_NS, WAIT_UNINTERRUPTIBLE);
	}
}

/* What is on the chips where success may be said of nothing done: 0, -EIO, or -EROFS when all of it
 * is still erased. */
static int program_check(struct cfi_chip *c, uint64_t at, const uint8_t *data, size_t n)
{
	uint32_t seen = UINT32_MAX;
	bool same = true;

	c->commands->array_mode(c);
	for (size_t i = 0; i < n; i += CFI_WORD) {
		uint32_t word = c->bus->read(c->bus, (size_t)at + i);

		same = same && memcmp(&word, data + i, CFI_WORD) == 0;
		seen &= word;
	}
	if (same)
		return 0;
	return seen == UINT32_MAX ? -EROFS : -EIO;
}

static int program_window(struct cfi_chip *c, uint64_t at, const uint8_t *data, size_t n)
{
	int err;

	mutex_lock(&c->lock);
	err = stuck(c) ? -ENODEV : c->commands->program(c, at, data, (unsigned)(n / CFI_WORD));
	if (err == -EIO) { /* they may not have been ready in time: whoever comes next looks */
		c->stuck = true;
		c->stuck_at = at;
	}
	if (!err)
		err = program_wait(c, at);
	if (!err && c->commands->silent)
		err = program_check(c, at, data, n);
	mutex_unlock(&c->lock);
	return err;
}

int cfi_program(struct cfi_chip *c, uint64_t at, const void *buf, size_t n)
{
	uint32_t window = c->buffer ? c->buffer : 64;
	const uint8_t *data = buf;
	int err = 0;
	bool waits;

	if (!inside(c, at, n) || at % UNIT != 0 || n % UNIT != 0)
		return -EINVAL;
	waits = psi_io_begin();
	mutex_lock(&c->writer);
	while (n > 0 && !err) {
		size_t part = MIN(n, window - (size_t)(at % window));

		err = program_window(c, at, data, part);
		at += part;
		data += part;
		n -= part;
	}
	mutex_unlock(&c->writer);
	psi_io_end(waits);
	return err;
}

/* ---- Erasing ---- */

static bool reader_waits(struct cfi_chip *c)
{
	return c->can_suspend && atomic_load(&c->waiting) > 0;
}

/* Lets waiting readers in, who take `lock` while it is released. One who is not fast enough comes
 * at the next suspension: then the lock is handed to him. False: the erase has ended, or the chip
 * does not stop. */
static bool erase_give_way(struct cfi_chip *c, uint64_t at)
{
	if (!c->commands->suspend(c, at))
		return false;
	c->suspensions++;
	for (unsigned i = 0; i == 0 || (i < READERS_MAX && reader_waits(c)); i++) {
		c->commands->array_mode(c);
		mutex_unlock(&c->lock);
		mutex_lock(&c->lock);
	}
	c->commands->resume(c, at);
	(void)time_sleep_until(time_now() + ERASE_QUANTUM_NS, WAIT_UNINTERRUPTIBLE);
	return true;
}

static int erase_wait(struct cfi_chip *c, uint64_t at)
{
	uint64_t left = c->erase_max_ns + ERASE_POLL_NS, since = time_now();
	bool stops = true;

	for (;;) {
		uint64_t spent = time_now() - since;
		int status = c->commands->status(c, at);

		if (status != CFI_BUSY)
			return status;
		if (spent > left)
			return get_stuck(c, "an erase", at);
		(void)wait_event(&c->wanted, stops && reader_waits(c), WAIT_UNINTERRUPTIBLE,
				 time_now() + ERASE_POLL_NS);
		if (!stops || !reader_waits(c))
			continue;
		/* Time that readers take is not the erase's. A chip that did not stop is not told
		 * to again. */
		spent = time_now() - since;
		stops = erase_give_way(c, at);
		if (stops) {
			left -= MIN(left, spent);
			since = time_now();
		}
	}
}

int cfi_erase(struct cfi_chip *c, uint64_t at)
{
	bool waits = psi_io_begin();
	int err;

	mutex_lock(&c->writer);
	mutex_lock(&c->lock);
	err = stuck(c) ? -ENODEV : c->commands->erase(c, at);
	if (!err)
		err = erase_wait(c, at);
	mutex_unlock(&c->lock);
	mutex_unlock(&c->writer);
	psi_io_end(waits);
	return err;
}

/* ---- Parts as media ---- */

static int part_read(struct medium *m, uint64_t offset, void *buf, size_t n)
{
	struct cfi_part *p = container_of(m, struct cfi_part, medium);

	return n > m->size || offset > m->size - n ? -EINVAL
						   : cfi_read(p->chip, p->offset + offset, buf, n);
}

static int part_program(struct medium *m, uint64_t offset, const void *buf, size_t n)
{
	struct cfi_part *p = container_of(m, struct cfi_part, medium);

	if (m->read_only)
		return -EROFS;
	return n > m->size || offset > m->size - n
		       ? -EINVAL
		       : cfi_program(p->chip, p->offset + offset, buf, n);
}

static int part_erase(struct medium *m, uint64_t offset)
{
	struct cfi_part *p = container_of(m, struct cfi_part, medium);

	if (m->read_only)
		return -EROFS;
	return offset >= m->size || offset % m->erase_size ? -EINVAL
							   : cfi_erase(p->chip, p->offset + offset);
}

static const struct medium_ops part_ops = {
	.read = part_read,
	.program = part_program,
	.erase = part_erase,
};

int cfi_part_init(struct cfi_part *p, struct cfi_chip *c, uint64_t offset, uint64_t size)
{
	const struct cfi_region *r = cfi_region_of(c, offset, size);

	if (!r || size == 0)
		return -EINVAL;
	p->chip = c;
	p->offset = offset;
	p->medium = (struct medium){
		.ops = &part_ops,
		.name = p->name,
		.size = size,
		.erase_size = r->block_size,
		.program_unit = UNIT,
		.program_best = CFI_BEST,
		.erased_is_ff = true,
	};
	return 0;
}
