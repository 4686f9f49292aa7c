// SPDX-License-Identifier: MIT
/*
 * The line discipline (POSIX.1-2017, chapter 11, General Terminal Interface; Linux's additions in
 * termios(3)): what each received byte does.
 *
 *        tail            canon            head
 *   line:  | complete lines | line being edited |
 *
 * In canonical mode bytes up to canon can be read and what follows can be edited; delimiter[] marks
 * the bytes that end a line. Otherwise everything up to head can be read, and canon follows it when
 * the mode changes.
 */
#include "kernel/fs/tty.h"

#include <asm/signal.h>

#define CTRL(c) ((c)&0x1f)

static const struct termios2 default_termios = {
	.c_iflag = ICRNL | IXON | IUTF8,
	.c_oflag = OPOST | ONLCR,
	.c_cflag = B38400 | CS8 | CREAD | HUPCL | CLOCAL,
	.c_lflag = ISIG | ICANON | ECHO | ECHOE | ECHOK | ECHOCTL | ECHOKE | IEXTEN,
	.c_cc = {
		[VINTR] = CTRL('C'), [VQUIT] = CTRL('\\'), [VERASE] = 0x7f, [VKILL] = CTRL('U'), [VEOF] = CTRL('D'), [VMIN] = 1,
		[VSTART] = CTRL('Q'), [VSTOP] = CTRL('S'), [VSUSP] = CTRL('Z'), [VREPRINT] = CTRL('R'), [VDISCARD] = CTRL('O'),
		[VWERASE] = CTRL('W'), [VLNEXT] = CTRL('V'),
	},
	.c_ispeed = 38400,
	.c_ospeed = 38400,
};

void ldisc_init(struct tty *t)
{
	t->termios = default_termios;
}

static bool mode(const struct tty *t, unsigned flag)
{
	return t->termios.c_lflag & flag;
}

static bool is_key(const struct tty *t, unsigned which, uint8_t c)
{
	return t->termios.c_cc[which] != CC_DISABLED && t->termios.c_cc[which] == c;
}

static uint8_t *at(struct tty *t, uint32_t i)
{
	return &t->line[i % TTY_LINE_SIZE];
}

static bool is_delimiter(const struct tty *t, uint32_t i)
{
	return t->delimiter[i % TTY_LINE_SIZE / 64] >> i % 64 & 1;
}

static void mark(struct tty *t, uint32_t i, bool on)
{
	uint64_t *word = &t->delimiter[i % TTY_LINE_SIZE / 64], bit = 1ull << i % 64;

	*word = on ? *word | bit : *word & ~bit;
}

static void store(struct tty *t, uint8_t c, bool delimiter)
{
	/* One place is kept for the byte that ends the line. */
	if (t->head - t->tail >= TTY_LINE_SIZE - (delimiter ? 0u : 1u)) {
		if (t->termios.c_iflag & IMAXBEL)
			tty_out_char(t, '\a');
		return;
	}
	*at(t, t->head) = c;
	mark(t, t->head, delimiter);
	WRITE_ONCE(t->head, t->head + 1);
	if (delimiter)
		WRITE_ONCE(t->canon, t->head);
}

static bool is_control(uint8_t c)
{
	return c < ' ' || c == 0x7f;
}

static void echo_char(struct tty *t, uint8_t c)
{
	if (is_control(c) && c != '\t' && c != '\n' && mode(t, ECHOCTL)) {
		tty_out_char(t, '^');
		tty_out_char(t, c ^ 0x40);
	} else {
		tty_out_char(t, c);
	}
}

static void echo(struct tty *t, uint8_t c)
{
	if (mode(t, ECHO))
		echo_char(t, c);
	else if (c == '\n' && mode(t, ECHONL) && mode(t, ICANON))
		tty_out_char(t, c);
}

static bool continues_utf8(const struct tty *t, uint8_t c)
{
	return t->termios.c_iflag & IUTF8 && (c & 0xc0) == 0x80;
}

/* Screen columns of the line being edited up to byte `end`, from where it began. */
static unsigned column_at(struct tty *t, uint32_t end)
{
	unsigned col = t->line_column;

	for (uint32_t i = t->canon; i != end; i++) {
		uint8_t c = *at(t, i);

		if (c == '\t')
			col = (col | 7) + 1;
		else if (is_control(c))
			col += mode(t, ECHOCTL) ? 2 : 0;
		else if (!continues_utf8(t, c))
			col++;
	}
	return col;
}

static void rub_out(struct tty *t, unsigned columns)
{
	while (columns--) {
		tty_out_char(t, '\b');
		tty_out_char(t, ' ');
		tty_out_char(t, '\b');
	}
}

/* Removes the last character: all bytes of it. */
static void erase_one(struct tty *t)
{
	uint32_t end = t->head;
	unsigned before, after;

	do
		end--;
	while (end != t->canon && continues_utf8(t, *at(t, end)));
	if (mode(t, ECHO) && mode(t, ECHOE)) {
		before = column_at(t, t->head);
		after = column_at(t, end);
		/* A tab is taken back by steps to the left only: there is nothing to blank. */
		if (*at(t, end) == '\t')
			while (before-- > after)
				tty_out_char(t, '\b');
		else
			rub_out(t, before - after);
	} else if (mode(t, ECHO)) {
		echo_char(t, t->termios.c_cc[VERASE]);
	}
	WRITE_ONCE(t->head, end);
}

static bool is_word(uint8_t c)
{
	return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') || c == '_' ||
	       c >= 0x80;
}

static void erase_word(struct tty *t)
{
	bool seen = false;

	while (t->head != t->canon) {
		bool word = is_word(*at(t, t->head - 1));

		if (seen && !word)
			break;
		seen |= word;
		erase_one(t);
	}
}

static void erase_line(struct tty *t)
{
	if (mode(t, ECHOKE) && mode(t, ECHOE) && mode(t, ECHO)) {
		while (t->head != t->canon)
			erase_one(t);
		return;
	}
	WRITE_ONCE(t->head, t->canon);
	if (mode(t, ECHO)) {
		echo_char(t, t->termios.c_cc[VKILL]);
		if (mode(t, ECHOK))
			tty_out_char(t, '\n');
	}
}

static void reprint(struct tty *t)
{
	echo_char(t, t->termios.c_cc[VREPRINT]);
	tty_out_char(t, '\n');
	t->line_column = 0;
	for (uint32_t i = t->canon; i != t->head; i++)
		echo_char(t, *at(t, i));
}

/* Editing keys of canonical mode. True when c was one. */
static bool edit(struct tty *t, uint8_t c)
{
	bool extended = mode(t, IEXTEN);

	if (is_key(t, VERASE, c) || is_key(t, VKILL, c) || (extended && is_key(t, VWERASE, c))) {
		if (t->head == t->canon)
			return true;
		if (is_key(t, VERASE, c))
			erase_one(t);
		else if (is_key(t, VKILL, c))
			erase_line(t);
		else
			erase_word(t);
		return true;
	}
	if (extended && is_key(t, VLNEXT, c)) {
		t->literal = true;
		if (mode(t, ECHO) && mode(t, ECHOCTL)) {
			tty_out_char(t, '^');
			tty_out_char(t, '\b');
		}
		return true;
	}
	if (extended && is_key(t, VREPRINT, c)) {
		if (mode(t, ECHO))
			reprint(t);
		return true;
	}
	return false;
}

static void canonical(struct tty *t, uint8_t c)
{
	if (edit(t, c))
		return;
	if (is_key(t, VEOF, c)) {
		store(t, 0, true);
		return;
	}
	if (t->head == t->canon)
		t->line_column = t->column;
	echo(t, c);
	store(t, c, c == '\n' || is_key(t, VEOL, c) || (mode(t, IEXTEN) && is_key(t, VEOL2, c)));
}

static int signal_of(const struct tty *t, uint8_t c)
{
	if (!mode(t, ISIG))
		return 0;
	if (is_key(t, VINTR, c))
		return SIGINT;
	if (is_key(t, VQUIT, c))
		return SIGQUIT;
	return is_key(t, VSUSP, c) ? SIGTSTP : 0;
}

static void raise(struct tty *t, int signo)
{
	t->raise = signo;
	if (!mode(t, NOFLSH)) {
		ldisc_flush_input(t);
		tty_flush_output(t);
	}
}

/* Flow control keys. True when c was one. */
static bool flow(struct tty *t, uint8_t c)
{
	if (!(t->termios.c_iflag & IXON))
		return false;
	if (is_key(t, VSTART, c)) {
		tty_stop(t, false);
		return true;
	}
	if (is_key(t, VSTOP, c)) {
		tty_stop(t, true);
		return true;
	}
	if (t->stopped && t->termios.c_iflag & IXANY)
		tty_stop(t, false);
	return false;
}

void ldisc_input(struct tty *t, uint8_t c)
{
	unsigned iflag = t->termios.c_iflag;
	int signo;

	if (iflag & ISTRIP)
		c &= 0x7f;
	if (t->literal) {
		t->literal = false;
		if (t->head == t->canon)
			t->line_column = t->column;
		echo(t, c);
		store(t, c, false);
		return;
	}
	if (flow(t, c))
		return;
	signo = signal_of(t, c);
	if (signo) {
		raise(t, signo);
		echo(t, c);
		return;
	}
	if (c == '\r') {
		if (iflag & IGNCR)
			return;
		if (iflag & ICRNL)
			c = '\n';
	} else if (c == '\n' && iflag & INLCR) {
		c = '\r';
	}
	if (mode(t, ICANON)) {
		canonical(t, c);
		return;
	}
	echo(t, c);
	store(t, c, false);
}

void ldisc_break(struct tty *t)
{
	if (t->termios.c_iflag & IGNBRK)
		return;
	if (t->termios.c_iflag & BRKINT)
		raise(t, SIGINT);
	else
		store(t, 0, false);
}

bool ldisc_has_room(const struct tty *t)
{
	uint32_t tail = READ_ONCE(t->tail), used = READ_ONCE(t->head) - tail;

	/* An overlong line with nothing to read before it goes on taking keys, so that it can be
	 * ended or erased. */
	if (mode(t, ICANON) && READ_ONCE(t->canon) == tail)
		return true;
	return used < TTY_LINE_SIZE - 1;
}

size_t ldisc_readable(const struct tty *t, bool *eof)
{
	uint32_t tail = READ_ONCE(t->tail),
		 end = mode(t, ICANON) ? READ_ONCE(t->canon) : READ_ONCE(t->head);

	*eof = mode(t, ICANON) && end - tail == 1 && is_delimiter(t, tail) &&
	       t->line[tail % TTY_LINE_SIZE] == 0;
	return end - tail;
}

size_t ldisc_take(struct tty *t, uint8_t *dst, size_t n, bool *ended)
{
	uint32_t end = mode(t, ICANON) ? t->canon : t->head;
	size_t done = 0;

	*ended = false;
	while (t->tail != end) {
		uint8_t c = *at(t, t->tail);
		bool last = mode(t, ICANON) && is_delimiter(t, t->tail);

		if (last && c == 0) { /* end of file: ends the read, is no byte of it */
			WRITE_ONCE(t->tail, t->tail + 1);
			*ended = true;
			break;
		}
		if (done == n)
			break;
		dst[done++] = c;
		WRITE_ONCE(t->tail, t->tail + 1);
		if (last) {
			*ended = true;
			break;
		}
	}
	return done;
}

void ldisc_flush_input(struct tty *t)
{
	WRITE_ONCE(t->tail, t->head);
	WRITE_ONCE(t->canon, t->head);
	t->literal = false;
}

void ldisc_set_mode(struct tty *t, const struct termios2 *old)
{
	bool was = old->c_lflag & ICANON, is = mode(t, ICANON);

	if (was == is)
		return;
	t->literal = false;
	/* What was typed so far becomes a line of its own, or plain bytes. */
	if (is && t->head != t->tail)
		mark(t, t->head - 1, true);
	for (uint32_t i = t->tail; !is && i != t->head; i++)
		mark(t, i, false);
	WRITE_ONCE(t->canon, t->head);
}
