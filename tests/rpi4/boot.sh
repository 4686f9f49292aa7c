# SPDX-License-Identifier: MIT
# TIMEOUT: 120
# CPUS: 1
#
# The board without a card, started as firmware starts a kernel: CPUs from the spin table, both consoles both ways, memory and its limit, what the firmware
# knows, and every end.
. "$(dirname "$0")/lib.sh"
TESTS_ROOT=

expect_output $'4\nRaspberry Pi 4 Model B\ncpu-thermal\n25000\nserial ttyS0 4:64\n960' --direct 'nproc; sed -n "s/^Model.*: //p" /proc/cpuinfo
	cat /sys/class/thermal/thermal_zone0/type /sys/class/thermal/thermal_zone0/temp
	echo serial $(sed "s/.*console=\([^ ]*\).*/\1/" /proc/cmdline) $(stat -c "%t %T" /dev/ttyS0 | awk "{ printf \"%d:%d\", \"0x\" \$1, \"0x\" \$2 }")
	awk "/^MemTotal/ { print int(\$2 / 1024 / 32 + 1) * 32 }" /proc/meminfo'
expect_log 'irq: GICv2 at 0xff841000'
expect_log 'firmware: 548e1 on board b03115; 960 MB for the kernel, 64 MB for the VideoCore'
! grep -q 'lost to rounding\|key can be guessed' "$SCRATCH/errors" || fail "the log complains"

# What is typed comes by interrupts, through each of the consoles.
for serial in mini:ttyS0 pl011:ttyAMA0; do
	(sleep 2; printf 'echo typed; read x; grep %s /proc/interrupts | awk "{ print (\\$2 > 0) }"; exit 6\nline\n' "${serial#*:}"; sleep 1) |
		"$RUN" --direct --serial "${serial%:*}" --timeout "$GUEST_LIMIT" --exec 'stty -echo; exec sh' >"$SCRATCH/output" 2>"$SCRATCH/errors"
	STATUS=$?
	[[ $STATUS == 6 && $(tr -d '\r' <"$SCRATCH/output") == *typed*1* ]] || fail "typing on ${serial#*:}: status $STATUS"
done

expect_output 'it fits' --direct --ram-limit 24M 'awk "/^MemTotal/ { print (\$2 > 16384 && \$2 < 30000) ? \"it fits\" : \$2 }" /proc/meminfo'
expect_output 1 --direct --append maxcpus=1 nproc

# Ends: restart and power off through the watchdog (QEMU's goes off at once, so supervising is its own end).
for command in 'reboot -f' 'poweroff -f'; do
	expect_status 0 --direct "$command; sleep 100"
done
guest_run --direct --append watchdog=10 'sleep 100'
[[ $STATUS == 0 ]] && ! grep -q 'init: /sbin/init' "$SCRATCH/errors" || fail "watchdog=10 does not arm the watchdog: status $STATUS"
expect_status 9 --direct --append watchdog=16 'exit 9'
expect_log 'watchdog=16: no such period'

# Where QEMU is too old, and the backports' cannot be had, that is said.
mkdir "$SCRATCH/old"
printf '#!/bin/sh\necho QEMU emulator version 7.2.22\n' >"$SCRATCH/old/qemu-system-aarch64"
chmod +x "$SCRATCH/old/qemu-system-aarch64"
PATH=$SCRATCH/old:$PATH GRANULE_QEMU_RPI4=none "$RUN" --direct --exec true </dev/null >"$SCRATCH/output" 2>"$SCRATCH/errors"
STATUS=$?
(( STATUS == 2 )) && grep -q 'QEMU 7.2.22 has no board raspi4b' "$SCRATCH/errors" && (( $(wc -l <"$SCRATCH/errors") == 1 )) || fail "an old QEMU: status $STATUS"
