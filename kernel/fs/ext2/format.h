// SPDX-License-Identifier: MIT
/*
 * ext2 on the medium. Everything is little endian, as are the machines this kernel runs on, so
 * structures are used in place. Sources: "The Second Extended File System, Internal Layout" (D.
 * Poirier, 2001-2019); names of fields as in e2fsprogs' documentation and dumpe2fs's output.
 *
 *    byte 1024   superblock
 *    then        group descriptors, whole blocks
 *    group       blocks_per_group blocks: [superblock, descriptors where kept] [block bitmap]
 *                [inode bitmap] [inode table] data
 *
 * Block numbers count from the start of the device; group 0 begins at first_data_block (1 for
 * blocks of 1 KB, else 0). Inode numbers begin at 1.
 */
#ifndef KERNEL_FS_EXT2_FORMAT_H
#define KERNEL_FS_EXT2_FORMAT_H

#include "kernel/lib/types.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "ext2 structures are used in place");

#define EXT2_SUPER_OFFSET  1024
#define EXT2_SUPER_SIZE    1024
#define EXT2_MAGIC         0xef53
#define EXT2_ROOT_INO      2
#define EXT2_OLD_FIRST_INO 11
#define EXT2_OLD_INO_SIZE  128
#define EXT2_DIRECT        12 /* i_block[0..11]; then single, double, triple indirect */
#define EXT2_POINTERS      15
#define EXT2_LINK_MAX      32000

enum ext2_state { EXT2_STATE_VALID = 1, EXT2_STATE_ERROR = 2 };

enum ext2_incompat {
	EXT2_INCOMPAT_FILETYPE = 2, /* directory entries tell the type; the only one known here */
};

enum ext2_ro_compat {
	EXT2_RO_SPARSE_SUPER =
		1,              /* copies of the superblock in groups 0, 1 and powers of 3, 5, 7 */
	EXT2_RO_LARGE_FILE = 2, /* files of 2 GB and more */
	EXT2_RO_BTREE_DIR = 4,  /* never meant anything */
	EXT2_RO_KNOWN = EXT2_RO_SPARSE_SUPER | EXT2_RO_LARGE_FILE | EXT2_RO_BTREE_DIR,
};

struct ext2_super_disk {
	uint32_t inodes_count, blocks_count, r_blocks_count;
	uint32_t free_blocks_count, free_inodes_count;
	uint32_t first_data_block;
	uint32_t log_block_size; /* 1024 << it */
	uint32_t log_frag_size;
	uint32_t blocks_per_group, frags_per_group, inodes_per_group;
	uint32_t mtime, wtime;
	uint16_t mnt_count, max_mnt_count;
	uint16_t magic, state, errors, minor_rev_level;
	uint32_t lastcheck, checkinterval, creator_os;
	uint32_t rev_level; /* 0: what follows from first_ino on is not there */
	uint16_t def_resuid, def_resgid;
	uint32_t first_ino;
	uint16_t inode_size, block_group_nr;
	uint32_t feature_compat, feature_incompat, feature_ro_compat;
	uint8_t uuid[16];
	char volume_name[16];
	uint32_t rest[222];
};

struct ext2_group_disk {
	uint32_t block_bitmap, inode_bitmap, inode_table;
	uint16_t free_blocks_count, free_inodes_count, used_dirs_count, pad;
	uint32_t reserved[3];
};

struct ext2_inode_disk {
	uint16_t mode, uid;
	uint32_t size;
	uint32_t atime, ctime, mtime, dtime;
	uint16_t gid, links_count;
	uint32_t blocks; /* of 512 bytes, indirect ones included */
	uint32_t flags, osd1;
	uint32_t block[EXT2_POINTERS];
	uint32_t generation, file_acl;
	uint32_t size_high; /* regular files of revision 1 */
	uint32_t faddr;
	uint16_t frag, pad, uid_high, gid_high;
	uint32_t reserved;
};

enum ext2_inode_flag {
	EXT2_FL_IMMUTABLE = 0x10,
	EXT2_FL_APPEND = 0x20,
	EXT2_FL_INDEX = 0x1000, /* a hashed directory: cleared when it is changed, as its index is
				   not kept */
};

/* Followed by the name. Entries fill a block: rec_len leads to the next, the last one's to the
 * block's end; 4-byte aligned; inode 0: free. */
struct ext2_dirent {
	uint32_t inode;
	uint16_t rec_len;
	uint8_t name_len;
	uint8_t type; /* with INCOMPAT_FILETYPE; else the high byte of the length, always 0 */
};
#define EXT2_DIRENT_HEAD    8u
#define EXT2_DIRENT_SIZE(n) ALIGN_UP(EXT2_DIRENT_HEAD + (uint32_t)(n), 4u)

/* The head of a block of extended attributes, which inodes may share. */
struct ext2_xattr_head {
	uint32_t magic, refcount, blocks, hash;
};
#define EXT2_XATTR_MAGIC 0xea020000u

_Static_assert(sizeof(struct ext2_super_disk) == EXT2_SUPER_SIZE, "ext2 superblock");
_Static_assert(sizeof(struct ext2_group_disk) == 32, "ext2 group descriptor");
_Static_assert(sizeof(struct ext2_inode_disk) == EXT2_OLD_INO_SIZE, "ext2 inode");

#endif
