// SPDX-License-Identifier: MIT
// A root of tmpfs for a test that walks paths: mounted before it, gone after it.
#ifndef TESTS_UNIT_KERNEL_FS_ROOT_TEST_H
#define TESTS_UNIT_KERNEL_FS_ROOT_TEST_H

#include "tests/mock/mock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "kernel/fs/dev.h"
#include "kernel/fs/internal.h"
#include "kernel/fs/names.h"
#include "kernel/fs/vfs.h"

static inline void root_begin(void)
{
	static bool once;
	struct super *s;

	if (!once) {
		assert_int_equal(inode_init(), 0);
		assert_int_equal(dentry_init(), 0);
		assert_int_equal(file_init(), 0);
	}
	once = true;
	s = tmpfs_type.create(&tmpfs_type, "none", "mode=0755", 0);
	assert_false(IS_ERR(s));
	assert_int_equal(mount_add(s, NULL, 0, "none"), 0);
	current()->fs = fs_context_create();
	current()->files = files_create();
}

/* Everything below the root goes; what is left are the root mount's own few objects. */
static inline void root_end(void)
{
	struct path root = mount_root();
	struct super *s = root.mount->super;

	fs_context_put(current()->fs);
	files_put(current()->files);
	current()->fs = NULL;
	current()->files = NULL;
	dentry_put(root.dentry);
	dentry_drop_tree(s->root);
	super_free(s);
}

#endif
