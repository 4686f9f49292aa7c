// SPDX-License-Identifier: MIT
/*
 * A medium that was away, under a swap store. It may have been given something else meanwhile, so
 * it is looked at before anything is read or written: what was left on it is there when its first
 * page is as it was at swapon, and the segment header that was written last as it was written. (Of
 * a page with mkswap's signature that alone says that all behind it is swap; a blank one says
 * nothing.) Else nothing is written any more until swapoff, and what was on it is lost.
 */
#include "arch/hw.h"
#include "kernel/lib/string.h"
#include "kernel/log.h"
#include "kernel/swap_disk_internal.h"
#include "mm/page.h"

static int look(struct swap_disk *s, uint64_t offset, uint32_t n)
{
	return block_look(s->device, offset >> SECTOR_SHIFT, page_to_virt(s->look), n);
}

static uint32_t first_page(const struct swap_disk *s)
{
	return hw_crc32c(UINT32_MAX, page_to_virt(s->look), PAGE_SIZE);
}

int swap_return_begin(struct swap_disk *s)
{
	int err = block_error(look(s, 0, PAGE_SIZE));

	s->first = first_page(s);
	return err;
}

/* As block_rebind() wants it. */
static int differs(void *arg)
{
	struct swap_disk *s = arg;
	int err = look(s, 0, PAGE_SIZE);
	uint8_t mark[MARK];
	uint64_t at;

	if (err || first_page(s) != s->first)
		return err ? err : 1;
	spin_lock(&s->lock);
	at = s->mark_at;
	memcpy(mark, s->mark, MARK);
	spin_unlock(&s->lock);
	if (at == 0)
		return !s->medium.given;
	err = look(s, at, s->device->block_size);
	return err ? err : memcmp(page_to_virt(s->look), mark, MARK) != 0;
}

bool swap_return(struct swap_disk *s)
{
	int other;

	mutex_lock(&s->again);
	other = s->medium.lost ? -ENODEV : block_rebind(s->device, differs, s);
	if (other > 0) {
		WRITE_ONCE(s->medium.lost, true);
		log_error("swap: %s was away and is not what it was: left alone", s->name);
	}
	mutex_unlock(&s->again);
	return other == 0;
}
