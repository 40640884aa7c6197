#!/usr/bin/env bash
# Makes artifacts/bundle/inverse-solver-VERSION.tar.gz: all that a bare Debian 13 (amd64) without a network needs for the
# service and the CLI. Needs root, Debian, the .NET SDK and a network.
# Usage: [SIGN=KEY] bundle.sh [MODELS...]      MODELS: further folders with model packages; KEY: the private key (PEM) that signs the checksums
# In the bundle: the packages (.deb) that a minimal Debian 13 lacks, the programs, models, licences, documents, bill of materials, checksums, install.sh.
# inverse_reader is compiled on Debian 13, in artifacts/bundle/root, which is kept for the next time.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
release=trixie
cd "$root"
[ "$(id -u)" = 0 ] || { echo "error: run as root" >&2; exit 1; }
fail() { echo "error: $1" >&2; exit 1; }
step() { echo "== $1"; }
[ -z "${SIGN:-}" ] || [ -r "$SIGN" ] || fail "SIGN: there is no key $SIGN."
[ -z "${SIGN:-}" ] || command -v openssl >/dev/null || fail "SIGN: openssl is not installed."
version=$(sed -n 's:.*<Version>\(.*\)</Version>.*:\1:p' Directory.Build.props)
work=${BUNDLE:-$root/artifacts/bundle}
chroot=$work/root
name=inverse-solver-$version
bundle=$work/$name
command -v debootstrap >/dev/null || scripts/install-packages.sh prove
scripts/install-packages.sh sbom

rm -rf "$bundle" "$bundle.tar.gz"
mkdir -p "$bundle/packages"
# shellcheck disable=SC2016  # Expanded by the inner shell.
inside() { unshare --mount --propagation private bash -c 'mount -t proc proc "$1/proc" && exec chroot "$@"' bash "$chroot" "$@"; }

# The list of packages to fetch is made once on the bare root, before the compiler is installed.
if [ ! -e "$work/packages.list" ]; then
  step "a minimal Debian 13, and the packages that it lacks"
  rm -rf "$chroot"
  debootstrap --variant=minbase $release "$chroot" >"$work/debootstrap.log" || { tail "$work/debootstrap.log" >&2; exit 1; }
  cat >"$chroot/etc/apt/sources.list" <<SOURCES
deb http://deb.debian.org/debian $release main
deb http://deb.debian.org/debian $release-updates main
deb http://deb.debian.org/debian-security $release-security main
SOURCES
  install -D -m 755 scripts/install-packages.sh "$chroot/source/scripts/install-packages.sh"
  inside /source/scripts/install-packages.sh --list run image >"$work/packages.wanted"
  inside apt-get update -qq
  mapfile -t wanted <"$work/packages.wanted"
  inside apt-get install -qq --download-only --no-install-recommends "${wanted[@]}" >/dev/null
  rm -rf "$work/packages"
  mv "$chroot/var/cache/apt/archives" "$work/packages"
  mkdir -p "$chroot/var/cache/apt/archives/partial"
  inside /source/scripts/install-packages.sh build
  cp "$work/packages.wanted" "$work/packages.list"
fi
cp "$work"/packages/*.deb "$bundle/packages/"
cp "$work/packages.list" "$bundle/packages.list"
# apt's index of a folder of packages.
(cd "$bundle/packages" && for deb in *.deb; do
  dpkg-deb --field "$deb"
  printf 'Filename: ./%s\nSize: %s\nSHA256: %s\n\n' "$deb" "$(stat -c %s "$deb")" "$(sha256sum "$deb" | cut -d ' ' -f 1)"
done >Packages)

step "inverse_reader, on Debian 13"
rm -rf "$chroot/source/src"
mkdir -p "$chroot/source/src"
cp -r src/InverseSolver.Native "$chroot/source/src/"
inside /source/src/InverseSolver.Native/build.sh

step "programs, models, documents"
for project in Service Cli; do
  INVERSE_NATIVE_OUT=$chroot/source/artifacts/native dotnet publish "src/InverseSolver.$project" \
    -c Release -r linux-x64 --self-contained -p:SkipNativeBuild=true -v quiet -nologo --artifacts-path "$work/build" -o "$bundle/app"
done
for models in models "$@"; do
  mkdir -p "$bundle/app/models"
  cp -rL "$models"/. "$bundle/app/models/"
done
mkdir -p "$bundle/app/docs"
cp LICENSE THIRD-PARTY.md README.md "$bundle/app/"
cp docs/*.md docs/openapi.json "$bundle/app/docs/"
mkdir -p "$bundle/app/docs/images"
cp docs/images/slice.png "$bundle/app/docs/images/"
cp deploy/install.sh scripts/smoke.sh deploy/inverse-solver.service "$bundle/"
echo "$version" >"$bundle/VERSION"

step "bill of materials, checksums, archive"
scripts/sbom.py --packages "$bundle/packages/Packages" --models "$bundle/app/models" --out "$bundle/app/sbom.cdx.json"
scripts/seal.sh "$bundle" ${SIGN:+"$SIGN"}
tar -C "$work" --owner=0 --group=0 --sort=name -czf "$bundle.tar.gz" "$name"
mib() { du -sm "$1" | cut -f 1; }
echo "$(find "$bundle/packages" -name '*.deb' | wc -l) packages $(mib "$bundle/packages") MiB," \
  "app $(mib "$bundle/app") MiB (models $(mib "$bundle/app/models") MiB)"
echo "${bundle#"$root/"}.tar.gz: $(mib "$bundle.tar.gz") MiB, SHA-256 $(sha256sum "$bundle.tar.gz" | cut -d ' ' -f 1)"
rm -rf "$bundle"
