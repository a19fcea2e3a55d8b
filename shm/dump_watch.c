#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <unistd.h>

#include "clock.h"
#include "dump.h"
#include "screen.h"

#define INTERVAL_MS 1000
#define ONCE_ROWS 60 /* where there is no screen to fill */

/* Codes of ECMA-48, and xterm's other screen. */
#define ENTER "\033[?1049h\033[?25l"
#define LEAVE "\033[?25h\033[?1049l"
#define HOME "\033[H"
#define CLEAR_LINE "\033[K"
#define CLEAR_REST "\033[J"

struct watch {
	struct dump *dump;
	struct sample samples[2];
	unsigned newest;
	bool terminal; /* input is one: keys are taken */
	int signals;
	struct termios before;
};

static bool
look(struct watch *w)
{
	dump_refresh(w->dump);
	w->newest = !w->newest;
	return sample_take(w->dump, &w->samples[w->newest]);
}

static void
compose(struct watch *w, unsigned rows, struct text *out)
{
	screen_write(w->dump, &w->samples[w->newest], &w->samples[!w->newest], rows, out);
}

/* Rates need two looks, a tick apart; there is nothing to wait for where nobody ticks. */
static int
watch_once(struct watch *w)
{
	uint32_t tick = load_relaxed(&w->dump->header->tick_ms);
	struct text out = {0};

	if (!look(w))
		return dump_failed();
	if (w->dump->live) {
		uint32_t pause = w->dump->interval != 0 ? w->dump->interval
				 : tick <= INTERVAL_MS  ? 2 * tick
							: INTERVAL_MS;

		poll(NULL, 0, (int)pause);
		if (!look(w))
			return dump_failed();
	}
	if (w->dump->json)
		screen_json(w->dump, &w->samples[w->newest], &w->samples[!w->newest], &out);
	else
		compose(w, ONCE_ROWS, &out);
	return dump_text(&out);
}

/* What fits on the screen, line by line, the rest of each line cleared. */
static void
show(struct watch *w)
{
	struct winsize size = {.ws_row = 24, .ws_col = 80};
	struct text lines = {0}, out = {0};
	unsigned row = 0;

	(void)ioctl(STDOUT_FILENO, TIOCGWINSZ, &size);
	compose(w, size.ws_row, &lines);
	text_string(&out, HOME);
	for (size_t at = 0; at < lines.length && row < size.ws_row; row++) {
		const char *end = memchr(lines.bytes + at, '\n', lines.length - at);
		size_t length = (size_t)(end - (lines.bytes + at));

		if (row > 0)
			text_string(&out, "\r\n");
		text_add(&out, lines.bytes + at, length < size.ws_col ? length : size.ws_col);
		text_string(&out, CLEAR_LINE);
		at += length + 1;
	}
	text_string(&out, CLEAR_REST);
	if (!out.failed)
		(void)!write(STDOUT_FILENO, out.bytes, out.length);
	text_clear(&lines, 0);
	text_clear(&out, 0);
}

static bool
open_screen(struct watch *w)
{
	struct termios raw;
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGWINCH);
	sigprocmask(SIG_BLOCK, &set, NULL);
	if ((w->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK)) < 0)
		return false;
	w->terminal = tcgetattr(STDIN_FILENO, &w->before) == 0;
	if (w->terminal) {
		raw = w->before;
		raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
		(void)tcsetattr(STDIN_FILENO, TCSANOW, &raw);
	}
	(void)!write(STDOUT_FILENO, ENTER, sizeof(ENTER) - 1);
	return true;
}

static void
close_screen(struct watch *w)
{
	(void)!write(STDOUT_FILENO, LEAVE, sizeof(LEAVE) - 1);
	if (w->terminal)
		(void)tcsetattr(STDIN_FILENO, TCSANOW, &w->before);
	close(w->signals);
}

/* True: it is to end. */
static bool
take_signals(const struct watch *w)
{
	struct signalfd_siginfo info;

	while (read(w->signals, &info, sizeof(info)) == (ssize_t)sizeof(info))
		if (info.ssi_signo != SIGWINCH)
			return true;
	return false;
}

static bool
take_keys(struct watch *w)
{
	char keys[16];
	ssize_t count = read(STDIN_FILENO, keys, sizeof(keys));

	if (count <= 0)
		w->terminal = false; /* it is gone: a signal will come, or has */
	return count > 0 && (memchr(keys, 'q', (size_t)count) != NULL ||
				memchr(keys, 'Q', (size_t)count) != NULL);
}

/*
 * Until the next look is due, redraw whenever the size of the screen changes.
 * True: it is to end.
 */
static bool
wait_until(struct watch *w, uint64_t due)
{
	struct pollfd ready[] = {{.fd = w->signals, .events = POLLIN},
	    {.fd = w->terminal ? STDIN_FILENO : -1, .events = POLLIN}};
	uint64_t now;

	while ((now = clock_ms()) < due) {
		if (poll(ready, 2, (int)(due - now)) <= 0)
			continue;
		if (ready[0].revents != 0) {
			if (take_signals(w))
				return true;
			show(w);
		}
		if (ready[1].revents != 0 && take_keys(w))
			return true;
		ready[1].fd = w->terminal ? STDIN_FILENO : -1;
	}
	return false;
}

static int
watch_on(struct watch *w)
{
	uint32_t interval = w->dump->interval != 0 ? w->dump->interval : INTERVAL_MS;
	uint64_t due = clock_ms();
	int code = DUMP_FINE;

	if (!open_screen(w))
		return dump_failed();
	do {
		if (!look(w)) {
			code = DUMP_SYSTEM;
			break;
		}
		show(w);
		due += interval;
	} while (!wait_until(w, due));
	close_screen(w);
	return code;
}

int
dump_watch(struct dump *d)
{
	struct watch w = {.dump = d};
	int code;

	/* Where nothing changes, and where nobody sees it, one look is all. */
	if (d->once || d->json || d->file || !isatty(STDOUT_FILENO))
		code = watch_once(&w);
	else
		code = watch_on(&w);
	sample_free(&w.samples[0]);
	sample_free(&w.samples[1]);
	return code;
}
