/* For programs that are linked with --wrap=f: calls of f reach __wrap_f, and __real_f is f. */
#ifndef ELCL_TESTS_WRAP_H
#define ELCL_TESTS_WRAP_H

/* Declares both with the type of f, which must be declared already. */
#define WRAPPED(f) __typeof__(f) __real_##f, __wrap_##f

#endif
