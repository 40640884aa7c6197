#!/usr/bin/env bash
# Puts `inverse` on the PATH. Usage: install.sh FOLDER [PREFIX]      FOLDER: the built command with all that lies beside it
# PREFIX: /usr/local where it can be written, else ~/.local. The program goes to PREFIX/lib/inverse-solver with the models, its completion to bash's.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
[ $# -ge 1 ] || { sed -n '2,3s/^# //p' "$0" >&2; exit 2; }
built=$1
prefix=${2:-}
[ -x "$built/inverse" ] || { echo "error: there is no $built/inverse: run make build" >&2; exit 2; }
if [ -z "$prefix" ]; then
  prefix=/usr/local
  [ -w "$prefix/bin" ] && [ -w "$prefix/lib" ] || prefix=$HOME/.local
fi
prefix=$(realpath -m -- "$prefix")
lib=$prefix/lib/inverse-solver
completions=$prefix/share/bash-completion/completions
mkdir -p "$prefix/bin" "$prefix/lib" "$completions"

# Whole or not at all; commands that run keep the files that they have open.
rm -rf "$lib.new"
cp -r "$built" "$lib.new"
cp -r "$root/models" "$root/LICENSE" "$root/THIRD-PARTY.md" "$lib.new/"
rm -rf "$lib.old"
[ ! -e "$lib" ] || mv "$lib" "$lib.old"
mv "$lib.new" "$lib"
rm -rf "$lib.old"
ln -sfn "$lib/inverse" "$prefix/bin/inverse"
install -m 644 "$root/scripts/inverse-completion.bash" "$completions/inverse"
echo "$prefix/bin/inverse: $("$prefix/bin/inverse" --version)"
case ":$PATH:" in
  *":$prefix/bin:"*) ;;
  *) echo "$prefix/bin is not on the PATH: add it, for example: export PATH=\"$prefix/bin:\$PATH\"" ;;
esac
