/* Synthetic models: the same values everywhere, the published sizes, and a file that reads back. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/half.h"
#include "base/util.h"
#include "check.h"
#include "format/safetensors.h"
#include "format/synthetic.h"
#include "model/family.h"
#include "model/synthetic.h"

static double value(const struct elcl_tensor *t, size_t i)
{
    return (double)elcl_bf16_to_f32(((const uint16_t *)t->data)[i]);
}

static const struct elcl_tensor *find(struct elcl_synthetic *s, const char *name)
{
    elcl_error err = {0};
    const struct elcl_tensor *tensor = elcl_tensors_find(&s->base, name);
    if (CHECK(tensor, "%s is not there", name))
        CHECK(!elcl_tensors_load(&s->base, tensor, &err), "%s", err.msg);
    return tensor;
}

static void add(struct elcl_synthetic *s, const char *name, enum elcl_synthetic_kind kind, int rows,
                int columns, int fan_in)
{
    elcl_error err = {0};
    CHECK(!elcl_synthetic_add(s, name, kind, rows, columns, fan_in, &err), "%s", err.msg);
}

/* Checks the mean, the deviation, and that f16 holds every value. */
static void check_spread(const struct elcl_tensor *t, double mean, double deviation)
{
    double sum = 0, squares = 0;
    for (size_t i = 0; i < t->n; i++) {
        const double v = value(t, i);
        sum += v;
        squares += (v - mean) * (v - mean);
        if ((double)elcl_f16_to_f32(elcl_f32_to_f16((float)v)) != v) {
            CHECK(false, "%s: f16 does not hold %g", t->name, v);
            return;
        }
    }
    const double found = sum / (double)t->n, spread = squares / (double)t->n;
    CHECK(found - mean < deviation / 20 && mean - found < deviation / 20, "%s: mean %g", t->name,
          found);
    CHECK(spread > 0.5 * deviation * deviation && spread < 2.1 * deviation * deviation,
          "%s: variance %g, expected about %g", t->name, spread, deviation * deviation);
}

static void test_values(void)
{
    if (!check_case("synthetic: values of a seed"))
        return;
    struct elcl_synthetic s, other;
    elcl_synthetic_init(&s, 7);
    elcl_synthetic_init(&other, 8);
    add(&s, "w", ELCL_SYNTHETIC_WEIGHT, 64, 256, 256);
    add(&s, "e", ELCL_SYNTHETIC_EMBEDDING, 50, 100, 0);
    add(&s, "g", ELCL_SYNTHETIC_GAIN, 4096, 0, 0);
    add(&s, "b", ELCL_SYNTHETIC_SMALL, 4097, 0, 0);
    add(&other, "b", ELCL_SYNTHETIC_SMALL, 4097, 0, 0);
    add(&other, "w", ELCL_SYNTHETIC_WEIGHT, 64, 256, 256);
    check_spread(find(&s, "w"), 0, 1.0 / 16);
    check_spread(find(&s, "e"), 0, 0.0722);
    check_spread(find(&s, "g"), 1, 0.072);
    check_spread(find(&s, "b"), 0, 0.018);
    /* Never change these: hashes compare the results of different versions. */
    const struct elcl_tensor *w = find(&s, "w");
    static const double want[] = {-133, 213, -177, 251, 155, 121};
    for (size_t i = 0; i < ELCL_COUNT(want); i++)
        CHECK(value(w, i) * 2048 == want[i], "w[%zu] is %.17g / 2048, expected %g", i,
              value(w, i) * 2048, want[i]);
    CHECK(memcmp(w->data, find(&other, "w")->data, 1024) != 0, "two seeds, the same values");
    uint16_t first[8];
    memcpy(first, w->data, sizeof(first));
    elcl_tensors_drop(&s.base);
    CHECK(!w->data, "dropped");
    CHECK(!memcmp(first, find(&s, "w")->data, sizeof(first)), "made again they differ");
    CHECK(!elcl_tensors_find(&s.base, "x") && !elcl_tensors_refusal(&s.base, "x"), "no such name");
    elcl_synthetic_finish(&s);
    elcl_synthetic_finish(&other);
}

/* Published sizes. BART and Marian files also hold final_logits_bias, which is no parameter. */
static void test_sizes(void)
{
    static const struct {
        const char *name;
        uint64_t parameters;
    } known[] = {{"bart-large", 406291456 + 50265},
                 {"bart-base", 139420416 + 50265},
                 {"gpt2", 124439808},
                 {"gpt2-medium", 354823168},
                 {"t5-base", 222903552},
                 {"whisper-tiny", 37760640},
                 {"whisper-base", 72593920},
                 {"whisper-small", 241734912},
                 {"whisper-medium", 763857920},
                 {"whisper-large-v3", 1543490560},
                 {"whisper-large-v3-turbo", 808878080}};
    int n = 0;
    for (const char *name; (name = elcl_synthetic_name(n)); n++) {
        if (!check_case("synthetic: sizes of %s", name))
            continue;
        struct elcl_config config = {0};
        struct elcl_arch arch;
        struct elcl_synthetic s = {0};
        const struct elcl_family *family;
        elcl_gen_options options;
        elcl_error err = {0};
        CHECK(!elcl_synthetic_config(name, &config, &err) &&
                  !elcl_family_read(&config, &family, &arch, &options, &err) &&
                  !elcl_synthetic_model(&config, &arch, 0, &s, &err),
              "%s", err.msg);
        CHECK(s.parameters > 30000000 && s.parameters < 2000000000, "%llu parameters",
              (unsigned long long)s.parameters);
        for (size_t i = 0; i < ELCL_COUNT(known); i++)
            CHECK(strcmp(known[i].name, name) || known[i].parameters == s.parameters,
                  "%llu parameters, expected %llu", (unsigned long long)s.parameters,
                  (unsigned long long)known[i].parameters);
        elcl_synthetic_finish(&s);
        elcl_config_finish(&config);
    }
    if (check_case("synthetic: unknown names")) {
        elcl_error err = {0};
        struct elcl_config config;
        CHECK(n == 13 && !elcl_synthetic_name(-1), "%d names", n);
        CHECK(elcl_synthetic_config("bart-huge", &config, &err) == ELCL_E_ARG, "unknown name");
        CHECK(strstr(err.msg, "bart-huge") && strstr(err.msg, "bart-large, bart-base"), "%s",
              err.msg);
    }
}

static void test_file(void)
{
    if (!check_case("synthetic: a file that reads back"))
        return;
    struct elcl_synthetic s;
    struct elcl_safetensors *st = NULL;
    elcl_error err = {0};
    const char *path = "test_synthetic.safetensors";
    elcl_synthetic_init(&s, 3);
    add(&s, "model.a", ELCL_SYNTHETIC_WEIGHT, 7, 33, 33);
    add(&s, "model.b", ELCL_SYNTHETIC_SMALL, 5, 0, 0);
    add(&s, "c", ELCL_SYNTHETIC_EMBEDDING, 3, 4, 0);
    CHECK(!elcl_synthetic_write(&s, path, &err), "%s", err.msg);
    if (CHECK(!elcl_safetensors_open_file(path, &st, &err), "%s", err.msg)) {
        CHECK(elcl_safetensors_count(st) == 3, "%zu tensors", elcl_safetensors_count(st));
        static const char *const names[] = {"model.a", "model.b", "c"};
        for (size_t i = 0; i < ELCL_COUNT(names); i++) {
            const struct elcl_tensor *a = find(&s, names[i]);
            const struct elcl_tensor *b = elcl_safetensors_find(st, names[i]);
            if (!CHECK(b, "%s is not in the file", names[i]))
                continue;
            CHECK(a->n == b->n && a->n_dims == b->n_dims && a->dtype == b->dtype &&
                      a->shape[0] == b->shape[0] && a->shape[1] == b->shape[1],
                  "%s: another shape", names[i]);
            CHECK(!elcl_tensors_load(elcl_safetensors_tensors(st), b, &err), "%s", err.msg);
            CHECK(!memcmp(a->data, b->data, a->n * sizeof(uint16_t)), "%s: other values", names[i]);
        }
    }
    elcl_safetensors_close(&st);
    remove(path);
    CHECK(elcl_synthetic_write(&s, "/nonexistent/x", &err) == ELCL_E_IO, "%s", err.msg);
    elcl_synthetic_finish(&s);
}

int main(int argc, char **argv)
{
    check_begin(argc, argv);
    test_values();
    test_sizes();
    test_file();
    return check_end();
}
