// SPDX-License-Identifier: MIT
/*
 * mm/swap/store.h in host memory. A record appended but not committed is served, as the contract
 * says; reading what was never written or has been discarded fails the test, as the kernel would
 * hand out nonsense.
 */
#include <stdlib.h>
#include <string.h>

#include "kernel/errno.h"
#include "mm/swap/codec.h"
#include "tests/mock/private.h"
#include "tests/mock/store.h"

static struct record {
	uint8_t *data;
	bool open; /* not committed */
	struct store *store;
} records[MOCK_STORE_SLOTS_MAX + 1];

struct mock_store mock_store;
struct medium mock_medium = { .name = "mock" }, mock_medium2 = { .name = "mock2" };

static void drop(struct record *r)
{
	free(r->data);
	*r = (struct record){ 0 };
}

void mock_store_reset(uint32_t slots)
{
	for (unsigned i = 0; i <= MOCK_STORE_SLOTS_MAX; i++)
		drop(&records[i]);
	mock_store = (struct mock_store){ .slots = slots };
}

unsigned mock_store_records(void)
{
	unsigned n = 0;

	for (unsigned i = 0; i <= MOCK_STORE_SLOTS_MAX; i++)
		n += records[i].data != NULL;
	return n;
}

static struct record *record_of(uint32_t slot)
{
	assert_in_range(slot, 1, MOCK_STORE_SLOTS_MAX);
	return &records[slot];
}

static void assert_may_sleep(void)
{
	if (!preemptible())
		mock_violation(MOCK_RULE_CONTEXT,
			       "the store is asked to sleep with preemption off");
}

void store_allow(struct store *s, struct swap_allowance budget)
{
	assert_may_sleep();
	((struct medium *)s)->budget = budget;
}

int64_t store_budget(struct store *s, uint64_t *day)
{
	const struct swap_allowance *b = &((struct medium *)s)->budget;

	*day = b->day;
	return (int64_t)b->burst;
}

uint32_t store_capacity(const struct store *s)
{
	(void)s;
	return mock_store.slots;
}

int store_open(struct medium *m, bool format, struct store **store, uint32_t *slots)
{
	(void)format;
	if (mock_alloc_should_fail())
		return -ENOMEM;
	*store = (struct store *)m;
	*slots = mock_store.slots;
	return 0;
}

int store_grow(struct store *s, uint32_t last)
{
	(void)s;
	assert_true(last >= 1);
	return mock_alloc_should_fail() ? -ENOMEM : 0;
}

void store_close(struct store *s)
{
	for (unsigned i = 0; i <= MOCK_STORE_SLOTS_MAX; i++)
		if (records[i].data != NULL)
			assert_ptr_not_equal(records[i].store, s);
}

int store_append(struct store *s, uint32_t slot, const void *page)
{
	struct record *r = record_of(slot);

	assert_may_sleep();
	mock_store.appends++;
	if (mock_store.on_append)
		mock_store.on_append(slot);
	if (mock_store.fail_append > 0 &&
	    (mock_store.fail_append == 1 || --mock_store.fail_append == 0)) {
		drop(r);
		return mock_store.append_error;
	}
	assert_true(r->data == NULL || r->store == s);
	if (r->data == NULL)
		r->data = malloc(PAGE_SIZE);
	r->store = s;
	memcpy(r->data, page, PAGE_SIZE);
	r->open = true;
	return 0;
}

int store_append_packed(struct store *s, uint32_t slot, const void *data, uint16_t length)
{
	uint8_t *page = malloc(PAGE_SIZE);
	int err;

	mock_store.packed++;
	assert_true(page_unpack(data, length, page));
	err = store_append(s, slot, page);
	free(page);
	return err;
}

int store_commit(struct store *s, void (*lost)(uint32_t slot, void *arg), void *arg)
{
	unsigned n = 0;
	int err = 0;

	assert_may_sleep();
	mock_store.commits++;
	if (mock_store.on_commit)
		mock_store.on_commit();
	for (uint32_t slot = 1; slot <= MOCK_STORE_SLOTS_MAX; slot++) {
		struct record *r = &records[slot];

		if (r->data == NULL || !r->open || r->store != s)
			continue;
		r->open = false;
		if (mock_store.lose == 0 || ++n % mock_store.lose != 0)
			continue;
		drop(r);
		lost(slot, arg);
		err = -EIO;
	}
	return err;
}

bool store_dead(const struct store *s)
{
	(void)s;
	return false;
}

void store_read_ahead(struct store *s, uint32_t first, uint32_t n)
{
	(void)s;
	assert_may_sleep();
	mock_store.rows++;
	mock_store.row_first = first;
	mock_store.row_n = n;
}

int store_read(struct store *s, uint32_t slot, void *buf)
{
	struct record *r = record_of(slot);

	assert_may_sleep();
	mock_store.reads++;
	if (mock_store.on_read)
		mock_store.on_read(slot);
	if (slot == mock_store.bad_slot)
		return mock_store.read_error;
	assert_non_null(r->data);
	assert_ptr_equal(r->store, s);
	memcpy(buf, r->data, PAGE_SIZE);
	return 0;
}

void store_discard(struct store *s, uint32_t slot)
{
	assert_true(record_of(slot)->data == NULL || record_of(slot)->store == s);
	mock_store.discards++;
	drop(record_of(slot));
}

void store_stats(struct store *s, struct store_stats *st)
{
	*st = (struct store_stats){ .medium = ((struct medium *)s)->name,
				    .live_records = mock_store_records(),
				    .bytes_in = (uint64_t)mock_store.appends * PAGE_SIZE };
}

uint32_t store_segments(struct store *s, uint32_t first, struct store_segment *to, uint32_t n)
{
	const uint32_t all = 3;

	(void)s;
	for (uint32_t i = 0; i < n && first + i < all; i++)
		to[i] = (struct store_segment){ .state = "free", .number = first + i };
	return all;
}

bool store_clean(struct store *s)
{
	(void)s;
	return false;
}
