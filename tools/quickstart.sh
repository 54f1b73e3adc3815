#!/bin/sh
# Installs the packages that elcl needs (Debian 12 or later; uses sudo if you are not root), builds
# elcl in build/, and generates phonemes with the model g2p-en. You can run it again at any time: it
# keeps what is already installed and built.
#
#     sh tools/quickstart.sh [--help]
set -u
cd "$(dirname "$0")/.." || exit 1
. tools/setup.sh

case ${1-} in
'') ;;
--help | -h) print_help tools/quickstart.sh && exit ;;
*) refuse tools/quickstart.sh "unknown option '$1'" ;;
esac

install_packages "$build_packages" || exit 1
build build || exit 1

say 'build/elcl generate models/g2p-en attention transformer kernel'
build/elcl generate models/g2p-en attention transformer kernel
