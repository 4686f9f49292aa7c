// SPDX-License-Identifier: MIT
// mmap, munmap, mprotect, mremap and brk: each documented success and each documented error
// (cases.h says how).
#include "cases.h"

#define MAY     MREMAP_MAYMOVE
#define MFIXED  (MREMAP_MAYMOVE | MREMAP_FIXED)
#define MDONT   (MREMAP_MAYMOVE | MREMAP_DONTUNMAP)
#define SHANON  (MAP_SHARED | MAP_ANONYMOUS)
#define VALID   MAP_SHARED_VALIDATE
#define FPRIV   (MAP_PRIVATE | MAP_FIXED)
#define FSHARED (MAP_SHARED | MAP_FIXED)

static const struct test_case mapping[] = {
	{ "mmap, anywhere", { C(mmap, 0, N(1), RW, ANON, -1, 0) } },
	{ "mmap, a hint that is free", { C(mmap, P(30), N(1), RW, ANON, -1, 0) } },
	{ "mmap, a hint that is not aligned", { C(mmap, P(30) + 17, N(1), RW, ANON, -1, 0) } },
	{ "mmap, a hint that is taken", { C(mmap, P(1), N(1), RW, ANON, -1, 0) } },
	{ "mmap, a hint in the other half", { C(mmap, KERNEL, N(1), RW, ANON, -1, 0) } },
	{ "mmap, length 0", { C(mmap, 0, 0, RW, ANON, -1, 0) } },
	{ "mmap, length 1", { C(mmap, P(30), 1, RW, FIXED, -1, 0) } },
	{ "mmap, length that wraps to 0", { C(mmap, 0, -1, RW, ANON, -1, 0) } },
	{ "mmap, length near the end", { C(mmap, 0, HUGE_L, RW, ANON, -1, 0) } },
	{ "mmap, length of all user space", { C(mmap, 0, TOP, RW, ANON, -1, 0) } },
	{ "mmap, more memory than there is", { C(mmap, 0, 1L << 45, RW, ANON, -1, 0) } },
	{ "mmap, the same without access", { C(mmap, 0, 1L << 45, PROT_NONE, ANON, -1, 0) } },
	{ "mmap, the same with NORESERVE",
	  { C(mmap, 0, 1L << 45, RW, ANON | MAP_NORESERVE, -1, 0) } },
	{ "mmap, neither shared nor private", { C(mmap, 0, N(1), RW, MAP_ANONYMOUS, -1, 0) } },
	{ "mmap, unknown type", { C(mmap, 0, N(1), RW, MAP_ANONYMOUS | 7, -1, 0) } },
	{ "mmap, unknown flag", { C(mmap, P(30), N(1), RW, FIXED | 1 << 25, -1, 0) } },
	{ "mmap, unknown protection", { C(mmap, P(30), N(1), RW | 0x80, FIXED, -1, 0) } },
	{ "mmap, every right", { C(mmap, P(30), N(1), 7, FIXED, -1, 0) } },
	{ "mmap, write only", { C(mmap, P(30), N(1), PROT_WRITE, FIXED, -1, 0) } },
	{ "mmap, execute only", { C(mmap, P(30), N(1), PROT_EXEC, FIXED, -1, 0) } },
	{ "mmap, no access", { C(mmap, P(30), N(1), PROT_NONE, FIXED, -1, 0) } },
	{ "mmap, fixed over others", { C(mmap, P(3), N(3), RW, FIXED, -1, 0) } },
	{ "mmap, fixed inside of one", { C(mmap, P(9), N(1), R, FIXED, -1, 0) } },
	{ "mmap, fixed and not aligned", { C(mmap, P(30) + 1, N(1), RW, FIXED, -1, 0) } },
	{ "mmap, fixed at 0", { C(mmap, 0, 0x20000, RW, FIXED, -1, 0) } },
	{ "mmap, fixed in the other half", { C(mmap, KERNEL, N(1), RW, FIXED, -1, 0) } },
	{ "mmap, fixed in neither half", { C(mmap, NOBODY, N(1), RW, FIXED, -1, 0) } },
	{ "mmap, fixed in the last page", { C(mmap, TOP - N(1), N(1), RW, FIXED, -1, 0) } },
	{ "mmap, fixed across the end", { C(mmap, TOP - N(1), N(2), RW, FIXED, -1, 0) } },
	{ "mmap, fixed and wrapping", { C(mmap, P(30), HUGE_L, RW, FIXED, -1, 0) } },
	{ "mmap, noreplace on free space",
	  { C(mmap, P(30), N(1), RW, ANON | MAP_FIXED_NOREPLACE, -1, 0) } },
	{ "mmap, noreplace over another",
	  { C(mmap, P(4), N(2), RW, ANON | MAP_FIXED_NOREPLACE, -1, 0) } },
	{ "mmap, noreplace and not aligned",
	  { C(mmap, P(30) + 1, N(1), RW, ANON | MAP_FIXED_NOREPLACE, -1, 0) } },
	{ "mmap, noreplace and fixed",
	  { C(mmap, P(3), N(2), RW, FIXED | MAP_FIXED_NOREPLACE, -1, 0) } },
	{ "mmap, shared anonymous", { C(mmap, P(30), N(2), RW, SHANON | MAP_FIXED, -1, 0) } },
	{ "mmap, shared anonymous with a descriptor and an offset",
	  { C(mmap, P(30), N(1), RW, SHANON | MAP_FIXED, FD_RW, N(9)) } },
	{ "mmap, anonymous and an offset that is not aligned",
	  { C(mmap, P(30), N(1), RW, FIXED, -1, 1) } },
	{ "mmap, validate anonymous", { C(mmap, 0, N(1), RW, VALID | MAP_ANONYMOUS, -1, 0) } },
	{ "mmap, validate a file", { C(mmap, P(30), N(1), RW, VALID | MAP_FIXED, FD_RW, 0) } },
	{ "mmap, validate an unknown flag",
	  { C(mmap, P(30), N(1), RW, VALID | MAP_FIXED | 1 << 25, FD_RW, 0) } },
	{ "mmap, validate SYNC on an ordinary file",
	  { C(mmap, P(30), N(1), RW, VALID | MAP_FIXED | MAP_SYNC, FD_RW, 0) } },
	{ "mmap, SYNC without validate is ignored",
	  { C(mmap, P(30), N(1), RW, FSHARED | MAP_SYNC, FD_RW, 0) } },
	{ "mmap, file, private", { C(mmap, P(30), N(2), RW, FPRIV, FD_RW, 0) } },
	{ "mmap, file, shared", { C(mmap, P(30), N(2), RW, FSHARED, FD_RW, N(1)) } },
	{ "mmap, file, beyond its end", { C(mmap, P(30), N(4), RW, FPRIV, FD_RW, N(2)) } },
	{ "mmap, file, far beyond its end", { C(mmap, P(30), N(1), R, FPRIV, FD_RW, 1L << 40) } },
	{ "mmap, file, offset not aligned", { C(mmap, 0, N(1), R, MAP_PRIVATE, FD_RW, 100) } },
	{ "mmap, file, offset + length wraps",
	  { C(mmap, 0, N(2), R, MAP_PRIVATE, FD_RW, HUGE_L) } },
	{ "mmap, file, length 0", { C(mmap, 0, 0, R, MAP_PRIVATE, FD_RW, 0) } },
	{ "mmap, file open for reading, private, write",
	  { C(mmap, P(30), N(1), RW, FPRIV, FD_RO, 0) } },
	{ "mmap, file open for reading, shared, write",
	  { C(mmap, P(30), N(1), RW, FSHARED, FD_RO, 0) } },
	{ "mmap, file open for reading, shared, read",
	  { C(mmap, P(30), N(1), R, FSHARED, FD_RO, 0) } },
	{ "mmap, file open for writing, private, read",
	  { C(mmap, P(30), N(1), R, FPRIV, FD_WO, 0) } },
	{ "mmap, file open for writing, shared, write",
	  { C(mmap, P(30), N(1), PROT_WRITE, FSHARED, FD_WO, 0) } },
	{ "mmap, no such descriptor", { C(mmap, 0, N(1), R, MAP_PRIVATE, FD_CLOSED, 0) } },
	{ "mmap, descriptor -1", { C(mmap, 0, N(1), R, MAP_PRIVATE, -1, 0) } },
	{ "mmap, a pipe", { C(mmap, 0, N(1), R, MAP_PRIVATE, FD_PIPE, 0) } },
	{ "mmap, a directory", { C(mmap, 0, N(1), R, MAP_PRIVATE, FD_DIR, 0) } },
	{ "mmap, a file, fixed and refused leaves what was there",
	  { C(mmap, P(0), N(2), RW, FSHARED, FD_RO, 0) } },
	{ "mmap, populate", { C(mmap, P(30), N(2), RW, FIXED | MAP_POPULATE, -1, 0) } },
	{ "mmap, populate and nonblock",
	  { C(mmap, P(30), N(2), RW, FIXED | MAP_POPULATE | MAP_NONBLOCK, -1, 0) } },
	{ "mmap, populate beyond a file",
	  { C(mmap, P(30), N(4), R, FPRIV | MAP_POPULATE, FD_RW, 0) } },
	{ "mmap, locked", { C(mmap, P(30), N(2), RW, FIXED | MAP_LOCKED, -1, 0) } },
	{ "mmap, growsdown", { C(mmap, P(40), N(1), RW, FIXED | MAP_GROWSDOWN, -1, 0) } },
	{ "mmap, growsdown, shared", { C(mmap, 0, N(1), RW, SHANON | MAP_GROWSDOWN, -1, 0) } },
	{ "mmap, growsdown, a file",
	  { C(mmap, P(30), N(1), RW, FPRIV | MAP_GROWSDOWN, FD_RW, 0) } },
	{ "mmap, stack", { C(mmap, P(30), N(1), RW, FIXED | MAP_STACK, -1, 0) } },
	{ "mmap, denywrite and executable",
	  { C(mmap, P(30), N(1), RW, FIXED | MAP_DENYWRITE | MAP_EXECUTABLE, -1, 0) } },
	{ "mmap, huge pages where none are set aside",
	  { C(mmap, 0, 1L << 21, RW, ANON | MAP_HUGETLB, -1, 0) } },
	{ "mmap, huge pages of a size that is not there",
	  { C(mmap, 0, 1L << 21, RW, ANON | MAP_HUGETLB | 13 << MAP_HUGE_SHIFT, -1, 0) } },
	{ "mmap, huge pages of an ordinary file",
	  { C(mmap, 0, 1L << 21, R, MAP_PRIVATE | MAP_HUGETLB, FD_RW, 0) } },
};

static const struct test_case unmapping[] = {
	{ "munmap, the whole", { C(munmap, P(0), N(4)) } },
	{ "munmap, the middle", { C(munmap, P(1), N(2)) } },
	{ "munmap, across holes", { C(munmap, P(3), N(8)) } },
	{ "munmap, nothing there", { C(munmap, P(30), N(2)) } },
	{ "munmap, length 1", { C(munmap, P(1), 1) } },
	{ "munmap, length 0", { C(munmap, P(1), 0) } },
	{ "munmap, not aligned", { C(munmap, P(1) + 1, N(1)) } },
	{ "munmap, wrapping to 0", { C(munmap, P(1), -1) } },
	{ "munmap, wrapping", { C(munmap, P(1), HUGE_L) } },
	{ "munmap, the other half", { C(munmap, KERNEL, N(1)) } },
	{ "munmap, across the end", { C(munmap, TOP - N(1), N(2)) } },
	{ "munmap, the last page", { C(munmap, TOP - N(1), N(1)) } },
	{ "munmap, address 0", { C(munmap, 0, N(1)) } },
	{ "munmap, from 0 up to the arena", { C(munmap, 0, P(2)) } },
	{ "munmap, from the arena up to the end", { C(munmap, TOP, N(1)) } },
	{ "munmap, more than all", { C(munmap, 0, TOP + N(1)) } },
};

static const struct test_case protecting[] = {
	{ "mprotect, to read", { C(mprotect, P(1), N(2), R) } },
	{ "mprotect, to none", { C(mprotect, P(0), N(4), PROT_NONE) } },
	{ "mprotect, to write", { C(mprotect, P(5), N(1), RW) } },
	{ "mprotect, to write alone", { C(mprotect, P(5), N(1), PROT_WRITE) } },
	{ "mprotect, to execute alone", { C(mprotect, P(5), N(1), PROT_EXEC) } },
	{ "mprotect, none to read", { C(mprotect, P(6), N(1), R) } },
	{ "mprotect, several areas", { C(mprotect, P(5), N(2), RW) } },
	{ "mprotect, there and back",
	  { C(mprotect, P(0), N(4), PROT_NONE), C(mprotect, P(0), N(4), RW) } },
	{ "mprotect, shared", { C(mprotect, P(8), N(2), R) } },
	{ "mprotect, over a hole", { C(mprotect, P(2), N(4), R) } },
	{ "mprotect, a hole first", { C(mprotect, P(4), N(2), RW) } },
	{ "mprotect, a hole alone", { C(mprotect, P(30), N(1), R) } },
	{ "mprotect, length 0", { C(mprotect, P(0), 0, R) } },
	{ "mprotect, length 0 in a hole", { C(mprotect, P(30), 0, R) } },
	{ "mprotect, length 1", { C(mprotect, P(0), 1, R) } },
	{ "mprotect, not aligned", { C(mprotect, P(0) + 1, N(1), R) } },
	{ "mprotect, wrapping to 0", { C(mprotect, P(0), -1, R) } },
	{ "mprotect, wrapping", { C(mprotect, P(0), HUGE_L, R) } },
	{ "mprotect, the other half", { C(mprotect, KERNEL, N(1), R) } },
	{ "mprotect, address 0", { C(mprotect, 0, N(1), R) } },
	{ "mprotect, unknown right", { C(mprotect, P(0), N(1), RW | 0x80) } },
	{ "mprotect, unknown right, length 0", { C(mprotect, P(0), 0, RW | 0x80) } },
	{ "mprotect, growsdown on what does not grow",
	  { C(mprotect, P(0), N(1), R | PROT_GROWSDOWN) } },
	{ "mprotect, growsup on what does not grow",
	  { C(mprotect, P(0), N(1), R | PROT_GROWSUP) } },
	{ "mprotect, growsdown and growsup",
	  { C(mprotect, P(0), N(1), R | PROT_GROWSDOWN | PROT_GROWSUP) } },
	{ "mprotect, growsdown on a stack goes to its start",
	  { C(mmap, P(40), N(4), RW, FIXED | MAP_GROWSDOWN, -1, 0),
	    C(mprotect, P(42), N(1), R | PROT_GROWSDOWN) } },
	{ "mprotect, write to a file open for reading", { C(mprotect, P(21), N(1), RW) } },
	{ "mprotect, write to a private file",
	  { C(mmap, P(30), N(1), R, FPRIV, FD_RO, 0), C(mprotect, P(30), N(1), RW) } },
	{ "mprotect, write refused after one that is not",
	  { C(mmap, P(20), N(1), R, FIXED, -1, 0), C(mprotect, P(20), N(2), RW) } },
	{ "mprotect, bti", { C(mprotect, P(0), N(1), R | 0x10) } },
	{ "mprotect, mte", { C(mprotect, P(0), N(1), RW | 0x20) } },
};

/* Pages 8-11 are shared anonymous memory, 16-19 a file. */
static const struct test_case retargeting[] = {
	{ "remap_file_pages, one page of a file", { C(remap_file_pages, P(16), N(1), 0, 2, 0) } },
	{ "remap_file_pages, the whole, turned",
	  { C(remap_file_pages, P(16), N(1), 0, 1, 0),
	    C(remap_file_pages, P(17), N(1), 0, 0, 0) } },
	{ "remap_file_pages, shared memory", { C(remap_file_pages, P(8), N(2), 0, 2, 0) } },
	{ "remap_file_pages, back again",
	  { C(remap_file_pages, P(8), N(1), 0, 3, 0), C(remap_file_pages, P(8), N(1), 0, 0, 0) } },
	{ "remap_file_pages, over two pieces",
	  { C(remap_file_pages, P(9), N(1), 0, 3, 0), C(remap_file_pages, P(8), N(4), 0, 0, 0) } },
	{ "remap_file_pages, over different rights",
	  { C(mprotect, P(9), N(1), R), C(remap_file_pages, P(8), N(2), 0, 2, 0) } },
	{ "remap_file_pages, without waiting",
	  { C(remap_file_pages, P(8), N(1), 0, 1, MAP_NONBLOCK) } },
	{ "remap_file_pages, beyond the object", { C(remap_file_pages, P(8), N(1), 0, 9, 0) } },
	{ "remap_file_pages, private", { C(remap_file_pages, P(0), N(1), 0, 1, 0) } },
	{ "remap_file_pages, private file", { C(remap_file_pages, P(13), N(1), 0, 1, 0) } },
	{ "remap_file_pages, a hole", { C(remap_file_pages, P(30), N(1), 0, 0, 0) } },
	{ "remap_file_pages, into a hole", { C(remap_file_pages, P(8), N(5), 0, 0, 0) } },
	{ "remap_file_pages, rights", { C(remap_file_pages, P(8), N(1), R, 1, 0) } },
	{ "remap_file_pages, length 0", { C(remap_file_pages, P(8), 0, 0, 1, 0) } },
	{ "remap_file_pages, length 1", { C(remap_file_pages, P(8), 1, 0, 1, 0) } },
	{ "remap_file_pages, not aligned", { C(remap_file_pages, P(8) + 9, N(1) + 9, 0, 1, 0) } },
	{ "remap_file_pages, wrapping", { C(remap_file_pages, P(8), HUGE_L, 0, 1, 0) } },
	{ "remap_file_pages, offset wrapping", { C(remap_file_pages, P(8), N(1), 0, -1, 0) } },
	{ "remap_file_pages, address 0", { C(remap_file_pages, 0, N(1), 0, 0, 0) } },
	{ "remap_file_pages, the other half", { C(remap_file_pages, KERNEL, N(1), 0, 0, 0) } },
	{ "remap_file_pages, other flags", { C(remap_file_pages, P(8), N(1), 0, 1, 0xff) } },
};

static const struct test_case remapping[] = {
	{ "mremap, the same size", { C(mremap, P(0), N(4), N(4), 0) } },
	{ "mremap, shrink", { C(mremap, P(0), N(4), N(2), 0) } },
	{ "mremap, shrink a part", { C(mremap, P(0), N(3), N(1), 0) } },
	{ "mremap, grow in place", { C(mremap, P(8), N(4), N(5), 0) } },
	{ "mremap, grow a stretch", { C(mremap, P(0), N(4), N(5), 0) } },
	{ "mremap, grow without room", { C(mremap, P(0), N(4), N(6), 0) } },
	{ "mremap, grow a part that is not the end", { C(mremap, P(0), N(2), N(3), 0) } },
	{ "mremap, grow into a move", { C(mremap, P(0), N(4), N(6), MAY) } },
	{ "mremap, old length 0, private", { C(mremap, P(0), 0, N(1), MAY) } },
	{ "mremap, old length 0, shared", { C(mremap, P(8), 0, N(4), MFIXED, P(30)) } },
	{ "mremap, old length 0, shared, must not move", { C(mremap, P(8), 0, N(4), 0) } },
	{ "mremap, new length 0", { C(mremap, P(0), N(4), 0, MAY) } },
	{ "mremap, new length huge", { C(mremap, P(0), N(4), HUGE_L, MAY) } },
	{ "mremap, new length too much", { C(mremap, P(0), N(4), 1L << 45, MAY) } },
	{ "mremap, new length wraps to 0", { C(mremap, P(0), N(4), -1, MAY) } },
	{ "mremap, old length wraps to 0", { C(mremap, P(0), -1, N(1), MAY) } },
	{ "mremap, old length huge", { C(mremap, P(0), HUGE_L, N(4), MAY) } },
	{ "mremap, not aligned", { C(mremap, P(0) + 1, N(1), N(1), MAY) } },
	{ "mremap, a hole", { C(mremap, P(30), N(1), N(2), MAY) } },
	{ "mremap, beyond the end of an area", { C(mremap, P(2), N(3), N(4), MAY) } },
	{ "mremap, over two areas", { C(mremap, P(5), N(2), N(3), MAY) } },
	{ "mremap, over two areas, no longer", { C(mremap, P(5), N(2), N(2), 0) } },
	{ "mremap, over two areas and a hole, shrink", { C(mremap, P(5), N(4), N(2), 0) } },
	{ "mremap, shrink over a hole", { C(mremap, P(2), N(4), N(1), 0) } },
	{ "mremap, the other half", { C(mremap, KERNEL, N(1), N(2), MAY) } },
	{ "mremap, unknown flag", { C(mremap, P(0), N(1), N(1), 8) } },
	{ "mremap, fixed", { C(mremap, P(0), N(4), N(4), MFIXED, P(30)) } },
	{ "mremap, fixed, a part", { C(mremap, P(1), N(2), N(2), MFIXED, P(30)) } },
	{ "mremap, fixed and growing", { C(mremap, P(0), N(4), N(6), MFIXED, P(30)) } },
	{ "mremap, fixed and shrinking", { C(mremap, P(0), N(4), N(2), MFIXED, P(30)) } },
	{ "mremap, fixed over another", { C(mremap, P(0), N(4), N(4), MFIXED, P(8)) } },
	{ "mremap, fixed, shared", { C(mremap, P(8), N(4), N(4), MFIXED, P(30)) } },
	{ "mremap, fixed, file", { C(mremap, P(16), N(4), N(4), MFIXED, P(30)) } },
	{ "mremap, fixed, private file", { C(mremap, P(13), N(2), N(2), MFIXED, P(30)) } },
	{ "mremap, fixed, read only", { C(mremap, P(5), N(1), N(1), MFIXED, P(30)) } },
	{ "mremap, fixed without maymove", { C(mremap, P(0), N(1), N(1), MREMAP_FIXED, P(30)) } },
	{ "mremap, fixed, not aligned", { C(mremap, P(0), N(1), N(1), MFIXED, P(30) + 1) } },
	{ "mremap, fixed, overlapping", { C(mremap, P(0), N(4), N(4), MFIXED, P(2)) } },
	{ "mremap, fixed on itself", { C(mremap, P(0), N(4), N(4), MFIXED, P(0)) } },
	{ "mremap, fixed at 0", { C(mremap, P(0), N(1), N(1), MFIXED, 0) } },
	{ "mremap, fixed in the other half", { C(mremap, P(0), N(1), N(1), MFIXED, KERNEL) } },
	{ "mremap, fixed across the end", { C(mremap, P(0), N(2), N(2), MFIXED, TOP - N(1)) } },
	{ "mremap, fixed, a hole", { C(mremap, P(31), N(1), N(1), MFIXED, P(0)) } },
	{ "mremap, fixed, beyond the end of an area",
	  { C(mremap, P(2), N(3), N(3), MFIXED, P(30)) } },
	{ "mremap, dontunmap", { C(mremap, P(0), N(4), N(4), MDONT) } },
	{ "mremap, dontunmap to a hint", { C(mremap, P(0), N(4), N(4), MDONT, P(30)) } },
	{ "mremap, dontunmap and fixed",
	  { C(mremap, P(0), N(4), N(4), MFIXED | MREMAP_DONTUNMAP, P(30)) } },
	{ "mremap, dontunmap of a part",
	  { C(mremap, P(1), N(2), N(2), MFIXED | MREMAP_DONTUNMAP, P(30)) } },
	{ "mremap, dontunmap without maymove", { C(mremap, P(0), N(4), N(4), MREMAP_DONTUNMAP) } },
	{ "mremap, dontunmap and growing", { C(mremap, P(0), N(4), N(5), MDONT) } },
	{ "mremap, dontunmap, shared",
	  { C(mremap, P(8), N(4), N(4), MFIXED | MREMAP_DONTUNMAP, P(30)) } },
	{ "mremap, dontunmap, shared file",
	  { C(mremap, P(16), N(2), N(2), MFIXED | MREMAP_DONTUNMAP, P(30)) } },
	{ "mremap, dontunmap, private file",
	  { C(mremap, P(13), N(2), N(2), MFIXED | MREMAP_DONTUNMAP, P(30)) } },
	{ "mremap, old length 0 and dontunmap", { C(mremap, P(8), 0, N(4), MDONT) } },
};

/* Everything relative to where the break is. */
static void breaking(void)
{
	const long zero[6] = { 0 };
	long start = raw_call(SYS_brk, zero);
	static const struct {
		const char *name;
		long by;
	} steps[] = {
		{ "by a page", 4096 },
		{ "by a byte", 4097 },
		{ "back", 0 },
		{ "below the start", -1L },
		{ "to 0", -4711L },
		{ "far too high", 1L << 47 },
		{ "out of range", 1L << 55 },
		{ "wrapping", -(1L << 60) },
	};

	start = (long)ALIGN_PAGE(start);
	raw_call(SYS_brk, (const long[6]){ start });
	for (size_t i = 0; i < sizeof(steps) / sizeof(*steps); i++) {
		long to = steps[i].by == -4711L ? 0 : start + steps[i].by;

		if (steps[i].by == -1L)
			to = P(0);
		printf("%s%s %+ld", i ? ", " : "", steps[i].name,
		       raw_call(SYS_brk, (const long[6]){ to }) - start);
	}
}

/* The break does not run into another mapping, and memory that comes again is zero. */
static void breaking_into(void)
{
	long start = (long)ALIGN_PAGE(raw_call(SYS_brk, (const long[6]){ 0 }));
	char *page = (char *)start;

	raw_call(SYS_brk, (const long[6]){ start });
	raw_call(SYS_mmap, (const long[6]){ start + N(4), N(1), RW, FIXED, -1, 0 });
	printf("over it %+ld", raw_call(SYS_brk, (const long[6]){ start + N(8) }) - start);
	printf(", up to it %+ld", raw_call(SYS_brk, (const long[6]){ start + N(4) }) - start);
	printf(", below %+ld", raw_call(SYS_brk, (const long[6]){ start + N(2) }) - start);
	*page = 1;
	raw_call(SYS_brk, (const long[6]){ start });
	raw_call(SYS_brk, (const long[6]){ start + N(1) });
	printf(", again %d", *page);
}

int main(void)
{
	cases_begin();
	cases_run(mapping);
	cases_run(unmapping);
	cases_run(protecting);
	cases_run(remapping);
	cases_run(retargeting);
	case_function("brk", breaking);
	case_function("brk, another mapping in the way", breaking_into);
	return 0;
}
