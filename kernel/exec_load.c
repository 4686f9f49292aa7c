// SPDX-License-Identifier: MIT
/*
 * A program in memory: segments demand-mapped from the page cache, bss, heap, stack with its
 * strings and auxiliary vector.
 *
 *    USER_MIN ..           program that is not position independent
 *    2/3 of user space ..  position independent program; heap (brk) behind its bss, some way off
 *    .. mmap_base          mappings, downwards: interpreter, libraries
 *    (room for RLIMIT_STACK, at least 128 MB)
 *    .. stack_top          stack, downwards; the vDSO a little above
 *
 * Places are random by page. The stack, and all that lies below it, moves within 256 GB (26 bits of
 * pages), the mappings relative to the stack within another 256 MB: so they mostly share their
 * upper translation tables, which halves the tables of a small process. Position independent
 * programs move within 256 GB too, a heap within 32 MB behind such a program and within 1 GB behind
 * one of fixed place, which moves by nothing else. personality(ADDR_NO_RANDOMIZE) and 0 in
 * /proc/sys/kernel/randomize_va_space turn it off, 1 there leaves the heap in its place.
 */
#include <linux/auxvec.h>
#include <linux/fcntl.h>
#include <linux/personality.h>

#include "arch/thread.h"
#include "kernel/errno.h"
#include "kernel/exec.h"
#include "kernel/fs/file.h"
#include "kernel/lib/string.h"
#include "kernel/process.h"
#include "kernel/random.h"
#include "mm/aspace.h"
#include "mm/slab.h"
#include "mm/usercopy.h"

#define RANDOM_SPACE      ((uint64_t)USER_TOP / 1024 / PAGE_SIZE) /* pages: 256 GB */
#define RANDOM_GAP        ((uint64_t)1 << 16)                     /* 256 MB */
#define RANDOM_HEAP       ((uint64_t)1 << 13)                     /* 32 MB */
#define RANDOM_HEAP_FIXED ((uint64_t)1 << 18)                     /* 1 GB */
#define PIE_BASE          ALIGN_DOWN(USER_TOP / 3 * 2, (virt_addr_t)1 << 30)
#define STACK_INITIAL     (128 * 1024)
#define STACK_GAP_MIN     (128ull << 20)
#define AUXV_MAX          24 /* pairs */

/* ---- Checks before the point of no return ---- */

static uint64_t file_size(struct file *f)
{
	struct object *o;
	bool may_write;
	uint64_t size;

	if (file_map_object(f, AREA_READ, 0, &o, &may_write) < 0)
		return 0;
	size = READ_ONCE(o->size);
	object_put(o);
	return size;
}

/* Reads and checks the headers of f; head has its first bytes. */
static int parse(struct elf_image *e, struct file *f, const char *head)
{
	Elf64_Ehdr h;
	Elf64_Phdr *ph;
	size_t size;
	int64_t n;
	int err;

	memcpy(&h, head, sizeof(h));
	err = elf_parse_header(e, &h);
	if (err < 0)
		return err;
	size = e->phnum * sizeof(*ph);
	ph = kmalloc(size, 0);
	if (!ph)
		return -ENOMEM;
	n = file_read_kernel(f, e->phoff, ph, size);
	if (n == (int64_t)size)
		err = elf_parse_segments(e, ph, file_size(f), USER_MIN, USER_TOP);
	else
		err = n < 0 ? (int)n : -ENOEXEC;
	kfree(ph);
	return err;
}

/* Opens the interpreter that x->image names. */
static int open_interp(struct exec *x)
{
	size_t size = x->image.interp_size;
	char *path = kmalloc(size, 0);
	int64_t n;

	if (!path)
		return -ENOMEM;
	n = file_read_kernel(x->file, x->image.interp_offset, path, size);
	if (n != (int64_t)size || path[size - 1] != '\0') {
		kfree(path);
		return n < 0 ? (int)n : -ENOEXEC;
	}
	x->interp_file = file_open_exec(AT_FDCWD, path, 0);
	kfree(path);
	if (IS_ERR(x->interp_file)) {
		int err = PTR_ERR(x->interp_file);

		x->interp_file = NULL;
		return err;
	}
	return 0;
}

int exec_check_image(struct exec *x)
{
	char head[sizeof(Elf64_Ehdr)];
	int64_t n;
	int err = parse(&x->image, x->file, x->head);

	if (err < 0 || x->image.interp_size == 0)
		return err;
	err = open_interp(x);
	if (err < 0)
		return err;
	n = file_read_kernel(x->interp_file, 0, head, sizeof(head));
	if (n != (int64_t)sizeof(head))
		return n < 0 ? (int)n : -ELIBBAD;
	err = parse(&x->interp, x->interp_file, head);
	if (err == -ENOEXEC || (err == 0 && !x->interp.dynamic))
		return -ELIBBAD;
	return err;
}

/* ---- Segments ---- */

static unsigned segment_flags(const struct elf_segment *s)
{
	return (s->flags & PF_R ? AREA_READ : 0) | (s->flags & PF_W ? AREA_WRITE : 0) |
	       (s->flags & PF_X ? AREA_EXEC : 0) | AREA_MAY_WRITE;
}

static int map_anonymous(struct aspace *as, virt_addr_t start, virt_addr_t end, unsigned flags)
{
	struct map_request r = {
		.addr = start, .length = end - start, .flags = flags, .fixed = true
	};
	int64_t at = start < end ? aspace_map(as, &r) : 0;

	return at < 0 ? (int)at : 0;
}

static int map_file_part(struct aspace *as, struct file *f, const struct elf_segment *s,
			 virt_addr_t bias)
{
	virt_addr_t start = ALIGN_DOWN(s->vaddr + bias, PAGE_SIZE);
	struct map_request r = {
		.addr = start,
		.length = s->vaddr + bias + s->filesz - start,
		.flags = segment_flags(s),
		.fixed = true,
		.offset = ALIGN_DOWN(s->offset, PAGE_SIZE),
		.file = f,
	};
	bool may_write;
	int64_t at;
	int err = file_map_object(f, r.flags, r.offset, &r.object, &may_write);

	if (err < 0)
		return err;
	at = aspace_map(as, &r);
	object_put(r.object);
	return at < 0 ? (int)at : 0;
}

static int map_segment(struct aspace *as, struct file *f, const struct elf_segment *s,
		       virt_addr_t bias)
{
	virt_addr_t file_end = s->vaddr + bias + s->filesz, end = s->vaddr + bias + s->memsz;
	virt_addr_t page_end =
		s->filesz ? ALIGN_UP(file_end, PAGE_SIZE) : ALIGN_DOWN(file_end, PAGE_SIZE);
	int err = s->filesz ? map_file_part(as, f, s, bias) : 0;

	if (err < 0 || s->memsz == s->filesz)
		return err;
	/* The last page of the file's part goes on with what lies behind it in the file. All of it
	 * becomes zero: bss begins there, and behind the end of bss the dynamic linker takes the
	 * rest of the page as memory that was never used. */
	if (page_end > file_end)
		err = clear_user(file_end, page_end - file_end);
	return err < 0 ? err
		       : map_anonymous(as, page_end, ALIGN_UP(end, PAGE_SIZE), segment_flags(s));
}

static int map_image(struct aspace *as, struct file *f, const struct elf_image *e, virt_addr_t bias)
{
	int err = 0;

	for (unsigned i = 0; i < e->nsegments && err == 0; i++)
		err = map_segment(as, f, &e->segments[i], bias);
	return err;
}

/* A free place for all of the interpreter: the address of its first page, or negative errno. */
static int64_t place_interp(struct aspace *as, const struct elf_image *e)
{
	struct map_request r = { .length = e->high - e->low };
	int64_t at = aspace_map(as, &r);
	int err = at < 0 ? (int)at : aspace_unmap(as, (virt_addr_t)at, r.length);

	return err < 0 ? err : at;
}

/* ---- Layout ---- */

unsigned exec_randomize = 2;

static uint64_t random_pages(uint64_t limit)
{
	uint32_t v;

	if (current()->process->personality & ADDR_NO_RANDOMIZE || !READ_ONCE(exec_randomize))
		return 0;
	random_bytes(&v, sizeof(v)); /* limits are below 2^27 */
	return v % limit * PAGE_SIZE;
}

static void choose_layout(struct aspace *as)
{
	uint64_t gap = MIN(MAX(process_limit(RLIMIT_STACK), STACK_GAP_MIN), USER_TOP / 6);

	as->stack_top = USER_TOP - PAGE_SIZE - random_pages(RANDOM_SPACE);
	as->mmap_base = ALIGN_DOWN(as->stack_top - gap - random_pages(RANDOM_GAP), PAGE_SIZE);
}

static uint64_t random_heap_pages(const struct elf_image *e)
{
	if (READ_ONCE(exec_randomize) < 2)
		return 0;
	return random_pages(e->dynamic ? RANDOM_HEAP : RANDOM_HEAP_FIXED);
}

static int load_images(struct exec *x, struct aspace *as)
{
	const struct elf_image *e = &x->image;
	const struct elf_segment *first = &e->segments[0], *last = &e->segments[e->nsegments - 1];
	int64_t at;
	int err;

	x->bias = e->dynamic ? ALIGN_DOWN(PIE_BASE + random_pages(RANDOM_SPACE), e->align) -
				       ALIGN_DOWN(e->low, e->align)
			     : 0;
	if (e->dynamic && x->bias + e->high > as->mmap_base)
		return -ENOMEM;
	err = map_image(as, x->file, e, x->bias);
	if (err < 0)
		return err;
	as->code_start = first->vaddr + x->bias;
	as->code_end = first->vaddr + first->filesz + x->bias;
	as->data_start = last->vaddr + x->bias;
	as->data_end = last->vaddr + last->filesz + x->bias;
	as->brk_start = as->brk = x->bias + e->high + random_heap_pages(e);
	x->entry = e->entry + x->bias;
	if (!x->interp_file)
		return 0;
	at = place_interp(as, &x->interp);
	if (at < 0)
		return (int)at;
	x->interp_base = (virt_addr_t)at - x->interp.low;
	x->entry = x->interp.entry + x->interp_base;
	return map_image(as, x->interp_file, &x->interp, x->interp_base);
}

/* ---- Stack ---- */

struct auxv {
	uint64_t words[2 * AUXV_MAX];
	unsigned n;
};

static void aux(struct auxv *v, uint64_t type, uint64_t value)
{
	v->words[v->n++] = type;
	v->words[v->n++] = value;
}

static void fill_auxv(struct auxv *v, const struct exec *x, const struct aspace *as,
		      virt_addr_t random, virt_addr_t platform, virt_addr_t name)
{
	const struct cred *c = current()->cred;

	v->n = 0;
	if (as->vdso)
		aux(v, AT_SYSINFO_EHDR, as->vdso);
	aux(v, AT_HWCAP, arch_hwcap());
	aux(v, AT_PAGESZ, PAGE_SIZE);
	aux(v, AT_CLKTCK, USER_HZ);
	aux(v, AT_PHDR, x->image.phdr ? x->image.phdr + x->bias : 0);
	aux(v, AT_PHENT, sizeof(Elf64_Phdr));
	aux(v, AT_PHNUM, x->image.phnum);
	aux(v, AT_BASE, x->interp_base);
	aux(v, AT_FLAGS, 0);
	aux(v, AT_ENTRY, x->image.entry + x->bias);
	aux(v, AT_UID, c->uid);
	aux(v, AT_EUID, c->euid);
	aux(v, AT_GID, c->gid);
	aux(v, AT_EGID, c->egid);
	aux(v, AT_SECURE, c->uid != c->euid || c->gid != c->egid);
	aux(v, AT_RANDOM, random);
	aux(v, AT_HWCAP2, arch_hwcap2());
	aux(v, AT_EXECFN, name);
	aux(v, AT_PLATFORM, platform);
	aux(v, AT_NULL, 0);
}

static int map_stack(const struct exec *x, struct aspace *as, size_t need)
{
	uint64_t size = ALIGN_UP(need, PAGE_SIZE) + STACK_INITIAL;

	return map_anonymous(as, as->stack_top - size, as->stack_top,
			     AREA_READ | AREA_WRITE | AREA_MAY_WRITE | AREA_GROWSDOWN | AREA_STACK |
				     (x->image.exec_stack ? AREA_EXEC : 0));
}

/*
 * From the top: 8 zero bytes, the file's name, the strings, the platform's name, 16 random bytes;
 * then, from sp upwards: argc, argv, envp, auxv.
 */
static int fill_stack(struct exec *x, struct aspace *as)
{
	static const char platform_name[] = "aarch64";
	struct exec_args *a = x->args;
	size_t name_size = strlen(x->path) + 1,
	       vectors = (1 + a->argc + 1 + a->envc + 1) * sizeof(uint64_t);
	virt_addr_t name = as->stack_top - 8 - name_size, strings = name - a->used;
	virt_addr_t platform = ALIGN_DOWN(strings - sizeof(platform_name), 8),
		    random = ALIGN_DOWN(platform - 16, 16), end;
	struct auxv v;
	uint8_t seed[16];

	fill_auxv(&v, x, as, random, platform, name);
	x->sp = ALIGN_DOWN(random - (vectors + v.n * sizeof(uint64_t)),
			   16); /* AAPCS64: sp is 16-byte aligned */
	random_bytes(seed, sizeof(seed));
	if (copy_to_user(name, x->path, name_size) < 0 || args_copy_out(a, strings) < 0)
		return -EFAULT;
	if (copy_to_user(platform, platform_name, sizeof(platform_name)) < 0 ||
	    copy_to_user(random, seed, sizeof(seed)) < 0)
		return -EFAULT;
	if (args_write_pointers(a, x->sp, strings, &end, &as->env_start) < 0)
		return -EFAULT;
	if (copy_to_user(end, v.words, v.n * sizeof(uint64_t)) < 0)
		return -EFAULT;
	as->arg_start = strings;
	as->arg_end = as->env_start;
	as->env_end = name;
	as->auxv_len = v.n * sizeof(uint64_t);
	memcpy(as->auxv, v.words, as->auxv_len);
	return 0;
}

#define VDSO_SPAN ((virt_addr_t)2 << 20)

/* Above the stack, in the same 2 MB when there is room: a small process needs a translation table
 * less. 0: anywhere. */
static virt_addr_t vdso_hint(const struct aspace *as)
{
	uint64_t room = (ALIGN_UP(as->stack_top, VDSO_SPAN) - as->stack_top) / PAGE_SIZE;

	return room > 2 ? as->stack_top + PAGE_SIZE + random_pages(room - 2) : 0;
}

int exec_load(struct exec *x)
{
	struct aspace *as = current()->aspace;
	int err;

	choose_layout(as);
	err = map_stack(x, as, x->args->used + (x->args->argc + x->args->envc) * sizeof(uint64_t));
	if (err == 0)
		err = load_images(x, as);
	if (err == 0)
		err = arch_map_vdso(as, vdso_hint(as));
	return err < 0 ? err : fill_stack(x, as);
}
