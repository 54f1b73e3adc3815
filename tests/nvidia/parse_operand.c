/* Registers, constants and addresses in PTX. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

#include "parse_impl.h"

uint8_t parse_type_bytes(const char *type)
{
    if (!strcmp(type, "pred"))
        return 1;
    const size_t n = strcspn(type, "0123456789");
    const int bits = atoi(type + n);
    return n >= 1 && n <= 4 && (bits == 8 || bits == 16 || bits == 32 || bits == 64)
               ? (uint8_t)(bits / 8)
               : 0;
}

static uint32_t new_slots(struct parser *p, uint32_t n)
{
    const uint32_t first = p->kernel->slots;
    p->kernel->slots += n;
    if (p->kernel->slots > UINT16_MAX)
        parse_fail(p, "%s has more than %d registers", p->kernel->name, UINT16_MAX);
    return first;
}

void parse_registers(struct parser *p, char *text)
{
    char *type = strchr(text + 4, '.');
    const size_t n = type ? strcspn(++type, " ") : 0;
    if (!n || !type[n]) {
        parse_fail(p, "%s", text);
        return;
    }
    type[n] = '\0';
    for (char *name = strtok(type + n + 1, ", "); name; name = strtok(NULL, ", ")) {
        p->registers =
            grow(p->registers, p->n_registers, &p->registers_capacity, sizeof(*p->registers));
        struct registers *r = &p->registers[p->n_registers++];
        char *count = strchr(name, '<');
        if (count)
            *count++ = '\0';
        r->numbered = count != NULL;
        r->n = count ? (uint32_t)atoi(count) : 1;
        r->width = parse_type_bytes(type);
        r->first = new_slots(p, r->n * (r->width == 8 ? 2 : 1));
        snprintf(r->prefix, sizeof(r->prefix), "%s", name);
        if (!r->width)
            parse_fail(p, "registers of type %s", type);
    }
}

static const struct registers *find_register(const struct parser *p, const char *name,
                                             uint32_t *number)
{
    for (size_t i = p->n_registers; i-- > 0;) { /* the last declaration hides others */
        const struct registers *r = &p->registers[i];
        const size_t n = strlen(r->prefix);
        if (strncmp(name, r->prefix, n) != 0)
            continue;
        *number = 0;
        if (!r->numbered && !name[n])
            return r;
        char *end;
        *number = (uint32_t)strtoul(name + n, &end, 10);
        if (r->numbered && isdigit((unsigned char)name[n]) && !*end && *number < r->n)
            return r;
    }
    return NULL;
}

static uint16_t constant_slot(struct parser *p, uint64_t value, uint8_t width)
{
    struct kernel *k = p->kernel;
    for (size_t i = 0; i < k->n_constants; i++)
        if (k->constants[i].value == value && k->constants[i].width == width)
            return k->constants[i].slot;
    k->constants =
        grow(k->constants, k->n_constants, &k->constants_capacity, sizeof(*k->constants));
    struct constant *c = &k->constants[k->n_constants++];
    *c = (struct constant){(uint16_t)new_slots(p, width == 8 ? 2 : 1), width, value};
    return c->slot;
}

static bool find_special(const char *name, uint16_t *number)
{
    static const char *const names[] = {
        "%tid.x",   "%tid.y",   "%tid.z",    "%ntid.x",   "%ntid.y",   "%ntid.z", "%ctaid.x",
        "%ctaid.y", "%ctaid.z", "%nctaid.x", "%nctaid.y", "%nctaid.z", "%laneid", "%warpid"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (!strcmp(name, names[i])) {
            *number = (uint16_t)(TID + i);
            return true;
        }
    return false;
}

/* The address of a variable: in local, private or constant memory. */
static bool find_address(const struct parser *p, const char *name, uint64_t *address)
{
    const struct place *place = parse_find_place(&p->variables, name);
    if (place) {
        *address = place->address;
        return true;
    }
    for (size_t i = 0; i < p->program->n_variables; i++)
        if (!strcmp(p->program->variables[i].name, name)) {
            *address = p->program->variables[i].address;
            return true;
        }
    return false;
}

static bool parse_number(const char *text, uint8_t width, uint64_t *value)
{
    char *end;
    if (text[0] == '0' && (text[1] == 'f' || text[1] == 'd'))
        *value = strtoull(text + 2, &end, 16);
    else if (*text == '-')
        *value = (uint64_t)strtoll(text, &end, 0);
    else
        *value = strtoull(text, &end, 0);
    if (*end == 'U')
        end++;
    if (width == 1)
        *value = *value ? UINT32_MAX : 0;
    else if (width < 8)
        *value &= (UINT64_C(1) << (8 * width)) - 1;
    return end != text && !*end;
}

uint16_t parse_operand(struct parser *p, const char *text, uint8_t width)
{
    uint32_t number;
    uint16_t special;
    uint64_t value;
    const struct registers *r = find_register(p, text, &number);
    if (r && (r->width == width || !width))
        return (uint16_t)(r->first + number * (r->width == 8 ? 2 : 1));
    if (width == 4 && find_special(text, &special))
        return special;
    if (!r && (find_address(p, text, &value) || parse_number(text, width, &value)))
        return constant_slot(p, value, width);
    parse_fail(p, "operand %s is no value of %d bytes", text, width);
    return 0;
}

uint8_t parse_register_width(const struct parser *p, const char *text)
{
    uint32_t number;
    uint16_t special;
    const struct registers *r = find_register(p, text, &number);
    return r ? r->width : find_special(text, &special) ? 4 : 0;
}
