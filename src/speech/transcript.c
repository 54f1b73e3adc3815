#include "speech/transcript.h"

#include <string.h>

#include "base/utf8.h"

void elcl_words_free(elcl_word *words, size_t n)
{
    for (size_t i = 0; words && i < n; i++)
        elcl_free((void *)words[i].text);
    elcl_free(words);
}

void elcl_segments_finish(struct elcl_segments *segments)
{
    for (size_t i = 0; i < segments->n; i++) {
        elcl_segment *s = &segments->segments[i];
        elcl_words_free((elcl_word *)s->words, s->n_words);
        elcl_free((void *)s->tokens);
        elcl_free((void *)s->text);
    }
    elcl_free(segments->segments);
    elcl_str_finish(&segments->text);
    *segments = (struct elcl_segments){0};
}

int elcl_segments_add(struct elcl_segments *segments, const elcl_segment *segment, elcl_error *err)
{
    void *all = segments->segments;
    int32_t *tokens = elcl_calloc(segment->n_tokens, sizeof(*tokens));
    if (!tokens ||
        !elcl_grow(&all, &segments->capacity, segments->n + 1, sizeof(*segments->segments))) {
        elcl_free(tokens);
        return elcl_fail_nomem(err);
    }
    segments->segments = all;
    elcl_str_text(&segments->text, segment->text);
    if (segments->text.failed) {
        elcl_free(tokens);
        return elcl_fail_nomem(err);
    }
    if (segment->n_tokens)
        memcpy(tokens, segment->tokens, segment->n_tokens * sizeof(*tokens));
    elcl_segment *added = &segments->segments[segments->n];
    *added = *segment;
    added->tokens = tokens;
    added->id = (int)segments->n++;
    return ELCL_OK;
}

bool elcl_is_blank(const char *text)
{
    size_t n;
    elcl_strip(text, &n);
    return n == 0;
}
