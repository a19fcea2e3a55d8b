#!/bin/sh
# A program for --on-connect and --on-close that does what the query tells it to;
# HOOK_MARK tells its processes from those of others, HOOK_FILE is what it writes to.
if [ -n "$ROSTERD_CODE" ]; then
	[ -z "$HOOK_SLEEP" ] || sleep "$HOOK_SLEEP"
	read -r end
	echo "$ROSTERD_CODE $ROSTERD_TOKEN $REMOTE_ADDR $end" >>"$HOOK_FILE"
	exit
fi
# Behind an exclamation mark stands what a child is to do (tests/misbehave).
case ${QUERY_STRING%%!*} in
'') ;;
user=*) echo "{\"auth.user\":\"${QUERY_STRING#user=}\",\"auth.level\":1.10}" ;;
told) printf '{"auth.told":"%s|%s|%s|%s|%s|%s|%s","auth.port":"%s","auth.token":"%s"}' \
	"$REQUEST_METHOD" "$REQUEST_URI" "$PATH_INFO" "$REMOTE_ADDR" "$HTTP_COOKIE" \
	"$HTTP_PROXY$HTTP_X_SECRET$ROSTERD_NAME" "$SERVER_PORT" "$REMOTE_PORT" "$ROSTERD_TOKEN" ;;
forbid) echo 'No "such" luck\.'; echo 'More.'; exit 1 ;;
who) echo 'WWW-Authenticate: Bearer realm="test"'; echo 'Show a ticket.'; exit 77 ;;
stranger) exit 77 ;;
slow) sleep 0.3 ;;
hang) sleep "$HOOK_MARK" & wait ;;
wait) exec sleep "$HOOK_MARK" ;;
crash) kill -SEGV $$ ;;
flood) yes ;;
errors) yes >&2 ;;
leave) sleep "$HOOK_MARK" & setsid sleep "$HOOK_MARK" & (setsid sh -c 'sleep "$HOOK_MARK" & sleep "$HOOK_MARK"' &) ;;
cut) printf '{"auth.user":' ;;
list) echo '["auth.user"]' ;;
free) echo '{"auth.user":1,"user":2}' ;;
code) exit 3 ;;
esac
