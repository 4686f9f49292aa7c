// SPDX-License-Identifier: MIT
/*
 * A plugin for QEMU's translator that counts how often each translated block runs. A benchmark
 * reads the virtual counter (CNTVCT_EL0) before and after what it measures; so does nobody else
 * below 4 GB, where fixed programs lie. With `vdso` it does so by clock_gettime(2), and nobody else
 * in the user's half. Each such read ends a section: the counts since the last one are written to
 * the file and begin anew.
 *
 *    section N
 *    ADDRESS INSTRUCTIONS-OF-THE-BLOCK TIMES-RUN
 *
 * Counts are by block: of one that an exception ends early, all is counted. One CPU only.
 *
 * QEMU's interface (docs/devel/tcg-plugins.rst of 7.2, version 1) is declared here as far as it is
 * used: Debian packages no header for it.
 */
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct qemu_plugin_tb;
struct qemu_plugin_insn;
enum { ADD_U64 = 0, NO_REGISTERS = 0 };

__attribute__((visibility("default"))) int qemu_plugin_version = 1;
void qemu_plugin_register_vcpu_tb_trans_cb(uint64_t id,
					   void (*f)(uint64_t id, struct qemu_plugin_tb *tb));
void qemu_plugin_register_vcpu_tb_exec_inline(struct qemu_plugin_tb *tb, int op, void *word,
					      uint64_t operand);
void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *insn,
					    void (*f)(unsigned cpu, void *arg), int registers,
					    void *arg);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
uint64_t qemu_plugin_tb_vaddr(const struct qemu_plugin_tb *tb);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *tb, size_t index);
const void *qemu_plugin_insn_data(const struct qemu_plugin_insn *insn);
int qemu_plugin_install(uint64_t id, const void *info, int argc, char **argv);

#define CNTVCT_READ      0xd53be040u /* MRS Xt, CNTVCT_EL0; Rt in the lowest five bits */
#define CNTVCT_READ_MASK 0xffffffe0u

struct block {
	uint64_t address, instructions, runs;
	struct block *next;
};

#define BUCKETS 65536
static struct block *blocks[BUCKETS];
static FILE *out;
static unsigned section;
static uint64_t programs_end = (uint64_t)1 << 32;

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

static void section_end(unsigned cpu, void *arg)
{
	(void)cpu;
	(void)arg;
	fprintf(out, "section %u\n", section++);
	for (unsigned i = 0; i < BUCKETS; i++)
		for (struct block *b = blocks[i]; b != NULL; b = b->next) {
			if (b->runs == 0)
				continue;
			fprintf(out, "%016" PRIx64 " %" PRIu64 " %" PRIu64 "\n", b->address,
				b->instructions, b->runs);
			b->runs = 0;
		}
	fflush(out); /* the emulator may end without notice */
}

static bool is_counter_read(const struct qemu_plugin_insn *insn)
{
	uint32_t code;

	memcpy(&code, qemu_plugin_insn_data(insn), sizeof(code));
	return (code & CNTVCT_READ_MASK) == CNTVCT_READ;
}

static void block_translated(uint64_t id, struct qemu_plugin_tb *tb)
{
	uint64_t address = qemu_plugin_tb_vaddr(tb);
	size_t n = qemu_plugin_tb_n_insns(tb);
	struct block *b = block_find(address, n);

	(void)id;
	qemu_plugin_register_vcpu_tb_exec_inline(tb, ADD_U64, &b->runs, 1);
	if (address >= programs_end)
		return;
	for (size_t i = 0; i < n; i++) {
		struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);

		if (is_counter_read(insn))
			qemu_plugin_register_vcpu_insn_exec_cb(insn, section_end, NO_REGISTERS,
							       NULL);
	}
}

__attribute__((visibility("default"))) int qemu_plugin_install(uint64_t id, const void *info,
							       int argc, char **argv)
{
	(void)info;
	if (argc < 1 || strncmp(argv[0], "out=", 4) != 0) {
		fprintf(stderr, "count: say out=FILE, or out=FILE,vdso=on\n");
		return -1;
	}
	if (argc > 1)
		programs_end = (uint64_t)1 << 48;
	out = fopen(argv[0] + 4, "w");
	if (out == NULL) {
		perror(argv[0] + 4);
		return -1;
	}
	qemu_plugin_register_vcpu_tb_trans_cb(id, block_translated);
	return 0;
}
