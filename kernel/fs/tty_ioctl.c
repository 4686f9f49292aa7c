// SPDX-License-Identifier: MIT
// Terminal settings: termios(3)'s calls and their relatives.
#include "kernel/fs/internal.h"
#include "kernel/fs/tty.h"
#include "kernel/signal.h"
#include "kernel/syscall.h"
#include "mm/usercopy.h"

/* struct termios is the first part of struct termios2. */
static int64_t get_termios(struct tty *t, uint64_t arg, size_t size)
{
	struct termios2 copy;

	mutex_lock(&t->mutex);
	copy = t->termios;
	mutex_unlock(&t->mutex);
	return copy_to_user((virt_addr_t)arg, &copy, size);
}

static int64_t set_termios(struct tty *t, uint64_t arg, size_t size, bool drain, bool flush)
{
	struct termios2 new, old;
	int64_t err = tty_check_background(t, SIGTTOU);

	if (!err && drain && tty_drain(t))
		err = -ERESTART;
	if (err)
		return err;
	mutex_lock(&t->mutex);
	new = old = t->termios;
	mutex_unlock(&t->mutex);
	if (copy_from_user(&new, (virt_addr_t)arg, size))
		return -EFAULT;
	mutex_lock(&t->mutex);
	if (flush)
		ldisc_flush_input(t);
	old = t->termios;
	t->termios = new;
	ldisc_set_mode(t, &old);
	mutex_unlock(&t->mutex);
	if (old.c_iflag & IXON && !(new.c_iflag &IXON))
		tty_stop(t, false);
	waitq_wake_all(&t->read_wait);
	waitq_wake_all(&t->rx_wait);
	return 0;
}

static int64_t set_winsize(struct tty *t, uint64_t arg)
{
	struct winsize w;
	bool changed;

	if (copy_from_user(&w, (virt_addr_t)arg, sizeof(w)))
		return -EFAULT;
	mutex_lock(&t->mutex);
	changed = memcmp(&w, &t->winsize, sizeof(w)) != 0;
	t->winsize = w;
	mutex_unlock(&t->mutex);
	if (changed)
		tty_signal_foreground(t, SIGWINCH);
	return 0;
}

static int64_t get_winsize(struct tty *t, uint64_t arg)
{
	struct winsize w;

	mutex_lock(&t->mutex);
	w = t->winsize;
	mutex_unlock(&t->mutex);
	return copy_to_user((virt_addr_t)arg, &w, sizeof(w));
}

static int64_t flush(struct tty *t, uint64_t what)
{
	int64_t err = tty_check_background(t, SIGTTOU);

	if (err)
		return err;
	if (what != TCIFLUSH && what != TCOFLUSH && what != TCIOFLUSH)
		return -EINVAL;
	if (what != TCOFLUSH) {
		mutex_lock(&t->mutex);
		ldisc_flush_input(t);
		mutex_unlock(&t->mutex);
		waitq_wake_all(&t->rx_wait);
	}
	if (what != TCIFLUSH)
		tty_flush_output(t);
	return 0;
}

static int64_t flow_control(struct tty *t, uint64_t what)
{
	int64_t err = tty_check_background(t, SIGTTOU);
	uint8_t c;

	if (err)
		return err;
	switch (what) {
	case TCOOFF:
	case TCOON: tty_stop(t, what == TCOOFF); return 0;
	case TCIOFF:
	case TCION:
		c = t->termios.c_cc[what == TCIOFF ? VSTOP : VSTART];
		if (c != CC_DISABLED) {
			(void)tty_out(t, &c, 1); /* no room: the other side is stopped anyway */
			tty_push(t);
		}
		return 0;
	default: return -EINVAL;
	}
}

static int64_t input_pending(struct tty *t, uint64_t arg)
{
	bool eof;
	size_t n;

	mutex_lock(&t->mutex);
	n = ldisc_readable(t, &eof);
	mutex_unlock(&t->mutex);
	return user_store32((virt_addr_t)arg, (uint32_t)(eof ? 0 : n));
}

static int64_t drain(struct tty *t)
{
	int64_t err = tty_check_background(t, SIGTTOU);

	if (!err && tty_drain(t))
		err = -ERESTART;
	return err;
}

int64_t tty_ioctl(struct file *f, unsigned cmd, uint64_t arg)
{
	struct tty *t = tty_of(f);
	int64_t ret;

	if (tty_hung_up(f))
		return -EIO;
	ret = tty_job_ioctl(f, t, cmd, arg);
	if (ret != -ENOIOCTLCMD)
		return ret;
	switch (cmd) {
	case TCGETS: return get_termios(t, arg, sizeof(struct termios));
	case TCSETS:
	case TCSETSW:
	case TCSETSF:
		return set_termios(t, arg, sizeof(struct termios), cmd != TCSETS, cmd == TCSETSF);
	case TCGETS2: return get_termios(t, arg, sizeof(struct termios2));
	case TCSETS2:
	case TCSETSW2:
	case TCSETSF2:
		return set_termios(t, arg, sizeof(struct termios2), cmd != TCSETS2,
				   cmd == TCSETSF2);
	case TIOCGWINSZ: return get_winsize(t, arg);
	case TIOCSWINSZ: return set_winsize(t, arg);
	case TCFLSH: return flush(t, arg);
	case TCXONC: return flow_control(t, arg);
	case TCSBRK: /* 0 would send a break, which the port cannot; else tcdrain(3) */
	case TCSBRKP: return drain(t);
	case FIONREAD: return input_pending(t, arg);
	case TIOCOUTQ: return user_store32((virt_addr_t)arg, tty_out_pending(t));
	case TIOCGETD: return user_store32((virt_addr_t)arg, 0); /* N_TTY */
	default: return -ENOTTY;
	}
}
