#include "load.h"

#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

/* Nothing that a question does takes as long; a server that hangs must not hang us. */
#define LIMIT_S 240

static const struct {
	const char *name;
	void (*ask)(const struct load *l);
} questions[] = {
    {"connect", ask_connect},
    {"fanout", ask_fanout},
    {"relay", ask_relay},
    {"hold", ask_hold},
    {"churn", ask_churn},
    {"slow", ask_slow},
};

static const struct option long_options[] = {
    {"port", required_argument, NULL, 'p'},
    {"pid", required_argument, NULL, 'P'},
    {"clients", required_argument, NULL, 'n'},
    {"flight", required_argument, NULL, 'f'},
    {"senders", required_argument, NULL, 's'},
    {"size", required_argument, NULL, 'S'},
    {"changers", required_argument, NULL, 'c'},
    {"rounds", required_argument, NULL, 'r'},
    {"slow", required_argument, NULL, 'l'},
    {"ms", required_argument, NULL, 'm'},
    {"tick", required_argument, NULL, 't'},
    {"deflate", no_argument, NULL, 'd'},
    {"people", no_argument, NULL, 'e'},
    {"broadcast", no_argument, NULL, 'b'},
    {"marks", no_argument, NULL, 'M'},
    {NULL, 0, NULL, 0},
};

static void
take_option(struct load *l, int option)
{
	uint32_t number = optarg != NULL ? (uint32_t)strtoul(optarg, NULL, 10) : 0;

	switch (option) {
	case 'p': l->port = (uint16_t)number; break;
	case 'P': l->pid = (int)number; break;
	case 'n': l->clients = number; break;
	case 'f': l->flight = number; break;
	case 's': l->senders = number; break;
	case 'S': l->size = number; break;
	case 'c': l->changers = number; break;
	case 'r': l->rounds = number; break;
	case 'l': l->slow = number; break;
	case 'm': l->ms = number; break;
	case 't': l->tick = number; break;
	case 'd': l->deflate = true; break;
	case 'e': l->people = true; break;
	case 'b': l->broadcast = true; break;
	case 'M': l->marks = true; break;
	default: exit(64);
	}
}

static void
raise_descriptors(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &limit);
	}
}

int
main(int argc, char **argv)
{
	struct load l = {
	    .clients = 100,
	    .flight = 1,
	    .size = 50,
	    .changers = 1,
	    .rounds = 10,
	    .ms = 2000,
	    .tick = 500,
	};
	int option;

	while ((option = getopt_long(argc, argv, "", long_options, NULL)) != -1)
		take_option(&l, option);
	l.question = optind < argc ? argv[optind] : "";
	signal(SIGPIPE, SIG_IGN);
	alarm(LIMIT_S);
	raise_descriptors();
	for (size_t i = 0; i < sizeof(questions) / sizeof(*questions); i++)
		if (strcmp(questions[i].name, l.question) == 0) {
			questions[i].ask(&l);
			return 0;
		}
	fprintf(stderr, "usage: load --port P [--pid PID] [--clients N] ... QUESTION\n");
	return 64;
}
