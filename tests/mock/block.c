// SPDX-License-Identifier: MIT
// A disk in host memory: see block.h beside. Stands for kernel/block.c as a whole.
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tests/mock/block.h"
#include "tests/mock/mock.h"

static struct block_device *devices;

/* ---- Requests ---- */

static void check_shape(const struct block_request *r)
{
	const struct block_device *d = r->device;
	uint64_t bytes = 0;

	assert_true(r->op < BLOCK_OPS);
	for (unsigned i = 0; i < r->nsegments; i++) {
		const struct block_segment *s = &r->segments[i];

		assert_true((const char *)s->kva >= mock_ram &&
			    (const char *)s->kva + s->bytes <= mock_ram + mock_options.ram);
		assert_true(IS_ALIGNED((uintptr_t)s->kva, BLOCK_ALIGN));
		assert_true(s->bytes > 0 && s->bytes % d->block_size == 0 &&
			    s->bytes <= d->max_segment);
		bytes += s->bytes;
	}
	if (r->op == BLOCK_READ || r->op == BLOCK_WRITE) {
		assert_true(r->nsegments >= 1 && r->nsegments <= d->max_segments);
		assert_true(bytes <= BLOCK_REQUEST_MAX && bytes == r->sectors * SECTOR_SIZE);
	} else {
		assert_int_equal(r->nsegments, 0);
	}
	assert_true((r->sector << SECTOR_SHIFT) % d->block_size == 0);
}

static void settle(struct mock_disk *m, uint64_t sector, uint64_t bytes)
{
	memcpy(m->medium + sector * SECTOR_SIZE, m->now + sector * SECTOR_SIZE, bytes);
}

static void transfer(struct mock_disk *m, const struct block_request *r)
{
	uint8_t *at = m->now + r->sector * SECTOR_SIZE;

	for (unsigned i = 0; i < r->nsegments; i++) {
		const struct block_segment *s = &r->segments[i];

		if (r->op == BLOCK_READ)
			memcpy(s->kva, at, s->bytes);
		else
			memcpy(at, s->kva, s->bytes);
		at += s->bytes;
	}
}

static int carry_out(struct mock_disk *m, const struct block_request *r)
{
	uint64_t sectors = r->op == BLOCK_FLUSH ? 0 : r->sectors;

	if (r->sector > m->device.sectors || sectors > m->device.sectors - r->sector)
		return -EINVAL;
	if (m->dead)
		return -EIO;
	if (r->op != BLOCK_FLUSH &&
	    block_stale(r, &m->device)) /* media that come and go have no cache */
		return -ENODEV;
	switch (r->op) {
	case BLOCK_READ:
		if (++m->reads == m->fail_read || m->bad_sector - r->sector < sectors)
			return -EIO;
		transfer(m, r);
		return 0;
	case BLOCK_WRITE:
		if (m->device.read_only)
			return -EROFS;
		if (++m->writes == m->fail_write)
			return -EIO;
		if (m->stop_at != 0 && m->writes >= m->stop_at)
			return m->stop_error;
		/* When power fails in it, it lies in the cache like those before: any block of it
		 * may get through. */
		transfer(m, r);
		m->dead = m->cut_at && m->writes + m->flushes == m->cut_at;
		return m->dead ? -EIO : 0;
	case BLOCK_FLUSH:
		m->flushes++;
		m->dead = m->cut_at && m->writes + m->flushes == m->cut_at;
		if (m->dead)
			return -EIO;
		settle(m, 0, m->device.sectors * SECTOR_SIZE);
		return 0;
	default:
		if (m->device.read_only)
			return -EROFS;
		if (!m->device.can_discard)
			return -EOPNOTSUPP;
		m->discards++;
		memset(m->now + r->sector * SECTOR_SIZE, 0x5a, sectors * SECTOR_SIZE);
		return 0;
	}
}

/* Of the memory of a request. */
static uint64_t sum_of(const struct block_request *r)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < r->nsegments; i++)
		for (uint32_t at = 0; at < r->segments[i].bytes; at++)
			sum = sum * 31 + ((const uint8_t *)r->segments[i].kva)[at];
	return sum;
}

static void check_overlap(const struct mock_disk *m, const struct block_request *r)
{
	const struct block_request *w;

	list_for_each (w, &m->waiting, link)
		if (r->sector < w->sector + w->sectors && w->sector < r->sector + r->sectors)
			fail_msg(
				"sector %u is read or written while a write or discard is under way",
				(unsigned)r->sector);
}

static void nothing(struct block_request *r)
{
	(void)r;
}

void block_submit(struct block_request *r)
{
	struct mock_disk *m = container_of(r->device, struct mock_disk, device);

	if (!preemptible())
		mock_violation(MOCK_RULE_CONTEXT, "block_submit with preemption or interrupts off");
	check_shape(r);
	m->requests++;
	if (m->on_request)
		m->on_request(m, r);
	check_overlap(m, r);
	if (m->late && (r->op == BLOCK_WRITE || r->op == BLOCK_DISCARD) && r->done != nothing) {
		r->submitted = sum_of(r);
		list_push_front(&m->waiting, &r->link);
		return;
	}
	r->status = carry_out(m, r);
	r->done(r);
}

void mock_disk_turn(struct mock_disk *m)
{
	while (!list_empty(&m->waiting)) {
		struct block_request *r = list_first(&m->waiting, struct block_request, link);

		list_remove(&r->link);
		assert_true(r->submitted == sum_of(r)); /* it stayed as it was */
		r->status = carry_out(m, r);
		r->done(r);
	}
}

void block_raise(struct block_request *r, int prio)
{
	r->prio = MAX(r->prio, prio);
}

int block_submit_wait(struct block_request *r)
{
	r->done = nothing;
	block_submit(r);
	return r->status;
}

int block_transfer(struct block_device *d, enum block_op op, uint64_t sector, void *kva, size_t n)
{
	int err = 0;

	while (n && !err) {
		size_t part = MIN(n, BLOCK_REQUEST_MAX);
		struct block_segment s = { kva, (uint32_t)part };
		struct block_request r = { .device = d,
					   .op = op,
					   .sector = sector,
					   .sectors = (uint32_t)(part / SECTOR_SIZE),
					   .segments = &s,
					   .nsegments = 1 };

		err = block_submit_wait(&r);
		sector += part / SECTOR_SIZE;
		kva = (char *)kva + part;
		n -= part;
	}
	return err;
}

int block_read(struct block_device *d, uint64_t sector, void *kva, size_t n)
{
	return block_transfer(d, BLOCK_READ, sector, kva, n);
}

int block_write(struct block_device *d, uint64_t sector, const void *kva, size_t n)
{
	return block_transfer(d, BLOCK_WRITE, sector, (void *)(uintptr_t)kva, n);
}

int block_flush(struct block_device *d)
{
	struct block_request r = { .device = d, .op = BLOCK_FLUSH };

	return block_submit_wait(&r);
}

int block_discard(struct block_device *d, uint64_t sector, uint64_t sectors)
{
	struct block_request r = {
		.device = d, .op = BLOCK_DISCARD, .sector = sector, .sectors = (uint32_t)sectors
	};

	return block_submit_wait(&r);
}

/* ---- Devices ---- */

struct block_device *block_next(const struct block_device *d)
{
	return d ? d->next : devices;
}

struct block_device *block_find(const char *name)
{
	struct block_device *d = devices;

	if (strncmp(name, "/dev/", 5) == 0)
		name += 5;
	while (d && strcmp(d->name, name) != 0)
		d = d->next;
	return d;
}

struct block_device *block_find_number(uint32_t devno)
{
	struct block_device *d = devices;

	while (d && d->devno != devno)
		d = d->next;
	return d;
}

int block_claim(struct block_device *d, const char *who)
{
	if (d->claimed)
		return -EBUSY;
	d->claimed = who;
	return 0;
}

void block_release(struct block_device *d)
{
	assert_non_null(d->claimed);
	d->claimed = NULL;
	d->bound = 0;
}

uint32_t block_returns(const struct block_device *d)
{
	return d->disk->returns;
}

void block_bind(struct block_device *d, uint32_t returns)
{
	assert_non_null(d->claimed);
	d->bound = 1 + returns;
}

void mock_disk_init(struct mock_disk *m, const char *name, uint64_t bytes)
{
	static uint32_t minor;

	assert_true(bytes % SECTOR_SIZE == 0);
	memset(m, 0, sizeof(*m));
	m->now = calloc(1, bytes + 1);
	m->medium = calloc(1, bytes + 1);
	assert_true(m->now && m->medium);
	m->bad_sector = UINT64_MAX;
	list_init(&m->waiting);
	m->device = (struct block_device){ .devno = 254u << 20 | minor++,
					   .sectors = bytes / SECTOR_SIZE,
					   .block_size = SECTOR_SIZE,
					   .coherent = true,
					   .can_discard = true,
					   .write_cache = true,
					   .max_segments = 30,
					   .max_segment = BLOCK_REQUEST_MAX,
					   .max_discard = UINT32_MAX,
					   .depth = 8,
					   .next = devices };
	strncpy(m->device.name, name, BLOCK_NAME_LEN - 1);
	m->device.disk = &m->device;
	devices = &m->device;
}

void mock_disk_load(struct mock_disk *m, const char *name, const char *file)
{
	FILE *f = fopen(file, "rb");
	long size = -1;

	if (!f || fseek(f, 0, SEEK_END) != 0 || (size = ftell(f)) < 0)
		fail_msg("%s cannot be read", file);
	rewind(f);
	mock_disk_init(m, name, ALIGN_UP((uint64_t)size, SECTOR_SIZE));
	assert_int_equal(fread(m->now, 1, (size_t)size, f), size);
	fclose(f);
	settle(m, 0, m->device.sectors * SECTOR_SIZE);
}

void mock_disk_save(const struct mock_disk *m, const char *file)
{
	size_t size = m->device.sectors * SECTOR_SIZE;
	FILE *f = fopen(file, "wb");

	if (!f || fwrite(m->now, 1, size, f) != size || fclose(f) != 0)
		fail_msg("%s cannot be written", file);
}

void mock_disk_free(struct mock_disk *m)
{
	struct block_device **p = &devices;

	while (*p && *p != &m->device)
		p = &(*p)->next;
	assert_non_null(*p);
	*p = m->device.next;
	free(m->now);
	free(m->medium);
}

static bool coin(uint64_t *seed)
{
	if (*seed == 0 || *seed == UINT64_MAX)
		return *seed;
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed >> 40 & 1;
}

void mock_disk_power(struct mock_disk *m, uint64_t seed)
{
	size_t block = m->device.block_size, size = m->device.sectors * SECTOR_SIZE;

	for (size_t at = 0; at < size; at += block) {
		if (memcmp(m->now + at, m->medium + at, block) == 0)
			continue;
		if (coin(&seed))
			memcpy(m->medium + at, m->now + at, block);
		else
			memcpy(m->now + at, m->medium + at, block);
	}
	m->dead = false;
	m->cut_at = 0;
}
