#!/bin/sh
# Installs or upgrades OpenGateway from this folder, without a network.
#   ./install.sh [PREFIX]      default /opt/opengateway; PYTHON names an interpreter >= 3.11 with pip
# Each version has a folder of its own, PREFIX/VERSION; PREFIX/current points to the newest. Going back
# is pointing it to the older one. What the product writes is elsewhere: `home` of the zone file.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
prefix=${1:-/opt/opengateway}
python=${PYTHON:-python3}
version=$(head -n 1 "$here/VERSION")

cd "$here"
sha256sum --check --quiet --strict SHA256SUMS
mkdir -p "$prefix"
prefix=$(cd "$prefix" && pwd)
target="$prefix/$version"
rm -rf "$target.new"
mkdir -p "$target.new"
"$python" -m pip install --quiet --disable-pip-version-check --no-index --find-links wheels \
  --root-user-action=ignore --no-warn-script-location --target "$target.new/uv" uv
uv="$target.new/uv/bin/uv"
UV_PYTHON_DOWNLOADS=never "$uv" venv --quiet --relocatable --python "$python" "$target.new/venv"
"$uv" pip install --quiet --offline --no-cache --no-index --find-links wheels --require-hashes \
  --python "$target.new/venv/bin/python" -r requirements.txt
"$uv" pip install --quiet --offline --no-cache --no-index --no-deps \
  --python "$target.new/venv/bin/python" wheels/opengateway-*.whl
rm -rf "$target.new/uv"
cp -R deploy LICENSE SHA256SUMS "$target.new/"
rm -rf "$target.old"
if [ -e "$target" ]; then mv "$target" "$target.old"; fi
mv "$target.new" "$target"
rm -rf "$target.old"
ln -sfn "$version" "$prefix/current"
mkdir -p "$prefix/bin"
ln -sfn ../current/venv/bin/opengateway "$prefix/bin/opengateway"
echo "installed $version; start it with: $prefix/bin/opengateway serve --zone ZONE.yaml"
