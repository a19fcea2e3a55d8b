#include "copy.h"

#include <stdint.h>
#include <string.h>

#include "atomic.h"

/*
 * The one race that is meant: the other side writes as it likes, here each word is
 * read once and by itself.  ThreadSanitizer is not to look, for it knows nothing of
 * the fences that make it good; tests/race looks at what is copied.
 */
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
__attribute__((disable_sanitizer_instrumentation))
#endif
#endif
void
copy_unsure(void *to, const void *from, size_t size)
{
	char *out = to;
	const char *in = from;

	for (; size > 0 && (uintptr_t)in % sizeof(uint64_t) != 0; size--)
		*out++ = load_relaxed((const _Atomic char *)in++);
	for (; size >= sizeof(uint64_t); size -= sizeof(uint64_t)) {
		uint64_t word = load_relaxed((const _Atomic uint64_t *)(const void *)in);

		memcpy(out, &word, sizeof(word));
		in += sizeof(word);
		out += sizeof(word);
	}
	for (; size > 0; size--)
		*out++ = load_relaxed((const _Atomic char *)in++);
}

void
copy_zeros(void *to, size_t size)
{
	_Atomic uint64_t *words = to;

	for (size_t i = 0; i < size / sizeof(*words); i++)
		store_relaxed(&words[i], 0);
}
