/* The sounds of a command line, and where their transcripts go. */
#ifndef CLI_TRANSCRIBE_FILES_H
#define CLI_TRANSCRIBE_FILES_H

#include "elcl/speech.h"
#include "transcribe/transcribe_options.h"

struct cli_transcribe_file {
    const char *name;                    /* as the command line has it; "-": standard input */
    const char *title;                   /* for messages */
    char *paths[CLI_TRANSCRIPT_FORMATS]; /* of each wanted format; NULL: standard output */
    double seconds, done;                /* of the sound; 0 before it is read */
    bool ended;
};

/* Lists the sounds. Makes the directory of the outputs, and fails if an output cannot be written,
 * is one of the sounds or belongs to two of them. */
int cli_transcribe_files_create(const struct cli_transcribe_options *options,
                                struct cli_transcribe_file **files, int *n, elcl_error *err);
void cli_transcribe_files_destroy(struct cli_transcribe_file *files, int n);

/* Reads a sound from its file or from standard input. */
int cli_transcribe_read(const struct cli_transcribe_options *options,
                        const struct cli_transcribe_file *file, elcl_sound **sound,
                        elcl_error *err);

#endif
