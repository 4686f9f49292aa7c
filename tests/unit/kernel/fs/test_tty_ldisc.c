// SPDX-License-Identifier: MIT
// SOURCES: kernel/fs/tty_ldisc.c kernel/fs/tty_out.c tests/mock/machine.c tests/mock/kernel.c
/*
 * The line discipline and output processing with a port that keeps what it is sent: what keys do to
 * the line, what is echoed, what a read gets.
 */
#include "tests/mock/mock.h"

#include <asm/signal.h>
#include <string.h>

#include "kernel/errno.h"
#include "kernel/fs/tty.h"

static char sent[16384];
static size_t nsent, port_room;
static struct tty tty;

static size_t port_write(struct uart *u, const uint8_t *buf, size_t n)
{
	(void)u;
	n = MIN(n, port_room);
	memcpy(sent + nsent, buf, n);
	nsent += n;
	port_room -= n;
	return n;
}

static bool port_empty(struct uart *u)
{
	(void)u;
	return true;
}

static const struct uart_ops port_ops = { .write = port_write, .tx_empty = port_empty };
static struct uart port = { .name = "test", .ops = &port_ops };

/* What tty_out.c needs of the rest. */
bool tty_hung_up(const struct file *f)
{
	(void)f;
	return false;
}

int tty_check_background(struct tty *t, int signo)
{
	(void)t, (void)signo;
	return 0;
}

int io_get(struct io *io, void *dst, size_t n)
{
	memcpy(dst, (const void *)io->buf, n);
	io->buf += n;
	io->n -= n;
	return 0;
}

static int setup(void **state)
{
	mock_setup(state);
	memset(&tty, 0, sizeof(tty));
	tty.uart = &port;
	mutex_init(&tty.mutex);
	mutex_init(&tty.write_mutex);
	waitq_init(&tty.read_wait);
	waitq_init(&tty.write_wait);
	waitq_init(&tty.rx_wait);
	ldisc_init(&tty);
	nsent = 0;
	port_room = sizeof(sent);
	return 0;
}

static void type(const char *keys)
{
	for (; *keys; keys++)
		ldisc_input(&tty, (uint8_t)*keys);
	tty_push(&tty);
}

static void expect_echo(const char *text)
{
	assert_int_equal(nsent, strlen(text));
	assert_memory_equal(sent, text, nsent);
	nsent = 0;
}

static void expect_line(const char *text)
{
	uint8_t got[5000];
	bool ended;
	size_t n = ldisc_take(&tty, got, sizeof(got), &ended);

	assert_true(ended);
	assert_int_equal(n, strlen(text));
	assert_memory_equal(got, text, n);
}

static size_t readable(void)
{
	bool eof;

	return ldisc_readable(&tty, &eof);
}

static void test_line(void **state)
{
	(void)state;
	type("ab");
	assert_int_equal(readable(), 0);
	type("c\r");
	expect_echo("abc\r\n");
	assert_int_equal(readable(), 4);
	expect_line("abc\n");
	assert_int_equal(readable(), 0);
}

static void test_two_lines_are_read_one_by_one(void **state)
{
	(void)state;
	type("one\ntwo\nthr");
	expect_line("one\n");
	expect_line("two\n");
	assert_int_equal(readable(), 0);
}

static void test_short_reads(void **state)
{
	uint8_t got[4];
	bool ended;

	(void)state;
	type("abcdef\n");
	assert_int_equal(ldisc_take(&tty, got, 4, &ended), 4);
	assert_false(ended);
	assert_memory_equal(got, "abcd", 4);
	expect_line("ef\n");
}

static void test_erase(void **state)
{
	(void)state;
	type("ab\x7f");
	expect_echo("ab\b \b");
	type("\x7f\x7f\x7fx\n");
	expect_echo("\b \bx\r\n");
	expect_line("x\n");
}

static void test_erase_stops_at_a_finished_line(void **state)
{
	(void)state;
	type("done\n\x7f\x7f\x15\x17");
	expect_line("done\n");
}

static void test_erase_of_a_control_character_takes_two_columns(void **state)
{
	(void)state;
	type("\x01\x7f");
	expect_echo("^A\b \b\b \b");
}

static void test_erase_of_a_tab_goes_back_to_where_it_began(void **state)
{
	(void)state;
	type("ab\t\x7f");
	expect_echo("ab\t\b\b\b\b\b\b");
}

static void test_erase_takes_a_whole_utf8_character(void **state)
{
	(void)state;
	type("a\xc3\xa9\x7f\n");
	expect_echo("a\xc3\xa9\b \b\r\n");
	expect_line("a\n");
}

static void test_word_and_line_erase(void **state)
{
	(void)state;
	type("one two-three  \x17");
	nsent = 0;
	type("\n");
	expect_line("one two-\n");
	type("all of it\x15new\n");
	expect_line("new\n");
}

static void test_kill_without_visible_erase(void **state)
{
	(void)state;
	tty.termios.c_lflag &= ~(unsigned)ECHOKE;
	type("abc\x15");
	expect_echo("abc^U\r\n");
}

static void test_reprint(void **state)
{
	(void)state;
	type("abc\x12");
	expect_echo("abc^R\r\nabc");
}

static void test_literal_next(void **state)
{
	(void)state;
	type("a\x16\x03"
	     "b\n");
	expect_echo("a^\b^Cb\r\n");
	assert_int_equal(tty.raise, 0);
	expect_line("a\x03"
		    "b\n");
}

static void test_end_of_file(void **state)
{
	bool eof;

	(void)state;
	type("part\x04");
	expect_line("part");
	type("\x04");
	assert_int_equal(ldisc_readable(&tty, &eof), 1);
	assert_true(eof);
	expect_line("");
}

/* A read that takes exactly the bytes before the end-of-file key leaves the key, which then ends
 * the next read at once. */
static void test_end_of_file_after_a_full_read(void **state)
{
	uint8_t got[4];
	bool ended;

	(void)state;
	type("part\x04");
	assert_int_equal(ldisc_take(&tty, got, 4, &ended), 4);
	assert_true(ended);
	assert_int_equal(readable(), 0);
}

static void test_signals(void **state)
{
	static const struct {
		char key;
		int signo;
		const char *echo;
	} keys[] = {
		{ 3, SIGINT, "^C" },
		{ 0x1c, SIGQUIT, "^\\" },
		{ 0x1a, SIGTSTP, "^Z" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		char text[] = { 'a', 'b', keys[i].key, '\0' };

		type("abc\n");
		nsent = 0;
		type(text);
		assert_int_equal(tty.raise, keys[i].signo);
		assert_int_equal(readable(), 0); /* flushed, finished lines too */
		expect_echo(keys[i].echo);
		tty.raise = 0;
	}
	tty.termios.c_lflag |= NOFLSH;
	type("abc\n\x03");
	assert_int_equal(tty.raise, SIGINT);
	expect_line("abc\n");
	tty.termios.c_lflag &= ~(unsigned)ISIG;
	tty.raise = 0;
	type("\x03\n");
	assert_int_equal(tty.raise, 0);
	expect_line("\x03\n");
}

static void test_disabled_keys(void **state)
{
	(void)state;
	tty.termios.c_cc[VINTR] = CC_DISABLED;
	type("\x03\n");
	assert_int_equal(tty.raise, 0);
	ldisc_input(&tty, 0);
	assert_int_equal(tty.raise, 0);
	expect_line("\x03\n");
}

static void test_input_mapping(void **state)
{
	(void)state;
	tty.termios.c_iflag = INLCR;
	tty.termios.c_lflag &= ~(unsigned)ICANON;
	type("a\nb\r");
	assert_int_equal(readable(), 4);
	assert_memory_equal(tty.line, "a\rb\r", 4);
	ldisc_flush_input(&tty);
	tty.termios.c_iflag = IGNCR | ISTRIP;
	type("a\r\xe1");
	assert_int_equal(readable(), 2);
	assert_memory_equal(tty.line + 4, "aa", 2);
}

static void test_raw(void **state)
{
	(void)state;
	tty.termios.c_lflag = 0;
	tty.termios.c_iflag = 0;
	type("a\x03\x04\x7f\r");
	assert_int_equal(tty.raise, 0);
	assert_int_equal(readable(), 5);
	expect_echo("");
}

static void set_mode(unsigned lflag)
{
	struct termios2 old = tty.termios;

	tty.termios.c_lflag = lflag;
	ldisc_set_mode(&tty, &old);
}

static void test_mode_changes_keep_what_was_typed(void **state)
{
	unsigned canonical;

	(void)state;
	canonical = tty.termios.c_lflag;
	type("typed");
	assert_int_equal(readable(), 0);
	set_mode(canonical & ~(unsigned)ICANON);
	assert_int_equal(readable(), 5);
	set_mode(canonical);
	assert_int_equal(readable(), 5);
	type("next\n");
	expect_line("typed");
	expect_line("next\n");
}

static void test_overlong_line(void **state)
{
	(void)state;
	tty.termios.c_lflag &= ~(unsigned)ECHO;
	for (int i = 0; i < 3 * TTY_LINE_SIZE; i++)
		ldisc_input(&tty, 'x');
	assert_true(ldisc_has_room(&tty));
	type("\n");
	assert_int_equal(readable(), TTY_LINE_SIZE);
	assert_false(ldisc_has_room(&tty));
	{
		uint8_t got[TTY_LINE_SIZE + 10];
		bool ended;

		assert_int_equal(ldisc_take(&tty, got, sizeof(got), &ended), TTY_LINE_SIZE);
		assert_true(ended);
		assert_int_equal(got[TTY_LINE_SIZE - 1], '\n');
	}
}

static void test_flow_control(void **state)
{
	(void)state;
	type("\x13");
	type("ab");
	expect_echo("");
	type("\x11");
	expect_echo("ab");
	type("\x13");
	tty.termios.c_iflag |= IXANY;
	type("c");
	expect_echo("c");
}

static void test_break(void **state)
{
	(void)state;
	tty.termios.c_iflag |= BRKINT;
	ldisc_break(&tty);
	assert_int_equal(tty.raise, SIGINT);
	tty.raise = 0;
	tty.termios.c_iflag |= IGNBRK;
	ldisc_break(&tty);
	assert_int_equal(tty.raise, 0);
}

/* ---- Output ---- */

static void put(const char *text)
{
	assert_int_equal(tty_out(&tty, (const uint8_t *)text, strlen(text)), strlen(text));
	tty_push(&tty);
}

static void test_output_processing(void **state)
{
	(void)state;
	put("a\nb");
	expect_echo("a\r\nb");
	tty.termios.c_oflag |= TAB3;
	put("\tc\r\td\b");
	expect_echo("       c\r        d\b");
	tty.termios.c_oflag = 0;
	put("a\n\t");
	expect_echo("a\n\t");
	tty.termios.c_oflag = OPOST | OCRNL;
	put("a\r");
	expect_echo("a\n");
}

static void test_output_waits_for_the_port(void **state)
{
	char text[TTY_OUT_SIZE + 100];

	(void)state;
	tty.termios.c_oflag = 0;
	port_room = 10;
	memset(text, 'x', sizeof(text));
	assert_true(tty_out(&tty, (const uint8_t *)text, sizeof(text)) <= TTY_OUT_SIZE);
	tty_push(&tty);
	assert_int_equal(nsent, 10);
	port_room = 5;
	tty_push(&tty);
	assert_int_equal(nsent, 15);
	tty_flush_output(&tty);
	port_room = 100;
	tty_push(&tty);
	assert_int_equal(nsent, 15);
}

/* A writer that finds the ring full sleeps until the port has taken some. */
static void make_room(void)
{
	port_room = sizeof(sent) - nsent;
	tty_push(&tty);
}

static void test_write_sleeps_and_goes_on(void **state)
{
	char text[9000];
	struct file f = { .data = &tty, .mode = FILE_WRITE };
	struct io io = { .buf = (uintptr_t)text, .n = sizeof(text) };

	(void)state;
	tty.termios.c_oflag = 0;
	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = (char)('a' + i % 26);
	port_room = 0;
	mock_on_block = make_room;
	assert_int_equal(tty_write(&f, &io), sizeof(text));
	make_room();
	assert_int_equal(nsent, sizeof(text));
	assert_memory_equal(sent, text, sizeof(text));
	port_room = 0;
	io = (struct io){ .buf = (uintptr_t)text, .n = sizeof(text), .nonblock = true };
	assert_in_range(tty_write(&f, &io), 1, TTY_OUT_SIZE);
	assert_int_equal(tty_write(&f, &io), -EAGAIN);
}

#define T(fn) cmocka_unit_test_setup_teardown(fn, setup, mock_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_line),
		T(test_two_lines_are_read_one_by_one),
		T(test_short_reads),
		T(test_erase),
		T(test_erase_stops_at_a_finished_line),
		T(test_erase_of_a_control_character_takes_two_columns),
		T(test_erase_of_a_tab_goes_back_to_where_it_began),
		T(test_erase_takes_a_whole_utf8_character),
		T(test_word_and_line_erase),
		T(test_kill_without_visible_erase),
		T(test_reprint),
		T(test_literal_next),
		T(test_end_of_file),
		T(test_end_of_file_after_a_full_read),
		T(test_signals),
		T(test_disabled_keys),
		T(test_input_mapping),
		T(test_raw),
		T(test_mode_changes_keep_what_was_typed),
		T(test_overlong_line),
		T(test_flow_control),
		T(test_break),
		T(test_output_processing),
		T(test_output_waits_for_the_port),
		T(test_write_sleeps_and_goes_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
