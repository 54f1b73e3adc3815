#!/bin/sh
# Plain text rules: no tabs in C, no trailing blanks, no CR, a newline at the end of each file, no
# invisible or look-alike characters, lines of at most 100 columns, no words of the list below; C
# laid out by clang-format 14.
cd "$(dirname "$0")/../.." || exit 1
. tests/lint/lint.sh

texts=$(files '*.[ch]' '*.cc' '*.cl' '*.py' '*.sh' '*.md' 'meson.build' 'meson_options.txt' \
    '*.wrap' '*.1' '*.in')
code=$(printf '%s\n' "$texts" | grep -E '\.([ch]|cc|cl)$')
# No-break spaces, soft hyphen, zero width, direction marks, byte order mark.
invisible='\xc2[\xa0\xad]|\xe2\x80[\x8b-\x8f\xaa-\xaf]|\xe2\x81[\xa0-\xaf]|\xef\xbb\xbf'

# Words that we avoid, each with a better one.
words='
alone       only
anew        again
behind      after
behaviours? behavior
centres?    center
colours?    color
favours?    favor
greys?      gray
hence       so
kin         similar
licences?   license
neighbours? neighbor
thereby     so
told        reported
usual       default
usually     mostly
whilst      while
[a-z]*(normal|optim|organ|penal|quant|real|serial|summar|token)is(e|es|ed|ing|ation) -ize'
avoided=$(printf '%s\n' "$words" | sed '/^$/d; s/  *[^ ]*$//' | paste -sd '|' -)
# Quotations of the Bible, and this list.
prose=$(printf '%s\n' "$texts" | grep -vE '^tests/(cli/kjv|lint/style)\.sh$|^models/')

tabs() { grep -nH "$(printf '\t')" "$@"; }
trailing() { grep -nHE '[[:blank:]]$' "$@"; }
returns() { grep -nH "$(printf '\r')" "$@"; }
avoided() { grep -nHiwE "$avoided" "$@"; }
# Rows of tables, JSON and tested command lines, and links may be longer.
long() {
    awk 'length > 100 && !/^[|{]/ && !/^[0-9] @/ && !/https?:/ {
        print FILENAME ":" FNR ": " length }' "$@"
}
hidden() { LC_ALL=C grep -nHP "$invisible" "$@"; }
unended() {
    for file in "$@"; do
        [ -z "$(tail -c 1 "$file")" ] || echo "$file"
    done
}

something 'style: there are files' "$code"
nothing 'style: tabs' "$(tabs $code)"
nothing 'style: trailing blanks' "$(trailing $texts)"
nothing 'style: carriage returns' "$(returns $texts)"
nothing 'style: invisible characters' "$(hidden $texts)"
nothing 'style: no newline at the end' "$(unended $texts)"
nothing 'style: words that we avoid' "$(avoided $prose)"
nothing 'style: more than 100 columns' "$(long $texts)"

bad=$(mktemp) || exit 1
trap 'rm -f "$bad"' EXIT
printf 'a\tb \r\n\302\240\nend' >"$bad"
something 'style: finds tabs' "$(tabs "$bad")"
something 'style: finds carriage returns' "$(returns "$bad")"
something 'style: finds invisible characters' "$(hidden "$bad")"
something 'style: finds a missing newline' "$(unended "$bad")"
printf 'It stands Behind the colours.\n%0101d\n' 0 >"$bad"
something 'style: finds words' "$(avoided "$bad")"
something 'style: finds long lines' "$(long "$bad")"
printf 'blank \n' >"$bad"
something 'style: finds trailing blanks' "$(trailing "$bad")"

if command -v clang-format-14 >/dev/null; then
    nothing 'style: not as clang-format-14 -i lays it out' "$(printf '%s\n' "$code" |
        grep -E '\.([ch]|cc)$' | xargs clang-format-14 --dry-run --Werror 2>&1 |
        sed -n 's/:.* error:.*//p' | sort -u)"
else
    skip 'style: clang-format: no clang-format-14 here (Debian 13 has no package of it)'
fi
finish
