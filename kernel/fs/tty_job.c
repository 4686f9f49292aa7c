// SPDX-License-Identifier: MIT
/*
 * Job control: which session a terminal belongs to, which process group is in the foreground, and
 * what happens to the others (POSIX.1-2017, 11.1.3 and 11.1.4).
 *
 * tty_mutex covers session->tty, tty->session and tty->pgrp; the tree of processes is locked inside
 * it. A session that has a terminal is kept alive by its leader; the leader's exit breaks the tie
 * through session_leader_exit_hook.
 */
#include "kernel/cred.h"
#include "kernel/fs/internal.h"
#include "kernel/fs/tty.h"
#include "kernel/process.h"
#include "kernel/syscall.h"
#include "mm/usercopy.h"

struct mutex tty_mutex = MUTEX_INIT(tty_mutex);

/* What job control asks of the running task. */
struct job {
	struct session *session;
	int pgid, pid;
	bool leader, orphaned;
};

static struct job my_job(void)
{
	struct process *p = current()->process;
	struct job j;

	process_tree_lock();
	j.session = p->session;
	j.pgid = p->pgid;
	j.pid = p->pid;
	j.leader = p->session->sid == p->pid;
	j.orphaned = group_is_orphaned_locked(p->pgid);
	process_tree_unlock();
	return j;
}

int tty_check_background(struct tty *t, int signo)
{
	struct process *p = current()->process;
	struct job j;

	/* The common case without locks: words that change only by calls of this session's own
	 * processes. */
	if (READ_ONCE(t->session) != p->session || READ_ONCE(t->pgrp) == p->pgid ||
	    READ_ONCE(t->pgrp) == 0)
		return 0;
	j = my_job();
	if (signal_is_ignored(signo) || signal_is_blocked(signo))
		return signo == SIGTTIN ? -EIO : 0;
	if (j.orphaned)
		return -EIO;
	signal_send_group(j.pgid, signo, NULL);
	return -ERESTART;
}

void tty_signal_foreground(struct tty *t, int signo)
{
	int pgrp = READ_ONCE(t->pgrp);

	if (pgrp > 0)
		signal_send_group(pgrp, signo, NULL);
}

static void attach_locked(struct tty *t, const struct job *j)
{
	t->session = j->session;
	t->pgrp = j->pgid;
	j->session->tty = t;
}

/* tty_mutex held. Returns the foreground group that was. */
static int detach_locked(struct tty *t)
{
	int pgrp = t->pgrp;

	if (t->session)
		t->session->tty = NULL;
	t->session = NULL;
	t->pgrp = 0;
	return pgrp;
}

static void hang_up_group(int pgrp)
{
	if (pgrp <= 0)
		return;
	signal_send_group(pgrp, SIGHUP, NULL);
	signal_send_group(pgrp, SIGCONT, NULL);
}

static void session_leader_exits(struct session *s)
{
	struct tty *t;
	int pgrp = 0;

	mutex_lock(&tty_mutex);
	t = s->tty;
	if (t) {
		pgrp = detach_locked(t);
		t->generation++;
	}
	mutex_unlock(&tty_mutex);
	if (!t)
		return;
	waitq_wake_all(&t->read_wait);
	waitq_wake_all(&t->write_wait);
	hang_up_group(pgrp);
}

void tty_job_init(void)
{
	session_leader_exit_hook = session_leader_exits;
}

void tty_opened(struct tty *t)
{
	struct job j;

	if (!current()->process)
		return;
	j = my_job();
	mutex_lock(&tty_mutex);
	if (j.leader && !j.session->tty && !t->session)
		attach_locked(t, &j);
	mutex_unlock(&tty_mutex);
}

struct tty *tty_of_session(void)
{
	struct tty *t;

	if (!current()->process)
		return NULL;
	mutex_lock(&tty_mutex);
	t = current()->process->session->tty;
	mutex_unlock(&tty_mutex);
	return t;
}

void tty_session_ids(struct session *s, devno_t *devno, int *pgrp)
{
	const struct tty *t;

	mutex_lock(&tty_mutex);
	t = s->tty;
	*devno = t ? t->devno : 0;
	*pgrp = t ? t->pgrp : 0;
	mutex_unlock(&tty_mutex);
}

/* TIOCSCTTY: force takes the terminal away from another session (root only). */
static int64_t take_terminal(struct tty *t, bool force)
{
	struct job j = my_job();
	int64_t err = 0;

	mutex_lock(&tty_mutex);
	if (j.session->tty == t && t->session == j.session)
		err = 0;
	else if (!j.leader || j.session->tty)
		err = -EPERM;
	else if (t->session && !(force && current_capable(CAP_SYS_ADMIN)))
		err = -EPERM;
	else {
		detach_locked(t);
		attach_locked(t, &j);
	}
	mutex_unlock(&tty_mutex);
	return err;
}

/* TIOCNOTTY: only the leader's word counts for the session; others cannot give it up alone here. */
static int64_t give_up_terminal(struct tty *t)
{
	struct job j = my_job();
	int pgrp = 0;

	mutex_lock(&tty_mutex);
	if (j.session->tty != t) {
		mutex_unlock(&tty_mutex);
		return -ENOTTY;
	}
	if (j.leader)
		pgrp = detach_locked(t);
	mutex_unlock(&tty_mutex);
	hang_up_group(pgrp);
	return 0;
}

static int64_t set_foreground(struct tty *t, uint64_t arg)
{
	uint32_t pgid;
	int64_t err = tty_check_background(t, SIGTTOU);

	if (err)
		return err;
	if (user_load32(&pgid, (virt_addr_t)arg))
		return -EFAULT;
	if ((int)pgid < 0)
		return -EINVAL;
	mutex_lock(&tty_mutex);
	process_tree_lock();
	if (!t->session || t->session != current()->process->session)
		err = -ENOTTY;
	else if (!group_exists_locked((int)pgid, t->session))
		err = -EPERM;
	else
		WRITE_ONCE(t->pgrp, (int)pgid);
	process_tree_unlock();
	mutex_unlock(&tty_mutex);
	return err;
}

/* TIOCGPGRP, TIOCGSID: only for the terminal's own session. */
static int64_t get_ids(struct tty *t, bool session, uint64_t arg)
{
	int id = 0;
	bool mine;

	mutex_lock(&tty_mutex);
	mine = t->session && t->session == current()->process->session;
	if (mine)
		id = session ? t->session->sid : t->pgrp;
	mutex_unlock(&tty_mutex);
	return mine ? user_store32((virt_addr_t)arg, (uint32_t)id) : -ENOTTY;
}

int64_t tty_job_ioctl(struct file *f, struct tty *t, unsigned cmd, uint64_t arg)
{
	(void)f;
	switch (cmd) {
	case TIOCSCTTY: return take_terminal(t, arg == 1);
	case TIOCNOTTY: return give_up_terminal(t);
	case TIOCGPGRP: return get_ids(t, false, arg);
	case TIOCSPGRP: return set_foreground(t, arg);
	case TIOCGSID: return get_ids(t, true, arg);
	default: return -ENOIOCTLCMD;
	}
}
