// SPDX-License-Identifier: MIT
/*
 * Names that programs give their anonymous memory, for /proc/PID/maps alone (prctl(2),
 * PR_SET_VMA_ANON_NAME). A name is counted: by the areas that a split or a fork made of one.
 * Neighbours with equal names are one area, with different ones two.
 */
#include "kernel/lib/string.h"
#include "mm/aspace_internal.h"

struct area_label {
	uint32_t refs; /* atomic: areas of several address spaces */
	char text[];
};

struct area_label *label_get(struct area_label *l)
{
	if (l != NULL)
		atomic_inc(&l->refs);
	return l;
}

void label_put(struct area_label *l)
{
	if (l != NULL && atomic_dec(&l->refs) == 0)
		kfree(l);
}

bool label_equal(const struct area_label *a, const struct area_label *b)
{
	return a == b || (a != NULL && b != NULL && strcmp(a->text, b->text) == 0);
}

const char *label_text(const struct area_label *l)
{
	return l->text;
}

static struct area_label *label_create(const char *text)
{
	size_t size = strlen(text) + 1;
	struct area_label *l = kmalloc(sizeof(*l) + size, 0);

	if (l == NULL)
		return NULL;
	l->refs = 1;
	memcpy(l->text, text, size);
	return l;
}

static int label_area(struct aspace *as, struct area *a, virt_addr_t start, virt_addr_t end,
		      struct area_label *l)
{
	int err;

	if (a->object != NULL)
		return -EBADF;
	if (label_equal(a->label, l))
		return 0;
	err = area_isolate(as, start, end);
	if (err)
		return err == -ENOMEM ? -EAGAIN : err; /* as prctl(2) has it */
	a = area_covering(as, start);
	label_put(a->label);
	a->label = label_get(l);
	return 0;
}

/* Holes are passed over and reported in the end, as by madvise(2). */
static int label_locked(struct aspace *as, virt_addr_t start, virt_addr_t end, struct area_label *l)
{
	virt_addr_t va = start, stop;
	int err = 0, hole = 0;

	for (; va < end && err == 0; va = stop) {
		struct area *a = area_find(as, va);

		if (a == NULL || a->start >= end)
			return -ENOMEM;
		if (a->start > va)
			hole = -ENOMEM;
		stop = MIN(a->end, end);
		err = label_area(as, a, MAX(a->start, va), stop, l);
	}
	return err ? err : hole;
}

int aspace_set_name(struct aspace *as, virt_addr_t addr, uint64_t length, const char *name)
{
	uint64_t pages = ALIGN_UP(length, PAGE_SIZE);
	struct area_label *l = NULL;
	int err;

	if (!IS_ALIGNED(addr, PAGE_SIZE) || pages < length || addr + pages < addr)
		return -EINVAL;
	if (pages == 0)
		return 0;
	if (name != NULL) {
		l = label_create(name);
		if (l == NULL)
			return -ENOMEM;
	}
	aspace_mutex_lock_call(as);
	err = label_locked(as, addr, addr + pages, l);
	area_merge_range(as, addr, addr + pages);
	mutex_unlock(&as->mutex);
	label_put(l);
	return err;
}
