/* Builds PyTorch files for tests: pieces of pickles, and archives around them. */
#ifndef ELCL_TESTS_PYTORCH_FILES_H
#define ELCL_TESTS_PYTORCH_FILES_H

#include <stddef.h>

#include "base/util.h"

/* Pieces of a pickle as string literals. */
#define P "\x80\4"
#define TEXT(length, text) "\x8c" length text /* up to 255 bytes */
#define STORAGE_AT(type, key, n)                                                                   \
    "(" TEXT("\7", "storage") "ctorch\n" type "Storage\n" TEXT("\1", key) TEXT("\3", "cpu") n "tQ"
#define STORAGE(type, n) STORAGE_AT(type, "0", n)
#define TENSOR(storage, offset, shape, stride)                                                     \
    "ctorch._utils\n_rebuild_tensor_v2\n(" storage offset shape stride "\x89}tR"
#define PAIR(key, value) TEXT("\1", key) value
/* A dictionary of one tensor with a name of one letter. */
#define ENTRY(name, tensor) P "}" PAIR(name, tensor) "s."
#define ONE(storage, offset, shape, stride) ENTRY("w", TENSOR(storage, offset, shape, stride))
#define F6 STORAGE("Float", "K\6")

/* Pieces of a file of torch before 1.6. */
#define MAGIC "\x80\2\x8a\12\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19."
#define VERSION "\x80\2M\xe9\3."
#define MACHINE(flag) "\x80\2}X\15\0\0\0little_endian" flag "s."
#define BEGIN MAGIC VERSION MACHINE("\x88")
#define OLD_STORAGE(type, key, n, view)                                                            \
    "(" TEXT("\7", "storage") "ctorch\n" type "Storage\n" TEXT("\1", key) TEXT("\3", "cpu") n view \
        "tQ"
#define WHOLE OLD_STORAGE("Float", "0", "K\6", "N")
#define KEYS                                                                                       \
    "\x80\2]X\1\0\0\0"                                                                             \
    "0a."
#define COUNT "\6\0\0\0\0\0\0\0"

struct part {
    const char *name, *data;
    size_t n;
};

enum {
    ARCHIVE_COMMENT = 1, /* after the end record */
    ARCHIVE_OVERLAP = 2, /* the first entry is as long as both */
    ARCHIVE_ZIP64 = 4,   /* sizes and offsets in zip64 fields, and a zip64 end record */
};

/* 24 bytes, the floats 0 .. 5. */
extern const char storage_bytes[24];

struct elcl_str archive_of(const struct part *parts, size_t n, int flags);
/* Returns an archive of the pickle and the storage "0". */
struct elcl_str archive_of_pickle(const char *pickle, size_t n);
/* Returns the offset of the directory. */
size_t directory_of(const struct elcl_str *archive);

#endif
