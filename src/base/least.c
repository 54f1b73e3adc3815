#include "base/least.h"

void elcl_least_add(struct elcl_least *least, double time)
{
    if (least->first == 0 || time < least->first) {
        least->second = least->first;
        least->first = time;
    } else if (least->second == 0 || time < least->second) {
        least->second = time;
    }
}

bool elcl_least_agrees(const struct elcl_least *least)
{
    return least->second > 0 && least->second <= 1.1 * least->first;
}
