#!/usr/bin/env bash
# Runs all tests that were built, one project after the other, and closes with the totals.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit
log=$(mktemp)
trap 'rm -f "$log"' EXIT
status=0
for project in tests/InverseSolver.UnitTests tests/InverseSolver.ServiceTests; do
  dotnet test "$project" -c "${CONFIGURATION:-Release}" --no-build --nologo --logger "console;verbosity=minimal" --blame-hang-timeout 15m 2>&1 | tee -a "$log" || status=1
done
sum() { grep -oE "$1: +[0-9]+" "$log" | grep -oE '[0-9]+' | awk '{ n += $1 } END { print n + 0 }'; }
echo
echo "$(sum Passed) passed, $(sum Failed) failed, $(sum Skipped) skipped"
exit $status
