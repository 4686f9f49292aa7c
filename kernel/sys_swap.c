// SPDX-License-Identifier: MIT
/*
 * swapon(2) and swapoff(2): of a block device, or of the flash partition for swap, by their nodes.
 */
#include <linux/capability.h>

#include "kernel/cred.h"
#include "kernel/fs/walk.h"
#include "kernel/mtd.h"
#include "kernel/swap_disk.h"
#include "kernel/syscall.h"
#include "mm/slab.h"
#include "mm/usercopy.h"

/* swapon(2)'s; those that ask for discarding change nothing, as segments are always discarded. */
#define FLAG_PREFER  0x8000u
#define FLAG_PRIO    0x7fffu
#define FLAG_DISCARD 0x70000u

struct swap_place {
	struct block_device *device;
	struct medium *flash;
};

static int place_of(const char *path, struct swap_place *at)
{
	struct path p;
	int err = path_lookup(AT_FDCWD, path, 0, &p);
	devno_t number;

	if (err)
		return err;
	number = p.dentry->inode->rdev;
	err = S_ISBLK(p.dentry->inode->mode) ? 0 : -EINVAL;
	path_put(p);
	*at = (struct swap_place){ .device = block_find_number(number) };
	if (number >> 20 == MTD_BLOCK_MAJOR)
		at->flash = mtd_get(number & 0xfffff);
	return err || at->device || at->flash ? err : -ENXIO;
}

static int place_user(uint64_t path, struct swap_place *at)
{
	char *text;
	int64_t err;

	if (!current_capable(CAP_SYS_ADMIN))
		return -EPERM;
	text = kmalloc(PATH_MAX, 0);
	if (!text)
		return -ENOMEM;
	err = copy_string_from_user(text, (virt_addr_t)path, PATH_MAX);
	if (err >= 0)
		err = place_of(text, at);
	kfree(text);
	return (int)err;
}

SYSCALL(swapon)
{
	unsigned flags = (unsigned)args[1];
	int prio = flags & FLAG_PREFER ? (int)(flags & FLAG_PRIO) : -1, err;
	struct swap_place at;

	if (flags & ~(FLAG_PREFER | FLAG_PRIO | FLAG_DISCARD))
		return -EINVAL;
	err = place_user(args[0], &at);
	if (err)
		return err;
	err = at.flash ? mtd_swap_on(at.flash, prio, false) : swap_disk_on(at.device, prio, false);
	/* What swapon(2) says of a place that is no swap. */
	return err == -EMEDIUMTYPE ? -EINVAL : err;
}

SYSCALL(swapoff)
{
	struct swap_place at;
	int err = place_user(args[0], &at);

	if (err)
		return err;
	return at.flash ? mtd_swap_off(at.flash) : swap_disk_off(at.device);
}
