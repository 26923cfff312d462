#define _GNU_SOURCE
#include "socket.h"
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#define STREAM (SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC)
#define BACKLOG 8

bool parse_address(const char *text, int port, union address *out) {
  *out = (union address){0};
  if (inet_pton(AF_INET, text, &out->v4.sin_addr) == 1) out->any.sa_family = AF_INET;
  else if (inet_pton(AF_INET6, text, &out->v6.sin6_addr) == 1) out->any.sa_family = AF_INET6;
  else return false;
  out->v4.sin_port = htons(port); /* the port has the same place in both */
  return true;
}

int dial(const union address *to, int *error) {
  int on = 1, fd = socket(to->any.sa_family, STREAM, 0);
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  *error = connect(fd, &to->any, sizeof *to) == 0 || errno == EINPROGRESS ? 0 : errno;
  return fd;
}

int dialled(int fd, int error) {
  struct pollfd writable = {.fd = fd, .events = POLLOUT};
  if (!error && poll(&writable, 1, 0) == 0) return CONNECTING;
  if (!error) getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &(socklen_t){sizeof error});
  return !error ? OPEN : error == ECONNREFUSED ? REFUSED : BROKEN;
}

/* IPv6 takes IPv4 callers too; a kernel without it has IPv4 alone. */
int listen_on(int port) {
  union address all = {.v6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)}};
  int on = 1, off = 0, fd = socket(AF_INET6, STREAM, 0);
  if (fd < 0) {
    all.any.sa_family = AF_INET;
    fd = socket(AF_INET, STREAM, 0);
  }
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
  if (bind(fd, &all.any, sizeof all) == 0 && listen(fd, BACKLOG) == 0) return fd;
  close(fd);
  return -1;
}

int accept_from(int listener) {
  int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
  return fd >= 0 ? fd : errno == EAGAIN ? NOTHING_NOW : BROKEN;
}

int socket_send(int fd, const void *from, size_t length) {
  ssize_t n = send(fd, from, length, 0);
  return n >= 0 ? n : errno == EAGAIN ? NONE_TAKEN : BROKEN;
}

int socket_receive(int fd, void *out, size_t capacity) {
  if (capacity == 0) return NOTHING_NOW;
  ssize_t n = recv(fd, out, capacity, 0);
  return n >= 0 ? n : errno == EAGAIN ? NOTHING_NOW : BROKEN;
}
