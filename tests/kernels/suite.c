#include "suite.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void suite_must(int rc, const elcl_error *err)
{
    if (!rc)
        return;
    printf("kernels: cannot go on: %s\n", err->msg);
    exit(1);
}

static void warn(void *user, enum elcl_log_level level, const char *line)
{
    (void)user;
    if (level == ELCL_LOG_WARNING)
        printf("%s\n", line);
}

static void on_failure(void *user, int status, const char *reason)
{
    (void)user;
    CHECK(false, "%s", reason);
    if (status == ELCL_E_NOMEM)
        exit(1);
}

static void open_kernels(struct suite *s)
{
    elcl_error err = {0};
    if (!*s->device) {
        const struct elcl_device_params device = {
            .device = s->options->device, .kernels = s->kernels, .log = warn};
        suite_must(elcl_device_open(&device, s->device, &err), &err);
        printf("%s kernels on %s, %s\n", s->kernels == ELCL_KERNELS_CPU ? "cpu" : "gpu",
               (*s->device)->desc.name, (*s->device)->desc.platform);
    }
    s->fx.device = *s->device;
    s->fx.seed = s->options->seed;
    s->fx.on_failure = on_failure;
    elcl_probe_features(*s->device, &s->fx.features);
    s->params.act_keys = true;
    suite_must(elcl_ops_create(*s->device, &s->fx.features, &s->params, &s->fx.ops, &err), &err);
    if (!s->options->bench)
        s->fx.ops->busy_groups = 0; /* the same kernels on devices of all sizes */
}

bool suite_case(struct suite *s, const char *operation, const char *fmt, ...)
{
    char rest[160], name[256];
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(rest, sizeof(rest), fmt, args);
    va_end(args);
    (void)snprintf(name, sizeof(name), "%s %s %s", operation, s->name, rest);
    if (!check_case("%s", name))
        return false;
    if (!s->fx.ops)
        open_kernels(s);
    elcl_fixture_begin(&s->fx, name);
    return true;
}

void suite_close(struct suite *s)
{
    elcl_ops_destroy(&s->fx.ops);
}
