# Functions that the scripts of this folder share. Source it. POSIX sh, Debian 12 or later.

# To build and run elcl.
build_packages='gcc libc6-dev meson ninja-build pkg-config python3 ocl-icd-opencl-dev
opencl-c-headers libclblast-dev libcjson-dev libutf8proc-dev zlib1g-dev libonig-dev
libmicrohttpd-dev libicu-dev libsndfile1-dev libsamplerate0-dev pocl-opencl-icd'
# To test it: a second compiler, which also checks the kernels' text, and another OpenCL driver.
test_packages='clang mesa-opencl-icd'
# Tests use these if the release has them; Debian 13 has few. Not libclc-16: it replaces libclc-15,
# which is enough for mesa-opencl-icd and clang-16.
optional_packages='clang-format-14 oclgrind clang-15 libclc-15 clang-16 llvm-spirv-15 spirv-tools'

say() {
    printf '== %s\n' "$*"
}

# print_help SCRIPT: prints the comment at the head of a script.
print_help() {
    sed -n '2,/^[^#]/s/^# \{0,1\}//p' "$1"
}

# refuse SCRIPT WHY: for wrong usage.
refuse() {
    printf '%s: %s\n\n' "${1##*/}" "$2" >&2
    print_help "$1" >&2
    exit 2
}

# not_installed NAME...: prints the packages that dpkg does not list as installed, one per line.
not_installed() {
    for package in "$@"; do
        case $(dpkg-query -W -f '${db:Status-Status}\n' "$package" 2>/dev/null) in
        installed*) ;;
        *) printf '%s\n' "$package" ;;
        esac
    done
}

# available NAME...: prints the packages that apt's lists offer.
available() {
    LC_ALL=C apt-cache policy "$@" 2>/dev/null |
        awk '/^[^ ]/ { name = substr($1, 1, length($1) - 1) }
             $1 == "Candidate:" && $2 != "(none)" { print name }'
}

as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        env DEBIAN_FRONTEND=noninteractive "$@"
    else
        sudo env DEBIAN_FRONTEND=noninteractive "$@"
    fi
}

# install_packages REQUIRED [OPTIONAL]: installs two lists of packages. Does not call apt if all are
# installed. Skips optional packages that this release lacks.
install_packages() {
    if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
        say "no apt here. Install these Debian packages or equivalent ones:" $1
        return 0
    fi
    required=$(not_installed $1)
    optional=$(not_installed ${2-})
    [ -n "$required$optional" ] || return 0
    if [ "$(id -u)" -ne 0 ] && ! command -v sudo >/dev/null; then
        [ -n "$required" ] || return 0
        say 'not root, and no sudo here. Install these packages as root:' $required
        return 1
    fi
    # Old lists may name versions that the mirror no longer has.
    if [ -n "$required" ] || [ -z "$(available meson)" ]; then
        say 'apt-get update'
        as_root apt-get update -q </dev/null || say 'apt-get update failed; continuing without it'
    fi
    wanted="$required $([ -z "$optional" ] || available $optional)"
    [ -n "$(printf '%s' "$wanted" | tr -d ' \n')" ] || return 0
    say 'installing these packages and their dependencies:' $wanted
    as_root apt-get install -q -y --no-install-recommends $wanted </dev/null
}

# build FOLDER [MESON_OPTION...]: sets up the folder if it is new, then builds what changed.
build() {
    folder=$1
    shift
    if [ ! -f "$folder/build.ninja" ]; then
        say "meson setup $folder $*"
        meson setup "$folder" "$@" </dev/null || return 1
    fi
    say "ninja -C $folder"
    ninja -C "$folder" </dev/null
}
