#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Which of the host's package sources boards/common/packages takes: Debian's own, in both formats, and nobody else's.
set -uo pipefail
etc=$(mktemp -d)
trap 'rm -rf "$etc"' EXIT
failed=0

# sources_are NAME EXPECTED [KIND]: for the files laid into $etc
sources_are()
{
	local got
	got=$(GRANULE_ETC=$etc boards/common/packages --sources "${3-}" 2>&1 | tr -s ' ')
	if [[ $got != "$2" ]]; then
		printf 'FAIL %s: expected\n%s\ngot\n%s\n' "$1" "$2" "$got"
		failed=1
	fi
	rm -rf "$etc/apt"
	mkdir -p "$etc/apt/sources.list.d"
}

echo 'VERSION_CODENAME=bookworm' >"$etc/os-release"
mkdir -p "$etc/apt/sources.list.d"

cat >"$etc/apt/sources.list" <<'EOF'
# a comment
deb-src http://mirror.example/debian bookworm main
deb [arch=amd64 signed-by=/k.gpg] http://mirror.example/debian bookworm main contrib # the mirror
deb http://mirror.example/debian-security bookworm-security main
deb http://mirror.example/debian bookworm-backports main
deb http://other.example/linux/debian bookworm stable
deb http://other.example/apt stable main
deb cdrom:[Debian]/ bookworm contrib
EOF
sources_are "one-line format" \
'deb [arch=arm64 ] http://mirror.example/debian-security bookworm-security main
deb [arch=arm64 signed-by=/k.gpg ] http://mirror.example/debian bookworm main'

cat >"$etc/apt/sources.list.d/debian.sources" <<'EOF'
Types: deb deb-src
URIs: http://mirror.example/debian
Suites: bookworm bookworm-updates
Components: main non-free-firmware
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

# the second one
Types: deb
URIs: http://mirror.example/debian-security
Suites:
 bookworm-security
Components: main
Enabled: no

Types: deb
URIs: http://other.example/repo
Suites: bookworm
Components: contrib
Signed-By:
 -----BEGIN PGP PUBLIC KEY BLOCK-----
 .
 main
EOF
sources_are "deb822 format" \
'deb [arch=arm64 signed-by=/usr/share/keyrings/debian-archive-keyring.gpg ] http://mirror.example/debian bookworm main
deb [arch=arm64 signed-by=/usr/share/keyrings/debian-archive-keyring.gpg ] http://mirror.example/debian bookworm-updates main'

echo 'deb mirror+file:/etc/apt/mirrors/debian.list bookworm main' >"$etc/apt/sources.list"
sources_are "mirror list" 'deb [arch=arm64 ] mirror+file:/etc/apt/mirrors/debian.list bookworm main'

echo 'deb http://mirror.example/debian/ stable main' >"$etc/apt/sources.list"
sources_are "by class" 'deb [arch=arm64 ] http://mirror.example/debian/ stable main'

main='deb [signed-by=/k.gpg] http://mirror.example/debian bookworm main'
updates='deb http://mirror.example/debian bookworm-updates main'
lay() { printf '%s\n' "$main" "$updates" >"$etc/apt/sources.list"; }
lay
sources_are "firmware that is not free" \
'deb [arch=arm64 ] http://mirror.example/debian bookworm-updates main non-free-firmware
deb [arch=arm64 signed-by=/k.gpg ] http://mirror.example/debian bookworm main non-free-firmware' nonfree
lay
sources_are "the host's own, with backports" \
'deb [] http://mirror.example/debian bookworm-updates main
deb [signed-by=/k.gpg ] http://mirror.example/debian bookworm main
deb [signed-by=/k.gpg ] http://mirror.example/debian bookworm-backports main' host
lay
sources_are "their authors' sources" \
'deb-src [] http://mirror.example/debian bookworm-updates main
deb-src [signed-by=/k.gpg ] http://mirror.example/debian bookworm main' source

sources_are "nothing" ''
exit "$failed"
