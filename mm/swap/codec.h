// SPDX-License-Identifier: MIT
/*
 * Packing pages: one page as two LZ4 blocks (the format of LZ4's lz4_Block_format.md; the library
 * of Debian's source package lz4). Packing needs a packer, 8 KB that one task uses at a time;
 * unpacking needs nothing, takes any bytes for input, and writes nowhere but to the page.
 */
#ifndef MM_SWAP_CODEC_H
#define MM_SWAP_CODEC_H

#include "kernel/lib/types.h"

#define PACKED_MAX 3072u /* a page that does not get as small as this stays as it is */

struct packer;
/* A packer, or NULL: no memory. May sleep unless ALLOC_NOWAIT is among the flags. */
struct packer *packer_create(unsigned alloc_flags) MUST_CHECK;
void packer_destroy(struct packer *k);
/* Packs a page: the length (1..PACKED_MAX) and *packed, which lives until the next call; 0: it does
 * not get small enough. Preemptible; 20,000 instructions for a page that packs to a fifth, 100,000
 * for one of a program's code that just packs, 25,000 for most that do not. */
uint16_t page_pack(struct packer *k, const void *page, const void **packed) MUST_CHECK;
/* Unpacks n bytes that page_pack() made. False: they are not that; the page then has anything in
 * it. Any context. */
bool page_unpack(const void *packed, uint16_t n, void *page) MUST_CHECK;
/* True when the page is one 32-bit word over and over: then *word is it. */
bool page_is_filled(const void *page, uint32_t *word) MUST_CHECK;
void page_fill(void *page, uint32_t word);

#endif
