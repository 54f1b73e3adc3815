/* Entries of the records. */
#include <string.h>

#include "engine/engine.h"

void elcl_records_row(struct elcl_records *records, size_t at, int i,
                      const int32_t record[ELCL_ROW_INTS])
{
    memcpy(records->data + at + (size_t)i * ELCL_ROW_INTS, record, ELCL_ROW_INTS * sizeof(*record));
}

void elcl_records_group(struct elcl_records *records, size_t at, int i, struct elcl_row_group group)
{
    memcpy(records->data + at + (size_t)i * ELCL_ROW_GROUP_INTS, &group, sizeof(group));
}
