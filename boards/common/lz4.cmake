# SPDX-License-Identifier: MIT
#
# LZ4_SOURCE: the directory of LZ4's sources (Debian's source package), which mm/swap/codec.c compiles as part of itself,
# so that they are built with the kernel's flags and only what is called gets linked. As a system directory: the
# warnings are its authors'.

set(LZ4_SOURCE ${PROJECT_SOURCE_DIR}/.build/packages/arm64/sources/lz4/lib)
if(NOT EXISTS ${LZ4_SOURCE}/lz4.c)
	execute_process(COMMAND ${PROJECT_SOURCE_DIR}/boards/common/packages sources RESULT_VARIABLE STATUS)
	if(NOT STATUS EQUAL 0 OR NOT EXISTS ${LZ4_SOURCE}/lz4.c)
		message(FATAL_ERROR "LZ4's sources are missing: boards/common/packages sources did not fetch them")
	endif()
endif()
