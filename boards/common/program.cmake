# SPDX-License-Identifier: MIT
include_guard(GLOBAL)

# add_guest_program(NAME ROOT SOURCES...): ROOT/bin/NAME, a small static AArch64 Linux program.
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
