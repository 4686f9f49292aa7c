// SPDX-License-Identifier: MIT
/*
 * The cipher's function out of the library, the very code that the kernel is linked with, against
 * RFC 8439: its text (2.4.2), and four blocks of other keys against the blocks as section 2.3
 * writes them down. Prints how many failed.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void chacha20_four(const uint32_t state[16], const uint8_t *from, uint8_t *to,
		   unsigned rounds) __asm__("_ZN8CryptoPP28ChaCha_OperateKeystream_NEONEPKjPKhPhj");

static uint32_t rotate(uint32_t v, unsigned n)
{
	return v << n | v >> (32 - n);
}

static void quarter(uint32_t *s, unsigned a, unsigned b, unsigned c, unsigned d)
{
	s[d] = rotate(s[d] ^ (s[a] += s[b]), 16);
	s[b] = rotate(s[b] ^ (s[c] += s[d]), 12);
	s[d] = rotate(s[d] ^ (s[a] += s[b]), 8);
	s[b] = rotate(s[b] ^ (s[c] += s[d]), 7);
}

static void block(const uint32_t state[16], uint32_t out[16])
{
	memcpy(out, state, 64);
	for (unsigned round = 0; round < 10; round++) {
		quarter(out, 0, 4, 8, 12);
		quarter(out, 1, 5, 9, 13);
		quarter(out, 2, 6, 10, 14);
		quarter(out, 3, 7, 11, 15);
		quarter(out, 0, 5, 10, 15);
		quarter(out, 1, 6, 11, 12);
		quarter(out, 2, 7, 8, 13);
		quarter(out, 3, 4, 9, 14);
	}
	for (unsigned i = 0; i < 16; i++)
		out[i] += state[i];
}

static const uint32_t words[4] = { 0x61707865, 0x3320646e, 0x79622d32, 0x6b206574 };

/* The first and the last bytes of the text's cipher. */
static int text_differs(void)
{
	static const char text[256] =
		"Ladies and Gentlemen of the class of '99: If I could offer you "
		"only one tip for the future, sunscreen would be it.";
	static const uint8_t first[] = { 0x6e, 0x2e, 0x35, 0x9a, 0x25, 0x68, 0xf9, 0x80 },
			     last[] = { 0x8e, 0xed, 0xf2, 0x78, 0x5e, 0x42, 0x87, 0x4d };
	uint32_t state[16] = { [12] = 1, 0, 0x4a000000, 0 };
	uint8_t out[256];

	memcpy(state, words, sizeof(words));
	for (unsigned i = 0; i < 32; i++)
		((uint8_t *)state)[16 + i] = (uint8_t)i;
	chacha20_four(state, (const uint8_t *)text, out, 20);
	return memcmp(out, first, sizeof(first)) || memcmp(out + 114 - 8, last, sizeof(last));
}

/* In place, at any alignment, with any counter that does not wrap. */
static int blocks_differ(void)
{
	uint32_t state[16], next[16], want[16];
	uint8_t data[256 + 16], *at = data + rand() % 16;
	int bad = 0;

	memcpy(state, words, sizeof(words));
	for (unsigned i = 4; i < 16; i++)
		state[i] = (uint32_t)rand() * 2654435761u;
	if (state[12] > UINT32_MAX - 3)
		state[12] -= 3;
	memcpy(next, state, sizeof(state));
	memset(data, 0, sizeof(data));
	chacha20_four(state, at, at, 20);
	for (unsigned i = 0; i < 4; i++, next[12]++) {
		block(next, want);
		bad |= memcmp(at + 64 * i, want, 64);
	}
	return bad;
}

int main(void)
{
	int failed = !!text_differs();

	for (unsigned i = 0; i < 1000; i++)
		failed += !!blocks_differ();
	printf("%d failed\n", failed);
	return failed > 0;
}
