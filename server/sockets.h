/*
 * sockets.h - addresses, and sockets that listen on them.
 *
 *	ADDR:PORT  [V6ADDR]:PORT  unix:PATH
 *
 * Addresses are numbers: the server asks no name service.  Port 0 takes any.
 */
#ifndef SERVER_SOCKETS_H
#define SERVER_SOCKETS_H

#include <stdbool.h>
#include <sys/socket.h>
#include <sys/types.h>

#include "../shm/layout.h"

#define SOCKETS_BACKLOG 4096 /* the kernel cuts it to net.core.somaxconn */

/*
 * Make a socket listen; the file of a Unix socket gets these permissions.  The
 * descriptor, or -1 after it was said what is wrong.
 */
int sockets_listen(const char *address, mode_t mode);

/* The path in an address of a Unix socket, or NULL. */
const char *sockets_path(const char *address);

/* Write an address for people: 127.0.0.1:50312, [::1]:50312, unix:PATH. */
void
sockets_name(const struct sockaddr_storage *address, socklen_t length, char name[PEER_LENGTH]);

/* The same for the socket's own end. */
void sockets_own_name(int fd, char name[PEER_LENGTH]);

#endif
