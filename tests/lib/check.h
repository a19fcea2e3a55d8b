/*
 * check.h - an assertion for code that is not itself in a test function.
 *
 * In a Criterion test it fails that test; check_failed() is defined in check.c
 * so that the same library serves programs without Criterion.
 */
#ifndef TESTS_CHECK_H
#define TESTS_CHECK_H

_Noreturn void check_failed(const char *file, int line, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#define CHECK(condition, ...)                                          \
	do {                                                           \
		if (!(condition))                                      \
			check_failed(__FILE__, __LINE__, __VA_ARGS__); \
	} while (0)

#endif
