/* Log-mel features against those of transformers on synthetic sounds (golden/make_features.py). */
#include <math.h>
#include <string.h>

#include "base/util.h"
#include "check.h"
#include "elcl/speech.h"
#include "files.h"
#include "format/json.h"
#include "speech/fft.h"
#include "speech/mel.h"

#define PI 3.14159265358979323846

/* The sounds of make_features.py. */
static float *make_sound(const char *kind, size_t n)
{
    float *samples = elcl_calloc(n, sizeof(float));
    uint32_t state = 1;
    for (size_t i = 0; i < n; i++) {
        const double t = (double)i / ELCL_SOUND_RATE;
        state = state * 1664525u + 1013904223u;
        const double noise = (double)state / 4294967296.0 - 0.5;
        double value = 0;
        if (!strcmp(kind, "tone"))
            value = 0.5 * sin(2 * PI * 440 * t);
        else if (!strcmp(kind, "noise"))
            value = 0.1 * noise;
        else if (!strcmp(kind, "chirp"))
            value =
                (i / 4000 % 3 != 2 ? 0.3 * sin(2 * PI * (100 + 400 * t) * t) : 0) + 0.001 * noise;
        samples[i] = (float)value;
    }
    return samples;
}

static double number(const cJSON *object, const char *key)
{
    return elcl_json_get(object, key)->valuedouble;
}

static void compare(const cJSON *golden, const char *name, const float *features, size_t n)
{
    const cJSON *want = elcl_json_get(golden, name);
    double sum = 0, squares = 0, worst = 0;
    for (size_t i = 0; i < n; i++) {
        sum += (double)features[i];
        squares += (double)features[i] * (double)features[i];
    }
    size_t i = 0;
    for (const cJSON *v = elcl_json_get(want, "values")->child; v; v = v->next, i += 97)
        worst = fmax(worst, fabs((double)features[i] - v->valuedouble));
    CHECK(i >= n && i < n + 97, "%zu values of %zu", i, n);
    CHECK(worst <= 1e-4, "%s: a feature differs by %g", name, worst);
    CHECK(fabs(sum - number(want, "sum")) <= 1e-5 * (double)n, "%s: sum %g, expected %g", name, sum,
          number(want, "sum"));
    CHECK(fabs(squares - number(want, "squares")) <= 1e-5 * (double)n,
          "%s: sum of squares %g, expected %g", name, squares, number(want, "squares"));
}

static void test_golden(void)
{
    size_t n_text = 0;
    char *text = read_golden_file("tests/golden/features.json", &n_text);
    cJSON *all = text ? cJSON_ParseWithLength(text, n_text) : NULL;
    for (const cJSON *g = all ? all->child : NULL; g; g = g->next) {
        const char *kind = elcl_json_get(g, "kind")->valuestring;
        const size_t n = (size_t)number(g, "n"), padding = (size_t)number(g, "padding");
        const int mels = (int)number(g, "mels");
        if (!check_case("features: %s, %zu samples, %d mels", kind, n, mels))
            continue;
        float *samples = make_sound(kind, n), *features = NULL;
        size_t n_frames = 0;
        elcl_error err = {0};
        if (CHECK(!elcl_features(samples, n, padding, mels, &features, &n_frames, &err), "%s",
                  err.msg) &&
            CHECK(n_frames == (size_t)number(g, "frames"), "%zu frames", n_frames)) {
            compare(g, "numpy", features, n_frames * (size_t)mels);
            compare(g, "torch", features, n_frames * (size_t)mels);
        }
        elcl_free(features);
        elcl_free(samples);
    }
    cJSON_Delete(all);
    elcl_free(text);
}

/* Zeros that are given and zeros that are asked for are the same, also where the end is mirrored.
 */
static void test_padding(void)
{
    if (!check_case("features: padding"))
        return;
    enum { N = 700, PADDING = 500, MELS = 20 };
    float *samples = make_sound("noise", N + PADDING), *a = NULL, *b = NULL;
    size_t n_a = 0, n_b = 0;
    elcl_error err = {0};
    memset(samples + N, 0, PADDING * sizeof(float));
    CHECK(!elcl_features(samples, N, PADDING, MELS, &a, &n_a, &err), "%s", err.msg);
    CHECK(!elcl_features(samples, N + PADDING, 0, MELS, &b, &n_b, &err), "%s", err.msg);
    CHECK(n_a == 7 && n_b == 7 && !memcmp(a, b, sizeof(float) * 7 * MELS), "%zu and %zu frames",
          n_a, n_b);
    elcl_free(a);
    elcl_free(b);
    elcl_free(samples);
}

/* Sounds shorter than the mirrored ends: as numpy's reflect, which mirrors again. */
static void test_short(void)
{
    if (!check_case("features: short sounds"))
        return;
    float one = 0.5f, *features = NULL;
    size_t n_frames = 9;
    elcl_error err = {0};
    CHECK(!elcl_features(NULL, 0, 0, 80, &features, &n_frames, &err) && !n_frames, "%s", err.msg);
    elcl_free(features);
    CHECK(!elcl_features(&one, 1, 0, 80, &features, &n_frames, &err) && !n_frames, "%s", err.msg);
    elcl_free(features);
    /* 1 and 161 samples with 160 zeros after them, by faster-whisper 1.2.1. */
    CHECK(!elcl_features(&one, 1, 160, 80, &features, &n_frames, &err) && n_frames == 1, "%s",
          err.msg);
    CHECK(features && isfinite(features[0]) && isfinite(features[79]), "not finite");
    elcl_free(features);
}

static void test_refused(void)
{
    if (!check_case("features: refused arguments"))
        return;
    float sample = 0, *features = NULL;
    size_t n_frames;
    for (int mels = 0; mels <= ELCL_MAX_MELS + 1; mels += ELCL_MAX_MELS + 1) {
        elcl_error err = {0};
        check_failure("mels", elcl_features(&sample, 1, 160, mels, &features, &n_frames, &err),
                      &err, ELCL_E_ARG, "mels");
    }
    elcl_error err = {0};
    check_failure("NULL", elcl_features(NULL, 1, 0, 80, &features, &n_frames, &err), &err,
                  ELCL_E_ARG, "NULL");
    elcl_error large = {0};
    check_failure("padding", elcl_features(&sample, 1, SIZE_MAX, 80, &features, &n_frames, &large),
                  &large, ELCL_E_NOMEM, "memory");
}

/* Against sums over all points. */
static void test_transform(void)
{
    if (!check_case("features: the Fourier transform"))
        return;
    static struct elcl_fft_table table;
    static struct elcl_fft signals, work;
    static double in[ELCL_FFT_SIGNALS][ELCL_FFT_POINTS];
    static double powers[ELCL_FFT_BINS][ELCL_FFT_SIGNALS];
    double worst = 0;
    elcl_fft_init(&table);
    for (int s = 0; s < ELCL_FFT_SIGNALS; s++)
        for (int i = 0; i < ELCL_FFT_POINTS; i++) {
            in[s][i] = check_normal();
            (s % 2 ? signals.im : signals.re)[i][s / 2] = in[s][i];
        }
    elcl_fft_run(&table, &signals, &work);
    elcl_fft_powers(&signals, powers);
    for (int s = 0; s < ELCL_FFT_SIGNALS; s++)
        for (int k = 0; k < ELCL_FFT_BINS; k++) {
            double re = 0, im = 0;
            for (int i = 0; i < ELCL_FFT_POINTS; i++) {
                re += in[s][i] * cos(2 * PI * k * i / ELCL_FFT_POINTS);
                im -= in[s][i] * sin(2 * PI * k * i / ELCL_FFT_POINTS);
            }
            worst = fmax(worst, fabs(powers[k][s] - re * re - im * im));
        }
    CHECK(worst < 1e-8, "a power differs by %g", worst);
}

/* The areas of triangles are 1, and no bin between the first and the last top is lost. */
static void test_filters(void)
{
    for (int n = 1; n <= ELCL_MAX_MELS; n += n < 80 ? 79 : 16) {
        if (!check_case("features: %d mel filters", n))
            continue;
        static struct elcl_mel mel;
        elcl_mel_init(&mel, n);
        int weights = 0;
        for (int i = 0; i < n; i++) {
            const struct elcl_mel_filter *f = &mel.filters[i];
            CHECK(f->at == weights && f->first >= 0 && f->first + f->n <= ELCL_FFT_BINS,
                  "filter %d", i);
            weights += f->n;
        }
        CHECK(weights <= 2 * ELCL_FFT_BINS, "%d weights", weights);
    }
}

int main(int argc, char **argv)
{
    check_begin(argc, argv);
    test_golden();
    test_padding();
    test_short();
    test_refused();
    test_transform();
    test_filters();
    return check_end();
}
