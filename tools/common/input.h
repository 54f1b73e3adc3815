/* Samples from arguments, a file or a stream: one a line, as text, JSON or token ids. */
#ifndef CLI_INPUT_H
#define CLI_INPUT_H

#include "common/tool.h"

enum cli_line_format { CLI_LINE_TEXT, CLI_LINE_JSONL, CLI_LINE_IDS };

struct cli_input {
    enum cli_line_format format;
    char **words; /* the samples themselves, or NULL */
    uint64_t n_words;
    const char *name; /* of the file, as messages say it */
    int fd;
    bool at_end;          /* nothing more can be read */
    bool interactive;     /* a person types */
    uint64_t total_bytes; /* of a regular file, 0 where unknown */
    uint64_t taken_bytes; /* of the lines handed out, ends included */
    uint64_t n_lines;     /* handed out */
    char *buffer;         /* [start, end) is read but not handed out */
    size_t start, end, capacity;
    size_t scanned; /* bytes from start on that hold no line end */
};

/* Words as samples. */
void cli_input_words(struct cli_input *in, char **words, int n, enum cli_line_format format);
/* Lines of a file; "-" is standard input. */
int cli_input_open(struct cli_input *in, const char *path, enum cli_line_format format,
                   elcl_error *err);
void cli_input_close(struct cli_input *in);

enum cli_next { CLI_NEXT_LINE, CLI_NEXT_NOTHING, CLI_NEXT_END, CLI_NEXT_FAILED };

/* The next line without its end (LF or CRLF; the last one may lack it), valid until the next
 * call. Waits up to timeout_ms, for ever with -1; NOTHING after that or a signal. */
enum cli_next cli_input_next(struct cli_input *in, int timeout_ms, const char **line, size_t *n,
                             elcl_error *err);

/* Where the line last handed out stands: "words.txt: line 3" or "argument 3". */
void cli_input_place(const struct cli_input *in, uint64_t line, char *place, size_t room);

/* What a line holds: text (to be encoded) or token ids; the other one is NULL. free() both. */
struct cli_source {
    char *text;
    size_t n_text;
    int32_t *ids;
    size_t n_ids;
};

enum cli_line_kind {
    CLI_LINE_SOURCE, /* a source alone; with jsonl also decoding options */
    CLI_LINE_WHOLE,  /* a text alone; with jsonl also source and target */
    CLI_LINE_PAIR    /* source, tab, target; with jsonl the keys "source" and "target" */
};

struct cli_line {
    struct cli_source source, target; /* a text alone is the source */
    char *id;                         /* jsonl: the JSON text of "id", or NULL */
    struct cJSON *json;               /* jsonl: the object, or NULL */
};
/* ELCL_E_FORMAT with one sentence that does not name the line. `parsed` is set on success only. */
int cli_input_parse(enum cli_line_format format, enum cli_line_kind kind, const char *line,
                    size_t n, struct cli_line *parsed, elcl_error *err);
/* The same of a line of jsonl; leaves a part of the line behind when it fails (input_json.c). */
int cli_input_parse_json(enum cli_line_kind kind, const char *line, size_t n,
                         struct cli_line *parsed, elcl_error *err);
void cli_line_finish(struct cli_line *line);

/* The keys that are no options. */
bool cli_input_is_own_key(const char *key);

#endif
