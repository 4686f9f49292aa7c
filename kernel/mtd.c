// SPDX-License-Identifier: MIT
// Which partition is for what: today only "swap" means something to the kernel.
#include "kernel/mtd.h"

#include "kernel/errno.h"
#include "kernel/lib/string.h"
#include "kernel/log.h"
#include "kernel/mtd_internal.h"
#include "kernel/swap_budget.h"
#include "mm/slab.h"

#define PARTITIONS_MAX 16u
#define SWAP_NAME      "swap"

static struct mtd *partitions[PARTITIONS_MAX];
static unsigned count;

static struct mtd *find(const char *name)
{
	for (unsigned i = 0; i < count; i++)
		if (strcmp(partitions[i]->medium->name, name) == 0)
			return partitions[i];
	return NULL;
}

int mtd_add(struct medium *m)
{
	struct mtd *d;

	if (find(m->name)) {
		log_error("flash: a second partition %s is left out", m->name);
		return -EEXIST;
	}
	if (count == PARTITIONS_MAX) {
		log_error("flash: more than %u partitions, %s is left out", PARTITIONS_MAX,
			  m->name);
		return -ENOSPC;
	}
	d = kmalloc(sizeof(*d), ALLOC_ZERO);
	if (!d)
		return -ENOMEM;
	d->medium = m;
	mtd_node_show(d, count);
	partitions[count++] = d;
	return 0;
}

struct medium *mtd_get(unsigned i)
{
	return i < count ? partitions[i]->medium : NULL;
}

struct medium *mtd_swap(void)
{
	const struct mtd *d = find(SWAP_NAME);

	return d ? d->medium : NULL;
}

const char *mtd_node_name(const char *name)
{
	const struct mtd *d = find(name);

	return d ? d->name : NULL;
}

int mtd_swap_on(struct medium *m, int prio, bool format)
{
	struct mtd *d = find(SWAP_NAME);
	int err;

	if (!d || d->medium != m)
		return -EINVAL;
	if (m->read_only) {
		log_warn("swap: %s is for reading only: no swap on it", m->name);
		return -EROFS;
	}
	if (!mtd_claim(d, m))
		return -EBUSY;
	swap_budget_attach(m);
	err = swap_attach(m, format, prio);
	if (err)
		mtd_release(d, m);
	return err;
}

int mtd_swap_off(struct medium *m)
{
	int err = swap_detach(m);

	if (!err)
		mtd_release(find(m->name), m);
	return err;
}

void mtd_attach_swap(bool format)
{
	struct medium *m = mtd_swap();

	if (!m) {
		log_info("flash: no partition is named " SWAP_NAME);
		return;
	}
	/* swap_attach() has said what is wrong; the system goes on without. */
	(void)mtd_swap_on(m, -1, format);
}
