# SPDX-License-Identifier: MIT
# CPUS: 1
# RELEASE ONLY: the way to the kernel is the same
#
# Through U-Boot, from a disk laid out as a card is: root and swap on it, the command's output and nothing of the boot loader's, RAM that mem= limits.
. "$(dirname "$0")/lib.sh"
TESTS_ROOT=

expect_output $'/dev/vda2 / ext2 rw,relatime\n/dev/vda3\n4' --uboot --swap virtio --swap-size 20M 'cut -d " " -f 1-4 /proc/mounts | grep " / "
	awk "NR == 2 { print \$1 }" /proc/swaps; nproc'
expect_output $'/dev/mtdblock1\nfits' --uboot --mem 256M --append mem=40M 'awk "NR == 2 { print \$1 }" /proc/swaps
	awk "/^MemTotal/ { print (\$2 > 36000 && \$2 < 41000) ? \"fits\" : \$2 }" /proc/meminfo'
expect_status 3 --uboot 'exit 3'
