// SPDX-License-Identifier: MIT
// SOURCES: mm/swap/store.c mm/swap/store_log.c mm/swap/store_clean.c mm/swap/store_segment.c mm/swap/store_mount.c mm/swap/store_budget.c mm/swap/store_figures.c mm/swap/codec.c kernel/random.c kernel/lib/chacha20.c tests/mock/chacha20.c
// SOURCES: tests/mock/machine.c tests/mock/kernel.c tests/mock/frames.c tests/mock/slab.c tests/mock/nor.c
// DEFINES: CONFIG_DEBUG=1
// TIMEOUT: 120
// Power fails in every single program and erase of a run: the store opens again, empty and whole,
// and what it knows of the wear is what README.md promises.
#include "tests/unit/mm/swap/store_test.h"

#define FEW 12 /* blocks, so that a short run meets used segments, erases and cleaning */

struct wear {
	uint32_t erases[FEW];
	bool known[FEW]; /* its header tells */
	uint64_t bytes;
};

static void setup_few(void)
{
	nor_free(&nor);
	nor_init(&nor, BLOCK, FEW);
}

static struct wear wear_now(void)
{
	struct wear w = { .bytes = store->bytes_ever };

	for (unsigned i = 0; i < FEW; i++)
		w.erases[i] = store->segments[i].erase_count;
	return w;
}

static struct wear wear_mounted(void)
{
	struct wear w = wear_now();

	for (unsigned i = 0; i < FEW; i++)
		w.known[i] = store->segments[i].flags & SEGMENT_HEADER;
	return w;
}

/* Life until power fails or n steps are done. */
static void live_until_cut(unsigned n)
{
	for (unsigned i = 0; i < n && !nor.dead; i++) {
		int err = i % 10 == 9 ? store_commit(store, lost, NULL) : append(any_slot());

		if (!nor.dead)
			assert_int_equal(err, 0);
		if (i % 5 == 0)
			(void)store_clean(store);
	}
}

/* All slots can be written and read. */
static void use_all(void)
{
	verify_all();
	for (uint32_t slot = 1; slot <= slots; slot++)
		assert_int_equal(append(slot), 0);
	verify_all();
	check_accounts();
}

/* mounted: when this boot began; before: when power failed. */
static void check_wear(const struct wear *mounted, const struct wear *before,
		       const struct wear *after)
{
	uint32_t least = UINT32_MAX, unknown = 0;

	for (unsigned i = 0; i < FEW; i++)
		if (after->known[i])
			least = MIN(least, after->erases[i]);
	for (unsigned i = 0; i < FEW; i++) {
		if (after->known[i]) {
			/* A header that power failed in may be whole for all that. */
			assert_in_range(after->erases[i], before->erases[i], before->erases[i] + 1);
			continue;
		}
		assert_int_equal(after->erases[i], i < store->used ? least : 0);
		if (!mounted->known[i])
			continue; /* nobody has used it since an earlier cut */
		unknown++;
		assert_true(after->erases[i] + 2 * WEAR_SPREAD >= before->erases[i]);
		assert_true(after->erases[i] <= before->erases[i] + 2 * WEAR_SPREAD);
	}
	assert_true(unknown <= 1);
	/* Not back by more than the header that was cut short; not ahead by more than the rest of
	 * one segment, and the ends of those before it that no record fits. */
	assert_true(after->bytes + store->header_unit >= before->bytes);
	assert_true(after->bytes <= before->bytes + BLOCK + 2 * RECORD_SIZE);
}

static void test_cut_everywhere(void **state)
{
	struct wear mounted, before, after;
	bool reached = true;
	uint64_t cut, boots = 0;

	(void)state;
	setup_few();
	open_store();
	live_until_cut(400);
	close_store();
	for (cut = 1; reached; cut++) {
		nor_power_on(&nor);
		nor.cut_at = cut;
		srand((unsigned)cut);
		open_store();
		mounted = wear_mounted();
		live_until_cut(90);
		reached = nor.dead;
		before = wear_now();
		close_store();
		nor_power_on(&nor);
		memset(version, 0, sizeof(version));
		open_store();
		after = wear_mounted();
		check_wear(&mounted, &before, &after);
		use_all();
		use_all();
		memset(version, 0, sizeof(version));
		boots += 2;
		assert_true(store->bytes_ever + cut * store->header_unit >= nor.bytes);
		assert_true(store->bytes_ever <= nor.bytes + boots * BLOCK);
		close_store();
	}
	print_message("power cut in each of %u operations\n", (unsigned)cut - 1);
	assert_true(cut > 60);
}

/* Life with two bad blocks. What the store takes it has, but for what a block lies about when it is
 * read. */
static void live_with_bad_blocks(enum nor_bad kind, unsigned n)
{
	for (unsigned i = 0; i < n && !nor.dead; i++) {
		uint32_t slot = any_slot();
		int err = i % 10 == 9 ? store_commit(store, lost, NULL) : append(slot);

		assert_true(err == 0 || err == -ENOSPC || nor.dead);
		if (err == 0)
			gone[slot] = kind == NOR_READ_FLIPS;
		if (i % 5 == 0)
			(void)store_clean(store);
	}
}

static void test_cut_with_bad_blocks(void **state)
{
	static const enum nor_bad kinds[] = { NOR_PROGRAM_FAILS, NOR_ERASE_FAILS, NOR_STUCK,
					      NOR_READ_FLIPS, NOR_DIES };
	unsigned cuts = 0;

	(void)state;
	for (unsigned k = 0; k < ARRAY_SIZE(kinds); k++) {
		bool reached = true;

		for (unsigned cut = 1; reached; cut += 1 + cut / 8, cuts++) {
			setup_few();
			srand(cut);
			memset(version, 0, sizeof(version));
			open_store();
			assert_int_equal(append(1), 0);
			nor.bad[2] = nor.bad[5] = kinds[k];
			nor.endurance[5] = 1;
			nor.cut_at = nor.operations + cut;
			live_with_bad_blocks(kinds[k], 80);
			reached = nor.dead;
			close_store();
			nor_power_on(&nor);
			memset(version, 0, sizeof(version));
			memset(gone, 0, sizeof(gone));
			open_store();
			live_with_bad_blocks(kinds[k], 80);
			verify_all();
			check_accounts();
			for (unsigned i = 0; i < FEW; i++)
				assert_true(i == 2 || i == 5 ||
					    store->segments[i].state != SEGMENT_RETIRED);
			close_store();
		}
	}
	print_message("%u power cuts beside bad blocks\n", cuts);
}

/* The very first header is cut short: the medium is ours all the same, and one with as little of
 * somebody else's is not. */
static void test_first_header(void **state)
{
	static const uint8_t foreign[] = "GRSP? Nothing that power failed in looks so.";

	(void)state;
	for (unsigned seed = 0; seed < 200; seed++) {
		setup_few();
		srand(seed);
		open_store();
		nor.cut_at = 1;
		memset(version, 0, sizeof(version));
		assert_int_equal(append(1), -ENODEV);
		close_store();
		nor_power_on(&nor);
		open_store();
		assert_int_equal(append(1), 0);
		verify(1);
		close_store();
	}
	setup_few();
	memcpy(nor.cells + 3 * BLOCK, foreign, 32);
	assert_int_equal(store_open(&nor.medium, false, &store, &slots), -EMEDIUMTYPE);
	setup_few();
	memset(nor.cells + 3 * BLOCK, 0xf0, 32);
	assert_int_equal(store_open(&nor.medium, false, &store, &slots), -EMEDIUMTYPE);
	store = NULL;
}

/* Somebody or something has been at the medium between two boots: a few bytes, or whole blocks. */
static void damage(void)
{
	for (unsigned n = 1 + (unsigned)rand() % 8; n > 0; n--) {
		uint8_t *block = nor.cells + (uint32_t)rand() % FEW * BLOCK;
		uint32_t at = (uint32_t)rand() % (rand() % 2 ? 100 : BLOCK), len;

		len = rand() % 4 ? 1 + (uint32_t)rand() % 40 : BLOCK;
		for (uint32_t i = at; i < MIN(at + len, BLOCK); i++)
			block[i] = len < BLOCK ? (uint8_t)rand() : (uint8_t)(rand() % 2 ? 0xff : 0);
	}
}

/* The header at the beginning of a block, as a version that did not tell it wrote it. */
static void forget_used(unsigned block)
{
	struct segment_header h;

	memcpy(&h, nor.cells + (size_t)block * BLOCK, sizeof(h));
	h.used = 0;
	h.crc = header_crc(h);
	memcpy(nor.cells + (size_t)block * BLOCK, &h, sizeof(h));
}

/* After a reboot the first segments were erased once, those behind `rest` times. */
static void expect_erases(unsigned first, uint32_t rest)
{
	struct wear w;

	open_store();
	w = wear_mounted();
	for (unsigned i = 0; i < FEW; i++)
		assert_int_equal(w.erases[i], i < first ? 1 : rest);
	close_store();
}

/* Segments that were never erased are known as such after a reboot, but for those of stores that
 * did not write it down. */
static void test_never_used(void **state)
{
	unsigned first = 1 + READY_TARGET;

	(void)state;
	setup_few();
	memset(nor.cells, 0, nor.size); /* each has to be erased before use */
	open_store();
	assert_int_equal(append(1), 0);
	assert_int_equal(store_commit(store, lost, NULL), 0);
	while (store_clean(store))
		;
	close_store();
	expect_erases(first, 0);
	for (unsigned i = 0; i < first; i++)
		forget_used(i);
	expect_erases(first, 1);
}

/* Whatever it finds, a mount takes the medium or leaves it; taken, it works. */
static void test_damaged_between_boots(void **state)
{
	unsigned taken = 0, rounds = 60;

	(void)state;
	setup_few();
	open_store();
	for (unsigned round = 0; round < rounds; round++) {
		live_until_cut(60);
		close_store();
		damage();
		memset(version, 0, sizeof(version));
		if (store_open(&nor.medium, false, &store, &slots)) {
			assert_int_equal(store_open(&nor.medium, true, &store, &slots), 0);
			continue;
		}
		taken++;
		use_all();
	}
	assert_true(taken > rounds / 2);
}

/* Over many boots the count of bytes does not run away from the truth. */
static void test_bytes_over_boots(void **state)
{
	struct store_stats st;
	unsigned boots = 50;

	(void)state;
	for (unsigned i = 0; i < boots; i++) {
		open_store();
		for (unsigned k = 0; k < 40; k++)
			assert_int_equal(append(any_slot()), 0);
		assert_int_equal(store_commit(store, lost, NULL), 0);
		close_store();
	}
	/* Boots without a write add nothing. */
	for (unsigned i = 0; i < boots; i++) {
		open_store();
		store_stats(store, &st);
		assert_in_range(st.bytes_ever, nor.bytes, nor.bytes + boots * BLOCK);
		close_store();
	}
}

/* The newest header has the figures: its segment is not erased while there is another to take. */
static void test_newest_header_stays(void **state)
{
	uint32_t newest = 0;

	(void)state;
	open_store();
	fill();
	close_store();
	open_store(); /* all are free */
	for (uint32_t i = 0; i < store->nsegments; i++) {
		store->segments[i].erase_count = 7;
		if (store->segments[i].sequence == store->sequence)
			newest = i;
	}
	store->segments[newest].erase_count = 1;
	assert_int_not_equal(segment_least_worn(store, SEGMENT_FREE), newest);
	for (uint32_t i = 0; i < store->nsegments; i++)
		if (i != newest)
			store->segments[i].state = SEGMENT_RETIRED;
	assert_int_equal(segment_least_worn(store, SEGMENT_FREE), newest);
}

static void test_power_gone(void **state)
{
	char page[4096];

	(void)state;
	open_store();
	assert_int_equal(append(1), 0);
	assert_int_equal(store_commit(store, lost, NULL), 0);
	assert_int_equal(append(2), 0);
	nor.dead = true;
	assert_int_equal(store_commit(store, lost, NULL), -ENODEV);
	assert_int_equal(version[2], 0); /* told to be lost */
	assert_int_equal(store_read(store, 2, page), -ENOENT);
	assert_int_equal(store_read(store, 1, page), -ENODEV);
	nor.dead = false;
	verify(1); /* a medium that comes back has lost nothing */
	assert_int_equal(append(3), 0);
	verify(3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_cut_everywhere),   TEST(test_cut_with_bad_blocks),
		TEST(test_first_header),     TEST(test_damaged_between_boots),
		TEST(test_bytes_over_boots), TEST(test_newest_header_stays),
		TEST(test_power_gone),       TEST(test_never_used),
	};
	int failed = cmocka_run_group_tests_name("plain", tests, NULL, NULL);

	mixed = true;
	return failed + cmocka_run_group_tests_name("mixed", tests, NULL, NULL);
}
