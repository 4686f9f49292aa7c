// SPDX-License-Identifier: MIT
/*
 * Flash partitions as files: /dev/mtdblock0 and so on, Linux's block devices of major 31, so that
 * swapon and swapoff can name the one for swap. They are for reading: writing bytes of flash takes
 * erasing a block first, which is nothing to do behind a program's back; opening one for writing
 * gives -EROFS.
 *
 * On flash the partition's name says that it is swap, and its first bytes are the store's. Tools
 * look for mkswap's header; so in the node of the partition for swap the first page is that header,
 * made up, with the partition's name for a label.
 *
 * A partition is swap's or of an open with O_EXCL, or nobody's.
 */
#include <linux/fcntl.h>

#include "kernel/block_internal.h"
#include "kernel/fs/dev.h"
#include "kernel/fs/file.h"
#include "kernel/lib/string.h"
#include "kernel/mtd_internal.h"
#include "kernel/signal.h"
#include "kernel/swap_disk.h"
#include "mm/buddy.h"

static int node_open(struct file *f)
{
	struct mtd *d = device_data(f->inode);

	if (f->mode & FILE_WRITE)
		return -EROFS;
	if (f->flags & O_EXCL && !mtd_claim(d, f))
		return -EBUSY;
	f->data = d;
	f->mode |= FILE_SEEK;
	return 0;
}

static void node_release(struct file *f)
{
	mtd_release(f->data, f);
}

static void header_show(const struct medium *m, uint8_t *page)
{
	static const char signature[SWAP_SIGNATURE_LEN] = SWAP_SIGNATURE;
	struct swap_header h = { .version = 1, .last_page = (uint32_t)(m->size / PAGE_SIZE) - 1 };

	(void)string_copy(h.label, m->name, sizeof(h.label));
	memset(page, 0, PAGE_SIZE);
	memcpy(page + SWAP_HEADER_AT, &h, sizeof(h));
	memcpy(page + SWAP_SIGNATURE_AT, signature, sizeof(signature));
}

/* The page at `at`. */
static int page_read(const struct mtd *d, uint64_t at, uint8_t *page)
{
	struct medium *m = d->medium;

	if (at == 0 && m == mtd_swap()) {
		header_show(m, page);
		return 0;
	}
	return m->ops->read(m, at, page, PAGE_SIZE);
}

static int64_t node_read(struct file *f, struct io *io)
{
	const struct mtd *d = f->data;
	uint64_t at = io->pos, size = d->medium->size, end = at + MIN(io->n, size - MIN(at, size));
	struct page *p = at < end ? page_alloc(ALLOC_USER) : NULL;
	uint8_t *page = p ? page_to_virt(p) : NULL;
	int err = 0;

	if (at >= end)
		return 0;
	if (!p)
		return -ENOMEM;
	while (at < end && !err && !(at > io->pos && signal_pending())) {
		size_t skip = at % PAGE_SIZE, n = (size_t)MIN(end - at, PAGE_SIZE - skip);

		err = page_read(d, at - skip, page);
		if (!err)
			err = io_put(io, page + skip, n);
		at += err ? 0 : n;
	}
	page_free(p, 0);
	return at > io->pos ? (int64_t)(at - io->pos) : err;
}

static int64_t node_seek(struct file *f, int64_t off, int whence)
{
	return block_node_seek(f, ((const struct mtd *)f->data)->medium->size, off, whence);
}

static int64_t node_ioctl(struct file *f, unsigned cmd, uint64_t arg)
{
	const struct mtd *d = f->data;
	const struct block_device shape = { .sectors = d->medium->size >> SECTOR_SHIFT,
					    .block_size = SECTOR_SIZE,
					    .read_only = true };

	return block_node_shape(&shape, cmd, arg);
}

static const struct file_ops node_ops = {
	.open = node_open,
	.release = node_release,
	.read = node_read,
	.seek = node_seek,
	.ioctl = node_ioctl,
};

void mtd_node_show(struct mtd *d, unsigned number)
{
	(void)format(d->name, sizeof(d->name), "mtdblock%u", number);
	d->node = (struct device_node){ .name = d->name,
					.mode = S_IFBLK | 0660,
					.devno = DEVNO(MTD_BLOCK_MAJOR, number),
					.ops = &node_ops,
					.data = d };
	device_node_register(&d->node);
}
