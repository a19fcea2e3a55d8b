/*
 * rosterd-dump on the image of a segment in which anything was changed.  It may
 * refuse the image, and show nonsense; it stays within it.
 *
 * The tool's main() is called dump_main here (see the Makefile).
 */
#include <getopt.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../../server/bells.h"
#include "../../server/post.h"
#include "../../server/tick.h"
#include "../../shm/clock.h"
#include "../../shm/segment.h"
#include "fuzz.h"
#include "instance.h"

int dump_main(int argc, char **argv);

/* All commands that show something and end. */
static const char *const commands[] = {
    "clients", "changes", "stats", "snapshot", "locks", "layout", "check"};

#define COMMANDS (sizeof(commands) / sizeof(commands[0]))
#define PATCHES_MAX 64

/* What a patch wrote over, to be put back. */
static struct patch {
	unsigned char *at;
	unsigned char before;
} patches[PATCHES_MAX * 16];

static unsigned patched;
static unsigned char *image;
static uint64_t image_size;
static char path[64];

/* The tool ends without unmapping: that is done here. */
static struct segment opened;
int __real_segment_open_file(struct segment *s, const char *file, const char **why);
int __wrap_segment_open_file(struct segment *s, const char *file, const char **why);

int
__wrap_segment_open_file(struct segment *s, const char *file, const char **why)
{
	int result = __real_segment_open_file(s, file, why);

	if (result == 0)
		opened = *s;
	return result;
}

static void
populate(struct ticker *t)
{
	static const char *const texts[] = {
	    "{\"name\":\"Ada\",\"x\":12}", "{}", "{\"\":[1e400]}"};

	for (uint32_t slot = 0; slot < 3; slot++) {
		struct slot *s = books_slot(t, slot);

		slot_write(s, t->header->layout.buffer_size, texts[slot],
		    (uint32_t)strlen(texts[slot]));
		slot_flip(s);
		books_look(t, slot);
		store_relaxed(&s->counters.received_packets, slot);
	}
	tick_run(t, clock_ms());
}

/* A copy of a segment in use, as a file that this process can write. */
static void
make_image(void)
{
	struct ticker *t = instance_reset(3);
	int fd = memfd_create("image", MFD_CLOEXEC);

	populate(t);
	image_size = t->segment.size;
	FUZZ_CHECK(fd >= 0 && ftruncate(fd, (off_t)image_size) == 0, "no memory");
	image = mmap(NULL, image_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	FUZZ_CHECK(image != MAP_FAILED, "no memory");
	memcpy(image, t->header, image_size);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
}

/* Patches go into a part, so that all parts get some. */
static unsigned char *
place(struct input *in)
{
	const struct layout *l = &((const struct header *)(const void *)image)->layout;
	uint64_t parts[] = {0, l->front, l->directory, l->mailboxes, l->commons, l->departed,
	    l->log, l->arena, l->inboxes, l->slots, l->slots + l->slot_size};
	unsigned part = input_byte(in) % (sizeof(parts) / sizeof(parts[0]));

	return image + (parts[part] + input_number(in, 2)) % (image_size - 16);
}

static void
patch(struct input *in)
{
	unsigned char *at = place(in);
	size_t length;
	const uint8_t *bytes = input_bytes(in, 1U + input_byte(in) % 16U, &length);

	for (size_t i = 0; i < length; i++) {
		patches[patched++] = (struct patch){at + i, at[i]};
		at[i] = bytes[i];
	}
}

static void
put_back(void)
{
	while (patched > 0) {
		patched--;
		*patches[patched].at = patches[patched].before;
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = {data, size};
	uint8_t what = input_byte(&in);
	char *argv[] = {(char *)(uintptr_t) "rosterd-dump", (char *)(uintptr_t) "--file", path,
	    (char *)(uintptr_t)commands[what % COMMANDS], NULL, NULL};

	if (image == NULL)
		make_image();
	if (what >= 128)
		argv[4] = (char *)(uintptr_t) "--json";
	for (unsigned i = 0; i < PATCHES_MAX && in.left > 0; i++)
		patch(&in);
	opened.header = NULL;
	optind = 0;
	(void)dump_main(what >= 128 ? 5 : 4, argv);
	if (opened.header != NULL) {
		segment_unmap(&opened);
		segment_close_fd(&opened);
	}
	put_back();
	return 0;
}
