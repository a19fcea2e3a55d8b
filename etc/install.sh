#!/bin/sh
# Put everything in its place, or take it away again.
#
#	install.sh install|uninstall FOLDER
#
# FOLDER has the programs.  From the environment: DESTDIR, prefix, sysconfdir
# (/etc) and unitdir (lib/systemd/system below prefix).
set -eu
action=$1
out=$(realpath "$2")
cd "$(dirname "$0")/.."

DESTDIR=${DESTDIR:-}
sysconfdir=${sysconfdir:-/etc}
unitdir=${unitdir:-$prefix/lib/systemd/system}
doc=$prefix/share/doc/rosterd

# put MODE FILE PLACE
put() {
	if [ "$action" = install ]; then
		install -D -m "$1" "$2" "$DESTDIR$3"
	else
		rm -f "$DESTDIR$3"
	fi
}

# The same for text that names other things by their place.
put_text() {
	sed -e "s,/usr/sbin/rosterd,$prefix/sbin/rosterd,g" \
		-e "s,/etc/rosterd.conf,$sysconfdir/rosterd.conf,g" "$2" >"$work/text"
	put "$1" "$work/text" "$3"
}

# What somebody has changed is theirs.
put_conf() {
	if [ -e "$DESTDIR$2" ] && ! cmp -s "$1" "$DESTDIR$2"; then
		echo "$DESTDIR$2 is left as it is."
	else
		put 644 "$1" "$2"
	fi
}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

put 755 "$out/rosterd" "$prefix/sbin/rosterd"
put 755 "$out/rosterd-dump" "$prefix/bin/rosterd-dump"
put_conf etc/rosterd.conf "$sysconfdir/rosterd.conf"
for page in etc/man/*.[1-9]; do
	gzip -9nc "$page" >"$work/page"
	put 644 "$work/page" "$prefix/share/man/man${page##*.}/${page##*/}.gz"
done
for unit in etc/systemd/*; do
	put_text 644 "$unit" "$unitdir/${unit##*/}"
done
put 644 etc/sysusers.d/rosterd.conf "$prefix/lib/sysusers.d/rosterd.conf"
put 644 etc/tmpfiles.d/rosterd.conf "$prefix/lib/tmpfiles.d/rosterd.conf"
put 644 README.md "$doc/README.md"
put 644 LICENSE "$doc/copyright"
# A machine has one of each kind at most: whoever has it puts it where it belongs.
for file in $(cd etc && find inetd xinetd s6 runit nginx haproxy hitch hooks -type f); do
	mode=644
	[ ! -x "etc/$file" ] || mode=755
	put_text $mode "etc/$file" "$doc/examples/$file"
done
[ "$action" = install ] || find "$DESTDIR$doc" -type d -empty -delete 2>/dev/null || true
