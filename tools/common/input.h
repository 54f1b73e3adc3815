/* Samples from arguments, a file or a stream: one per line, as text, JSON or token ids. */
#ifndef CLI_INPUT_H
#define CLI_INPUT_H

#include "common/args.h"

struct cli_input {
    enum cli_format format;
    char **words; /* the samples themselves, or NULL */
    uint64_t n_words;
    const char *name; /* of the file, for messages */
    int fd;
    bool at_end;          /* nothing more can be read */
    bool interactive;     /* the input is a terminal */
    uint64_t total_bytes; /* of a regular file, otherwise 0 */
    uint64_t taken_bytes; /* of the lines handed out, line ends included */
    uint64_t n_lines;     /* handed out */
    bool kept;            /* only the lines up to end_line are handed out */
    uint64_t end_line;
    char *buffer; /* [start, end) is read but not handed out */
    size_t start, end, capacity;
    size_t scanned; /* bytes after `start` that hold no line end */
};

/* Takes each word as a sample. */
void cli_input_words(struct cli_input *in, char **words, int n, enum cli_format format);
/* Opens a file whose lines are the samples; "-" is standard input. */
int cli_input_open(struct cli_input *in, const char *path, enum cli_format format, elcl_error *err);
/* Hands out only n lines of a file of n_lines lines, from line `first` on, counted from 0. The file
 * must still have them when they are read. Counts bytes from there, and estimates the total. */
int cli_input_keep(struct cli_input *in, uint64_t first, uint64_t n, uint64_t n_lines,
                   elcl_error *err);
void cli_input_close(struct cli_input *in);

enum cli_next { CLI_NEXT_LINE, CLI_NEXT_NOTHING, CLI_NEXT_END, CLI_NEXT_FAILED };

/* Hands out the next line without its end (LF or CRLF, which the last line may lack), valid until
 * the next call. Waits up to timeout_ms, or forever if that is -1; returns NOTHING after the wait
 * or a signal. */
enum cli_next cli_input_next(struct cli_input *in, int timeout_ms, const char **line, size_t *n,
                             elcl_error *err);

/* Writes the place of a line, from 1: "words.txt: line 3" or "argument 3". */
void cli_input_place(const struct cli_input *in, uint64_t line, char *place, size_t room);

/* Text to be encoded, or token ids; the other one is NULL. free() both. */
struct cli_side {
    char *text;
    size_t n_text;
    int32_t *ids;
    size_t n_ids;
};

/* What a line holds. */
enum cli_sample_parts {
    CLI_PARTS_SOURCE, /* a source; jsonl may add decoding options */
    CLI_PARTS_TEXT,   /* a whole text; jsonl may have "source" and "target" instead */
    CLI_PARTS_PAIR    /* source, tab, target; in jsonl the keys "source" and "target" */
};

/* A sample as its line spells it. */
struct cli_parsed {
    struct cli_side source, target; /* a whole text is the source */
    char *id;                       /* jsonl: the JSON text of "id", or NULL */
    struct cJSON *json;             /* jsonl: the object, or NULL */
};
/* Parses the line last handed out. Fails with ELCL_E_FORMAT and one sentence that does not name the
 * line; sets *parsed only on success. */
int cli_input_parse(const struct cli_input *in, enum cli_sample_parts parts, const char *line,
                    size_t n, struct cli_parsed *parsed, elcl_error *err);
/* The same for a line of jsonl (input_json.c). On failure *parsed may hold a part of the line. */
int cli_input_parse_json(enum cli_sample_parts parts, const char *line, size_t n,
                         struct cli_parsed *parsed, elcl_error *err);
void cli_parsed_finish(struct cli_parsed *parsed);

/* Whether a jsonl key is one of "text", "ids" and "id", and not an option. */
bool cli_input_is_own_key(const char *key);

#endif
