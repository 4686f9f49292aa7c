# SPDX-License-Identifier: MIT
#
# LZ4_SOURCE, BEARSSL_SOURCE: directories of sources (Debian's source packages) that a file of the kernel compiles as part
# of itself, so that they are built with the kernel's flags and only what is called gets linked: mm/swap/codec.c and
# kernel/lib/chacha20.c. As system directories: the warnings are their authors'.

set(SOURCES ${PROJECT_SOURCE_DIR}/.build/packages/arm64/sources)
set(LZ4_SOURCE ${SOURCES}/lz4/lib)
set(BEARSSL_SOURCE ${SOURCES}/bearssl/src)
foreach(FILE ${LZ4_SOURCE}/lz4.c ${BEARSSL_SOURCE}/symcipher/chacha20_ct.c)
	if(NOT EXISTS ${FILE})
		execute_process(COMMAND ${PROJECT_SOURCE_DIR}/boards/common/packages sources RESULT_VARIABLE STATUS)
		if(NOT STATUS EQUAL 0 OR NOT EXISTS ${FILE})
			message(FATAL_ERROR "${FILE} is missing: boards/common/packages sources did not fetch it")
		endif()
	endif()
endforeach()
