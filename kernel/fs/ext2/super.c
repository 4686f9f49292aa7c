// SPDX-License-Identifier: MIT
/*
 * Mounting and what concerns a file system as a whole: remounting, figures, damage.
 */
#include <asm/statfs.h>

#include "kernel/fs/ext2/ext2.h"
#include "kernel/fs/walk.h"
#include "kernel/random.h"
#include "kernel/time.h"
#include "mm/slab.h"

#define IDLE_MIN 128
#define IDLE_MAX 8192

static const struct super_ops ext2_super_ops;

int ext2_damage(struct ext2_fs *fs, const char *fmt, ...)
{
	char text[120];
	va_list ap;

	va_start(ap, fmt);
	(void)format_va(text, sizeof(text), fmt, ap);
	va_end(ap);
	log_error("ext2: %s is damaged: %s", fs->device->name, text);
	if (!(fs->disk->state & EXT2_STATE_ERROR)) {
		fs->disk->state |= EXT2_STATE_ERROR;
		fs->super_dirty = !fs->read_only;
	}
	return -EUCLEAN;
}

static bool power_of(uint32_t n, uint32_t base)
{
	while (n % base == 0)
		n /= base;
	return n == 1;
}

bool ext2_group_has_super(const struct ext2_fs *fs, uint32_t g)
{
	if (!(fs->disk->feature_ro_compat & EXT2_RO_SPARSE_SUPER) || g <= 1)
		return true;
	return power_of(g, 3) || power_of(g, 5) || power_of(g, 7);
}

/* ---- Set-up ---- */

static unsigned order_of(size_t n)
{
	unsigned order = 0;

	while (PAGE_SIZE << order < n)
		order++;
	return order;
}

/* Whole frames, as transfers want them. NULL: no memory. */
static void *frames_alloc(size_t n)
{
	struct page *p = page_alloc_order(order_of(n), 0);

	return p ? page_to_virt(p) : NULL;
}

static void frames_free_of(void *p, size_t n)
{
	if (p)
		page_free(virt_to_page(p), order_of(n));
}

static int super_read(struct ext2_fs *fs, bool rdonly)
{
	uint8_t *first = frames_alloc(PAGE_SIZE);
	int err = first ? 0 : -ENOMEM;

	/* The first 4 KB: whole blocks of any device. */
	if (!err)
		err = fs->device->sectors < 8 ? -EINVAL
					      : block_read(fs->device, 0, first, PAGE_SIZE);
	if (!err)
		err = ext2_check_super(fs, (struct ext2_super_disk *)(first + EXT2_SUPER_OFFSET),
				       rdonly);
	frames_free_of(first, PAGE_SIZE);
	return err;
}

static int tables_read(struct ext2_fs *fs)
{
	uint32_t block = EXT2_SUPER_OFFSET / fs->block_size;
	int err;

	fs->seen = kmalloc(EXT2_SUPER_SIZE, 0);
	fs->look = frames_alloc(PAGE_SIZE);
	fs->super_block = frames_alloc(PAGE_SIZE);
	fs->group = frames_alloc((size_t)fs->group_blocks << fs->block_bits);
	fs->pending = kmalloc(EXT2_PENDING_MAX * sizeof(*fs->pending), 0);
	if (!fs->seen || !fs->look || !fs->super_block || !fs->group || !fs->pending)
		return -ENOMEM;
	fs->disk = (struct ext2_super_disk *)(fs->super_block + EXT2_SUPER_OFFSET % fs->block_size);
	err = ext2_block_io(fs, BLOCK_READ, block, fs->super_block, 1);
	memcpy(fs->seen, fs->disk, EXT2_SUPER_SIZE);
	if (!err)
		err = ext2_block_io(fs, BLOCK_READ, block + 1, fs->group, fs->group_blocks);
	for (uint32_t n = 0; n < fs->groups && !err; n++)
		err = ext2_check_group(fs, n);
	return err;
}

static void fs_init(struct ext2_fs *fs)
{
	mutex_init(&fs->syncing);
	mutex_init(&fs->gate);
	mutex_init(&fs->mutex);
	mutex_init(&fs->again);
	spin_init(&fs->nodes_lock);
	waitq_init(&fs->settled);
	list_init(&fs->corpses);
	list_init(&fs->idle);
	for (unsigned i = 0; i < EXT2_HASH; i++)
		list_init(&fs->nodes[i]);
	fs->idle_max = MAX((unsigned)IDLE_MIN, MIN(frames_total() / 32, (unsigned)IDLE_MAX));
	(void)random_bytes(&fs->generation, sizeof(fs->generation));
}

static void fs_free(struct ext2_fs *fs)
{
	ext2_buffers_free(fs);
	kfree(fs->pending);
	frames_free_of(fs->group, (size_t)fs->group_blocks << fs->block_bits);
	frames_free_of(fs->super_block, PAGE_SIZE);
	frames_free_of(fs->look, PAGE_SIZE);
	kfree(fs->seen);
	block_release(fs->device);
	kfree(fs);
}

/* From now on changes are possible: the medium says "not clean" until all is written. */
static int writable_begin(struct ext2_fs *fs)
{
	struct ext2_super_disk *d = fs->disk;

	if (!(d->state & EXT2_STATE_VALID) || d->state & EXT2_STATE_ERROR)
		log_warn("ext2: %s was not unmounted cleanly: e2fsck should check it",
			 fs->device->name);
	d->state &= (uint16_t)~EXT2_STATE_VALID;
	d->mnt_count++;
	d->mtime = (uint32_t)(time_wall() / NSEC_PER_SEC);
	fs->valid = false;
	return ext2_super_write(fs);
}

static int fs_fill(struct ext2_fs *fs, bool rdonly)
{
	int err = super_read(fs, rdonly);

	if (!err)
		err = tables_read(fs);
	if (!err)
		err = ext2_buffers_init(fs);
	if (err)
		return err;
	fs->resuid = fs->disk->def_resuid;
	fs->resgid = fs->disk->def_resgid;
	fs->reserved = fs->disk->r_blocks_count;
	fs->read_only = rdonly;
	fs->valid = fs->disk->state & EXT2_STATE_VALID;
	return rdonly ? 0 : writable_begin(fs);
}

/* By its node, or by name while there is none yet. ERR_PTR. */
static struct block_device *device_of(const char *source)
{
	struct block_device *d = source[0] == '/' ? NULL : block_find(source);
	struct path p;
	int err;

	if (d)
		return d;
	err = path_lookup(AT_FDCWD, source, 0, &p);
	if (err)
		return ERR_PTR(err);
	if (S_ISBLK(p.dentry->inode->mode))
		d = block_find_number(p.dentry->inode->rdev);
	else
		d = ERR_PTR(-ENOTBLK);
	path_put(p);
	return d ? d : ERR_PTR(-ENXIO);
}

static int root_get(struct super *s)
{
	struct ext2_fs *fs = s->data;
	struct inode *spare = ext2_node_new(fs, NULL, 0), *root = NULL;
	int err = spare ? 0 : -ENOMEM;

	if (!err) {
		mutex_lock(&fs->mutex);
		err = ext2_node_get(fs, EXT2_ROOT_INO, spare, &root);
		mutex_unlock(&fs->mutex);
		if (err)
			ext2_node_discard(spare);
	}
	if (!err && !S_ISDIR(root->mode)) {
		err = ext2_damage(fs, "the root is no directory");
		inode_put(root);
	}
	if (err)
		return err;
	s->root = dentry_create_alone(root, "/");
	return s->root ? 0 : -ENOMEM;
}

static struct ext2_fs *fs_open(const char *source, bool rdonly)
{
	struct block_device *device = device_of(source);
	struct ext2_fs *fs;
	int err;

	if (IS_ERR(device))
		return (struct ext2_fs *)device;
	if (device->read_only && !rdonly)
		return ERR_PTR(-EROFS);
	fs = kmalloc(sizeof(*fs), ALLOC_ZERO);
	if (!fs)
		return ERR_PTR(-ENOMEM);
	fs->device = device;
	err = block_claim(device, "ext2");
	if (err) {
		kfree(fs);
		return ERR_PTR(err);
	}
	block_bind(device, block_returns(device));
	fs_init(fs);
	err = fs_fill(fs, rdonly);
	if (!err)
		return fs;
	fs_free(fs);
	return ERR_PTR(err);
}

static struct super *ext2_mount(const struct super_type *type, const char *source,
				const char *options, unsigned flags)
{
	struct ext2_fs *fs;
	struct super *s;
	int err = ext2_nodes_init();

	if (err || options[0])
		return ERR_PTR(err ? err : -EINVAL);
	fs = fs_open(source, flags & MOUNT_RDONLY);
	if (IS_ERR(fs))
		return (struct super *)fs;
	s = super_alloc(type, &ext2_super_ops, EXT2_MAGIC, SUPER_DISK);
	if (!s) {
		fs_free(fs);
		return ERR_PTR(-ENOMEM);
	}
	fs->super = s;
	s->data = fs;
	s->dev = fs->device->devno;
	s->max_size = ext2_size_max(fs);
	fs->writeback.flush = ext2_writeback;
	list_init(&fs->writeback.link);
	err = root_get(s);
	if (!err)
		err = writeback_attach(&fs->writeback);
	if (!err)
		return s;
	super_free(s);
	return ERR_PTR(err);
}

/* ---- Operations ---- */

static void ext2_put(struct super *s)
{
	struct ext2_fs *fs = s->data;

	writeback_detach(&fs->writeback);
	(void)!ext2_sync(s); /* logged, and nobody is left to be told */
	ext2_nodes_free(fs);
	fs_free(fs);
}

static int is_written(struct ext2_node *node, void *arg)
{
	(void)arg;
	return atomic_load(&node->inode->writers) > 0;
}

static bool has_writers_locked(struct ext2_fs *fs)
{
	return fs->norphans || ext2_nodes_each(fs, is_written, NULL);
}

/* The door is closed to changes, what there is is written, and nobody may have come in by then who
 * could write: who opened a file for it meanwhile is as good as one who had it open before. */
static int become_read_only(struct ext2_fs *fs)
{
	int err;

	mutex_lock(&fs->mutex);
	err = has_writers_locked(fs) ? -EBUSY : 0;
	fs->closing = !err;
	mutex_unlock(&fs->mutex);
	if (!err && !READ_ONCE(fs->failed))
		err = ext2_sync(fs->super);
	mutex_lock(&fs->mutex);
	if (!err && has_writers_locked(fs))
		err = -EBUSY;
	fs->read_only = !err;
	fs->closing = false;
	mutex_unlock(&fs->mutex);
	return err;
}

static int become_writable(struct ext2_fs *fs)
{
	int err = fs->device->read_only ? -EROFS : ext2_check_features(fs, fs->disk, false);

	if (err)
		return err;
	mutex_lock(&fs->mutex);
	err = fs->failed ? -EIO : writable_begin(fs);
	fs->read_only = err != 0;
	mutex_unlock(&fs->mutex);
	return err;
}

static int ext2_remount(struct super *s, const char *options, bool rdonly)
{
	struct ext2_fs *fs = s->data;

	(void)options;
	if (rdonly == fs->read_only)
		return !rdonly && READ_ONCE(fs->failed) ? -EIO : 0;
	return rdonly ? become_read_only(fs) : become_writable(fs);
}

/* Blocks of metadata that were there from the beginning, as df wants them left out. */
static uint64_t overhead(const struct ext2_fs *fs)
{
	uint64_t table = DIV_ROUND_UP(fs->inodes_per_group * fs->inode_size, fs->block_size);
	uint64_t n = fs->first_block + fs->groups * (2 + table);

	for (uint32_t g = 0; g < fs->groups; g++)
		if (ext2_group_has_super(fs, g))
			n += 1 + fs->group_blocks;
	return n;
}

static int ext2_statfs(struct super *s, struct statfs *st)
{
	struct ext2_fs *fs = s->data;
	uint64_t free;

	mutex_lock(&fs->mutex);
	free = fs->free_blocks + fs->pending_blocks;
	free -= MIN(free, fs->promised);
	st->f_bsize = st->f_frsize = (__statfs_word)fs->block_size;
	st->f_blocks = (__statfs_word)(fs->blocks - overhead(fs));
	st->f_bfree = (__statfs_word)free;
	st->f_bavail = (__statfs_word)(free > fs->reserved ? free - fs->reserved : 0);
	st->f_files = (__statfs_word)fs->inodes;
	st->f_ffree = (__statfs_word)(fs->free_inodes + fs->ncorpses);
	mutex_unlock(&fs->mutex);
	return 0;
}

static const struct super_ops ext2_super_ops = {
	.drop = ext2_node_drop,
	.statfs = ext2_statfs,
	.sync = ext2_sync,
	.remount = ext2_remount,
	.put = ext2_put,
};

static bool ext2_names(const void *page, struct super_names *names)
{
	const struct ext2_super_disk *d = (const void *)((const uint8_t *)page + EXT2_SUPER_OFFSET);

	if (d->magic != EXT2_MAGIC)
		return false;
	memcpy(names->label, d->volume_name, sizeof(d->volume_name));
	names->label[sizeof(d->volume_name)] = '\0';
	format_uuid(names->uuid, d->uuid);
	return true;
}

struct super_type ext2_type = {
	.name = "ext2",
	.needs_device = true,
	.names = ext2_names,
	.create = ext2_mount,
};
