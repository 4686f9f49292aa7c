// SPDX-License-Identifier: MIT
/*
 * Capabilities (capabilities(7)): reading and giving them up, what changes of ids and execve(2) do
 * to them, and who may look into whom.
 *
 * Files have none here, and no set-user-ID bit counts, so a program gets what its user's ids and
 * the inheritable and ambient sets give:
 *
 *      root (unless SECBIT_NOROOT)    permitted = inheritable | bounding, all effective
 *      others                         permitted = effective = ambient
 *
 * and no more than it had with PR_SET_NO_NEW_PRIVS.
 */
#include <linux/capability.h>
#include <linux/prctl.h>
#include <linux/securebits.h>

#include "kernel/cred.h"
#include "kernel/errno.h"
#include "kernel/process.h"
#include "kernel/syscall.h"
#include "mm/aspace.h"
#include "mm/usercopy.h"

#define CAP(n) (1ull << (n))
/* What the file system ids stand for (capabilities(7), "Effect of user ID changes", 4). */
#define FILE_CAPS                                                                                  \
	(CAP(CAP_CHOWN) | CAP(CAP_DAC_OVERRIDE) | CAP(CAP_DAC_READ_SEARCH) | CAP(CAP_FOWNER) |     \
	 CAP(CAP_FSETID) | CAP(CAP_LINUX_IMMUTABLE) | CAP(CAP_MAC_OVERRIDE) | CAP(CAP_MKNOD))

static bool subset(uint64_t a, uint64_t of)
{
	return !(a & ~of);
}

/* ---- Changes of ids, execve(2) ---- */

static bool has_root_id(const struct cred *c)
{
	return c->uid == 0 || c->euid == 0 || c->suid == 0;
}

void caps_follow_uids(struct cred *c, const struct cred *old)
{
	struct caps *s = &c->caps;

	if (s->secure & SECBIT_NO_SETUID_FIXUP)
		return;
	if (has_root_id(old) && !has_root_id(c)) {
		s->ambient = 0;
		if (!(s->secure & SECBIT_KEEP_CAPS))
			s->permitted = s->effective = 0;
	}
	if (old->euid == 0 && c->euid != 0)
		s->effective = 0;
	if (old->euid != 0 && c->euid == 0)
		s->effective = s->permitted;
}

void caps_follow_fsuid(struct cred *c, const struct cred *old)
{
	struct caps *s = &c->caps;

	if (s->secure & SECBIT_NO_SETUID_FIXUP)
		return;
	if (old->fsuid == 0 && c->fsuid != 0)
		s->effective &= ~FILE_CAPS;
	if (old->fsuid != 0 && c->fsuid == 0)
		s->effective |= s->permitted & FILE_CAPS;
}

/* What becomes of s in execve(2): root_real, root: by the real, the effective user id. */
static void caps_exec(struct caps *s, bool root_real, bool root, bool no_new)
{
	uint64_t had = s->permitted;
	bool by_id = (root_real || root) && !(s->secure & SECBIT_NOROOT);

	s->permitted = by_id ? s->inheritable | s->bounding : 0;
	if (no_new)
		s->permitted &= had;
	s->permitted |= s->ambient;
	s->effective = by_id && root ? s->permitted : s->ambient;
	s->secure &= ~(uint64_t)SECBIT_KEEP_CAPS;
}

int cred_exec(void)
{
	const struct cred *old = current()->cred;
	struct caps caps = old->caps;
	struct cred *c;

	caps_exec(&caps, old->uid == 0, old->euid == 0, current()->no_new_privs);
	if (!__builtin_memcmp(&caps, &old->caps, sizeof(caps)) && old->suid == old->euid &&
	    old->fsuid == old->euid && old->sgid == old->egid && old->fsgid == old->egid)
		return 0;
	c = cred_prepare();
	if (!c)
		return -ENOMEM;
	c->suid = c->fsuid = c->euid;
	c->sgid = c->fsgid = c->egid;
	c->caps = caps;
	return cred_commit(c);
}

/* ---- capget(2), capset(2) ---- */

/* The header's version as words of data, 1 or 2; writes the one we speak when it is not known
 * (-EINVAL). */
static int cap_version(virt_addr_t header)
{
	uint32_t version;

	if (user_load32(&version, header) < 0)
		return -EFAULT;
	switch (version) {
	case _LINUX_CAPABILITY_VERSION_1: return 1;
	case _LINUX_CAPABILITY_VERSION_2:
	case _LINUX_CAPABILITY_VERSION_3: return 2;
	default:
		if (user_store32(header, _LINUX_CAPABILITY_VERSION_3) < 0)
			return -EFAULT;
		return -EINVAL;
	}
}

static int header_pid(virt_addr_t header, int *pid)
{
	return user_load32((uint32_t *)pid,
			   header + offsetof(struct __user_cap_header_struct, pid));
}

SYSCALL(capget)
{
	struct __user_cap_data_struct data[2];
	int n = cap_version(args[0]), pid;
	struct task *t;
	struct cred *c;

	if (n < 0 || !args[1])
		return n == -EINVAL && !args[1] ? 0 : MIN(n, 0);
	if (header_pid(args[0], &pid) < 0)
		return -EFAULT;
	if (pid < 0)
		return -EINVAL;
	t = pid ? task_find(pid) : task_get(current());
	if (!t)
		return -ESRCH;
	c = cred_of_task(t);
	task_put(t);
	for (int i = 0; i < 2; i++)
		data[i] = (struct __user_cap_data_struct){
			(uint32_t)(c->caps.effective >> 32 * i),
			(uint32_t)(c->caps.permitted >> 32 * i),
			(uint32_t)(c->caps.inheritable >> 32 * i),
		};
	cred_put(c);
	return copy_to_user(args[1], data, (size_t)n * sizeof(data[0]));
}

/* capset(2): which changes are allowed. */
static bool may_set(const struct caps *old, const struct caps *new)
{
	return (cred_capable(current()->cred, CAP_SETPCAP) ||
		subset(new->inheritable, old->inheritable | old->permitted)) &&
	       subset(new->inheritable, old->inheritable | old->bounding) &&
	       subset(new->permitted, old->permitted) && subset(new->effective, new->permitted);
}

static int64_t set_caps(const struct caps *caps)
{
	struct cred *c = cred_prepare();

	if (!c)
		return -ENOMEM;
	c->caps = *caps;
	return cred_commit(c);
}

SYSCALL(capset)
{
	struct __user_cap_data_struct data[2] = { 0 };
	struct caps caps = current()->cred->caps;
	int n = cap_version(args[0]), pid;

	if (n < 0)
		return n;
	if (header_pid(args[0], &pid) < 0)
		return -EFAULT;
	if (pid != 0 && pid != current()->tid)
		return -EPERM;
	if (copy_from_user(data, args[1], (size_t)n * sizeof(data[0])) < 0)
		return -EFAULT;
	caps.effective = caps.permitted = caps.inheritable = 0;
	for (int i = 0; i < 2; i++) {
		caps.effective |= (uint64_t)data[i].effective << 32 * i & CAPS_ALL;
		caps.permitted |= (uint64_t)data[i].permitted << 32 * i & CAPS_ALL;
		caps.inheritable |= (uint64_t)data[i].inheritable << 32 * i & CAPS_ALL;
	}
	if (!may_set(&current()->cred->caps, &caps))
		return -EPERM;
	caps.ambient &= caps.permitted & caps.inheritable;
	return set_caps(&caps);
}

/* ---- prctl(2) ---- */

static int64_t drop_bounding(struct caps *s, uint64_t cap)
{
	if (!current_capable(CAP_SETPCAP))
		return -EPERM;
	if (cap > CAP_LAST_CAP)
		return -EINVAL;
	s->bounding &= ~CAP(cap);
	return set_caps(s);
}

static int64_t set_secure(struct caps *s, uint64_t bits)
{
	uint64_t locked = (s->secure & SECURE_ALL_LOCKS) >> 1;

	if (!current_capable(CAP_SETPCAP) ||
	    bits & ~(uint64_t)(SECURE_ALL_LOCKS | SECURE_ALL_BITS) || locked & (s->secure ^ bits) ||
	    s->secure & SECURE_ALL_LOCKS & ~bits)
		return -EPERM;
	s->secure = bits;
	return set_caps(s);
}

static int64_t set_keep(struct caps *s, uint64_t keep)
{
	if (keep > 1)
		return -EINVAL;
	if (s->secure & SECBIT_KEEP_CAPS_LOCKED)
		return -EPERM;
	s->secure = keep ? s->secure | SECBIT_KEEP_CAPS : s->secure & ~(uint64_t)SECBIT_KEEP_CAPS;
	return set_caps(s);
}

static int64_t ambient(struct caps *s, const uint64_t *args)
{
	uint64_t what = args[1], cap = args[2];

	if (args[3] || args[4])
		return -EINVAL;
	if (what == PR_CAP_AMBIENT_CLEAR_ALL) {
		if (cap)
			return -EINVAL;
		s->ambient = 0;
		return set_caps(s);
	}
	if (cap > CAP_LAST_CAP)
		return -EINVAL;
	switch (what) {
	case PR_CAP_AMBIENT_IS_SET: return s->ambient >> cap & 1;
	case PR_CAP_AMBIENT_LOWER: s->ambient &= ~CAP(cap); return set_caps(s);
	case PR_CAP_AMBIENT_RAISE:
		if (s->secure & SECBIT_NO_CAP_AMBIENT_RAISE ||
		    !(s->permitted & s->inheritable & CAP(cap)))
			return -EPERM;
		s->ambient |= CAP(cap);
		return set_caps(s);
	default: return -EINVAL;
	}
}

int64_t caps_prctl(const uint64_t *args)
{
	struct caps caps = current()->cred->caps;

	switch ((int)args[0]) {
	case PR_CAPBSET_READ:
		return args[1] <= CAP_LAST_CAP ? (int64_t)(caps.bounding >> args[1] & 1) : -EINVAL;
	case PR_CAPBSET_DROP: return drop_bounding(&caps, args[1]);
	case PR_GET_SECUREBITS: return (int64_t)caps.secure;
	case PR_SET_SECUREBITS: return set_secure(&caps, args[1]);
	case PR_GET_KEEPCAPS: return !!(caps.secure & SECBIT_KEEP_CAPS);
	case PR_SET_KEEPCAPS: return set_keep(&caps, args[1]);
	case PR_CAP_AMBIENT: return ambient(&caps, args);
	default: return -EINVAL;
	}
}

/* ---- Who may look into whom ---- */

static bool ids_match(const struct cred *mine, const struct cred *c, bool fs_ids)
{
	uint32_t uid = fs_ids ? mine->fsuid : mine->uid, gid = fs_ids ? mine->fsgid : mine->gid;

	return uid == c->uid && uid == c->euid && uid == c->suid && gid == c->gid &&
	       gid == c->egid && gid == c->sgid &&
	       subset(c->caps.permitted, fs_ids ? mine->caps.effective : mine->caps.permitted);
}

static bool lets_itself_be_seen(struct process *p)
{
	struct aspace *as = process_aspace(p);
	bool seen = !as || !(atomic_load(&as->marks) & SPACE_NO_DUMP);

	if (as)
		aspace_put(as);
	return seen;
}

int process_may_inspect(struct process *p, bool fs_ids)
{
	const struct cred *mine = current()->cred;
	struct task *leader;
	struct cred *c;
	bool may;

	if (!mine || p == current()->process)
		return 0;
	leader = process_leader(p);
	if (!leader)
		return -ESRCH;
	c = cred_of_task(leader);
	task_put(leader);
	may = cred_capable(mine, CAP_SYS_PTRACE) ||
	      (ids_match(mine, c, fs_ids) && lets_itself_be_seen(p));
	cred_put(c);
	return may ? 0 : -EPERM;
}
