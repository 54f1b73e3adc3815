#include "device/dot.h"

const struct elcl_dot_kind elcl_dot_kinds[] = {
    [ELCL_DOT_NONE] = {"mac_wide.cl", "f32 multiply-adds", 1, sizeof(float)},
    [ELCL_DOT_PLAIN] = {"mac_int8.cl", "plain integer arithmetic", 4, 1},
};
