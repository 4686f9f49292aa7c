// SPDX-License-Identifier: MIT
/*
 *      mtdparts = chip-parts { ";" chip-parts }
 *      chip-parts = chip ":" part { "," part }
 *      part = ( size | "-" ) [ "@" offset ] [ "(" name ")" ] [ "ro" ]
 *      size, offset = digits or 0x-digits [ "k" | "M" | "G" ]
 *
 * "-" is what is left of the chip. Without an offset a part begins where the one before ended.
 * Where Linux cuts a part that does not fit, this refuses: a typing error must not move a swap
 * partition over a boot loader's data.
 */
#include "drivers/flash/mtdparts.h"

#include "kernel/errno.h"
#include "kernel/lib/string.h"

struct parser {
	const char *at;
	uint64_t chip_size, next; /* next: where a part without offset begins */
	struct mtdpart *parts;
	unsigned count, max;
	bool wanted; /* these parts are for the chip that was asked for */
	const char *wrong;
};

static int fail(struct parser *p, const char *what)
{
	p->wrong = what;
	return -EINVAL;
}

/* parse_size() would take 010 for octal and 1kk for a size and a rest; the rest is found by whoever
 * looks next. */
static int parse_number(struct parser *p, uint64_t *value)
{
	int err;

	if (*p->at < '0' || *p->at > '9')
		return fail(p, "a number is missing");
	err = parse_size(p->at, &p->at, value);
	return err ? fail(p, "the number is too large") : 0;
}

static int parse_extent(struct parser *p, struct mtdpart *part, bool *rest)
{
	int err = 0;

	*rest = *p->at == '-';
	part->offset = p->next;
	part->size = 0;
	if (*rest)
		p->at++;
	else
		err = parse_number(p, &part->size);
	if (!err && !*rest && part->size == 0)
		return fail(p, "the size is zero");
	if (!err && *p->at == '@') {
		p->at++;
		err = parse_number(p, &part->offset);
	}
	return err;
}

static int parse_name(struct parser *p, struct mtdpart *part)
{
	const char *end;
	size_t n;

	if (*p->at != '(') {
		(void)format(part->name, sizeof(part->name), "part%u", p->count);
		return 0;
	}
	p->at++;
	end = strchr(p->at, ')');
	if (!end)
		return fail(p, "the name's closing parenthesis is missing");
	n = (size_t)(end - p->at);
	if (n == 0 || n > MTDPARTS_NAME_MAX)
		return fail(p, n ? "the name is too long" : "the name is empty");
	string_copy(part->name, p->at, n + 1);
	p->at = end + 1;
	return 0;
}

static int place(struct parser *p, struct mtdpart *part, bool rest)
{
	if (part->offset >= p->chip_size)
		return fail(p, "the part begins behind the chip's end");
	if (rest)
		part->size = p->chip_size - part->offset;
	if (part->size > p->chip_size - part->offset)
		return fail(p, "the part ends behind the chip's end");
	for (unsigned i = 0; i < p->count; i++)
		if (part->offset < p->parts[i].offset + p->parts[i].size &&
		    p->parts[i].offset < part->offset + part->size)
			return fail(p, "the part lies over another one");
	if (p->count == p->max)
		return fail(p, "too many parts");
	p->parts[p->count++] = *part;
	p->next = part->offset + part->size;
	return 0;
}

static int parse_part(struct parser *p)
{
	struct mtdpart part;
	bool rest;
	int err = parse_extent(p, &part, &rest);

	if (!err)
		err = parse_name(p, &part);
	if (err)
		return err;
	part.read_only = strncmp(p->at, "ro", 2) == 0;
	if (part.read_only)
		p->at += 2;
	if (*p->at != '\0' && *p->at != ',' && *p->at != ';')
		return fail(p, "\",\", \";\" or the end should be here");
	if (rest && *p->at == ',')
		return fail(p, "nothing can follow a part that takes the rest");
	return p->wanted ? place(p, &part, rest) : 0;
}

static int parse_chip(struct parser *p, const char *chip)
{
	const char *end = p->at;
	int err;

	while (*end && !strchr(":;,()@", *end))
		end++;
	if (*end != ':' || end == p->at)
		return fail(p, "a chip's name and \":\" should be here");
	p->wanted =
		(size_t)(end - p->at) == strlen(chip) && strncmp(p->at, chip, strlen(chip)) == 0;
	if (p->wanted && p->count > 0)
		return fail(p, "the chip is named twice");
	p->at = end;
	do {
		p->at++;
		err = parse_part(p);
	} while (!err && *p->at == ',');
	return err;
}

int mtdparts_parse(const char *text, const char *chip, uint64_t chip_size, struct mtdpart *parts,
		   unsigned max, struct mtdparts_error *error)
{
	struct parser p = { .at = text, .chip_size = chip_size, .parts = parts, .max = max };
	int err = parse_chip(&p, chip);

	while (!err && *p.at == ';') {
		p.at++;
		err = parse_chip(&p, chip);
	}
	if (err) {
		error->what = p.wrong;
		error->where = (size_t)(p.at - text);
		return err;
	}
	return (int)p.count;
}
