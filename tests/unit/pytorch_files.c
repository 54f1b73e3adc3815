#include "pytorch_files.h"

#include <string.h>

/* Little-endian 0, 1, 2, 3, 4, 5 as floats. */
const char storage_bytes[24] = {0, 0, 0,      0,      0, 0, '\x80', '\x3f', 0, 0, 0,      '\x40',
                                0, 0, '\x40', '\x40', 0, 0, '\x80', '\x40', 0, 0, '\xa0', '\x40'};

static void put(struct elcl_str *out, unsigned long long value, int bytes)
{
    for (int i = 0; i < bytes; i++) {
        const char byte = (char)(i < 8 ? value >> (8 * i) & 0xff : 0);
        elcl_str_append(out, &byte, 1);
    }
}

static void put_text(struct elcl_str *out, const char *s)
{
    elcl_str_append(out, s, strlen(s));
}

static void put_entry(struct elcl_str *out, const struct part *part)
{
    put_text(out, "PK\3\4");
    put(out, 0, 14); /* version, flags, method, time, checksum */
    put(out, part->n, 4);
    put(out, part->n, 4);
    put(out, strlen(part->name), 2);
    put(out, 0, 2);
    put_text(out, part->name);
    elcl_str_append(out, part->data, part->n);
}

static void put_record(struct elcl_str *out, const struct part *part, size_t bytes, size_t at,
                       int flags)
{
    const bool zip64 = (flags & ARCHIVE_ZIP64) != 0;
    put_text(out, "PK\1\2");
    put(out, 0, 16); /* versions, flags, method, time, checksum */
    put(out, zip64 ? 0xffffffffu : bytes, 4);
    put(out, zip64 ? 0xffffffffu : bytes, 4);
    put(out, strlen(part->name), 2);
    put(out, zip64 ? 6 + 4 + 24 : 0, 2);
    put(out, 0, 10); /* comment, part, attributes */
    put(out, zip64 ? 0xffffffffu : at, 4);
    put_text(out, part->name);
    if (!zip64)
        return;
    put(out, 0x5a5a, 2); /* a field to skip */
    put(out, 2, 2);
    put(out, 0, 2);
    put(out, 1, 2);
    put(out, 24, 2);
    put(out, bytes, 8);
    put(out, bytes, 8);
    put(out, at, 8);
}

static void put_end(struct elcl_str *out, size_t n, size_t at, int flags)
{
    const size_t bytes = out->n - at, end64 = out->n;
    if (flags & ARCHIVE_ZIP64) {
        put_text(out, "PK\6\6");
        put(out, 44, 8);
        put(out, 0, 12); /* versions, parts */
        put(out, n, 8);
        put(out, n, 8);
        put(out, bytes, 8);
        put(out, at, 8);
        put_text(out, "PK\6\7");
        put(out, 0, 4);
        put(out, end64, 8);
        put(out, 1, 4);
    }
    put_text(out, "PK\5\6");
    put(out, 0, 4);
    put(out, n, 2);
    put(out, n, 2);
    put(out, bytes, 4);
    put(out, at, 4);
    put(out, flags & ARCHIVE_COMMENT ? 5 : 0, 2);
    if (flags & ARCHIVE_COMMENT)
        put_text(out, "hello");
}

struct elcl_str archive_of(const struct part *parts, size_t n, int flags)
{
    struct elcl_str out = {0};
    size_t at[4] = {0};
    for (size_t i = 0; i < n; i++) {
        at[i] = out.n;
        put_entry(&out, &parts[i]);
    }
    const size_t directory = out.n;
    for (size_t i = 0; i < n; i++) {
        const bool longer = flags & ARCHIVE_OVERLAP && !i;
        put_record(&out, &parts[i], parts[i].n + (longer ? 40 : 0), at[i], flags);
    }
    put_end(&out, n, directory, flags);
    return out;
}

struct elcl_str archive_of_pickle(const char *pickle, size_t n)
{
    const struct part parts[] = {{"a/data.pkl", pickle, n},
                                 {"a/data/0", storage_bytes, sizeof(storage_bytes)}};
    return archive_of(parts, 2, 0);
}

size_t directory_of(const struct elcl_str *archive)
{
    size_t at = 0;
    for (int i = 3; i >= 0; i--)
        at = at << 8 | (unsigned char)archive->data[archive->n - 6 + (size_t)i];
    return at;
}
