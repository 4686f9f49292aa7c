# SPDX-License-Identifier: MIT
#
# granule.elf and Image: every .c and .S of the four rooms that make the kernel, linked by the architecture's own
# script, with libfdt of Debian's arm64 package after the kernel's objects. The kernel brings its own memcpy and
# friends, so no other library is linked; LZ4 is compiled with it (lz4.cmake).

file(GLOB_RECURSE KERNEL_SOURCES CONFIGURE_DEPENDS
	mm/*.c arch/arm64/*.c arch/arm64/*.S kernel/*.c kernel/*.S drivers/*.c)

set(PACKAGES ${PROJECT_SOURCE_DIR}/.build/packages/arm64/build)
set(LIBFDT ${PACKAGES}/usr/lib/aarch64-linux-gnu/libfdt.a)
if(NOT EXISTS ${LIBFDT})
	execute_process(COMMAND ${PROJECT_SOURCE_DIR}/boards/common/packages build RESULT_VARIABLE STATUS)
	if(NOT STATUS EQUAL 0 OR NOT EXISTS ${LIBFDT})
		message(FATAL_ERROR "libfdt for arm64 is missing: boards/common/packages build did not fetch it")
	endif()
endif()

# Only the two libfdt headers: the package's include directory holds nothing else, but a copy keeps that true.
file(COPY ${PACKAGES}/usr/include/fdt.h ${PACKAGES}/usr/include/libfdt.h ${PACKAGES}/usr/include/libfdt_env.h
	DESTINATION ${PROJECT_BINARY_DIR}/libfdt-include)

add_executable(granule.elf ${KERNEL_SOURCES})
target_include_directories(granule.elf PRIVATE arch/arm64/include .)
target_include_directories(granule.elf SYSTEM PRIVATE ${PROJECT_BINARY_DIR}/libfdt-include ${LZ4_SOURCE})
target_compile_options(granule.elf PRIVATE
	-O2 -g -ffreestanding -fno-pic -fno-pie -fno-common -fno-stack-protector -fno-omit-frame-pointer
	-fno-strict-aliasing -fwrapv -ffunction-sections -fdata-sections -fno-asynchronous-unwind-tables
	-mgeneral-regs-only -mcpu=cortex-a72 -mno-outline-atomics
	$<$<COMPILE_LANGUAGE:C>:${GRANULE_WARNINGS}>
	$<$<COMPILE_LANGUAGE:C>:-Wframe-larger-than=1280>)
# What runs once at boot, or seldom and then for long: small before fast. It must fit where the rest is fast before small.
file(GLOB_RECURSE SELDOM kernel/fs/proc/*.c kernel/fs/ext2/*.c kernel/ipc/*.c drivers/*.c mm/oom/*.c)
file(GLOB SELDOM_FILES kernel/dt.c kernel/main.c kernel/cred.c kernel/caps.c kernel/sys_prctl.c kernel/sys_pidfd.c kernel/partition.c kernel/block_node.c kernel/device.c kernel/elf.c
	kernel/log.c kernel/panic.c kernel/cputime.c kernel/process.c kernel/sys_limits.c kernel/sys_misc.c kernel/sys_sched.c
	kernel/swap_disk.c kernel/sys_swap.c kernel/mtd.c kernel/block.c kernel/fs/root.c kernel/fs/sys_mount.c
	kernel/fs/initramfs.c kernel/fs/cpio.c kernel/fs/boot.c kernel/fs/cdev.c kernel/fs/locks.c kernel/fs/mount.c
	kernel/fs/rename.c kernel/fs/seals.c kernel/fs/memfd.c kernel/fs/pidfd.c kernel/fs/tty*.c kernel/fs/sys_attr.c kernel/fs/sys_xattr.c kernel/fs/sys_names.c
	mm/memblock.c mm/slab_debug.c mm/kmap.c mm/commit.c mm/smaps.c mm/label.c kernel/fs/sys_cache.c mm/readahead.c mm/writeback.c mm/huge.c mm/hugetlb.c mm/swap/store_mount.c mm/swap/store_segment.c mm/swap/areas.c mm/swap/tiers.c mm/swap/pool.c
	kernel/block_queue.c kernel/sys_timer.c kernel/sys_mm_process.c kernel/fs/files.c kernel/fs/timerfd.c kernel/fs/signalfd.c
	kernel/fs/dev_mem.c kernel/fs/sys_dir.c kernel/fs/sys_stat.c kernel/fs/names.c kernel/fs/pipe_open.c kernel/random.c
	kernel/sys_signal.c kernel/sys_task.c kernel/futex_pi.c kernel/futex_robust.c kernel/fs/epoll.c kernel/fs/sys_fd.c kernel/fs/tmpfs.c
	kernel/fs/walk.c kernel/fs/open.c kernel/fs/context.c kernel/exec_args.c kernel/balance.c kernel/sched_policy.c kernel/wait.c
	mm/object_write.c mm/writeback.c mm/remap.c mm/mlock.c arch/arm64/pmap_fold.c arch/arm64/signal.c
	kernel/irq.c kernel/load.c kernel/lib/format.c kernel/lib/parse.c mm/swap/store_clean.c mm/swap/swap.c
	arch/arm64/psci.c arch/arm64/features.c arch/arm64/kernel_map.c arch/arm64/panic.c arch/arm64/semihosting.c arch/arm64/smp.c)
set_source_files_properties(${SELDOM} ${SELDOM_FILES} PROPERTIES COMPILE_OPTIONS
	$<IF:$<C_COMPILER_ID:Clang>,-Oz,-Os>)
# LZ4's functions with large frames are those that nobody calls.
set_source_files_properties(mm/swap/codec.c PROPERTIES COMPILE_OPTIONS -Wno-frame-larger-than)
option(GRANULE_DEBUG "checks that cost time: DEBUG_ASSERT, poison, red zones" OFF)
if(GRANULE_DEBUG)
	target_compile_definitions(granule.elf PRIVATE CONFIG_DEBUG=1)
endif()
set(KERNEL_LINK_SCRIPT ${PROJECT_SOURCE_DIR}/arch/arm64/granule.ld)
target_link_options(granule.elf PRIVATE
	-nostdlib -static -T ${KERNEL_LINK_SCRIPT}
	-Wl,--gc-sections,-z,max-page-size=4096,--build-id=none,--no-warn-rwx-segments,-Map,granule.map)
set_target_properties(granule.elf PROPERTIES LINK_DEPENDS ${KERNEL_LINK_SCRIPT})
target_link_libraries(granule.elf PRIVATE ${LIBFDT})

find_program(CROSS_OBJCOPY aarch64-linux-gnu-objcopy REQUIRED)
set(SIZE_CHECK ${PROJECT_SOURCE_DIR}/tests/check/kernel-size $<TARGET_FILE:granule.elf>)
if(GRANULE_DEBUG)
	set(SIZE_CHECK true) # no product
endif()
add_custom_command(OUTPUT Image
	COMMAND ${SIZE_CHECK}
	COMMAND ${CROSS_OBJCOPY} -O binary $<TARGET_FILE:granule.elf> Image
	DEPENDS granule.elf ${PROJECT_SOURCE_DIR}/tests/check/kernel-size
	VERBATIM)
add_custom_target(image ALL DEPENDS Image)
