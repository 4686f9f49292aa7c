// SPDX-License-Identifier: MIT
/*
 * Argument strings: appended one behind the other to frames, which are allocated as they fill. The
 * strings keep their terminators, so pointers to them need not be kept: a walk over the bytes finds
 * each string again. Where the first few end is kept, since that is all that most programs have.
 */
#include "kernel/exec_args.h"

#include "kernel/errno.h"
#include "kernel/lib/string.h"
#include "kernel/process.h"
#include "mm/buddy.h"
#include "mm/slab.h"
#include "mm/usercopy.h"

struct exec_args *args_create(void)
{
	struct exec_args *a = kmalloc(sizeof(*a), 0);
	uint64_t stack = process_limit(RLIMIT_STACK);

	if (!a)
		return NULL;
	a->used = 0;
	a->argc = a->envc = a->npages = 0;
	a->limit =
		MIN(MAX(stack / 4, (uint64_t)ARG_BYTES_MIN), (uint64_t)ARG_PAGES_MAX * PAGE_SIZE);
	return a;
}

void args_free(struct exec_args *a)
{
	if (!a)
		return;
	while (a->npages > 0)
		page_free(pfn_to_page(a->pages[--a->npages]), 0);
	kfree(a);
}

static char *string_at(const struct exec_args *a, size_t at)
{
	return (char *)page_to_virt(pfn_to_page(a->pages[at / PAGE_SIZE])) + at % PAGE_SIZE;
}

/* Bytes free in the last frame, which *dst points into; a fresh frame when it is full. 0 bytes:
 * *err says why. */
static size_t room(struct exec_args *a, char **dst, int *err)
{
	size_t index = a->used / PAGE_SIZE, at = a->used % PAGE_SIZE;
	struct page *p;

	*err = -E2BIG;
	if (a->used >= a->limit || index >= ARG_PAGES_MAX)
		return 0;
	if (index == a->npages) {
		*err = task_killed(current()) ? -EINTR : -ENOMEM;
		p = page_alloc(ALLOC_USER);
		if (!p)
			return 0;
		a->pages[index] = page_to_pfn(p);
		a->npages++;
	}
	*dst = string_at(a, a->used);
	return MIN(PAGE_SIZE - at, a->limit - a->used);
}

/* The pointer that goes with each string counts too. */
static int count_string(struct exec_args *a, unsigned *count)
{
	if (a->limit < a->used + sizeof(uint64_t))
		return -E2BIG;
	a->limit -= sizeof(uint64_t);
	if (a->argc + a->envc < ARRAY_SIZE(a->ends))
		a->ends[a->argc + a->envc] = (uint32_t)a->used;
	(*count)++;
	return 0;
}

int args_add_string(struct exec_args *a, const char *s, unsigned *count)
{
	size_t left = strlen(s) + 1;
	char *dst;
	int err;

	while (left > 0) {
		size_t n = MIN(room(a, &dst, &err), left);

		if (n == 0)
			return err;
		memcpy(dst, s, n);
		a->used += n;
		s += n;
		left -= n;
	}
	return count_string(a, count);
}

static int add_user_string(struct exec_args *a, virt_addr_t s, unsigned *count)
{
	size_t total = 0;
	char *dst;
	int err;

	for (;;) {
		size_t n = room(a, &dst, &err);
		int64_t len;

		if (n == 0)
			return err;
		len = copy_string_from_user(dst, s, n);
		if (len >= 0) {
			a->used += (size_t)len + 1;
			return count_string(a, count);
		}
		if (len != -ENAMETOOLONG)
			return (int)len;
		a->used += n;
		s += n;
		total += n;
		if (total >= ARG_STRING_MAX)
			return -E2BIG;
	}
}

int args_add_vector(struct exec_args *a, struct arg_vector v, unsigned skip, unsigned *count)
{
	for (unsigned i = skip;; i++) {
		uint64_t s;
		int err;

		if (v.kernel) {
			if (!v.kernel[i])
				return 0;
			err = args_add_string(a, v.kernel[i], count);
		} else {
			if (!v.user)
				return 0;
			err = user_load64(&s, v.user + i * sizeof(s));
			if (err == 0 && !s)
				return 0;
			if (err == 0)
				err = add_user_string(a, s, count);
		}
		if (err < 0)
			return err;
	}
}

int args_copy_out(const struct exec_args *a, virt_addr_t dst)
{
	for (size_t done = 0; done < a->used;) {
		size_t n = MIN(PAGE_SIZE, a->used - done);

		if (copy_to_user(dst + done, string_at(a, done), n) < 0)
			return -EFAULT;
		done += n;
	}
	return 0;
}

/* Offset behind the terminator of the string at offset `at`. */
static size_t next_string(const struct exec_args *a, size_t at)
{
	for (;;) {
		const char *p = string_at(a, at);
		size_t n = MIN(PAGE_SIZE - at % PAGE_SIZE, a->used - at);
		const char *end = memchr(p, 0, n);

		if (end)
			return at + (size_t)(end - p) + 1;
		at += n;
	}
}

/* n pointers to consecutive strings, the first of which is string `first` at offset *at, and a
 * NULL. */
static int write_vector(const struct exec_args *a, virt_addr_t *sp, virt_addr_t strings,
			unsigned first, unsigned n, size_t *at)
{
	for (unsigned i = first; i < first + n; i++) {
		if (user_store64(*sp, strings + *at) < 0)
			return -EFAULT;
		*sp += sizeof(uint64_t);
		*at = i < ARRAY_SIZE(a->ends) ? a->ends[i] : next_string(a, *at);
	}
	if (user_store64(*sp, 0) < 0)
		return -EFAULT;
	*sp += sizeof(uint64_t);
	return 0;
}

int args_write_pointers(const struct exec_args *a, virt_addr_t sp, virt_addr_t dst,
			virt_addr_t *end, virt_addr_t *env)
{
	size_t at = 0;

	if (user_store64(sp, a->argc) < 0)
		return -EFAULT;
	sp += sizeof(uint64_t);
	if (write_vector(a, &sp, dst, 0, a->argc, &at) < 0)
		return -EFAULT;
	*env = dst + at;
	if (write_vector(a, &sp, dst, a->argc, a->envc, &at) < 0)
		return -EFAULT;
	*end = sp;
	return 0;
}
