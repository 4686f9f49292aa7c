# SPDX-License-Identifier: MIT
# TIMEOUT: 300
# CPUS: 1
#
# Files, waiting, /proc and the terminal as programs see them.
. "$(dirname "$0")/lib.sh"

expect_output $'all good\nall good' 'files; waiting'
expect_output $'all good\nall good' --smp 1 'files; waiting'

# What BusyBox's tools read of /proc.
guest_run 'ps -o pid,comm; top -b -n1; free; uptime; df; cat /proc/self/maps
	cat /proc/self/cmdline | tr "\0" " "; cd /tmp; readlink /proc/self/cwd; sh -c "exec 7</dev/null; ls /proc/self/fd" | grep 7'
(( STATUS == 0 )) || fail "reading /proc: status $STATUS"
for regex in '^ *1 .*init' 'Mem: .*K used' '^Mem: +[0-9]{5}' 'load average' '^tmpfs .* /$' \
	'^[0-9a-f]+-[0-9a-f]+ r-xp [0-9a-f]{8} [0-9a-f]{2}:[0-9a-f]{2} [0-9]+ +/(usr/)?s?bin/[a-z]+' \
	'^cat /proc/self/cmdline /tmp$' '^7$'; do
	grep -Eq -- "$regex" "$SCRATCH/output" || fail "nothing in the output matches $regex"
done

# Every process can be looked at while processes come and go. Then pipes opened again by name, and a full device.
expect_output $'still here\nagain\nfull' 'for i in 1 2 3; do (for k in 1 2 3 4 5 6 7 8; do true | cat; done) & done
	for i in 1 2 3 4 5; do
		cat /proc/[0-9]*/stat /proc/[0-9]*/maps /proc/[0-9]*/status; ls -l /proc/[0-9]*/fd
	done >/dev/null 2>&1
	wait; echo still here; echo again | cat /dev/stdin; echo x 2>/dev/null >/dev/full || echo full'

# The root's files may take what RAM and swap hold, other mounts of tmpfs half of RAM.
mkdir -p "$SCRATCH/large/data"
head -c 16M /dev/urandom >"$SCRATCH/large/data/first"
sum=$(md5sum <"$SCRATCH/large/data/first")
expect_output $'20480+0 records out\n'"$sum"$'\nmounted ok\n0' --root "$SCRATCH/large" 'dd if=/dev/zero of=/second bs=1k count=20480 2>&1 | grep out; md5sum </data/first
	mkdir /m; mount -t tmpfs none /m; set -- $(df -k / /m | awk "/ .m?\$/ { print \$2 }"); grep -q "MemTotal: *$(( $2 * 2 + 4 ))\|MemTotal: *$(( $2 * 2 )) kB" /proc/meminfo && [ $1 -gt 100000 ] && echo mounted ok
	tr -d "\\0" </second | wc -c'

# The terminal edits the line: erase, word erase, kill, literal next, end of file.
type_keys()
{
	sleep 3
	printf 'ab\177c\none two\027\nall\025new\nx\026\003y\n'
	sleep 1
	printf 'end\004\004'
	sleep 1
}
LINES=$(type_keys | "$RUN" --timeout "$GUEST_LIMIT" --exec 'stty -echo; cat -v' 2>"$SCRATCH/errors") || fail "keys: status $?"
[[ $LINES == *$'ac\none \nnew\nx^Cy\nend' ]] || fail "keys: '$LINES'"
