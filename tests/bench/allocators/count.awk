# SPDX-License-Identifier: MIT
# Of a file that callgrind wrote: the instructions of allocators alone, without the benchmark's own and those of the hardware model, which is not part of
# the kernel. Format: valgrind's manual, "Callgrind Format Specification": names are given once, "(number) name", afterwards "(number)"; the line after "calls="
# counts what the callee took, which its own lines have already.
function named(text,  number) {
	number = substr(text, 1, index(text, ")"))
	if (length(text) > length(number))
		names[number] = substr(text, length(number) + 2)
	return names[number]
}
/^f[lie]=/ { file = named(substr($0, 4)); counted = file !~ /tests\/(bench|mock)\/[^i]/; next }
/^cf[lie]=/ { named(substr($0, index($0, "=") + 1)); next }
/^calls=/ { skip = 1; next }
/^[0-9+*-]/ {
	if (!skip && counted)
		sum += $2
	skip = 0
}
END { print sum + 0 }
