#include "base/util.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void elcl_free(void *memory)
{
    free(memory);
}

bool elcl_ends_with(const char *s, size_t n, const char *end)
{
    const size_t n_end = strlen(end);
    return n >= n_end && !memcmp(s + n - n_end, end, n_end);
}

void *elcl_calloc(size_t n, size_t size)
{
    return calloc(n ? n : 1, size ? size : 1);
}

bool elcl_grow(void **array, size_t *capacity, size_t need, size_t size)
{
    if (need <= *capacity)
        return true;
    size_t n = *capacity > SIZE_MAX / 2 ? need : *capacity * 2;
    if (n < need)
        n = need;
    if (n < 16)
        n = 16;
    size_t bytes;
    if (!elcl_mul_size(n, size, &bytes))
        return false;
    void *p = realloc(*array, bytes);
    if (!p)
        return false;
    *array = p;
    *capacity = n;
    return true;
}

char *elcl_strndup(const char *s, size_t n)
{
    char *copy = n < SIZE_MAX ? malloc(n + 1) : NULL;
    if (!copy)
        return NULL;
    memcpy(copy, s, n);
    copy[n] = '\0';
    return copy;
}

char *elcl_strdup(const char *s)
{
    return elcl_strndup(s, strlen(s));
}

bool elcl_has_word(const char *words, const char *word)
{
    const size_t n = strlen(word);
    for (const char *p = words; (p = strstr(p, word)); p += n)
        if ((p == words || p[-1] == ' ') && (p[n] == '\0' || p[n] == ' '))
            return true;
    return false;
}

uint64_t elcl_hash(uint64_t hash, const void *bytes, size_t n)
{
    const unsigned char *p = bytes;
    for (size_t i = 0; i < n; i++)
        hash = (hash ^ p[i]) * UINT64_C(0x100000001b3);
    return hash;
}

uint64_t elcl_hash_string(uint64_t hash, const char *s)
{
    return elcl_hash(hash, s ? s : "", s ? strlen(s) + 1 : 1);
}

void elcl_str_append(struct elcl_str *s, const void *bytes, size_t n)
{
    void *data = s->data;
    size_t need;
    if (s->failed || !elcl_add_size(s->n, n, &need) || need == SIZE_MAX ||
        !elcl_grow(&data, &s->capacity, need + 1, 1)) {
        s->failed = true;
        return;
    }
    s->data = data;
    if (n)
        memcpy(s->data + s->n, bytes, n);
    s->n = need;
    s->data[need] = '\0';
}

void elcl_str_text(struct elcl_str *s, const char *text)
{
    elcl_str_append(s, text, strlen(text));
}

void elcl_str_printf(struct elcl_str *s, const char *fmt, ...)
{
    char small[256];
    va_list args;
    va_start(args, fmt);
    const int n = vsnprintf(small, sizeof(small), fmt, args);
    va_end(args);
    if (n < 0) {
        s->failed = true;
        return;
    }
    if ((size_t)n < sizeof(small)) {
        elcl_str_append(s, small, (size_t)n);
        return;
    }
    char *large = malloc((size_t)n + 1);
    if (!large) {
        s->failed = true;
        return;
    }
    va_start(args, fmt);
    vsnprintf(large, (size_t)n + 1, fmt, args);
    va_end(args);
    elcl_str_append(s, large, (size_t)n);
    free(large);
}

void elcl_str_finish(struct elcl_str *s)
{
    free(s->data);
    *s = (struct elcl_str){0};
}

void elcl_strs_free(struct elcl_str *strings, size_t n)
{
    for (size_t i = 0; strings && i < n; i++)
        elcl_str_finish(&strings[i]);
    elcl_free(strings);
}
