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

/* GPT-2's rule needs no list of steps. */
static int read_byte_level(struct elcl_tokenizer *t, const cJSON *root, const char *file,
                           elcl_error *err)
{
    const cJSON *part = elcl_json_get(root, "pre_tokenizer");
    const cJSON *normalizer = elcl_json_get(root, "normalizer");
    const cJSON *decoder = elcl_json_get(root, "decoder");
    bool prefix = true, regex = true; /* the library's defaults */
    int rc;
    if (!is_type(decoder, "ByteLevel"))
        return unsupported(file, "decoder", "ByteLevel", elcl_json_get(decoder, "type"), err);
    ELCL_TRY(elcl_normalizer_read(&t->normalizer, normalizer, file, err));
    ELCL_TRY(elcl_json_bool(part, "add_prefix_space", file, &prefix, err));
    ELCL_TRY(elcl_json_bool(part, "use_regex", file, &regex, err));
    if (is_type(part, "ByteLevel") && regex && !t->normalizer.n && !t->ignore_merges) {
        t->add_prefix_space = prefix;
        return ELCL_OK;
    }
    ELCL_TRY(elcl_pretokenizer_read(&t->pre, part, file, err));
    if (!t->pre.bytes)
        return unsupported(file, "pre_tokenizer", "one with ByteLevel", elcl_json_get(part, "type"),
                           err);
fail:
    return rc;
}

static int build_byte_level(struct elcl_tokenizer *t, const cJSON *root, const cJSON *config,
                            const struct elcl_text_file *files, elcl_error *err)
{
    const char *file = files[ELCL_FILE_TOKENIZER].path;
    static const char *const keys[] = {"dropout", "continuing_subword_prefix", "end_of_word_suffix",
                                       "byte_fallback"};
    const cJSON *model = elcl_json_get(root, "model");
    int rc;
    t->kind = &elcl_kind_bytes;
    t->encode_word = elcl_word_bytes;
    t->ignore_merges = cJSON_IsTrue(elcl_json_get(model, "ignore_merges"));
    ELCL_TRY(read_byte_level(t, root, file, err));
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

/* Reads a string of the model that may be null or empty. */
static int read_mark(struct elcl_tokenizer *t, const cJSON *model, const char *key,
                     const char *file, elcl_error *err)
{
    const cJSON *mark = elcl_json_get(model, key);
    if (!mark || cJSON_IsNull(mark))
        return ELCL_OK;
    if (!cJSON_IsString(mark))
        return elcl_json_mismatch(file, key, "a string", mark, err);
    if (*mark->valuestring)
        t->word_mark = elcl_strdup(mark->valuestring);
    return !*mark->valuestring || t->word_mark ? ELCL_OK : elcl_fail_nomem(err);
}

static int read_characters(struct elcl_tokenizer *t, const cJSON *model, const char *file,
                           elcl_error *err)
{
    static const char *const keys[] = {"dropout", "continuing_subword_prefix"};
    int rc;
    ELCL_TRY(check_options(model, keys, ELCL_COUNT(keys), file, err));
    ELCL_TRY(read_mark(t, model, "end_of_word_suffix", file, err));
    ELCL_TRY(elcl_vocab_read(t, elcl_json_get(model, "vocab"), file, err));
    ELCL_TRY(read_unk(t, model, file, err));
    ELCL_TRY(elcl_merges_read_json(t, elcl_json_get(model, "merges"), file, err));
    t->ignore_merges = cJSON_IsTrue(elcl_json_get(model, "ignore_merges"));
fail:
    return rc;
}

/* WordLevel and WordPiece. A missing unk_token is an error only when a text needs it. */
static int read_words(struct elcl_tokenizer *t, const cJSON *model, const char *file,
                      elcl_error *err)
{
    const cJSON *unk = elcl_json_get(model, "unk_token");
    const cJSON *most = elcl_json_get(model, "max_input_chars_per_word");
    int64_t max_word = 100;
    int rc;
    ELCL_TRY(elcl_vocab_read(t, elcl_json_get(model, "vocab"), file, err));
    ELCL_TRY(read_mark(t, model, "continuing_subword_prefix", file, err));
    if (most && !elcl_json_int(most, 0, INT32_MAX, &max_word))
        return elcl_json_mismatch(file, "max_input_chars_per_word", "a count", most, err);
    if (unk && !cJSON_IsString(unk))
        return elcl_json_mismatch(file, "unk_token", "a string", unk, err);
    t->unk = unk ? elcl_token_id(t, unk->valuestring) : -1;
    t->max_word = (size_t)max_word;
fail:
    return rc;
}

static int read_model(struct elcl_tokenizer *t, const cJSON *model, const char *file,
                      elcl_error *err)
{
    if (t->encode_word == elcl_word_unigram)
        return read_unigram(t, model, file, err);
    return t->encode_word == elcl_word_characters ? read_characters(t, model, file, err)
                                                  : read_words(t, model, file, err);
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
    t->kind = &elcl_kind_json;
    ELCL_TRY(elcl_normalizer_read(&t->normalizer, elcl_json_get(root, "normalizer"), file, err));
    ELCL_TRY(elcl_pretokenizer_read(&t->pre, elcl_json_get(root, "pre_tokenizer"), file, err));
    if (t->pre.bytes)
        return unsupported(file, "pre_tokenizer", "ByteLevel with BPE and its decoder",
                           elcl_json_get(elcl_json_get(root, "decoder"), "type"), err);
    ELCL_TRY(elcl_decoder_read(&t->decoder, elcl_json_get(root, "decoder"), file, err));
    ELCL_TRY(read_model(t, model, file, err));
    find_bytes(t, model);
    ELCL_TRY(elcl_special_read_json(t, elcl_json_get(root, "added_tokens"), file, err));
    ELCL_TRY(elcl_post_processor_read(t, elcl_json_get(root, "post_processor"), file, err));
    ELCL_TRY(elcl_special_read(t, config, files, err));
    if (t->eos < 0)
        t->eos = elcl_token_id(t, "</s>");
fail:
    return rc;
}

/* Whether a step of the pre_tokenizer has this type. */
static bool has_step(const cJSON *root, const char *type)
{
    const cJSON *part = elcl_json_get(root, "pre_tokenizer");
    const cJSON *list = elcl_json_get(part, "pretokenizers");
    bool found = is_type(part, type);
    for (const cJSON *item = list ? list->child : NULL; item && !found; item = item->next)
        found = is_type(item, type);
    return found;
}

int elcl_json_build(struct elcl_tokenizer *t, const cJSON *root, const cJSON *config,
                    const struct elcl_text_file *files, elcl_error *err)
{
    const cJSON *model = elcl_json_get(root, "model");
    static const struct {
        const char *type, *key; /* a key that only this type has: old files do not name the type */
        elcl_word_fn encode_word;
    } types[] = {{"BPE", "merges", elcl_word_characters},
                 {"Unigram", "unk_id", elcl_word_unigram},
                 {"WordPiece", "max_input_chars_per_word", elcl_word_piece},
                 {"WordLevel", "unk_token", elcl_word_level}};
    for (size_t i = 0; i < ELCL_COUNT(types) && !t->encode_word; i++)
        if (is_model(model, types[i].type, types[i].key))
            t->encode_word = types[i].encode_word;
    if (!t->encode_word)
        return unsupported(files[ELCL_FILE_TOKENIZER].path, "model",
                           "BPE, Unigram, WordPiece or WordLevel", elcl_json_get(model, "type"),
                           err);
    if (t->encode_word == elcl_word_characters &&
        (has_step(root, "ByteLevel") || is_type(elcl_json_get(root, "decoder"), "ByteLevel")))
        return build_byte_level(t, root, config, files, err);
    return build_pieces(t, root, config, files, err);
}
