// SPDX-License-Identifier: MIT
/*
 * The newc format (cpio(5)): a header of 110 characters, magic and thirteen numbers of eight
 * hexadecimal digits; the name with its terminator; the data. Name and data are padded to multiples
 * of four from the header's start. An entry named TRAILER!!! ends an archive.
 */
#include "kernel/fs/cpio.h"

#include "kernel/errno.h"
#include "kernel/lib/string.h"

#define HEADER_SIZE   110
#define FIELDS        13
#define NAME_SIZE_MAX 8192 /* PATH_MAX and a page of padding */

enum field {
	F_INO,
	F_MODE,
	F_UID,
	F_GID,
	F_NLINK,
	F_MTIME,
	F_SIZE,
	F_DEV_MAJOR,
	F_DEV_MINOR,
	F_RDEV_MAJOR,
	F_RDEV_MINOR,
	F_NAME_SIZE
};

static int hex(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static int parse_header(const uint8_t *p, uint32_t f[FIELDS])
{
	if (memcmp(p, "070701", 6) != 0 && memcmp(p, "070702", 6) != 0)
		return -EINVAL;
	p += 6;
	for (unsigned i = 0; i < FIELDS; i++) {
		f[i] = 0;
		for (unsigned k = 0; k < 8; k++) {
			int digit = hex(*p++);

			if (digit < 0)
				return -EINVAL;
			f[i] = f[i] << 4 | (uint32_t)digit;
		}
	}
	return 0;
}

static int parse_entry(const struct cpio *c, struct cpio_entry *e, size_t *end)
{
	uint32_t f[FIELDS];
	size_t left = c->size - c->at, data;

	if (left < HEADER_SIZE || parse_header(c->data + c->at, f))
		return -EINVAL;
	if (f[F_NAME_SIZE] == 0 || f[F_NAME_SIZE] > NAME_SIZE_MAX)
		return -EINVAL;
	data = ALIGN_UP(HEADER_SIZE + (size_t)f[F_NAME_SIZE], 4);
	if (data > left || f[F_SIZE] > left - data)
		return -EINVAL;
	e->name = (const char *)c->data + c->at + HEADER_SIZE;
	if (e->name[f[F_NAME_SIZE] - 1] != '\0')
		return -EINVAL;
	*e = (struct cpio_entry){
		.name = e->name,
		.data = c->data + c->at + data,
		.size = f[F_SIZE],
		.ino = f[F_INO],
		.mode = f[F_MODE],
		.uid = f[F_UID],
		.gid = f[F_GID],
		.nlink = f[F_NLINK],
		.mtime = f[F_MTIME],
		.dev_major = f[F_DEV_MAJOR],
		.dev_minor = f[F_DEV_MINOR],
		.rdev_major = f[F_RDEV_MAJOR],
		.rdev_minor = f[F_RDEV_MINOR],
	};
	/* The padding behind the last data may be missing. */
	*end = MIN(c->at + ALIGN_UP(data + f[F_SIZE], 4), c->size);
	return 1;
}

int cpio_next(struct cpio *c, struct cpio_entry *e)
{
	for (;;) {
		size_t end;
		int ret;

		while (c->at < c->size && c->data[c->at] == 0)
			c->at++;
		if (c->at == c->size)
			return 0;
		ret = parse_entry(c, e, &end);
		if (ret < 0)
			return ret;
		c->at = end;
		if (strcmp(e->name, "TRAILER!!!") != 0)
			return 1;
		c->archive++;
	}
}
