// SPDX-License-Identifier: MIT
/*
 * execve(2), execveat(2), and how process 1 begins.
 *
 *    open -> scripts: the interpreter instead -> check ELF headers -> copy argv and envp
 *      -> fresh address space, handlers -> end the other threads
 *      -> POINT OF NO RETURN: give up the old memory, load -> new name, signals, registers
 *
 * Up to the point of no return every failure is the call's result and the program goes on; after it
 * there is no program to go back to: SIGKILL.
 */
#include "kernel/exec.h"

#include <linux/fcntl.h>
#include <linux/limits.h>
#include <linux/signal.h>

#include "arch/thread.h"
#include "kernel/cgroup.h"
#include "kernel/cred.h"
#include "kernel/driver.h"
#include "kernel/errno.h"
#include "kernel/fs/file.h"
#include "kernel/futex.h"
#include "kernel/futex_pi.h"
#include "kernel/lib/string.h"
#include "kernel/log.h"
#include "kernel/process.h"
#include "kernel/sched.h"
#include "kernel/sigset.h"
#include "kernel/syscall.h"
#include "kernel/timers.h"
#include "mm/aspace.h"
#include "mm/slab.h"
#include "mm/usercopy.h"

/* ---- What to run ---- */

static int read_head(struct exec *x)
{
	int64_t n = file_read_kernel(x->file, 0, x->head, EXEC_HEAD);

	if (n < 0)
		return (int)n;
	memset(x->head + n, 0, sizeof(x->head) - (size_t)n);
	return 0;
}

static void prefix_push_front(struct exec *x, const char *s)
{
	memmove(&x->prefix[1], &x->prefix[0], x->nprefix * sizeof(x->prefix[0]));
	x->prefix[0] = s;
	x->nprefix++;
}

/* x->file is a script: its interpreter takes its place. */
static int enter_script(struct exec *x)
{
	const char *interp, *arg;
	char *line;
	struct file *f;
	int err;

	if (x->nlines == EXEC_LEVELS)
		return -ELOOP;
	line = x->lines[x->nlines++];
	memcpy(line, x->head + 2, EXEC_HEAD - 2);
	line[EXEC_HEAD - 2] = '\0';
	err = script_parse(line, &interp, &arg);
	if (err < 0)
		return err;
	if (x->nprefix == 0)
		prefix_push_front(x, x->path);
	if (arg)
		prefix_push_front(x, arg);
	prefix_push_front(x, interp);
	f = file_open_exec(AT_FDCWD, interp, 0);
	if (IS_ERR(f))
		return PTR_ERR(f);
	file_put(x->file);
	x->file = f;
	return read_head(x);
}

static int find_program(struct exec *x)
{
	int err = read_head(x);

	while (err == 0 && x->head[0] == '#' && x->head[1] == '!')
		err = enter_script(x);
	return err < 0 ? err : exec_check_image(x);
}

static int copy_args(struct exec *x, struct arg_vector argv, struct arg_vector envp)
{
	struct exec_args *a = x->args = args_create();
	int err = 0;

	if (!a)
		return -ENOMEM;
	for (unsigned i = 0; i < x->nprefix && err == 0; i++)
		err = args_add_string(a, x->prefix[i], &a->argc);
	if (err == 0)
		err = args_add_vector(a, argv, x->nprefix ? 1 : 0, &a->argc);
	if (err == 0 && a->argc == 0) /* programs rely on argv[0] */
		err = args_add_string(a, "", &a->argc);
	return err < 0 ? err : args_add_vector(a, envp, 0, &a->envc);
}

/* ---- The other threads ---- */

static bool alone(struct process *p)
{
	return READ_ONCE(p->nr_threads) == 1;
}

/* The thread takes the leader's place: the leader is dead and waits for nobody but us. */
static void become_leader(struct task *t, struct process *p)
{
	struct task *old;
	uint64_t irqs;

	process_tree_lock();
	old = p->leader;
	if (old != t) {
		tid_swap_locked(t, old);
		spin_lock(&p->lock);
		irqs = spin_lock_irq(&p->signal_lock);
		p->leader = t;
		spin_unlock_irq(&p->signal_lock, irqs);
		spin_unlock(&p->lock);
		tid_remove_locked(old);
	}
	process_tree_unlock();
}

static void kill_other(struct task *t)
{
	if (t != current())
		signal_kill_thread_locked(t);
}

/* Ends every other thread of the process. 0, or -EINTR: this thread is dying, with the process or
 * because another one was first at this. */
static int end_other_threads(void)
{
	struct task *me = current();
	struct process *p = me->process;
	uint64_t irqs;
	bool first;
	int err;

	irqs = spin_lock_irq(&p->signal_lock);
	first = !p->exiting && !p->exec_task;
	if (first) {
		p->exec_task = me;
		signal_each_thread(p, kill_other, &irqs);
	}
	spin_unlock_irq(&p->signal_lock, irqs);
	if (!first) /* death is on its way: whoever was first sees to it */
		return wait_event(&p->thread_wait, false, WAIT_KILLABLE, WAIT_FOREVER);
	err = wait_event(&p->thread_wait, alone(p), WAIT_KILLABLE, WAIT_FOREVER);
	if (err == 0)
		become_leader(me, p);
	irqs = spin_lock_irq(&p->signal_lock);
	p->exec_task = NULL;
	spin_unlock_irq(&p->signal_lock, irqs);
	return err;
}

/* ---- The new program takes over ---- */

/* The program's credentials, and what of them and of its limits mm/ knows. 0 or -ENOMEM. */
static int adopt_rights(struct aspace *as)
{
	const struct cred *c;
	int err = cred_exec();

	aspace_adopt_rights(as);
	c = current()->cred;
	if (c->uid != c->euid || c->gid != c->egid)
		atomic_fetch_or(&as->marks, SPACE_NO_DUMP);
	return err;
}

/* What the old memory is still owed: robust locks, the word that says the thread is gone. */
static void leave_old_memory(struct task *t)
{
	virt_addr_t word = t->clear_tid;

	if (!t->aspace)
		return;
	futex_exit_robust();
	futex_exit_pi();
	t->clear_tid = 0;
	if (word && READ_ONCE(t->aspace->users) > 1 && user_store32(word, 0) == 0)
		(void)futex_wake(word, 1);
}

static void switch_memory(struct task *t, struct aspace *as)
{
	struct aspace *old;
	uint64_t irqs, rss;

	hw_mb(); /* from here on membarrier(2) for the old memory passes this task by */
	spin_lock(&t->process->lock);
	irqs = hw_irq_save(); /* no switch between the two: the next one would not see a change of
				 address space */
	old = t->aspace;
	if (old)
		as->marks = atomic_load(&old->marks) & SPACE_NO_HUGE;
	t->aspace = as;
	pmap_activate(&as->pmap);
	hw_irq_restore(irqs);
	spin_unlock(&t->process->lock);
	if (!old)
		return;
	vfork_done(t);
	rss = aspace_unuse(old);
	t->process->used.maxrss = MAX(t->process->used.maxrss, rss);
}

static void reset_signals(struct task *t, struct sighand *fresh)
{
	struct process *p = t->process;
	struct sighand *old = NULL;
	uint64_t irqs;

	if (fresh) {
		irqs = spin_lock_irq(&p->signal_lock);
		old = p->sighand;
		p->sighand = fresh;
		spin_unlock_irq(&p->signal_lock, irqs);
		sighand_put(old);
	}
	sighand_reset_for_exec(p->sighand);
	t->sigalt_base = t->sigalt_size = 0;
	t->sigalt_flags = SS_DISABLE;
	t->restart_code = 0;
	t->death_signal = 0;
	t->tagged_addresses = false;
	timers_exec(p);
}

static void rename_task(struct task *t, const char *path)
{
	const char *slash = strrchr(path, '/');

	spin_lock(&t->process->lock);
	string_copy(t->name, slash ? slash + 1 : path, sizeof(t->name));
	spin_unlock(&t->process->lock);
}

/* A table of files shared with another process becomes the program's own. */
static int own_files(struct task *t)
{
	struct files *copy, *old = t->files;

	if (!t->shares_files)
		return 0;
	copy = files_copy(old);
	if (!copy)
		return -ENOMEM;
	spin_lock(&t->process->lock);
	t->files = copy;
	t->shares_files = false;
	spin_unlock(&t->process->lock);
	files_put(old);
	return 0;
}

/* Past the point of no return. */
static int take_over(struct exec *x, struct aspace *as, struct sighand *fresh)
{
	struct task *t = current();
	struct process *p = t->process;
	int err;

	leave_old_memory(t);
	switch_memory(t, as);
	reset_signals(t, fresh);
	err = adopt_rights(as);
	if (err == 0)
		err = exec_load(x);
	if (err < 0)
		return err;
	as->exe_file = file_get(x->file);
	files_close_on_exec(t->files);
	rename_task(t, x->path);
	process_tree_lock();
	p->did_exec = true;
	p->exit_signal = p->parent ? SIGCHLD : 0;
	process_tree_unlock();
	arch_exec_start(x->entry, x->sp);
	return 0;
}

/* 0: the registers are the new program's. */
static int exec_run(struct exec *x)
{
	struct process *p = current()->process;
	struct aspace *as = aspace_create();
	struct sighand *fresh = NULL;
	int err = -ENOMEM;

	if (!as)
		return -ENOMEM;
	if (atomic_load(&p->sighand->refs) > 1) {
		fresh = sighand_copy(p->sighand);
		if (!fresh)
			goto no_sighand;
	}
	err = own_files(current());
	if (err == 0)
		err = end_other_threads();
	if (err < 0)
		goto not_begun;
	err = take_over(x, as, fresh);
	if (err < 0) {
		log_warn("%s[%d]: cannot run %s (error %d), killed", current()->name,
			 current()->tid, x->path, -err);
		signal_kill(p);
	}
	return err;

not_begun:
	if (fresh)
		sighand_put(fresh);
no_sighand:
	aspace_unuse(as);
	return err;
}

/* Runs f (consumed) as path. */
static int exec_file(struct file *f, const char *path, struct arg_vector argv,
		     struct arg_vector envp)
{
	struct exec *x = kmalloc(sizeof(*x), 0);
	int err = -ENOMEM;

	if (!x) {
		file_put(f);
		return err;
	}
	memset(x, 0, offsetof(struct exec, prefix));
	x->path = path;
	x->file = f;
	err = find_program(x);
	if (err == 0)
		err = copy_args(x, argv, envp);
	if (err == 0)
		err = exec_run(x);
	args_free(x->args);
	if (x->interp_file)
		file_put(x->interp_file);
	file_put(x->file);
	kfree(x);
	return err;
}

/* ---- System calls ---- */

/* What AT_EXECFN and a script see for a program that was opened through a descriptor: a path that
 * leads there. */
static void name_of_descriptor(char *path, int dirfd)
{
	char prefix[32];
	size_t n, len = strlen(path) + 1;

	if (path[0] == '/' || dirfd == AT_FDCWD)
		return;
	n = (size_t)format(prefix, sizeof(prefix), len > 1 ? "/dev/fd/%d/" : "/dev/fd/%d", dirfd);
	if (n + len > PATH_MAX)
		return;
	memmove(path + n, path, len);
	memcpy(path, prefix, n);
}

/* Changing the user never fails for RLIMIT_NPROC, as few programs would expect it; running a
 * program then does, while he has too many tasks. */
static int check_nproc(struct task *t)
{
	if (t->above_nproc && user_above_nproc(t->cred->user))
		return -EAGAIN;
	t->above_nproc = false;
	return 0;
}

static int64_t exec_user(int dirfd, virt_addr_t user_path, virt_addr_t argv, virt_addr_t envp,
			 int flags)
{
	char *path;
	struct file *f = NULL;
	int64_t err;

	if (flags & ~(AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW))
		return -EINVAL;
	path = kmalloc(PATH_MAX, 0);
	if (!path)
		return -ENOMEM;
	err = copy_string_from_user(path, user_path, PATH_MAX);
	if (err >= 0)
		err = check_nproc(current());
	if (err == 0) {
		f = file_open_exec(dirfd, path, flags);
		err = IS_ERR(f) ? PTR_ERR(f) : 0;
	}
	if (err == 0) {
		name_of_descriptor(path, dirfd);
		err = exec_file(f, path, (struct arg_vector){ .user = argv },
				(struct arg_vector){ .user = envp });
	}
	kfree(path);
	return err;
}

SYSCALL(execve)
{
	return exec_user(AT_FDCWD, args[0], args[1], args[2], 0);
}

SYSCALL(execveat)
{
	return exec_user((int)args[0], args[1], args[2], args[3], (int)args[4]);
}

/* ---- Process 1 ---- */

static int run_init(const char *path)
{
	const char *const argv[] = { path, NULL };
	static const char *const envp[] = { "HOME=/", "TERM=linux",
					    "PATH=/usr/sbin:/usr/bin:/sbin:/bin", NULL };
	struct file *f = file_open_exec(AT_FDCWD, path, 0);
	int err;

	if (IS_ERR(f))
		return PTR_ERR(f);
	log_info("init: %s", path);
	err = exec_file(f, path, (struct arg_vector){ .kernel = argv },
			(struct arg_vector){ .kernel = envp });
	if (err < 0)
		log_error("init: %s cannot be run (error %d)", path, -err);
	return err;
}

/* The boot thread gets all that makes a user process; memory comes with exec. */
static void make_process_one(struct task *t)
{
	struct process *p = process_create(NULL);
	struct session *s = session_create(0);
	struct sighand *sighand = sighand_create();
	struct cred *cred = cred_init();

	if (!p || !s || !sighand || !cred || !t->files || !t->fs)
		panic("no memory for process 1");
	t->refs = 2; /* the scheduler's, and one for good: it is part of the kernel */
	p->sighand = sighand;
	p->session = s;
	p->leader = t;
	p->exit_status = 0;
	t->cred = cred;
	t->process = p;
	t->memory_group = &p->memory_group;
	list_init(&t->process_link);
	list_init(&t->sig_queue);
	list_init(&t->futex_owned);
	t->sigalt_flags = SS_DISABLE;
	atomic_inc(&cred->user->tasks);
	process_tree_lock();
	p->pid = tid_alloc_locked(t);
	list_push_back(&p->threads, &t->process_link);
	p->nr_threads = 1;
	p->nr_live = 1;
	cgroup_add_first(p);
	process_link_locked(p);
	process_tree_unlock();
	ASSERT(p->pid == 1);
}

void init_start(void)
{
	static const char *const usual[] = { "/sbin/init", "/etc/init", "/bin/init", "/bin/sh" };
	char path[256];

	make_process_one(current());
	if (fs_first_init() && run_init(fs_first_init()) == 0)
		arch_return_to_user();
	if (cmdline_get("init", path, sizeof(path)) && run_init(path) == 0)
		arch_return_to_user();
	for (unsigned i = 0; i < ARRAY_SIZE(usual) && !task_killed(current()); i++)
		if (run_init(usual[i]) == 0)
			arch_return_to_user();
	panic("no init to run: give the root file system a /sbin/init, or say init=PATH on the kernel's command line");
}
