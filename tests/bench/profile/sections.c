// SPDX-License-Identifier: MIT
/*
 * A plugin for QEMU's translator that measures what a kernel does with interrupts or preemption
 * off: all of it, on every CPU, in instructions of that CPU.
 *
 * Interrupts. An instruction that changes PSTATE.DAIF ends its block, and at the next one CPSR is
 * read. An exception masks them; whether one that comes from the kernel begins a section depends on
 * what was before, but an interrupt always ends the one before it and begins another. Preemption is
 * off while interrupts are, or the running task's count, its first word, is above zero: SP_EL0 is
 * the task, and stores to that word are seen. What can stop in the middle looks whether somebody
 * wants to run; so of a section with preemption off that counts which follows when an interrupt has
 * asked for a switch: bit 0 of the task's second word, looked at when it returns.
 *
 * Waiting. Emulated one at a time (--icount), a CPU that spins for a lock gives the turn to the
 * others at each YIELD, and its own instructions tell nothing of how long it would have waited
 * beside them. What it waits for is what the holders run until they let go, and that is counted:
 * while a CPU waits, its time is what those before it spend, from when it came, or their turn
 * began, to their release (STLRH to the lock) in their own time, which may contain waiting too. So
 * lengths are those of CPUs that run side by side, each an instruction per cycle.
 *
 * Arguments: out=FILE, and addresses of the kernel's symbols: vectors=, spin_wait= with
 * spin_wait_end=, and reset=, a function that forgets what was measured so far. When the emulator
 * ends, FILE has a line for each place where long sections ended, and one for each block that the
 * longest of these ran:
 *
 *    irqs_off|preempt_off CPU INSTRUCTIONS OF-THEM-WAITED ADDRESS-AFTER-ITS-END
 *    block ADDRESS INSTRUCTIONS
 *    sections NUMBER-OF-BOTH-KINDS WAITS LONGEST-IRQS_OFF LONGEST-PREEMPT_OFF
 *                                         (both without what was waited)
 *
 * QEMU's interface (its docs/devel/tcg-plugins.rst, version 4, of 9.2 and later) is declared here
 * as far as it is used, and of GLib the two functions that it hands bytes over with: neither is
 * packaged with a header for it. Which CPU runs is TPIDR_EL1: with --icount version 10.0 names the
 * one that translated the block.
 */
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct qemu_plugin_tb;
struct qemu_plugin_insn;
struct qemu_plugin_register;
typedef struct {
	struct qemu_plugin_register *handle;
	const char *name, *feature;
} qemu_plugin_reg_descriptor;
typedef struct {
	int type;
	union {
		uint8_t u8;
		uint16_t u16;
		uint32_t u32;
		uint64_t u64;
		struct {
			uint64_t low, high;
		} u128;
	} data;
} qemu_plugin_mem_value;
struct bytes { /* GByteArray */
	uint8_t *data;
	unsigned len;
};
struct array { /* GArray */
	char *data;
	unsigned len;
};
enum { NO_REGISTERS, READ_REGISTERS };
enum { STORES = 2, LOADS = 1 };

__attribute__((visibility("default"))) int qemu_plugin_version = 4;
typedef void (*vcpu_fn)(unsigned cpu, void *arg);
typedef void (*mem_fn)(unsigned cpu, uint32_t info, uint64_t vaddr, void *arg);
void qemu_plugin_register_vcpu_init_cb(uint64_t id, void (*f)(uint64_t id, unsigned cpu));
void qemu_plugin_register_vcpu_tb_trans_cb(uint64_t id,
					   void (*f)(uint64_t id, struct qemu_plugin_tb *tb));
void qemu_plugin_register_vcpu_tb_exec_cb(struct qemu_plugin_tb *tb, vcpu_fn f, int registers,
					  void *arg);
void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *insn, vcpu_fn f, int registers,
					    void *arg);
void qemu_plugin_register_vcpu_mem_cb(struct qemu_plugin_insn *insn, mem_fn f, int registers,
				      int which, void *arg);
qemu_plugin_mem_value qemu_plugin_mem_get_value(uint32_t info);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
uint64_t qemu_plugin_tb_vaddr(const struct qemu_plugin_tb *tb);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *tb, size_t index);
size_t qemu_plugin_insn_data(const struct qemu_plugin_insn *insn, void *to, size_t len);
struct array *qemu_plugin_get_registers(void);
int qemu_plugin_read_register(struct qemu_plugin_register *handle, struct bytes *to);
bool qemu_plugin_read_memory_vaddr(uint64_t address, struct bytes *to, size_t len);
void qemu_plugin_register_atexit_cb(uint64_t id, void (*f)(uint64_t id, void *arg), void *arg);
int qemu_plugin_install(uint64_t id, const void *info, int argc, char **argv);
struct bytes *g_byte_array_new(void);
struct bytes *g_byte_array_set_size(struct bytes *b, unsigned len);

#define CPUS         16
#define KERNEL       ((uint64_t)0xffff << 48)
#define DAIF_I       (1u << 7)
#define PSTATE_EL    12u
#define NEED_RESCHED 1u

/* What instructions are looked for: those bits of the code that say it. Arm ARM DDI 0487, C6.2. */
#define IS(code, mask, value) (((code) & (mask)) == (value))
#define IS_MSR_DAIF(c)        (IS(c, 0xffffffe0, 0xd51b4220) || IS(c, 0xfffff0df, 0xd50340df))
#define IS_MSR_SP_EL0(c)      IS(c, 0xffffffe0, 0xd5184100)
#define IS_ERET(c)            ((c) == 0xd69f03e0)
#define IS_STR_W_0(c)         IS(c, 0xfffffc00, 0xb9000000) /* STR Wt, [Xn] */
#define IS_STLRH(c)           IS(c, 0xfffffc00, 0x489ffc00)
#define IS_LDARH(c)           IS(c, 0xfffffc00, 0x48dffc00)
#define IS_MRS_CNTVCT(c)      IS(c, 0xffffffe0, 0xd53be040)
#define IS_B(c)               IS(c, 0xfc000000, 0x14000000)
#define IS_B_COND(c)          IS(c, 0xff000010, 0x54000000)
#define IS_CBZ(c)             IS(c, 0x7e000000, 0x34000000)
#define IS_TBZ(c)             IS(c, 0x7e000000, 0x36000000)

enum kind { IRQS_OFF, PREEMPT_OFF, KINDS };
static const char *const names[KINDS] = { "irqs_off", "preempt_off" };

/* A translated block. */
struct block {
	uint64_t address, instructions;
	uint64_t target; /* of the direct branch that it ends with, or 0 */
	struct block *next;
};

struct step {
	const struct block *block;
	uint64_t count; /* when it began */
};

#define STEPS 4096 /* of a section; of a longer one the first */
struct section {
	bool open;
	uint64_t since, waited; /* in the CPU's time */
	unsigned steps;
	struct step step[STEPS];
};

struct cpu {
	uint64_t count;            /* instructions of the kernel that ran */
	const struct block *block; /* the last one; NULL: of user mode */
	uint64_t local; /* its struct cpu_local, which TPIDR_EL1 points at; 0: there is no such
			   CPU */
	bool look, look_task, masked;
	bool wanted; /* a switch, since the section with preemption off that is under way was
			interrupted */
	uint64_t task;
	uint32_t preempt_count;
	/* The time is the count, plus what was waited, less what was run in waiting. */
	int64_t offset;
	uint64_t waited;
	uint64_t lock; /* that is waited for, or 0 */
	uint64_t wait_since;
	uint64_t seen[CPUS]; /* the others' time when the present holder's turn, or the wait,
				began */
	struct section section[KINDS];
};

#define PLACES 64
static struct record {
	uint64_t length, waited, end, last;
	unsigned cpu, steps;
	struct step *step;
} records[KINDS][PLACES];

static struct cpu cpus[CPUS];
static struct cpu *here; /* whose block runs */
static struct qemu_plugin_register *cpsr, *spsr, *sp_el0, *tpidr;
static struct bytes *buffer;
#define BUCKETS 65536
static struct block *blocks[BUCKETS];
static uint64_t vectors, spin_wait, spin_wait_end, reset;
static uint64_t sections, waits, longest_own[KINDS];
static FILE *out;

/* ---- Time ---- */

static uint64_t time_of(const struct cpu *c)
{
	return c->lock ? c->wait_since : c->count + (uint64_t)c->offset;
}

static void others_seen(struct cpu *waiter)
{
	for (unsigned i = 0; i < CPUS; i++)
		if (cpus[i].local)
			waiter->seen[i] = time_of(&cpus[i]);
}

/* A load of the lock in spin_wait(). */
static void waits_for(unsigned cpu, uint32_t info, uint64_t vaddr, void *arg)
{
	struct cpu *c = here;

	(void)cpu;
	(void)info;
	(void)arg;
	if (c->lock)
		return;
	c->wait_since = time_of(c);
	c->lock = vaddr;
	others_seen(c);
	waits++;
}

/* Whoever waits for the lock has done so until now; what the next holder does counts from here. */
static void released(unsigned cpu, uint32_t info, uint64_t vaddr, void *arg)
{
	uint64_t now = time_of(here);

	(void)cpu;
	(void)info;
	(void)arg;
	for (struct cpu *c = cpus; c < cpus + CPUS; c++)
		if (c->lock == vaddr) {
			c->waited += now - c->seen[here - cpus];
			c->wait_since += now - c->seen[here - cpus];
		}
	for (struct cpu *c = cpus; c < cpus + CPUS; c++)
		if (c->lock == vaddr)
			others_seen(c);
}

static void wait_ends(struct cpu *c)
{
	if (c->lock)
		c->offset = (int64_t)(c->wait_since - c->count);
	c->lock = 0;
}

static void wait_over(unsigned cpu, void *arg)
{
	(void)cpu;
	(void)arg;
	wait_ends(here);
}

/* ---- Sections ---- */

static struct record *record_of(enum kind kind, uint64_t end)
{
	struct record *least = records[kind];

	for (struct record *r = records[kind]; r < records[kind] + PLACES; r++) {
		if (r->end == end)
			return r;
		if (r->length < least->length)
			least = r;
	}
	return least;
}

static void section_ends(struct cpu *c, enum kind kind, uint64_t at)
{
	struct section *s = &c->section[kind];
	uint64_t length = time_of(c) - s->since, own;
	struct record *r = record_of(kind, at);

	s->open = false;
	sections++;
	if (kind == PREEMPT_OFF && !c->wanted)
		return; /* nobody had to wait for it */
	if (kind == PREEMPT_OFF)
		c->wanted = false;
	own = length - (c->waited - s->waited);
	if (own > longest_own[kind])
		longest_own[kind] = own;
	if (length <= r->length)
		return;
	r->length = length;
	r->waited = c->waited - s->waited;
	r->end = at;
	r->cpu = (unsigned)(c - cpus);
	r->last = c->count;
	r->steps = s->steps;
	r->step = realloc(r->step, sizeof(s->step));
	if (r->step == NULL)
		abort();
	memcpy(r->step, s->step, s->steps * sizeof(*s->step));
}

static void section_begins(struct cpu *c, enum kind kind)
{
	struct section *s = &c->section[kind];

	s->open = true;
	s->since = time_of(c);
	s->waited = c->waited;
	s->steps = 0;
}

/* Of sections under way only what comes counts. */
static void forget(void)
{
	memset(records, 0, sizeof(records));
	memset(longest_own, 0, sizeof(longest_own));
	sections = waits = 0;
	for (struct cpu *c = cpus; c < cpus + CPUS; c++)
		for (unsigned kind = 0; kind < KINDS; kind++)
			if (c->section[kind].open)
				section_begins(c, (enum kind)kind);
}

/* Preemption counts as off from here. */
static void switch_is_wanted(struct cpu *c)
{
	c->wanted = true;
	if (c->section[PREEMPT_OFF].open)
		section_begins(c, PREEMPT_OFF);
}

static void settle(struct cpu *c, uint64_t at)
{
	bool off[KINDS] = { c->masked, c->masked || c->preempt_count > 0 };

	for (unsigned kind = 0; kind < KINDS; kind++) {
		if (off[kind] && !c->section[kind].open)
			section_begins(c, (enum kind)kind);
		else if (!off[kind] && c->section[kind].open)
			section_ends(c, (enum kind)kind, at);
	}
}

static void all_end(struct cpu *c, uint64_t at)
{
	c->masked = false;
	c->preempt_count = 0;
	settle(c, at);
}

/* ---- What the CPU does ---- */

static uint64_t register_value(struct qemu_plugin_register *handle)
{
	uint64_t value = 0;

	g_byte_array_set_size(buffer, 0);
	if (qemu_plugin_read_register(handle, buffer) <= 0)
		abort();
	memcpy(&value, buffer->data, buffer->len < 8 ? buffer->len : 8);
	return value;
}

/* One of the two words that a task begins with: its count, and what is pending. */
static uint32_t task_word(uint64_t task, unsigned i)
{
	uint32_t word;

	if (task < KERNEL || !qemu_plugin_read_memory_vaddr(task + 4 * i, buffer, sizeof(word)))
		return 0;
	memcpy(&word, buffer->data, sizeof(word));
	return word;
}

static void look(struct cpu *c, uint64_t at)
{
	if (c->look)
		c->masked = register_value(cpsr) & DAIF_I;
	if (c->look_task) {
		c->task = register_value(sp_el0);
		c->preempt_count = task_word(c->task, 0);
	}
	c->look = c->look_task = false;
	settle(c, at);
}

/* Vectors 5 and 9 are interrupts, 8 and 9 come from user mode, where nothing is off. */
static void exception(struct cpu *c, uint64_t n, uint64_t at)
{
	wait_ends(c); /* an interrupt that comes while one waits; after it the wait begins again */
	if (n == 8 || n == 9) {
		all_end(c, at);
	} else if (n == 5) {
		c->masked = false;
		settle(c, at);
	}
	c->masked = true;
	c->look = false;
	settle(c, at);
}

/* The last block's instructions were all counted when it began. When an access to a device has
 * ended it early, it goes on with a block that begins in its middle. */
static void count_block(struct cpu *c, const struct block *b)
{
	const struct block *last = c->block;
	uint64_t done = last ? (b->address - last->address) / 4 : 0;

	if (last && b->address > last->address && done < last->instructions &&
	    b->address != last->target)
		c->count -= last->instructions - done;
	c->block = b;
}

static struct cpu *cpu_here(void)
{
	uint64_t local = register_value(tpidr);

	for (struct cpu *c = cpus; c < cpus + CPUS; c++) {
		if (c->local == 0)
			c->local = local;
		if (c->local == local)
			return c;
	}
	abort();
}

static void kernel_block(unsigned cpu, void *arg)
{
	const struct block *b = arg;
	uint64_t offset = b->address - vectors;
	struct cpu *c = here = cpu_here();

	(void)cpu;
	count_block(c, b);
	if (b->address == reset)
		forget();
	if (offset < 16 * 128 && offset % 128 == 0)
		exception(c, offset / 128, b->address);
	else if (c->look || c->look_task)
		look(c, b->address);
	for (unsigned kind = 0; kind < KINDS; kind++) {
		struct section *s = &c->section[kind];

		if (s->open && s->steps < STEPS)
			s->step[s->steps++] = (struct step){ b, c->count };
	}
	c->count += b->instructions;
}

static void mask_changes(unsigned cpu, void *arg)
{
	(void)cpu;
	(void)arg;
	here->look = true;
}

static void exception_return(unsigned cpu, void *arg)
{
	(void)cpu;
	here->look = true;
	if ((register_value(spsr) & PSTATE_EL) == 0)
		all_end(here, (uint64_t)(uintptr_t)arg);
	else if (!here->wanted && (task_word(here->task, 1) & NEED_RESCHED))
		switch_is_wanted(here);
}

static void task_changes(unsigned cpu, void *arg)
{
	(void)cpu;
	(void)arg;
	here->look_task = true;
}

static void word_stored(unsigned cpu, uint32_t info, uint64_t vaddr, void *arg)
{
	struct cpu *c = here;

	(void)cpu;
	if (vaddr != c->task)
		return;
	c->preempt_count = qemu_plugin_mem_get_value(info).data.u32;
	settle(c, (uint64_t)(uintptr_t)arg);
}

/* ---- The translator's side ---- */

static void instruction_translated(struct qemu_plugin_insn *insn, uint32_t code, uint64_t address)
{
	void *after = (void *)(uintptr_t)(address + 4);

	if (IS_MSR_DAIF(code))
		qemu_plugin_register_vcpu_insn_exec_cb(insn, mask_changes, NO_REGISTERS, NULL);
	else if (IS_ERET(code))
		qemu_plugin_register_vcpu_insn_exec_cb(insn, exception_return, READ_REGISTERS,
						       after);
	else if (IS_MSR_SP_EL0(code))
		qemu_plugin_register_vcpu_insn_exec_cb(insn, task_changes, NO_REGISTERS, NULL);
	else if (IS_STR_W_0(code))
		qemu_plugin_register_vcpu_mem_cb(insn, word_stored, NO_REGISTERS, STORES, after);
	else if (IS_STLRH(code))
		qemu_plugin_register_vcpu_mem_cb(insn, released, NO_REGISTERS, STORES, NULL);
	if (address < spin_wait || address >= spin_wait_end)
		return;
	if (IS_LDARH(code))
		qemu_plugin_register_vcpu_mem_cb(insn, waits_for, NO_REGISTERS, LOADS, NULL);
	else if (IS_MRS_CNTVCT(code))
		qemu_plugin_register_vcpu_insn_exec_cb(insn, wait_over, NO_REGISTERS, NULL);
}

static uint64_t target_of(uint64_t address, uint32_t code)
{
	int64_t offset = 0;

	if (IS_B(code))
		offset = (int64_t)((uint64_t)code << 38) >> 36;
	else if (IS_B_COND(code) || IS_CBZ(code))
		offset = (int64_t)((uint64_t)code << 40) >> 45 << 2;
	else if (IS_TBZ(code))
		offset = (int64_t)((uint64_t)code << 45) >> 50 << 2;
	return offset ? address + (uint64_t)offset : 0;
}

static uint32_t code_of(struct qemu_plugin_tb *tb, size_t i)
{
	uint32_t code = 0;

	qemu_plugin_insn_data(qemu_plugin_tb_get_insn(tb, i), &code, sizeof(code));
	return code;
}

/* A block may be translated again and again, and counts as the same. */
static struct block *block_find(uint64_t address, uint64_t instructions)
{
	struct block **bucket = &blocks[(address >> 2) % BUCKETS], *b;

	for (b = *bucket; b != NULL; b = b->next)
		if (b->address == address && b->instructions == instructions)
			return b;
	b = calloc(1, sizeof(*b));
	if (b == NULL)
		abort();
	*b = (struct block){ .address = address, .instructions = instructions, .next = *bucket };
	*bucket = b;
	return b;
}

static void block_translated(uint64_t id, struct qemu_plugin_tb *tb)
{
	uint64_t address = qemu_plugin_tb_vaddr(tb);
	size_t n = qemu_plugin_tb_n_insns(tb);
	struct block *b;

	(void)id;
	if (address < KERNEL)
		return;
	b = block_find(address, n);
	b->target = target_of(address + 4 * (n - 1), code_of(tb, n - 1));
	qemu_plugin_register_vcpu_tb_exec_cb(tb, kernel_block, READ_REGISTERS, b);
	for (size_t i = 0; i < n; i++)
		instruction_translated(qemu_plugin_tb_get_insn(tb, i), code_of(tb, i),
				       address + 4 * i);
}

static void cpu_begins(uint64_t id, unsigned cpu)
{
	static const struct {
		const char *name;
		struct qemu_plugin_register **handle;
	} wanted[] = { { "cpsr", &cpsr },
		       { "SPSR_EL1", &spsr },
		       { "SP_EL0", &sp_el0 },
		       { "TPIDR_EL1", &tpidr } };
	const struct array *all = qemu_plugin_get_registers();
	const qemu_plugin_reg_descriptor *r = (const void *)all->data;

	(void)id;
	(void)cpu;
	for (unsigned k = 0; k < sizeof(wanted) / sizeof(*wanted); k++) {
		for (unsigned i = 0; i < all->len; i++)
			if (strcmp(r[i].name, wanted[k].name) == 0)
				*wanted[k].handle = r[i].handle;
		if (!*wanted[k].handle) {
			fprintf(stderr, "sections: this QEMU does not show %s\n", wanted[k].name);
			exit(1);
		}
	}
}

static void report(uint64_t id, void *arg)
{
	(void)id;
	(void)arg;
	for (unsigned kind = 0; kind < KINDS; kind++)
		for (unsigned i = 0; i < PLACES; i++) {
			const struct record *r = &records[kind][i];

			if (r->length == 0)
				continue;
			fprintf(out, "%s %u %" PRIu64 " %" PRIu64 " %016" PRIx64 "\n", names[kind],
				r->cpu, r->length, r->waited, r->end);
			for (unsigned k = 0; k < r->steps; k++)
				fprintf(out, "block %016" PRIx64 " %" PRIu64 "\n",
					r->step[k].block->address,
					(k + 1 < r->steps ? r->step[k + 1].count : r->last) -
						r->step[k].count);
		}
	fprintf(out, "sections %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 "\n", sections, waits,
		longest_own[IRQS_OFF], longest_own[PREEMPT_OFF]);
	fclose(out);
}

__attribute__((visibility("default"))) int qemu_plugin_install(uint64_t id, const void *info,
							       int argc, char **argv)
{
	static const struct {
		const char *name;
		uint64_t *value;
	} addresses[] = { { "vectors=", &vectors },
			  { "spin_wait=", &spin_wait },
			  { "spin_wait_end=", &spin_wait_end },
			  { "reset=", &reset } };

	(void)info;
	for (int i = 0; i < argc; i++) {
		for (unsigned k = 0; k < sizeof(addresses) / sizeof(*addresses); k++)
			if (strncmp(argv[i], addresses[k].name, strlen(addresses[k].name)) == 0)
				*addresses[k].value =
					strtoull(argv[i] + strlen(addresses[k].name), NULL, 16);
		if (strncmp(argv[i], "out=", 4) == 0)
			out = fopen(argv[i] + 4, "w");
	}
	if (!out || !vectors || !spin_wait || !spin_wait_end || !reset) {
		fprintf(stderr, "sections: say out=FILE and the addresses\n");
		return -1;
	}
	buffer = g_byte_array_new();
	qemu_plugin_register_vcpu_init_cb(id, cpu_begins);
	qemu_plugin_register_vcpu_tb_trans_cb(id, block_translated);
	qemu_plugin_register_atexit_cb(id, report, NULL);
	return 0;
}
