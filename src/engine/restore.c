#include "engine/restore.h"

#include "model/encoder_cache.h"

static size_t row_bytes(const struct elcl_model *model)
{
    return elcl_stored_row_bytes(&model->arch, model->attention, model->ops);
}

void elcl_stored_ask(const struct elcl_model *model, const struct elcl_source *source, bool f32,
                     struct elcl_stored *stored)
{
    const enum elcl_storage type = elcl_stored_type(model->attention, model->ops);
    if (!model->encoder_cache || stored->asked || source->kind == ELCL_SOURCE_ROWS)
        return;
    const void *what =
        source->kind == ELCL_SOURCE_TOKENS ? (const void *)source->tokens : source->numbers;
    stored->key =
        elcl_encoder_cache_key(source->kind, what, elcl_source_bytes(&model->arch, source));
    stored->asked = true;
    stored->there =
        elcl_disk_cache_has(model->encoder_cache, &stored->key, source->n * row_bytes(model)) &&
        (!f32 || type == ELCL_F32);
}

bool elcl_stored_read(const struct elcl_model *model, const struct elcl_source *source,
                      struct elcl_stored *stored, const struct elcl_numbers *numbers, int first)
{
    const size_t row = row_bytes(model);
    stored->there = elcl_disk_cache_read(model->encoder_cache, &stored->key,
                                         numbers->stored + (size_t)first * row, source->n * row);
    return stored->there;
}

bool elcl_stored_wants(const struct elcl_model *model, enum elcl_source_kind kind)
{
    const bool made = kind == ELCL_SOURCE_TOKENS || kind == ELCL_SOURCE_INPUTS;
    return made && model->encoder_cache && elcl_disk_cache_stores(model->encoder_cache);
}

void elcl_stored_put(const struct elcl_model *model, const struct elcl_source *source,
                     const struct elcl_stored *stored, const struct elcl_numbers *numbers,
                     int first)
{
    const size_t row = row_bytes(model);
    if (stored->asked && !stored->there)
        elcl_disk_cache_put(model->encoder_cache, &stored->key,
                            numbers->stored + (size_t)first * row, source->n * row);
}
