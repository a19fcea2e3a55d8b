/* Pages that are not its own, and memory without end. */
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "orders.h"

#define MEBIBYTE (1UL << 20)

typedef const long numbers[ORDERS_NUMBERS];

/* A store that the compiler does not leave out. */
static void
touch(struct child *c, const void *at)
{
	_Atomic char *byte = (_Atomic char *)(uintptr_t)at;

	store_relaxed(byte, load_relaxed(byte));
	orders_answer(c, "done");
}

static void
write_header(struct child *c, numbers n)
{
	(void)n;
	touch(c, &c->seat.header->current);
}

static void
write_front(struct child *c, numbers n)
{
	(void)n;
	touch(c, segment_front(c->seat.header));
}

static void
write_directory(struct child *c, numbers n)
{
	(void)n;
	touch(c, &c->seat.entry->state);
}

static void
write_mailbox(struct child *c, numbers n)
{
	(void)n;
	touch(c, &c->seat.mailbox->outbox_tail);
}

static void
write_departed(struct child *c, numbers n)
{
	(void)n;
	touch(c, segment_departed(c->seat.header, 0));
}

static void
write_log(struct child *c, numbers n)
{
	(void)n;
	touch(c, segment_log(c->seat.header).bytes);
}

static void
write_arena(struct child *c, numbers n)
{
	(void)n;
	touch(c, (char *)c->seat.header + c->seat.header->layout.arena);
}

static void
write_inbox(struct child *c, numbers n)
{
	(void)n;
	touch(c, segment_inbox(c->seat.header, c->seat.slot).bytes);
}

static void
write_other_inbox(struct child *c, numbers n)
{
	(void)n;
	touch(c, segment_inbox(c->seat.header, orders_other_slot(c)).bytes);
}

static void
write_other_slot(struct child *c, numbers n)
{
	(void)n;
	touch(c, segment_slot(c->seat.header, orders_other_slot(c)));
}

/* The last byte before and the first behind its own slot. */
static void
write_before_slot(struct child *c, numbers n)
{
	(void)n;
	touch(c, (char *)c->seat.self - 1);
}

static void
write_behind_slot(struct child *c, numbers n)
{
	(void)n;
	touch(c, (char *)c->seat.self + c->seat.header->layout.slot_size);
}

/* The same of the commons. */
static void
write_before_commons(struct child *c, numbers n)
{
	(void)n;
	touch(c, (char *)c->seat.commons - 1);
}

static void
write_behind_commons(struct child *c, numbers n)
{
	(void)n;
	touch(c, (char *)c->seat.commons + c->seat.header->layout.commons_size);
}

/* What it may do: the order itself works. */
static void
write_own_slot(struct child *c, numbers n)
{
	(void)n;
	touch(c, (char *)c->seat.self + c->seat.header->layout.slot_size - 1);
}

/* All children share it (../../../child/image.h). */
static void
write_text(struct child *c, numbers n)
{
	(void)n;
	touch(c, (const void *)(uintptr_t)&child_run);
}

/* Ways to get more of the segment. */

static void
unprotect(struct child *c, numbers n)
{
	void *page = (void *)((uintptr_t)c->seat.entry & ~(uintptr_t)(LAYOUT_PAGE - 1));

	(void)n;
	orders_answer_result(c, mprotect(page, LAYOUT_PAGE, PROT_READ | PROT_WRITE));
}

/* A slot that is mapped longer than it is would be the next one as well. */
static void
grow_slot(struct child *c, numbers n)
{
	size_t size = c->seat.header->layout.slot_size;

	(void)n;
	orders_answer_result(
	    c, mremap(c->seat.self, size, 2 * size, MREMAP_MAYMOVE) == MAP_FAILED ? -1 : 0);
}

/* And one of no length is mapped once more (mremap(2)). */
static void
copy_slot(struct child *c, numbers n)
{
	size_t size = c->seat.header->layout.slot_size;

	(void)n;
	orders_answer_result(
	    c, mremap(c->seat.self, 0, 2 * size, MREMAP_MAYMOVE) == MAP_FAILED ? -1 : 0);
}

static void
shift_slot(struct child *c, numbers n)
{
	const struct layout *l = &c->seat.header->layout;
	size_t page = (l->slots + orders_other_slot(c) * l->slot_size) / LAYOUT_PAGE;

	(void)n;
	orders_answer_result(
	    c, syscall(SYS_remap_file_pages, c->seat.self, l->slot_size, 0, page, 0));
}

static void
map_over(struct child *c, numbers n)
{
	void *at = mmap(c->seat.header, LAYOUT_PAGE, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);

	(void)n;
	orders_answer_result(c, at == MAP_FAILED ? -1 : 0);
}

static void
map_code(struct child *c, numbers n)
{
	void *at =
	    mmap(NULL, LAYOUT_PAGE, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	(void)n;
	orders_answer_result(c, at == MAP_FAILED ? -1 : 0);
}

/* Pages that the system keeps for others. */
static void
map_huge(struct child *c, numbers n)
{
	void *at = mmap(NULL, 2U << 20, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0);

	(void)n;
	orders_answer_result(c, at == MAP_FAILED ? -1 : 0);
}

static void
map_shared(struct child *c, numbers n)
{
	void *at =
	    mmap(NULL, LAYOUT_PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	(void)n;
	orders_answer_result(c, at == MAP_FAILED ? -1 : 0);
}

static void
write_ticker(struct child *c, numbers n)
{
	char byte = 0;
	struct iovec local = {&byte, 1}, remote = {c->seat.header, 1};

	(void)n;
	orders_answer_result(c, process_vm_writev(orders_ticker(c), &local, 1, &remote, 1, 0));
}

/* Everything there is, page by page. */
static void
exhaust_memory(struct child *c, numbers n)
{
	struct piece {
		struct piece *next;
		char bytes[MEBIBYTE];
	} *all = NULL, *piece;
	unsigned count = 0;

	(void)n;
	while ((piece = malloc(sizeof(*piece))) != NULL) {
		for (size_t i = 0; i < sizeof(piece->bytes); i += LAYOUT_PAGE)
			piece->bytes[i] = (char)i;
		piece->next = all;
		all = piece;
		count++;
	}
	while ((piece = all) != NULL) {
		all = piece->next;
		free(piece);
	}
	orders_answer(c, "%u MiB", count);
}

static long
recurse(long depth)
{
	_Atomic char frame[LAYOUT_PAGE];

	store_relaxed(&frame[depth % LAYOUT_PAGE], 1);
	return depth < 0 ? 0 : recurse(depth + 1) + load_relaxed(&frame[0]);
}

static void
exhaust_stack(struct child *c, numbers n)
{
	(void)n;
	orders_answer(c, "%ld", recurse(0));
}

const struct order orders_memory[] = {
    {"write-header", write_header},
    {"write-front", write_front},
    {"write-directory", write_directory},
    {"write-mailbox", write_mailbox},
    {"write-departed", write_departed},
    {"write-log", write_log},
    {"write-arena", write_arena},
    {"write-inbox", write_inbox},
    {"write-other-inbox", write_other_inbox},
    {"write-other-slot", write_other_slot},
    {"write-before-slot", write_before_slot},
    {"write-behind-slot", write_behind_slot},
    {"write-before-commons", write_before_commons},
    {"write-behind-commons", write_behind_commons},
    {"write-own-slot", write_own_slot},
    {"write-text", write_text},
    {"unprotect", unprotect},
    {"grow-slot", grow_slot},
    {"copy-slot", copy_slot},
    {"shift-slot", shift_slot},
    {"map-over", map_over},
    {"map-code", map_code},
    {"map-huge", map_huge},
    {"map-shared", map_shared},
    {"write-ticker", write_ticker},
    {"exhaust-memory", exhaust_memory},
    {"exhaust-stack", exhaust_stack},
    {NULL, NULL},
};
