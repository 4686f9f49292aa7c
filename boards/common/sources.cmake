# SPDX-License-Identifier: MIT
#
# LZ4_SOURCE: a directory of sources (Debian's source package) that a file of the kernel, mm/swap/codec.c, compiles as part of itself, so
# that they are built with the kernel's flags and only what is called gets linked. As a system directory: the warnings are their authors'.

set(SOURCES ${PROJECT_SOURCE_DIR}/.build/packages/arm64/sources)
set(LZ4_SOURCE ${SOURCES}/lz4/lib)
set(FILE ${LZ4_SOURCE}/lz4.c)
if(NOT EXISTS ${FILE})
	execute_process(COMMAND ${PROJECT_SOURCE_DIR}/boards/common/packages sources RESULT_VARIABLE STATUS)
	if(NOT STATUS EQUAL 0 OR NOT EXISTS ${FILE})
		message(FATAL_ERROR "${FILE} is missing: boards/common/packages sources did not fetch it")
	endif()
endif()
