// SPDX-License-Identifier: MIT
/*
 * Which file system is the root, as Linux decides it. The initramfs, a tmpfs, is the root of
 * everything. When it has a program /init (rdinit=PATH: another one), that runs and finds a root of
 * its own. When it has none, or there is no initramfs, and the command line says root=, the kernel
 * mounts that device over it and goes there; the programs of an initramfs without /init are then
 * out of everybody's sight.
 *
 *    root=/dev/vda2  root=PARTUUID=... root=UUID=... root=LABEL=... in the order in which devices
 *                    were found, the first that fits
 *    rootwait        until that device is there, for ever; else it has to be there by now
 *    rw              writable; without it read-only, for init to check and remount
 */
#include "kernel/block.h"
#include "kernel/driver.h"
#include "kernel/fs/internal.h"
#include "kernel/fs/walk.h"
#include "kernel/log.h"
#include "mm/buddy.h"

#define SPEC_MAX 128

static char first_init[SPEC_MAX]; /* set at boot, before there are tasks to read it */

const char *fs_first_init(void)
{
	return first_init[0] ? first_init : NULL;
}

/* ---- Finding ---- */

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c + 'a' - 'A') : c;
}

static bool same_uuid(const char *a, const char *b)
{
	while (*a && lower(*a) == lower(*b))
		a++, b++;
	return *a == *b;
}

/* The kind of file system on d and its names, by its first page; NULL: none that is known, or it
 * cannot be read. */
static const struct super_type *names_on(struct block_device *d, void *page,
					 struct super_names *names)
{
	const struct super_type *t = NULL;
	size_t n = MIN((uint64_t)PAGE_SIZE, d->sectors << SECTOR_SHIFT);

	if (n < PAGE_SIZE || block_read(d, 0, page, n))
		return NULL;
	while ((t = super_type_next(t)) != NULL)
		if (t->names && t->names(page, names))
			return t;
	return NULL;
}

/* What follows `key` when spec begins with it, else NULL. */
static const char *after(const char *spec, const char *key)
{
	size_t n = strlen(key);

	return strncmp(spec, key, n) == 0 ? spec + n : NULL;
}

static bool fits(struct block_device *d, const char *spec, void *page)
{
	struct super_names names;
	const char *want;

	if ((want = after(spec, "/dev/")) != NULL)
		return strcmp(d->name, want) == 0;
	if ((want = after(spec, "PARTUUID=")) != NULL)
		return d->uuid[0] && same_uuid(d->uuid, want);
	if ((want = after(spec, "UUID=")) != NULL)
		return names_on(d, page, &names) && same_uuid(names.uuid, want);
	want = after(spec, "LABEL=");
	return want && *want && names_on(d, page, &names) && strcmp(names.label, want) == 0;
}

static struct block_device *find(const char *spec, void *page)
{
	struct block_device *d = NULL;

	while ((d = block_next(d)) != NULL)
		if (fits(d, spec, page))
			break;
	return d;
}

static struct block_device *find_or_wait(const char *spec, void *page)
{
	char value[8];
	bool wait = cmdline_get("rootwait", value, sizeof(value));

	for (;;) {
		unsigned seen = block_count();
		struct block_device *d = find(spec, page);

		if (d || !wait)
			return d;
		log_info("root: waiting for %s", spec);
		block_wait_more(seen);
	}
}

/* ---- Mounting ---- */

/* The running task's places are in what was mounted last on its root. */
static void enter(void)
{
	struct fs_context *c = current()->fs;
	struct path p = fs_root();

	mount_cross(&p);
	path_put(c->root);
	path_put(c->cwd);
	c->root = p;
	c->cwd = path_get(p);
}

static int mount_over(struct block_device *d, const struct super_type *type)
{
	char source[BLOCK_NAME_LEN + 5], value[8];
	unsigned flags = cmdline_get("rw", value, sizeof(value)) ? 0 : MOUNT_RDONLY;
	struct super *s = type->create(type, d->name, "", flags);
	struct path root = fs_root();
	int err = IS_ERR(s) ? PTR_ERR(s) : 0;

	(void)format(source, sizeof(source), "/dev/%s", d->name);
	if (!err)
		err = mount_add(s, &root, flags | MOUNT_RELATIME, source);
	path_put(root);
	if (err)
		return err;
	enter();
	log_info("root: %s on %s%s", type->name, source, flags ? ", read-only" : "");
	return 0;
}

static void log_devices(void)
{
	struct block_device *d = NULL;

	while ((d = block_next(d)) != NULL)
		log_info("root: there is /dev/%s, %ju KB%s%s", d->name, d->sectors / 2,
			 d->uuid[0] ? ", PARTUUID=" : "", d->uuid);
}

static int mount_spec(const char *spec)
{
	struct page *p = page_alloc(0);
	const struct super_type *type;
	struct super_names names;
	struct block_device *d;
	int err = -ENXIO;

	if (!p)
		return -ENOMEM;
	d = find_or_wait(spec, page_to_virt(p));
	type = d ? names_on(d, page_to_virt(p), &names) : NULL;
	page_free(p, 0);
	if (d)
		err = type ? mount_over(d, type) : -EINVAL;
	return err;
}

static bool is_file(const char *path)
{
	struct path p;
	bool file;

	if (path_lookup(AT_FDCWD, path, 0, &p))
		return false;
	file = S_ISREG(p.dentry->inode->mode);
	path_put(p);
	return file;
}

void root_choose(void)
{
	char spec[SPEC_MAX];
	int err;

	if (!cmdline_get("rdinit", first_init, sizeof(first_init)))
		(void)string_copy(first_init, "/init", sizeof(first_init));
	if (is_file(first_init))
		return;
	first_init[0] = '\0';
	if (!cmdline_get("root", spec, sizeof(spec)))
		return;
	err = mount_spec(spec);
	if (!err)
		return;
	log_devices();
	panic("root=%s cannot be mounted: %s (error %d)", spec,
	      err == -ENXIO    ? "there is no such device"
	      : err == -EINVAL ? "no file system that this kernel knows"
			       : "see above",
	      -err);
}
