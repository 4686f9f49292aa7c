// SPDX-License-Identifier: MIT
// Capabilities, prctl(2), limits, mincore(2) of files: each documented success and error (cases.h
// says how).
#include "cases.h"

#include <linux/capability.h>
#include <linux/sched.h>
#include <linux/securebits.h>
#include <poll.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/utsname.h>
#include <time.h>

#define V(v)   (long)(uintptr_t)(v)
#define UNPRIV C(setresuid, 65534, 65534, 65534)
#define ALL    ((1ull << 41) - 1)
#define BIT(n) (1ull << (n))

/* Newer than some headers. */
#define PR_SET_TAGGED_ADDR_CTRL_ 55
#define PR_GET_TAGGED_ADDR_CTRL_ 56
#define PR_SET_IO_FLUSHER_       57
#define PR_GET_IO_FLUSHER_       58

typedef struct __user_cap_header_struct header;
typedef struct __user_cap_data_struct data;

static header v1 = { _LINUX_CAPABILITY_VERSION_1, 0 }, v2 = { _LINUX_CAPABILITY_VERSION_2, 0 },
	      v3 = { _LINUX_CAPABILITY_VERSION_3, 0 }, unknown = { 17, 0 },
	      minus = { _LINUX_CAPABILITY_VERSION_3, -1 },
	      nobody = { _LINUX_CAPABILITY_VERSION_3, 999999 },
	      init = { _LINUX_CAPABILITY_VERSION_3, 1 };
static data none[2], all[2] = { { 0xffffffff, 0xffffffff, 0 }, { 0x1ff, 0x1ff, 0 } },
		     beyond[2] = { { 0, 0, 0 }, { 0xfffffe00, 0xfffffe00, 0 } },
		     not_effective[2] = { { 0, 0xffffffff, 0 }, { 0, 0x1ff, 0 } },
		     effective_only[2] = { { 1, 0, 0 }, { 0, 0, 0 } },
		     inheritable[2] = { { 0xffffffff, 0xffffffff, 1 }, { 0x1ff, 0x1ff, 0 } },
		     setpcap_less[2] = { { 0, 0xff, 0 }, { 0, 0, 0 } },
		     one_inheritable[2] = { { 0, 0, 1 }, { 0, 0, 0 } };
static struct rlimit mega = { 1 << 20, 1 << 20 }, few = { 64, 64 };
static int priority = 1;
static char stack[4096], *stack_end = stack + sizeof(stack);
static struct iovec byte = { (void *)ARENA, 1 };
static uint64_t auxv[4] = { 6, 4096, 0, 0 };

#define DROP    C(capset, V(&v3), V(none))
#define PR(...) C(prctl, __VA_ARGS__)
#define ONE(...)                                                                                   \
	{                                                                                          \
		PR(__VA_ARGS__)                                                                    \
	}

static const struct test_case caps[] = {
	{ "capget", { C(capget, V(&v3), P(8)) } },
	{ "capget, version 1", { C(capget, V(&v1), P(8)) } },
	{ "capget, version 2", { C(capget, V(&v2), P(8)) } },
	{ "capget, unknown version", { C(capget, V(&unknown), P(8)) } },
	{ "capget, unknown version, no data", { C(capget, V(&unknown), 0) } },
	{ "capget, no data", { C(capget, V(&v3), 0) } },
	{ "capget, no header", { C(capget, 0, P(8)) } },
	{ "capget, header in the other half", { C(capget, KERNEL, P(8)) } },
	{ "capget, header at the end of an area", { C(capget, P(4) - 2, P(8)) } },
	{ "capget, data read only", { C(capget, V(&v3), P(5)) } },
	{ "capget, data in the other half", { C(capget, V(&v3), KERNEL) } },
	{ "capget, data at the end of an area", { C(capget, V(&v3), P(4) - 12) } },
	{ "capget, version 1, data at the end of an area", { C(capget, V(&v1), P(4) - 12) } },
	{ "capget, pid -1", { C(capget, V(&minus), P(8)) } },
	{ "capget, nobody", { C(capget, V(&nobody), P(8)) } },
	{ "capget, process 1", { C(capget, V(&init), P(8)) } },
	{ "capset, what is there", { C(capset, V(&v3), V(all)) } },
	{ "capset, nothing", { DROP } },
	{ "capset, nothing twice", { DROP, DROP } },
	{ "capset, nothing, then a host's name", { DROP, C(sethostname, P(0), 1) } },
	{ "capset, nothing, then mount",
	  { DROP, C(mount, V("none"), V("/tmp"), V("tmpfs"), 0, 0) } },
	{ "capset, nothing, then umount", { DROP, C(umount2, V("/tmp"), 0) } },
	{ "capset, nothing, then chroot", { DROP, C(chroot, V("/tmp")) } },
	{ "capset, nothing, then a device",
	  { DROP, C(mknodat, AT_FDCWD, V("/tmp/dev"), 020666, 0x103) } },
	{ "capset, nothing, then the time", { DROP, C(clock_settime, 0, V(auxv)) } },
	{ "capset, nothing, then nice", { DROP, C(setpriority, 0, 0, -5) } },
	{ "capset, nothing, then a real-time policy",
	  { DROP, C(sched_setscheduler, 0, 1, V(&priority)) } },
	{ "capset, nothing, then more files",
	  { C(prlimit64, 0, RLIMIT_NOFILE, V(&few), 0), DROP,
	    C(prlimit64, 0, RLIMIT_NOFILE, V(&mega), 0) } },
	{ "capset, nothing, then much locked",
	  { C(prlimit64, 0, RLIMIT_MEMLOCK, V(&few), 0), DROP, C(mlock, P(0), N(4)) } },
	{ "capset, nothing, then another's file",
	  { C(fchown, FD_RW, 1000, 1000), DROP, C(fchmod, FD_RW, 0600) } },
	{ "capset, nothing, then a file given away", { DROP, C(fchown, FD_RW, 1000, 1000) } },
	{ "capset, nothing, then another user", { DROP, C(setresuid, 1000, 1000, 1000) } },
	{ "capset, nothing, then other groups", { DROP, C(setgroups, 1, V(auxv)) } },
	{ "capset, nothing, then the log", { DROP, C(syslog, 5, 0, 0) } },
	{ "capset, nothing, then restart", { DROP, C(reboot, 0xfee1dead, 672274793, 0, 0) } },
	{ "capset, nothing, then swap", { DROP, C(swapon, V("/nothing"), 0) } },
	{ "capset, nothing, then the bounding set", { DROP, PR(PR_CAPBSET_DROP, 0) } },
	{ "capset, effective alone, then a host's name",
	  { C(capset, V(&v3), V(not_effective)), C(sethostname, P(0), 1) } },
	{ "capset, effective alone and back",
	  { C(capset, V(&v3), V(not_effective)), C(capset, V(&v3), V(all)), C(chroot, V("/")) } },
	{ "capset, back", { DROP, C(capset, V(&v3), V(all)) } },
	{ "capset, bits that mean nothing", { C(capset, V(&v3), V(beyond)) } },
	{ "capset, effective without permitted", { C(capset, V(&v3), V(effective_only)) } },
	{ "capset, inheritable", { C(capset, V(&v3), V(inheritable)) } },
	{ "capset, inheritable beyond bounding",
	  { PR(PR_CAPBSET_DROP, 0), C(capset, V(&v3), V(inheritable)) } },
	{ "capset, inheritable without right, but permitted",
	  { C(capset, V(&v3), V(setpcap_less)), C(capset, V(&v3), V(one_inheritable)) } },
	{ "capset, inheritable without right", { DROP, C(capset, V(&v3), V(one_inheritable)) } },
	{ "capset, version 1", { C(capset, V(&v1), V(all)) } },
	{ "capset, unknown version", { C(capset, V(&unknown), V(all)) } },
	{ "capset, process 1", { C(capset, V(&init), V(all)) } },
	{ "capset, no data", { C(capset, V(&v3), 0) } },
	{ "capset, no header", { C(capset, 0, V(all)) } },
	{ "capset, data at the end of an area", { C(capset, V(&v3), P(4) - 12) } },
	{ "no capabilities, setuid", { DROP, C(setuid, 7) } },
	{ "no capabilities, setuid to oneself", { DROP, C(setuid, 0) } },
	{ "no capabilities, setgid", { DROP, C(setgid, 7) } },
	{ "no capabilities, setgroups", { DROP, C(setgroups, 0, 0) } },
	{ "no capabilities, setfsuid", { DROP, C(setfsuid, 7), C(setfsuid, -1) } },
	{ "no capabilities, chroot", { DROP, C(chroot, V("/")) } },
	{ "no capabilities, mknod",
	  { DROP, C(mknodat, AT_FDCWD, V("/tmp/cases.node"), S_IFCHR, 0x103) } },
	{ "no capabilities, mount", { DROP, C(mount, V("none"), V("/tmp"), V("tmpfs"), 0, 0) } },
	{ "no capabilities, umount", { DROP, C(umount2, V("/proc"), 0) } },
	{ "no capabilities, sethostname", { DROP, C(sethostname, V("x"), 1) } },
	{ "no capabilities, reboot", { DROP, C(reboot, 0, 0, 0) } },
	{ "no capabilities, clear the log", { DROP, C(syslog, 5, 0, 0) } },
	{ "no capabilities, chown", { DROP, C(fchown, FD_RW, 7, 7) } },
	{ "no capabilities, real time", { DROP, C(sched_setscheduler, 0, SCHED_FIFO, V(&mega)) } },
	{ "no capabilities, nice", { DROP, C(setpriority, 0, 0, -5) } },
	{ "no capabilities, of the parent", { DROP, C(setpriority, 0, PARENT, 0) } },
	{ "no capabilities, limit up",
	  { C(prlimit64, 0, RLIMIT_CORE, V(&mega), 0), DROP,
	    C(prlimit64, 0, RLIMIT_CORE, V(&mega), 0) } },
	{ "no capabilities, the parent's limits",
	  { DROP, C(prlimit64, PARENT, RLIMIT_CORE, 0, P(8)) } },
	{ "no capabilities, the parent's memory",
	  { DROP, C(process_vm_readv, PARENT, V(&byte), 1, V(&byte), 1, 0) } },
	{ "no capabilities, signal to the parent", { DROP, C(kill, PARENT, 0) } },
	{ "no capabilities, locking",
	  { DROP, C(prlimit64, 0, RLIMIT_MEMLOCK, V(&none), 0), C(mlock, P(0), N(1)) } },
	{ "capabilities, locking",
	  { C(prlimit64, 0, RLIMIT_MEMLOCK, V(&none), 0), C(mlock, P(0), N(1)) } },
};

static const struct test_case options[] = {
	{ "prctl, dumpable -1", ONE(PR_SET_DUMPABLE, -1) },
	{ "prctl, dumpable on again",
	  { PR(PR_SET_DUMPABLE, 0), PR(PR_SET_DUMPABLE, 1), PR(PR_GET_DUMPABLE) } },
	{ "prctl, dumpable after setuid", { UNPRIV, PR(PR_GET_DUMPABLE) } },
	{ "prctl, dumpable after the same ids", { C(setresuid, 0, 0, 0), PR(PR_GET_DUMPABLE) } },
	{ "prctl, death signal after setuid",
	  { PR(PR_SET_PDEATHSIG, 9), UNPRIV, PR(PR_GET_PDEATHSIG, P(8)) } },
	{ "prctl, death signal -1", ONE(PR_SET_PDEATHSIG, -1) },
	{ "prctl, death signal to null", ONE(PR_GET_PDEATHSIG, 0) },
	{ "prctl, death signal to a read-only page", ONE(PR_GET_PDEATHSIG, P(5)) },
	{ "prctl, subreaper", { PR(PR_SET_CHILD_SUBREAPER, 5), PR(PR_GET_CHILD_SUBREAPER, P(8)) } },
	{ "prctl, subreaper no more",
	  { PR(PR_SET_CHILD_SUBREAPER, 5), PR(PR_SET_CHILD_SUBREAPER, 0),
	    PR(PR_GET_CHILD_SUBREAPER, P(8)) } },
	{ "prctl, subreaper to null", ONE(PR_GET_CHILD_SUBREAPER, 0) },
	{ "prctl, name to null", ONE(PR_GET_NAME, 0) },
	{ "prctl, name to the end of an area", ONE(PR_GET_NAME, P(4) - 8) },
	{ "prctl, name from the other half", ONE(PR_SET_NAME, KERNEL) },
	{ "prctl, name from the end of an area", ONE(PR_SET_NAME, P(4) - 1) },
	{ "prctl, no name", { PR(PR_SET_NAME, V("")), PR(PR_GET_NAME, P(8)) } },
	{ "prctl, no new privileges 2", ONE(PR_SET_NO_NEW_PRIVS, 2, 0, 0, 0) },
	{ "prctl, no new privileges, fourth argument", ONE(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 1) },
	{ "prctl, no new privileges asked", ONE(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) },
	{ "prctl, huge pages on again",
	  { PR(PR_SET_THP_DISABLE, 1), PR(PR_SET_THP_DISABLE, 0), PR(PR_GET_THP_DISABLE) } },
	{ "prctl, huge pages asked with arguments", ONE(PR_GET_THP_DISABLE, 0, 1, 0, 0) },
	{ "prctl, huge pages asked with an argument", ONE(PR_GET_THP_DISABLE, 1, 0, 0, 0) },
	{ "prctl, keep capabilities asked", ONE(PR_GET_KEEPCAPS) },
	{ "prctl, keep capabilities locked",
	  { PR(PR_SET_SECUREBITS, SECBIT_KEEP_CAPS_LOCKED), PR(PR_SET_KEEPCAPS, 1) } },
	{ "prctl, secure bits", ONE(PR_GET_SECUREBITS) },
	{ "prctl, secure bits set", { PR(PR_SET_SECUREBITS, 0xaf), PR(PR_GET_SECUREBITS) } },
	{ "prctl, secure bits unknown", ONE(PR_SET_SECUREBITS, 0x100) },
	{ "prctl, secure bits unlocked", { PR(PR_SET_SECUREBITS, 2), PR(PR_SET_SECUREBITS, 0) } },
	{ "prctl, secure bits changed when locked",
	  { PR(PR_SET_SECUREBITS, 2), PR(PR_SET_SECUREBITS, 3) } },
	{ "prctl, secure bits, others when locked",
	  { PR(PR_SET_SECUREBITS, 2), PR(PR_SET_SECUREBITS, 6), PR(PR_GET_SECUREBITS) } },
	{ "prctl, secure bits without right", { DROP, PR(PR_SET_SECUREBITS, 0) } },
	{ "prctl, bounding", ONE(PR_CAPBSET_READ, 40) },
	{ "prctl, bounding 41", ONE(PR_CAPBSET_READ, 41) },
	{ "prctl, bounding -1", ONE(PR_CAPBSET_READ, -1) },
	{ "prctl, bounding dropped", { PR(PR_CAPBSET_DROP, 3), PR(PR_CAPBSET_READ, 3) } },
	{ "prctl, bounding dropped 41", ONE(PR_CAPBSET_DROP, 41) },
	{ "prctl, bounding dropped without right", { DROP, PR(PR_CAPBSET_DROP, 3) } },
	{ "prctl, ambient asked", ONE(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, 0, 0, 0) },
	{ "prctl, ambient asked of 41", ONE(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, 41, 0, 0) },
	{ "prctl, ambient asked with arguments",
	  ONE(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, 0, 1, 0) },
	{ "prctl, ambient raised, not inheritable",
	  ONE(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, 0, 0, 0) },
	{ "prctl, ambient raised",
	  { C(capset, V(&v3), V(inheritable)), PR(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, 0, 0, 0),
	    PR(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, 0, 0, 0) } },
	{ "prctl, ambient raised against secure bits",
	  { C(capset, V(&v3), V(inheritable)), PR(PR_SET_SECUREBITS, SECBIT_NO_CAP_AMBIENT_RAISE),
	    PR(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, 0, 0, 0) } },
	{ "prctl, ambient lowered",
	  { C(capset, V(&v3), V(inheritable)), PR(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, 0, 0, 0),
	    PR(PR_CAP_AMBIENT, PR_CAP_AMBIENT_LOWER, 0, 0, 0),
	    PR(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, 0, 0, 0) } },
	{ "prctl, ambient cleared",
	  { C(capset, V(&v3), V(inheritable)), PR(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, 0, 0, 0),
	    PR(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0),
	    PR(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, 0, 0, 0) } },
	{ "prctl, ambient and inheritable no more",
	  { C(capset, V(&v3), V(inheritable)), PR(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, 0, 0, 0),
	    C(capset, V(&v3), V(all)), PR(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, 0, 0, 0) } },
	{ "prctl, ambient cleared with arguments",
	  ONE(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 1, 0, 0) },
	{ "prctl, ambient, unknown", ONE(PR_CAP_AMBIENT, 5, 0, 0, 0) },
	{ "prctl, timing", ONE(PR_GET_TIMING) },
	{ "prctl, timing statistical", ONE(PR_SET_TIMING, PR_TIMING_STATISTICAL) },
	{ "prctl, timing exact", ONE(PR_SET_TIMING, PR_TIMING_TIMESTAMP) },
	{ "prctl, memory errors early",
	  { PR(PR_MCE_KILL, PR_MCE_KILL_SET, PR_MCE_KILL_EARLY), PR(PR_MCE_KILL_GET) } },
	{ "prctl, memory errors late",
	  { PR(PR_MCE_KILL, PR_MCE_KILL_SET, PR_MCE_KILL_LATE), PR(PR_MCE_KILL_GET) } },
	{ "prctl, memory errors as ever",
	  { PR(PR_MCE_KILL, PR_MCE_KILL_SET, PR_MCE_KILL_LATE),
	    PR(PR_MCE_KILL, PR_MCE_KILL_SET, PR_MCE_KILL_DEFAULT), PR(PR_MCE_KILL_GET) } },
	{ "prctl, memory errors cleared",
	  { PR(PR_MCE_KILL, PR_MCE_KILL_SET, PR_MCE_KILL_LATE), PR(PR_MCE_KILL, PR_MCE_KILL_CLEAR),
	    PR(PR_MCE_KILL_GET) } },
	{ "prctl, memory errors, unknown policy", ONE(PR_MCE_KILL, PR_MCE_KILL_SET, 3) },
	{ "prctl, memory errors, unknown", ONE(PR_MCE_KILL, 2, 0) },
	{ "prctl, memory errors with arguments", ONE(PR_MCE_KILL, PR_MCE_KILL_CLEAR, 0, 1) },
	{ "prctl, memory errors cleared with policy", ONE(PR_MCE_KILL, PR_MCE_KILL_CLEAR, 1) },
	{ "prctl, memory errors asked with arguments", ONE(PR_MCE_KILL_GET, 1) },
	{ "prctl, io flusher", { PR(PR_SET_IO_FLUSHER_, 1), PR(PR_GET_IO_FLUSHER_) } },
	{ "prctl, io flusher no more",
	  { PR(PR_SET_IO_FLUSHER_, 1), PR(PR_SET_IO_FLUSHER_, 0), PR(PR_GET_IO_FLUSHER_) } },
	{ "prctl, io flusher 2", ONE(PR_SET_IO_FLUSHER_, 2) },
	{ "prctl, io flusher with arguments", ONE(PR_SET_IO_FLUSHER_, 1, 1) },
	{ "prctl, io flusher asked with arguments", ONE(PR_GET_IO_FLUSHER_, 1) },
	{ "prctl, io flusher without right", { DROP, PR(PR_SET_IO_FLUSHER_, 1) } },
	{ "prctl, address of the tid", { C(set_tid_address, 0), PR(PR_GET_TID_ADDRESS, P(8)) } },
	{ "prctl, address of the tid to null", ONE(PR_GET_TID_ADDRESS, 0) },
	{ "prctl, speculation with arguments", ONE(PR_GET_SPECULATION_CTRL, 0, 1) },
	{ "prctl, speculation of another kind", ONE(PR_GET_SPECULATION_CTRL, 17) },
	{ "prctl, speculation set with arguments", ONE(PR_SET_SPECULATION_CTRL, 0, 4, 1) },
	{ "prctl, speculation of another kind set", ONE(PR_SET_SPECULATION_CTRL, 17, 4) },
	{ "prctl, memory map with arguments", ONE(PR_SET_MM, PR_SET_MM_BRK, P(0), 0, 1) },
	{ "prctl, memory map, argument of none", ONE(PR_SET_MM, PR_SET_MM_BRK, P(0), 1, 0) },
	{ "prctl, memory map, unknown", ONE(PR_SET_MM, 99, P(0), 0, 0) },
	{ "prctl, memory map, address 0", ONE(PR_SET_MM, PR_SET_MM_BRK, 0, 0, 0) },
	{ "prctl, memory map, the other half", ONE(PR_SET_MM, PR_SET_MM_BRK, KERNEL, 0, 0) },
	{ "prctl, memory map, code's start", ONE(PR_SET_MM, PR_SET_MM_START_CODE, 0x11000, 0, 0) },
	{ "prctl, memory map, code's start behind its end",
	  ONE(PR_SET_MM, PR_SET_MM_START_CODE, P(0), 0, 0) },
	{ "prctl, memory map, code's end", ONE(PR_SET_MM, PR_SET_MM_END_CODE, P(0), 0, 0) },
	{ "prctl, memory map, data's start", ONE(PR_SET_MM, PR_SET_MM_START_DATA, 0x11000, 0, 0) },
	{ "prctl, memory map, data's end", ONE(PR_SET_MM, PR_SET_MM_END_DATA, P(0), 0, 0) },
	{ "prctl, memory map, data's end before its start",
	  ONE(PR_SET_MM, PR_SET_MM_END_DATA, 0x11000, 0, 0) },
	{ "prctl, memory map, brk's start behind it",
	  ONE(PR_SET_MM, PR_SET_MM_START_BRK, TOP - N(1), 0, 0) },
	{ "prctl, memory map, brk before its start", ONE(PR_SET_MM, PR_SET_MM_BRK, 0x11000, 0, 0) },
	{ "prctl, memory map, stack", ONE(PR_SET_MM, PR_SET_MM_START_STACK, P(0), 0, 0) },
	{ "prctl, memory map, stack above all",
	  ONE(PR_SET_MM, PR_SET_MM_START_STACK, TOP - N(1), 0, 0) },
	{ "prctl, memory map, arguments' start", ONE(PR_SET_MM, PR_SET_MM_ARG_START, P(0), 0, 0) },
	{ "prctl, memory map, arguments' end before",
	  ONE(PR_SET_MM, PR_SET_MM_ARG_END, P(0), 0, 0) },
	{ "prctl, memory map, environment's start",
	  ONE(PR_SET_MM, PR_SET_MM_ENV_START, P(0), 0, 0) },
	{ "prctl, memory map, environment's end before",
	  ONE(PR_SET_MM, PR_SET_MM_ENV_END, P(0), 0, 0) },
	{ "prctl, memory map, auxiliary vector", ONE(PR_SET_MM, PR_SET_MM_AUXV, V(auxv), 32, 0) },
	{ "prctl, memory map, auxiliary vector of a page",
	  ONE(PR_SET_MM, PR_SET_MM_AUXV, P(0), N(1), 0) },
	{ "prctl, memory map, auxiliary vector of nowhere",
	  ONE(PR_SET_MM, PR_SET_MM_AUXV, P(30), 32, 0) },
	{ "prctl, memory map, auxiliary vector without right",
	  { DROP, PR(PR_SET_MM, PR_SET_MM_AUXV, V(auxv), 32, 0) } },
	{ "prctl, an area's name, unknown", ONE(0x53564d41, 1, P(0), N(1), V("name")) },
	{ "prctl, alignment", ONE(PR_GET_UNALIGN, P(0)) },
	{ "prctl, alignment set", ONE(PR_SET_UNALIGN, 1) },
	{ "prctl, floating point emulation", ONE(PR_GET_FPEMU, P(0)) },
	{ "prctl, floating point exceptions", ONE(PR_GET_FPEXC, P(0)) },
	{ "prctl, byte order", ONE(PR_GET_ENDIAN, P(0)) },
	{ "prctl, time stamp counter", ONE(PR_GET_TSC, P(0)) },
	{ "prctl, MPX", ONE(PR_MPX_ENABLE_MANAGEMENT, 0) },
	{ "prctl, floating point mode", ONE(PR_GET_FP_MODE) },
	{ "prctl, SVE", ONE(PR_SVE_GET_VL) },
	{ "prctl, SVE set", ONE(PR_SVE_SET_VL, 16) },
	{ "prctl, keys of pointers", ONE(PR_PAC_RESET_KEYS, 0, 0, 0, 0) },
	{ "prctl, enabled keys of pointers", ONE(60, 0, 0, 0, 0) },
	{ "prctl, enabled keys of pointers asked", ONE(61, 0, 0, 0, 0) },
	{ "prctl, dispatch to the user", ONE(59, 1, 0, 0, 0) },
	{ "prctl, SME", ONE(64) },
	{ "prctl, 65", ONE(65, 0, 0, 0, 0) },
	{ "prctl, 66", ONE(66, 0, 0, 0, 0) },
	{ "prctl, 0", ONE(0) },
	{ "prctl, -1", ONE(-1) },
	/* What Debian's Linux was built with. */
	{ "prctl, speculation", ONE(PR_GET_SPECULATION_CTRL, 0) },
	{ "prctl, speculation set", ONE(PR_SET_SPECULATION_CTRL, 0, 4) },
	{ "prctl, seccomp asked", ONE(PR_GET_SECCOMP) },
	{ "prctl, seccomp, unknown mode", ONE(PR_SET_SECCOMP, 17) },
	{ "prctl, events", ONE(PR_TASK_PERF_EVENTS_DISABLE) },
	{ "prctl, tagged addresses asked", ONE(PR_GET_TAGGED_ADDR_CTRL_, 0, 0, 0, 0) },
	{ "prctl, tagged addresses with arguments", ONE(PR_SET_TAGGED_ADDR_CTRL_, 1, 1, 0, 0) },
	{ "prctl, tagged addresses, unknown bit", ONE(PR_SET_TAGGED_ADDR_CTRL_, 1 << 20, 0, 0, 0) },
	{ "prctl, tagged addresses", ONE(PR_SET_TAGGED_ADDR_CTRL_, 1, 0, 0, 0) },
	{ "prctl, memory map's size", ONE(PR_SET_MM, PR_SET_MM_MAP_SIZE, P(8), 0, 0) },
	{ "prctl, memory map, executable of a closed file",
	  ONE(PR_SET_MM, PR_SET_MM_EXE_FILE, FD_CLOSED, 0, 0) },
	{ "prctl, scheduling of cores", ONE(62, 0, 0, 0, P(8)) },
};

/* Addresses with a tag: calls that are about addresses know them always, those that read and write
 * by request. */
#define TAG    0x2a00000000000000L
#define TAGGED PR(PR_SET_TAGGED_ADDR_CTRL_, 1, 0, 0, 0)

static const struct test_case tags[] = {
	{ "tags, asked for", { TAGGED, PR(PR_GET_TAGGED_ADDR_CTRL_, 0, 0, 0, 0) } },
	{ "tags, and no more",
	  { TAGGED, PR(PR_SET_TAGGED_ADDR_CTRL_, 0, 0, 0, 0), C(write, FD_RW, TAG | P(0), 8) } },
	{ "tags, asked with arguments", ONE(PR_GET_TAGGED_ADDR_CTRL_, 1, 0, 0, 0) },
	{ "tags, write", { C(write, FD_RW, TAG | P(0), 8) } },
	{ "tags, write, asked for", { TAGGED, C(write, FD_RW, TAG | P(0), 8) } },
	{ "tags, read into what is not there yet",
	  { TAGGED, C(mmap, P(30), N(1), RW, FIXED, -1, 0),
	    C(pread64, FD_RW, TAG | P(30), 8, 0) } },
	{ "tags, read into what cannot be written",
	  { TAGGED, C(pread64, FD_RW, TAG | P(5), 8, 0) } },
	{ "tags, read into nothing", { TAGGED, C(pread64, FD_RW, TAG | P(31), 8, 0) } },
	{ "tags, the kernel's half", { TAGGED, C(write, FD_RW, 0x2aff000000001000L, 8) } },
	{ "tags, a path", { TAGGED, C(openat, AT_FDCWD, TAG | P(4), 0) } },
	{ "tags, a path that is empty", { TAGGED, C(openat, AT_FDCWD, TAG | (P(1) + 8), 0) } },
	{ "tags, a structure", { TAGGED, C(getrusage, 0, TAG | P(8)) } },
	{ "tags, mmap", { TAGGED, C(mmap, TAG | P(30), N(1), RW, FIXED, -1, 0) } },
	{ "tags, munmap", { C(munmap, TAG | P(0), N(1)) } },
	{ "tags, mprotect", { C(mprotect, TAG | P(0), N(1), R) } },
	{ "tags, madvise", { C(madvise, TAG | P(0), N(1), MADV_DONTNEED) } },
	{ "tags, mremap", { C(mremap, TAG | P(0), N(4), N(2), 0) } },
	{ "tags, mremap to one",
	  { C(mremap, P(0), N(1), N(1), MREMAP_MAYMOVE | MREMAP_FIXED, TAG | P(30)) } },
	{ "tags, mlock", { C(mlock, TAG | P(0), N(1)) } },
	{ "tags, munlock", { C(munlock, TAG | P(0), N(1)) } },
	{ "tags, mincore", { C(mincore, TAG | P(0), N(1), P(8)) } },
	{ "tags, mincore into one", { C(mincore, P(0), N(1), TAG | P(8)) } },
	{ "tags, msync", { C(msync, TAG | P(16), N(1), MS_SYNC) } },
};

/* ---- What becomes of the sets ---- */

static void print_sets(const char *when)
{
	static const char *const names[] = { "CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb" };
	FILE *f = fopen("/proc/self/status", "r");
	char line[128];
	unsigned long long v;

	printf("%s:", when);
	while (f && fgets(line, sizeof(line), f)) {
		for (size_t i = 0; i < 5; i++)
			if (!strncmp(line, names[i], 6) && sscanf(line + 8, "%llx", &v) == 1)
				v == ALL ? printf(" all") : printf(" %llx", v);
		if (!strncmp(line, "NoNewPrivs", 10))
			printf(" %c", line[12]);
	}
	printf(", ");
	if (f)
		fclose(f);
}

/* To this: effective, permitted and inheritable ones. */
static void set_sets(uint64_t e, uint64_t p, uint64_t i)
{
	data d[2] = { { (uint32_t)e, (uint32_t)p, (uint32_t)i },
		      { (uint32_t)(e >> 32), (uint32_t)(p >> 32), (uint32_t)(i >> 32) } };

	if (syscall(SYS_capset, &v3, d))
		printf("capset %s, ", strerrorname_np(errno));
}

/* Ends by telling what another program has. */
static void exec_and_tell(void)
{
	fflush(stdout);
	execl("/proc/self/exe", "rights", "tell", (char *)NULL);
	printf("exec %s", strerrorname_np(errno));
}

static void at_first(void)
{
	print_sets("now");
	exec_and_tell();
}

static void by_setuid(void)
{
	print_sets("root");
	(void)!setresuid(-1, 1000, -1);
	print_sets("effective id 1000");
	(void)!setresuid(-1, 0, -1);
	print_sets("0 again");
	(void)!setresuid(1000, 1000, 0);
	print_sets("saved id 0");
	(void)!setresuid(1000, 0, 0);
	print_sets("back");
	(void)!setresuid(1000, 1000, 1000);
	print_sets("all 1000");
	printf("back %d", setresuid(0, 0, 0));
}

static void by_fsuid(void)
{
	syscall(SYS_setfsuid, 1000);
	print_sets("for files 1000");
	syscall(SYS_setfsuid, 0);
	print_sets("0");
}

static void kept(void)
{
	prctl(PR_SET_KEEPCAPS, 1);
	(void)!setresuid(1000, 1000, 1000);
	print_sets("kept");
	set_sets(BIT(CAP_SETUID), ALL, 0);
	printf("back %d, ", setresuid(0, 0, 0));
	(void)!setresuid(1000, 1000, 1000);
	print_sets("away");
	printf("kept %d, ", prctl(PR_GET_KEEPCAPS));
	exec_and_tell();
}

static void not_fixed_up(void)
{
	prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP);
	(void)!setresuid(1000, 1000, 1000);
	print_sets("1000");
	exec_and_tell();
}

static void regained_by_exec(void)
{
	set_sets(0, 0, 0);
	print_sets("none");
	printf("dumpable %d, ", prctl(PR_GET_DUMPABLE));
	exec_and_tell();
}

static void not_regained(void)
{
	set_sets(0, BIT(3), 0);
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	exec_and_tell();
}

static void not_for_root(void)
{
	prctl(PR_SET_SECUREBITS, SECBIT_NOROOT | SECBIT_KEEP_CAPS);
	exec_and_tell();
}

static void bounded_exec(void)
{
	prctl(PR_CAPBSET_DROP, CAP_SYS_TIME);
	print_sets("dropped");
	exec_and_tell();
}

static void inherited_exec(void)
{
	set_sets(ALL, ALL, BIT(CAP_KILL));
	prctl(PR_CAPBSET_DROP, CAP_KILL);
	prctl(PR_CAPBSET_DROP, CAP_CHOWN);
	exec_and_tell();
}

static void ambient_exec(void)
{
	set_sets(ALL, ALL, BIT(CAP_KILL) | BIT(CAP_CHOWN));
	prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_KILL, 0, 0);
	prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP);
	(void)!setresuid(1000, 1000, 1000);
	print_sets("1000");
	exec_and_tell();
}

static void ambient_lost(void)
{
	set_sets(ALL, ALL, BIT(CAP_KILL));
	prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_KILL, 0, 0);
	(void)!setresuid(1000, 1000, 1000);
	print_sets("1000");
	exec_and_tell();
}

static void real_root(void)
{
	(void)!setresuid(0, 1000, 1000);
	exec_and_tell();
}

static void saved_ids(void)
{
	(void)!setresuid(1000, 1000, 0);
	(void)!setresgid(1000, 1000, 0);
	exec_and_tell();
}

static void inherited_by_fork(void)
{
	pid_t child;

	set_sets(5, 5, 4);
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	prctl(PR_SET_TIMERSLACK, 70000);
	prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0);
	prctl(PR_SET_DUMPABLE, 0);
	prctl(PR_MCE_KILL, PR_MCE_KILL_SET, PR_MCE_KILL_EARLY, 0, 0);
	fflush(stdout);
	child = fork();
	if (child == 0) {
		print_sets("child");
		prctl(PR_SET_TIMERSLACK, 80000);
		prctl(PR_SET_TIMERSLACK, 0);
		printf("slack %d dumpable %d ", prctl(PR_GET_TIMERSLACK), prctl(PR_GET_DUMPABLE));
		exec_and_tell();
		_exit(0);
	}
	waitpid(child, NULL, 0);
}

/* The file's owner, mode and directory decide for whom has no capabilities. */
static int try_open(const char *path, int how)
{
	int fd = open(path, how);

	if (fd >= 0)
		close(fd);
	return fd >= 0 ? 0 : errno;
}

static void files(void)
{
	char dir[64], file[96];

	snprintf(dir, sizeof(dir), "/tmp/rights.%d", getpid());
	snprintf(file, sizeof(file), "%s/file", dir);
	mkdir(dir, 0700);
	close(open(file, O_CREAT | O_WRONLY, 0));
	(void)!chown(file, 1000, 1000);
	printf("root %s %s, ", strerrorname_np(try_open(file, O_RDONLY)),
	       strerrorname_np(try_open(file, O_WRONLY)));
	set_sets(BIT(CAP_DAC_READ_SEARCH), ALL, 0);
	printf("read and search %s %s, ", strerrorname_np(try_open(file, O_RDONLY)),
	       strerrorname_np(try_open(file, O_WRONLY)));
	printf("access %d %d, ", access(file, R_OK), access(file, W_OK));
	set_sets(BIT(CAP_DAC_OVERRIDE), ALL, 0);
	printf("override %s %s, run %d, ", strerrorname_np(try_open(file, O_RDONLY)),
	       strerrorname_np(try_open(file, O_WRONLY)), access(file, X_OK));
	set_sets(0, ALL, 0);
	printf("none %s %s, ", strerrorname_np(try_open(file, O_RDONLY)),
	       strerrorname_np(try_open(file, O_WRONLY)));
	printf("chmod %d, ", chmod(file, 0600));
	set_sets(BIT(CAP_FOWNER), ALL, 0);
	printf("owner's %d, ", chmod(file, 06666));
	printf("chown %d, ", chown(file, 0, 0));
	set_sets(ALL, ALL, 0);
	unlink(file);
	rmdir(dir);
}

/* Who has the same ids may look, unless the other is not dumpable or can do more. */
static void looked_at(void)
{
	int step[2], done[2];
	char c;
	pid_t child;

	if (pipe(step) || pipe(done))
		cases_die("pipe");
	child = fork();
	if (child == 0) {
		close(step[1]);
		for (int i = 0; read(step[0], &c, 1) == 1; i++) {
			if (i == 1)
				prctl(PR_SET_DUMPABLE, 1);
			if (i == 2)
				prctl(PR_SET_DUMPABLE, 0);
			if (i == 0)
				(void)!setresuid(1000, 1000, 1000);
			(void)!write(done[1], "x", 1);
		}
		_exit(0);
	}
	close(step[0]);
	(void)!setresuid(1000, 1000, 1000);
	printf("root %zd, ", process_vm_readv(child, &byte, 1, &byte, 1, 0));
	for (int i = 0; i < 3; i++) {
		(void)!write(step[1], "x", 1);
		(void)!read(done[0], &c, 1);
		printf("step %d %zd, ", i, process_vm_readv(child, &byte, 1, &byte, 1, 0));
	}
	close(step[1]);
	waitpid(child, NULL, 0);
}

/* ---- Limits, and what children have used ---- */

static void of_children(void)
{
	struct rusage before, after;
	pid_t child;

	getrusage(RUSAGE_CHILDREN, &before);
	child = fork();
	if (child == 0) {
		char *p = mmap(NULL, N(3000), RW, ANON, -1, 0);

		for (int i = 0; i < 3000; i++)
			p[N(i)] = 1;
		_exit(0);
	}
	getrusage(RUSAGE_CHILDREN, &after);
	printf("not yet %ld, ", after.ru_maxrss - before.ru_maxrss);
	waitpid(child, NULL, 0);
	getrusage(RUSAGE_CHILDREN, &after);
	printf("most resident %s, ", after.ru_maxrss >= 12000 && after.ru_maxrss < 16000
					     ? "that of the child"
					     : "something else");
	printf("minor faults %s", after.ru_minflt - before.ru_minflt >= 3000 ? "all" : "too few");
}

static void core_limit(void)
{
	struct rlimit none_at_all = { 0, 0 };
	int status;

	setrlimit(RLIMIT_CORE, &none_at_all);
	fflush(stdout);
	if (fork() == 0)
		abort();
	wait(&status);
	printf("signal %d core %d", WTERMSIG(status), !!WCOREDUMP(status));
}

static void process_limit(void)
{
	struct rlimit one = { 1, 1 };
	pid_t child;

	setrlimit(RLIMIT_NPROC, &one);
	fflush(stdout);
	child = fork();
	if (child == 0)
		_exit(0);
	printf("root %d, ", child > 0 && waitpid(child, NULL, 0) == child);
	(void)!setresuid(4711, 4711, 4711); /* nobody else is this one */
	child = fork();
	if (child == 0)
		_exit(0);
	printf("one of one %d %s, ", child > 0, child < 0 ? strerrorname_np(errno) : "");
	printf("thread %ld %s",
	       syscall(SYS_clone, CLONE_VM | CLONE_SIGHAND | CLONE_THREAD | CLONE_FILES, stack_end,
		       0, 0, 0),
	       strerrorname_np(errno));
}

static void file_limit(void)
{
	struct rlimit ten = { 50, 50 };
	int fds[2], fd;

	setrlimit(RLIMIT_NOFILE, &ten);
	while ((fd = dup(0)) >= 0 && fd < 38)
		;
	printf("open ones work %zd, ", write(FD_WO, "x", 1));
	while (dup(0) >= 0)
		;
	close(20);
	printf("pipe with one left %d %s, ", pipe(fds), strerrorname_np(errno));
	printf("one left %d, ", dup(0));
	printf("to 50 %d %s, ", dup2(0, 50), strerrorname_np(errno));
	printf("from 50 on %d %s, ", fcntl(0, F_DUPFD, 50), strerrorname_np(errno));
	printf("from 49 on %d %s, ", fcntl(0, F_DUPFD, 49), strerrorname_np(errno));
	printf("poll of 51 %d %s", poll((struct pollfd *)(uintptr_t)ARENA, 51, 0),
	       strerrorname_np(errno));
	for (fd = 0; fd < 16; fd++)
		close(fd + 3);
}

static const struct test_case incore[] = {
	{ "mincore, shared file", { C(mincore, P(16), N(1), P(8)) } },
	{ "mincore, shared file, its end", { C(mincore, P(18), N(1), P(8)) } },
	{ "mincore, shared file, beyond its end", { C(mincore, P(19), N(1), P(9)) } },
	{ "mincore, private file", { C(mincore, P(13), N(1), P(8)) } },
	{ "mincore, private file, all of it", { C(mincore, P(13), N(2), P(8)) } },
	{ "mincore, file for reading", { C(mincore, P(21), N(1), P(8)) } },
	{ "mincore, hole of a file",
	  { C(ftruncate, FD_RW, N(16)),
	    C(mmap, P(30), N(1), R, MAP_SHARED | MAP_FIXED, FD_RW, N(8)),
	    C(mincore, P(30), N(1), P(9)) } },
};

static int tell(void)
{
	print_sets("exec");
	printf("secure %x, dumpable %d, slack %d, huge pages %d, errors %d",
	       prctl(PR_GET_SECUREBITS), prctl(PR_GET_DUMPABLE), prctl(PR_GET_TIMERSLACK),
	       prctl(PR_GET_THP_DISABLE, 0, 0, 0, 0), prctl(PR_MCE_KILL_GET, 0, 0, 0, 0));
	printf(", saved %d", setresuid(-1, 0, -1));
	return 0;
}

int main(int argc, char **argv)
{
	if (argc > 1 && !strcmp(argv[1], "tell"))
		return tell();
	cases_begin();
	cases_run(caps);
	cases_run(options);
	case_function("capabilities, at first", at_first);
	case_function("capabilities, by setuid", by_setuid);
	case_function("capabilities, by setfsuid", by_fsuid);
	case_function("capabilities, kept", kept);
	case_function("capabilities, setuid not fixed up", not_fixed_up);
	case_function("capabilities, regained by exec", regained_by_exec);
	case_function("capabilities, not regained", not_regained);
	case_function("capabilities, not for root", not_for_root);
	case_function("capabilities, bounded", bounded_exec);
	case_function("capabilities, inherited by exec", inherited_exec);
	case_function("capabilities, ambient", ambient_exec);
	case_function("capabilities, ambient lost", ambient_lost);
	case_function("capabilities, real id root", real_root);
	case_function("capabilities, saved ids", saved_ids);
	case_function("capabilities, inherited by fork", inherited_by_fork);
	case_function("capabilities, files", files);
	case_function("dumpable, looked at", looked_at);
	case_function("getrusage, of children", of_children);
	case_function("limit CORE", core_limit);
	case_function("limit NPROC, one", process_limit);
	case_function("limit NOFILE, fifty", file_limit);
	cases_run(incore);
	cases_run(tags);
	return 0;
}
