#include "format/protobuf.h"

#include <string.h>

#include "base/util.h"

#define MAX_FIELD_NUMBER ((UINT64_C(1) << 29) - 1)

/* A number of at most 64 bits, 7 of them in a byte, the lowest first. */
static bool take_varint(struct elcl_pb *pb, uint64_t *value)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < pb->n && i < 10; i++) {
        const uint8_t byte = (uint8_t)pb->s[i];
        sum |= (uint64_t)(byte & 0x7f) << (7 * i);
        if (byte < 0x80) {
            pb->s += i + 1;
            pb->n -= i + 1;
            *value = sum;
            return true;
        }
    }
    return false;
}

static bool take_bytes(struct elcl_pb *pb, uint64_t n, struct elcl_pb *bytes)
{
    if (n > pb->n)
        return false;
    *bytes = (struct elcl_pb){pb->s, (size_t)n};
    pb->s += n;
    pb->n -= (size_t)n;
    return true;
}

static bool take_fixed(struct elcl_pb *pb, int n, uint64_t *value)
{
    struct elcl_pb bytes;
    if (!take_bytes(pb, (uint64_t)n, &bytes))
        return false;
    *value = elcl_read_le(bytes.s, n);
    return true;
}

bool elcl_pb_next(struct elcl_pb *pb, struct elcl_pb_field *field)
{
    struct elcl_pb rest = *pb;
    struct elcl_pb_field found = {0};
    uint64_t key = 0, n = 0;
    bool ok = take_varint(&rest, &key) && key >> 3 && key >> 3 <= MAX_FIELD_NUMBER;
    if (!ok)
        return false;
    found.number = (uint32_t)(key >> 3);
    found.wire = (enum elcl_pb_wire)(key & 7);
    switch (found.wire) {
    case ELCL_PB_VARINT:
        ok = take_varint(&rest, &found.value);
        break;
    case ELCL_PB_64:
        ok = take_fixed(&rest, 8, &found.value);
        break;
    case ELCL_PB_BYTES:
        ok = take_varint(&rest, &n) && take_bytes(&rest, n, &found.bytes);
        break;
    case ELCL_PB_32:
        ok = take_fixed(&rest, 4, &found.value);
        break;
    default:
        return false;
    }
    if (ok) {
        *pb = rest;
        *field = found;
    }
    return ok;
}

float elcl_pb_float(const struct elcl_pb_field *field)
{
    const uint32_t bits = (uint32_t)field->value;
    float value;
    memcpy(&value, &bits, sizeof(value));
    return value;
}
