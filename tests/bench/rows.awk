# SPDX-License-Identifier: MIT
# What mmbench and thrash print, as "name value" lines; thrash's names begin with `prefix`. A histogram is a list of counts, from under 2 us to over 1 ms.
$3 ~ /^ns\/op/ { print $1, $2 }
$1 == "nanosleep_overshoot" { print $1, $2; print "nanosleep_worst", $NF }
$1 == "oom_victim_64MB" { print $1, $2 }
$1 == "fill:" { print prefix "_fill", $4 }
$2 == "pass:" { print prefix "_" $1, $3 }
$1 == "rt:" && $2 == "wakeups" {
	print prefix "_rt_avg", $5
	print prefix "_rt_worst", $7
	print prefix "_rt_major_faults", $10 + 0
	counts = ""
	for (i = 13; i <= NF; i += 2)
		counts = counts (counts == "" ? "" : ",") $i
	print prefix "_rt_histogram", counts
}
