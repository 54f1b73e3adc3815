/* How a SentencePiece model cuts a text: into words, characters, or the best pieces (unigram). */
#include "text/characters.h"
#include "text/spm_model.h"

/* A word begins at the start and at each U+2581. */
static int cut_words(const struct elcl_spm *spm, const char *s, size_t n, elcl_spm_take take,
                     void *user, elcl_error *err)
{
    size_t begin = 0;
    int rc = ELCL_OK;
    for (size_t i = 0; i < n && !rc;) {
        uint32_t code;
        i += elcl_character(s + i, n - i, &code);
        if (i < n && !elcl_begins_with(s + i, n - i, ELCL_UNDERLINE))
            continue;
        rc = take(user, s + begin, i - begin, elcl_spm_ordinary_id(spm, s + begin, i - begin), err);
        begin = i;
    }
    return rc;
}

static int cut_characters(const struct elcl_spm *spm, const char *s, size_t n, elcl_spm_take take,
                          void *user, elcl_error *err)
{
    int rc = ELCL_OK;
    for (size_t i = 0; i < n && !rc;) {
        bool is_symbol;
        const size_t length = elcl_spm_symbol(&spm->symbols, s + i, n - i, &is_symbol);
        rc = take(user, s + i, length, elcl_spm_ordinary_id(spm, s + i, length), err);
        i += length;
    }
    return rc;
}

static int cut_unigram(const struct elcl_spm *spm, const char *s, size_t n, elcl_spm_take take,
                       void *user, elcl_error *err)
{
    struct elcl_unigram_scratch cuts = {0};
    int rc = elcl_unigram_cut(&spm->unigram, spm->unknown, s, n, &cuts, err);
    for (size_t i = 0; i < cuts.n_spans && !rc; i++)
        rc = take(user, s + cuts.spans[i].begin, cuts.spans[i].end - cuts.spans[i].begin,
                  cuts.spans[i].id, err);
    elcl_unigram_scratch_finish(&cuts);
    return rc;
}

int elcl_spm_cut(const struct elcl_spm *spm, const char *s, size_t n, elcl_spm_take take,
                 void *user, elcl_error *err)
{
    switch (spm->algorithm) {
    case ELCL_SPM_BPE:
        return elcl_spm_cut_bpe(spm, s, n, take, user, err);
    case ELCL_SPM_WORD:
        return cut_words(spm, s, n, take, user, err);
    case ELCL_SPM_CHAR:
        return cut_characters(spm, s, n, take, user, err);
    case ELCL_SPM_UNIGRAM:
        break;
    }
    return cut_unigram(spm, s, n, take, user, err);
}
