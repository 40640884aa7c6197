#!/usr/bin/env bash
# run.sh [quick]: runs all tests that were built, or those of `make quick`, and closes with the totals. The unit tests run in two
# processes at a time, each with one OpenMP thread: the tests of one process follow each other, because they count tensors. What
# belongs to neither half by its name runs in the second. The tests of Imaging, which load no libtorch, run beside them and beside each other.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit
logs=$(mktemp -d)
trap 'rm -rf "$logs"' EXIT
run() { # NAME PROJECT [OPTION...]
  dotnet test "tests/$2" -c "${CONFIGURATION:-Release}" --no-build --nologo --logger "console;verbosity=minimal" \
    --blame-hang-timeout 15m --results-directory "$logs/$1" "${@:3}" 2>&1 | tee "$logs/$1.log"
}
filter() { local IFS='|'; echo "${*/#/FullyQualifiedName~}"; } # PART...: tests with one of these in their names
if [ "${1:-}" = quick ]; then
  half=$(filter SolverLawTests)
  # Operators keep their laws, data consistency and events their formulas, networks and schedules their references, formats their files, projects their walls.
  other=$(filter UnitTests.Operators. UnitTests.Optimisation. .EventTests .PosteriorTests .GoldenTests .ScheduleTests .DdimScheduleTests .ItemStopTests \
    .InputFormsTests .SolverCatalogTests .LatentModelTests .SafetensorsTests .ArchitectureTests)
  formats=$(filter .NpyTests .NiftiTests .FftTests .IsmrmrdTests .DicomKindsTests .DicomStackTests)
else
  half=$(filter UnitTests.Solvers. UnitTests.Mri.)
  other=$(sed 's/~/!~/g; s/|/\&/g' <<<"$half")
  formats=$(filter ImagingTests.)
fi
status=0
OMP_NUM_THREADS=1 run first InverseSolver.UnitTests --filter "$half" & first=$!
OMP_NUM_THREADS=1 run second InverseSolver.UnitTests --filter "$other" & second=$!
run imaging InverseSolver.ImagingTests --filter "$formats" & imaging=$!
wait $first || status=1
wait $second || status=1
wait $imaging || status=1
[ "${1:-}" = quick ] || run service InverseSolver.ServiceTests || status=1
sum() { cat "$logs"/*.log | grep -oE "$1: +[0-9]+" | grep -oE '[0-9]+' | awk '{ n += $1 } END { print n + 0 }'; }
echo
echo "$(sum Passed) passed, $(sum Failed) failed, $(sum Skipped) skipped"
exit $status
