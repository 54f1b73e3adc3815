#include "model/unused.h"

#include <string.h>

#include "base/util.h"

#define MAX_NAMED 4

/* The ends of names without effect: masks, counters, versions, positions that are computed, and a
 * table of T5's first files that transformers does not use either. */
static const char *const harmless[] = {
    ".attn.bias",
    ".attn.masked_bias",
    ".attn.attention.bias",
    ".attn.attention.masked_bias",
    "position_ids",
    "_global.weight", /* LED: no token has global attention */
    "_global.bias",
    "embed_positions.weight",
    "embed_positions.weights",
    "embed_positions._float_tensor",
    "encoder.version",
    "decoder.version",
    "decoder.block.0.layer.1.EncDecAttention.relative_attention_bias.weight",
};

static bool is_harmless(const char *name)
{
    const size_t n = strlen(name);
    for (size_t i = 0; i < ELCL_COUNT(harmless); i++)
        if (elcl_ends_with(name, n, harmless[i]))
            return true;
    return false;
}

size_t elcl_unused_tensors(const struct elcl_tensors *tensors, const struct elcl_strmap *used,
                           struct elcl_str *names)
{
    const char *name;
    size_t n = 0;
    for (size_t i = 0; (name = elcl_tensors_name(tensors, i)); i++) {
        if (elcl_strmap_get(used, name, strlen(name)) >= 0 || is_harmless(name))
            continue;
        if (n < MAX_NAMED)
            elcl_str_printf(names, "%s%.100s", n ? ", " : "", name);
        else if (n == MAX_NAMED)
            elcl_str_printf(names, ", ...");
        n++;
    }
    return n;
}
