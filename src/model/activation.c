/* Names of activations in configurations. */
#include "model/family.h"

#include <string.h>

#include "base/util.h"

bool elcl_activation_named(const char *name, enum elcl_activation *act)
{
    static const struct {
        const char *name;
        enum elcl_activation act;
    } known[] = {
        {"gelu", ELCL_ACT_GELU},           {"relu", ELCL_ACT_RELU},
        {"gelu_new", ELCL_ACT_GELU_TANH},  {"gelu_pytorch_tanh", ELCL_ACT_GELU_TANH},
        {"gelu_fast", ELCL_ACT_GELU_TANH}, {"gelu_accurate", ELCL_ACT_GELU_TANH},
        {"gelu_python", ELCL_ACT_GELU},    {"silu", ELCL_ACT_SILU},
        {"swish", ELCL_ACT_SILU},
    };
    for (size_t i = 0; i < ELCL_COUNT(known); i++) {
        if (!strcmp(name, known[i].name)) {
            *act = known[i].act;
            return true;
        }
    }
    return false;
}

int elcl_read_activation(const struct elcl_config *config, const char *key, const char *fallback,
                         enum elcl_activation *act, elcl_error *err)
{
    const char *name;
    const int rc = elcl_config_string_or(config, key, fallback, &name, err);
    if (rc || elcl_activation_named(name, act))
        return rc;
    return elcl_fail(err, ELCL_E_UNSUPPORTED,
                     "%s: %s \"%s\" is not supported; supported: gelu, gelu_new, relu, silu",
                     config->path, key, name);
}
