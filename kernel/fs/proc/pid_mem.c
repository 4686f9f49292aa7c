// SPDX-License-Identifier: MIT
// What /proc/PID tells about a process's memory and what it was started with.
#include "kernel/fs/proc/proc.h"
#include "kernel/process.h"
#include "mm/aspace.h"
#include "mm/slab.h"

struct aspace *proc_space(const struct proc_ref *ref, bool inspect, int *err)
{
	*err = inspect ? proc_may_inspect(ref) : 0;
	return *err ? NULL : process_aspace(ref->process);
}

void seq_area(struct seq *s, const struct area *a, char *name)
{
	struct file *f = a->file;
	uint32_t dev = f ? f->inode->super->dev : 0;
	size_t start = s->len;

	seq_printf(s, "%08jx-%08jx %c%c%c%c %08jx %02x:%02x %ju ", (uint64_t)a->start,
		   (uint64_t)a->end, a->flags & AREA_READ ? 'r' : '-',
		   a->flags & AREA_WRITE ? 'w' : '-', a->flags & AREA_EXEC ? 'x' : '-',
		   a->flags & AREA_SHARED ? 's' : 'p', f ? a->offset << PAGE_SHIFT : 0, dev >> 20,
		   dev & 0xfffff, f ? f->inode->ino : 0);
	if (area_name(a, name, PATH_MAX) > 0 && name[0]) {
		/* Linux lines names up at column 73. */
		if (!s->overflow && s->len - start < 73)
			seq_printf(s, "%*s", (int)(73 - (s->len - start)), "");
		seq_escaped(s, name, "\n");
	}
	seq_puts(s, "\n");
}

int seq_areas(struct seq *s, const struct proc_ref *ref, seq_area_t *show)
{
	int err;
	struct aspace *as = proc_space(ref, true, &err);
	char *name;

	if (!as)
		return err;
	name = kmalloc(PATH_MAX, 0);
	if (!name)
		err = -ENOMEM;
	else if (mutex_lock_killable(&as->mutex))
		err = -EINTR;
	if (!err) {
		for (struct area *a = area_first(as); a && !s->overflow; a = area_next(a))
			show(s, a, name);
		mutex_unlock(&as->mutex);
	}
	kfree(name);
	aspace_put(as);
	return err;
}

int show_pid_maps(struct seq *s, const struct proc_ref *ref)
{
	return seq_areas(s, ref, seq_area);
}

/* Copies [start, end) of another address space. Memory that is not there ends the text. */
static void seq_memory(struct seq *s, struct aspace *as, virt_addr_t start, virt_addr_t end)
{
	while (start < end && !s->overflow) {
		char part[256];
		size_t n = MIN(sizeof(part), end - start);
		int64_t got = aspace_access(as, start, part, n, false);

		if (got <= 0)
			break;
		seq_write(s, part, (size_t)got);
		start += (size_t)got;
	}
}

int show_pid_cmdline(struct seq *s, const struct proc_ref *ref)
{
	int err;
	struct aspace *as = proc_space(ref, false, &err);

	if (!as)
		return err;
	seq_memory(s, as, as->arg_start, as->arg_end);
	aspace_put(as);
	return 0;
}

int show_pid_environ(struct seq *s, const struct proc_ref *ref)
{
	int err;
	struct aspace *as = proc_space(ref, true, &err);

	if (!as)
		return err;
	seq_memory(s, as, as->env_start, as->env_end);
	aspace_put(as);
	return 0;
}

int show_pid_auxv(struct seq *s, const struct proc_ref *ref)
{
	int err;
	struct aspace *as = proc_space(ref, true, &err);

	if (!as)
		return err;
	seq_write(s, as->auxv, MIN(as->auxv_len, sizeof(as->auxv)));
	aspace_put(as);
	return 0;
}

int proc_exe_path(const struct proc_ref *ref, struct path *to)
{
	struct aspace *as = process_aspace(ref->process);
	struct file *f;
	int err = -ENOENT;

	if (!as)
		return -ENOENT;
	mutex_lock(&as->mutex);
	f = as->exe_file;
	if (f) {
		*to = path_get(f->path);
		err = 0;
	}
	mutex_unlock(&as->mutex);
	aspace_put(as);
	return err;
}
