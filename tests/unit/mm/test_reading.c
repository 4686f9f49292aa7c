// SPDX-License-Identifier: MIT
// SOURCES: mm/reading.c tests/mock/machine.c tests/mock/kernel.c tests/mock/frames.c
// DEFINES: CONFIG_DEBUG=1
/*
 * Who reads which page, and what those who wait lend.
 */
#include "mm/reading.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "kernel/sched.h"
#include "tests/mock/mock.h"

static struct page pages[64];
static char object, other_object;

static int setup(void **state)
{
	mock_setup(state);
	for (unsigned i = 0; i < ARRAY_SIZE(pages); i++)
		pages[i] = (struct page){ .type = PAGE_FILE, .u.file.index = 100 + i };
	return 0;
}

static void lent_nothing(struct page *p, const void *of, int prio)
{
	assert_null(reading_lend(p, of, prio));
}

static void lent_to(struct task *reader, struct page *p, const void *of, int prio)
{
	uint32_t refs = reader->refs;

	assert_ptr_equal(reading_lend(p, of, prio), reader);
	assert_int_equal(reader->refs, refs + 1);
	assert_int_equal(reader->sched.boost, prio);
	task_put(reader);
}

static void test_task(void **state)
{
	struct task *me = current();
	struct reading r, none;

	(void)state;
	lent_nothing(&pages[0], &object, 50);
	reading_note_page(&none, &object, &pages[1]);
	reading_note_page(&r, &object, &pages[0]);
	lent_nothing(&pages[2], &object, 50);
	lent_nothing(&pages[0], &other_object, 50);
	lent_to(me, &pages[0], &object, 50);
	lent_nothing(&pages[0], &object, 50); /* has it */
	lent_nothing(&pages[0], &object, 40);
	lent_to(me, &pages[0], &object, 60);
	reading_over(&none); /* which nobody waited for */
	assert_int_equal(me->sched.boost, 60);
	reading_over(&r);
	assert_int_equal(me->sched.boost, PRIO_FAIR);
	lent_nothing(&pages[0], &object, 70);
}

static struct reading *raised;
static int raised_to;

static void raise(struct reading *r, int prio)
{
	raised = r;
	raised_to = prio;
}

/* A row that a task puts together and hands over to a request, while it goes on with the next. */
static void test_row(void **state)
{
	struct page *row[8], *handed[2] = { &pages[10], &pages[11] };
	struct reading r, request;

	(void)state;
	reading_note(&r, &object, row, 0, NULL);
	lent_nothing(&pages[10], &object, 50);
	for (r.n = 0; r.n < 3; r.n++)
		row[r.n] = &pages[10 + r.n];
	lent_nothing(&pages[13], &object, 50);
	lent_nothing(&pages[9], &object, 50);
	pages[30].u.file.index = 111; /* was cut off there */
	lent_nothing(&pages[30], &object, 50);
	lent_to(current(), &pages[12], &object, 50);
	reading_note(&request, &object, handed, 2, raise);
	r.n = 0;
	lent_nothing(&pages[11], &object, 30);
	assert_ptr_equal(raised, &request);
	assert_int_equal(raised_to, 30);
	raised = NULL;
	lent_nothing(&pages[10], &object, 30); /* is as urgent */
	lent_nothing(&pages[12], &object, 99);
	assert_null(raised);
	lent_nothing(&pages[10], &object, 31);
	assert_int_equal(raised_to, 31);
	reading_over(&request);
	assert_int_equal(current()->sched.boost, 50); /* not the request's affair */
	lent_nothing(&pages[10], &object, 99);
	assert_int_equal(raised_to, 31);
	reading_over(&r);
	assert_int_equal(current()->sched.boost, PRIO_FAIR);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, mock_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = { TEST(test_task), TEST(test_row) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
