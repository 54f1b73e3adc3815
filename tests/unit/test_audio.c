/* Forms, and requests for transcripts. */
#include <stdio.h>
#include <string.h>

#include "../check.h"
#include "base/util.h"
#include "serve/audio_request.h"

/* A field up to its value, and a whole one. */
#define FIELD(name, value) START("name=\"" name "\"") value "\r\n"
#define START(name) "--b\r\nContent-Disposition: form-data; " name "\r\n\r\n"

static int parse_form(const char *body, size_t n, struct cli_form *form, elcl_error *err)
{
    *err = (elcl_error){0};
    return cli_form_parse(body, n, "b", form, err);
}

static void test_forms(void)
{
    static const char body[] = "a preamble\r\n" START(
        "name=\"a\"") "1\r\n--b \t\r\n"
                      "content-type: x\r\nCONTENT-DISPOSITION:form-data;NAME=b; "
                      "filename=\"x\\\"y;z.wav\"\r\n\r\n"
                      "\0\xff\r\n--\r\n-b\r\n" START(
                          "x=1; name=\"c\"; name=d") "\r\n--b--\r\nan epilogue";
    struct cli_form form;
    elcl_error err;
    if (check_case("fields of a form")) {
        CHECK(!parse_form(body, sizeof(body) - 1, &form, &err), "%s", err.msg);
        CHECK(form.n == 3, "%zu fields", form.n);
        CHECK(!strcmp(form.parts[0].name, "a") && form.parts[0].n == 1 && !form.parts[0].file,
              "the first one");
        CHECK(!strcmp(form.parts[1].name, "b") && !strcmp(form.parts[1].file, "x\"y;z.wav"),
              "file %s", form.parts[1].file);
        CHECK(form.parts[1].n == 10 && !memcmp(form.parts[1].bytes, "\0\xff\r\n--\r\n-b", 10),
              "%zu bytes", form.parts[1].n);
        CHECK(!strcmp(form.parts[2].name, "c") && !form.parts[2].n, "the third one");
        cli_form_finish(&form);
    }
    if (check_case("a form that is cut anywhere")) {
        for (size_t n = 0; n < sizeof(body) - 1 - strlen("--\r\nan epilogue"); n++) {
            CHECK(parse_form(body, n, &form, &err) == ELCL_E_FORMAT, "%zu bytes are a form", n);
            CHECK(strstr(err.msg, "breaks off") != NULL, "%zu bytes: %s", n, err.msg);
        }
    }
    if (check_case("forms that are refused")) {
        struct elcl_str many = {0};
        for (int i = 0; i <= CLI_MAX_PARTS; i++)
            elcl_str_text(&many, START("name=a") "\r\n");
        elcl_str_text(&many, "--b--");
        CHECK(parse_form(many.data, many.n, &form, &err) == ELCL_E_FORMAT &&
                  strstr(err.msg, "more than 32 fields"),
              "%s", err.msg);
        elcl_str_finish(&many);
        static const char nameless[] = START("filename=x") "\r\n--b--";
        CHECK(parse_form(nameless, sizeof(nameless) - 1, &form, &err) == ELCL_E_FORMAT &&
                  strstr(err.msg, "no name"),
              "%s", err.msg);
    }
}

static int parse(const char *fields, bool translate, struct cli_audio_request *r, char param[64],
                 elcl_error *err)
{
    struct elcl_str body = {0};
    *err = (elcl_error){0};
    elcl_str_printf(&body, START("name=file; filename=a.wav") "sound\r\n%s--b--\r\n", fields);
    const int rc = cli_audio_parse(body.data, body.n, "b", translate, r, param, err);
    if (rc)
        elcl_str_finish(&body);
    else /* the file's bytes are those of the body */
        CHECK(r->file->n == 5 && !memcmp(r->file->bytes, "sound", 5), "the file");
    elcl_free(body.data);
    return rc;
}

static void test_requests(void)
{
    struct cli_audio_request r;
    elcl_error err;
    char param[64];
    if (check_case("a request without options")) {
        CHECK(!parse("", false, &r, param, &err), "%s", err.msg);
        const elcl_transcribe_options o = cli_audio_options(&r);
        CHECK(!r.model && !o.language && !o.initial_prompt && !o.n_temperatures && !o.batched &&
                  o.timestamps == ELCL_TIMESTAMPS_SEGMENT && o.task == ELCL_TASK_TRANSCRIBE,
              "defaults");
        CHECK(r.wants.format == CLI_AUDIO_JSON && r.wants.segments && !r.wants.words, "answer");
        cli_audio_finish(&r);
    }
    if (check_case("a request with all options")) {
        static const char fields[] = FIELD("model", "m") FIELD("language", "de")
            FIELD("prompt", "Hallo") FIELD("temperature", "0.5")
                FIELD("response_format", "verbose_json") FIELD("timestamp_granularities[]", "word")
                    FIELD("stream", "false") FIELD("chunking_strategy", "auto");
        CHECK(!parse(fields, false, &r, param, &err), "%s", err.msg);
        const elcl_transcribe_options o = cli_audio_options(&r);
        CHECK(!strcmp(r.model, "m") && !strcmp(o.language, "de") &&
                  !strcmp(o.initial_prompt, "Hallo") && o.n_temperatures == 1 &&
                  o.temperatures[0] == 0.5f && o.batched && o.timestamps == ELCL_TIMESTAMPS_WORD,
              "options");
        CHECK(r.wants.words && !r.wants.segments, "only words");
        cli_audio_finish(&r);
    }
    if (check_case("a translation, and empty fields")) {
        static const char empty[] = FIELD("prompt", "") FIELD("model", "");
        static const char language[] = FIELD("language", "de");
        CHECK(!parse(empty, true, &r, param, &err), "%s", err.msg);
        CHECK(!r.prompt && !r.model && cli_audio_options(&r).task == ELCL_TASK_TRANSLATE, "empty");
        cli_audio_finish(&r);
        CHECK(parse(language, true, &r, param, &err) == ELCL_E_FORMAT && !strcmp(param, "language"),
              "%s", err.msg);
    }
    if (check_case("texts that are not UTF-8")) {
        static const char bytes[] = FIELD("prompt", "\xff");
        CHECK(parse(bytes, false, &r, param, &err) == ELCL_E_FORMAT &&
                  !strcmp(err.msg, "prompt: expected UTF-8"),
              "%s", err.msg);
    }
}

int main(int argc, char **argv)
{
    check_begin(argc, argv);
    test_forms();
    test_requests();
    return check_end();
}
