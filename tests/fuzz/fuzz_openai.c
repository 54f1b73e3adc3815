/* Input: the body of a request for completions. */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "serve/openai_request.h"

static void check_request(const struct cli_openai_request *r)
{
    elcl_gen_options gen;
    elcl_error err = {0};
    FUZZ_REQUIRE(r->n_prompts > 0 && r->n_prompts <= CLI_OPENAI_MAX_PROMPTS);
    for (size_t i = 0; i < r->n_prompts; i++) {
        const struct cli_side *p = &r->prompts[i];
        FUZZ_REQUIRE(r->is_ids ? p->ids && !p->text && p->n_ids : p->text && !p->ids);
        FUZZ_REQUIRE(!p->text || strlen(p->text) == p->n_text);
        for (size_t k = 0; k < p->n_ids; k++)
            FUZZ_REQUIRE(p->ids[k] >= 0);
    }
    FUZZ_REQUIRE(r->n >= 0 && r->n <= ELCL_MAX_BEAMS && r->best_of >= 0);
    FUZZ_REQUIRE(r->logprobs >= -1 && r->logprobs <= 1);
    FUZZ_REQUIRE(!cli_settings_read(&r->given, &gen, &err));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct cli_openai_request request;
    elcl_error err = {0};
    char param[64];
    char *body = calloc(1, n + 1);
    FUZZ_REQUIRE(body != NULL);
    if (n)
        memcpy(body, data, n);
    const int rc = cli_openai_parse(body, n, &request, param, &err);
    fuzz_check_error(rc, &err);
    FUZZ_REQUIRE(memchr(param, '\0', sizeof(param)) != NULL && (rc || !*param));
    if (!rc)
        check_request(&request);
    cli_openai_request_finish(&request);
    free(body);
    return 0;
}
