/* Non-blocking TCP, as hostState, hostSend and hostReceive tell it. */
#ifndef SOCKET_H
#define SOCKET_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>

/* What hostState tells. */
enum { CONNECTING = 0, OPEN = 1, REFUSED = -1, BROKEN = -2 };
/* What hostSend and hostReceive tell instead of a count; BROKEN too. */
enum { NONE_TAKEN = 0, ENDED = 0, NOTHING_NOW = -1 };

union address {
  struct sockaddr any;
  struct sockaddr_in v4;
  struct sockaddr_in6 v6;
};

/* IPv4 or IPv6 as text. */
bool parse_address(const char *text, int port, union address *out);
/* A descriptor that connects, or -1. A failure that is known at once is left in `error`. */
int dial(const union address *to, int *error);
int dialled(int fd, int error);
/* A descriptor that listens on all addresses, or -1. */
int listen_on(int port);
/* A descriptor; NOTHING_NOW when nobody waits, BROKEN when whoever waits cannot be taken. */
int accept_from(int listener);
int socket_send(int fd, const void *from, size_t length);
int socket_receive(int fd, void *out, size_t capacity);

#endif
