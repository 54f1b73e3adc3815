#include "serve/serve_options.h"

#include <limits.h>
#include <stdlib.h>

#define FIELD(name) offsetof(struct cli_serve_options, name)

static const struct cli_choice auto_word[] = {{"auto", 0}, {NULL, 0}};

/* clang-format off */
static const struct cli_opt options_table[] = {
    CLI_ROW_GROUP("Clients:"),
    CLI_ROW_TEXT("host", "ADDRESS", host,
        "listen on this address (default 127.0.0.1: only programs on this machine reach it; "
        "0.0.0.0 or :: for all)"),
    CLI_ROW_INT("port", "N", port, 0, 65535,
        "listen on this port (default 8080; 0: a free one, which the first line names)"),
    CLI_ROW_TEXT("api-key", "KEY", api_key,
        "answer only requests with this key (default: that of the environment variable "
        "ELCL_API_KEY, which other users cannot see, else none)"),
    CLI_ROW_TEXT("allow-origin", "ORIGIN,...", allow_origin,
        "let web pages of these origins send requests and read the answers, such as "
        "https://example.org; *: all origins (default: only this server's own page)"),
    CLI_ROW_INT("connections", "N", connections, 1, 65536,
        "connections at a time; others wait (default 1024)"),
    CLI_ROW_BYTES("max-body", max_body_bytes,
        "largest body of a request, such as 512K or 8M (default 8M)"),
    CLI_ROW_INT("request-seconds", "N", request_seconds, 1, 86400,
        "close a connection whose request takes longer to arrive (default 20)"),
    CLI_ROW_INT("idle-seconds", "N", idle_seconds, 1, 86400,
        "close a connection that is idle for longer (default 60)"),
    CLI_ROW_INT("drain-seconds", "N", drain_seconds, 0, 86400,
        "after SIGTERM or SIGINT, end after this time even if requests have no answer yet "
        "(default 30)"),
    CLI_ROW_INT("queue", "N", queue, 0, 1 << 20,
        "texts that may wait for a place in the batch of their model; more are refused "
        "(default 1024)"),
    CLI_ROW_INT("time-limit", "N", time_limit, 0, 1 << 20,
        "seconds that a request may take; 0: no limit (default 600)"),
    CLI_ROW_TEXT("pairs", "NAME=FROM-TO,...", pairs,
        "the languages that models translate, for /translate, if neither their files nor their "
        "names tell, such as mine=en-de"),

    CLI_ROW_GROUP("Largest requests (their memory is allocated at the start):"),
    {CLI_OPT_INT, "batch-size", "N|auto",
        "texts in flight in each engine (default auto: enough to keep the device busy, 32 to 64 on "
        "a CPU, within half of the memory that the weights of all models leave)",
        FIELD(sizes.batch_size), 1, 1 << 20, auto_word},
    CLI_ROW_INT("max-beams", "N", sizes.max_beams, 1, ELCL_MAX_BEAMS,
        "beams or samples of a text (default 4, or the model's own number if that is larger)"),
    CLI_ROW_INT("max-source", "N", sizes.max_source, 1, INT32_MAX,
        "source tokens of a text, or tokens of a prompt (default: the model's default length)"),
    CLI_ROW_INT("max-target", "N", sizes.max_target, 2, INT32_MAX,
        "tokens of an output with its start token (default 256, or the model's own length if that "
        "is larger)"),
    CLI_ROW_INT("max-lists", "N", sizes.max_lists, 1, 1 << 24,
        "tokens in the lists of a request, such as bad_words_ids (default 512, or twice those of "
        "the model's own lists)"),

    CLI_ROW_GROUP("Running:"),
    CLI_MODEL_OPTIONS(FIELD(model), "run on this device, or on several, separated by commas; see "
        "elcl devices (default: a GPU if there is one, else a CPU)"),
    CLI_ROW_INT("engines", "N", n_engines, 1, ELCL_MAX_ENGINES,
        "engines of each model on each device, which share its memory limit (default 1)"),

    CLI_ROW_GROUP("Messages:"),
    CLI_COMMON_OPTIONS(FIELD(common)),
};
/* clang-format on */

_Static_assert(ELCL_COUNT(options_table) <= CLI_MAX_OPTS, "raise CLI_MAX_OPTS");

static int check(const struct cli_args *args, void *target, elcl_error *err)
{
    struct cli_serve_options *o = target;
    const char *key = getenv("ELCL_API_KEY");
    (void)args;
    if (!o->api_key && key && *key)
        o->api_key = key;
    if (!o->max_body_bytes || o->max_body_bytes > UINT64_C(1) << 30)
        return elcl_fail(err, ELCL_E_ARG, "--max-body: expected 1 .. 1G bytes");
    o->model.expected_batch = o->sizes.batch_size;
    const int rc = cli_check_encoder_cache(&o->model, err);
    return rc ? rc : cli_check_devices(&o->model, ELCL_MAX_ENGINES / o->n_engines, err);
}

bool cli_serve_parse(struct cli_serve_options *options, int argc, char **argv, int *exit_code)
{
    static const char about[] =
        "Answers HTTP requests with one or more models. All clients share the batches.\n"
        "\n"
        "Each MODEL is a directory, a package or a name as elcl generate takes it. Clients\n"
        "choose a model by its name: the last part of its path, or NAME in NAME=MODEL.\n";
    static const char examples[] =
        "  elcl serve models/g2p-en\n"
        "  elcl serve --host 0.0.0.0 --api-key KEY de=Helsinki-NLP/opus-mt-en-de\n"
        "  curl http://127.0.0.1:8080/v1/completions -d '{\"prompt\": \"attention\"}'\n";
    *options = (struct cli_serve_options){.args = {.verb = "serve",
                                                   .use = "[NAME=]MODEL...",
                                                   .about = about,
                                                   .examples = examples,
                                                   .opts = options_table,
                                                   .n_opts = ELCL_COUNT(options_table),
                                                   .max_words = INT_MAX,
                                                   .needs_model = true,
                                                   .check = check},
                                          .host = "127.0.0.1",
                                          .port = 8080,
                                          .connections = 1024,
                                          .max_body_bytes = 8 << 20,
                                          .request_seconds = 20,
                                          .idle_seconds = 60,
                                          .drain_seconds = 30,
                                          .queue = 1024,
                                          .time_limit = 600,
                                          .model = CLI_MODEL_DEFAULTS,
                                          .n_engines = 1};
    return cli_args_begin(&options->args, argc, argv, options, exit_code);
}
