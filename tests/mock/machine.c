// SPDX-License-Identifier: MIT
// The whole hardware model as one source, so that a test's SOURCES line stays short.
#include "tests/mock/hw.c"
#include "tests/mock/dma.c"
#include "tests/mock/mmu.c"
#include "tests/mock/tables.c"
#include "tests/mock/tlb.c"
