#!/usr/bin/env bash
# Writes the SHA-256 sums of all files of a bundle, and a signature over them. Usage: seal.sh FOLDER [KEY]      KEY: a private key (PEM)
set -euo pipefail
[ $# -ge 1 ] || { sed -n '2s/^# //p' "$0" >&2; exit 2; }
key=${2:+$(realpath -- "$2")}
cd "$1"
rm -f SHA256SUMS SHA256SUMS.sig
sums=$(find . -type f -print0 | sort -z | xargs -0 sha256sum)
echo "$sums" >SHA256SUMS
[ -z "$key" ] || openssl dgst -sha256 -sign "$key" -out SHA256SUMS.sig SHA256SUMS
