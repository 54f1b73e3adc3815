#!/bin/sh
# From a fresh clone to generated text: installs the packages that elcl needs (Debian 12 or later;
# with sudo when not root), builds into build/ and generates with the model that ships.
#
#     sh tools/quickstart.sh
#
# May be run again at any time: what is there already is left as it is.
set -u
cd "$(dirname "$0")/.." || exit 1
. tools/setup.sh

install_packages "$build_packages" || exit 1
build build || exit 1

say 'build/elcl generate models/g2p-en attention transformer kernel'
build/elcl generate models/g2p-en attention transformer kernel
