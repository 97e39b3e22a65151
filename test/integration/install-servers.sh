#!/usr/bin/env bash
# Installs what the tests against real servers need and this machine lacks, where it has apt and we may. Elsewhere the
# tests say what is missing.
set -euo pipefail

# Each program with the package of Debian that has it.
needs=(
  nginx=nginx curl=curl openssl=openssl strace=strace
  ceph-mon=ceph-mon ceph-osd=ceph-osd ceph-mgr=ceph-mgr radosgw=radosgw ceph=ceph-common
)
missing=()
for need in "${needs[@]}"; do
  command -v "${need%%=*}" >/dev/null || missing+=("${need#*=}")
done
if ((${#missing[@]} == 0)); then exit 0; fi

sudo=()
if ((EUID != 0)); then sudo=(sudo -n); fi
if ! command -v apt-get >/dev/null || ! "${sudo[@]}" true 2>/dev/null; then
  printf 'not installed, and cannot be from here: %s\n' "${missing[*]}" >&2
  exit 0
fi
printf 'installing %s\n' "${missing[*]}"
"${sudo[@]}" apt-get update -qq
"${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
