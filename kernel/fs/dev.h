// SPDX-License-Identifier: MIT
/*
 * Device nodes: who has a device registers its number, name and operations once; devtmpfs shows a
 * node for each. A node that mknod(2) makes anywhere leads to the same operations.
 */
#ifndef KERNEL_FS_DEV_H
#define KERNEL_FS_DEV_H

#include "kernel/fs/vfs.h"

struct device_node {
	const char *name; /* below /dev; may hold one slash */
	uint32_t mode;    /* S_IFCHR or S_IFBLK and permissions */
	devno_t devno;
	const struct file_ops *ops;
	void *data; /* for ops->open, through device_data() */
	struct device_node *next;
};

/* For good; before or after devtmpfs is mounted. Task context. */
void device_node_register(struct device_node *n);
/* data of the device that inode names. */
void *device_data(const struct inode *i);
const struct device_node *device_node_next(const struct device_node *n); /* NULL: the first */
/* A node for each device in the tree below root. 0 or -ENOMEM. */
int device_nodes_create(struct dentry *root) MUST_CHECK;

/* The devices this room supplies. */
void dev_mem_register(void);
void tty_register(void);

#endif
