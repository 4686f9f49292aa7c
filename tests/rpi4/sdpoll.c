// SPDX-License-Identifier: MIT
/*
 * What a CPU can move of an SD card's blocks through the data port of QEMU's raspi4b board at best:
 * a program without kernel, interrupts or MMU that does nothing but poll. It reads and writes 4 MB,
 * by 128 KB a command, and prints both rates in KB/s. What the kernel reaches is measured against
 * it (sdrate.sh).
 *
 * An Image as the board's loader takes it, linked to where that puts it; entered at EL2 on one
 * core, the others in the loader's loop, which costs the host as much as work: they are sent to
 * sleep. Registers: SD Host Controller Simplified Specification 3.00, 2.2. Semihosting prints and
 * ends.
 */
#include <stdint.h>

#define EMMC       0xfe300000ul
#define SPIN       0xe0ul /* release addresses of cores 1 to 3, 8 bytes each */
#define BLOCKS     256u
#define REQUESTS   32u
#define FIRST      4096u /* sector */
#define READ_MODE  0x36u /* read, several, counted, CMD12 by the controller */
#define WRITE_MODE 0x26u

__asm__(".section .start, \"ax\"\n"
	"	b	1f\n"
	"	.long	0\n"
	"	.quad	0, 0x200000, 2, 0, 0, 0\n"
	"	.ascii	\"ARM\\x64\"\n"
	"	.long	0\n"
	"1:	ldr	x0, =stack_end\n"
	"	mov	sp, x0\n"
	"	b	poll_main\n"
	"	.globl	park\n"
	"park:	wfi\n"
	"	b	park\n"
	"	.text\n");

void park(void);
void poll_main(void);

uint64_t stack[2048] __attribute__((aligned(16)));
__asm__(".globl stack_end\n.set stack_end, stack + 16384\n");

static uint32_t buffer[128];

static uint32_t get(unsigned reg)
{
	return *(volatile uint32_t *)(EMMC + reg);
}

static void put(unsigned reg, uint32_t v)
{
	*(volatile uint32_t *)(EMMC + reg) = v;
}

static uint64_t semihosting(uint64_t call, const void *arg)
{
	register uint64_t x0 __asm__("x0") = call;
	register const void *x1 __asm__("x1") = arg;

	__asm__ volatile("hlt #0xf000" : "+r"(x0) : "r"(x1) : "memory");
	return x0;
}

static void end(const char *text, uint64_t status)
{
	uint64_t block[2] = { 0x20026, status };

	(void)semihosting(0x04, text); /* SYS_WRITE0 */
	for (;;)
		(void)semihosting(0x18, block); /* SYS_EXIT */
}

static uint64_t counter(void)
{
	uint64_t v;

	__asm__ volatile("isb; mrs %0, cntvct_el0" : "=r"(v));
	return v;
}

static uint64_t counter_hz(void)
{
	uint64_t v;

	__asm__ volatile("mrs %0, cntfrq_el0" : "=r"(v));
	return v;
}

static void await(uint32_t bit)
{
	uint32_t status;

	do {
		status = get(0x30);
		if (status & 0x8000)
			end("poll: the controller reports an error\n", 1);
	} while (!(status & bit));
	put(0x30, bit);
}

static uint32_t command(unsigned index, unsigned flags, uint32_t argument, uint32_t mode)
{
	put(0x30, 0xffffffff);
	put(0x08, argument);
	put(0x0c, index << 24 | flags << 16 | mode);
	await(1);
	return get(0x10);
}

static uint32_t acmd(uint32_t rca, unsigned index, unsigned flags, uint32_t argument)
{
	(void)command(55, 0x1a, rca, 0);
	return command(index, flags, argument, 0);
}

/* Returns whether addresses count blocks. */
static int identify(void)
{
	uint32_t ocr, rca;

	put(0x2c, 1 << 24);
	while (get(0x2c) & 1 << 24)
		;
	put(0x34, 0x1ff0033);
	put(0x28, 0xf00);
	put(0x2c, 0xe0105);
	(void)command(0, 0, 0, 0);
	(void)command(8, 0x1a, 0x1aa, 0);
	do
		ocr = acmd(0, 41, 0x02, 0x40300000);
	while (!(ocr >> 31));
	(void)command(2, 0x09, 0, 0);
	rca = command(3, 0x1a, 0, 0) & 0xffff0000;
	(void)command(7, 0x1b, rca, 0);
	(void)acmd(rca, 6, 0x1a, 2);
	put(0x28, 0xf02);
	(void)command(16, 0x1a, 512, 0);
	return ocr >> 30 & 1;
}

static void read(uint32_t address)
{
	put(0x04, BLOCKS << 16 | 512);
	(void)command(18, 0x3a, address, READ_MODE);
	for (unsigned i = 0; i < BLOCKS; i++) {
		await(1 << 5);
		for (unsigned k = 0; k < 128; k++)
			buffer[k] = get(0x20);
	}
	await(2);
}

static void write(uint32_t address)
{
	put(0x04, BLOCKS << 16 | 512);
	(void)command(25, 0x3a, address, WRITE_MODE);
	for (unsigned i = 0; i < BLOCKS; i++) {
		await(1 << 4);
		for (unsigned k = 0; k < 128; k++)
			put(0x20, buffer[k]);
	}
	await(2);
}

/* KB/s */
static uint64_t measure(void (*transfer)(uint32_t address), int by_blocks)
{
	uint64_t begin = counter();

	for (unsigned i = 0; i < REQUESTS; i++)
		transfer((FIRST + i * BLOCKS) << (by_blocks ? 0 : 9));
	return (uint64_t)REQUESTS * BLOCKS / 2 * counter_hz() / (counter() - begin);
}

static char *decimal(char *p, uint64_t v)
{
	if (v >= 10)
		p = decimal(p, v / 10);
	*p = (char)('0' + v % 10);
	return p + 1;
}

void poll_main(void)
{
	static char text[64];
	char *p = text;
	int by_blocks;

	for (uint64_t core = 0; core < 3; core++)
		__asm__ volatile("str %1, [%0]" : : "r"(SPIN + 8 * core), "r"(park) : "memory");
	__asm__ volatile("dsb sy; sev");
	by_blocks = identify();
	p = decimal(p, measure(read, by_blocks));
	*p++ = ' ';
	p = decimal(p, measure(write, by_blocks));
	*p = '\n';
	end(text, 0);
}
