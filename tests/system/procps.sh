# SPDX-License-Identifier: MIT
# TIMEOUT: 240
# CPUS: 1
# RELEASE ONLY: proc and process ask the same of the kernel with its checks
#
# What procps and util-linux, Debian's own, make of /proc and of the calls about processes; and that a library which many processes
# use is there once.
. "$(dirname "$0")/lib.sh"

need_packages
TESTS_ROOT=
root=$SCRATCH/root
bin=usr/bin
package_files "$root" $bin/{free,top,ps,pmap,vmstat,uptime,w,slabtop,pgrep,pkill,pwdx,prlimit,mount,umount,findmnt,taskset,chrt,choom,flock,setsid,lscpu,lua5.4} \
	usr/sbin/swapon
for dir in lib/terminfo usr/lib/terminfo usr/share/terminfo; do
	[[ ! -e $PACKAGES/$dir/d/dumb ]] || package_files "$root" "$dir/d/dumb"
done

# section NAME: what the guest's command of that name printed
section() { sed -n "/^=== $1\$/,/^===/ { /^===/ d; p }" "$SCRATCH/output"; }
# expect NAME REGEX: in a line of it
expect() { section "$1" | grep -Eq -- "$2" || fail "$1: no line matches $2"; }
# Each command is run by its path: the shell would take BusyBox's of the same name.
guest()
{
	guest_run --root "$root" "show() { echo \"=== \$1\"; shift; \"\$@\" 2>&1; }; $1"
	(( STATUS == 0 )) || fail "status $STATUS"
	! grep -qE 'SIG|Segmentation|not implemented|cannot' "$SCRATCH/output" || fail "a tool complains"
}

# ---- Memory and the system ----
guest 'cd /usr/bin
show meminfo cat /proc/meminfo; show free ./free; show vmstat ./vmstat -n 1 2; show sums ./vmstat -s; show top ./top -b -n1
show uptime ./uptime; show w ./w; show slabtop ./slabtop -o; show lscpu ./lscpu; show some ./taskset 0xd grep Cpus_allowed_list /proc/self/status
show swapon /usr/sbin/swapon --show=NAME,TYPE,SIZE --bytes --noheadings'
total=$(section meminfo | sed -n 's/^MemTotal: *\([0-9]*\) kB/\1/p') swap=$(section meminfo | sed -n 's/^SwapTotal: *\([0-9]*\) kB/\1/p')
expect free "^Mem: +$total +[0-9]+ +[0-9]+ +[1-9][0-9]* +[1-9][0-9]* +[1-9][0-9]*$"
expect free "^Swap: +$swap +[0-9]+ +[0-9]+$"
expect sums "^ *$total K total memory$"
expect sums "^ *$swap K total swap$"
[[ $(section vmstat | wc -l) == 4 ]] || fail "vmstat: not two reports"
section vmstat | tail -n 1 | awk '{ exit !(NF >= 17 && $4 > 1000 && $13 + $14 + $15 + $16 + $17 >= 98) }' || fail "vmstat: the figures"
expect top '^top - [0-9:]{8} up +[0-9]+ min, +[0-9]+ users?, +load average: [0-9.]+, '
expect top '^Tasks: +[3-9] total, +[1-9] running'
expect top "^MiB Mem : +$((total / 1024))\\.[0-9] total"
expect top '^ +[0-9]+ root +20 +0 +[0-9]+ +[1-9][0-9]+ +[0-9]+ R .* top$'
expect uptime '^ [0-9:]{8} up .* load average: [0-9.]+, [0-9.]+, [0-9.]+$'
expect w '^USER +TTY'
expect slabtop '^ *[1-9][0-9]* +[1-9][0-9]* +[0-9]+% +[0-9.]+K +[0-9]+ +[0-9]+ +[0-9]+K dentry'
expect lscpu 'CPU\(s\): +4$'
expect lscpu 'On-line CPU\(s\) list: +0-3$'
expect lscpu 'Cortex-A72$'
expect some '^Cpus_allowed_list:.0,2-3$'
expect swapon "^[^ ]+ +partition +$((swap * 1024))$"

# ---- Processes. pmap itself shares libraries with the one it looks at, which makes that Pss smaller. ----
guest 'cd /usr/bin; mkfifo /tmp/f; exec 9<>/tmp/f
./lua5.4 -e "local t = {} for i = 1, 20000 do t[i] = {} end print() io.stdout:flush() io.stdin:read()" </tmp/f >/tmp/ready & l=$!
while [ ! -s /tmp/ready ]; do sleep 0.1; done
show aux ./ps aux; show threads ./ps -eLf; show columns ./ps -o pid=,ppid=,stat=,ni=,rss=,args= -p $l
show pid echo $l; show pgrep ./pgrep -x lua5.4; show pwdx ./pwdx $l
show smaps cat /proc/$l/smaps_rollup; show pmap ./pmap -X $l; show extended ./pmap -x $l
show limits ./prlimit --pid $l --nofile=77:99 ; show nofile ./prlimit --pid $l --nofile --noheadings --output=SOFT,HARD
show taskset ./taskset -c 1 grep Cpus_allowed: /proc/self/status; show chrt ./chrt -f 10 ./chrt -p 0
show choom ./choom -n 300 -- cat /proc/self/oom_score_adj
show flock ./flock /tmp/lock ./flock -n /tmp/lock echo taken; show setsid ./setsid -w sh -c "cut -d\" \" -f1,6 /proc/self/stat"
show pkill ./pkill -TERM -x lua5.4; wait $l; show ended echo $?'
pid=$(section pid)
[[ $(section pgrep) == "$pid" && $(section pwdx) == "$pid: /usr/bin" ]] || fail "pgrep, pwdx"
expect aux "^root +$pid +[0-9.]+ +[1-9][0-9.]* +[1-9][0-9]{3} +[1-9][0-9]{3} [^ ]+ +S[sl+]* +[0-9:]+ +0:0[0-9] ./lua5.4 -e"
expect threads "^root +$pid +[0-9]+ +$pid +[0-9]+ +1 "
expect columns "^ *$pid +[0-9]+ S[sl+]* +0 +[1-9][0-9]{3} ./lua5.4 -e"
rss=$(section smaps | sed -n 's/^Rss: *\([0-9]*\) kB/\1/p') pss=$(section smaps | sed -n 's/^Pss: *\([0-9]*\) kB/\1/p')
section pmap | tail -n 1 | awk -v rss="$rss" -v pss="$pss" '{ exit !($2 == rss && $3 <= pss && $3 > pss / 2 && rss > 1500) }' ||
	fail "pmap -X: not the sums of smaps, $rss and $pss"
expect extended "^total kB +[0-9]+ +$rss "
expect nofile '^ *77 +99$'
expect taskset '^Cpus_allowed:.*2$'
expect chrt 'SCHED_FIFO'
expect chrt 'priority: 10$'
[[ $(section choom) == 300 && -z $(section flock) ]] || fail "choom, flock"
section setsid | awk '{ exit !($2 > 0) }' || fail "setsid"
[[ $(section ended) == 143 ]] || fail "pkill"

# ---- Mounting ----
guest 'cd /usr/bin; mkdir /tmp/m; show mount ./mount -t tmpfs -o size=1m,nosuid mine /tmp/m; show findmnt ./findmnt -n -o SOURCE,FSTYPE,OPTIONS /tmp/m
show root ./findmnt -n -o FSTYPE /; show umount ./umount /tmp/m; show after ./findmnt -n -o SOURCE,FSTYPE --mountpoint /tmp/m; true'
expect findmnt '^mine +tmpfs +rw,nosuid'
expect root '^tmpfs *$'
[[ -z $(section mount)$(section umount)$(section after) ]] || fail "mount and umount"

# ---- A library that twenty processes use ----
guest 'mkfifo /tmp/f; exec 9<>/tmp/f; sync; show before grep MemFree /proc/meminfo
for i in $(seq 20); do /usr/bin/lua5.4 -e "print() io.stdout:flush() io.stdin:read()" </tmp/f >>/tmp/ready & done
while [ $(wc -c </tmp/ready) != 20 ]; do sleep 0.1; done
show after grep MemFree /proc/meminfo
show text awk "/^[0-9a-f]+-/ { here = /r-xp.*libc.so.6/ } here && /^(Rss|Pss):/ { sum[\$1] += \$2 } END { print sum[\"Rss:\"], sum[\"Pss:\"] }" /proc/[0-9]*/smaps
kill $(jobs -p)'
section text | awk '{ exit !($1 > 10000 && $2 > 0 && $2 < $1 / 15) }' || fail "the C library's text: Rss and Pss of all are $(section text)"
before=$(section before | tr -dc 0-9) after=$(section after | tr -dc 0-9) one=$(section text | awk '{ print int($1 / 20) }')
(( before - after < 20 * one / 2 )) || fail "twenty processes took $((before - after)) KB"
