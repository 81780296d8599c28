#!/usr/bin/env bash
# A Vulkan driver that needs no GPU, so that the WebGPU tests run on every machine. Dawn needs lavapipe
# of Mesa 23 or newer; Debian 12 ships 22.3, its backports suite 25.0.
set -euo pipefail

oldest=23
version=$(dpkg-query --showformat='${Version}' --show mesa-vulkan-drivers 2>/dev/null || true)
if [ -n "$version" ] && dpkg --compare-versions "$version" ge "$oldest"; then
  echo "mesa-vulkan-drivers $version is installed"
  exit 0
fi

# shellcheck disable=SC1091
codename=$(. /etc/os-release && echo "$VERSION_CODENAME")
candidate() {
  apt-cache madison mesa-vulkan-drivers | awk -F'|' '{ gsub(/ /, "", $2); print $2 }' |
    while read -r found; do
      if dpkg --compare-versions "$found" ge "$oldest"; then echo "$found"; fi
    done | head -n 1 || true
}

# The machine may use a mirror, so its own entry is copied with only the suite changed.
add_backports() {
  local folder=/etc/apt/sources.list.d
  if [ -f "$folder/debian.sources" ]; then
    awk -v plain="$codename" -v suite="$codename-backports" '
      # Stanzas are separated by empty lines; the one that names the plain suite is the archive.
      BEGIN { RS = ""; ORS = "\n" }
      !done && $0 ~ "(^|\n)Suites:[^\n]* " plain "( |\n|$)" {
        sub(/(^|\n)Suites:[^\n]*/, "\nSuites: " suite)
        sub(/^\n/, "")
        print
        done = 1
      }
    ' "$folder/debian.sources" >"$folder/tfjs-latent-backports.sources"
  else
    awk -v plain="$codename" -v suite="$codename-backports" '
      !done && $1 == "deb" {
        for (i = 2; i <= NF; i++) if ($i == plain) { $i = suite; print; done = 1; break }
      }
    ' /etc/apt/sources.list >"$folder/tfjs-latent-backports.list"
  fi
}

retry() {
  local attempt
  for attempt in 1 2 3 4; do
    if "$@"; then return 0; fi
    echo "attempt $attempt failed: $*"
    sleep $((attempt * 5))
  done
  return 1
}

export DEBIAN_FRONTEND=noninteractive
retry apt-get update
if [ -z "$(candidate)" ]; then
  add_backports
  retry apt-get update
fi
version=$(candidate)
if [ -z "$version" ]; then
  echo "no mesa-vulkan-drivers >= $oldest in the archive of this machine" >&2
  exit 1
fi
retry apt-get install -y --no-install-recommends -t "$codename-backports" \
  mesa-vulkan-drivers libvulkan1 ||
  retry apt-get install -y --no-install-recommends "mesa-vulkan-drivers=$version" libvulkan1
