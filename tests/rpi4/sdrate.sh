# SPDX-License-Identifier: MIT
# TIMEOUT: 120
# CPUS: 1
# RELEASE ONLY
#
# The card's throughput through the data port, beside a program that does nothing but poll (sdpoll.c): at least 80 % of it, with another task waking up every 500 us
# meanwhile. Instructions are counted, so the device costs nothing, the kernel's own share shows in full, and the same run gives the same figures.
. "$(dirname "$0")/lib.sh"
TESTS_ROOT=
card=$SCRATCH/card
truncate -s 64M "$card"

aarch64-linux-gnu-gcc -O2 -Wall -Wextra -ffreestanding -fno-pic -fno-pie -mstrict-align -mgeneral-regs-only -nostdlib -static \
	-Wl,--section-start=.start=0x200000,-Ttext=0x200100,-e,0x200000,--build-id=none,-z,norelro \
	-o "$SCRATCH/poll.elf" tests/rpi4/sdpoll.c 2>"$SCRATCH/errors" &&
	aarch64-linux-gnu-objcopy -O binary "$SCRATCH/poll.elf" "$SCRATCH/poll" || fail "sdpoll.c does not build"
(
	ME=tests/rpi4
	. boards/common/lib.sh
	. boards/common/tools.sh
	need_qemu_rpi4
	timeout 60 "${QEMU_RPI4[@]}" -M raspi4b -icount shift=0,sleep=off -display none -serial null -monitor none \
		-semihosting-config enable=on,target=native -kernel "$SCRATCH/poll" -drive "if=sd,format=raw,file=$card"
) >"$SCRATCH/output" 2>&1 || fail "sdpoll: status $?"
read -r poll_read poll_write < <(grep -E '^[0-9]+ [0-9]+$' "$SCRATCH/output") || fail "sdpoll prints no rates"

guest_run --direct --icount --card "$card" '
	busy() { set -- $(grep mmcblk0 /proc/diskstats); echo ${13}; }
	n=0; t0=$(busy)
	dd if=/dev/mmcblk0 of=/dev/null bs=128k count=128 2>/dev/null; t1=$(busy)
	dd if=/dev/zero of=/dev/mmcblk0 bs=128k count=128 2>/dev/null; t2=$(busy)
	(while usleep 500; do echo x; done >/tmp/wakes) & dd if=/dev/mmcblk0 of=/dev/null bs=128k count=128 2>/dev/null
	echo read $((16777216 / 1024 * 1000 / (t1 - t0))); echo write $((16777216 / 1024 * 1000 / (t2 - t1))); echo wakes $(wc -l </tmp/wakes)'
(( STATUS == 0 )) || fail "the guest: status $STATUS"
for way in read write; do
	poll=poll_$way
	echo "sdcard_$way: $(figure $way) KB/s, $(( $(figure $way) * 100 / ${!poll} )) % of what polling gives"
	(( $(figure $way) * 100 >= ${!poll} * 80 )) || fail "the kernel's $way is slow: ${!poll} KB/s by polling"
done
(( $(figure wakes) >= 20 )) || fail "a task that wakes every 500 us did so $(figure wakes) times"
