/*
 * What every kernel file may use: the host puts this text before each program, after records.h.
 *
 *   ELCL_MAC(a, b, c)  a * b + c on float or a vector of floats, in the form that the device does
 *                      fastest: one of -DELCL_MAC_FMA=1, -DELCL_MAC_MAD=1, -DELCL_MAC_PLAIN=1
 *   ELCL_PREFETCH(p, n)  hints that memory n bytes after the global pointer p is read soon, for the
 *                      second-level cache: more may be in flight than the first one holds; only
 *                      with ELCL_POCL, whose own prefetch() does nothing
 *   ELCL_NEG_MAX       finite "minus infinity": masked scores, start of a running maximum
 *   ELCL_CHECK         a condition at compile time
 *
 * -DELCL_POCL=1 says that PoCL compiles, for the places where it needs other words.
 * -DELCL_TEST_WRONG makes every sum slightly wrong: only the tests of `elcl selftest` define it.
 */
#if defined(ELCL_TEST_WRONG)
#define ELCL_MAC(a, b, c) ((a) * (b) + (c) * 0.9999f)
#elif defined(ELCL_MAC_FMA)
#define ELCL_MAC(a, b, c) fma((a), (b), (c))
#elif defined(ELCL_MAC_MAD)
#define ELCL_MAC(a, b, c) mad((a), (b), (c))
#else
#define ELCL_MAC(a, b, c) ((a) * (b) + (c))
#endif

#ifdef ELCL_POCL
#define ELCL_PREFETCH(p, n) __builtin_prefetch((const void *)((size_t)(p) + (n)), 0, 2)
#else
#define ELCL_PREFETCH(p, n)
#endif

#define ELCL_NEG_MAX (-3.0e38f)

/* Does not compile if the condition is false. */
#define ELCL_CHECK(name, condition) typedef char name[(condition) ? 1 : -1]
