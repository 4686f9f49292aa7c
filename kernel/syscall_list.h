// SPDX-License-Identifier: MIT
// System calls of kernel/: included with X(name) defined; so without a guard.
// A list of names, which the formatter would take for expressions.
// clang-format off
/* fork.c, exec.c, exit.c, wait.c */
X(clone) X(clone3) X(execve) X(execveat) X(exit) X(exit_group) X(wait4) X(waitid)
/* sys_task.c */
X(getpid) X(gettid) X(getppid) X(set_tid_address) X(getpgid) X(getsid) X(setpgid) X(setsid)
X(personality) X(getrusage)
/* sys_prctl.c */
X(prctl)
/* sys_limits.c */
X(prlimit64) X(getrlimit) X(setrlimit)
/* cred.c */
X(getuid) X(geteuid) X(getgid) X(getegid) X(getresuid) X(getresgid) X(setuid) X(setgid)
X(setreuid) X(setregid) X(setresuid) X(setresgid) X(setfsuid) X(setfsgid) X(getgroups)
X(setgroups)
/* caps.c */
X(capget) X(capset)
/* sys_signal.c */
X(rt_sigaction) X(rt_sigprocmask) X(rt_sigpending) X(rt_sigsuspend) X(rt_sigreturn)
X(rt_sigtimedwait) X(rt_sigqueueinfo) X(rt_tgsigqueueinfo) X(sigaltstack) X(kill) X(tkill)
X(tgkill) X(restart_syscall)
/* futex.c, futex_robust.c */
X(futex) X(set_robust_list) X(get_robust_list)
/* sys_sched.c */
X(sched_setscheduler) X(sched_getscheduler) X(sched_setparam) X(sched_getparam) X(sched_setattr)
X(sched_getattr) X(sched_setaffinity) X(sched_getaffinity) X(sched_yield)
X(sched_get_priority_max) X(sched_get_priority_min) X(sched_rr_get_interval) X(getcpu)
X(setpriority) X(getpriority)
/* sys_time.c, sys_timer.c */
X(clock_gettime) X(clock_getres) X(clock_settime) X(clock_nanosleep) X(nanosleep) X(gettimeofday)
X(settimeofday) X(times) X(getitimer) X(setitimer) X(timer_create) X(timer_settime)
X(timer_gettime) X(timer_getoverrun) X(timer_delete)
/* sys_mm.c */
X(mmap) X(munmap) X(mprotect) X(mremap) X(remap_file_pages) X(brk) X(madvise) X(mlock) X(mlock2) X(munlock)
X(mlockall) X(munlockall) X(mincore) X(msync)
/* sys_pidfd.c */
X(pidfd_send_signal) X(process_mrelease)
/* sys_mm_process.c, ipc/shm.c, ipc/shmctl.c */
X(process_vm_readv) X(process_vm_writev) X(process_madvise) X(shmget) X(shmat) X(shmdt) X(shmctl)
/* membarrier.c */
X(membarrier)
/* sys_misc.c */
X(uname) X(sethostname) X(setdomainname) X(sysinfo) X(getrandom) X(syslog) X(reboot)
/* sys_swap.c */
X(swapon) X(swapoff)
