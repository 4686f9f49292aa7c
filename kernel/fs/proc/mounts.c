// SPDX-License-Identifier: MIT
// /proc/PID/mounts, mountinfo and /proc/filesystems.
#include "kernel/fs/proc/proc.h"
#include "mm/slab.h"

static const char special[] = " \t\n\\#";

static void seq_flags(struct seq *s, const struct mount *m)
{
	static const struct {
		unsigned flag;
		const char *text;
	} names[] = {
		{ MOUNT_NOSUID, ",nosuid" },
		{ MOUNT_NODEV, ",nodev" },
		{ MOUNT_NOEXEC, ",noexec" },
		{ MOUNT_NOATIME, ",noatime" },
	};

	seq_puts(s, m->flags & MOUNT_RDONLY ? "ro" : "rw");
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (m->flags & names[i].flag)
			seq_puts(s, names[i].text);
	if (!(m->flags & MOUNT_NOATIME))
		seq_puts(s, ",relatime");
}

static void seq_options(struct seq *s, const struct mount *m)
{
	char text[64] = "";

	if (m->super->ops->options)
		m->super->ops->options(m->super, text, sizeof(text));
	seq_puts(s, text);
}

/* Calls line for each mount that the running task's root can see, with its mount point as text. */
static int each_mount(struct seq *s, void (*line)(struct seq *s, struct mount *m, const char *at))
{
	char *text = kmalloc(PATH_MAX, 0);
	struct path root;
	struct mount *m;

	if (!text)
		return -ENOMEM;
	root = fs_root();
	for (unsigned i = 0; (m = mount_at(i)) != NULL; i++) {
		struct path at = { m, m->root };

		if (path_text(&at, &root, text, PATH_MAX) >= 0 && text[0] == '/')
			line(s, m, text);
		mount_put(m);
	}
	path_put(root);
	kfree(text);
	return 0;
}

static void mounts_line(struct seq *s, struct mount *m, const char *at)
{
	seq_escaped(s, m->source, special);
	seq_puts(s, " ");
	seq_escaped(s, at, special);
	seq_printf(s, " %s ", m->super->type->name);
	seq_flags(s, m);
	seq_options(s, m);
	seq_puts(s, " 0 0\n");
}

int show_mounts(struct seq *s, const struct proc_ref *ref)
{
	(void)ref;
	return each_mount(s, mounts_line);
}

static void mountinfo_line(struct seq *s, struct mount *m, const char *at)
{
	unsigned minor = m->super->dev & 0xfffff;

	/* Mounts have no numbers of their own; their file systems' serve, as each is mounted
	 * once. */
	seq_printf(s, "%u %u %u:%u / ", minor + 20,
		   m->parent ? (m->parent->super->dev & 0xfffff) + 20 : 1, m->super->dev >> 20,
		   minor);
	seq_escaped(s, at, special);
	seq_puts(s, " ");
	seq_flags(s, m);
	seq_printf(s, " - %s ", m->super->type->name);
	seq_escaped(s, m->source, special);
	seq_puts(s, m->flags & MOUNT_RDONLY ? " ro" : " rw");
	seq_options(s, m);
	seq_puts(s, "\n");
}

int show_mountinfo(struct seq *s, const struct proc_ref *ref)
{
	(void)ref;
	return each_mount(s, mountinfo_line);
}

int show_filesystems(struct seq *s, const struct proc_ref *ref)
{
	const struct super_type *t = NULL;

	(void)ref;
	while ((t = super_type_next(t)) != NULL)
		seq_printf(s, "%s\t%s\n", t->needs_device ? "" : "nodev", t->name);
	return 0;
}
