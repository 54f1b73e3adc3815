/* Files that results go to: they appear under their names only when they are complete, and nothing
 * that was there before is lost on the way. */
#ifndef CLI_OUTPUT_H
#define CLI_OUTPUT_H

#include "common/tool.h"

/* The bytes go to a new file beside the output, "<path>.part" or, where that name is taken,
 * "<path>.part.1" and so on. A device or a pipe is written directly, and "-" is standard output. */
struct cli_output {
    int fd;
    char *path;   /* for messages */
    char *target; /* the final name of the part; NULL: written directly */
    char *part;
    uint64_t bytes; /* written */
    bool unsynced;  /* to lose it with the machine's power does no harm */
    bool keep;      /* the part stays even if it is empty */
};
/* Refuses a file that another process is writing. */
int cli_output_open(const char *path, struct cli_output *file, elcl_error *err);
/* Fails with ELCL_E_INTERRUPTED when the reader of standard output has gone: the command then ends
 * in silence, as SIGPIPE ends a filter. */
int cli_output_write(struct cli_output *file, const void *bytes, size_t n, elcl_error *err);
/* Gives the complete file its name. */
int cli_output_commit(struct cli_output *file, elcl_error *err);
/* Gives up the file, unless it is committed. *kept, which is to be freed, names the part that
 * stays; NULL if nothing was written. If `kept` is NULL, no part stays. */
void cli_output_abandon(struct cli_output *file, char **kept);

/* Whether the output is a file that a part replaces: not standard output, a device or a pipe. */
bool cli_output_has_part(const char *path);
/* Returns the name of part number n; elcl_free() it. NULL when memory is short. */
char *cli_output_part(const char *path, int n);
/* Opens a part that an earlier run has left, to go on after its bytes. Refuses a part that another
 * process is writing. */
int cli_output_reopen(const char *path, const char *part, struct cli_output *file, elcl_error *err);
/* Cuts the part to the bytes that count; writing goes on after them. */
int cli_output_cut(struct cli_output *file, uint64_t bytes, elcl_error *err);
/* Opens an existing file for writing at its end. */
int cli_output_append(const char *path, struct cli_output *file, elcl_error *err);

/* Finds out before a long run whether the output can be written: makes the part and removes it. */
int cli_output_try(const char *path, elcl_error *err);
/* Writes a verb's result completely or not at all; NULL and "-" are standard output. */
int cli_output_save(const char *path, const struct elcl_str *bytes, elcl_error *err);
/* The same for a file that is of use only as long as the machine runs. */
int cli_output_save_unsynced(const char *path, const struct elcl_str *bytes, elcl_error *err);
/* If the result goes to standard output, prints the part that is ready, and empties it. */
void cli_output_flush(const char *path, struct elcl_str *part);

/* Whether both names are one regular file, or would become one. */
bool cli_output_same(const char *a, const char *b);
/* Returns `path` with `suffix`, in the same directory. Where the name would be too long, a hash
 * takes the place of its end. elcl_free() it; NULL when memory is short. */
char *cli_output_beside(const char *path, const char *suffix);

#endif
