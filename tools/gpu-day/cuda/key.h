/* The name of a program in a bundle: a hash of its source and options. The form of multiply-adds,
 * which elcl chooses by speed, does not count: the bundle has programs for FMA. */
#ifndef ELCL_GPU_DAY_KEY_H
#define ELCL_GPU_DAY_KEY_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define MAC_OPTION "-DELCL_MAC_"

static inline uint64_t program_hash(uint64_t h, const char *text, size_t n)
{
    for (size_t i = 0; i < n; i++)
        h = (h ^ (uint8_t)text[i]) * UINT64_C(1099511628211);
    return h;
}

static inline uint64_t program_key(const char *source, const char *options)
{
    uint64_t h = program_hash(UINT64_C(14695981039346656037), source, strlen(source));
    for (size_t n; *(options += strspn(options, " ")); options += n) {
        n = strcspn(options, " ");
        if (strncmp(options, MAC_OPTION, strlen(MAC_OPTION)) != 0)
            h = program_hash(h, options, n);
    }
    return h;
}

/* Joins a program's texts; NULL if memory is short. */
static inline char *program_join(unsigned n, const char *const *texts, const size_t *lengths)
{
    size_t bytes = 0;
    char *all = calloc(1, 1);
    for (unsigned i = 0; all && i < n; i++) {
        const size_t more = lengths && lengths[i] ? lengths[i] : strlen(texts[i]);
        char *longer = realloc(all, bytes + more + 1);
        if (!longer) {
            free(all);
            return NULL;
        }
        all = longer;
        memcpy(all + bytes, texts[i], more);
        bytes += more;
        all[bytes] = '\0';
    }
    return all;
}

#endif
