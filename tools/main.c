/* The elcl command: a table of verbs. It uses the library through include/elcl only. */
#include "common/sys.h"
#include "common/words.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

struct verb {
    const char *name;
    const char *use;
    const char *help;
    int (*run)(int argc, char **argv);
};

static const struct verb verbs[] = {
    {"generate", "MODEL [TEXT...]", "generate text from text", cli_cmd_generate},
    {"merge", "SHARD...", "join what many processes generated", cli_cmd_merge},
    {"score", "MODEL [TEXT...]", "log-probabilities of given text", cli_cmd_score},
    {"transcribe", "MODEL FILE...", "text of speech", cli_cmd_transcribe},
    {"serve", "MODEL...", "answer requests over HTTP", cli_cmd_serve},
    {"encode", "MODEL [TEXT...]", "token ids of texts", cli_cmd_encode},
    {"decode", "MODEL [ID...]", "texts of token ids", cli_cmd_decode},
    {"languages", "MODEL", "language codes of a model", cli_cmd_languages},
    {"plan", "MODEL", "memory for each variant and batch size", cli_cmd_plan},
    {"bench", "MODEL", "speed and memory for lists of parameters", cli_cmd_bench},
    {"devices", "", "OpenCL devices, their limits and fast paths", cli_cmd_devices},
    {"selftest", "", "test every kernel on this driver", cli_cmd_selftest},
    {"tune", "", "measure a device, for better automatic choices", cli_cmd_tune},
    {"compare", "FILE...", "compare results of elcl bench", cli_cmd_compare},
};

static void print_help(void)
{
    fputs("Usage: elcl COMMAND [OPTION...]\n"
          "\n"
          "Text generation and speech to text with EL-attention on any OpenCL device.\n"
          "\n"
          "Commands:\n",
          stdout);
    for (size_t i = 0; i < ELCL_COUNT(verbs); i++)
        printf("  %-12s%-18s%s\n", verbs[i].name, verbs[i].use, verbs[i].help);
    fputs("\n"
          "Options:\n"
          "  -h, --help                  print this help\n"
          "  elcl help COMMAND           print the help of a command\n"
          "  -V, --version               print the version\n"
          "\n"
          "Examples:\n"
          "  elcl generate models/g2p-en attention\n"
          "  elcl transcribe models/digits-en models/digits-en/sample.flac\n",
          stdout);
}

static const struct verb *find_verb(const char *word)
{
    for (size_t i = 0; i < ELCL_COUNT(verbs); i++)
        if (!strcmp(word, verbs[i].name))
            return &verbs[i];
    return NULL;
}

static int unknown_verb(const char *word)
{
    const char *names[ELCL_COUNT(verbs) + 3] = {"help", "--help", "--version"};
    for (size_t i = 0; i < ELCL_COUNT(verbs); i++)
        names[3 + i] = verbs[i].name;
    const char *near = cli_nearest(word, names, ELCL_COUNT(names));
    const char *kind = word[0] == '-' ? "option" : "command";
    if (near)
        return cli_error(CLI_EXIT_USAGE, "unknown %s %.100s: did you mean %s?", kind, word, near);
    return cli_error(CLI_EXIT_USAGE, "unknown %s %.100s: elcl --help lists all", kind, word);
}

/* elcl help [COMMAND] */
static int help(int argc, char **argv)
{
    static char option[] = "--help";
    if (argc < 3) {
        print_help();
        return CLI_EXIT_OK;
    }
    char *arguments[] = {argv[2], option, NULL};
    const struct verb *verb = find_verb(argv[2]);
    return verb ? verb->run(2, arguments) : unknown_verb(argv[2]);
}

static int run(int argc, char **argv)
{
    if (argc < 2)
        return cli_error(CLI_EXIT_USAGE, "no command given: elcl --help lists all");
    const char *word = argv[1];
    const struct verb *verb = find_verb(word);
    if (verb)
        return verb->run(argc - 1, argv + 1);
    if (!strcmp(word, "--help") || !strcmp(word, "-h") || !strcmp(word, "help"))
        return help(argc, argv);
    if (strcmp(word, "--version") && strcmp(word, "-V"))
        return unknown_verb(word);
    printf("elcl %s\n", elcl_version());
    return CLI_EXIT_OK;
}

int main(int argc, char **argv)
{
    cli_sys_start();
    int code = run(argc, argv);
    errno = 0;
    bool lost = fflush(stdout) != 0;
    if (cli_sys_pipe_closed() || ((lost || ferror(stdout)) && !cli_sys_has_reader(CLI_STDOUT)))
        return CLI_EXIT_PIPE;
    if ((lost || ferror(stdout)) && code == CLI_EXIT_OK)
        code = cli_error(CLI_EXIT_FAILURE, "standard output: cannot write: %s",
                         errno ? strerror(errno) : "an earlier write failed");
    return code;
}
