// SPDX-License-Identifier: MIT
// The device's side of virtio-mmio, the split queue and virtio-blk: see virtio.h beside. Written
// from the specification alone.
#include "tests/mock/virtio.h"

#include <stdlib.h>
#include <string.h>

#include "tests/mock/dma.h"
#include "tests/mock/private.h"

enum { ACKNOWLEDGE = 1, DRIVER = 2, DRIVER_OK = 4, FEATURES_OK = 8, FAILED = 128 };
enum { F_BLK_RO = 5, F_BLK_SIZE = 6, F_BLK_FLUSH = 9, F_BLK_DISCARD = 13 };
enum { DESC_NEXT = 1, DESC_WRITE = 2 };

static void violation(struct mock_virtio *m, const char *fmt, ...) PRINTF_LIKE(2, 3);

static void violation(struct mock_virtio *m, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	if (m->violations == 0)
		vsnprintf(m->what, sizeof(m->what), fmt, ap);
	va_end(ap);
	m->violations++;
	if (!m->tolerant)
		fail_msg("virtio: %s", m->what);
}

#define RULE(m, cond, ...)                                                                         \
	do {                                                                                       \
		if (!(cond))                                                                       \
			violation(m, __VA_ARGS__);                                                 \
	} while (0)

/* ---- Memory ---- */

static bool in_ram(uint64_t pa, uint64_t n)
{
	return n > 0 && mock_pa_in_ram(pa) && n <= MOCK_RAM_BASE + mock_options.ram - pa;
}

static void fetch(struct mock_virtio *m, uint64_t pa, void *buf, size_t n)
{
	if (m->coherent)
		memcpy(buf, phys_to_virt(pa), n);
	else
		mock_device_read(pa, buf, n);
}

static void store(struct mock_virtio *m, uint64_t pa, const void *buf, size_t n)
{
	if (m->coherent)
		memcpy(phys_to_virt(pa), buf, n);
	else
		mock_device_write(pa, buf, n);
}

static uint16_t fetch16(struct mock_virtio *m, uint64_t pa)
{
	uint16_t v;

	fetch(m, pa, &v, sizeof(v));
	return v;
}

/* ---- Registers ---- */

static bool agreed(const struct mock_virtio *m, unsigned bit)
{
	return m->driver_features >> bit & 1;
}

static uint32_t config_word(const struct mock_virtio *m, size_t at)
{
	switch (at) {
	case 0: return (uint32_t)m->sectors;
	case 4: return (uint32_t)(m->sectors >> 32);
	case 8: return m->size_max;
	case 12: return m->seg_max;
	case 20: return m->block_size;
	case 36: return m->discard_max;
	default: return 0;
	}
}

static uint32_t config_read(struct mock_virtio *m, size_t at, unsigned width)
{
	uint32_t value;

	RULE(m, m->version == 1 ? width == 1 : width == 4 && at % 4 == 0,
	     "configuration read at %zu by %u bytes", at, width);
	RULE(m, m->status & DRIVER, "configuration read before the driver has shown itself");
	value = config_word(m, at & ~(size_t)3) >> 8 * (at & 3);
	/* Half of a change: the capacity's low word is new with the high one old. */
	if (m->config_changes && at < 4) {
		m->config_changes--;
		m->generation++;
		return width == 1 ? (value + m->config_changes + 1) & 0xff
				  : value + m->config_changes + 1;
	}
	return width == 1 ? value & 0xff : value;
}

static uint32_t bus_read(const struct virtio_bus *bus, size_t offset, unsigned width)
{
	struct mock_virtio *m =
		container_of((struct virtio_bus *)(uintptr_t)bus, struct mock_virtio, bus);

	if (offset >= 0x100)
		return config_read(m, offset - 0x100, width);
	RULE(m, width == 4 && offset % 4 == 0, "register %#zx read by %u bytes", offset, width);
	switch (offset) {
	case 0x000: return 0x74726976;
	case 0x004: return m->version;
	case 0x008: return m->id;
	case 0x00c: return 0x554d4551;
	case 0x010:
		RULE(m, m->device_sel < 2, "feature word %u", m->device_sel);
		return (uint32_t)(m->offers >> 32 * m->device_sel);
	case 0x034: return m->queue_sel == 0 ? m->queue_max : 0;
	case 0x040:
		RULE(m, m->version == 1, "QueuePFN of a version 2 device");
		return m->queue_sel == 0 ? m->ready : 0;
	case 0x044:
		RULE(m, m->version == 2, "QueueReady of a version 1 device");
		return m->queue_sel == 0 ? m->ready : 0;
	case 0x060: return m->interrupt;
	case 0x070: return m->status;
	case 0x0fc:
		RULE(m, m->version == 2, "ConfigGeneration of a version 1 device");
		return m->generation;
	default: violation(m, "register %#zx is not one to read", offset); return 0;
	}
}

static void reset(struct mock_virtio *m)
{
	m->resets++;
	if (m->no_reset)
		return;
	m->status = m->ready = m->num = m->interrupt = m->page_size = m->align = 0;
	m->driver_features = 0;
	m->avail_seen = m->used_index = 0;
	m->nheld = 0;
	m->parts[0] = m->parts[1] = m->parts[2] = 0;
}

static void status_write(struct mock_virtio *m, uint32_t v)
{
	uint32_t added = v & ~m->status;

	if (v == 0) {
		reset(m);
		return;
	}
	RULE(m, (m->status & ~v) == 0, "status %#x after %#x takes bits back", v, m->status);
	RULE(m, !(added & DRIVER) || m->status & ACKNOWLEDGE, "DRIVER before ACKNOWLEDGE");
	RULE(m, !(added & FEATURES_OK) || (m->version == 2 && m->status & DRIVER),
	     "FEATURES_OK out of turn");
	RULE(m, !(added & DRIVER_OK) || m->status & (m->version == 2 ? FEATURES_OK : DRIVER),
	     "DRIVER_OK out of turn");
	RULE(m, !(added & DRIVER_OK) || m->ready, "DRIVER_OK without a queue");
	if (added & FEATURES_OK && m->disagrees)
		v &= ~(uint32_t)FEATURES_OK;
	m->status = v;
}

static void features_write(struct mock_virtio *m, uint32_t v)
{
	RULE(m, m->driver_sel < 2, "feature word %u", m->driver_sel);
	RULE(m, m->status & DRIVER && !(m->status & (FEATURES_OK | DRIVER_OK)),
	     "features out of turn");
	RULE(m, m->version == 2 || m->driver_sel == 0, "high features of a version 1 device");
	m->driver_features &= ~((uint64_t)0xffffffff << 32 * m->driver_sel);
	m->driver_features |= (uint64_t)v << 32 * m->driver_sel;
	RULE(m, !(m->driver_features & ~m->offers), "features %#llx were not offered",
	     (unsigned long long)(m->driver_features & ~m->offers));
}

static void queue_begin(struct mock_virtio *m)
{
	size_t sizes[3] = { 16 * m->num, 6 + 2 * m->num, 6 + 8 * m->num };
	static const unsigned aligns[3] = { 16, 2, 4 };

	RULE(m, m->num && !(m->num & (m->num - 1)) && m->num <= m->queue_max, "a queue of %u",
	     m->num);
	for (unsigned i = 0; i < 3; i++)
		RULE(m, m->parts[i] % aligns[i] == 0 && in_ram(m->parts[i], sizes[i]),
		     "part %u of the queue at %#llx", i, (unsigned long long)m->parts[i]);
}

static void pfn_write(struct mock_virtio *m, uint32_t v)
{
	RULE(m, m->version == 1, "QueuePFN of a version 2 device");
	RULE(m, m->page_size == PAGE_SIZE && m->align == PAGE_SIZE,
	     "the queue before page size and alignment");
	m->ready = v;
	m->parts[0] = (uint64_t)v * m->page_size;
	m->parts[1] = m->parts[0] + 16 * m->num;
	m->parts[2] = ALIGN_UP(m->parts[1] + 6 + 2 * m->num, (uint64_t)m->align);
	queue_begin(m);
}

static void part_write(struct mock_virtio *m, size_t offset, uint32_t v)
{
	unsigned part = (unsigned)(offset - 0x80) / 0x10, high = offset % 8 / 4;

	RULE(m, m->version == 2 && offset % 0x10 < 8, "register %#zx of this version", offset);
	RULE(m, !m->ready, "a queue in use is moved");
	m->parts[part] &= ~((uint64_t)0xffffffff << 32 * high);
	m->parts[part] |= (uint64_t)v << 32 * high;
}

static void queue_write(struct mock_virtio *m, size_t offset, uint32_t v)
{
	RULE(m, m->queue_sel == 0, "queue %u is not there", m->queue_sel);
	RULE(m, m->status & (m->version == 2 ? FEATURES_OK : DRIVER) && !(m->status & DRIVER_OK),
	     "the queue is set up in status %#x", m->status);
	switch (offset) {
	case 0x038: m->num = v; break;
	case 0x03c: m->align = v; break;
	case 0x040: pfn_write(m, v); break;
	case 0x044:
		RULE(m, m->version == 2 && v == 1, "QueueReady %u", v);
		m->ready = v;
		queue_begin(m);
		break;
	default: part_write(m, offset, v);
	}
}

static void take_all(struct mock_virtio *m);

static void bus_write(const struct virtio_bus *bus, size_t offset, uint32_t v)
{
	struct mock_virtio *m =
		container_of((struct virtio_bus *)(uintptr_t)bus, struct mock_virtio, bus);

	switch (offset) {
	case 0x014: m->device_sel = v; break;
	case 0x024: m->driver_sel = v; break;
	case 0x020: features_write(m, v); break;
	case 0x028:
		RULE(m, m->version == 1, "GuestPageSize of a version 2 device");
		m->page_size = v;
		break;
	case 0x030: m->queue_sel = v; break;
	case 0x038:
	case 0x03c:
	case 0x040:
	case 0x044:
	case 0x080:
	case 0x084:
	case 0x090:
	case 0x094:
	case 0x0a0:
	case 0x0a4: queue_write(m, offset, v); break;
	case 0x050:
		RULE(m, v == 0 && m->status & DRIVER_OK && !(m->status & FAILED),
		     "a notice in status %#x", m->status);
		m->notices++;
		take_all(m);
		break;
	case 0x064:
		RULE(m, v && !(v & ~m->interrupt), "%#x is acknowledged, %#x is pending", v,
		     m->interrupt);
		m->interrupt &= ~v;
		break;
	case 0x070: status_write(m, v); break;
	default: violation(m, "register %#zx is not one to write", offset);
	}
}

/* ---- The queue ---- */

static bool holds(const struct mock_virtio *m, uint16_t index)
{
	for (unsigned i = 0; i < m->nheld; i++)
		for (unsigned k = 0; k < m->held[i].n; k++)
			if (m->held[i].index[k] == index)
				return true;
	return false;
}

static void take(struct mock_virtio *m, uint16_t head)
{
	struct mock_chain *c = &m->held[m->nheld];
	bool writable = false;
	uint16_t at = head;

	c->head = head;
	for (c->n = 0; c->n < MOCK_VIRTIO_ROW; at = c->d[c->n - 1].next) {
		if (at >= m->num || holds(m, at)) {
			violation(m, "descriptor %u is out of range or the device's", at);
			return;
		}
		fetch(m, m->parts[0] + 16ull * at, &c->d[c->n], 16);
		c->index[c->n] = at;
		if (!in_ram(c->d[c->n].addr, c->d[c->n].len)) {
			violation(m, "descriptor %u does not lie in RAM", at);
			return;
		}
		RULE(m, !writable || c->d[c->n].flags & DESC_WRITE,
		     "a readable piece behind a writable one");
		RULE(m, !(c->d[c->n].flags & ~3u), "descriptor %u has flags %#x", at,
		     c->d[c->n].flags);
		writable = c->d[c->n].flags & DESC_WRITE;
		if (!(c->d[c->n++].flags & DESC_NEXT)) {
			m->nheld++;
			return;
		}
	}
	violation(m, "a chain without end from descriptor %u", head);
}

static void take_all(struct mock_virtio *m)
{
	uint16_t index = fetch16(m, m->parts[1] + 2);

	if ((uint16_t)(index - m->avail_seen) > m->num) {
		violation(m, "the index jumps from %u to %u", m->avail_seen, index);
		return;
	}
	while (m->avail_seen != index && m->nheld < m->num)
		take(m, fetch16(m, m->parts[1] + 4 + 2ull * (m->avail_seen++ % m->num)));
}

static void give(struct mock_virtio *m, uint32_t id, uint32_t written)
{
	uint32_t entry[2] = { id, written };

	store(m, m->parts[2] + 4 + 8ull * (m->used_index % m->num), entry, sizeof(entry));
	m->used_index = (uint16_t)(m->used_index + 1 + m->jump);
	m->jump = 0;
	store(m, m->parts[2] + 2, &m->used_index, sizeof(m->used_index));
	m->interrupt |= 1;
}

/* ---- The disk ---- */

struct header {
	uint32_t type, reserved;
	uint64_t sector;
};

/* Moves the pieces between header and status; how many bytes the device wrote. */
static uint32_t transfer(struct mock_virtio *m, const struct mock_chain *c, uint64_t sector)
{
	uint64_t at = sector * 512, size = m->sectors * 512;
	uint32_t written = 0;

	for (unsigned i = 1; i + 1 < c->n; i++) {
		uint32_t len = c->d[i].len;

		if (at > size || len > size - at) {
			violation(m, "sector %llu is not on the disk",
				  (unsigned long long)(at / 512));
			return written;
		}
		RULE(m, !agreed(m, 1) || len <= m->size_max, "a piece of %u bytes", len);
		if (c->d[i].flags & DESC_WRITE) {
			store(m, c->d[i].addr, m->cells + at, len);
			written += len;
		} else {
			fetch(m, c->d[i].addr, m->cells + at, len);
		}
		at += len;
	}
	RULE(m, (at - sector * 512) % m->block_size == 0 && sector * 512 % m->block_size == 0,
	     "a request of %llu bytes", (unsigned long long)(at - sector * 512));
	return written;
}

static void discard(struct mock_virtio *m, const struct mock_chain *c)
{
	struct {
		uint64_t sector;
		uint32_t sectors, flags;
	} what;

	RULE(m, c->n == 3 && c->d[1].len == 16 && agreed(m, F_BLK_DISCARD),
	     "a discard that cannot be");
	fetch(m, c->d[1].addr, &what, sizeof(what));
	RULE(m,
	     what.flags == 0 && what.sectors && what.sectors <= m->discard_max &&
		     what.sector + what.sectors <= m->sectors,
	     "sectors %llu + %u are discarded", (unsigned long long)what.sector, what.sectors);
	memset(m->cells + what.sector * 512, 0x5a, what.sectors * 512ull);
	m->discards++;
}

static uint32_t carry_out(struct mock_virtio *m, const struct mock_chain *c)
{
	struct header h;
	unsigned pieces = c->n - 2, writable = 0;

	for (unsigned i = 1; i + 1 < c->n; i++)
		writable += (c->d[i].flags & DESC_WRITE) != 0;
	RULE(m,
	     c->n >= 2 && c->d[0].len == 16 && !(c->d[0].flags & DESC_WRITE) &&
		     c->d[c->n - 1].len == 1 && c->d[c->n - 1].flags & DESC_WRITE,
	     "a request without header or status");
	fetch(m, c->d[0].addr, &h, sizeof(h));
	m->requests++;
	switch (h.type) {
	case 0:
		RULE(m, writable == pieces && pieces, "a read of %u pieces", pieces);
		RULE(m, !agreed(m, 2) || pieces <= m->seg_max, "%u pieces", pieces);
		return transfer(m, c, h.sector);
	case 1:
		RULE(m, writable == 0 && pieces, "a write of %u pieces", pieces);
		RULE(m, !agreed(m, F_BLK_RO), "a write to a read-only disk");
		RULE(m, !agreed(m, 2) || pieces <= m->seg_max, "%u pieces", pieces);
		return transfer(m, c, h.sector);
	case 4:
		RULE(m, pieces == 0 && h.sector == 0 && agreed(m, F_BLK_FLUSH),
		     "a flush that cannot be");
		m->flushes++;
		return 0;
	case 11: discard(m, c); return 0;
	default: violation(m, "a request of type %u", h.type); return 0;
	}
}

/* What the driver may not touch while the device has it. */
static void check_untouched(struct mock_virtio *m, const struct mock_chain *c)
{
	for (unsigned i = 0; i < c->n; i++) {
		uint8_t now[16];

		fetch(m, m->parts[0] + 16ull * c->index[i], now, 16);
		RULE(m, memcmp(now, &c->d[i], 16) == 0,
		     "descriptor %u is changed while the device has it", c->index[i]);
	}
}

static void answer(struct mock_virtio *m, const struct mock_chain *c)
{
	uint8_t status = m->status_is;
	uint32_t written = 0;

	check_untouched(m, c);
	if (!status)
		written = carry_out(m, c);
	if (!m->no_status)
		store(m, c->d[c->n - 1].addr, &status, 1);
	written += 1 + (uint32_t)m->written_off;
	give(m, m->wrong_id ? c->head + 1u : c->head, written);
	if (m->twice)
		give(m, c->head, written);
}

unsigned mock_virtio_run(struct mock_virtio *m, unsigned n)
{
	unsigned done = 0;

	if (m->hangs)
		return 0;
	for (; m->nheld && done < n; done++) {
		unsigned i = m->backwards ? m->nheld - 1 : 0;
		struct mock_chain c = m->held[i];

		memmove(&m->held[i], &m->held[i + 1], (m->nheld - i - 1) * sizeof(c));
		m->nheld--;
		answer(m, &c);
	}
	return done;
}

void mock_virtio_init(struct mock_virtio *m, uint64_t sectors)
{
	memset(m, 0, sizeof(*m));
	m->bus = (struct virtio_bus){ bus_read, bus_write };
	m->version = 2;
	m->id = 2;
	m->queue_max = 1024;
	m->offers = 0x10130006e54; /* as QEMU 7.2 */
	m->sectors = sectors;
	m->size_max = 1 << 20;
	m->seg_max = 254;
	m->block_size = 512;
	m->discard_max = 4194303;
	m->cells = calloc(sectors + 1, 512);
	assert_non_null(m->cells);
}

void mock_virtio_free(struct mock_virtio *m)
{
	free(m->cells);
}
