#include "text/characters.h"

#include <string.h>

uint32_t elcl_spell_byte(unsigned char byte)
{
    if (byte <= 0x20)
        return 0x100u + byte;
    if (byte >= 0x7f && byte <= 0xa0)
        return 0x121u + byte - 0x7fu;
    return byte == 0xad ? 0x143u : byte;
}

bool elcl_begins_with(const char *s, size_t n, const char *prefix)
{
    const size_t length = strlen(prefix);
    return n >= length && !memcmp(s, prefix, length);
}

void elcl_append_replaced(struct elcl_str *out, const char *s, size_t n, const char *from,
                          const char *to)
{
    const size_t n_from = strlen(from);
    size_t done = 0;
    for (size_t i = 0; i < n;) {
        if (!elcl_begins_with(s + i, n - i, from)) {
            i++;
            continue;
        }
        elcl_str_append(out, s + done, i - done);
        elcl_str_append(out, to, strlen(to));
        i += n_from;
        done = i;
    }
    elcl_str_append(out, s + done, n - done);
}

void elcl_append_stripped(struct elcl_str *out, const char *s, size_t n, bool left, bool right,
                          bool (*is_space)(uint32_t code))
{
    size_t begin = n, end = 0; /* of the stripped text */
    for (size_t i = 0; i < n;) {
        uint32_t code;
        const size_t next = i + elcl_character(s + i, n - i, &code);
        if (!is_space(code)) {
            begin = begin < i ? begin : i;
            end = next;
        }
        i = next;
    }
    begin = left ? begin : 0;
    end = right ? end : n;
    if (begin < end)
        elcl_str_append(out, s + begin, end - begin);
}
