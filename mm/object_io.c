// SPDX-License-Identifier: MIT
/*
 * read(2) and write(2) on an object. User memory may itself be a mapping of the same object, so
 * nothing is locked while it is copied: a reference pins the page, the page is marked dirty after
 * the copy, and a page that was truncated or evicted meanwhile is noticed by the next look at the
 * index. A page that is written whole and is not there is copied to before it is put in: nothing is
 * read for it.
 *
 * A page is not evicted while it is referenced (page_evict), so what write(2) stored cannot be lost
 * to the page daemon. Truncation may win against a write in progress: the same outcome as the other
 * order.
 */
#include "kernel/errno.h"
#include "kernel/lib/string.h"
#include "mm/lru.h"
#include "mm/object_internal.h"
#include "mm/usercopy.h"

/* Copy n bytes; return those NOT copied. */
static size_t copy_out(void *to, const void *from, size_t n, bool user)
{
	if (user)
		return copy_to_user_some((virt_addr_t)to, from, n);
	memcpy(to, from, n);
	return 0;
}

static size_t copy_in(void *to, const void *from, size_t n, bool user)
{
	if (user)
		return copy_from_user_some(to, (virt_addr_t)from, n);
	memcpy(to, from, n);
	return 0;
}

/* The resident page without the long way, or that. NULL: hole (*err 0) or error. */
static struct page *page_for_io(struct object *o, uint32_t index, enum object_want want, int *err)
{
	struct page *p = object_lookup(o, index);
	bool major;

	*err = 0;
	return p != NULL ? p : object_get_page(o, index, want, err, &major);
}

/* page_for_io() to read, of which n bytes are wanted from pos on; what lies ahead is begun to be
 * read first. */
static struct page *page_to_read(struct object *o, struct readahead *ra, uint64_t pos, size_t n,
				 int *err)
{
	uint32_t index = (uint32_t)(pos >> PAGE_SHIFT);
	struct page *p = object_lookup(o, index);
	bool major;

	*err = 0;
	if (p == NULL) {
		if (ra != NULL)
			readahead_miss(o, ra, index,
				       (uint32_t)DIV_ROUND_UP(pos % PAGE_SIZE + n, PAGE_SIZE));
		p = object_get_page(o, index, OBJECT_READ, err, &major);
	}
	if (ra == NULL)
		return p;
	ra->last = index;
	if (p != NULL && unlikely(page_flag(p, PAGE_AHEAD))) {
		page_clear_flag(p, PAGE_AHEAD);
		readahead_hit(o, ra, index);
	}
	return p;
}

/* Up to the end of one page, of n bytes that are wanted. Bytes done; fewer than that: the user's
 * memory ended, *err. */
static size_t read_part(struct object *o, struct readahead *ra, uint64_t pos, uint8_t *to, size_t n,
			bool user, int *err)
{
	size_t offset = pos & (PAGE_SIZE - 1), left;
	/* A page that is read bit by bit is used once. */
	bool goes_on = offset > 0 && ra != NULL && ra->last == (uint32_t)(pos >> PAGE_SHIFT);
	struct page *p = page_to_read(o, ra, pos, n, err);

	n = MIN(n, PAGE_SIZE - offset);
	if (p == NULL && *err)
		return 0;
	if (p == NULL)
		p = zero_page;
	left = copy_out(to, (uint8_t *)page_to_virt(p) + offset, n, user);
	if (p != zero_page) {
		if (!goes_on)
			lru_mark_accessed(p);
		page_put(p);
	}
	if (left > 0)
		*err = -EFAULT;
	return n - left;
}

int64_t object_read(struct object *o, uint64_t pos, void *user_or_kernel, size_t n, bool user)
{
	return object_read_file(o, NULL, pos, user_or_kernel, n, user);
}

int64_t object_read_file(struct object *o, struct readahead *ra, uint64_t pos, void *user_or_kernel,
			 size_t n, bool user)
{
	uint64_t size = READ_ONCE(o->size);
	size_t done = 0;
	int err = 0;

	if (o->ops->read_pages == NULL)
		ra = NULL;
	if (pos >= size)
		return 0;
	n = (size_t)MIN((uint64_t)n, size - pos);
	while (done < n && err == 0)
		done += read_part(o, ra, pos + done, (uint8_t *)user_or_kernel + done, n - done,
				  user, &err);
	/* Truncated meanwhile (-ENXIO): the end of the file. */
	return done > 0 || err == -ENXIO ? (int64_t)done : err;
}

struct whole {
	const uint8_t *from;
	bool user;
};

static bool copy_whole(void *page, void *arg)
{
	const struct whole *w = arg;

	return copy_in(page, w->from, PAGE_SIZE, w->user) == 0;
}

static size_t write_part(struct object *o, uint64_t pos, const uint8_t *from, size_t n, bool user,
			 int *err)
{
	uint32_t index = (uint32_t)(pos >> PAGE_SHIFT);
	size_t offset = pos & (PAGE_SIZE - 1), left = 0;
	struct whole w = { from, user };
	struct page *p = NULL;

	/* What is all new is not read first. */
	if (n == PAGE_SIZE)
		p = object_page_whole(o, index, copy_whole, &w);
	if (p == NULL) {
		p = page_for_io(o, index, OBJECT_WRITE, err);
		if (p == NULL)
			return 0;
		left = copy_in((uint8_t *)page_to_virt(p) + offset, from, n, user);
	}
	page_changed(p);
	page_dirty(p);
	lru_mark_accessed(p);
	page_put(p);
	if (left > 0)
		*err = -EFAULT;
	return n - left;
}

/*
 * Bytes are there before the size tells of them, so that who reads up to the end finds no others.
 * growth_begin(): [at, end) will be written, pages may be inserted for it. *before: the size until
 * then.
 */
static int growth_begin(struct object *o, uint64_t at, uint64_t end, uint64_t *before)
{
	int err = 0;

	mutex_lock(&o->mutex);
	*before = o->size;
	if (at > o->size)
		err = object_resize_locked(o, at);
	if (err == 0) {
		spin_lock(&o->lock);
		o->growing = end;
		spin_unlock(&o->lock);
	}
	mutex_unlock(&o->mutex);
	return err;
}

/* The bytes up to `end` have come. If somebody changed the size meanwhile, the last word is his. */
static void growth_show(struct object *o, uint64_t end)
{
	mutex_lock(&o->mutex);
	if (o->growing >= end && o->size < end) {
		spin_lock(&o->lock);
		o->size = end;
		spin_unlock(&o->lock);
	}
	mutex_unlock(&o->mutex);
}

/* What was expected to come and did not leaves nothing; nor does a gap that nothing came behind:
 * then the size is `before` again. */
static void growth_end(struct object *o, bool nothing, uint64_t before)
{
	mutex_lock(&o->mutex);
	if (o->growing > o->size) {
		/* If the page at the end went to swap already and no frame is left, a few bytes of
		 * the writer's own stay behind the end. */
		(void)!object_resize_locked(o, nothing ? before : o->size);
		object_remove_pages(o, (uint32_t)DIV_ROUND_UP(o->size, PAGE_SIZE), UINT32_MAX);
	}
	spin_lock(&o->lock);
	object_grown(o);
	spin_unlock(&o->lock);
	mutex_unlock(&o->mutex);
}

int64_t object_write(struct object *o, uint64_t pos, const void *user_or_kernel, size_t n,
		     bool user)
{
	uint64_t before = 0;
	bool grows = false;
	size_t done = 0;
	int err = 0;

	if (n == 0)
		return 0;
	if (pos + n < pos || (pos + n) >> PAGE_SHIFT >= UINT32_MAX)
		return -EFBIG;
	while (done < n && err == 0) {
		uint64_t at = pos + done;
		size_t part = MIN(n - done, PAGE_SIZE - (size_t)(at & (PAGE_SIZE - 1))), got;

		if (at + part > object_reach(o)) {
			err = growth_begin(o, at, pos + n, &before);
			grows = true;
		}
		if (err)
			break;
		got = write_part(o, at, (const uint8_t *)user_or_kernel + done, part, user, &err);
		done += got;
		if (grows && got > 0)
			growth_show(o, at + got);
		if (err == -ENXIO)
			err = 0; /* truncated meanwhile: grow again */
	}
	if (grows)
		growth_end(o, done == 0, before);
	return done > 0 ? (int64_t)done : err;
}
