// SPDX-License-Identifier: MIT
/*
 * Which block devices swap may have, and switching them on and off. What mkswap signed is swap,
 * whatever lies behind its page (mkswap(8): version, last page, bad pages, UUID and label from byte
 * 1024, the signature in the last ten bytes); so is what its partition table calls swap, when it is
 * blank or has a store's headers. Anything else is somebody's.
 */
#include "kernel/driver.h"
#include "kernel/errno.h"
#include "kernel/lib/string.h"
#include "kernel/log.h"
#include "kernel/swap_budget.h"
#include "kernel/swap_disk_internal.h"
#include "mm/buddy.h"

static struct mutex disks_mutex = MUTEX_INIT(disks_mutex);
static struct swap_disk *disks;

static bool page_blank(const uint8_t *p)
{
	size_t i = 1;

	while (i < PAGE_SIZE && p[i] == p[0])
		i++;
	return i == PAGE_SIZE && (p[0] == 0 || p[0] == 0xff);
}

static int signature_check(const struct block_device *d, const uint8_t *page, uint64_t *size)
{
	struct swap_header h;

	memcpy(&h, page + SWAP_HEADER_AT, sizeof(h));
	if (h.version != 1 || h.bad_pages != 0) {
		log_error("swap: %s: a swap header that is not known (version %u, %u bad pages)",
			  d->name, h.version, h.bad_pages);
		return -EINVAL;
	}
	if (((uint64_t)h.last_page + 1) << PAGE_SHIFT > *size) {
		log_error("swap: %s is shorter than its header says: mkswap it again", d->name);
		return -EINVAL;
	}
	*size = ((uint64_t)h.last_page + 1) << PAGE_SHIFT;
	return 0;
}

/* May the store have it? *size: bytes of the device that are swap; *ours: whatever they hold. */
static int device_check(struct block_device *d, bool format, uint64_t *size, bool *ours)
{
	struct page *p = page_alloc(0);
	const uint8_t *page;
	int err = p ? 0 : -ENOMEM;

	*size = d->sectors << SECTOR_SHIFT;
	if (!err && *size < PAGE_SIZE)
		err = -EINVAL;
	if (!err)
		err = block_read(d, 0, page_to_virt(p), PAGE_SIZE);
	if (err)
		goto out;
	page = page_to_virt(p);
	*ours = memcmp(page + SWAP_SIGNATURE_AT, SWAP_SIGNATURE, SWAP_SIGNATURE_LEN) == 0;
	if (*ours) {
		err = signature_check(d, page, size);
	} else if (!d->swap || !(format || page_blank(page))) {
		log_error("swap: %s has no swap signature%s: left alone. mkswap makes it swap",
			  d->name, d->swap ? " but something else" : "");
		err = -EINVAL;
	}
out:
	if (p)
		page_free(p, 0);
	return err;
}

/* ---- On and off ---- */

static int disk_on_locked(struct block_device *d, int prio, bool format)
{
	struct swap_disk *s;
	uint64_t size;
	bool ours = false;
	int err;

	block_bind(d, block_returns(d));
	err = device_check(d, format, &size, &ours);
	if (err)
		return err;
	s = swap_medium_create(d, size, ours);
	if (!s)
		return -ENOMEM;
	swap_budget_attach(&s->medium);
	err = swap_return_begin(s);
	if (!err)
		err = swap_attach(&s->medium, format, prio);
	if (err) {
		swap_medium_free(s);
		return err;
	}
	s->next = disks;
	disks = s;
	return 0;
}

int swap_disk_on(struct block_device *d, int prio, bool format)
{
	int err = d->read_only ? -EROFS : block_claim(d, "swap");

	if (err)
		return err;
	mutex_lock(&disks_mutex);
	err = disk_on_locked(d, prio, format);
	mutex_unlock(&disks_mutex);
	if (err)
		block_release(d);
	return err;
}

static int disk_off_locked(struct block_device *d)
{
	struct swap_disk **p = &disks, *s;
	int err;

	while (*p && (*p)->device != d)
		p = &(*p)->next;
	s = *p;
	err = s ? swap_detach(&s->medium) : -EINVAL;
	if (err)
		return err;
	*p = s->next;
	swap_medium_free(s);
	return 0;
}

int swap_disk_off(struct block_device *d)
{
	int err;

	mutex_lock(&disks_mutex);
	err = disk_off_locked(d);
	mutex_unlock(&disks_mutex);
	if (!err)
		block_release(d);
	return err;
}

void swap_disks_attach(bool format)
{
	struct block_device *d = NULL;

	while ((d = block_next(d)) != NULL)
		if (d->swap && swap_disk_on(d, -1, format))
			log_warn("swap: nothing is swapped to %s", d->name);
}
