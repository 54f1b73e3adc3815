#include "common/json_write.h"

#include <math.h>
#include <string.h>

#include "base/number.h"
#include "base/utf8.h"

/* Appends a control character, a quote or a backslash. */
static void add_escape(struct elcl_str *out, char c)
{
    static const char named[] = "\"\\\b\f\n\r\t", letters[] = "\"\\bfnrt";
    const char *found = strchr(named, c);
    if (c && found)
        elcl_str_printf(out, "\\%c", letters[found - named]);
    else
        elcl_str_printf(out, "\\u%04x", (unsigned)(unsigned char)c);
}

/* Appends UTF-8. */
static void add_escaped(struct elcl_str *out, const char *text, size_t n)
{
    size_t from = 0;
    for (size_t i = 0; i < n; i++) {
        const unsigned char c = (unsigned char)text[i];
        if (c >= ' ' && c != '"' && c != '\\')
            continue;
        elcl_str_append(out, text + from, i - from);
        add_escape(out, text[i]);
        from = i + 1;
    }
    elcl_str_append(out, text + from, n - from);
}

void cli_json_string(struct elcl_str *out, const char *text, size_t n)
{
    elcl_str_text(out, "\"");
    if (n && elcl_utf8_check(text, n) < n) {
        struct elcl_str repaired = {0};
        elcl_utf8_repair(text, n, &repaired);
        add_escaped(out, repaired.data, repaired.n);
        out->failed = out->failed || repaired.failed;
        elcl_str_finish(&repaired);
    } else if (n) {
        add_escaped(out, text, n);
    }
    elcl_str_text(out, "\"");
}

void cli_json_text(struct elcl_str *out, const char *text)
{
    if (text)
        cli_json_string(out, text, strlen(text));
    else
        elcl_str_text(out, "null");
}

void cli_json_lines(struct elcl_str *out, const char *lines)
{
    for (const char *at = lines; *at;) {
        const size_t n = strcspn(at, "\n");
        elcl_str_text(out, at == lines ? "" : ", ");
        cli_json_string(out, at, n);
        at += n + (at[n] == '\n');
    }
}

void cli_json_float(struct elcl_str *out, float value)
{
    char number[32] = "null";
    if (isfinite(value))
        elcl_print_float(value, number);
    elcl_str_text(out, number);
}

bool cli_json_print(struct elcl_str *out, const cJSON *json, bool flat)
{
    char *text = flat ? cJSON_PrintUnformatted(json) : cJSON_Print(json);
    if (!text)
        return false;
    elcl_utf8_repair(text, strlen(text), out);
    cJSON_free(text);
    return !out->failed;
}
