// SPDX-License-Identifier: MIT
// What the files of exec share: kernel/exec.c (the steps), exec_load.c (the program in memory),
// exec_args.c (argument strings), elf.c (checks).
#ifndef KERNEL_EXEC_H
#define KERNEL_EXEC_H

#include "kernel/elf.h"
#include "kernel/exec_args.h"

struct aspace;
struct file;

#define EXEC_LEVELS 5 /* a script whose interpreter is a script whose ... */
/* bytes of a file that tell what it is; the first line of a script */
#define EXEC_HEAD 256

struct exec {
	const char *path;                /* as given: AT_EXECFN, and a script's own name */
	struct file *file, *interp_file; /* references, or NULL */
	struct elf_image image, interp;
	struct exec_args *args;
	unsigned nprefix, nlines;
	/* Filled by exec_load(). */
	virt_addr_t bias, interp_base, entry, sp;
	/* From here on not zeroed: written before it is read. */
	const char *prefix[2 * EXEC_LEVELS + 1]; /* what comes before argv[1] for scripts */
	char head[EXEC_HEAD + 1];
	char lines[EXEC_LEVELS][EXEC_HEAD + 1]; /* first lines of scripts, cut into words */
};
_Static_assert(sizeof(struct exec) <= PAGE_SIZE,
	       "beyond a page allocations are slow (mm/slab_cache.c)");

/* Checks that x->file (whose head is in x->head) and its interpreter can be run. 0 or negative
 * errno; nothing is changed. */
int exec_check_image(struct exec *x) MUST_CHECK;
/* Maps program, interpreter, vDSO, heap and stack into current()'s address space, which is fresh. 0
 * or negative errno. May sleep. */
int exec_load(struct exec *x) MUST_CHECK;

/* /proc/sys/kernel/randomize_va_space: 0 nothing is placed at random, 1 all but the heap, 2 all.
 * Read and written as one word. */
extern unsigned exec_randomize;

/* Cuts a script's first line, behind "#!", into the interpreter and the rest, which is one argument
 * (NULL: none). line is terminated and at most EXEC_HEAD - 2 characters long; longer ones were cut
 * there. 0, or -ENOEXEC: no interpreter, or its name may be cut off. */
int script_parse(char *line, const char **interp, const char **arg) MUST_CHECK;

#endif
