#!/usr/bin/env bash
# Puts ONNX Runtime into artifacts/onnxruntime, where the build finds it: Microsoft's managed sources and its native library for the CPU, from one npm package.
# ONNXRUNTIME_TGZ names a copy of the package, for machines without a network: npm pack com.github.asus4.onnxruntime@0.4.9
set -euo pipefail
package=com.github.asus4.onnxruntime version=0.4.9
sha512=064cf176e499f4891e0cfe90f25cf64c553689eee1492bd2ed921fccca28131a2ad02373267bae19a509ec8b288c182a3b8a2e0f58d76a1f0e63225b08ddbd16
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
target=$root/artifacts/onnxruntime

[ "$(cat "$target/version" 2>/dev/null)" != "$package $version" ] || exit 0
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
tgz=${ONNXRUNTIME_TGZ:-}
if [ -z "$tgz" ]; then
  command -v npm >/dev/null || { echo "ONNX Runtime is not installed: there is no npm (ONNXRUNTIME_TGZ can name the package's file)." >&2; exit 1; }
  echo "Fetching ONNX Runtime ($package $version, 150 MB)"
  (cd "$work" && npm pack --silent "$package@$version" >/dev/null) || { echo "ONNX Runtime is not installed: npm could not fetch $package." >&2; exit 1; }
  tgz=$work/$package-$version.tgz
fi
[ -r "$tgz" ] || { echo "error: there is no file $tgz" >&2; exit 1; }
echo "$sha512  $tgz" | sha512sum --check --status || { echo "error: $tgz is not $package $version: its SHA-512 differs" >&2; exit 1; }

tar -xzf "$tgz" -C "$work" --wildcards --no-same-owner 'package/Runtime/*.cs' package/LICENSE package/ThirdPartyNotices.txt package/Plugins/Linux/x64/libonnxruntime.so
mkdir -p "$(dirname "$target")"
rm -rf "$target"
mv "$work/package" "$work/onnxruntime"
mv "$work/onnxruntime/Plugins/Linux/x64/libonnxruntime.so" "$work/onnxruntime/"
rm -rf "$work/onnxruntime/Plugins"
# The formatter is to leave these sources as they are.
printf 'root = true\n[*.cs]\ngenerated_code = true\n' >"$work/onnxruntime/.editorconfig"
echo "$package $version" >"$work/onnxruntime/version"
mv "$work/onnxruntime" "$target"
