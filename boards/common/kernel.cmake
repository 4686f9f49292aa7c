# SPDX-License-Identifier: MIT
#
# granule.elf and Image: every .c and .S of the four rooms that make the kernel, linked by the architecture's own
# script, with libfdt and one object of Crypto++ (kernel/lib/chacha20.c calls it) of Debian's arm64 packages after the kernel's. The
# kernel brings its own memcpy and friends, so no other library is linked; LZ4 is compiled with it (sources.cmake).

file(GLOB_RECURSE KERNEL_SOURCES CONFIGURE_DEPENDS
	mm/*.c arch/arm64/*.c arch/arm64/*.S kernel/*.c kernel/*.S drivers/*.c)

set(PACKAGES ${PROJECT_SOURCE_DIR}/.build/packages/arm64/build)
set(LIBFDT ${PACKAGES}/usr/lib/aarch64-linux-gnu/libfdt.a)
set(LIBCRYPTOPP ${PACKAGES}/usr/lib/aarch64-linux-gnu/libcrypto++.a)
foreach(FILE ${LIBFDT} ${LIBCRYPTOPP})
	if(NOT EXISTS ${FILE})
		execute_process(COMMAND ${PROJECT_SOURCE_DIR}/boards/common/packages build RESULT_VARIABLE STATUS)
		if(NOT STATUS EQUAL 0 OR NOT EXISTS ${FILE})
			message(FATAL_ERROR "${FILE} is missing: boards/common/packages build did not fetch it")
		endif()
	endif()
endforeach()

# Only the two libfdt headers: the package's include directory holds nothing else, but a copy keeps that true.
file(COPY ${PACKAGES}/usr/include/fdt.h ${PACKAGES}/usr/include/libfdt.h ${PACKAGES}/usr/include/libfdt_env.h
	DESTINATION ${PROJECT_BINARY_DIR}/libfdt-include)

add_executable(granule.elf ${KERNEL_SOURCES})
target_include_directories(granule.elf PRIVATE arch/arm64/include .)
target_include_directories(granule.elf SYSTEM PRIVATE ${PROJECT_BINARY_DIR}/libfdt-include ${LZ4_SOURCE})
target_compile_options(granule.elf PRIVATE
	$<IF:$<C_COMPILER_ID:Clang>,-Oz,-Os> -g -ffreestanding -fno-pic -fno-pie -fno-common -fno-stack-protector -fno-omit-frame-pointer
	-fno-strict-aliasing -fwrapv -ffunction-sections -fdata-sections -fno-asynchronous-unwind-tables
	# What GCC does even at -Os although it takes room: a loop's condition a second time before the loop, and more.
	$<$<C_COMPILER_ID:GNU>:-fno-tree-ch;-fno-expensive-optimizations;-fno-move-loop-invariants;-fno-tree-tail-merge;-fno-shrink-wrap;-fno-tree-pre>
	# Across files: 12 KB less and 3 to 13 % fewer instructions, as calls between rooms are direct and what is called once is not called. Clang's would need another linker.
	$<$<C_COMPILER_ID:GNU>:-flto=2>
	# The same Image wherever the checkout lies: names of local symbols, and with them the order of functions, come from the files' paths.
	-ffile-prefix-map=${PROJECT_SOURCE_DIR}/= -ffile-prefix-map=${PROJECT_BINARY_DIR}=.
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
	mm/buddy.c mm/lru.c mm/magazine.c mm/page.c mm/pcp.c
	# areas, what changes them, faults, forks, the ends of address spaces
	mm/area.c mm/aspace.c mm/fault.c mm/fault_file.c mm/protect.c mm/rmap.c mm/share.c mm/zap.c
	# page caches, reading and writing
	kernel/fs/pipe.c kernel/fs/sys_rw.c mm/object.c mm/object_evict.c
	kernel/lock.c kernel/lib/radix.c kernel/lib/rbtree.c kernel/lib/string.c
	# paging
	mm/replace/refault.c mm/swap/codec.c
	# system calls, processes, scheduling, waiting, signals
	kernel/syscall.c kernel/sched.c kernel/sched_fair.c kernel/sched_rt.c kernel/sched_wake.c kernel/time.c kernel/waitq.c
	kernel/futex.c kernel/futex_queue.c)
# Code is dense even there: what alignment of functions and loops gains is less than it takes. Figures and size are those of GCC's kernel.
set_source_files_properties(${HOT} PROPERTIES COMPILE_OPTIONS
	"$<IF:$<C_COMPILER_ID:Clang>,-Os,-O2>;-fno-align-functions;$<$<C_COMPILER_ID:GNU>:-ftree-ch;-fexpensive-optimizations;-fmove-loop-invariants;-ftree-tail-merge;-fshrink-wrap;-ftree-pre;-fno-align-jumps;-fno-align-loops>")
# A block that stands a second time spares a jump: only where that shows.
set(JUMPS ${HOT})
list(REMOVE_ITEM JUMPS arch/arm64/pte.c arch/arm64/pmap.c mm/lru.c mm/pcp.c mm/buddy.c mm/fault.c mm/rmap.c mm/zap.c)
set_property(SOURCE ${JUMPS} APPEND PROPERTY COMPILE_OPTIONS $<$<C_COMPILER_ID:GNU>:-freorder-blocks-algorithm=simple>)
# Passed through by every switch and wake-up, with interrupts off, but too large for -O2.
set_source_files_properties(kernel/psi.c PROPERTIES COMPILE_OPTIONS "$<$<C_COMPILER_ID:GNU>:-fexpensive-optimizations;-fmove-loop-invariants;-ftree-tail-merge>")
# LZ4's functions with large frames are those that nobody calls.
set_property(SOURCE mm/swap/codec.c APPEND PROPERTY COMPILE_OPTIONS -Wno-frame-larger-than)
option(GRANULE_DEBUG "checks that cost time: DEBUG_ASSERT, poison, red zones" OFF)
if(GRANULE_DEBUG)
	target_compile_definitions(granule.elf PRIVATE CONFIG_DEBUG=1 OOM_SITES LOCK_HOLDS=1)
endif()
set(KERNEL_LINK_SCRIPT ${PROJECT_SOURCE_DIR}/arch/arm64/granule.ld)
target_link_options(granule.elf PRIVATE
	-nostdlib -static -T ${KERNEL_LINK_SCRIPT}
	$<$<C_COMPILER_ID:GNU>:-Os;-Werror=frame-larger-than=1280> # frames are known when all that is called once has been laid into its caller
	-Wl,--gc-sections,-z,max-page-size=4096,--build-id=none,--no-warn-rwx-segments,-Map,granule.map)
set_target_properties(granule.elf PROPERTIES LINK_DEPENDS ${KERNEL_LINK_SCRIPT})
target_link_libraries(granule.elf PRIVATE ${LIBFDT} ${LIBCRYPTOPP})

find_program(CROSS_OBJCOPY aarch64-linux-gnu-objcopy REQUIRED)
set(SIZE_CHECK ${PROJECT_SOURCE_DIR}/tests/check/kernel-size $<TARGET_FILE:granule.elf>)
if(GRANULE_DEBUG OR CMAKE_C_COMPILER_ID STREQUAL "Clang")
	set(SIZE_CHECK true) # no product
endif()
add_custom_command(OUTPUT Image
	COMMAND ${SIZE_CHECK}
	COMMAND ${CROSS_OBJCOPY} -O binary $<TARGET_FILE:granule.elf> Image
	DEPENDS granule.elf ${PROJECT_SOURCE_DIR}/tests/check/kernel-size
	VERBATIM)
add_custom_target(image ALL DEPENDS Image)
