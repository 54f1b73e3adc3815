/* Generation options by name: the table, values from text and back, and what owns the lists. */
#include <limits.h>
#include <locale.h>
#include <stdio.h>
#include <string.h>

#include "../check.h"
#include "base/gen_options.h"
#include "base/number.h"
#include "base/util.h"
#include "files.h"

/* ---- the table ----------------------------------------------------------------------------- */

/* A value of each type that is not the one of plain options. */
static const char *example(const elcl_gen_option *option)
{
    switch (option->type) {
    case ELCL_OPTION_BOOL:
        return "true";
    case ELCL_OPTION_INT:
        return "3";
    case ELCL_OPTION_NUMBER:
        return "0.75";
    case ELCL_OPTION_WORD:
        return strcmp(option->name, "search_style") ? "never" : "hf";
    case ELCL_OPTION_TOKEN:
        return "17";
    case ELCL_OPTION_TOKENS:
        return "4,0,9";
    case ELCL_OPTION_TOKEN_LISTS:
        return "5,7;9";
    case ELCL_OPTION_TEXTS:
        return ".";
    }
    return "";
}

static void test_table(void)
{
    const elcl_gen_option *option;
    for (int i = 0; (option = elcl_gen_option_get(i)); i++) {
        if (!check_case("option %s", option->name))
            continue;
        elcl_gen_options o = {0}, before = {0};
        elcl_gen_lists *lists = NULL;
        elcl_error err = {0};
        char *value = NULL;
        CHECK(elcl_gen_option_find(option->name) == option, "another one has the name");
        CHECK(*option->form && *option->help && !strchr(option->help, '\n'), "form and help");
        CHECK(!strchr(option->name, '-') && !strstr(option->help, "--"), "names have no dashes");
        CHECK(!elcl_gen_options_set(&o, option->name, example(option), &lists, &err), "%s",
              err.msg);
        CHECK(!strcmp(option->name, "search_style") || memcmp(&o, &before, sizeof(o)) != 0,
              "nothing changed");
        CHECK(!elcl_gen_options_get(&o, option->name, &value, &err), "%s", err.msg);
        if (option->type == ELCL_OPTION_TEXTS)
            CHECK(!strcmp(value, ".\n"), "found '%s'", value);
        else
            CHECK(!strcmp(value, example(option)), "found '%s'", value);
        elcl_free(value);
        elcl_gen_lists_destroy(&lists);
    }
    if (check_case("the table's ends")) {
        CHECK(!elcl_gen_option_get(-1) && !elcl_gen_option_get(INT_MAX), "no such option");
        CHECK(!elcl_gen_option_find("num-beams") && !elcl_gen_option_find(NULL), "no such name");
        CHECK(elcl_gen_option_find("stop_strings") == elcl_gen_option_find("stop"), "a field");
        CHECK(elcl_gen_option_find("bad_words") == elcl_gen_option_find("bad_words_ids"), "too");
    }
}

/* ---- values -------------------------------------------------------------------------------- */

static void test_refused(void)
{
    static const struct {
        const char *name, *value, *message;
    } cases[] = {
        {"num_beam", "4", "there is no generation option 'num_beam': expected one like num_beams"},
        {"num_beams", "0", "num_beams: expected a whole number from 1 to 64, found '0'"},
        {"num_beams", "65", "num_beams: expected a whole number from 1 to 64, found '65'"},
        {"num_beams", "2.5", "num_beams: expected a whole number from 1 to 64, found '2.5'"},
        {"num_beams", "", "num_beams: expected a whole number from 1 to 64, found ''"},
        {"top_p", "90", "top_p: expected a number between 0 and 1, found '90'"},
        {"top_p", "nan", "top_p: expected a number between 0 and 1, found 'nan'"},
        {"top_p", "0,5", "top_p: expected a number between 0 and 1, found '0,5'"},
        {"patience", "0", "patience: expected a number from 0.01 to 100, found '0'"},
        {"early_stopping", "maybe", "early_stopping: expected one of true|false|never, found"},
        {"do_sample", "1", "do_sample: expected true or false, found '1'"},
        {"forced_bos_token_id", "-2",
         "forced_bos_token_id: expected a whole number from -1 to 2147483647 or none, found '-2'"},
        {"suppress_tokens", "5;6",
         "suppress_tokens: expected token ids separated by commas (lists of them by semicolons) "
         "or none, found '5;6'"},
        {"suppress_tokens", "5,", "suppress_tokens: expected token ids"},
        {"suppress_tokens", "2147483648", "suppress_tokens: expected token ids"},
        {"bad_words_ids", "5,;6", "bad_words_ids: expected token ids"},
        {"eos_token_id", "1,x",
         "eos_token_id: expected up to 32 token ids separated by commas, or none, found '1,x'"},
        {"eos_token_id",
         "0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31,"
         "32",
         "eos_token_id: expected up to 32 token ids"},
        {"stop", "", "stop: expected STRING, found ''"},
    };
    for (size_t i = 0; i < ELCL_COUNT(cases); i++) {
        if (!check_case("refused: %s '%s'", cases[i].name, cases[i].value))
            continue;
        elcl_gen_options o = {.num_beams = 7, .n_eos = 1}, before = o;
        elcl_gen_lists *lists = NULL;
        elcl_error err = {0};
        const int rc = elcl_gen_options_set(&o, cases[i].name, cases[i].value, &lists, &err);
        check_failure("set", rc, &err, ELCL_E_ARG, cases[i].message);
        CHECK(!memcmp(&o, &before, sizeof(o)), "the options changed");
        elcl_gen_lists_destroy(&lists);
    }
}

static void test_values(void)
{
    elcl_gen_options o = {
        .bad_words = NULL, .max_new_tokens = 9, .min_new_tokens = 9, .ban_pad = 1};
    elcl_gen_lists *lists = NULL;
    elcl_error err = {0};
    if (check_case("values")) {
        const elcl_gen_setting all[] = {
            {"early_stopping", "Never"},
            {"max_length", "50"},
            {"min_length", "+4"},
            {"forced_eos_token_id", "NONE"},
            {"bad_words_ids", "5,7;9"},
            {"suppress_tokens", "none"},
            {"eos_token_id", "2,3"},
            {"stop", "a"},
            {"stop", "bc"},
            {"temperature", "1e-6"},
        };
        CHECK(!elcl_gen_options_set_all(&o, all, ELCL_COUNT(all), &lists, &err), "%s", err.msg);
        CHECK(o.early_stopping == ELCL_EARLY_NEVER, "early_stopping");
        CHECK(o.max_length == 50 && o.max_new_tokens == 0, "max_length replaces max_new_tokens");
        CHECK(o.min_length == 4 && o.min_new_tokens == 0, "min_length replaces min_new_tokens");
        CHECK(o.forced_eos_token_id == -1, "none");
        CHECK(o.n_bad_words == 2 && o.bad_words[0].n == 2 && o.bad_words[0].ids[1] == 7 &&
                  o.bad_words[1].ids[0] == 9 && o.ban_pad == 0,
              "bad words");
        CHECK(o.suppress_tokens.n == 0 && o.n_eos == 2 && o.eos_token_ids[1] == 3 &&
                  o.eos_token_ids[2] == -1,
              "tokens");
        CHECK(o.n_stop_strings == 2 && !strcmp(o.stop_strings[0], "a") &&
                  !strcmp(o.stop_strings[1], "bc"),
              "strings");
        CHECK(o.temperature == 1e-6f, "temperature %g", (double)o.temperature);
    }
    if (check_case("strings of another owner are replaced, and there are at most 8")) {
        static const char *const model[] = {"x"};
        elcl_gen_options p = {.stop_strings = model, .n_stop_strings = 1};
        for (int i = 0; i < 8; i++)
            CHECK(!elcl_gen_options_set(&p, "stop_strings", "y", &lists, &err), "%s", err.msg);
        CHECK(p.n_stop_strings == 8 && !strcmp(p.stop_strings[0], "y"), "replaced");
        check_failure("the ninth", elcl_gen_options_set(&p, "stop", "y", &lists, &err), &err,
                      ELCL_E_ARG, "stop: expected at most 8 of them, found more");
        CHECK(o.n_stop_strings == 2 || !o.stop_strings, "options of the same owner stay");
    }
    elcl_gen_lists_destroy(&lists);
    CHECK(!lists, "NULL after the destructor");
    elcl_gen_lists_destroy(&lists);
    elcl_gen_lists_destroy(NULL);
}

/* ---- order --------------------------------------------------------------------------------- */

static void test_order(void)
{
    elcl_gen_lists *lists = NULL;
    elcl_error err = {0};
    if (check_case("no order matters for set_all")) {
        const elcl_gen_setting all[] = {{"min_len", "3"},
                                        {"length_penalty", "2"},
                                        {"num_beams", "4"},
                                        {"search_style", "fairseq"},
                                        {"num_beam_groups", "2"}};
        elcl_gen_options o = {.max_length = 20, .forced_eos_token_id = 2};
        CHECK(!elcl_gen_options_set_all(&o, all, ELCL_COUNT(all), &lists, &err), "%s", err.msg);
        CHECK(o.search_style == ELCL_STYLE_FAIRSEQ && o.min_len == 3 && o.max_len_b == 200 &&
                  o.max_length == 0 && o.forced_eos_token_id == -1 && o.length_penalty == 2,
              "fairseq");
        CHECK(o.diversity_penalty == 0.5f, "fairseq's penalty between groups");
        CHECK(!elcl_gen_options_set(&o, "search_style", "fairseq", &lists, &err) && o.min_len == 3,
              "the same style changes nothing");
        check_failure("hf", elcl_gen_options_set(&o, "search_style", "hf", &lists, &err), &err,
                      ELCL_E_ARG, "search_style: expected fairseq, as it is, found hf");
    }
    if (check_case("max_new_tokens counts beside max_length")) {
        const elcl_gen_setting all[] = {{"max_new_tokens", "5"}, {"max_length", "9"}};
        elcl_gen_options o = {0};
        CHECK(!elcl_gen_options_set_all(&o, all, 2, &lists, &err) && o.max_new_tokens == 5 &&
                  o.max_length == 9,
              "%d %d", o.max_new_tokens, o.max_length);
    }
    if (check_case("all or none")) {
        const elcl_gen_setting all[] = {{"num_beams", "5"}, {"top_k", "x"}};
        elcl_gen_options o = {.num_beams = 2};
        err = (elcl_error){0};
        CHECK(elcl_gen_options_set_all(&o, all, 2, &lists, &err) == ELCL_E_ARG && o.num_beams == 2,
              "%d beams", o.num_beams);
        CHECK(!elcl_gen_options_set_all(&o, NULL, 0, &lists, &err), "none is fine");
    }
    elcl_gen_lists_destroy(&lists);
}

/* ---- numbers ------------------------------------------------------------------------------- */

static void test_numbers(void)
{
    static const float values[] = {0, -1.5f, 0.1f, 1e-6f, 16777216, 3.4e38f, 0.333333343f};
    static const char *const locales[] = {"C", "de_DE.UTF-8"};
    for (size_t l = 0; l < ELCL_COUNT(locales); l++) {
        if (!check_case("numbers in locale %s", locales[l]))
            continue;
        if (!setlocale(LC_NUMERIC, locales[l])) {
            check_skip("no such locale");
            continue;
        }
        for (size_t i = 0; i < ELCL_COUNT(values); i++) {
            char text[32];
            const char *end;
            double value = 0;
            elcl_print_float(values[i], text);
            CHECK(!strchr(text, ',') && elcl_read_decimal(text, &value, &end) && !*end &&
                      (float)value == values[i],
                  "%s", text);
        }
        char text[32];
        elcl_print_float(0.1f, text);
        CHECK(!strcmp(text, "0.1"), "the shortest text: %s", text);
    }
    setlocale(LC_NUMERIC, "C");
}

int main(int argc, char **argv)
{
    check_begin(argc, argv);
    test_table();
    test_refused();
    test_values();
    test_order();
    test_numbers();
    return check_end();
}
