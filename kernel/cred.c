// SPDX-License-Identifier: MIT
/*
 * Credentials, and the calls that read and change them. A change copies the running task's struct cred, edits the copy and puts it in place
 * under the process's lock, where cred_of_task() reads it for others. Users (for limits) are few: a list.
 */
#include "kernel/cred.h"

#include <linux/capability.h>

#include "kernel/errno.h"
#include "kernel/lib/string.h"
#include "kernel/process.h"
#include "kernel/syscall.h"
#include "mm/aspace.h"
#include "mm/slab.h"
#include "mm/usercopy.h"

static struct spinlock users_lock;
static struct user *users;
static struct user root_user = { .uid = 0, .refs = 1 };

/* The user of uid with a reference; NULL: no memory. */
static struct user *user_get(uint32_t uid)
{
	struct user *fresh = uid ? kmalloc(sizeof(*fresh), 0) : &root_user, *u;

	if (!uid)
		return atomic_inc(&root_user.refs), &root_user;
	spin_lock(&users_lock);
	for (u = users; u && u->uid != uid; u = u->next)
		;
	if (u) {
		u->refs++;
	} else if (fresh) {
		*fresh = (struct user){ .uid = uid, .refs = 1, .next = users };
		users = u = fresh;
		fresh = NULL;
	}
	spin_unlock(&users_lock);
	kfree(fresh);
	return u;
}

static void user_put(struct user *user)
{
	struct user **u;

	if (user == &root_user) {
		atomic_dec(&user->refs);
		return;
	}
	spin_lock(&users_lock);
	if (--user->refs == 0) {
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

bool current_privileged(void)
{
	return !current()->cred || cred_privileged(current()->cred);
}

/* A copy of current()'s for editing; NULL: no memory. */
static struct cred *cred_prepare(void)
{
	struct cred *c = kmalloc(sizeof(*c), 0);

	if (!c)
		return NULL;
	*c = *current()->cred;
	c->refs = 1;
	atomic_inc(&c->user->refs);
	return c;
}

/* Puts c in place; a changed real uid moves the task to that user's account. */
static int cred_commit(struct cred *c)
{
	struct task *t = current();
	struct cred *old = t->cred;

	if (c->uid != c->user->uid) {
		struct user *u = user_get(c->uid);

		if (!u) {
			cred_put(c);
			return -ENOMEM;
		}
		atomic_inc(&u->tasks);
		atomic_dec(&c->user->tasks);
		user_put(c->user);
		c->user = u;
	}
	spin_lock(&t->process->lock);
	t->cred = c;
	spin_unlock(&t->process->lock);
	if (t->aspace)
		WRITE_ONCE(t->aspace->cap_ipc_lock, cred_privileged(c));
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

	if (!cred_privileged(old) && !(is_one_of(r, old->uid, old->euid, old->suid) &&
				       is_one_of(e, old->uid, old->euid, old->suid) &&
				       is_one_of(s, old->uid, old->euid, old->suid)))
		return -EPERM;
	c = cred_prepare();
	if (!c)
		return -ENOMEM;
	c->uid = r == UNCHANGED ? c->uid : r;
	c->euid = c->fsuid = e == UNCHANGED ? c->euid : e;
	c->suid = s == UNCHANGED ? c->suid : s;
	return cred_commit(c);
}

static int64_t set_gids(uint32_t r, uint32_t e, uint32_t s)
{
	const struct cred *old = current()->cred;
	struct cred *c;

	if (!cred_privileged(old) && !(is_one_of(r, old->gid, old->egid, old->sgid) &&
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
	return current_privileged() ? set_uids(id, id, id) : set_uids(UNCHANGED, id, UNCHANGED);
}

SYSCALL(setgid)
{
	uint32_t id = (uint32_t)args[0];

	if (id == UNCHANGED)
		return -EINVAL;
	return current_privileged() ? set_gids(id, id, id) : set_gids(UNCHANGED, id, UNCHANGED);
}

/* setreuid(2): when the real id is given, or the effective one becomes other than the real one was, the saved id follows the effective. */
SYSCALL(setreuid)
{
	uint32_t r = (uint32_t)args[0], e = (uint32_t)args[1];
	const struct cred *c = current()->cred;
	bool save = r != UNCHANGED || (e != UNCHANGED && e != c->uid);

	if (!current_privileged() && !(is_one_of(r, c->uid, c->euid, c->euid)))
		return -EPERM;
	return set_uids(r, e, save ? (e == UNCHANGED ? c->euid : e) : UNCHANGED);
}

SYSCALL(setregid)
{
	uint32_t r = (uint32_t)args[0], e = (uint32_t)args[1];
	const struct cred *c = current()->cred;
	bool save = r != UNCHANGED || (e != UNCHANGED && e != c->gid);

	if (!current_privileged() && !(is_one_of(r, c->gid, c->egid, c->egid)))
		return -EPERM;
	return set_gids(r, e, save ? (e == UNCHANGED ? c->egid : e) : UNCHANGED);
}

/* setfsuid(2) and setfsgid(2) report the old id and no error: so they are defined. */
SYSCALL(setfsuid)
{
	uint32_t id = (uint32_t)args[0], old = current()->cred->fsuid;
	const struct cred *now = current()->cred;
	struct cred *c;

	if (id == UNCHANGED ||
	    (!current_privileged() && id != old && !is_one_of(id, now->uid, now->euid, now->suid)))
		return old;
	c = cred_prepare();
	if (c) {
		c->fsuid = id;
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

	if (id == UNCHANGED ||
	    (!current_privileged() && id != old && !is_one_of(id, now->gid, now->egid, now->sgid)))
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

	if (!current_privileged())
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

/* ---- Capabilities: all for root, none for others ---- */

/* Checks the header's version (0 data words to 2); writes the one we speak when it is not known. */
static int cap_version(virt_addr_t header, struct __user_cap_header_struct *h)
{
	if (copy_from_user(h, header, sizeof(*h)) < 0)
		return -EFAULT;
	switch (h->version) {
	case _LINUX_CAPABILITY_VERSION_1: return 1;
	case _LINUX_CAPABILITY_VERSION_2:
	case _LINUX_CAPABILITY_VERSION_3: return 2;
	default:
		if (user_store32(header, _LINUX_CAPABILITY_VERSION_3) < 0)
			return -EFAULT;
		return -EINVAL;
	}
}

/* The set a task has: two words of bits. */
static void cap_words(const struct cred *c, uint32_t words[2])
{
	uint64_t all = (1ull << (CAP_LAST_CAP + 1)) - 1;

	words[0] = cred_privileged(c) ? (uint32_t)all : 0;
	words[1] = cred_privileged(c) ? (uint32_t)(all >> 32) : 0;
}

SYSCALL(capget)
{
	struct __user_cap_header_struct h;
	struct __user_cap_data_struct data[2] = { 0 };
	uint32_t words[2];
	int n = cap_version(args[0], &h);
	struct task *t;
	struct cred *c;

	if (n < 0)
		return n == -EINVAL && args[1] == 0 ? 0 : n;
	if (h.pid < 0)
		return -EINVAL;
	t = h.pid ? task_find(h.pid) : task_get(current());
	if (!t)
		return -ESRCH;
	c = cred_of_task(t);
	task_put(t);
	cap_words(c, words);
	cred_put(c);
	for (int i = 0; i < n; i++)
		data[i] = (struct __user_cap_data_struct){ words[i], words[i], 0 };
	return copy_to_user(args[1], data, (size_t)n * sizeof(data[0]));
}

/* Single capabilities cannot be given up here: only a request for just what the task has succeeds. */
SYSCALL(capset)
{
	struct __user_cap_header_struct h;
	struct __user_cap_data_struct data[2];
	uint32_t words[2];
	int n = cap_version(args[0], &h);

	if (n < 0)
		return n;
	if (h.pid != 0 && h.pid != current()->tid)
		return -EPERM;
	if (copy_from_user(data, args[1], (size_t)n * sizeof(data[0])) < 0)
		return -EFAULT;
	cap_words(current()->cred, words);
	for (int i = 0; i < n; i++)
		if (data[i].effective != words[i] || data[i].permitted != words[i])
			return -EPERM;
	return 0;
}
