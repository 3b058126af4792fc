#!/bin/sh
# planted.sh FILE TOOL COMMAND.. - the command must report each thing that
# comments of FILE ("TOOL: NAME") say that the tool reports, and fail; but gcc,
# whose warnings are no failure.
set -u
file=$1 tool=$2
shift 2
said=$("$@" 2>&1)
failed=$?
names=$(sed -n "s|^[ /]*\*\{0,1\} *$tool: \([^ ]*\).*|\1|p" "$file")
missing=
for name in ${names:-of what is planted for it}; do
  case $said in
  *"$name"*) ;;
  *) missing="$missing $name" ;;
  esac
done
[ "$tool" = gcc ] || [ "$failed" != 0 ] || missing="$missing (a failure)"
[ -z "$missing" ] && exit 0
printf '%s\n' "$said" "$file: $tool does not report:$missing" >&2
exit 1
