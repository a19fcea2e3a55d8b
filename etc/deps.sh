#!/bin/sh
# Install what is missing, from Debian's packages and npm.
#
#	deps.sh build	what the programs are built with
#	deps.sh check	and what the tests need
#
# Says what it installs.  Without root it says the one command to run instead.
# Quick when nothing is missing: it only looks at files.
set -eu
cd "$(dirname "$0")/.."

lib=/usr/lib/$(gcc -print-multiarch 2>/dev/null || echo x86_64-linux-gnu)
missing=

# need PACKAGE FILE-OR-COMMAND: the package is missing if that is not there.
need() {
	case $2 in
	/*) [ -e "$2" ] && return ;;
	*) command -v "$2" >/dev/null 2>&1 && return ;;
	esac
	missing="$missing $1"
}

need gcc gcc
need libc6-dev /usr/include/stdio.h
need libwebsockets-dev /usr/include/libwebsockets.h
need libjansson-dev /usr/include/jansson.h
need libseccomp-dev /usr/include/seccomp.h
need libbsd-dev /usr/include/bsd/unistd.h
need libinih-dev /usr/include/ini.h
need libssl-dev /usr/include/openssl/ssl.h
need zlib1g-dev /usr/include/zlib.h
need libcap-dev /usr/include/sys/capability.h
if [ "$1" = check ]; then
	need clang clang
	need clang-format clang-format
	need libclang-rt-14-dev /usr/lib/llvm-14/lib/clang/14.0.6/lib/linux/libclang_rt.tsan-x86_64.a
	need libcriterion-dev /usr/include/criterion/criterion.h
	need strace strace
	need gdb gdb
	need spin spin
	need openssl openssl
	need procps ps
	need curl curl
	need prometheus promtool
	need mandoc mandoc
	need nodejs node
	need npm npm
	need chromium chromium
	need python3-websockets /usr/lib/python3/dist-packages/websockets/__init__.py
	need ucspi-tcp tcpserver
	need ipsvd tcpsvd
	need nginx-light nginx
	need haproxy haproxy
	need hitch hitch
	need s6 s6-supervise
	need runit runsv
	need systemd systemd-socket-activate
	need libevent-2.1-7 $lib/libevent-2.1.so.7
	need libtirpc3 $lib/libtirpc.so.3
	need libwrap0 $lib/libwrap.so.0
	need libselinux1 $lib/libselinux.so.1
	need binutils strip
	need lintian lintian
	need debootstrap debootstrap
	need python3 python3
	need gnuplot-nox gnuplot
fi

if [ -n "$missing" ]; then
	if [ "$(id -u)" != 0 ]; then
		echo "Some packages are missing. As root, run:" >&2
		echo "  apt-get install -y --no-install-recommends$missing" >&2
		exit 1
	fi
	echo "Installing:$missing"
	export DEBIAN_FRONTEND=noninteractive
	log=$(mktemp)
	if ! { apt-get update && apt-get install -y --no-install-recommends $missing; } >"$log" 2>&1; then
		cat "$log" >&2
		exit 1
	fi
	rm -f "$log"
fi

if [ "$1" = check ] && [ ! tests/clients/node_modules/.package-lock.json -nt tests/clients/package-lock.json ]; then
	echo "Installing: the npm packages of tests/clients"
	npm ci --prefix tests/clients --no-audit --no-fund --loglevel=error
	touch tests/clients/node_modules/.package-lock.json
fi

# A machine has one super server, if any: those for the tests are only unpacked.
supervisors=build/supervisors
unpack() {
	[ -x "$supervisors/usr/sbin/$2" ] && return
	echo "Unpacking: $1, into $supervisors"
	folder=$(mktemp -d)
	chmod 755 "$folder"
	if ! (cd "$folder" && { apt-get download "$1" || { apt-get update && apt-get download "$1"; }; }) >"$folder/log" 2>&1; then
		cat "$folder/log" >&2
		exit 1
	fi
	mkdir -p "$supervisors"
	dpkg -x "$folder/$1"_*.deb "$supervisors"
	rm -rf "$folder"
}
if [ "$1" = check ]; then
	unpack xinetd xinetd
	unpack openbsd-inetd inetd
fi
