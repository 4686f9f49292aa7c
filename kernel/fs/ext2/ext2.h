// SPDX-License-Identifier: MIT
/*
 * What the files of ext2 share. README.md beside tells how they work together and in which order
 * metadata reaches the medium.
 *
 * Lock order: inode->mutex -> object->mutex -> fs->syncing -> fs->gate -> fs->mutex ->
 * fs->nodes_lock (spin, innermost). Nothing that may wait for memory happens under fs->mutex: the
 * page daemon takes it to write pages. No copy to or from user memory either. Unless it says
 * otherwise, a function here needs fs->mutex, may sleep, and returns 0 or a negative errno: -EIO
 * (medium), -EUCLEAN (damage, logged), -EAGAIN (everything in memory is waiting to be written: give
 * up fs->mutex, ext2_flush(), begin again).
 */
#ifndef KERNEL_FS_EXT2_EXT2_H
#define KERNEL_FS_EXT2_EXT2_H

#include "kernel/block.h"
#include "kernel/fs/ext2/format.h"
#include "kernel/fs/vfs.h"
#include "kernel/log.h"
#include "kernel/waitq.h"
#include "mm/writeback.h"

#define EXT2_HASH        256 /* chains of nodes */
#define EXT2_BUFFER_HASH 256
#define EXT2_BUFFERS_MIN 96
/* not dirty when an operation begins: more than any of them needs */
#define EXT2_BUFFERS_SPARE 48
#define EXT2_CORPSES_MAX   256 /* deleted inodes before a flush */
#define EXT2_PENDING_MAX   1024
#define EXT2_BLOCK_MAX     4096u

/* What a buffer holds, in the order in which dirty ones are written. */
enum ext2_class {
	EXT2_CLASS_DIR,
	EXT2_CLASS_IND1, /* pointers to data */
	EXT2_CLASS_IND2,
	EXT2_CLASS_IND3,
	EXT2_CLASS_TABLE,  /* inodes; extended attributes */
	EXT2_CLASS_BITMAP, /* which is written last, being what e2fsck can work out itself */
};

struct ext2_buffer {
	uint32_t block; /* 0: none */
	uint32_t refs;
	enum ext2_class class;
	bool dirty;
	bool added; /* directories: must be written before inodes, for what it names is new */
	uint32_t gone_count; /* directories: entries that are removed, but not on the medium yet */
	uint32_t gone[EXT2_BLOCK_MAX / 4 / 32]; /* a bit for each place an entry may begin */
	uint8_t *data;                          /* a block */
	struct ext2_buffer *hash_next;
	struct list link; /* fs->buffers: least recently used first */
};

/* Blocks that were freed, and are used on the medium as yet. */
struct ext2_extent {
	uint32_t first, count;
};

struct ext2_fs {
	struct super *super; /* constant, as is what follows up to gate */
	struct block_device *device;
	uint32_t block_size, block_bits; /* bytes; log2 of it */
	uint32_t groups, per_group, inodes_per_group;
	uint32_t first_block, blocks, inodes, first_ino; /* of the file system */
	uint32_t inode_size, pointers;                   /* pointers: in an indirect block */
	uint32_t resuid, resgid, reserved;
	bool filetype;

	struct writeback_source writeback;
	struct mutex syncing; /* one ext2_sync() at a time; outside gate */
	struct mutex gate;    /* held by a flush, and while blocks are given to data that is not
				 written yet */
	struct mutex
		again; /* what follows up to changed, and writing the superblock; below mutex */
	uint8_t *seen,
		*look;      /* the superblock as it is on the medium; a page to look at it again */
	bool changed;       /* it was not: somebody else's since the medium was away; again */
	struct mutex mutex; /* all below but nodes */
	uint8_t *super_block; /* a block, with the superblock in it */
	struct ext2_super_disk *disk;
	struct ext2_group_disk *group;
	uint32_t group_blocks; /* blocks of descriptors */
	bool group_dirty, super_dirty;
	bool read_only; /* no writes: mounted so, or for what it has */
	bool closing;   /* on its way there: no new changes, those that there are are written */
	bool failed;    /* metadata could not be written: nothing more is */
	bool valid;     /* on the medium it is marked clean */
	bool wrote;     /* since the medium's cache was flushed; atomic */
	uint64_t free_blocks, free_inodes, promised; /* blocks: promised to writes in progress */
	uint32_t generation, rounds; /* given to the last new inode; of ext2_sync (syncing) */

	struct ext2_buffer *buffer;
	unsigned nbuffers, ndirty, pages;
	uint8_t **memory; /* pages of the buffers */
	struct list buffers;
	struct ext2_buffer *buffer_hash[EXT2_BUFFER_HASH];
	struct ext2_extent *pending;
	unsigned npending;
	uint64_t pending_blocks;
	struct list corpses; /* deleted nodes, until a flush */
	unsigned ncorpses, norphans;

	struct spinlock nodes_lock; /* nodes and their refs from and to 0 */
	struct list nodes[EXT2_HASH], idle;
	unsigned nnodes, nidle, idle_max;
	uint32_t live;        /* nodes not freed; atomic */
	struct waitq settled; /* live or some node's writing went down */
};

/* An inode in memory. Directory and file alike; only regular files use the object. */
struct ext2_node {
	union {
		struct object object;
		struct disk_object disk;
	};
	struct inode *inode;
	struct ext2_fs *fs;
	struct list link; /* fs->nodes; corpses: fs->corpses */
	struct list idle; /* fs->idle while inode->refs is 0 */
	struct ext2_inode_disk
		raw;         /* as last encoded; blocks, flags and block[] are changed here */
	uint32_t links;      /* what the medium will say: inode->nlink is the VFS's own */
	uint32_t round;      /* visited in, last; fs->syncing */
	uint32_t generation; /* counts blocks taken away: reads look whether theirs was */
	uint32_t writing;    /* write_page under way without fs->mutex */
	uint32_t last_block; /* given last: where to look for the next */
	uint32_t promise, promise_first,
		promise_last; /* blocks of fs->promised for these pages, to a write in progress */
	uint32_t pass, pass_removed; /* order of encoding in a flush; see flush.c */
	uint32_t parent, name; /* directories: inode and hash of the one name that may lead here; 0:
				  not known yet */
	bool dirty;            /* raw differs from the medium */
	bool unsettled; /* directory whose inode must be written before those of new files in it */
	bool fresh;     /* blocks were given to data that is not written yet */
	bool orphan;    /* links is 0, and it is open */
	bool born;      /* the medium knows nothing of it yet */
};

/* ---- super.c ---- */

static inline struct ext2_fs *ext2_of(const struct inode *i)
{
	return i->super->data;
}
static inline struct ext2_node *ext2_node(const struct inode *i)
{
	return i->data;
}
extern struct super_type ext2_type;
/* Logs what is damaged, marks the file system for a check; returns -EUCLEAN. */
int ext2_damage(struct ext2_fs *fs, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* Whether group g holds a copy of superblock and descriptors. */
bool ext2_group_has_super(const struct ext2_fs *fs, uint32_t g);

/* ---- check.c: mounting only, without locks ---- */

/* Whether all features are known: -EINVAL, or -EROFS when they allow reading, unless rdonly. */
int ext2_check_features(struct ext2_fs *fs, const struct ext2_super_disk *d,
			bool rdonly) MUST_CHECK;
/* Fills what fs says of sizes. -EINVAL: no ext2, or not one for us; -EUCLEAN. */
int ext2_check_super(struct ext2_fs *fs, const struct ext2_super_disk *d, bool rdonly) MUST_CHECK;
/* The n-th descriptor, adding what it has free to fs. -EUCLEAN. */
int ext2_check_group(struct ext2_fs *fs, uint32_t n) MUST_CHECK;

/* ---- buffer.c: blocks of metadata ---- */

int ext2_buffers_init(struct ext2_fs *fs);
void ext2_buffers_free(struct ext2_fs *fs);
/* The buffer of block with a reference, its contents read; or zeroes, for a block just allocated.
 * *out is set on success only. */
int ext2_buffer_read(struct ext2_fs *fs, uint32_t block, enum ext2_class class,
		     struct ext2_buffer **out) MUST_CHECK;
int ext2_buffer_new(struct ext2_fs *fs, uint32_t block, enum ext2_class class,
		    struct ext2_buffer **out) MUST_CHECK;
void ext2_buffer_put(struct ext2_buffer *b);
void ext2_buffer_dirty(struct ext2_fs *fs, struct ext2_buffer *b);
/* block was freed: what is in memory of it goes. */
void ext2_buffer_forget(struct ext2_fs *fs, uint32_t block);
/* Writes the dirty buffers of a class (directories: added_only, those with new names); fails at the
 * first error. */
int ext2_buffers_write(struct ext2_fs *fs, enum ext2_class class, bool added_only);
unsigned ext2_buffers_count(const struct ext2_fs *fs, enum ext2_class class);
/* Whole blocks, also of data, without fs->mutex then. */
int ext2_block_io(struct ext2_fs *fs, enum block_op op, uint32_t block, void *kva,
		  uint32_t blocks) MUST_CHECK;

/* Writes fs->super_block to its place. fs->mutex. */
int ext2_super_io(struct ext2_fs *fs) MUST_CHECK;

/* The same from or to n pieces of memory, whole blocks each, in one request. */
int ext2_blocks_io(struct ext2_fs *fs, enum block_op op, uint32_t block,
		   const struct block_segment *segments, unsigned n) MUST_CHECK;

/* ---- alloc.c: blocks and inodes ---- */

/* True when a pointer may say so: within the file system, no metadata of its group. Any context. */
bool ext2_block_valid(const struct ext2_fs *fs, uint32_t block);
/* One block, near goal (0: anywhere). -ENOSPC. */
int ext2_block_alloc(struct ext2_fs *fs, uint32_t goal, uint32_t *block) MUST_CHECK;
/* Given back with the next flush. -EAGAIN: too many are already. */
int ext2_block_free(struct ext2_fs *fs, uint32_t block) MUST_CHECK;
/* Whether n blocks can be had by the running task beyond those promised. */
/* fs->mutex. */
bool ext2_blocks_left(const struct ext2_fs *fs, uint64_t n);
int ext2_inode_alloc(struct ext2_fs *fs, const struct ext2_node *dir, bool is_dir,
		     uint32_t *ino) MUST_CHECK;
/* Flush only: pending blocks and a corpse's number become free in the bitmaps. */
int ext2_pending_apply(struct ext2_fs *fs);
int ext2_inode_free(struct ext2_fs *fs, uint32_t ino, bool is_dir);

/* ---- map.c: which block holds which part of a file ---- */

/* The block of the file's n-th; 0 with create false: a hole. *fresh (may be NULL): it was allocated
 * now. -EFBIG, -ENOSPC. */
int ext2_map(struct ext2_node *node, uint64_t n, bool create, uint32_t *block,
	     bool *fresh) MUST_CHECK;
/* Frees the blocks from the n-th on. -EAGAIN: not all yet. */
int ext2_map_cut(struct ext2_node *node, uint64_t n) MUST_CHECK;
/* The most that one file can hold. */
uint64_t ext2_size_max(const struct ext2_fs *fs);
/* How many of blocks [first, first + n) are holes, and indirect blocks to fill them at most. */
int ext2_map_holes(struct ext2_node *node, uint64_t first, unsigned n, unsigned *need) MUST_CHECK;

/* ---- node.c: inodes in memory ---- */

int ext2_nodes_init(void);
/* The inode with this number and a reference. It becomes `spare` (from ext2_node_new) when it is
 * not in memory. -EUCLEAN. */
int ext2_node_get(struct ext2_fs *fs, uint32_t ino, struct inode *spare,
		  struct inode **out) MUST_CHECK;
/* A new one with links 0, unknown to all until ext2_node_publish() gives it a number; dir NULL: for
 * ext2_node_get(). Without fs->mutex, as it waits for memory. NULL: there is none. */
struct inode *ext2_node_new(struct ext2_fs *fs, struct inode *dir, uint32_t mode);
void ext2_node_publish(struct inode *i);
/* Frees one that was not published. Without fs->mutex. */
void ext2_node_discard(struct inode *i);
/* super_ops: the last reference goes. Without fs->mutex. */
void ext2_node_drop(struct inode *i);
/* links went to 0 with references left, which is the case in unlink. */
void ext2_node_orphaned(struct ext2_node *node);
/* Flush only: corpses are forgotten. Gives a list to ext2_corpses_free(), without fs->mutex. */
void ext2_corpses_take(struct ext2_fs *fs, struct list *out);
void ext2_corpses_free(struct list *corpses);
/* Idle nodes beyond the limit are given up. Without fs->mutex. */
void ext2_nodes_trim(struct ext2_fs *fs);
/* Every node is idle: all go. Without fs->mutex. */
void ext2_nodes_free(struct ext2_fs *fs);
/* A round through all regular files: begins zeroed. */
struct ext2_visit {
	unsigned chain;
	uint32_t round; /* not 0: every file once, under fs->syncing. 0: those with fresh set, which
			   is cleared; under fs->gate */
};
/* The next one, its object with a reference; NULL: the round is over. Without fs->mutex. */
struct ext2_node *ext2_visit_next(struct ext2_fs *fs, struct ext2_visit *v);
/* Calls fn for every node; stops at an error. */
int ext2_nodes_each(struct ext2_fs *fs, int (*fn)(struct ext2_node *node, void *arg), void *arg);
/* Waits until no page of node is being written; fs->mutex is dropped meanwhile, and true returned
 * then. */
bool ext2_node_wait(struct ext2_node *node);
extern const struct object_ops ext2_object_ops;
void ext2_object_release(struct object *o);

/* ---- node_io.c: inodes on the medium ---- */

/* Fills node and its inode from inode `ino`. -EUCLEAN. */
int ext2_node_load(struct ext2_fs *fs, uint32_t ino, struct ext2_node *node) MUST_CHECK;
/* Its inode's i_block leads to blocks: not so for devices and short symbolic links. */
bool ext2_node_has_blocks(const struct ext2_node *node);
/* True when the medium's copy is not what it should be. */
bool ext2_node_changed(const struct ext2_node *node);
/* Puts the node into its inode table's buffer. */
int ext2_node_encode(struct ext2_node *node) MUST_CHECK;

/* ---- dir.c: names in a directory. Its inode's mutex too ---- */

struct ext2_slot {
	struct ext2_buffer *buffer; /* a reference */
	uint32_t offset;
};
static inline struct ext2_dirent *ext2_slot_entry(const struct ext2_slot *s)
{
	return (struct ext2_dirent *)(s->buffer->data + s->offset);
}
int ext2_dir_find(struct ext2_node *dir, const char *text, size_t len,
		  struct ext2_slot *slot) MUST_CHECK;
void ext2_slot_put(struct ext2_slot *slot);
/* Adds a name; in `near` if that has room (a block of dir, or NULL; only_near: else -ENOSPC). *slot
 * (may be NULL) gets a reference. */
int ext2_dir_add(struct ext2_node *dir, const struct name *name, uint32_t ino, uint32_t mode,
		 struct ext2_buffer *near, bool only_near, struct ext2_slot *slot) MUST_CHECK;
/* The name is gone for everybody at once, on the medium with the flush. now: at once; then slot's
 * entry may merge with the one before. */
void ext2_dir_remove(struct ext2_fs *fs, struct ext2_slot *slot, bool now);
/* The entry names another inode. */
void ext2_dir_set(struct ext2_fs *fs, struct ext2_slot *slot, uint32_t ino, uint32_t mode);
/* 0, -ENOTEMPTY. */
int ext2_dir_empty(struct ext2_node *dir);
/* The first block of a new directory. */
int ext2_dir_make(struct ext2_node *dir, uint32_t parent);
/* Flush only: takes what is gone out of b. */
void ext2_dir_purge(struct ext2_fs *fs, struct ext2_buffer *b);
extern const struct file_ops ext2_dir_ops;

/* ---- names.c, file.c ---- */

extern const struct inode_ops ext2_inode_ops;
extern const struct file_ops ext2_file_ops;

/* ---- flush.c ---- */

/* Takes fs->mutex for a change: -EROFS, -EIO (failed), or what a flush to make room gives; then it
 * is not held. Without locks but inodes'. */
int ext2_begin(struct ext2_fs *fs) MUST_CHECK;
void ext2_end(struct ext2_fs *fs);
/* What writes back by age calls it. */
void ext2_writeback(struct writeback_source *s);
/* All metadata, and data it names, to the medium; valid: marked clean then. Without gate,
 * fs->mutex. */
int ext2_flush(struct ext2_fs *fs, bool valid) MUST_CHECK;
/* All data too. */
int ext2_sync(struct super *s);
/* Superblock only, as fs->disk has it. */
int ext2_super_write(struct ext2_fs *fs) MUST_CHECK;

#endif
