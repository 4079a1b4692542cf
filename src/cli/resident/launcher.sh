#!/bin/sh
':' /*
# The start of dist/strata, which is a program for the shell and for Node.js: here the shell replaces itself by the one
# that runs the command, and to Node.js all of this is a string and a comment.
#
# Short commands are run by the daemon: what follows asks it in Perl, which starts in 3 ms where Node.js takes 40. The
# daemon's socket must be the caller's own, since all variables go there; it serves root alone.
# STRATA_RESIDENT=off asks for a process of the command's own.
case "$1 $2" in
@COMMANDS@)
  host=${STRATA_HOST:-unix://${STRATA_STATE_ROOT:-/run/strata}/strata.sock}
  socket=${host#unix://}
  socket=${socket%.sock}-commands.sock
  # Settings of Perl's own would change the few lines; without this one it complains of a locale that is not there.
  # Where an input or output is closed, Node.js knows what to do.
  [ -O "$socket" ] && [ "$STRATA_RESIDENT" != off ] && true 3>&2 && { true 3<&0 && true 3>&1; } 2>/dev/null && [ -z "${PERL5OPT+set}${PERL_UNICODE+set}${PERL_BADLANG+set}" ] &&
    command -v perl >/dev/null && PERL_BADLANG=0 exec perl -e '@PERL@' -- "$socket" "$0" "$@"
  ;;
esac
# The Node.js 26 that npm installed below the program or beside it, else the one on the PATH. (An asterisk before a
# slash would end the comment.)
program=$0
[ -h "$program" ] && program=$(readlink -f "$program")
folder=${program%/*}/..
for node in "$folder"/node_modules/node-linux-*"/bin/node" "$folder"/../node-linux-*"/bin/node" node; do
  [ -x "$node" ] && break
done
cache=${XDG_CACHE_HOME:-${HOME:+$HOME/.cache}}
[ -n "$cache" ] && export NODE_COMPILE_CACHE="$cache/strata"
exec "$node" --disable-warning=ExperimentalWarning -- "$0" "$@"
*/
