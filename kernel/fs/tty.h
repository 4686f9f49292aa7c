// SPDX-License-Identifier: MIT
/*
 * Terminals. Input: the serial driver's interrupt puts bytes into rx; the terminal's thread takes
 * them one by one through the line discipline (tty_ldisc.c), which edits the line, echoes, and
 * names the signal a key stands for; readers take whole lines (or bytes) from line[]. Output:
 * writers and echo put processed bytes into out[]; they go to the port as it has room.
 *
 * Locks: tty_mutex (sessions and terminals) -> process tree; write_mutex -> mutex -> out_lock;
 * rx_lock and out_lock are taken with interrupts off.
 */
#ifndef KERNEL_FS_TTY_H
#define KERNEL_FS_TTY_H

#include <asm/ioctls.h>
#include <asm/termbits.h>
#include <asm/termios.h>

#include "kernel/fs/dev.h"
#include "kernel/serial.h"
#include "kernel/waitq.h"

struct session;

#define TTY_RX_SIZE   512
#define TTY_LINE_SIZE 4096
#define TTY_OUT_SIZE  2048
#define CC_DISABLED   0 /* a c_cc entry with this value names no key */

struct tty {
	const char *name;
	devno_t devno;
	struct uart *uart;

	/* Received, not looked at yet. rx_lock. */
	struct spinlock rx_lock;
	uint32_t rx_head, rx_tail; /* free running */
	uint32_t breaks;
	bool rx_off;          /* the port was told to hold bytes back */
	struct waitq rx_wait; /* the terminal's thread */

	/* Settings and the line discipline. mutex. */
	struct mutex mutex;
	struct termios2 termios;
	struct winsize winsize;
	uint32_t head;        /* free running: next byte of line[] to be stored, */
	uint32_t canon;       /* end of the last complete line, */
	uint32_t tail;        /* next byte to be read */
	bool literal;         /* the next byte has no special meaning (VLNEXT) */
	unsigned line_column; /* where the line being edited begins on the screen */
	int raise;            /* signal that the last byte asked for, 0: none */
	struct waitq read_wait;

	/* Output. out_lock. */
	struct mutex write_mutex; /* one write(2) at a time */
	struct spinlock out_lock;
	uint32_t out_head, out_tail; /* free running */
	unsigned column;
	bool stopped; /* ^S or TCOOFF */
	struct waitq write_wait;

	/* Job control. tty_mutex. */
	struct session *session; /* whose controlling terminal this is; it points back */
	int pgrp;                /* foreground group */
	uint64_t generation;     /* counts hang-ups: older files are dead */

	uint8_t rx[TTY_RX_SIZE];
	uint8_t line[TTY_LINE_SIZE];
	uint64_t delimiter[TTY_LINE_SIZE / 64]; /* bit set: this byte ends a line; a 0 byte so
						   marked is the end-of-file key */
	uint8_t out[TTY_OUT_SIZE];
};

extern struct mutex tty_mutex;

/* tty_ldisc.c; mutex held. */
void ldisc_init(struct tty *t);
void ldisc_input(struct tty *t,
		 uint8_t c); /* may set t->raise; the caller wakes readers when ldisc_readable() */
void ldisc_break(struct tty *t);
bool ldisc_has_room(const struct tty *t); /* the next byte can be taken; without mutex: a hint */
/* Bytes that a read may have now; in canonical mode a complete line's (an end of file alone counts:
 * then *eof). Without mutex: a hint. */
size_t ldisc_readable(const struct tty *t, bool *eof);
/* Takes up to n bytes, in canonical mode to the end of one line. *ended: that end was reached (the
 * end-of-file key is swallowed). */
size_t ldisc_take(struct tty *t, uint8_t *dst, size_t n, bool *ended);
void ldisc_flush_input(struct tty *t);
/* The settings changed from old to t->termios. */
void ldisc_set_mode(struct tty *t, const struct termios2 *old);

/* tty_out.c */
/* Processes (OPOST) and queues bytes: how many were taken; fewer than n when there is no room.
 * out_lock is taken inside. */
size_t tty_out(struct tty *t, const uint8_t *buf, size_t n);
void tty_out_char(struct tty *t, uint8_t c); /* lost when there is no room: echo */
/* Gives the port what it takes. Any context. */
void tty_push(struct tty *t);
void tty_stop(struct tty *t, bool stop);
void tty_flush_output(struct tty *t);
uint32_t tty_out_pending(struct tty *t);
/* Sleeps until all output has left: 0 or -EINTR. */
int tty_drain(struct tty *t);
int64_t tty_write(struct file *f, struct io *io);

/* tty_job.c */
/* A background process wants to read (SIGTTIN) or change (SIGTTOU) t: 0 when it may go on, -EIO, or
 * -ERESTART with the signal sent. */
int tty_check_background(struct tty *t, int signo);
int64_t tty_job_ioctl(struct file *f, struct tty *t, unsigned cmd,
		      uint64_t arg); /* -ENOIOCTLCMD when cmd is none of these */
void tty_signal_foreground(struct tty *t, int signo);
/* An open by a session leader without terminal makes t its controlling terminal. */
void tty_opened(struct tty *t);
struct tty *tty_of_session(void); /* current()'s, or NULL */
/* Device number and foreground group of a session's terminal; 0 and 0 without one. */
void tty_session_ids(struct session *s, devno_t *devno, int *pgrp);
void tty_job_init(void);
#define ENOIOCTLCMD 515

/* tty_ioctl.c */
int64_t tty_ioctl(struct file *f, unsigned cmd, uint64_t arg);

static inline struct tty *tty_of(const struct file *f)
{
	return f->data;
}
/* The file's terminal was hung up since it was opened. The console's descriptors survive that. */
bool tty_hung_up(const struct file *f);

#endif
