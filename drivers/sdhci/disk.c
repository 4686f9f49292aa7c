// SPDX-License-Identifier: MIT
/*
 * The block device on a card. A card does one thing at a time, so the disk's thread does it from
 * beginning to end, sleeping meanwhile: start() leaves the request to it.
 *
 * What goes wrong is tried again, after the card was brought back to where it takes commands; if it
 * does not come back, after it was identified anew. A card that is gone, or another one in its
 * place, lets requests fail at once; each looks first whether the right one, by its CID, is there
 * again. Swap and file systems of before are told: the card may have been elsewhere meanwhile
 * (block_bind).
 */
#include "drivers/sdhci/disk.h"

#include "kernel/errno.h"
#include "kernel/lib/string.h"
#include "kernel/log.h"

#define TRIES       3u
#define SEGMENTS    32u
#define DISCARD_MAX 8192u /* sectors: what a more urgent request waits behind */

static struct sd_disk *disk_of(struct block_device *d)
{
	return container_of(d, struct sd_disk, device);
}

/* ---- Losing and finding the card ---- */

static void lose(struct sd_disk *disk)
{
	if (!disk->lost)
		log_error("%s: the card does not answer", disk->device.name);
	disk->lost = true;
}

/* 0: the card is ready, and the one that it always was. */
static int find(struct sd_disk *disk)
{
	struct sd_card found;
	int err = sd_identify(&found, &disk->host);

	if (err)
		return err;
	if (memcmp(found.cid, disk->card.cid, sizeof(found.cid)) != 0) {
		if (!disk->other)
			log_error("%s: another card is there, it is left alone", disk->device.name);
		disk->other = true;
		return -ENODEV;
	}
	log_info("%s: the card answers again%s", disk->device.name,
		 found.read_only ? ", read-only" : "");
	disk->card = found;
	disk->lost = disk->other = false;
	WRITE_ONCE(disk->device.returns, disk->device.returns + 1);
	return 0;
}

/* ---- Requests ---- */

static int sd_start(struct block_device *d, struct block_request *r)
{
	atomic_store_release(&disk_of(d)->request, r);
	block_interrupt(d);
	return 0;
}

static int carry_out(struct sd_disk *disk, const struct block_request *r)
{
	if (r->op == BLOCK_DISCARD)
		return sd_erase(&disk->card, r->disk_sector, r->sectors);
	return sd_transfer(&disk->card, r);
}

/* After an error: the card takes commands again, or is lost. 0 or -EBUSY. */
static int settle(struct sd_disk *disk, const struct block_request *r, int err)
{
	if (err == -EBUSY)
		return err;
	if (!disk->troubled)
		log_warn("%s: error %d at sector %ju", disk->device.name, -err,
			 (uintmax_t)r->disk_sector);
	disk->troubled = true;
	err = err == -ENOMEDIUM ? err : sd_recover(&disk->card);
	if (err && err != -EBUSY)
		lose(disk);
	return err == -EBUSY ? err : 0;
}

/* 0, -EIO, -EROFS, -ENODEV: the card is not there or not what it was, which is nobody's fault but
 * its own; or -EBUSY: the controller may still be at it. */
static int serve(struct sd_disk *disk, const struct block_request *r)
{
	int err = 0;

	for (unsigned tries = 0; tries < TRIES; tries++) {
		if ((disk->lost && find(disk)) || block_stale(r, &disk->device))
			return -ENODEV;
		if (disk->card.read_only && r->op != BLOCK_READ)
			return -EROFS; /* it came back with its switch set */
		err = carry_out(disk, r);
		if (!err)
			break;
		if (settle(disk, r, err) == -EBUSY)
			return -EBUSY;
		if (err == -EPERM)
			break;
	}
	disk->troubled &= err != 0;
	return err ? -EIO : 0;
}

static void sd_collect(struct block_device *d)
{
	struct sd_disk *disk = disk_of(d);
	struct block_request *r = atomic_load_acquire(&disk->request);
	int status;

	if (!r)
		return;
	status = serve(disk, r);
	disk->stuck = status == -EBUSY;
	if (disk->stuck) {
		block_distrust(d);
		return;
	}
	atomic_store(&disk->request, NULL);
	block_complete(r, status);
}

/* The layer asks for it when this driver did, or when the thread, which calls this, did not run for
 * long: then nothing is under way. */
static int sd_reset(struct block_device *d)
{
	struct sd_disk *disk = disk_of(d);

	if (disk->stuck)
		return -EBUSY;
	atomic_store(&disk->request, NULL);
	return 0;
}

static const struct block_ops sd_ops = {
	.start = sd_start,
	.collect = sd_collect,
	.reset = sd_reset,
};

/* ---- Set-up ---- */

static void describe(struct sd_disk *disk)
{
	struct block_device *d = &disk->device;
	const struct sdhci *h = &disk->host;

	d->sectors = disk->card.sectors;
	d->block_size = SECTOR_SIZE;
	d->read_only = disk->card.read_only;
	d->coherent = h->coherent || !h->table; /* the CPU moves the data itself */
	d->card = true;
	d->can_discard = disk->card.can_erase;
	d->max_discard = DISCARD_MAX;
	d->max_segments = SEGMENTS;
	d->max_segment = BLOCK_REQUEST_MAX;
	d->depth = 1;
	d->ops = &sd_ops;
}

int sd_disk_init(struct sd_disk *disk)
{
	int err = sdhci_init(&disk->host);

	if (err)
		return err;
	err = sd_identify(&disk->card, &disk->host);
	if (err && err != -ENODEV)
		log_error("%s: a card that cannot be used, error %d", disk->device.name, -err);
	if (err)
		sdhci_stop(&disk->host);
	else
		describe(disk);
	return err;
}

void sd_disk_stop(struct sd_disk *disk)
{
	sdhci_stop(&disk->host);
}
