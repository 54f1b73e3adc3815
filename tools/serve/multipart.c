#include "serve/multipart.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* What is left of the body. */
struct rest {
    const char *at, *end;
};

static bool begins(const struct rest *rest, const char *text)
{
    const size_t n = strlen(text);
    return (size_t)(rest->end - rest->at) >= n && !memcmp(rest->at, text, n);
}

/* Returns the next place of the text, or NULL. */
static const char *find(const struct rest *rest, const char *text)
{
    struct rest here = *rest;
    while (here.at < here.end &&
           (here.at = memchr(here.at, *text, (size_t)(here.end - here.at))) != NULL) {
        if (begins(&here, text))
            return here.at;
        here.at++;
    }
    return NULL;
}

static int breaks_off(elcl_error *err)
{
    return elcl_fail(err, ELCL_E_FORMAT,
                     "the form breaks off: expected the boundary that Content-Type names");
}

/* ---- headers --------------------------------------------------------------------------------- */

/* Reads a parameter's value, which may be in quotes. Returns NULL if memory is short. */
static char *read_value(struct rest *rest)
{
    struct elcl_str value = {0};
    const bool quoted = begins(rest, "\"");
    elcl_str_text(&value, "");
    rest->at += quoted;
    for (; rest->at < rest->end && *rest->at != (quoted ? '"' : ';'); rest->at++) {
        if (quoted && *rest->at == '\\' && rest->at + 1 < rest->end)
            rest->at++;
        elcl_str_append(&value, rest->at, 1);
    }
    rest->at += rest->at < rest->end && quoted;
    if (!value.failed)
        return value.data;
    elcl_str_finish(&value);
    return NULL;
}

/* Takes the name, up to the "=", of the next parameter of a header. Returns false after the last
 * one. */
static bool next_parameter(struct rest *rest, const char **name, size_t *n)
{
    while (rest->at < rest->end && strchr("; \t", *rest->at))
        rest->at++;
    *name = rest->at;
    while (rest->at < rest->end && !strchr("=;", *rest->at))
        rest->at++;
    *n = (size_t)(rest->at - *name);
    if (rest->at < rest->end && *rest->at == '=')
        rest->at++;
    return *n > 0;
}

static bool is_name(const char *name, size_t n, const char *wanted)
{
    return n == strlen(wanted) && !strncasecmp(name, wanted, n);
}

/* Reads the parameters of "form-data; name=...; filename=...". */
static int read_disposition(struct rest line, struct cli_part *part, elcl_error *err)
{
    const char *name;
    size_t n;
    while (next_parameter(&line, &name, &n)) {
        const bool is_file = is_name(name, n, "filename");
        char **to = is_file ? &part->file : is_name(name, n, "name") ? &part->name : NULL;
        if (line.at == name + n) /* no value: the word form-data */
            continue;
        char *value = read_value(&line);
        if (!value)
            return elcl_fail_nomem(err);
        if (to && !*to)
            *to = value;
        else
            elcl_free(value);
    }
    return ELCL_OK;
}

/* Reads the headers of a part, and the empty line after them. */
static int read_headers(struct rest *rest, struct cli_part *part, elcl_error *err)
{
    static const char disposition[] = "content-disposition:";
    const size_t n = sizeof(disposition) - 1;
    for (;;) {
        const char *end = find(rest, "\r\n");
        struct rest line = {rest->at, end};
        if (!end)
            return breaks_off(err);
        rest->at = end + 2;
        if (line.at == end)
            break;
        if ((size_t)(end - line.at) < n || strncasecmp(line.at, disposition, n))
            continue;
        line.at += n;
        const int rc = read_disposition(line, part, err);
        if (rc)
            return rc;
    }
    return part->name ? ELCL_OK : elcl_fail(err, ELCL_E_FORMAT, "a field of the form has no name");
}

/* ---- parts ----------------------------------------------------------------------------------- */

static int read_part(struct rest *rest, const char *delimiter, struct cli_form *form,
                     elcl_error *err)
{
    if (form->n == CLI_MAX_PARTS)
        return elcl_fail(err, ELCL_E_FORMAT, "the form has more than %d fields", CLI_MAX_PARTS);
    struct cli_part *part = &form->parts[form->n++];
    const int rc = read_headers(rest, part, err);
    if (rc)
        return rc;
    const char *end = find(rest, delimiter);
    if (!end)
        return breaks_off(err);
    part->bytes = rest->at;
    part->n = (size_t)(end - rest->at);
    rest->at = end + strlen(delimiter);
    return ELCL_OK;
}

int cli_form_parse(const char *body, size_t n, const char *boundary, struct cli_form *form,
                   elcl_error *err)
{
    struct elcl_str delimiter = {0};
    struct rest rest = {body, body + n};
    int rc = ELCL_OK;
    *form = (struct cli_form){0};
    elcl_str_printf(&delimiter, "\r\n--%s", boundary);
    if (delimiter.failed)
        return elcl_fail_nomem(err);
    const char *first = begins(&rest, delimiter.data + 2) ? body : find(&rest, delimiter.data);
    if (!first)
        rc = breaks_off(err);
    else
        rest.at = first + strlen(delimiter.data) - (first == body ? 2 : 0);
    while (!rc && !begins(&rest, "--")) {
        while (begins(&rest, " ") || begins(&rest, "\t"))
            rest.at++;
        if (!begins(&rest, "\r\n"))
            rc = breaks_off(err);
        else
            rest.at += 2;
        if (!rc)
            rc = read_part(&rest, delimiter.data, form, err);
    }
    elcl_str_finish(&delimiter);
    if (rc)
        cli_form_finish(form);
    return rc;
}

void cli_form_finish(struct cli_form *form)
{
    for (size_t i = 0; i < form->n; i++) {
        elcl_free(form->parts[i].name);
        elcl_free(form->parts[i].file);
    }
    *form = (struct cli_form){0};
}
