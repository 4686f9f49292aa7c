// SPDX-License-Identifier: MIT
/*
 * Address spaces: a mutex (priority inheriting), a balanced tree of areas, a pmap, limits and
 * counters. The system calls of kernel/ turn file descriptors into objects and call these
 * functions; the exception handlers call aspace_fault().
 *
 * Lock order: aspace mutex (parent before child in fork) -> object mutex -> table lock -> page lock
 * -> LRU lock -> buddy locks.
 */
#ifndef MM_ASPACE_H
#define MM_ASPACE_H

#include "mm/object.h"
#include "mm/pmap.h"

enum area_flags {
	AREA_READ = 1 << 0, /* as PROT_READ, PROT_WRITE, PROT_EXEC */
	AREA_WRITE = 1 << 1,
	AREA_EXEC = 1 << 2,
	AREA_SHARED = 1 << 3,
	AREA_GROWSDOWN = 1 << 4,
	AREA_LOCKED = 1 << 5, /* mlocked */
	AREA_LOCK_ON_FAULT = 1 << 6,
	AREA_STACK = 1 << 7,
	AREA_HEAP = 1 << 8,
	AREA_DONTFORK = 1 << 9,
	AREA_WIPEONFORK = 1 << 10,
	AREA_RANDOM = 1 << 11,
	AREA_SEQUENTIAL = 1 << 12,
	AREA_DONTDUMP = 1 << 13,
	AREA_NORESERVE = 1 << 14,
	AREA_MAY_WRITE = 1 << 15, /* mprotect may add PROT_WRITE: private, or a file open for it */
	AREA_VDSO = 1 << 16,
	AREA_HUGEPAGE = 1 << 18,   /* MADV_HUGEPAGE */
	AREA_NOHUGEPAGE = 1 << 19, /* MADV_NOHUGEPAGE */
	AREA_HUGETLB = 1 << 20,    /* units of 2 MB from the pool (mm/hugetlb.c) */
	AREA_HUGE_OWNER = 1 << 21, /* its units were promised; set by mm alone */
	AREA_ACCOUNT = 1 << 17,    /* counts as promised (mm/commit.h); set by mm alone */
};

/* What system calls of kernel/ have noted about an address space. fork(2) copies them. */
enum space_mark {
	SPACE_BARRIER = 1,      /* membarrier(2) registered: PRIVATE_EXPEDITED */
	SPACE_BARRIER_CORE = 2, /* and PRIVATE_EXPEDITED_SYNC_CORE */
	SPACE_NO_HUGE = 4,      /* PR_SET_THP_DISABLE; kept by execve(2) */
	SPACE_NO_DUMP = 8,      /* PR_SET_DUMPABLE 0 */
};

struct area {
	struct rb_node node;
	virt_addr_t start, end; /* page aligned, start < end */
	unsigned flags;
	bool has_anon; /* with an object: some page was copied on write, or may have been; set by
			  area_note_anon */
	uint32_t walk; /* mm/copies.c; the object's lock */
	struct object *object;    /* NULL: private anonymous only */
	uint64_t offset;          /* pages: index in object of `start` */
	struct list object_link;  /* on its list of areas; its areas_lock, as are start, end and
				     offset for who comes by that list */
	struct list copies;       /* with an object and has_anon, in a tree: on object->copies */
	struct area_label *label; /* without object: the name a program gave it, or NULL */
	struct aspace *aspace;
	void *file; /* struct file for /proc/PID/maps (held by the area_file_ops hooks), or NULL */
	virt_addr_t gap;     /* bytes that a mapping may use right below this area (mm/area.c) */
	virt_addr_t max_gap; /* the largest gap in the subtree of node */
};

extern uint32_t area_limit; /* vm.max_map_count: areas per address space; read and written whole */

struct aspace {
	struct mutex mutex;
	bool parallel; /* faults do without it where they can: who takes it to change anything says
			  aspace_mutex_lock() */
	struct rb_root areas;
	struct area *last_hit; /* cache of area_find; under mutex, or any that was found while areas
				  stand still */
	struct pmap pmap;
	uint32_t refs;  /* tasks that run on it, and transient users (/proc, reaper) */
	uint32_t users; /* tasks only: at 0 the areas go */
	uint32_t area_count;
	/* Virtual sizes, for limits and /proc. */
	uint64_t total_pages, locked_pages, data_pages, stack_pages;
	uint64_t committed, charged;   /* pages: areas with AREA_ACCOUNT; taken (mm/commit.c) */
	uint64_t peak_rss, peak_pages; /* as far as they are not in what there is now */
	uint32_t forks;                /* made of it so far; under mutex */
	bool forked;                   /* made by a fork */
	bool shares; /* it forked or was forked: others may share leaf tables with it. Under
			mutex */
	virt_addr_t mmap_base, brk_start, brk, stack_top;
	virt_addr_t spare_table; /* of the 2 MB from here on a leaf table may be there that no area
				    needs (mm/zap.c); 0: none */
	virt_addr_t vdso; /* the vDSO page, set by arch_map_vdso(), copied by fork; 0: none */
	virt_addr_t arg_start, arg_end, env_start, env_end;
	virt_addr_t code_start, code_end, data_start, data_end;
	unsigned mlock_future; /* AREA_LOCKED | AREA_LOCK_ON_FAULT for new areas */
	bool nofault; /* all is locked and there, and will be: faults of real-time tasks are told.
			 Under mutex */
	uint64_t minflt, majflt; /* under mutex: without those that did without */
	struct {
		uint64_t as, data, stack, memlock;
	} limit;            /* bytes; copied from the process's rlimits by kernel/ */
	bool hugetlb;       /* has or had areas with AREA_HUGETLB; under mutex */
	bool cap_ipc_lock;  /* memlock limit does not apply */
	bool cap_sys_admin; /* vm.admin_reserve_kbytes is for it */
	uint32_t spared_by; /* the OOM decision that spares one of its users; the OOM thread's */
	uint32_t lived_by;  /* the last that found one of them not dying; the OOM thread's */
	bool ending;        /* the OOM policy ends its users: the reaper is to come, or was here */
	bool reaped;        /* it was: what can be taken back is */
	uint32_t reaped_pages; /* so far; under mutex */
	struct list reap_link; /* the reaper's */
	uint32_t marks;        /* enum space_mark; atomic */
	void *exe_file;        /* struct file, for /proc/PID/exe */
	uint8_t auxv[512];     /* as given to the program, for /proc/PID/auxv */
	size_t auxv_len;
};

/*
 * The mutex is the caller's, who is about to change areas, tables or entries: waits for the faults
 * that are at work without it, each at most some 1,500 instructions. Who only wants areas to stay
 * as they are (a futex's key, what /proc tells) takes the mutex itself by mutex_lock(): faults
 * without it change none.
 */
void aspace_wait_faults(struct aspace *as);
static inline __attribute__((always_inline)) void aspace_mutex_lock(struct aspace *as)
{
	mutex_lock(&as->mutex);
	if (unlikely(as->parallel))
		aspace_wait_faults(as);
}
/* The same as a call: small, for where a few instructions do not matter. */
void aspace_mutex_lock_call(struct aspace *as);
/* A second thread is about to run on as, current()'s. Takes the mutex. */
void aspace_make_parallel(struct aspace *as);
/* A fault of as is at work on that CPU without the mutex. Any context. */
bool aspace_faults_on(const struct aspace *as, unsigned cpu);

/* Hooks that kernel/fs installs so that areas can hold a file: get and put a reference, write its
 * path, make bytes of it read as zeroes (MADV_REMOVE), and write pages [first, last] of it to its
 * medium as fsync(2) does; these two without a mutex: 0 or negative errno. */
struct area_file_ops {
	void (*get)(void *file);
	void (*put)(void *file);
	int (*path)(void *file, char *buf, size_t size);
	int (*punch)(void *file, uint64_t offset, uint64_t length);
	int (*sync)(void *file, uint32_t first, uint32_t last);
};
void aspace_set_file_ops(const struct area_file_ops *ops);

/* Creates the caches of areas and address spaces. Once, at boot, after slab_init. */
void aspace_init(void);
/* A new, empty address space with refs = users = 1, or NULL. */
struct aspace *aspace_create(void);
/* A copy for fork(2): leaf tables shared, areas copied. NULL: no memory (nothing left behind). May
 * sleep. */
struct aspace *aspace_fork(struct aspace *parent);
struct aspace *aspace_get(struct aspace *as); /* +refs */
void aspace_put(struct aspace *as);
struct aspace *aspace_use(struct aspace *as); /* +users and +refs: a task starts to run on it */
/* -users, -refs: at the last user every area is unmapped and every frame freed, in chunks,
 * preemptibly. Returns the most pages that were resident at a time, as far as known by now. */
uint64_t aspace_unuse(struct aspace *as);

struct map_request {
	virt_addr_t addr; /* hint, or exact with fixed; 0: anywhere */
	uint64_t length;  /* bytes, rounded up to pages */
	unsigned flags;   /* enum area_flags */
	bool fixed, noreplace, populate;
	struct object *object; /* or NULL */
	uint64_t offset;       /* bytes, page aligned */
	void *file;            /* or NULL */
};
/* mmap(2): the address, or negative errno. Takes its own references. May sleep. */
int64_t aspace_map(struct aspace *as, const struct map_request *r);
int aspace_unmap(struct aspace *as, virt_addr_t addr, uint64_t length) MUST_CHECK;
/* remap_file_pages(2), by areas: [start, start + length), shared mappings of one object, shows its
 * pages from `page` on, and is filled with `populate`. 0, -EINVAL (no such mappings), -ENOMEM: as
 * before. May sleep. */
int aspace_remap_file(struct aspace *as, virt_addr_t start, uint64_t length, uint64_t page,
		      bool populate) MUST_CHECK;
/* shmdt(2): unmaps what is left of a file of which mine() is true and that was mapped whole at
 * addr, wherever addr's mapping was cut. 0, -EINVAL (nothing), -ENOMEM (some may be unmapped). */
int aspace_detach(struct aspace *as, virt_addr_t addr, bool (*mine)(void *file)) MUST_CHECK;
/* prot: AREA_READ|WRITE|EXEC; with AREA_GROWSDOWN the range is extended down to the start of the
 * growing stack at addr (-EINVAL: it is none). */
int aspace_protect(struct aspace *as, virt_addr_t addr, uint64_t length, unsigned prot) MUST_CHECK;
/* mremap(2) with Linux's MREMAP_ flags. */
int64_t aspace_remap(struct aspace *as, virt_addr_t old, uint64_t old_len, uint64_t new_len,
		     unsigned flags, virt_addr_t new_addr);
/* brk(2): the resulting break (unchanged when it cannot be moved). */
virt_addr_t aspace_brk(struct aspace *as, virt_addr_t brk);
/* PR_SET_VMA_ANON_NAME of prctl(2): name, or NULL: none. 0, -EINVAL, -EBADF (not anonymous),
 * -ENOMEM (a hole), -EAGAIN. */
int aspace_set_name(struct aspace *as, virt_addr_t addr, uint64_t length,
		    const char *name) MUST_CHECK;
/* madvise(2), Linux's MADV_ numbers; advice that is not known: -EINVAL. */
int aspace_advise(struct aspace *as, virt_addr_t addr, uint64_t length, int advice) MUST_CHECK;
/* mlock/mlock2/munlock. lock_flags: 0 (unlock), AREA_LOCKED, AREA_LOCKED | AREA_LOCK_ON_FAULT.
 * Populates. */
int aspace_lock(struct aspace *as, virt_addr_t addr, uint64_t length,
		unsigned lock_flags) MUST_CHECK;
/* mlockall/munlockall: current and future as lock flags (0: none). Populates what is there, stack
 * included. */
int aspace_lock_all(struct aspace *as, unsigned current_flags, unsigned future_flags) MUST_CHECK;
/* mincore(2): vec in user memory. */
int aspace_incore(struct aspace *as, virt_addr_t addr, uint64_t length, virt_addr_t vec) MUST_CHECK;
int aspace_sync(struct aspace *as, virt_addr_t addr, uint64_t length, int flags) MUST_CHECK;

enum fault_access {
	FAULT_READ = 1,
	FAULT_WRITE = 2,
	FAULT_EXEC = 4,
	FAULT_ACCESS_FLAG = 8 /* entry present, its access flag was clear */
};
enum fault_outcome {
	FAULT_RESOLVED,    /* return and retry the instruction */
	FAULT_NOT_MAPPED,  /* SIGSEGV, SEGV_MAPERR */
	FAULT_PROTECTION,  /* SIGSEGV, SEGV_ACCERR */
	FAULT_BEYOND_FILE, /* SIGBUS, BUS_ADRERR */
	FAULT_IO_ERROR,    /* SIGBUS, BUS_MCEERR_AR: the only copy could not be read */
	FAULT_NO_MEMORY,   /* the task has been killed, or gets SIGBUS when it was not */
};
/* Resolves a fault of the running task at va in its own address space. Task context, interrupts on,
 * preemptible; no locks held. Counts minflt and majflt in task and aspace. */
enum fault_outcome aspace_fault(struct aspace *as, virt_addr_t va, unsigned access);
/* Makes [addr, addr+len) present (and writable when write) for another address space or ahead of
 * time; 0 or -EFAULT / -ENOMEM. */
int aspace_populate(struct aspace *as, virt_addr_t addr, uint64_t len, bool write) MUST_CHECK;

/* Reads or writes another address space's memory through its tables (ptrace-like uses:
 * /proc/PID/cmdline, process_vm_readv). Bytes done, or -EFAULT. */
int64_t aspace_access(struct aspace *as, virt_addr_t va, void *kva, size_t n, bool write);

/* The area that holds va, or the next one above, or NULL. Mutex held. */
struct area *area_find(struct aspace *as, virt_addr_t va);
struct area *area_next(struct area *a);
struct area *area_first(struct aspace *as);
/* Name as /proc/PID/maps shows it ("[heap]", "[stack]", path or ""), bounded. */
int area_name(const struct area *a, char *buf, size_t size);

uint64_t aspace_rss(struct aspace *as); /* resident pages, from the tables */
/* The OOM reaper: takes back the private anonymous pages of `as` in bounded chunks while it may
 * still be in use by its dying tasks. Calls step (unless NULL) after every 2 MB; the mutex is held
 * then. Counts in reaped_pages. */
void aspace_reap(struct aspace *as, void (*step)(void));

#endif
