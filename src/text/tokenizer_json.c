/* Reads tokenizer.json and checks each part, so that nothing is silently ignored. */
#include <stdio.h>
#include <string.h>

#include "format/json.h"
#include "text/characters.h"
#include "text/tokenizer_load.h"

static int unsupported(const char *file, const char *key, const char *what, const cJSON *found,
                       elcl_error *err)
{
    return elcl_fail(err, ELCL_E_UNSUPPORTED, "%s: %s: only %s is supported, found %s", file, key,
                     what, elcl_json_describe(found).s);
}

static bool is_type(const cJSON *part, const char *type)
{
    const cJSON *found = elcl_json_get(part, "type");
    return cJSON_IsString(found) && !strcmp(found->valuestring, type);
}

/* Old files do not name the type: a model with merges is BPE, a list of pieces is Unigram. */
static bool is_model(const cJSON *model, const char *type, const char *key)
{
    return elcl_json_get(model, "type") ? is_type(model, type) : elcl_json_get(model, key) != NULL;
}

/* Refuses options of the model that are set: each changes the result. */
static int check_options(const cJSON *model, const char *const *keys, size_t n, const char *file,
                         elcl_error *err)
{
    for (size_t i = 0; i < n; i++) {
        const cJSON *value = elcl_json_get(model, keys[i]);
        const bool off = !value || cJSON_IsNull(value) || cJSON_IsFalse(value) ||
                         (cJSON_IsNumber(value) && value->valuedouble == 0) ||
                         (cJSON_IsString(value) && !*value->valuestring);
        if (!off)
            return unsupported(file, keys[i], "null", value, err);
    }
    return ELCL_OK;
}

static int read_unk(struct elcl_tokenizer *t, const cJSON *model, const char *file, elcl_error *err)
{
    const cJSON *unk = elcl_json_get(model, "unk_token");
    t->fuse_unk = cJSON_IsTrue(elcl_json_get(model, "fuse_unk"));
    if (!unk || cJSON_IsNull(unk))
        return ELCL_OK;
    if (!cJSON_IsString(unk))
        return elcl_json_mismatch(file, "unk_token", "a string", unk, err);
    t->unk = elcl_token_id(t, unk->valuestring);
    if (t->unk < 0)
        return elcl_json_mismatch(file, "unk_token", "a token of the vocabulary", unk, err);
    return ELCL_OK;
}

/* ---- byte-level BPE ------------------------------------------------------------------------ */

static int check_byte_level(struct elcl_tokenizer *t, const cJSON *root, const char *file,
                            elcl_error *err)
{
    const cJSON *part = elcl_json_get(root, "pre_tokenizer");
    const cJSON *prefix = elcl_json_get(part, "add_prefix_space");
    const cJSON *use_regex = elcl_json_get(part, "use_regex");
    const cJSON *normalizer = elcl_json_get(root, "normalizer");
    const cJSON *decoder = elcl_json_get(root, "decoder");
    if (!is_type(part, "ByteLevel"))
        return unsupported(file, "pre_tokenizer", "ByteLevel", elcl_json_get(part, "type"), err);
    if (!is_type(decoder, "ByteLevel"))
        return unsupported(file, "decoder", "ByteLevel", elcl_json_get(decoder, "type"), err);
    if (use_regex && !cJSON_IsTrue(use_regex))
        return unsupported(file, "use_regex", "true", use_regex, err);
    if (prefix && !cJSON_IsBool(prefix))
        return elcl_json_mismatch(file, "add_prefix_space", "true or false", prefix, err);
    t->add_prefix_space = !prefix || cJSON_IsTrue(prefix); /* true is the library's default */
    if (normalizer && !cJSON_IsNull(normalizer))
        return unsupported(file, "normalizer", "null", elcl_json_get(normalizer, "type"), err);
    return ELCL_OK;
}

static int build_byte_level(struct elcl_tokenizer *t, const cJSON *root, const cJSON *config,
                            const struct elcl_text_file *files, elcl_error *err)
{
    const char *file = files[ELCL_FILE_TOKENIZER].path;
    static const char *const keys[] = {"dropout", "continuing_subword_prefix", "end_of_word_suffix",
                                       "byte_fallback", "ignore_merges"};
    const cJSON *model = elcl_json_get(root, "model");
    int rc;
    t->kind = &elcl_kind_bytes;
    ELCL_TRY(check_byte_level(t, root, file, err));
    ELCL_TRY(check_options(model, keys, ELCL_COUNT(keys), file, err));
    ELCL_TRY(elcl_vocab_read(t, elcl_json_get(model, "vocab"), file, err));
    ELCL_TRY(elcl_special_read_json(t, elcl_json_get(root, "added_tokens"), file, err));
    ELCL_TRY(read_unk(t, model, file, err));
    ELCL_TRY(elcl_post_processor_read(t, elcl_json_get(root, "post_processor"), file, err));
    ELCL_TRY(elcl_special_read(t, config, files, err));
    ELCL_TRY(elcl_vocab_spell_bytes(t, err));
    ELCL_TRY(elcl_merges_read_json(t, elcl_json_get(model, "merges"), file, err));
    return ELCL_OK;
fail:
    return rc;
}

/* ---- words and what stands around a text --------------------------------------------------- */

static int read_metaspace(struct elcl_tokenizer *t, const cJSON *part, const char *file,
                          elcl_error *err)
{
    static const struct {
        const char *name;
        int value;
    } schemes[] = {{"always", ELCL_PREPEND_ALWAYS},
                   {"first", ELCL_PREPEND_FIRST},
                   {"never", ELCL_PREPEND_NEVER}};
    const cJSON *scheme = elcl_json_get(part, "prepend_scheme");
    const cJSON *replacement = elcl_json_get(part, "replacement");
    struct elcl_cutting *cutting = &t->cutting;
    cutting->metaspace = true;
    cutting->whole = cJSON_IsFalse(elcl_json_get(part, "split"));
    cutting->prepend = cJSON_IsFalse(elcl_json_get(part, "add_prefix_space")) ? ELCL_PREPEND_NEVER
                                                                              : ELCL_PREPEND_ALWAYS;
    if (!cJSON_IsString(replacement) || strcmp(replacement->valuestring, ELCL_UNDERLINE) != 0)
        return unsupported(file, "replacement", "U+2581", replacement, err);
    if (!scheme)
        return ELCL_OK;
    for (size_t i = 0; i < ELCL_COUNT(schemes); i++) {
        if (cJSON_IsString(scheme) && !strcmp(scheme->valuestring, schemes[i].name)) {
            cutting->prepend = schemes[i].value;
            return ELCL_OK;
        }
    }
    return elcl_json_mismatch(file, "prepend_scheme", "always, first or never", scheme, err);
}

static int read_pre_tokenizer(struct elcl_tokenizer *t, const cJSON *root, const char *file,
                              elcl_error *err)
{
    const cJSON *part = elcl_json_get(root, "pre_tokenizer");
    const cJSON *list = elcl_json_get(part, "pretokenizers");
    if (!part || cJSON_IsNull(part))
        return ELCL_OK;
    if (is_type(part, "Metaspace"))
        return read_metaspace(t, part, file, err);
    const cJSON *first = is_type(part, "Sequence") && cJSON_IsArray(list) ? list->child : part;
    const cJSON *second = first && first != part ? first->next : NULL;
    t->cutting.at_white_space = is_type(first, "WhitespaceSplit");
    if (t->cutting.at_white_space && !second)
        return ELCL_OK;
    if (t->cutting.at_white_space && is_type(second, "Metaspace") && !second->next)
        return read_metaspace(t, second, file, err);
    if (first != part && is_type(first, "Metaspace") && !second)
        return read_metaspace(t, first, file, err);
    return unsupported(file, "pre_tokenizer",
                       "ByteLevel, Metaspace, WhitespaceSplit or the last two in this order",
                       elcl_json_get(part, "type"), err);
}

/* ---- Unigram, and BPE over characters ------------------------------------------------------ */

/* Reads vocab: [["piece", score], ...]. A piece's index is its id. */
static int read_unigram(struct elcl_tokenizer *t, const cJSON *model, const char *file,
                        elcl_error *err)
{
    const cJSON *vocab = elcl_json_get(model, "vocab");
    const int count = cJSON_IsArray(vocab) ? cJSON_GetArraySize(vocab) : 0;
    if (count < 1 || count > ELCL_MAX_TOKEN_ID)
        return elcl_json_mismatch(file, "vocab", "an array of pieces and scores", vocab, err);
    struct elcl_unigram_piece *pieces = elcl_calloc((size_t)count, sizeof(*pieces));
    if (!pieces)
        return elcl_fail_nomem(err);
    int32_t id = 0;
    int rc = ELCL_OK;
    for (const cJSON *item = vocab->child; item && !rc; item = item->next, id++) {
        const cJSON *piece = cJSON_IsArray(item) ? item->child : NULL;
        const cJSON *score = piece ? piece->next : NULL;
        if (!cJSON_IsString(piece) || !cJSON_IsNumber(score)) {
            rc = elcl_fail(err, ELCL_E_FORMAT,
                           "%s: vocab: %d: expected a piece and a score, found %s", file, (int)id,
                           elcl_json_describe(item).s);
            break;
        }
        const size_t n = elcl_json_restore_nul(piece->valuestring);
        pieces[id] = (struct elcl_unigram_piece){
            .s = piece->valuestring, .n = (uint32_t)n, .id = id, .score = score->valuedouble};
        rc = elcl_vocab_add(t, piece->valuestring, n, id, 0, file, err);
    }
    if (!rc)
        rc = elcl_unigram_build(&t->unigram, pieces, (size_t)count, (size_t)count, err);
    elcl_free(pieces);
    const cJSON *unk = elcl_json_get(model, "unk_id");
    int64_t number = -1;
    if (!rc && unk && !cJSON_IsNull(unk) && !elcl_json_int(unk, 0, count - 1, &number))
        rc = elcl_json_mismatch(file, "unk_id", "an id of the vocabulary", unk, err);
    t->unk = (int32_t)number;
    return rc;
}

static int read_characters(struct elcl_tokenizer *t, const cJSON *model, const char *file,
                           elcl_error *err)
{
    static const char *const keys[] = {"dropout", "continuing_subword_prefix",
                                       "end_of_word_suffix"};
    int rc;
    ELCL_TRY(check_options(model, keys, ELCL_COUNT(keys), file, err));
    ELCL_TRY(elcl_vocab_read(t, elcl_json_get(model, "vocab"), file, err));
    ELCL_TRY(read_unk(t, model, file, err));
    ELCL_TRY(elcl_merges_read_json(t, elcl_json_get(model, "merges"), file, err));
    t->ignore_merges = cJSON_IsTrue(elcl_json_get(model, "ignore_merges"));
fail:
    return rc;
}

static void find_bytes(struct elcl_tokenizer *t, const cJSON *model)
{
    t->byte_fallback = cJSON_IsTrue(elcl_json_get(model, "byte_fallback"));
    for (int i = 0; i < 256; i++) {
        char name[16];
        snprintf(name, sizeof(name), "<0x%02X>", (unsigned)i);
        t->byte_token[i] = elcl_token_id(t, name);
    }
}

static int build_pieces(struct elcl_tokenizer *t, const cJSON *root, const cJSON *config,
                        const struct elcl_text_file *files, elcl_error *err)
{
    const char *file = files[ELCL_FILE_TOKENIZER].path;
    const cJSON *model = elcl_json_get(root, "model");
    int rc;
    t->kind = is_model(model, "Unigram", "unk_id") ? &elcl_kind_unigram : &elcl_kind_characters;
    ELCL_TRY(elcl_normalizer_read(&t->normalizer, elcl_json_get(root, "normalizer"), file, err));
    ELCL_TRY(read_pre_tokenizer(t, root, file, err));
    ELCL_TRY(elcl_decoder_read(&t->decoder, elcl_json_get(root, "decoder"), file, err));
    if (t->kind == &elcl_kind_unigram)
        ELCL_TRY(read_unigram(t, model, file, err));
    else
        ELCL_TRY(read_characters(t, model, file, err));
    find_bytes(t, model);
    ELCL_TRY(elcl_special_read_json(t, elcl_json_get(root, "added_tokens"), file, err));
    ELCL_TRY(elcl_post_processor_read(t, elcl_json_get(root, "post_processor"), file, err));
    ELCL_TRY(elcl_special_read(t, config, files, err));
    if (t->eos < 0)
        t->eos = elcl_token_id(t, "</s>");
fail:
    return rc;
}

int elcl_json_build(struct elcl_tokenizer *t, const cJSON *root, const cJSON *config,
                    const struct elcl_text_file *files, elcl_error *err)
{
    const cJSON *model = elcl_json_get(root, "model");
    const bool bpe = is_model(model, "BPE", "merges");
    if (!bpe && !is_model(model, "Unigram", "unk_id"))
        return unsupported(files[ELCL_FILE_TOKENIZER].path, "model", "BPE or Unigram",
                           elcl_json_get(model, "type"), err);
    if (bpe && (is_type(elcl_json_get(root, "pre_tokenizer"), "ByteLevel") ||
                is_type(elcl_json_get(root, "decoder"), "ByteLevel")))
        return build_byte_level(t, root, config, files, err);
    return build_pieces(t, root, config, files, err);
}
