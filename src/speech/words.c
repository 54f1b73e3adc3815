/* Words to segments: times, punctuation, and words that are too long for where they stand. */
#include "speech/words.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/util.h"

#define STATES_PER_SECOND 50
#define LONGEST_MEDIAN 0.7 /* seconds */
#define SENTENCE_ENDS ".。!！?？"
#define BEFORE_WORDS "\"'“¿([{-"
#define AFTER_WORDS "\"'.。,，!！?？:：”)]}、"

/* ---- times ----------------------------------------------------------------------------------- */

void elcl_words_time(struct elcl_timed_words *words, const int *begin, const float *log_probs)
{
    int at = 0;
    for (size_t i = 0; i < words->n; i++) {
        struct elcl_timed_word *word = &words->words[i];
        double sum = 0;
        for (int k = 0; k < word->n_tokens; k++)
            sum += exp((double)log_probs[at + k]);
        word->probability = sum / word->n_tokens;
        word->start = (double)begin[at] / STATES_PER_SECOND;
        at += word->n_tokens;
        word->end = (double)begin[at] / STATES_PER_SECOND;
    }
}

static int compare_doubles(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Computes the median of the lengths that are not 0, at most LONGEST_MEDIAN; 0 without any. */
static int median_length(const struct elcl_timed_words *words, double *median, elcl_error *err)
{
    double *lengths = elcl_calloc(words->n, sizeof(*lengths));
    size_t n = 0;
    if (!lengths)
        return elcl_fail_nomem(err);
    for (size_t i = 0; i < words->n; i++)
        if (words->words[i].end != words->words[i].start)
            lengths[n++] = words->words[i].end - words->words[i].start;
    qsort(lengths, n, sizeof(*lengths), compare_doubles);
    *median = n ? fmin(LONGEST_MEDIAN, (lengths[(n - 1) / 2] + lengths[n / 2]) / 2) : 0;
    elcl_free(lengths);
    return ELCL_OK;
}

/* Returns whether signs has the text, which may be empty. */
static bool is_in(const char *text, const char *signs)
{
    return strstr(signs, text) != NULL;
}

/* At the end of a sentence, silence makes words long. */
static void shorten_at_sentence_ends(struct elcl_timed_words *words, double longest)
{
    for (size_t i = 1; longest > 0 && i < words->n; i++) {
        struct elcl_timed_word *word = &words->words[i];
        if (word->end - word->start <= longest)
            continue;
        if (is_in(word->text, SENTENCE_ENDS))
            word->end = word->start + longest;
        else if (is_in(word[-1].text, SENTENCE_ENDS))
            word->start = word->end - longest;
    }
}

/* ---- punctuation ----------------------------------------------------------------------------- */

/* Appends `from` to the end of `to`, or puts it before; `from` becomes empty. */
static int merge(struct elcl_timed_word *to, struct elcl_timed_word *from, bool before,
                 elcl_error *err)
{
    struct elcl_str text = {0};
    elcl_str_text(&text, before ? from->text : to->text);
    elcl_str_text(&text, before ? to->text : from->text);
    if (text.failed) {
        elcl_str_finish(&text);
        return elcl_fail_nomem(err);
    }
    elcl_free(to->text);
    to->text = text.data;
    to->n_tokens += from->n_tokens;
    from->text[0] = '\0';
    from->n_tokens = 0;
    return ELCL_OK;
}

static int merge_punctuation(struct elcl_timed_words *all, elcl_error *err)
{
    struct elcl_timed_word *words = all->words;
    size_t next = all->n - 1;
    int rc = ELCL_OK;
    for (size_t i = all->n - 1; i-- > 0;) {
        if (words[i].text[0] == ' ' && elcl_word_is_signs(words[i].text, BEFORE_WORDS))
            ELCL_TRY(merge(&words[next], &words[i], true, err));
        else
            next = i;
    }
    size_t last = 0;
    for (size_t i = 1; i < all->n; i++) {
        const size_t n = strlen(words[last].text);
        const bool open = n && words[last].text[n - 1] == ' ';
        if (words[i].text[0] && !open && is_in(words[i].text, AFTER_WORDS))
            ELCL_TRY(merge(&words[last], &words[i], false, err));
        else
            last = i;
    }
fail:
    return rc;
}

/* ---- segments -------------------------------------------------------------------------------- */

static double hundredths(double seconds)
{
    return rint(seconds * 100) / 100;
}

/* Moves the words from *at on that begin within the segment's tokens to it. */
static int take_words(struct elcl_timed_words *all, size_t *at, struct elcl_word_segment *segment,
                      double offset, elcl_error *err)
{
    struct elcl_timed_words *to = &segment->words;
    for (size_t taken = 0; *at < all->n && taken < segment->n_text; ++*at) {
        struct elcl_timed_word *word = &all->words[*at];
        void *grown = to->words;
        taken += (size_t)word->n_tokens;
        if (!word->text[0])
            continue;
        if (!elcl_grow(&grown, &to->capacity, to->n + 1, sizeof(*word)))
            return elcl_fail_nomem(err);
        to->words = grown;
        to->words[to->n] = *word;
        to->words[to->n].start = hundredths(offset + word->start);
        to->words[to->n++].end = hundredths(offset + word->end);
        word->text = NULL;
    }
    return ELCL_OK;
}

/* After a pause, silence makes the first two words long. The pause is longer than both may be, so
 * that no time gets below 0. */
static void shorten_after_pause(struct elcl_timed_words *words, double median, double last_speech)
{
    const double longest = 2 * median;
    struct elcl_timed_word *one = words->words, *two = words->n > 1 ? one + 1 : NULL;
    const bool is_long =
        one->end - one->start > longest || (two && two->end - one->start > 2 * longest);
    if (one->end - last_speech <= 4 * median || !is_long)
        return;
    if (two && two->end - two->start > longest)
        one->end = two->start = two->end - longest;
    one->start = one->end - longest;
}

/* The segment takes the times of its first and last word, unless the word is much longer than the
 * segment says: then the word takes those of the segment. */
static void agree(struct elcl_word_segment *segment, double median)
{
    struct elcl_timed_word *one = segment->words.words;
    struct elcl_timed_word *last = one + segment->words.n - 1;
    if (segment->start < one->end && segment->start - 0.5 > one->start)
        one->start = fmax(0, fmin(one->end - median, segment->start));
    else
        segment->start = one->start;
    if (segment->end > last->start && segment->end + 0.5 < last->end)
        last->end = fmax(last->start + median, segment->end);
    else
        segment->end = last->end;
}

int elcl_words_place(struct elcl_timed_words *words, struct elcl_word_segment *segments, size_t n,
                     double offset, double *last_speech, elcl_error *err)
{
    double median = 0;
    size_t at = 0;
    int rc = ELCL_OK;
    if (!words->n)
        return rc;
    ELCL_TRY(median_length(words, &median, err));
    shorten_at_sentence_ends(words, 2 * median);
    ELCL_TRY(merge_punctuation(words, err));
    for (size_t i = 0; i < n; i++) {
        ELCL_TRY(take_words(words, &at, &segments[i], offset, err));
        if (!segments[i].words.n)
            continue;
        shorten_after_pause(&segments[i].words, median, *last_speech);
        agree(&segments[i], median);
        *last_speech = segments[i].end;
    }
fail:
    return rc;
}
