/*
 * peer.h - the process at the other end of a Unix socket.
 */
#ifndef SERVER_PEER_H
#define SERVER_PEER_H

#include <stdbool.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct peer {
	uint32_t pid;
	uid_t uid;
};

/* As the kernel says (SO_PEERCRED, unix(7)).  0, or -1 and errno. */
int peer_of(int fd, struct peer *peer);

/*
 * Is it a child in its cage (child/cage.h), or one that was and is dead by now?  What it
 * has said before may still be in a queue.  It cannot undo its limit, which tells.
 */
bool peer_is_caged(const struct peer *peer);

/*
 * A pidfd for a child, or -1 if it is gone.  Never one for another process that
 * got its pid: where the kernel can tell by the socket it is asked
 * (SO_PEERPIDFD, Linux 6.5); else the process must have begun before
 * since_boot_ms, when the child was already there.  line may be -1.
 */
int peer_pidfd(int line, uint32_t pid, uint64_t since_boot_ms);

/* What a process does with its time. */
struct peer_work {
	bool runnable;   /* or waits for the disk: it would go on if the machine let it */
	uint64_t cpu_ms; /* that it has used, in ms */
};

/* As /proc says; false if it is gone. */
bool peer_work(uint32_t pid, struct peer_work *work);

/* SIGKILL by pidfd. */
void peer_kill(int pidfd);

#endif
