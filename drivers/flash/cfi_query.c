// SPDX-License-Identifier: MIT
/*
 * What a CFI chip tells of itself (JEDEC JESD68.01, table 1): geometry, times, the command set, and
 * what that set's extended table adds. Addresses count words of the bus.
 */
#include "drivers/flash/cfi.h"

#include "kernel/errno.h"
#include "kernel/time.h"

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
/* The extended table, "PRI" and a version of two digits. Of command set 1: features at +5 */
#define EXTENDED_VERSION      4
#define EXTENDED_FEATURES     5
#define FEATURE_SUSPEND_ERASE 0x02
#define FEATURE_INSTANT_LOCK  0x20
/* Of command set 2: for what an erase can be suspended at +6 (0: nothing, 1: reading, 2: programs
 * as well), from version 1.1 on where the small blocks are at +15. */
#define EXTENDED_SUSPEND 6
#define EXTENDED_BOOT    15
#define BOOT_TOP         3

static const struct cfi_commands *const command_sets[] = { &cfi_intel, &cfi_amd };

static uint32_t query(const struct cfi_chip *c, unsigned i)
{
	return c->bus->read(c->bus, (size_t)i * CFI_WORD) & 0xff;
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
		c->bus->write(c->bus, QUERY_ADDRESS * CFI_WORD, cfi_all(c, QUERY_COMMAND));
		if (c->bus->read(c->bus, QUERY_MAGIC * CFI_WORD) == cfi_all(c, 'Q') &&
		    c->bus->read(c->bus, (QUERY_MAGIC + 1) * CFI_WORD) == cfi_all(c, 'R') &&
		    c->bus->read(c->bus, (QUERY_MAGIC + 2) * CFI_WORD) == cfi_all(c, 'Y'))
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

/* Chips with their small blocks at the top list them first all the same (Spansion S29GL-N data
 * sheet, "Common Flash Memory Interface"). */
static void regions_reverse(struct cfi_chip *c)
{
	uint64_t start = 0;

	for (unsigned i = 0; i < c->nregions / 2; i++) {
		struct cfi_region *a = &c->regions[i], *b = &c->regions[c->nregions - 1 - i],
				  t = *a;

		*a = *b;
		*b = t;
	}
	for (unsigned i = 0; i < c->nregions; i++) {
		c->regions[i].start = start;
		start += (uint64_t)c->regions[i].blocks * c->regions[i].block_size;
	}
}

static void query_features(struct cfi_chip *c)
{
	unsigned table = query16(c, QUERY_EXTENDED);

	if (table == 0 || query(c, table) != 'P' || query(c, table + 1) != 'R' ||
	    query(c, table + 2) != 'I')
		return;
	if (c->commands == &cfi_amd) {
		c->can_suspend = query(c, table + EXTENDED_SUSPEND) & 3;
		if (query(c, table + EXTENDED_VERSION) >= '1' &&
		    query(c, table + EXTENDED_BOOT) == BOOT_TOP)
			regions_reverse(c);
		return;
	}
	c->can_suspend = query(c, table + EXTENDED_FEATURES) & FEATURE_SUSPEND_ERASE;
	c->must_unlock = query(c, table + EXTENDED_FEATURES) & FEATURE_INSTANT_LOCK;
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
	if (size < CFI_BEST || !enter_query(c))
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
