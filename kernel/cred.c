// SPDX-License-Identifier: MIT
/*
 * Credentials, and the calls that read and change them. A change copies the running task's struct
 * cred, edits the copy and puts it in place under the process's lock, where cred_of_task() reads it
 * for others. Users (for limits) are few: a list.
 */
#include "kernel/cred.h"

#include "kernel/errno.h"
#include "kernel/lib/string.h"
#include "kernel/process.h"
#include "kernel/syscall.h"
#include "mm/aspace.h"
#include "mm/slab.h"
#include "mm/usercopy.h"

static struct spinlock users_lock;
static struct user root_user = { .refs = 1 }; /* for good */
static struct user *users = &root_user;

/* The user of uid with a reference; NULL: no memory. */
static struct user *user_get(uint32_t uid)
{
	struct user *fresh = kmalloc(sizeof(*fresh), 0), *u;

	spin_lock(&users_lock);
	for (u = users; u && u->uid != uid; u = u->next)
		;
	if (u) {
		(void)user_hold(u);
	} else if (fresh) {
		*fresh = (struct user){ .uid = uid, .refs = 1, .next = users };
		users = u = fresh;
		fresh = NULL;
	}
	spin_unlock(&users_lock);
	kfree(fresh);
	return u;
}

/* The last reference goes under the lock, where user_get() finds users. */
void user_put(struct user *user)
{
	struct user **u;

	if (user == &root_user) {
		atomic_dec(&user->refs);
		return;
	}
	spin_lock(&users_lock);
	if (atomic_dec(&user->refs) == 0) {
		for (u = &users; *u != user; u = &(*u)->next)
			;
		*u = user->next;
	} else {
		user = NULL;
	}
	spin_unlock(&users_lock);
	kfree(user);
}

struct cred *cred_get(struct cred *c)
{
	atomic_inc(&c->refs);
	return c;
}

void cred_put(struct cred *c)
{
	if (atomic_dec(&c->refs) != 0)
		return;
	user_put(c->user);
	kfree(c);
}

struct cred *cred_init(void)
{
	struct cred *c = kmalloc(sizeof(*c), ALLOC_ZERO);

	if (!c)
		return NULL;
	c->refs = 1;
	c->user = user_get(0);
	c->caps.effective = c->caps.permitted = c->caps.bounding = CAPS_ALL;
	return c;
}

struct cred *cred_of_task(struct task *t)
{
	struct cred *c;

	spin_lock(&t->process->lock);
	c = cred_get(t->cred);
	spin_unlock(&t->process->lock);
	return c;
}

bool cred_in_group(const struct cred *c, uint32_t gid)
{
	if (c->egid == gid || c->fsgid == gid)
		return true;
	for (uint32_t i = 0; i < c->ngroups; i++)
		if (c->groups[i] == gid)
			return true;
	return false;
}

bool current_capable(unsigned cap)
{
	return !current()->cred || cred_capable(current()->cred, cap);
}

struct cred *cred_prepare(void)
{
	struct cred *c = kmalloc(sizeof(*c), 0);

	if (!c)
		return NULL;
	*c = *current()->cred;
	c->refs = 1;
	(void)user_hold(c->user);
	return c;
}

/* Memory that may be looked into by whoever has the same ids must not be when these have just been
 * left behind (prctl(2), PR_SET_DUMPABLE), nor does a parent's signal find who is another by
 * now. */
static void cred_changed(struct task *t, const struct cred *old, const struct cred *c)
{
	if (t->aspace && !t->process->borrows_memory) {
		WRITE_ONCE(t->aspace->cap_ipc_lock, cred_capable(c, CAP_IPC_LOCK));
		WRITE_ONCE(t->aspace->cap_sys_admin, cred_capable(c, CAP_SYS_ADMIN));
	}
	if (old->euid == c->euid && old->egid == c->egid && old->fsuid == c->fsuid &&
	    old->fsgid == c->fsgid && !(c->caps.permitted & ~old->caps.permitted))
		return;
	if (t->aspace)
		atomic_fetch_or(&t->aspace->marks, SPACE_NO_DUMP);
	t->death_signal = 0;
}

bool user_above_nproc(const struct user *u)
{
	return u->uid != 0 && atomic_load(&u->tasks) > process_limit(RLIMIT_NPROC);
}

int cred_commit(struct cred *c)
{
	struct task *t = current();
	struct cred *old = t->cred;

	if (c->uid != c->user->uid) {
		struct user *u = user_get(c->uid);

		if (!u) {
			cred_put(c);
			return -ENOMEM;
		}
		t->above_nproc = user_above_nproc(u);
		atomic_inc(&u->tasks);
		atomic_dec(&c->user->tasks);
		user_put(c->user);
		c->user = u;
	}
	spin_lock(&t->process->lock);
	t->cred = c;
	spin_unlock(&t->process->lock);
	cred_changed(t, old, c);
	cred_put(old);
	return 0;
}

#define UNCHANGED UINT32_MAX

static bool is_one_of(uint32_t id, uint32_t a, uint32_t b, uint32_t c)
{
	return id == UNCHANGED || id == a || id == b || id == c;
}

/* setresuid(2) and its relations: the three ids, UNCHANGED where they stay. */
static int64_t set_uids(uint32_t r, uint32_t e, uint32_t s)
{
	const struct cred *old = current()->cred;
	struct cred *c;

	if (!cred_capable(old, CAP_SETUID) && !(is_one_of(r, old->uid, old->euid, old->suid) &&
						is_one_of(e, old->uid, old->euid, old->suid) &&
						is_one_of(s, old->uid, old->euid, old->suid)))
		return -EPERM;
	c = cred_prepare();
	if (!c)
		return -ENOMEM;
	c->uid = r == UNCHANGED ? c->uid : r;
	c->euid = c->fsuid = e == UNCHANGED ? c->euid : e;
	c->suid = s == UNCHANGED ? c->suid : s;
	caps_follow_uids(c, old);
	return cred_commit(c);
}

static int64_t set_gids(uint32_t r, uint32_t e, uint32_t s)
{
	const struct cred *old = current()->cred;
	struct cred *c;

	if (!cred_capable(old, CAP_SETGID) && !(is_one_of(r, old->gid, old->egid, old->sgid) &&
						is_one_of(e, old->gid, old->egid, old->sgid) &&
						is_one_of(s, old->gid, old->egid, old->sgid)))
		return -EPERM;
	c = cred_prepare();
	if (!c)
		return -ENOMEM;
	c->gid = r == UNCHANGED ? c->gid : r;
	c->egid = c->fsgid = e == UNCHANGED ? c->egid : e;
	c->sgid = s == UNCHANGED ? c->sgid : s;
	return cred_commit(c);
}

SYSCALL(setresuid)
{
	return set_uids((uint32_t)args[0], (uint32_t)args[1], (uint32_t)args[2]);
}

SYSCALL(setresgid)
{
	return set_gids((uint32_t)args[0], (uint32_t)args[1], (uint32_t)args[2]);
}

/* setuid(2): all three for root, else only the effective one, to the real or saved id. */
SYSCALL(setuid)
{
	uint32_t id = (uint32_t)args[0];

	if (id == UNCHANGED)
		return -EINVAL;
	return current_capable(CAP_SETUID) ? set_uids(id, id, id)
					   : set_uids(UNCHANGED, id, UNCHANGED);
}

SYSCALL(setgid)
{
	uint32_t id = (uint32_t)args[0];

	if (id == UNCHANGED)
		return -EINVAL;
	return current_capable(CAP_SETGID) ? set_gids(id, id, id)
					   : set_gids(UNCHANGED, id, UNCHANGED);
}

/* setreuid(2): when the real id is given, or the effective one becomes other than the real one was,
 * the saved id follows the effective. */
SYSCALL(setreuid)
{
	uint32_t r = (uint32_t)args[0], e = (uint32_t)args[1];
	const struct cred *c = current()->cred;
	bool save = r != UNCHANGED || (e != UNCHANGED && e != c->uid);

	if (!current_capable(CAP_SETUID) && !(is_one_of(r, c->uid, c->euid, c->euid)))
		return -EPERM;
	return set_uids(r, e, save ? (e == UNCHANGED ? c->euid : e) : UNCHANGED);
}

SYSCALL(setregid)
{
	uint32_t r = (uint32_t)args[0], e = (uint32_t)args[1];
	const struct cred *c = current()->cred;
	bool save = r != UNCHANGED || (e != UNCHANGED && e != c->gid);

	if (!current_capable(CAP_SETGID) && !(is_one_of(r, c->gid, c->egid, c->egid)))
		return -EPERM;
	return set_gids(r, e, save ? (e == UNCHANGED ? c->egid : e) : UNCHANGED);
}

/* setfsuid(2) and setfsgid(2) report the old id and no error: so they are defined. */
SYSCALL(setfsuid)
{
	uint32_t id = (uint32_t)args[0], old = current()->cred->fsuid;
	const struct cred *now = current()->cred;
	struct cred *c;

	if (id == UNCHANGED || (!current_capable(CAP_SETUID) && id != old &&
				!is_one_of(id, now->uid, now->euid, now->suid)))
		return old;
	c = cred_prepare();
	if (c) {
		c->fsuid = id;
		caps_follow_fsuid(c, now);
		if (cred_commit(c) < 0)
			return old;
	}
	return old;
}

SYSCALL(setfsgid)
{
	uint32_t id = (uint32_t)args[0], old = current()->cred->fsgid;
	const struct cred *now = current()->cred;
	struct cred *c;

	if (id == UNCHANGED || (!current_capable(CAP_SETGID) && id != old &&
				!is_one_of(id, now->gid, now->egid, now->sgid)))
		return old;
	c = cred_prepare();
	if (c) {
		c->fsgid = id;
		if (cred_commit(c) < 0)
			return old;
	}
	return old;
}

SYSCALL(getuid)
{
	(void)args;
	return current()->cred->uid;
}

SYSCALL(geteuid)
{
	(void)args;
	return current()->cred->euid;
}

SYSCALL(getgid)
{
	(void)args;
	return current()->cred->gid;
}

SYSCALL(getegid)
{
	(void)args;
	return current()->cred->egid;
}

static int64_t store_three(const uint64_t *args, uint32_t a, uint32_t b, uint32_t c)
{
	if (user_store32(args[0], a) < 0 || user_store32(args[1], b) < 0 ||
	    user_store32(args[2], c) < 0)
		return -EFAULT;
	return 0;
}

SYSCALL(getresuid)
{
	const struct cred *c = current()->cred;

	return store_three(args, c->uid, c->euid, c->suid);
}

SYSCALL(getresgid)
{
	const struct cred *c = current()->cred;

	return store_three(args, c->gid, c->egid, c->sgid);
}

SYSCALL(getgroups)
{
	int size = (int)args[0];
	const struct cred *c = current()->cred;

	if (size < 0 || (size > 0 && (uint32_t)size < c->ngroups))
		return -EINVAL;
	if (size > 0 && copy_to_user(args[1], c->groups, c->ngroups * sizeof(c->groups[0])) < 0)
		return -EFAULT;
	return c->ngroups;
}

SYSCALL(setgroups)
{
	struct cred *c;
	uint64_t n = (uint32_t)args[0];

	if (!current_capable(CAP_SETGID))
		return -EPERM;
	if (n > CRED_GROUPS_MAX)
		return -EINVAL;
	c = cred_prepare();
	if (!c)
		return -ENOMEM;
	if (copy_from_user(c->groups, args[1], n * sizeof(c->groups[0])) < 0) {
		cred_put(c);
		return -EFAULT;
	}
	c->ngroups = (uint32_t)n;
	return cred_commit(c);
}
