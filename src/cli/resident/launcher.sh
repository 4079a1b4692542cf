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
# The Node.js 26 that npm installed below the program or beside it, else the one on the PATH. Beside a copy of the file
# there is nothing of ours. (An asterisk before a slash would end the comment.)
program=$0
[ -h "$program" ] && program=$(readlink -f "$program")
node=node
case $program in
*"/dist/strata")
  folder=${program%/*}/..
  for node in "$folder"/node_modules/node-linux-*"/bin/node" "$folder"/../node-linux-*"/bin/node" node; do
    [ -x "$node" ] && break
  done
  ;;
esac
cache=${XDG_CACHE_HOME:-${HOME:+$HOME/.cache}}
[ -n "$cache" ] && export NODE_COMPILE_CACHE="$cache/strata"
if [ "$node" = node ]; then
  # A Node.js that is too old says so itself, unless it is so old that it knows nothing of what follows: that is asked
  # once, until the first cache of a new one is there.
  for seen in "$cache"/strata/v2[6-9].* "$cache"/strata/v[3-9][0-9].* none; do [ -d "$seen" ] && break; done
  if [ "$seen" = none ] && ! node -e 'process.exit(parseInt(process.versions.node) < 26 ? 1 : 0)' 2>/dev/null; then
    found=$(node --version 2>/dev/null)
    echo "strata: Node.js 26 or newer is needed, and $([ -n "$found" ] && echo "this is $found ($(command -v node))" || echo none is on the PATH)." >&2
    exit 1
  fi
fi
# Node.js begins with raising this limit; containers have what the daemon was started with, by whichever command.
export STRATA_OPEN_FILES="${STRATA_OPEN_FILES:-$(ulimit -Sn)}"
# The file has no ending, so that a package.json beside or above it says what kind of module it is. Where that is not
# ours, the file is loaded by hand.
kind=
[ -f "${program%/*}/package.json" ] && read -r kind <"${program%/*}/package.json"
# Without the first flag, SIGUSR1 opens Node's inspector: a door into a process of root's.
[ "$kind" = '{ "type": "commonjs" }' ] && exec "$node" --disable-sigusr1 --disable-warning=ExperimentalWarning -- "$0" "$@"
exec "$node" --disable-sigusr1 --disable-warning=ExperimentalWarning -e '@LOADER@' -- "$program" "$@"
*/
