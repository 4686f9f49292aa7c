# SPDX-License-Identifier: MIT
#
# root.cpio: the root file system of every board: BusyBox, the static tree beside this file, and the apps.

set(BUSYBOX_DIR ${PROJECT_SOURCE_DIR}/.build/packages/arm64/build)
find_program(BUSYBOX busybox PATHS ${BUSYBOX_DIR}/usr/bin ${BUSYBOX_DIR}/bin NO_DEFAULT_PATH REQUIRED)
set(ROOT_TREE ${PROJECT_SOURCE_DIR}/boards/common/root)
set(PACKER ${PROJECT_SOURCE_DIR}/boards/common/mkinitramfs)
file(GLOB_RECURSE ROOT_FILES CONFIGURE_DEPENDS ${ROOT_TREE}/*)
foreach(FILE ${ROOT_FILES}) # links lead to files of the guest: nothing here to depend on
	if(IS_SYMLINK ${FILE})
		list(REMOVE_ITEM ROOT_FILES ${FILE})
	endif()
endforeach()
get_property(APPS GLOBAL PROPERTY PROGRAMS_OF_${PROJECT_BINARY_DIR}/apps-root)

set(PROGRAMS)
foreach(APP ${APPS})
	list(APPEND PROGRAMS --program $<TARGET_FILE:${APP}>)
endforeach()

add_custom_command(OUTPUT root.cpio
	COMMAND ${PACKER} --base --busybox ${BUSYBOX} ${PROGRAMS} root.cpio ${ROOT_TREE}
	DEPENDS ${APPS} ${ROOT_FILES} ${PACKER} ${BUSYBOX}
	COMMENT "Packing root.cpio"
	VERBATIM COMMAND_EXPAND_LISTS)
add_custom_target(root ALL DEPENDS root.cpio)
