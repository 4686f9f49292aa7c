# SPDX-License-Identifier: MIT
include_guard(GLOBAL)

# add_guest_program(NAME ROOT SOURCES...): ROOT/bin/NAME, a static AArch64 Linux program with the cross toolchain's glibc.
function(add_guest_program NAME ROOT)
	set(TARGET program-${NAME})
	add_executable(${TARGET} ${ARGN})
	target_compile_options(${TARGET} PRIVATE
		-O2 -g -D_GNU_SOURCE= -ffunction-sections -fdata-sections ${GRANULE_WARNINGS})
	target_link_options(${TARGET} PRIVATE -static -s -Wl,--gc-sections)
	target_link_libraries(${TARGET} PRIVATE pthread m)
	set_target_properties(${TARGET} PROPERTIES
		OUTPUT_NAME ${NAME} RUNTIME_OUTPUT_DIRECTORY ${ROOT}/bin)
	set_property(GLOBAL APPEND PROPERTY PROGRAMS_OF_${ROOT} ${TARGET})
endfunction()

# add_small_program(NAME ROOT SOURCES...): the same with musl (Debian's musl-dev of arm64), for what is always in the root
# file system: that lies in RAM, and a static glibc alone takes half a megabyte of it.
function(add_small_program NAME ROOT)
	set(TARGET program-${NAME})
	set(PACKAGES ${PROJECT_SOURCE_DIR}/.build/packages/arm64/build/usr)
	set(MUSL ${PACKAGES}/lib/aarch64-linux-musl)
	execute_process(COMMAND ${CMAKE_C_COMPILER} -print-file-name=include
		OUTPUT_VARIABLE COMPILER_INCLUDE OUTPUT_STRIP_TRAILING_WHITESPACE)
	add_executable(${TARGET} ${ARGN})
	target_compile_options(${TARGET} PRIVATE
		-O2 -g -D_GNU_SOURCE= -ffunction-sections -fdata-sections -fno-pie -fno-stack-protector
		-mno-outline-atomics ${GRANULE_WARNINGS}
		-nostdinc "SHELL:-isystem \"${PACKAGES}/include/aarch64-linux-musl\"" "SHELL:-isystem ${COMPILER_INCLUDE}")
	target_link_options(${TARGET} PRIVATE
		-static -no-pie -nostdlib -s -Wl,--gc-sections,-z,max-page-size=4096,--build-id=none)
	target_link_libraries(${TARGET} PRIVATE
		${MUSL}/crt1.o ${MUSL}/crti.o ${MUSL}/libc.a -lgcc ${MUSL}/libc.a ${MUSL}/crtn.o)
	set_target_properties(${TARGET} PROPERTIES
		OUTPUT_NAME ${NAME} RUNTIME_OUTPUT_DIRECTORY ${ROOT}/bin)
	set_property(GLOBAL APPEND PROPERTY PROGRAMS_OF_${ROOT} ${TARGET})
endfunction()
