/* config.json and generation_config.json: values, defaults, errors. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/os.h"
#include "base/util.h"
#include "check.h"
#include "files.h"
#include "format/config.h"

static int parse(const char *model, const char *generation, struct elcl_config *config,
                 elcl_error *err)
{
    return elcl_config_parse(model, strlen(model), generation, generation ? strlen(generation) : 0,
                             config, err);
}

/* ---- config.json --------------------------------------------------------------------------- */

static void test_parse_errors(void)
{
    static const struct {
        const char *what, *model, *generation;
        int code;
        const char *message;
    } cases[] = {
        {"not JSON", "{\"model_type\"", NULL, ELCL_E_FORMAT, "config.json: not valid JSON at byte"},
        {"empty", "", NULL, ELCL_E_FORMAT, "config.json: not valid JSON at byte 0"},
        {"an array", "[]", NULL, ELCL_E_FORMAT,
         "config.json: expected a JSON object, found an array"},
        {"no model_type", "{}", NULL, ELCL_E_FORMAT,
         "config.json: model_type: expected a string, found nothing"},
        {"model_type is a number", "{\"model_type\":3}", NULL, ELCL_E_FORMAT,
         "config.json: model_type: expected a string, found 3"},
        {"other case", "{\"Model_Type\":\"bart\"}", NULL, ELCL_E_FORMAT,
         "config.json: model_type: expected a string, found nothing"},
        {"long model_type", "{\"model_type\":\"abcdefghijklmnopqrstuvwxyzabcdef\"}", NULL,
         ELCL_E_UNSUPPORTED,
         "config.json: model_type abcdefghijklmnopqrstuvwxyzabcdef is not known"},
        {"key twice", "{\"model_type\":\"bart\",\"d_model\":1,\"d_model\":2}", NULL, ELCL_E_FORMAT,
         "config.json: key d_model appears twice"},
        {"bad UTF-8", "{\"model_type\":\"b\xe4rt\"}", NULL, ELCL_E_FORMAT,
         "config.json: not UTF-8 at byte 16"},
        {"text after it", "{\"model_type\":\"bart\"} x", NULL, ELCL_E_FORMAT,
         "config.json: not valid JSON at byte 22"},
        {"generation: not JSON", "{\"model_type\":\"bart\"}", "{,}", ELCL_E_FORMAT,
         "generation_config.json: not valid JSON at byte"},
        {"generation: key twice", "{\"model_type\":\"bart\"}", "{\"a\":1,\"a\":1}", ELCL_E_FORMAT,
         "generation_config.json: key a appears twice"},
    };
    for (size_t i = 0; i < ELCL_COUNT(cases); i++) {
        if (!check_case("parse: %s", cases[i].what))
            continue;
        struct elcl_config config = {0};
        elcl_error err = {0};
        const int rc = parse(cases[i].model, cases[i].generation, &config, &err);
        check_failure("call", rc, &err, cases[i].code, cases[i].message);
        CHECK(!config.model, "something was returned");
        elcl_config_finish(&config);
    }
}

static void test_values(void)
{
    if (!check_case("values of config.json"))
        return;
    struct elcl_config c = {0};
    elcl_error err = {0};
    if (!CHECK(!parse("{\"model_type\":\"bart\",\"i\":7,\"e\":1e2,\"f\":0.25,\"t\":true,"
                      "\"n\":null,\"s\":\"gelu\"}",
                      NULL, &c, &err),
               "%s", err.msg))
        return;
    int i = 0;
    float f = 0;
    bool b = false;
    const char *s = NULL;
    CHECK(!strcmp(c.model_type, "bart"), "%s", c.model_type);
    CHECK(!elcl_config_int(&c, "i", 7, 7, &i, &err) && i == 7, "%d", i);
    CHECK(!elcl_config_int(&c, "e", 0, 100, &i, &err) && i == 100, "%d", i);
    CHECK(!elcl_config_int_or(&c, "i", 0, 9, 1, &i, &err) && i == 7, "%d", i);
    CHECK(!elcl_config_int_or(&c, "n", 0, 9, 3, &i, &err) && i == 3, "%d", i);
    CHECK(!elcl_config_int_or(&c, "absent", 5, 9, 2, &i, &err) && i == 2, "%d", i);
    CHECK(!elcl_config_float_or(&c, "f", 0, 1, 9, &f, &err) && f == 0.25f, "%g", (double)f);
    CHECK(!elcl_config_float_or(&c, "i", 0, 9, 9, &f, &err) && f == 7, "%g", (double)f);
    CHECK(!elcl_config_float_or(&c, "n", 0, 1, 9, &f, &err) && f == 9, "%g", (double)f);
    CHECK(!elcl_config_bool_or(&c, "t", false, &b, &err) && b, "t");
    CHECK(!elcl_config_bool_or(&c, "n", true, &b, &err) && b, "n");
    CHECK(!elcl_config_string_or(&c, "s", "x", &s, &err) && !strcmp(s, "gelu"), "s");
    CHECK(!elcl_config_string_or(&c, "n", "x", &s, &err) && !strcmp(s, "x"), "n");
    CHECK(!elcl_config_string_or(&c, "n", NULL, &s, &err) && !s, "n");
    CHECK(elcl_config_has(&c, "i") && !elcl_config_has(&c, "n") && !elcl_config_has(&c, "I"),
          "has");
    CHECK(!err.code, "%s", err.msg);
    elcl_config_finish(&c);
}

static void test_names(void)
{
    static const char model[] = "{\"model_type\":\"x\",\"a\":7,\"b\":8,\"n\":null,\"o\":{},"
                                "\"p\":{\"q\":1},\"f\":false}";
    struct elcl_config c = {0};
    elcl_error err = {0};
    int i = 0;
    if (!check_case("other names of a key"))
        return;
    CHECK(!parse(model, NULL, &c, &err), "%s", err.msg);
    CHECK(!elcl_config_alias(&c, "absent", "a", false, &err), "%s", err.msg);
    CHECK(!elcl_config_alias(&c, "a", "new", false, &err) &&
              !elcl_config_int(&c, "new", 0, 9, &i, &err) && i == 7,
          "new is %d", i);
    CHECK(!elcl_config_alias(&c, "a", "new", false, &err), "the same value: %s", err.msg);
    CHECK(!elcl_config_alias(&c, "b", "n", false, &err) &&
              !elcl_config_int(&c, "n", 0, 9, &i, &err) && i == 8,
          "for a null: %d", i);
    CHECK(!elcl_config_alias(&c, "b", "a", true, &err) &&
              !elcl_config_int(&c, "a", 0, 9, &i, &err) && i == 7,
          "a counts: %d", i);
    check_failure("two values", elcl_config_alias(&c, "b", "a", false, &err), &err, ELCL_E_FORMAT,
                  "config.json: a is 7 and b is 8, which are two names of one number");
    CHECK(elcl_config_is_set(&c, "a") && elcl_config_is_set(&c, "p"), "set");
    CHECK(!elcl_config_is_set(&c, "o") && !elcl_config_is_set(&c, "f") &&
              !elcl_config_is_set(&c, "absent"),
          "not set");
    elcl_config_finish(&c);
}

enum kind { INT, INT_OR, FLOAT_OR, BOOL_OR, STRING_OR };

static int get(const struct elcl_config *c, enum kind kind, const char *key, elcl_error *err)
{
    int i;
    float f;
    bool b;
    const char *s;
    switch (kind) {
    case INT:
        return elcl_config_int(c, key, 1, 10, &i, err);
    case INT_OR:
        return elcl_config_int_or(c, key, 1, 10, 5, &i, err);
    case FLOAT_OR:
        return elcl_config_float_or(c, key, 0, 0.5, 0.25, &f, err);
    case BOOL_OR:
        return elcl_config_bool_or(c, key, true, &b, err);
    default:
        return elcl_config_string_or(c, key, "x", &s, err);
    }
}

static void test_wrong_values(void)
{
    static const struct {
        enum kind kind;
        const char *value, *message;
    } cases[] = {
        {INT, NULL, "config.json: k: expected an integer in 1 .. 10, found nothing"},
        {INT, "null", "config.json: k: expected an integer in 1 .. 10, found null"},
        {INT, "0", "config.json: k: expected an integer in 1 .. 10, found 0"},
        {INT, "11", "config.json: k: expected an integer in 1 .. 10, found 11"},
        {INT, "2.5", "config.json: k: expected an integer in 1 .. 10, found 2.5"},
        {INT, "\"3\"", "config.json: k: expected an integer in 1 .. 10, found \"3\""},
        {INT, "true", "config.json: k: expected an integer in 1 .. 10, found true"},
        {INT, "[3]", "config.json: k: expected an integer in 1 .. 10, found an array"},
        {INT, "{}", "config.json: k: expected an integer in 1 .. 10, found an object"},
        {INT, "4294967297", "config.json: k: expected an integer in 1 .. 10, found 4294967297"},
        {INT, "1e999", "config.json: k: expected an integer in 1 .. 10, found inf"},
        {INT, "-1e999", "config.json: k: expected an integer in 1 .. 10, found -inf"},
        {INT_OR, "0", "config.json: k: expected an integer in 1 .. 10, found 0"},
        {INT_OR, "\"a long string of more than forty characters in all\"",
         "found \"a long string of more than forty charact...\""},
        {INT_OR, "\"two\\nlines\"", "found \"two lines\""},
        {FLOAT_OR, "0.75", "config.json: k: expected a number in 0 .. 0.5, found 0.75"},
        {FLOAT_OR, "-1", "config.json: k: expected a number in 0 .. 0.5, found -1"},
        {FLOAT_OR, "\"x\"", "config.json: k: expected a number in 0 .. 0.5, found \"x\""},
        {FLOAT_OR, "1e999", "config.json: k: expected a number in 0 .. 0.5, found inf"},
        {BOOL_OR, "1", "config.json: k: expected true or false, found 1"},
        {BOOL_OR, "\"true\"", "config.json: k: expected true or false, found \"true\""},
        {STRING_OR, "1", "config.json: k: expected a string, found 1"},
        {STRING_OR, "false", "config.json: k: expected a string, found false"},
    };
    for (size_t i = 0; i < ELCL_COUNT(cases); i++) {
        if (!check_case("wrong value: getter %d, %s", (int)cases[i].kind,
                        cases[i].value ? cases[i].value : "absent"))
            continue;
        struct elcl_str text = {0};
        elcl_str_printf(&text, "{\"model_type\":\"bart\"");
        if (cases[i].value)
            elcl_str_printf(&text, ",\"k\":%s", cases[i].value);
        elcl_str_printf(&text, "}");
        struct elcl_config c = {0};
        elcl_error err = {0};
        CHECK(!parse(text.data, NULL, &c, &err), "%s", err.msg);
        const int rc = get(&c, cases[i].kind, "k", &err);
        check_failure("call", rc, &err, ELCL_E_FORMAT, cases[i].message);
        elcl_config_finish(&c);
        elcl_str_finish(&text);
    }
}

/* Directories of other programs, by their files; config NULL: no config.json. */
static void test_foreign(void)
{
    static const struct {
        const char *file, *config, *message;
    } cases[] = {
        {"adapter_config.json", NULL,
         "adapter_config.json: is a PEFT adapter without its base model; merge it into the base"},
        {"encoder_model.onnx", NULL, "encoder_model.onnx: is an ONNX model; elcl reads"},
        {"model-q4.gguf", NULL,
         "model-q4.gguf: is a GGUF file; the path of a model may name the file"},
        {"model.gguf", "{\"add_source_eos\":false}", "model.gguf: is a GGUF file; the path of a"},
    };
    for (size_t i = 0; i < ELCL_COUNT(cases); i++) {
        if (!check_case("foreign: %s%s", cases[i].file, cases[i].config ? ", config.json" : ""))
            continue;
        char name[64];
        struct elcl_config c = {0};
        elcl_error err = {0};
        snprintf(name, sizeof(name), "foreign-%zu", i);
        const char *dir = directory(name);
        snprintf(name, sizeof(name), "foreign-%zu/%s", i, cases[i].file);
        write_text(name, "{}");
        snprintf(name, sizeof(name), "foreign-%zu/config.json", i);
        if (cases[i].config)
            write_text(name, cases[i].config);
        check_failure("open", elcl_config_load(dir, &c, &err), &err, ELCL_E_UNSUPPORTED,
                      cases[i].message);
    }
}

static void test_load(void)
{
    if (!check_case("files of a directory"))
        return;
    const char *dir = check_temporary_directory();
    struct elcl_config c = {0};
    elcl_error err = {0};
    int rc = elcl_config_load("/nonexistent/model", &c, &err);
    check_failure("call", rc, &err, ELCL_E_IO, "/nonexistent/model: no such directory");
    err = (elcl_error){0};
    rc = elcl_config_load(dir, &c, &err);
    check_failure("call", rc, &err, ELCL_E_IO, "/config.json: cannot open");
    char *path = elcl_path_join(dir, "config.json");
    err = (elcl_error){0};
    CHECK(!elcl_write_file_atomic(path, "{\"model_type\":\"t5\"}", 19, &err), "%s", err.msg);
    CHECK(!elcl_config_load(dir, &c, &err), "%s", err.msg);
    CHECK(!strcmp(c.model_type, "t5") && !c.generation && c.path && !strcmp(c.path, path), "%s",
          c.model_type);
    elcl_config_finish(&c);
    elcl_config_finish(&c);
    free(path);
    path = elcl_path_join(dir, "generation_config.json");
    CHECK(!elcl_write_file_atomic(path, "{\"num_beams\":3}", 15, &err), "%s", err.msg);
    elcl_gen_options o = {0};
    CHECK(!elcl_config_load(dir, &c, &err) && !elcl_config_gen_options(&c, 100, &o, &err), "%s",
          err.msg);
    CHECK(o.num_beams == 3, "%d beams", o.num_beams);
    elcl_config_finish(&c);
    free(path);
}

/* ---- generation options -------------------------------------------------------------------- */

static int options_of(const char *model, const char *generation, elcl_gen_options *o,
                      elcl_error *err)
{
    struct elcl_config c = {0};
    int rc = parse(model, generation, &c, err);
    if (!rc)
        rc = elcl_config_gen_options(&c, 100, o, err);
    elcl_config_finish(&c);
    return rc;
}

static void test_defaults(void)
{
    if (!check_case("options: defaults"))
        return;
    elcl_gen_options o;
    elcl_error err = {0};
    memset(&o, 0x5a, sizeof(o));
    CHECK(!options_of("{\"model_type\":\"bart\"}", NULL, &o, &err), "%s", err.msg);
    CHECK(o.num_beams == 1 && o.num_return_sequences == 1, "beams");
    CHECK(o.length_penalty == 1 && o.repetition_penalty == 1, "penalties");
    CHECK(o.early_stopping == ELCL_EARLY_FALSE, "early_stopping");
    CHECK(o.max_length == 21 && o.min_length == 0, "lengths");
    CHECK(o.max_new_tokens == 0 && o.min_new_tokens == 0, "new tokens");
    CHECK(o.no_repeat_ngram_size == 0, "n-gram");
    CHECK(o.decoder_start_token_id == -1 && o.pad_token_id == -1, "start, pad");
    CHECK(o.forced_bos_token_id == -1 && o.forced_eos_token_id == -1, "forced");
    CHECK(o.n_eos == 0, "eos");
    for (int i = 0; i < ELCL_MAX_EOS; i++)
        CHECK(o.eos_token_ids[i] == -1, "eos %d", i);
}

/* Hugging Face's two classes of files: the results are those of transformers 4.47.1, and without
 * the flag also of 5.24, which does not know it. */
static void test_which_file(void)
{
    static const struct elcl_config_default defaults[] = {{"forced_eos_token_id", 2}, {NULL, 0}};
    static const char model[] =
        "{\"model_type\":\"x\",\"num_beams\":2,\"max_length\":50,\"eos_token_id\":2,"
        "\"forced_eos_token_id\":2,\"min_length\":4,\"no_repeat_ngram_size\":3}",
                      plain[] = "{\"model_type\":\"x\",\"eos_token_id\":2,\"num_beams\":1,"
                                "\"do_sample\":false,\"forced_eos_token_id\":2}",
                      forced[] = "{\"model_type\":\"x\",\"eos_token_id\":2,"
                                 "\"forced_eos_token_id\":3}";
    static const struct {
        const char *what, *model, *generation;
        int beams, length, min, eos;
    } cases[] = {
        {"only config.json", model, NULL, 2, 50, 4, 2},
        {"both files", model, "{\"eos_token_id\":5}", 1, 21, 0, 5},
        {"both, no EOS", model, "{\"num_beams\":4}", 4, 21, 0, -1},
        {"no copy", model, "{\"_from_model_config\":false,\"eos_token_id\":5}", 1, 21, 0, 5},
        {"a copy", model, "{\"_from_model_config\":true,\"eos_token_id\":5,\"num_beams\":3}", 2, 50,
         4, 2},
        {"a copy of defaults", plain,
         "{\"_from_model_config\":true,\"eos_token_id\":5,\"num_beams\":3}", 3, 21, 0, 5},
        {"a copy of more than the class's", forced,
         "{\"_from_model_config\":true,\"eos_token_id\":5,\"num_beams\":3}", 1, 21, 0, 2},
    };
    for (size_t i = 0; i < ELCL_COUNT(cases); i++) {
        if (!check_case("options: %s", cases[i].what))
            continue;
        struct elcl_config c = {0};
        elcl_gen_options o;
        elcl_error err = {0};
        CHECK(!parse(cases[i].model, cases[i].generation, &c, &err) &&
                  !elcl_config_add_defaults(&c, defaults, &err) &&
                  !elcl_config_gen_options(&c, 100, &o, &err),
              "%s", err.msg);
        CHECK(o.num_beams == cases[i].beams && o.max_length == cases[i].length &&
                  o.min_length == cases[i].min,
              "beams %d, lengths %d and %d", o.num_beams, o.max_length, o.min_length);
        CHECK(o.eos_token_ids[0] == cases[i].eos, "EOS %d", (int)o.eos_token_ids[0]);
        elcl_config_finish(&c);
    }
}

/* Values that transformers accepts. */
static void test_token_values(void)
{
    elcl_gen_options o;
    elcl_error err = {0};
    if (check_case("options: lists of one token, numbers for flags")) {
        CHECK(!options_of("{\"model_type\":\"bart\"}",
                          "{\"decoder_start_token_id\":[2,2],\"forced_bos_token_id\":[40],"
                          "\"forced_eos_token_id\":[9,2,17],\"early_stopping\":1,\"num_beams\":2,"
                          "\"renormalize_logits\":1,\"do_sample\":0,\"eos_token_id\":[],"
                          "\"bos_token_id\":7,\"pad_token_id\":null}",
                          &o, &err),
              "%s", err.msg);
        CHECK(o.decoder_start_token_id == 2, "start %d", (int)o.decoder_start_token_id);
        CHECK(o.forced_bos_token_id == 40 && o.forced_eos_token_id == 2, "forced %d, %d",
              (int)o.forced_bos_token_id, (int)o.forced_eos_token_id);
        CHECK(o.early_stopping == ELCL_EARLY_FALSE && o.renormalize_logits == 1 && !o.do_sample,
              "flags");
        CHECK(o.n_eos == 0 && o.pad_token_id == -1, "EOS %d, pad %d", o.n_eos, (int)o.pad_token_id);
    }
    if (check_case("options: tokens outside the vocabulary")) {
        CHECK(!options_of("{\"model_type\":\"bart\"}",
                          "{\"bos_token_id\":50256,\"eos_token_id\":[-1,50256,100,99],"
                          "\"pad_token_id\":-1,\"unk_token_id\":100,\"suppress_tokens\":[-1],"
                          "\"begin_suppress_tokens\":[100,41,-7]}",
                          &o, &err),
              "%s", err.msg);
        CHECK(o.decoder_start_token_id == -1, "start %d", (int)o.decoder_start_token_id);
        CHECK(o.n_eos == 1 && o.eos_token_ids[0] == 99, "%d EOS", o.n_eos);
        CHECK(o.pad_token_id == -1 && o.unk_token_id == -1, "pad, unk");
        CHECK(o.suppress_tokens.n == 0 && o.begin_suppress_tokens.n == 1, "suppressed");
    }
    if (check_case("options: timestamps")) {
        CHECK(!options_of("{\"model_type\":\"bart\"}",
                          "{\"return_timestamps\":true,\"no_timestamps_token_id\":40,"
                          "\"max_initial_timestamp_index\":50}",
                          &o, &err),
              "%s", err.msg);
        CHECK(o.timestamp_begin_token_id == 41 && o.no_timestamps_token_id == 40 &&
                  o.max_initial_timestamp == 50 && !o.no_speech_length,
              "from %d", (int)o.timestamp_begin_token_id);
        CHECK(!options_of("{\"model_type\":\"bart\"}",
                          "{\"return_timestamps\":false,\"no_timestamps_token_id\":40,"
                          "\"max_initial_timestamp_index\":null}",
                          &o, &err),
              "%s", err.msg);
        CHECK(o.timestamp_begin_token_id == -1 && o.no_timestamps_token_id == 40 &&
                  o.max_initial_timestamp == -1,
              "from %d", (int)o.timestamp_begin_token_id);
        CHECK(!options_of("{\"model_type\":\"bart\"}",
                          "{\"return_timestamps\":true,\"no_timestamps_token_id\":99}", &o, &err) &&
                  o.timestamp_begin_token_id == -1,
              "no token follows");
    }
    if (check_case("options: a flag of BART's first files")) {
        static const char flag[] = "{\"model_type\":\"bart\",\"bos_token_id\":7,"
                                   "\"force_bos_token_to_be_generated\":true}";
        CHECK(!options_of(flag, NULL, &o, &err) && o.forced_bos_token_id == 7, "%d",
              (int)o.forced_bos_token_id);
        CHECK(!options_of(flag, "{\"bos_token_id\":7}", &o, &err) && o.forced_bos_token_id == -1,
              "%d", (int)o.forced_bos_token_id);
    }
    if (check_case("options: a null is the default")) {
        CHECK(!options_of("{\"model_type\":\"bart\",\"bos_token_id\":0}",
                          "{\"eos_token_id\":[5,6],\"forced_eos_token_id\":null,"
                          "\"min_length\":null,\"num_beams\":null,\"bos_token_id\":3}",
                          &o, &err),
              "%s", err.msg);
        CHECK(o.forced_eos_token_id == -1 && o.min_length == 0 && o.num_beams == 1, "nulls");
        CHECK(o.decoder_start_token_id == 3, "falls back to bos");
        CHECK(o.pad_token_id == 5, "falls back to the first eos: %d", (int)o.pad_token_id);
    }
}

static void test_all_options(void)
{
    if (!check_case("options: all"))
        return;
    elcl_gen_options o;
    elcl_error err = {0};
    CHECK(!options_of("{\"model_type\":\"bart\"}",
                      "{\"num_beams\":6,\"num_return_sequences\":2,\"length_penalty\":-0.5,"
                      "\"early_stopping\":true,\"max_length\":62,\"max_new_tokens\":30,"
                      "\"min_length\":11,\"min_new_tokens\":9,\"no_repeat_ngram_size\":3,"
                      "\"repetition_penalty\":1.25,\"decoder_start_token_id\":2,\"bos_token_id\":7,"
                      "\"forced_bos_token_id\":0,\"forced_eos_token_id\":3,\"pad_token_id\":1,"
                      "\"eos_token_id\":2,\"temperature\":0.1,\"top_k\":5,\"do_sample\":false,"
                      "\"num_beam_groups\":3,\"diversity_penalty\":0.75,\"bad_words_ids\":null,"
                      "\"suppress_tokens\":[],\"guidance_scale\":1.0,\"unknown\":3}",
                      &o, &err),
          "%s", err.msg);
    CHECK(o.num_beams == 6 && o.num_return_sequences == 2, "beams");
    CHECK(o.num_beam_groups == 3 && o.diversity_penalty == 0.75f, "groups");
    CHECK(o.length_penalty == -0.5f && o.repetition_penalty == 1.25f, "penalties");
    CHECK(o.early_stopping == ELCL_EARLY_TRUE, "early_stopping");
    CHECK(o.max_length == 62 && o.max_new_tokens == 30, "max");
    CHECK(o.min_length == 11 && o.min_new_tokens == 9, "min");
    CHECK(o.no_repeat_ngram_size == 3, "n-gram");
    CHECK(o.decoder_start_token_id == 2 && o.pad_token_id == 1, "start, pad");
    CHECK(o.forced_bos_token_id == 0 && o.forced_eos_token_id == 3, "forced");
    CHECK(o.n_eos == 1 && o.eos_token_ids[0] == 2, "eos");
    CHECK(!o.do_sample && o.temperature == 0.1f && o.top_k == 5, "sampling");
    CHECK(!options_of("{\"model_type\":\"bart\"}",
                      "{\"do_sample\":true,\"top_p\":0.5,\"min_p\":0.25,\"typical_p\":0.75}", &o,
                      &err),
          "%s", err.msg);
    CHECK(o.do_sample && o.top_p == 0.5f && o.min_p == 0.25f && o.typical_p == 0.75f, "sampling");
    CHECK(o.temperature == 1 && o.top_k == 50 && o.seed == 0, "defaults of sampling");
}

/* As in Marian's generation_config.json. */
static void test_padding_ban(void)
{
    elcl_gen_options o;
    elcl_error err = {0};
    if (check_case("options: padding banned, scores renormalized")) {
        CHECK(!options_of("{\"model_type\":\"marian\"}",
                          "{\"pad_token_id\":9,\"eos_token_id\":0,\"bad_words_ids\":[[9]],"
                          "\"renormalize_logits\":true}",
                          &o, &err),
              "%s", err.msg);
        CHECK(o.ban_pad == 1 && o.renormalize_logits == 1, "%d %d", o.ban_pad,
              o.renormalize_logits);
    }
    if (check_case("options: padding that is EOS is not banned")) {
        CHECK(!options_of("{\"model_type\":\"marian\"}",
                          "{\"eos_token_id\":[4,9],\"pad_token_id\":9,\"bad_words_ids\":[[9]],"
                          "\"renormalize_logits\":false}",
                          &o, &err),
              "%s", err.msg);
        CHECK(o.ban_pad == 0 && o.renormalize_logits == 0, "%d %d", o.ban_pad,
              o.renormalize_logits);
    }
}

/* Lists live as long as the configuration. */
static void test_lists(void)
{
    static const char model[] =
        "{\"model_type\":\"x\",\"pad_token_id\":1,\"bad_words_ids\":[[1],[4,5,6]],"
        "\"suppress_tokens\":[7,8],\"begin_suppress_tokens\":[9],\"stop_strings\":[\"a\",\"bc\"],"
        "\"encoder_no_repeat_ngram_size\":3,\"encoder_repetition_penalty\":1.5}";
    struct elcl_config config;
    elcl_gen_options o;
    elcl_error err = {0};
    if (!check_case("options: lists"))
        return;
    if (!CHECK(!elcl_config_parse(model, strlen(model), NULL, 0, &config, &err), "%s", err.msg))
        return;
    for (int again = 0; again < 2; again++) {
        CHECK(!elcl_config_gen_options(&config, 100, &o, &err), "%s", err.msg);
        CHECK(o.n_bad_words == 2 && !o.ban_pad, "%d words", o.n_bad_words);
        CHECK(o.bad_words[0].n == 1 && o.bad_words[0].ids[0] == 1, "first word");
        CHECK(o.bad_words[1].n == 3 && o.bad_words[1].ids[2] == 6, "second word");
        CHECK(o.suppress_tokens.n == 2 && o.suppress_tokens.ids[1] == 8, "suppressed");
        CHECK(o.begin_suppress_tokens.n == 1 && o.begin_suppress_tokens.ids[0] == 9, "begin");
        CHECK(o.n_stop_strings == 2 && !strcmp(o.stop_strings[1], "bc"), "strings");
        CHECK(o.encoder_no_repeat_ngram_size == 3 && o.encoder_repetition_penalty == 1.5f,
              "encoder rules");
    }
    elcl_config_finish(&config);
}

static void test_class_defaults(void)
{
    static const struct elcl_config_default defaults[] = {
        {"eos_token_id", 7}, {"pad_token_id", 6}, {"forced_eos_token_id", 5}, {NULL, 0}};
    static const char model[] =
        "{\"model_type\":\"x\",\"pad_token_id\":3,\"forced_eos_token_id\":null}";
    for (int with = 0; with < 2; with++) {
        if (!check_case("a family's defaults, %s generation_config.json",
                        with ? "with" : "without"))
            continue;
        struct elcl_config config;
        elcl_gen_options o;
        elcl_error err = {0};
        if (!CHECK(!elcl_config_parse(model, strlen(model), with ? "{}" : NULL, with ? 2 : 0,
                                      &config, &err),
                   "%s", err.msg))
            continue;
        CHECK(!elcl_config_add_defaults(&config, NULL, &err), "%s", err.msg);
        CHECK(!elcl_config_add_defaults(&config, defaults, &err), "%s", err.msg);
        CHECK(!elcl_config_gen_options(&config, 100, &o, &err), "%s", err.msg);
        CHECK(o.n_eos == !with && (with || o.eos_token_ids[0] == 7), "%d EOS", o.n_eos);
        CHECK(o.pad_token_id == (with ? -1 : 3), "pad %d", (int)o.pad_token_id);
        CHECK(o.forced_eos_token_id == -1, "null was replaced by %d", (int)o.forced_eos_token_id);
        elcl_config_finish(&config);
    }
}

static void test_refused_options(void)
{
    static const struct {
        const char *option;
        int code;
        const char *message;
    } cases[] = {
        {"\"do_sample\":2", ELCL_E_FORMAT, "generation_config.json: do_sample"},
        {"\"do_sample\":true,\"eta_cutoff\":0.5", ELCL_E_UNSUPPORTED,
         "generation_config.json: eta_cutoff is 0.5, which elcl does not support"},
        {"\"penalty_alpha\":0.6", ELCL_E_UNSUPPORTED, "penalty_alpha is 0.5999"},
        {"\"dola_layers\":\"high\"", ELCL_E_UNSUPPORTED, "dola_layers is \"high\""},
        {"\"encoder_no_repeat_ngram_size\":-1", ELCL_E_FORMAT, "encoder_no_repeat_ngram_size"},
        {"\"encoder_repetition_penalty\":\"x\"", ELCL_E_FORMAT, "encoder_repetition_penalty"},
        {"\"pad_token_id\":1,\"bad_words_ids\":[1]", ELCL_E_FORMAT,
         "bad_words_ids: expected lists of token ids, found 1"},
        {"\"bad_words_ids\":[[1],[]]", ELCL_E_FORMAT, "bad_words_ids: expected lists"},
        {"\"bad_words_ids\":[[1],[2,-3]]", ELCL_E_FORMAT,
         "bad_words_ids: expected token ids, found -3"},
        {"\"bad_words_ids\":true", ELCL_E_FORMAT, "bad_words_ids: expected lists"},
        {"\"force_words_ids\":[[1]]", ELCL_E_UNSUPPORTED, "force_words_ids is an array"},
        {"\"constraints\":[1]", ELCL_E_UNSUPPORTED, "constraints is an array"},
        {"\"renormalize_logits\":\"x\"", ELCL_E_FORMAT,
         "renormalize_logits: expected true or false"},
        {"\"exponential_decay_length_penalty\":[3,1.5]", ELCL_E_UNSUPPORTED,
         "exponential_decay_length_penalty is an array"},
        {"\"suppress_tokens\":4", ELCL_E_FORMAT,
         "suppress_tokens: expected a list of token ids, found 4"},
        {"\"begin_suppress_tokens\":[4,\"a\"]", ELCL_E_FORMAT,
         "begin_suppress_tokens: expected token ids, found \"a\""},
        {"\"forced_decoder_ids\":[[1,2]]", ELCL_E_UNSUPPORTED, "forced_decoder_ids is an array"},
        {"\"sequence_bias\":{\"a\":1}", ELCL_E_UNSUPPORTED, "sequence_bias is an object"},
        {"\"token_healing\":true", ELCL_E_UNSUPPORTED, "token_healing is true"},
        {"\"guidance_scale\":2", ELCL_E_UNSUPPORTED, "guidance_scale is 2"},
        {"\"watermarking_config\":{\"bias\":1}", ELCL_E_UNSUPPORTED,
         "watermarking_config is an object"},
        {"\"stop_strings\":[\"x\",\"\"]", ELCL_E_FORMAT, "stop_strings: expected strings that are"},
        {"\"stop_strings\":7", ELCL_E_FORMAT, "stop_strings: expected a string or a list"},
        {"\"max_time\":1.5", ELCL_E_UNSUPPORTED, "max_time is 1.5"},
        {"\"num_beams\":0", ELCL_E_FORMAT,
         "generation_config.json: num_beams: expected an integer in 1 .. 64, found 0"},
        {"\"num_beams\":65", ELCL_E_FORMAT, "num_beams: expected an integer in 1 .. 64, found 65"},
        {"\"max_length\":\"long\"", ELCL_E_FORMAT, "max_length: expected an integer"},
        {"\"max_length\":1e20", ELCL_E_FORMAT, "max_length: expected an integer"},
        {"\"length_penalty\":\"x\"", ELCL_E_FORMAT, "length_penalty: expected a number"},
        {"\"length_penalty\":1e60", ELCL_E_FORMAT, "length_penalty: expected a number"},
        {"\"early_stopping\":\"yes\"", ELCL_E_FORMAT,
         "early_stopping: expected true, false or \"never\", found \"yes\""},
        {"\"early_stopping\":2", ELCL_E_FORMAT, "early_stopping: expected true, false"},
        {"\"eos_token_id\":true", ELCL_E_FORMAT,
         "eos_token_id: expected a token id or a list of them, found true"},
        {"\"eos_token_id\":[1,\"2\"]", ELCL_E_FORMAT,
         "eos_token_id: expected a token id or a list of them, found \"2\""},
        {"\"eos_token_id\":[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,"
         "27,28,29,30,31,32,33]",
         ELCL_E_UNSUPPORTED, "eos_token_id: more than 32 ids"},
        {"\"pad_token_id\":\"x\"", ELCL_E_FORMAT, "pad_token_id: expected a token id, found"},
        {"\"suppress_tokens\":[1,1.5]", ELCL_E_FORMAT, "suppress_tokens: expected token ids"},
        {"\"decoder_start_token_id\":[]", ELCL_E_FORMAT,
         "decoder_start_token_id: expected a token id of 0 or more, found nothing"},
        {"\"decoder_start_token_id\":[2,3]", ELCL_E_UNSUPPORTED,
         "decoder_start_token_id has a token for each text of a batch; elcl starts all texts"},
        {"\"forced_bos_token_id\":4294967296", ELCL_E_FORMAT,
         "forced_bos_token_id: expected a token id of 0 or more, or a list of them, found "
         "4294967296"},
        {"\"forced_eos_token_id\":[2,-1]", ELCL_E_FORMAT,
         "forced_eos_token_id: expected a token id of 0 or more, or a list of them, found -1"},
    };
    for (size_t i = 0; i < ELCL_COUNT(cases); i++) {
        if (!check_case("options: %s", cases[i].option))
            continue;
        struct elcl_str generation = {0};
        elcl_str_printf(&generation, "{%s}", cases[i].option);
        elcl_gen_options o = {.num_beams = -7};
        elcl_error err = {0};
        int rc = options_of("{\"model_type\":\"bart\"}", generation.data, &o, &err);
        check_failure("call", rc, &err, cases[i].code, cases[i].message);
        CHECK(o.num_beams == -7, "the output was written");
        elcl_str_finish(&generation);
        /* the same in config.json */
        elcl_str_printf(&generation, "{\"model_type\":\"bart\",%s}", cases[i].option);
        err = (elcl_error){0};
        rc = options_of(generation.data, NULL, &o, &err);
        CHECK(rc == cases[i].code && !strncmp(err.msg, "config.json: ", 13), "%s", err.msg);
        elcl_str_finish(&generation);
    }
}

/* The default length does not count the prompt of a decoder-only model; one from a file does. */
static void test_default_length(void)
{
    static const struct {
        const char *model, *generation;
        bool is_default;
    } cases[] = {
        {"{\"model_type\":\"gpt2\"}", NULL, true},
        {"{\"model_type\":\"gpt2\",\"max_length\":20}", NULL, true},
        {"{\"model_type\":\"gpt2\",\"max_length\":21}", NULL, false},
        {"{\"model_type\":\"gpt2\"}", "{\"max_length\":256}", false},
        {"{\"model_type\":\"gpt2\",\"max_length\":30}", "{\"max_length\":null}", true},
    };
    if (!check_case("default length"))
        return;
    for (size_t i = 0; i < ELCL_COUNT(cases); i++) {
        struct elcl_config c = {0};
        CHECK(!parse(cases[i].model, cases[i].generation, &c, NULL), "case %zu", i);
        CHECK(elcl_config_default_length(&c) == cases[i].is_default, "case %zu", i);
        elcl_config_finish(&c);
    }
}

int main(int argc, char **argv)
{
    check_begin(argc, argv);
    test_parse_errors();
    test_values();
    test_names();
    test_wrong_values();
    test_load();
    test_foreign();
    test_defaults();
    test_which_file();
    test_token_values();
    test_all_options();
    test_padding_ban();
    test_lists();
    test_class_defaults();
    test_refused_options();
    test_default_length();
    return check_end();
}
