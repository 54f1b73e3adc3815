/* Pages of Ogg files, checked without decoding: decoders skip what is damaged and say nothing. */
#ifndef ELCL_SPEECH_OGG_H
#define ELCL_SPEECH_OGG_H

#include "base/os.h"

/* Room for what is wrong with a file. */
#define ELCL_FAULT_BYTES 96

/* Walks over all pages. `fault` receives "" or what is wrong: a page is damaged or cut, the last
 * one does not end the stream, or another stream follows, which decoders leave out. */
int elcl_ogg_check(const struct elcl_file *file, char fault[ELCL_FAULT_BYTES], elcl_error *err);

#endif
