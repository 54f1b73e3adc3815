/* The API of OpenAI without a server and without a model: requests, texts with stop strings, and
 * the JSON of answers. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "../check.h"
#include "common/gen_json.h"
#include "files.h"
#include "serve/models.h"
#include "serve/openai_answer.h"
#include "serve/openai_request.h"

/* ---- requests ------------------------------------------------------------------------------ */

static void add_name(struct elcl_str *out, const char *name, const char *value)
{
    if (value)
        elcl_str_printf(out, " %s=%s", name, value);
}

/* Writes what a request holds, in the order of the struct. */
static void describe(const struct cli_openai_request *r, struct elcl_str *out)
{
    for (size_t i = 0; i < r->n_prompts; i++) {
        elcl_str_text(out, i ? "|" : "");
        if (r->prompts[i].text)
            elcl_str_append(out, r->prompts[i].text, r->prompts[i].n_text);
        for (size_t k = 0; k < r->prompts[i].n_ids; k++)
            elcl_str_printf(out, k ? ",%d" : "#%d", (int)r->prompts[i].ids[k]);
    }
    elcl_str_text(out, ":");
    for (size_t i = 0; i < r->given.n; i++)
        add_name(out, r->given.given[i].name, r->given.given[i].value);
    add_name(out, "model", r->model);
    add_name(out, "prefix", r->lists.prefix);
    add_name(out, "src", r->src_lang);
    add_name(out, "tgt", r->tgt_lang);
    if (r->n)
        elcl_str_printf(out, " n=%d", r->n);
    if (r->best_of)
        elcl_str_printf(out, " best_of=%d", r->best_of);
    if (r->logprobs >= 0)
        elcl_str_printf(out, " logprobs=%d", r->logprobs);
    if (r->alignments)
        elcl_str_text(out, r->alignments == CLI_ALIGNMENTS_SOFT ? " soft" : " hard");
    elcl_str_printf(out, "%s%s%s%s%s", r->echo ? " echo" : "", r->stream ? " stream" : "",
                    r->include_usage ? " usage" : "", r->split ? " split" : "",
                    r->has_max_tokens ? " max_tokens" : "");
}

static void test_requests(void)
{
    static const struct {
        const char *body, *holds;
    } cases[] = {
        {"{\"prompt\": \"a\"}", "a:"},
        {" {\"prompt\" : [\"a\", \"\\u00e4\"], \"model\": \"m\"} ", "a|ä: model=m"},
        {"{\"prompt\": [5, 6]}", "#5,6:"},
        {"{\"prompt\": [[5, 6], [7]]}", "#5,6|#7:"},
        {"{\"prompt\": \"\"}", ":"},
        {"{\"prompt\": \"a\", \"max_tokens\": 7}", "a: max_new_tokens=7 max_tokens"},
        {"{\"prompt\": \"a\", \"temperature\": 0, \"top_p\": 0.5}", "a: top_p=0.5 do_sample=false"},
        {"{\"prompt\": \"a\", \"temperature\": 0.7}",
         "a: temperature=0.7 do_sample=true num_beams=1"},
        {"{\"prompt\": \"a\", \"temperature\": 0.7, \"num_beams\": 3}",
         "a: temperature=0.7 num_beams=3 do_sample=true"},
        {"{\"prompt\": \"a\", \"temperature\": 0.7, \"do_sample\": false}",
         "a: temperature=0.7 do_sample=false"},
        {"{\"prompt\": \"a\", \"top_p\": 1}", "a: top_p=1"},
        {"{\"prompt\": \"a\", \"top_p\": \"0.5\"}", "a: top_p=0.5 do_sample=true num_beams=1"},
        {"{\"prompt\": \"a\", \"top_k\": 0}", "a: top_k=0"},
        {"{\"prompt\": \"a\", \"top_k\": 4}", "a: top_k=4 do_sample=true num_beams=1"},
        {"{\"prompt\": \"a\", \"min_p\": 0.1}", "a: min_p=0.1 do_sample=true num_beams=1"},
        {"{\"prompt\": \"a\", \"typical_p\": 0.5}", "a: typical_p=0.5 do_sample=true num_beams=1"},
        {"{\"prompt\": \"a\", \"n\": 2, \"best_of\": 3, \"logprobs\": 1, \"echo\": true}",
         "a: n=2 best_of=3 logprobs=1 echo"},
        {"{\"prompt\": \"a\", \"stream\": true, \"stream_options\": {\"include_usage\": true}}",
         "a: stream usage"},
        {"{\"prompt\": \"a\", \"stop\": [\"x\", \"y z\"], \"seed\": 5}",
         "a: stop=x stop=y z seed=5"},
        {"{\"prompt\": \"a\", \"stop\": \"x\", \"user\": \"u\", \"suffix\": \"\", \"logit_bias\": "
         "{}}",
         "a: stop=x"},
        {"{\"prompt\": \"a\", \"n\": null, \"model\": null, \"stop\": null, \"num_beams\": null, "
         "\"stream_options\": null, \"suffix\": null, \"forced_eos_token_id\": null}",
         "a: forced_eos_token_id=none"},
        {"{\"prompt\": \"a\", \"bad_words_ids\": [[1, 2], [3]], \"suppress_tokens\": [], "
         "\"early_stopping\": \"never\", \"length_penalty\": -0.5, \"renormalize_logits\": true}",
         "a: bad_words_ids=1,2;3 suppress_tokens=none early_stopping=never length_penalty=-0.5 "
         "renormalize_logits=true"},
        {"{\"prompt\": \"a\", \"src_lang\": \"de\", \"tgt_lang\": \"fr\", \"split\": "
         "\"sentences\", "
         "\"decoder_prefix\": \"b\"}",
         "a: prefix=b src=de tgt=fr split"},
        {"{\"prompt\": \"a\", \"alignments\": true}", "a: soft"},
        {"{\"prompt\": \"a\", \"alignments\": \"hard\"}", "a: hard"},
        {"{\"prompt\": \"a\", \"alignments\": false}", "a:"},
        {"{\"prompt\": [\"a\"], \"search_style\": \"fairseq\", \"min_len\": 3}",
         "a: search_style=fairseq min_len=3"},
    };
    for (size_t i = 0; i < ELCL_COUNT(cases); i++) {
        if (!check_case("request %s", cases[i].body))
            continue;
        struct cli_openai_request r;
        struct elcl_str holds = {0};
        elcl_error err = {0};
        char param[64] = "";
        const int rc = cli_openai_parse(cases[i].body, strlen(cases[i].body), &r, param, &err);
        CHECK(!rc, "%s", err.msg);
        describe(&r, &holds);
        CHECK(holds.data && !strcmp(holds.data, cases[i].holds), "found '%s', expected '%s'",
              holds.data, cases[i].holds);
        elcl_str_finish(&holds);
        cli_openai_request_finish(&r);
    }
}

/* A body of n token ids, and the values around them. */
static void test_many_values(void)
{
    struct elcl_str body = {0};
    struct cli_openai_request r;
    if (!check_case("a short body with many values"))
        return;
    for (int n = CLI_OPENAI_MAX_VALUES - 3; n <= CLI_OPENAI_MAX_VALUES - 2; n++) {
        elcl_error err = {0};
        char param[64];
        body.n = 0;
        elcl_str_text(&body, "{\"prompt\": [");
        for (int i = 0; i < n; i++)
            elcl_str_text(&body, "1,");
        elcl_str_text(&body, "1]}");
        const int rc = cli_openai_parse(body.data, body.n, &r, param, &err);
        CHECK(!rc == (n < CLI_OPENAI_MAX_VALUES - 2), "%d and 1: %s", n, err.msg);
        if (!rc)
            CHECK(r.prompts->n_ids == (size_t)n + 1, "%zu ids", r.prompts->n_ids);
        cli_openai_request_finish(&r);
    }
    elcl_str_finish(&body);
}

static void test_refused(void)
{
    static const struct {
        const char *body, *param, *message;
    } cases[] = {
        {"", "", "expected a JSON object, found invalid JSON at byte 0"},
        {"{\"prompt\": \"a\"", "", "expected a JSON object, found invalid JSON at byte 14"},
        {"{\"prompt\": \"a\"} x", "", "expected a JSON object, found more at byte 16"},
        {"[1]", "", "expected a JSON object"},
        {"{\"prompt\": \"a\\u0000b\"}", "", "U+0000 in a JSON string is not supported"},
        {"{\"prompt\": \"a\", \"prompt\": \"b\"}", "", "key \"prompt\" is there twice"},
        {"{}", "prompt", "prompt: expected a string, a list of strings or token ids, found none"},
        {"{\"prompt\": null}", "prompt", "prompt: expected a string, a list of strings, a list of"},
        {"{\"prompt\": []}", "prompt", "prompt: expected 1 to 2048 prompts, found 0"},
        {"{\"prompt\": [[]]}", "prompt", "prompt: expected token ids, found none"},
        {"{\"prompt\": [1, \"a\"]}", "prompt", "prompt: expected a token id at place 1 of a list"},
        {"{\"prompt\": [1.5]}", "prompt", "prompt: expected a token id at place 0 of a list"},
        {"{\"prompt\": [-1]}", "prompt", "prompt: expected a token id at place 0 of a list"},
        {"{\"prompt\": [\"a\", [1]]}", "prompt", "prompt: expected a string, a list of strings"},
        {"{\"prompt\": [[1], \"a\"]}", "prompt", "prompt: expected a string, a list of strings"},
        {"{\"prompt\": {}}", "prompt", "prompt: expected a string, a list of strings"},
        {"{\"prompt\": \"a\", \"n\": 0}", "n", "n: expected a whole number from 1 to 64"},
        {"{\"prompt\": \"a\", \"n\": 65}", "n", "n: expected a whole number from 1 to 64"},
        {"{\"prompt\": \"a\", \"n\": 1.5}", "n", "n: expected a whole number from 1 to 64"},
        {"{\"prompt\": \"a\", \"n\": \"2\"}", "n", "n: expected a whole number from 1 to 64"},
        {"{\"prompt\": \"a\", \"max_tokens\": 0}", "max_tokens",
         "max_tokens: expected a whole number from 1"},
        {"{\"prompt\": \"a\", \"max_tokens\": 3, \"max_new_tokens\": 3}", "max_tokens",
         "expected max_tokens or max_new_tokens, found both"},
        {"{\"prompt\": \"a\", \"n\": 3, \"num_return_sequences\": 3}", "n",
         "expected n or num_return_sequences, found both"},
        {"{\"prompt\": \"a\", \"n\": 3, \"best_of\": 2}", "best_of",
         "best_of: expected at least n, which is 3, found 2"},
        {"{\"prompt\": \"a\", \"logprobs\": 5}", "logprobs", "logprobs: expected 0 or 1, since"},
        {"{\"prompt\": \"a\", \"logprobs\": true}", "logprobs",
         "logprobs: expected a whole number from 0 to 1"},
        {"{\"prompt\": \"a\", \"echo\": 1}", "echo", "echo: expected true or false"},
        {"{\"prompt\": \"a\", \"stream\": \"yes\"}", "stream", "stream: expected true or false"},
        {"{\"prompt\": \"a\", \"stream_options\": {\"include_usage\": true}}", "stream_options",
         "stream_options: expected them only with stream true"},
        {"{\"prompt\": \"a\", \"stream_options\": {\"x\": true}}", "stream_options",
         "stream_options: expected include_usage, found x"},
        {"{\"prompt\": \"a\", \"stream_options\": 5}", "stream_options",
         "stream_options: expected an object"},
        {"{\"prompt\": \"a\", \"suffix\": \"b\"}", "suffix", "suffix: no model of this server"},
        {"{\"prompt\": \"a\", \"logit_bias\": {\"5\": 1}}", "logit_bias",
         "logit_bias: expected none; suppress_tokens"},
        {"{\"prompt\": \"a\", \"model\": 5}", "model", "model: expected a string"},
        {"{\"prompt\": \"a\", \"split\": \"words\"}", "split",
         "split: expected \"sentences\" or \"none\""},
        {"{\"prompt\": [5], \"split\": \"sentences\"}", "split",
         "split: expected texts as prompt, no logprobs and no alignments"},
        {"{\"prompt\": \"a\", \"split\": \"sentences\", \"alignments\": true}", "split",
         "split: expected texts as prompt, no logprobs and no alignments"},
        {"{\"prompt\": \"a\", \"alignments\": 1}", "alignments",
         "alignments: expected true, false, \"soft\" or \"hard\""},
        {"{\"prompt\": \"a\", \"no_prompt\": false}", "no_prompt",
         "no_prompt: expected echo true or false"},
        {"{\"prompt\": \"a\", \"num_beams\": 65}", "num_beams",
         "num_beams: expected a whole number from 1 to 64, found '65'"},
        {"{\"prompt\": \"a\", \"num_beams\": {}}", "num_beams",
         "num_beams: expected a whole number"},
        {"{\"prompt\": \"a\", \"temperature\": \"hot\"}", "temperature",
         "temperature: expected a number"},
        {"{\"prompt\": \"a\", \"temperature\": -1}", "temperature",
         "temperature: expected a number"},
        {"{\"prompt\": \"a\", \"top_p\": 90}", "top_p",
         "top_p: expected a number between 0 and 1, found '90'"},
        {"{\"prompt\": \"a\", \"stop\": [5]}", "stop",
         "stop: expected a string or an array of at most 8 strings"},
        {"{\"prompt\": \"a\", \"stop\": [\"\"]}", "stop", "stop: expected STRING, found ''"},
        {"{\"prompt\": \"a\", \"stop_strings\": [\"b\"]}", "stop_strings",
         "unknown field \"stop_strings\""},
        {"{\"prompt\": \"a\", \"num_beam\": 4}", "num_beam",
         "unknown field \"num_beam\": did you mean \"num_beams\"?"},
        {"{\"prompt\": \"a\", \"messages\": []}", "messages",
         "unknown field \"messages\": expected one of OpenAI's completions"},
        {"{\"prompt\": \"a\", \"min_len\": 3}", "min_len",
         "min_len has no meaning with search_style hf"},
    };
    for (size_t i = 0; i < ELCL_COUNT(cases); i++) {
        if (!check_case("refused: %s", cases[i].body))
            continue;
        struct cli_openai_request r;
        elcl_error err = {0};
        char param[64] = "?";
        const int rc = cli_openai_parse(cases[i].body, strlen(cases[i].body), &r, param, &err);
        CHECK(rc && err.code == rc, "it was accepted");
        CHECK(!strncmp(err.msg, cases[i].message, strlen(cases[i].message)), "found '%s'", err.msg);
        CHECK(!strcmp(param, cases[i].param), "the field at fault is '%s'", param);
        CHECK(!r.prompts && !r.given.n && !r.model, "something was kept");
    }
}

/* Keeps the last value of an option. */
static int keep_value(void *user, const char *value, elcl_error *err)
{
    (void)err;
    (void)snprintf(user, 64, "%s", value);
    return ELCL_OK;
}

/* A value as JSON reads as the same value. */
static void check_written(const elcl_gen_option *option, const char *value)
{
    struct elcl_str json = {0};
    elcl_error err = {0};
    char again[64] = "";
    cli_gen_json_write(option, value, &json);
    cJSON *item = json.data ? cJSON_Parse(json.data) : NULL;
    CHECK(item, "no JSON: %s", json.data);
    CHECK(!cli_gen_json_check(option, item, &err), "%s: %s", json.data, err.msg);
    CHECK(!cli_gen_json_each(option, item, keep_value, again, &err), "%s", err.msg);
    CHECK(!strcmp(again, value), "%s became %s", value, again);
    cJSON_Delete(item);
    elcl_str_finish(&json);
}

/* Every option of the table is a field. */
static void test_options(void)
{
    const elcl_gen_option *option;
    for (int i = 0; (option = elcl_gen_option_get(i)); i++) {
        if (!strcmp(option->name, "no_prompt") || !strcmp(option->name, "alignments") ||
            !check_case("field %s", option->name))
            continue;
        static const char *const values[] = {"true", "3",   "0.75",       "\"never\"",
                                             "17",   "[4]", "[[5], [7]]", "\".\""};
        const bool fairseq = option->style == ELCL_STYLE_FAIRSEQ;
        const bool is_style = !strcmp(option->name, "search_style");
        struct cli_openai_request r;
        elcl_error err = {0};
        char param[64], body[256];
        (void)snprintf(body, sizeof(body), "{\"prompt\": \"a\", \"%s\": %s%s}", option->name,
                       is_style ? "\"hf\"" : values[option->type],
                       fairseq ? ", \"search_style\": \"fairseq\"" : "");
        CHECK(!cli_openai_parse(body, strlen(body), &r, param, &err), "%s", err.msg);
        CHECK(cli_settings_has(&r.given, option->name), "not kept");
        for (size_t k = 0; k < r.given.n; k++)
            check_written(elcl_gen_option_find(r.given.given[k].name), r.given.given[k].value);
        if (option->type == ELCL_OPTION_TOKENS || option->type == ELCL_OPTION_TOKEN_LISTS)
            check_written(option, "none");
        cli_openai_request_finish(&r);
    }
}

/* Messages of the library name the field that the request has. */
static void test_renamed(void)
{
    static const struct {
        const char *message, *renamed, *param;
    } cases[] = {
        {"max_new_tokens: expected at most 5", "max_tokens: expected at most 5", "max_tokens"},
        {"num_return_sequences 3 exceeds", "n 3 exceeds", "n"},
        {"stop_strings: expected num_beams 1", "stop: expected num_beams 1", "stop"},
        {"num_beams: expected", "n: expected", "n"},
        {"top_k: expected", "top_k: expected", "top_k"},
        {"the model does not know", "the model does not know", ""},
        {"num_beams", "num_beams", ""},
    };
    for (size_t i = 0; i < ELCL_COUNT(cases); i++) {
        if (!check_case("renamed: %s", cases[i].message))
            continue;
        const struct cli_openai_request r = {.has_max_tokens = true, .beams_from_n = true, .n = 3};
        elcl_error why = {.code = ELCL_E_ARG}, err = {0};
        char param[64] = "?";
        (void)snprintf(why.msg, sizeof(why.msg), "%s", cases[i].message);
        CHECK(cli_openai_fail(&r, &why, param, &err) == ELCL_E_ARG, "the code");
        CHECK(!strcmp(err.msg, cases[i].renamed), "found '%s'", err.msg);
        CHECK(!strcmp(param, cases[i].param), "found '%s'", param);
    }
}

/* Messages name no directory of the server, and only its directories are replaced. */
static void test_hidden(void)
{
    static const struct {
        const char *name, *directory, *packages, *message, *shown;
    } cases[] = {
        {"m", "/srv/a b", NULL, "/srv/a b/x.spm: no language", "m/x.spm: no language"},
        {"m", "models/m/", NULL, "models/m//x.spm: no language", "m/x.spm: no language"},
        {"m", "/srv/m", NULL, "prompt: number 3: /srv/m/x.spm: no",
         "prompt: number 3: m/x.spm: no"},
        {"m", "/srv/p.argosmodel", "/c/packages", "/c/packages/0a1b/model/x.json: no",
         "m/model/x.json: no"},
        {"m", "/srv/p.argosmodel", "/c/packages", "no /c/packages", "no m"},
        {"long", "m", NULL, "m/x.spm: the model has no m", "long/x.spm: the model has no m"},
        {"long", "m", NULL, "model: from/m/x", "model: from/m/x"},
        {"m", "/srv/m", NULL, "/srv/m2/x.spm: no", "/srv/m2/x.spm: no"},
    };
    for (size_t i = 0; i < ELCL_COUNT(cases); i++) {
        if (!check_case("hidden: %s", cases[i].message))
            continue;
        const struct cli_served served = {.name = (char *)cases[i].name,
                                          .directory = (char *)cases[i].directory,
                                          .packages = (char *)cases[i].packages};
        elcl_error err = {.code = ELCL_E_ARG};
        (void)snprintf(err.msg, sizeof(err.msg), "%s", cases[i].message);
        cli_served_hide_path(&served, &err);
        CHECK(err.code == ELCL_E_ARG && !strcmp(err.msg, cases[i].shown), "found '%s'", err.msg);
    }
}

/* ---- texts --------------------------------------------------------------------------------- */

/* Adds a token for each part of `parts` between bars, and writes what each one makes certain,
 * with the number of tokens, and last what the end does. */
static void run_text(struct cli_openai_text *t, const char *parts, struct elcl_str *out)
{
    int32_t id = 0;
    for (const char *at = parts; *at; at += *at == '|') {
        const size_t n = strcspn(at, "|");
        cli_openai_text_add(t, id, (float)-id, at, n);
        const struct cli_openai_piece p = cli_openai_text_take(t, false);
        elcl_str_printf(out, "%.*s/%zu|", (int)p.n, p.text, p.n_tokens);
        at += n;
        id++;
    }
    const struct cli_openai_piece p = cli_openai_text_take(t, true);
    elcl_str_printf(out, "%.*s/%zu", (int)p.n, p.text, p.n_tokens);
}

static void test_texts(void)
{
    static const struct {
        const char *stops[3], *before, *parts, *taken;
    } cases[] = {
        {{0}, "", "a|bc|d", "a/1|bc/1|d/1|/0"},
        {{"x"}, "", "a|bxc|d", "a/1|b/1|/0|/0"},
        {{"bxd"}, "", "a|bx|cd", "a/1|/0|bxcd/2|/0"},
        {{"bxd"}, "", "a|bx|d", "a/1|/0|/0|/0"},
        {{"bxd"}, "", "a|cbx", "a/1|c/0|bx/1"},
        {{"cd", "bcde"}, "", "ab|cde", "a/0|/1|/0"}, /* the one that begins first */
        {{"aab"}, "", "a|a|a|b", "/0|/0|a/1|/0|/0"},
        {{"\n\n"}, "q\n", "\n|a", "/0|/0|/0"},    /* it begins in the prompt */
        {{"\n\n"}, "q\n\n", "a|b", "a/1|b/1|/0"}, /* it ends there */
        {{"\n\n"}, "q\n\n", "\nb", "/0|/0"},
        {{"ab"}, "ab", "c|ab|d", "c/1|/0|/0|/0"},
        {{"é"}, "", "a\xc3|\xa9", "a/0|/1|/0"},
        {{"x"}, "", "|a||x", "/1|a/1|/1|/0|/0"},
    };
    for (size_t i = 0; i < ELCL_COUNT(cases); i++) {
        if (!check_case("text %zu: %s", i, cases[i].parts))
            continue;
        struct cli_openai_text t;
        struct elcl_str taken = {0};
        int n = 0;
        while (cases[i].stops[n])
            n++;
        cli_openai_text_begin(&t, cases[i].stops, n, cases[i].before, strlen(cases[i].before), 0);
        run_text(&t, cases[i].parts, &taken);
        CHECK(taken.data && !strcmp(taken.data, cases[i].taken), "found '%s', expected '%s'",
              taken.data, cases[i].taken);
        CHECK(!cli_openai_text_failed(&t), "memory");
        elcl_str_finish(&taken);
        cli_openai_text_finish(&t);
    }
    if (check_case("offsets count characters, and text that came late is the last token's")) {
        struct cli_openai_text t;
        cli_openai_text_begin(&t, NULL, 0, "", 0, 3);
        cli_openai_text_more(&t, "ä", 2);
        cli_openai_text_add(&t, 7, -1, "€", 3);
        cli_openai_text_add(&t, 8, -2, "b", 1);
        cli_openai_text_more(&t, "c", 1);
        const struct cli_openai_piece p = cli_openai_text_take(&t, true);
        CHECK(p.n == 7 && !memcmp(p.text, "ä€bc", 7) && p.n_tokens == 2, "%zu bytes", p.n);
        CHECK(p.tokens[0].characters == 4 && p.tokens[1].characters == 5, "offsets");
        CHECK(p.tokens[1].at == 5 && p.tokens[1].n == 2, "the share of the last token");
        cli_openai_text_finish(&t);
    }
}

/* ---- answers ------------------------------------------------------------------------------- */

/* Checks the text and that it is JSON. */
static void check_json(const struct elcl_str *out, const char *expected)
{
    cJSON *root = cJSON_Parse(out->data);
    CHECK(root, "no JSON");
    CHECK(!strcmp(out->data, expected), "found %s\nexpected %s", out->data, expected);
    cJSON_Delete(root);
}

#define HEAD                                                                                       \
    "{\"id\": \"cmpl-1\", \"object\": \"text_completion\", \"created\": 5, \"model\": \"m\\\"\", "
#define USAGE                                                                                      \
    "\"usage\": {\"prompt_tokens\": 2, \"completion_tokens\": 3, \"total_tokens\": 5}, "           \
    "\"timings\": {\"queued_seconds\": 0.000000, \"first_token_seconds\": 0.500000, "              \
    "\"total_seconds\": 1.250000}"

static void test_answers(void)
{
    static const struct cli_openai_head head = {"cmpl-1", 5, "m\"", -1};
    static const struct cli_openai_usage usage = {2, 3, 0, 0.5, 1.25};
    static const struct cli_openai_token tokens[] = {{4, -0.5F, 0, 1, 2}, {5, NAN, 1, 1, 3}};
    static const struct cli_openai_choice choice = {.index = 1,
                                                    .piece = {"a\n", 2, tokens, 2, "a\n"},
                                                    .top = true,
                                                    .logprobs = true,
                                                    .finish_reason = "stop",
                                                    .score = -INFINITY};
    struct elcl_str out = {0}, choices = {0};
    if (check_case("a choice with log-probabilities")) {
        cli_openai_add_choice(&choices, &choice);
        check_json(&choices,
                   "{\"text\": \"a\\n\", \"index\": 1, \"logprobs\": {\"tokens\": [\"a\", "
                   "\"\\n\"], \"token_logprobs\": [-0.5, null], \"top_logprobs\": [{\"a\": "
                   "-0.5}, null], \"text_offset\": [2, 3]}, \"finish_reason\": "
                   "\"stop\", \"score\": null}");
        elcl_str_finish(&choices);
    }
    if (check_case("a choice with alignments")) {
        static const float rows[] = {0.25F, 0.75F, 1, 0};
        static const int32_t source[] = {7, 2};
        struct cli_openai_choice aligned = {.piece = {.text = "a", .n = 1},
                                            .how = CLI_ALIGNMENTS_SOFT,
                                            .alignments = rows,
                                            .n_rows = 2,
                                            .n_source = 2,
                                            .source = source};
        cli_openai_add_choice(&out, &aligned);
        check_json(&out, "{\"text\": \"a\", \"index\": 0, \"logprobs\": null, "
                         "\"finish_reason\": null, \"source_ids\": [7, 2], \"alignments\": "
                         "[[0.25,0.75],[1,0]]}");
        elcl_str_finish(&out);
        aligned.how = CLI_ALIGNMENTS_HARD;
        cli_openai_add_choice(&out, &aligned);
        CHECK(strstr(out.data, "\"alignments\": \"0-1 1-0\"}"), "found %s", out.data);
        elcl_str_finish(&out);
    }
    if (check_case("an answer")) {
        struct elcl_str texts[4] = {0};
        elcl_str_text(&choices, "{}");
        cli_openai_add_answer(&out, &head, &choices, 1, &usage);
        check_json(&out, HEAD "\"choices\": [{}], " USAGE "}");
        CHECK(!choices.data, "the text was kept");
        elcl_str_finish(&out);
        elcl_str_text(&texts[1], "{}, {}");
        elcl_str_text(&texts[3], "{}");
        cli_openai_add_answer(&out, &head, texts, 4, &usage);
        check_json(&out, HEAD "\"choices\": [{}, {}, {}], " USAGE "}");
        elcl_str_finish(&out);
    }
    if (check_case("events")) {
        static const struct cli_openai_choice piece = {
            .before = {.text = "p\xff", .n = 2}, .piece = {.text = "é", .n = 2}, .source_cut = 3};
        cli_openai_add_event(&out, &head, &piece, NULL, true);
        cli_openai_add_event(&out, &head, NULL, &usage, true);
        cli_openai_add_done(&out);
        CHECK(!strcmp(out.data,
                      "data: " HEAD "\"choices\": [{\"text\": \"p\xef\xbf\xbdé\", \"index\": 0, "
                      "\"logprobs\": null, \"finish_reason\": null, \"source_cut\": 3}], "
                      "\"usage\": null}\n\n"
                      "data: " HEAD "\"choices\": [], " USAGE "}\n\ndata: [DONE]\n\n"),
              "found %s", out.data);
        elcl_str_finish(&out);
    }
    if (check_case("a seed that was drawn")) {
        const struct cli_openai_head seeded = {"cmpl-1", 5, "m\"", 77};
        elcl_str_text(&choices, "{}");
        cli_openai_add_answer(&out, &seeded, &choices, 1, &usage);
        check_json(&out, HEAD "\"seed\": 77, \"choices\": [{}], " USAGE "}");
        elcl_str_finish(&out);
    }
    if (check_case("errors")) {
        cli_openai_add_error(&out, 404, "model", "model_not_found", "no \"x\"\x01");
        check_json(&out, "{\"error\": {\"message\": \"no \\\"x\\\"\\u0001\", \"type\": "
                         "\"not_found_error\", \"param\": \"model\", \"code\": "
                         "\"model_not_found\"}}");
        elcl_str_finish(&out);
        cli_openai_add_error(&out, 500, "", NULL, "a");
        check_json(&out, "{\"error\": {\"message\": \"a\", \"type\": \"server_error\", \"param\": "
                         "null, \"code\": null}}");
        elcl_str_finish(&out);
    }
}

/* Bodies that would take long if something in the parser were quadratic. */
static void test_large(void)
{
    struct elcl_str body = {0};
    struct cli_openai_request r;
    elcl_error err = {0};
    char param[64];
    if (check_case("100,000 keys")) {
        elcl_str_text(&body, "{\"prompt\": \"a\"");
        for (int i = 0; i < 100000; i++)
            elcl_str_printf(&body, ", \"x%d\": null", i);
        elcl_str_text(&body, "}");
        CHECK(cli_openai_parse(body.data, body.n, &r, param, &err), "accepted");
        CHECK(!strcmp(param, "x0"), "found %s", param);
        elcl_str_finish(&body);
    }
    if (check_case("a long stop string")) {
        err = (elcl_error){0};
        elcl_str_text(&body, "{\"prompt\": \"a\", \"stop\": [\"b\", \"");
        for (int i = 0; i <= CLI_OPENAI_MAX_STOP; i++)
            elcl_str_text(&body, "x");
        elcl_str_text(&body, "\"]}");
        check_failure("stop", cli_openai_parse(body.data, body.n, &r, param, &err), &err,
                      ELCL_E_ARG, "stop: expected at most 1024 bytes, found 1025");
        CHECK(!strcmp(param, "stop"), "found %s", param);
        elcl_str_finish(&body);
    }
    if (check_case("too many prompts, and a million ids")) {
        err = (elcl_error){0};
        elcl_str_text(&body, "{\"prompt\": [\"a\"");
        for (int i = 0; i < CLI_OPENAI_MAX_PROMPTS; i++)
            elcl_str_text(&body, ", \"a\"");
        elcl_str_text(&body, "]}");
        check_failure("prompts", cli_openai_parse(body.data, body.n, &r, param, &err), &err,
                      ELCL_E_FORMAT, "prompt: expected 1 to 2048 prompts, found 2049");
        elcl_str_finish(&body);
        err = (elcl_error){0};
        elcl_str_text(&body, "{\"prompt\": [0");
        for (int i = 1; i < 1000000; i++)
            elcl_str_text(&body, ",9");
        elcl_str_text(&body, "]}");
        CHECK(!cli_openai_parse(body.data, body.n, &r, param, &err) &&
                  r.prompts[0].n_ids == 1000000,
              "%s", err.msg);
        cli_openai_request_finish(&r);
        elcl_str_finish(&body);
    }
}

int main(int argc, char **argv)
{
    check_begin(argc, argv);
    test_requests();
    test_refused();
    test_many_values();
    test_options();
    test_renamed();
    test_hidden();
    test_texts();
    test_answers();
    test_large();
    return check_end();
}
