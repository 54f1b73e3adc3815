/* The wire format of Protocol Buffers: the fields of a message, one after another. Groups, which
 * proto2 deprecates, are refused. */
#ifndef ELCL_FORMAT_PROTOBUF_H
#define ELCL_FORMAT_PROTOBUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The rest of a message. */
struct elcl_pb {
    const char *s; /* [n] */
    size_t n;
};

enum elcl_pb_wire { ELCL_PB_VARINT = 0, ELCL_PB_64 = 1, ELCL_PB_BYTES = 2, ELCL_PB_32 = 5 };

struct elcl_pb_field {
    uint32_t number;
    enum elcl_pb_wire wire;
    uint64_t value;       /* of VARINT, 64 and 32 */
    struct elcl_pb bytes; /* of BYTES: a string or a message, inside the input */
};

/* Takes the next field. Returns false at the end, where pb->n is 0, and at bytes that are no field,
 * where it is not. */
bool elcl_pb_next(struct elcl_pb *pb, struct elcl_pb_field *field);

/* Returns the float of a field of 32 bits. */
float elcl_pb_float(const struct elcl_pb_field *field);

#endif
