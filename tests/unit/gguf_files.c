#include "gguf_files.h"

#include <stdio.h>
#include <string.h>

#include "check.h"

const char *golden_gguf(const char *name)
{
    static char path[512];
    snprintf(path, sizeof(path), "%s/tests/golden/gguf/%s", check_root(), name);
    return path;
}

void gguf_put_number(struct gguf_made *m, uint64_t value, int bytes)
{
    char text[8];
    for (int i = 0; i < bytes; i++)
        text[i] = (char)(value >> 8 * i);
    elcl_str_append(&m->bytes, text, (size_t)bytes);
}

void gguf_put_string(struct gguf_made *m, const char *s)
{
    gguf_put_number(m, strlen(s), 8);
    elcl_str_append(&m->bytes, s, strlen(s));
}

void gguf_put_key(struct gguf_made *m, const char *key, enum elcl_gguf_kind kind)
{
    gguf_put_string(m, key);
    gguf_put_number(m, kind, 4);
    m->n_values++;
}

void gguf_put_int(struct gguf_made *m, const char *key, uint32_t value)
{
    gguf_put_key(m, key, ELCL_GGUF_U32);
    gguf_put_number(m, value, 4);
}

void gguf_put_text(struct gguf_made *m, const char *key, const char *text)
{
    gguf_put_key(m, key, ELCL_GGUF_STRING);
    gguf_put_string(m, text);
}

void gguf_put_tensor(struct gguf_made *m, const char *name, int n_dims, const uint64_t *extents,
                     uint32_t type, uint64_t offset)
{
    gguf_put_string(m, name);
    gguf_put_number(m, (uint64_t)n_dims, 4);
    for (int i = 0; i < n_dims; i++)
        gguf_put_number(m, extents[i], 8);
    gguf_put_number(m, type, 4);
    gguf_put_number(m, offset, 8);
    m->n_tensors++;
}

void gguf_put_head(struct gguf_made *m, uint32_t version, size_t elements)
{
    struct gguf_made whole = {0};
    gguf_put_number(&whole, ELCL_GGUF_MAGIC, 4);
    gguf_put_number(&whole, version, 4);
    gguf_put_number(&whole, m->n_tensors, 8);
    gguf_put_number(&whole, m->n_values, 8);
    elcl_str_append(&whole.bytes, m->bytes.data ? m->bytes.data : "", m->bytes.n);
    while (whole.bytes.n % 32)
        gguf_put_number(&whole, 0, 1);
    for (size_t i = 0; i < elements; i++)
        gguf_put_number(&whole, 0, 1);
    elcl_str_finish(&m->bytes);
    m->bytes = whole.bytes;
}

void gguf_make_t5(struct gguf_made *m, const char *const *tensors, uint32_t last_type)
{
    static const char *const ones[] = {"embedding_length",
                                       "attention.key_length",
                                       "attention.head_count",
                                       "feed_forward_length",
                                       "block_count",
                                       "context_length",
                                       "attention.relative_buckets_count"};
    static const uint64_t table[] = {1, 1};
    char key[64];
    gguf_put_text(m, "general.architecture", "t5");
    for (size_t i = 0; i < ELCL_COUNT(ones); i++) {
        snprintf(key, sizeof(key), "t5.%s", ones[i]);
        gguf_put_int(m, key, 1);
    }
    gguf_put_key(m, "t5.attention.layer_norm_rms_epsilon", ELCL_GGUF_F32);
    gguf_put_number(m, 0x358637bd, 4);
    for (; *tensors; tensors++)
        gguf_put_tensor(m, *tensors, 2, table, tensors[1] ? 0 : last_type, 0);
    gguf_put_head(m, 3, 32);
}
