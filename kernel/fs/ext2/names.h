// SPDX-License-Identifier: MIT
// What rename.c shares with names.c. As in ext2.h: fs->mutex, 0 or a negative errno.
#ifndef KERNEL_FS_EXT2_NAMES_H
#define KERNEL_FS_EXT2_NAMES_H

#include "kernel/fs/ext2/ext2.h"

/* The entry that d stands for, with a reference. -EUCLEAN: it is not there. */
int ext2_slot_of(struct ext2_node *dir, const struct dentry *d, struct ext2_slot *slot) MUST_CHECK;
/* A name of node in dir is gone: its inode has one less, or none; counts of both. */
void ext2_name_lost(struct ext2_node *dir, struct ext2_node *node);
/* node is written after dir when dir's inode leads to it only then. */
void ext2_pass_below(struct ext2_node *node, const struct ext2_node *dir);
/* dir, should it be removed, is written after node lost its name in it. */
void ext2_pass_removed(struct ext2_node *dir, const struct ext2_node *node);
/* inode_ops.rename */
int ext2_rename(struct inode *old_dir, struct dentry *from, struct inode *new_dir,
		const struct name *name, struct dentry *target, bool exchange);

#endif
