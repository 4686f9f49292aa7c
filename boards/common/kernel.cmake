# SPDX-License-Identifier: MIT
#
# granule.elf and Image: every .c and .S of the four rooms that make the kernel, linked by the architecture's own
# script, with libfdt of Debian's arm64 package after the kernel's objects. The kernel brings its own memcpy and
# friends, so no other library is linked; LZ4 and BearSSL are compiled with it (sources.cmake).

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
target_include_directories(granule.elf SYSTEM PRIVATE ${PROJECT_BINARY_DIR}/libfdt-include ${LZ4_SOURCE} ${BEARSSL_SOURCE})
target_compile_options(granule.elf PRIVATE
	$<IF:$<C_COMPILER_ID:Clang>,-Oz,-Os> -g -ffreestanding -fno-pic -fno-pie -fno-common -fno-stack-protector -fno-omit-frame-pointer
	-fno-strict-aliasing -fwrapv -ffunction-sections -fdata-sections -fno-asynchronous-unwind-tables
	-mgeneral-regs-only -mcpu=cortex-a72 -mno-outline-atomics
	-mcmodel=tiny # an address is one instruction: the Image, with all that C knows of it, spans less than 1 MB (the linker tells)
	$<$<COMPILE_LANGUAGE:C>:${GRANULE_WARNINGS}>
	$<$<COMPILE_LANGUAGE:C>:-Wframe-larger-than=1280>)
# Small before fast, for the Image is loaded whole into little RAM; but not what every fault, fork, switch, copied byte and packed page passes through.
# A file belongs here while a line of tests/bench needs it: tests/bench/profile/run tells.
set(HOT
	# exceptions, translation tables and TLBs, switches
	arch/arm64/asid.c arch/arm64/pmap.c arch/arm64/pmap_share.c arch/arm64/pte.c arch/arm64/thread.c arch/arm64/tlb.c
	arch/arm64/trap.c arch/arm64/usercopy.c
	# frames and kernel objects
	mm/buddy.c mm/lru.c mm/magazine.c mm/page.c mm/pcp.c mm/slab.c
	# areas, what changes them, faults, forks, the ends of address spaces
	mm/area.c mm/aspace.c mm/fault.c mm/fault_file.c mm/fork.c mm/map.c mm/protect.c mm/rmap.c mm/rmap_file.c mm/rmap_set.c mm/share.c mm/zap.c
	# page caches, reading and writing
	kernel/fs/file.c kernel/fs/pipe.c kernel/fs/sys_rw.c mm/object.c mm/object_evict.c mm/object_io.c
	kernel/lib/radix.c kernel/lib/rbtree.c kernel/lib/string.c
	# paging
	mm/replace/refault.c mm/replace/replace.c mm/swap/codec.c
	# system calls, processes, scheduling, waiting, signals
	kernel/exec.c kernel/exec_load.c kernel/exit.c kernel/fork.c kernel/syscall.c kernel/sched.c kernel/sched_fair.c kernel/sched_rt.c kernel/sched_wake.c kernel/time.c kernel/waitq.c
	kernel/futex.c kernel/signal.c kernel/signal_deliver.c kernel/sigqueue.c)
# Code is dense even there: what alignment of functions and loops gains is less than it takes. Figures are those of GCC's kernel; Clang's must fit, too.
set_source_files_properties(${HOT} PROPERTIES COMPILE_OPTIONS
	"$<IF:$<C_COMPILER_ID:Clang>,-Os,-O2>;-fno-align-functions;$<$<C_COMPILER_ID:GNU>:-fno-align-jumps;-fno-align-loops>")
# LZ4's functions with large frames are those that nobody calls.
set_property(SOURCE mm/swap/codec.c APPEND PROPERTY COMPILE_OPTIONS -Wno-frame-larger-than)
# At -O3 GCC applies the key stream by words, not bytes: a quarter less for each page that is encrypted.
set_source_files_properties(kernel/lib/chacha20.c PROPERTIES COMPILE_OPTIONS $<$<C_COMPILER_ID:GNU>:-O3>)
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
