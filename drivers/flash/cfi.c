// SPDX-License-Identifier: MIT
/*
 * CFI NOR flash: the query, and reading, programming and erasing with any command set.
 *
 * While the chips are busy, or were asked for their status, all of the bank reads as status. They are put back to array mode by the next
 * read, not after each command: a batch of programs stays in command mode, where a change of mode is costly (0.3 ms under QEMU).
 *
 * Waiting. A program takes some hundred microseconds: polled, from SPIN_NS on with sleeps between. An erase takes up to seconds: polled
 * every ERASE_POLL_NS, asleep; a reader that comes meanwhile wakes the poller, which suspends the erase, lets readers in and resumes. Chips
 * need time between a resume and the next suspension to get anywhere (ERASE_QUANTUM_NS), so readers cannot starve an erase.
 */
#include "drivers/flash/cfi.h"

#include "kernel/errno.h"
#include "kernel/lib/string.h"
#include "kernel/log.h"
#include "kernel/time.h"

#define SPIN_NS          (200 * NSEC_PER_USEC)
#define SLEEP_NS         (100 * NSEC_PER_USEC)
#define ERASE_POLL_NS    (2 * NSEC_PER_MSEC)
#define ERASE_QUANTUM_NS (1 * NSEC_PER_MSEC)
#define READERS_MAX      16u /* let in per suspension */
#define WORD             4u
#define UNIT             (2 * WORD) /* QEMU drops a buffered program of a single word */
#define BEST             4096u

/* ---- Query: JESD68.01 table 1; addresses count words of the bus ---- */

#define QUERY_COMMAND    0x98
#define QUERY_ADDRESS    0x55
#define QUERY_MAGIC      0x10 /* "QRY" */
#define QUERY_SET        0x13
#define QUERY_EXTENDED   0x15
#define QUERY_TYP_WORD   0x1f
#define QUERY_TYP_BUFFER 0x20
#define QUERY_TYP_ERASE  0x21
#define QUERY_MAX_WORD   0x23
#define QUERY_MAX_BUFFER 0x24
#define QUERY_MAX_ERASE  0x25
#define QUERY_SIZE       0x27
#define QUERY_BUFFER     0x2a
#define QUERY_NREGIONS   0x2c
#define QUERY_REGIONS    0x2d
/* Extended table of command set 1: features at +5 */
#define FEATURE_SUSPEND_ERASE 0x02
#define FEATURE_INSTANT_LOCK  0x20

static const struct cfi_commands *const command_sets[] = { &cfi_intel };

static uint32_t query(const struct cfi_chip *c, unsigned i)
{
	return c->bus->read(c->bus, (size_t)i * WORD) & 0xff;
}

static uint32_t query16(const struct cfi_chip *c, unsigned i)
{
	return query(c, i) | query(c, i + 1) << 8;
}

static void leave_query(const struct cfi_chip *c)
{
	/* 0xff is read array for set 1, 0xf0 for set 2; each ignores the other's. */
	c->bus->write(c->bus, 0, cfi_all(c, 0xf0));
	c->bus->write(c->bus, 0, cfi_all(c, 0xff));
}

/* Asks for the query in each way that chips can share 32 lines: two of 16, one of 32, four of 8. */
static bool enter_query(struct cfi_chip *c)
{
	static const struct {
		uint32_t lanes;
		unsigned chips;
	} ways[] = { { 0x00010001, 2 }, { 0x00000001, 1 }, { 0x01010101, 4 } };

	for (unsigned i = 0; i < ARRAY_SIZE(ways); i++) {
		c->lanes = ways[i].lanes;
		c->chips = ways[i].chips;
		c->bus->write(c->bus, QUERY_ADDRESS * WORD, cfi_all(c, QUERY_COMMAND));
		if (c->bus->read(c->bus, QUERY_MAGIC * WORD) == cfi_all(c, 'Q') &&
		    c->bus->read(c->bus, (QUERY_MAGIC + 1) * WORD) == cfi_all(c, 'R') &&
		    c->bus->read(c->bus, (QUERY_MAGIC + 2) * WORD) == cfi_all(c, 'Y'))
			return true;
		leave_query(c);
	}
	return false;
}

/* 2^typ units of ns, times 2^max; chips that say no maximum get a generous one. */
static uint64_t longest(uint32_t typ, uint32_t max, uint64_t ns)
{
	return (ns << MIN(typ, 20u)) << (max ? MIN(max, 10u) : 5u);
}

static int query_regions(struct cfi_chip *c)
{
	uint64_t start = 0;

	c->nregions = query(c, QUERY_NREGIONS);
	if (c->nregions == 0 || c->nregions > CFI_REGIONS_MAX)
		return -EINVAL;
	for (unsigned i = 0; i < c->nregions; i++) {
		struct cfi_region *r = &c->regions[i];
		uint32_t size = query16(c, QUERY_REGIONS + 4 * i + 2);

		r->start = start;
		r->blocks = query16(c, QUERY_REGIONS + 4 * i) + 1;
		r->block_size = (size ? size * 256 : 128) * c->chips;
		start += (uint64_t)r->blocks * r->block_size;
	}
	return start == c->size ? 0 : -EINVAL;
}

static void query_features(struct cfi_chip *c)
{
	unsigned table = query16(c, QUERY_EXTENDED);

	if (table == 0 || query(c, table) != 'P' || query(c, table + 1) != 'R' ||
	    query(c, table + 2) != 'I')
		return;
	c->can_suspend = query(c, table + 5) & FEATURE_SUSPEND_ERASE;
	c->must_unlock = query(c, table + 5) & FEATURE_INSTANT_LOCK;
}

static int query_geometry(struct cfi_chip *c, uint64_t window)
{
	uint32_t bits = query(c, QUERY_SIZE), buffer = query16(c, QUERY_BUFFER);
	bool buffered = buffer >= 3 && buffer <= 12;

	if (bits < 12 || bits > 31)
		return -EINVAL;
	c->size = ((uint64_t)1 << bits) * c->chips;
	c->buffer = buffered ? ((uint32_t)1 << buffer) * c->chips : 0;
	c->program_max_ns =
		longest(query(c, buffered ? QUERY_TYP_BUFFER : QUERY_TYP_WORD),
			query(c, buffered ? QUERY_MAX_BUFFER : QUERY_MAX_WORD), NSEC_PER_USEC);
	c->erase_max_ns =
		longest(query(c, QUERY_TYP_ERASE), query(c, QUERY_MAX_ERASE), NSEC_PER_MSEC);
	return c->size > window ? -EINVAL : query_regions(c);
}

static int query_commands(struct cfi_chip *c)
{
	uint32_t id = query16(c, QUERY_SET);

	for (unsigned i = 0; i < ARRAY_SIZE(command_sets); i++)
		if (command_sets[i]->id == id)
			c->commands = command_sets[i];
	return c->commands ? 0 : -EOPNOTSUPP;
}

int cfi_probe(struct cfi_chip *c, const struct cfi_bus *bus, const char *name, uint64_t size)
{
	int err;

	*c = (struct cfi_chip){ .bus = bus, .name = name };
	mutex_init(&c->writer);
	mutex_init(&c->lock);
	waitq_init(&c->wanted);
	if (size < BEST || !enter_query(c))
		return -ENODEV;
	err = query_commands(c);
	if (!err)
		err = query_geometry(c, size);
	if (!err)
		query_features(c);
	leave_query(c);
	c->array = true;
	return err;
}

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
	unsigned skip = at % WORD;

	if (!inside(c, at, n))
		return -EINVAL;
	reader_lock(c);
	if (!c->array)
		c->commands->array_mode(c);
	if (skip != 0) {
		size_t part = MIN(n, WORD - skip);

		read_part(c, at - skip, skip, to, part);
		at += part;
		to += part;
		n -= part;
	}
	if (n >= WORD)
		c->bus->copy(c->bus, (size_t)at, to, n / WORD);
	if (n % WORD != 0)
		read_part(c, at + (n - n % WORD), 0, to + (n - n % WORD), n % WORD);
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
		if (spent > c->program_max_ns + SPIN_NS) {
			log_error("%s: a program at %#x does not end", c->name, (unsigned)at);
			return -EIO;
		}
		if (spent < SPIN_NS)
			hw_relax();
		else
			(void)time_sleep_until(time_now() + SLEEP_NS, WAIT_UNINTERRUPTIBLE);
	}
}

static int program_window(struct cfi_chip *c, uint64_t at, const uint8_t *data, size_t n)
{
	int err;

	mutex_lock(&c->lock);
	err = c->commands->program(c, at, data, (unsigned)(n / WORD));
	if (!err)
		err = program_wait(c, at);
	mutex_unlock(&c->lock);
	return err;
}

int cfi_program(struct cfi_chip *c, uint64_t at, const void *buf, size_t n)
{
	uint32_t window = c->buffer ? c->buffer : 64;
	const uint8_t *data = buf;
	int err = 0;

	if (!inside(c, at, n) || at % UNIT != 0 || n % UNIT != 0)
		return -EINVAL;
	mutex_lock(&c->writer);
	while (n > 0 && !err) {
		size_t part = MIN(n, window - (size_t)(at % window));

		err = program_window(c, at, data, part);
		at += part;
		data += part;
		n -= part;
	}
	mutex_unlock(&c->writer);
	return err;
}

/* ---- Erasing ---- */

static bool reader_waits(struct cfi_chip *c)
{
	return c->can_suspend && atomic_load(&c->waiting) > 0;
}

/* Lets waiting readers in. `lock` is released meanwhile: readers stand in line for it and so come first. */
static void erase_give_way(struct cfi_chip *c, uint64_t at)
{
	if (!c->commands->suspend(c, at))
		return;
	c->suspensions++;
	for (unsigned i = 0; i == 0 || (i < READERS_MAX && reader_waits(c)); i++) {
		c->commands->array_mode(c);
		mutex_unlock(&c->lock);
		mutex_lock(&c->lock);
	}
	c->commands->resume(c, at);
	(void)time_sleep_until(time_now() + ERASE_QUANTUM_NS, WAIT_UNINTERRUPTIBLE);
}

static int erase_wait(struct cfi_chip *c, uint64_t at)
{
	uint64_t left = c->erase_max_ns + ERASE_POLL_NS, since = time_now();

	for (;;) {
		uint64_t spent = time_now() - since;
		int status = c->commands->status(c, at);

		if (status != CFI_BUSY)
			return status;
		if (spent > left) {
			log_error("%s: an erase at %#x does not end", c->name, (unsigned)at);
			return -EIO;
		}
		(void)wait_event(&c->wanted, reader_waits(c), WAIT_UNINTERRUPTIBLE,
				 time_now() + ERASE_POLL_NS);
		if (reader_waits(c)) {
			/* Time that readers take is not the erase's. */
			left -= MIN(left, time_now() - since);
			erase_give_way(c, at);
			since = time_now();
		}
	}
}

int cfi_erase(struct cfi_chip *c, uint64_t at)
{
	int err;

	mutex_lock(&c->writer);
	mutex_lock(&c->lock);
	err = c->commands->erase(c, at);
	if (!err)
		err = erase_wait(c, at);
	mutex_unlock(&c->lock);
	mutex_unlock(&c->writer);
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

	if (p->read_only)
		return -EROFS;
	return n > m->size || offset > m->size - n
		       ? -EINVAL
		       : cfi_program(p->chip, p->offset + offset, buf, n);
}

static int part_erase(struct medium *m, uint64_t offset)
{
	struct cfi_part *p = container_of(m, struct cfi_part, medium);

	if (p->read_only)
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
		.program_best = BEST,
		.erased_is_ff = true,
	};
	return 0;
}
