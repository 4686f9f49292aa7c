// SPDX-License-Identifier: MIT
/*
 * Which block devices there are, whose they are, and transfers that are waited for. Devices are
 * found in a list that only grows: linked in whole by a release store, so that readers need no
 * lock.
 */
#include "kernel/block.h"

#include "kernel/block_internal.h"
#include "kernel/errno.h"
#include "kernel/lib/string.h"
#include "kernel/log.h"
#include "kernel/partition.h"
#include "mm/slab.h"

static struct mutex devices_mutex =
	MUTEX_INIT(devices_mutex); /* additions to the list; all claims */
static struct block_device *devices;
static struct waitq arrival = WAITQ_INIT(arrival);

/* ---- Transfers ---- */

int block_transfer(struct block_device *d, enum block_op op, uint64_t sector, void *kva, size_t n)
{
	size_t most = MIN(BLOCK_REQUEST_MAX, (size_t)d->max_segment);
	int err = 0;

	if (!IS_ALIGNED(n, SECTOR_SIZE))
		return -EINVAL;
	while (n && !err) {
		struct block_segment s = { kva, (uint32_t)MIN(n, most) };
		struct block_request r = { .device = d,
					   .op = op,
					   .sector = sector,
					   .sectors = s.bytes >> SECTOR_SHIFT,
					   .segments = &s,
					   .nsegments = 1 };

		err = block_submit_wait(&r);
		sector += r.sectors;
		kva = (char *)kva + s.bytes;
		n -= s.bytes;
	}
	return err;
}

int block_read(struct block_device *d, uint64_t sector, void *kva, size_t n)
{
	return block_error(block_transfer(d, BLOCK_READ, sector, kva, n));
}

int block_write(struct block_device *d, uint64_t sector, const void *kva, size_t n)
{
	return block_error(block_transfer(d, BLOCK_WRITE, sector, (void *)(uintptr_t)kva, n));
}

int block_flush(struct block_device *d)
{
	struct block_request r = { .device = d, .op = BLOCK_FLUSH };

	return block_error(block_submit_wait(&r));
}

int block_discard(struct block_device *d, uint64_t sector, uint64_t sectors)
{
	int err = 0;

	while (sectors && !err) {
		struct block_request r = { .device = d, .op = BLOCK_DISCARD, .sector = sector };

		r.sectors = (uint32_t)MIN(sectors, (uint64_t)d->max_discard);
		err = block_submit_wait(&r);
		sector += r.sectors;
		sectors -= r.sectors;
	}
	return block_error(err);
}

/* ---- The list ---- */

struct block_device *block_next(const struct block_device *d)
{
	return d ? atomic_load_acquire(&d->next) : atomic_load_acquire(&devices);
}

struct block_device *block_find(const char *name)
{
	struct block_device *d = NULL;

	if (strncmp(name, "/dev/", 5) == 0)
		name += 5;
	while ((d = block_next(d)) != NULL)
		if (strcmp(d->name, name) == 0)
			break;
	return d;
}

struct block_device *block_find_number(uint32_t devno)
{
	struct block_device *d = NULL;

	while ((d = block_next(d)) != NULL)
		if (d->devno == devno)
			break;
	return d;
}

unsigned block_count(void)
{
	const struct block_device *d = NULL;
	unsigned n = 0;

	while ((d = block_next(d)) != NULL)
		n++;
	return n;
}

void block_wait_more(unsigned n)
{
	(void)wait_event(&arrival, block_count() > n, WAIT_UNINTERRUPTIBLE, WAIT_FOREVER);
}

static void link_locked(struct block_device *d)
{
	struct block_device **p = &devices;

	while (*p)
		p = &(*p)->next;
	d->next = NULL;
	atomic_store_release(p, d);
}

/* ---- Claims ---- */

/* A disk overlaps its partitions, and in a table that is wrong they overlap each other. */
static bool overlap(const struct block_device *a, const struct block_device *b)
{
	return a->disk == b->disk && a->start < b->start + b->sectors &&
	       b->start < a->start + a->sectors;
}

int block_claim(struct block_device *d, const char *who)
{
	struct block_device *other = NULL;
	int err = 0;

	mutex_lock(&devices_mutex);
	while (!err && (other = block_next(other)) != NULL)
		if (other->claimed && overlap(d, other))
			err = -EBUSY;
	if (!err)
		d->claimed = who;
	mutex_unlock(&devices_mutex);
	return err;
}

void block_release(struct block_device *d)
{
	mutex_lock(&devices_mutex);
	ASSERT(d->claimed);
	d->claimed = NULL;
	WRITE_ONCE(d->bound, 0);
	mutex_unlock(&devices_mutex);
}

uint32_t block_returns(const struct block_device *d)
{
	return READ_ONCE(d->disk->returns);
}

void block_bind(struct block_device *d, uint32_t returns)
{
	WRITE_ONCE(d->bound, returns + 1);
}

/* ---- Registration ---- */

static int fields_check(const struct block_device *d)
{
	uint32_t block = d->block_size;

	return d->sectors && block >= SECTOR_SIZE && block <= PAGE_SIZE && !(block & (block - 1)) &&
			       (d->sectors << SECTOR_SHIFT) % block == 0 &&
			       d->sectors <= UINT64_MAX >> SECTOR_SHIFT && d->max_segments &&
			       d->depth && d->max_segment && d->max_segment % PAGE_SIZE == 0 &&
			       (d->max_discard || !d->can_discard)
		       ? 0
		       : -EINVAL;
}

static bool queue_give(struct block_device *disk)
{
	struct block_queue *q = block_queue_create(disk);

	atomic_store_release(&disk->queue, q); /* interrupts may come already */
	return q;
}

/* A disk gets its queue here, last of what can fail and cannot be undone. */
static int device_add(struct block_device *d)
{
	struct block_node *n;
	int err = 0;

	mutex_lock(&devices_mutex);
	n = block_node_alloc(d);
	if (block_find(d->name) || block_find_number(d->devno))
		err = -EEXIST;
	else if (!n || (!d->queue && !queue_give(d)))
		err = -ENOMEM;
	if (err)
		block_node_free(n);
	else
		link_locked(d);
	mutex_unlock(&devices_mutex);
	if (err)
		return err;
	block_node_show(n);
	waitq_wake_all(&arrival);
	return 0;
}

/* Linux's names: vda1, mmcblk0p1. */
static void partition_name(char *name, size_t size, const char *disk, unsigned number)
{
	char last = disk[strlen(disk) - 1];

	(void)format(name, size, last >= '0' && last <= '9' ? "%sp%u" : "%s%u", disk, number);
}

static int partition_add(struct block_device *disk, const struct partition *part)
{
	struct block_device *d = kmalloc(sizeof(*d), 0);
	int err;

	if (!d)
		return -ENOMEM;
	*d = *disk;
	partition_name(d->name, sizeof(d->name), disk->name, part->number);
	d->devno = disk->devno + part->number;
	d->sectors = part->sectors;
	d->start = part->start;
	(void)string_copy(d->uuid, part->uuid, sizeof(d->uuid));
	d->swap = part->swap;
	d->stats = (struct block_stats){ 0 };
	d->claimed = NULL;
	err = device_add(d);
	if (err)
		kfree(d);
	return err;
}

static void partitions_add(struct block_device *disk)
{
	struct partition parts[BLOCK_PARTITIONS];
	int n = partitions_read(disk, parts, BLOCK_PARTITIONS);

	for (int i = 0; i < n; i++) {
		int err = partition_add(disk, &parts[i]);

		if (err)
			log_error("%s: partition %u is left out, error %d", disk->name,
				  parts[i].number, -err);
	}
	if (n < 0)
		log_error("%s: its partitions cannot be read, error %d", disk->name, -n);
}

int block_register(struct block_device *d)
{
	int err = fields_check(d);

	if (err)
		return err;
	d->disk = d;
	d->start = 0;
	d->uuid[0] = '\0';
	d->swap = false;
	d->stats = (struct block_stats){ 0 };
	d->claimed = NULL;
	d->queue = NULL;
	err = device_add(d);
	if (!err)
		partitions_add(d);
	return err;
}
