// SPDX-License-Identifier: MIT
/*
 * Partition tables. All numbers are little-endian, addresses in blocks of the device (LBA).
 *
 *    MBR   block 0: four entries of 16 bytes at 446, 0x55 0xaa at 510. One of the types 5, 0x0f,
 *          0x85 holds a chain of blocks of the same shape: entry 0 a partition (5, 6, ...),
 *          relative to that block; entry 1 the next block, relative to the extended partition.
 *    GPT   (UEFI 2.10, 5.3) block 0 protects it with a partition of type 0xee; header in block 1
 *          and in the last one, each with the place of a table of its own; CRC-32 (ISO 3309) over
 *          each header and each table.
 *
 * What names a partition for good (PARTUUID): in a GPT its own UUID, in an MBR the disk's number at
 * 440 and the partition's.
 *
 * A table whose partitions lie over each other, or whose chain comes back to a partition, is wrong:
 * the partitions are there to be looked at, and none of them is called swap, since swap is written
 * to unasked.
 *
 * A boot sector of a file system without partitions ends in 0x55 0xaa as well: a table counts only
 * when all its entries' first bytes are 0 or 0x80.
 */
#include "kernel/partition.h"

#include "kernel/errno.h"
#include "kernel/lib/string.h"
#include "kernel/log.h"
#include "mm/buddy.h"

#define MBR_DISK_NUMBER   440
#define MBR_ENTRIES       446
#define MBR_ENTRY         16
#define MBR_SIGNATURE     510
#define MBR_FIRST_LOGICAL 5
#define CHAIN_MAX         256 /* blocks of a chain looked at: it may be a circle */
#define WARNINGS_MAX      4   /* lines about the entries of one table */
#define TYPE_SWAP         0x82
#define TYPE_PROTECT      0xee
#define GPT_SIGNATURE     0x5452415020494645ull /* "EFI PART" */
#define GPT_HEADER_MIN    92
#define GPT_ENTRY_MIN     128
#define GPT_TABLE_MAX     (1u << 20)

struct table {
	struct block_device *d;
	uint8_t *block; /* a page */
	uint64_t blocks;
	struct partition *parts;
	unsigned max, n, warnings;
	bool wrong;
	uint32_t disk_number; /* MBR */
};

static uint32_t le32(const uint8_t *p)
{
	return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static uint64_t le64(const uint8_t *p)
{
	return le32(p) | (uint64_t)le32(p + 4) << 32;
}

/* Polynomial 0x04c11db7, reflected; start with ~0 and invert at the end. */
static uint32_t crc32(uint32_t crc, const uint8_t *p, size_t n)
{
	while (n--) {
		crc ^= *p++;
		for (int i = 0; i < 8; i++)
			crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
	}
	return crc;
}

static int block_get(struct table *t, uint64_t lba)
{
	uint32_t size = t->d->block_size;

	return block_read(t->d, lba * (size >> SECTOR_SHIFT), t->block, size);
}

/* The partition, of which its name and kind are still to be told; NULL: there is none. */
static struct partition *add(struct table *t, unsigned number, uint64_t first, uint64_t count)
{
	uint32_t per_block = t->d->block_size >> SECTOR_SHIFT;
	const char *wrong = NULL;

	if (count == 0 || first == 0 || first >= t->blocks || count > t->blocks - first)
		wrong = "does not lie on the disk";
	else if (t->n == t->max || number > t->max)
		wrong = "is one too many";
	if (wrong) {
		if (t->warnings++ < WARNINGS_MAX)
			log_warn("%s: partition %u %s", t->d->name, number, wrong);
		return NULL;
	}
	t->parts[t->n] = (struct partition){ .number = number,
					     .start = first * per_block,
					     .sectors = count * per_block };
	return &t->parts[t->n++];
}

/* ---- MBR ---- */

static const uint8_t *mbr_entry(const struct table *t, unsigned i)
{
	return t->block + MBR_ENTRIES + i * MBR_ENTRY;
}

static bool mbr_here(const struct table *t)
{
	if (t->block[MBR_SIGNATURE] != 0x55 || t->block[MBR_SIGNATURE + 1] != 0xaa)
		return false;
	for (unsigned i = 0; i < 4; i++)
		if (*mbr_entry(t, i) & 0x7f)
			return false;
	return true;
}

/* The partition of entry e, whose place counts from block `base`. */
static void mbr_add(struct table *t, unsigned number, uint64_t base, const uint8_t *e)
{
	struct partition *p = add(t, number, base + le32(e + 8), le32(e + 12));

	if (!p)
		return;
	(void)format(p->uuid, sizeof(p->uuid), "%08x-%02x", t->disk_number, number);
	p->swap = e[4] == TYPE_SWAP;
}

static bool is_extended(uint8_t type)
{
	return type == 5 || type == 0xf || type == 0x85;
}

/* One that begins at this block is known. */
static bool known(const struct table *t, uint64_t first)
{
	for (unsigned i = 0; i < t->n; i++)
		if (t->parts[i].start == first * (t->d->block_size >> SECTOR_SHIFT))
			return true;
	return false;
}

static int chain_read(struct table *t, uint64_t base, unsigned *number)
{
	uint64_t at = base;

	for (unsigned i = 0; i < CHAIN_MAX; i++) {
		const uint8_t *part = mbr_entry(t, 0), *next = mbr_entry(t, 1);
		int err = at < t->blocks ? block_get(t, at) : -EINVAL;

		if (err == -EIO)
			return err;
		if (err || !mbr_here(t)) {
			log_warn("%s: the chain of logical partitions is broken after %u",
				 t->d->name, *number - 1);
			return 0;
		}
		if (part[4] && known(t, at + le32(part + 8)))
			break;
		if (part[4])
			mbr_add(t, (*number)++, at, part);
		if (!is_extended(next[4]) || le32(next + 8) == 0)
			return 0;
		at = base + le32(next + 8);
	}
	log_warn("%s: the chain of logical partitions has no end", t->d->name);
	t->wrong = true;
	return 0;
}

static int mbr_read(struct table *t)
{
	uint64_t extended[4];
	unsigned n = 0, number = MBR_FIRST_LOGICAL;
	int err = 0;

	t->disk_number = le32(t->block + MBR_DISK_NUMBER);
	for (unsigned i = 0; i < 4; i++) {
		const uint8_t *e = mbr_entry(t, i);

		if (is_extended(e[4]))
			extended[n++] = le32(e + 8);
		else if (e[4])
			mbr_add(t, i + 1, 0, e);
	}
	for (unsigned i = 0; !err && i < n; i++)
		err = chain_read(t, extended[i], &number);
	return err;
}

static bool mbr_protects(const struct table *t)
{
	for (unsigned i = 0; i < 4; i++)
		if (mbr_entry(t, i)[4] == TYPE_PROTECT)
			return true;
	return false;
}

/* ---- GPT ---- */

struct gpt {
	uint64_t first_usable, last_usable, table;
	uint32_t entries, entry_size, crc;
};

/* The header in t->block, which was read from lba. */
static bool header_parse(struct table *t, uint64_t lba, struct gpt *g)
{
	static const uint8_t zero[4];
	const uint8_t *h = t->block;
	uint32_t size = le32(h + 12), crc;

	if (le64(h) != GPT_SIGNATURE || size < GPT_HEADER_MIN || size > t->d->block_size)
		return false;
	crc = crc32(crc32(crc32(~0u, h, 16), zero, 4), h + 20, size - 20);
	*g = (struct gpt){ le64(h + 40), le64(h + 48), le64(h + 72),
			   le32(h + 80), le32(h + 84), le32(h + 88) };
	return ~crc == le32(h + 16) && le64(h + 24) == lba && g->entry_size >= GPT_ENTRY_MIN &&
	       g->entry_size <= t->d->block_size && (g->entry_size & (g->entry_size - 1)) == 0 &&
	       g->entries <= GPT_TABLE_MAX / g->entry_size && g->last_usable < t->blocks &&
	       g->first_usable <= g->last_usable;
}

static bool entry_used(const uint8_t *e)
{
	return le64(e) | le64(e + 8); /* the type, a GUID; all zero: unused */
}

/* A GUID's first three fields are little-endian numbers (UEFI 2.10, appendix A). */
static void guid_text(char *out, const uint8_t *g)
{
	const uint8_t uuid[16] = { g[3], g[2], g[1],  g[0],  g[5],  g[4],  g[7],  g[6],
				   g[8], g[9], g[10], g[11], g[12], g[13], g[14], g[15] };

	format_uuid(out, uuid);
}

static void entry_add(struct table *t, const struct gpt *g, unsigned number, const uint8_t *e)
{
	static const uint8_t swap[16] = { 0x6d, 0xfd, 0x57, 0x06, 0xab, 0xa4, 0xc4, 0x43,
					  0x84, 0xe5, 0x09, 0x33, 0xc8, 0x4b, 0x4f, 0x4f };
	uint64_t first = le64(e + 32), last = le64(e + 40);
	struct partition *p;

	if (first < g->first_usable || last > g->last_usable || last < first)
		first = last = 0; /* add() says it */
	p = add(t, number, first, first ? last - first + 1 : 0);
	if (!p)
		return;
	guid_text(p->uuid, e + 16);
	p->swap = memcmp(e, swap, sizeof(swap)) == 0;
}

/* Goes over the table: with *crc NULL to take the partitions, else to compute the checksum. */
static int entries_walk(struct table *t, const struct gpt *g, uint32_t *crc)
{
	uint32_t per_block = t->d->block_size / g->entry_size;

	if (crc)
		*crc = ~0u;
	for (uint32_t i = 0; i < g->entries; i++) {
		const uint8_t *e = t->block + i % per_block * g->entry_size;

		if (i % per_block == 0) {
			uint64_t lba = g->table + i / per_block;
			int err = lba < t->blocks ? block_get(t, lba) : -EINVAL;

			if (err)
				return err;
		}
		if (crc)
			*crc = crc32(*crc, e, g->entry_size);
		else if (entry_used(e))
			entry_add(t, g, i + 1, e);
	}
	return 0;
}

/* 0: its partitions were taken; -EINVAL: not good; or a device's error. */
static int gpt_try(struct table *t, uint64_t lba)
{
	struct gpt g;
	uint32_t crc;
	int err = block_get(t, lba);

	if (!err && !header_parse(t, lba, &g))
		err = -EINVAL;
	if (!err)
		err = entries_walk(t, &g, &crc);
	if (!err && ~crc != g.crc)
		err = -EINVAL;
	return err ? err : entries_walk(t, &g, NULL);
}

static int gpt_read(struct table *t)
{
	int err = gpt_try(t, 1);

	if (!err)
		return 0;
	log_warn("%s: the partition table (GPT) is damaged, its copy is tried", t->d->name);
	t->n = 0;
	err = gpt_try(t, t->blocks - 1);
	if (err) {
		log_error("%s: the copy of the partition table is not good either", t->d->name);
		t->n = 0;
	}
	return err == -EINVAL ? 0 : err;
}

static void overlaps_find(struct table *t)
{
	for (unsigned i = 1; i < t->n; i++)
		for (unsigned j = 0; j < i && !t->wrong; j++) {
			const struct partition *a = &t->parts[j], *b = &t->parts[i];

			t->wrong = a->start < b->start + b->sectors &&
				   b->start < a->start + a->sectors;
			if (t->wrong)
				log_warn("%s: partitions %u and %u lie over each other", t->d->name,
					 a->number, b->number);
		}
}

int partitions_read(struct block_device *d, struct partition *parts, unsigned max)
{
	struct page *p = page_alloc(0);
	struct table t = { .d = d, .parts = parts, .max = max };
	int err;

	if (!p)
		return -ENOMEM;
	t.block = page_to_virt(p);
	t.blocks = d->sectors / (d->block_size >> SECTOR_SHIFT);
	err = block_get(&t, 0);
	if (!err && mbr_here(&t))
		err = mbr_protects(&t) ? gpt_read(&t) : mbr_read(&t);
	page_free(p, 0);
	overlaps_find(&t);
	for (unsigned i = 0; t.wrong && i < t.n; i++)
		parts[i].swap = false;
	return err ? err : (int)t.n;
}
