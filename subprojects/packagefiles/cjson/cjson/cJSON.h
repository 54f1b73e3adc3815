/* The header's place where cJSON is installed. */
#include "../cJSON.h"
