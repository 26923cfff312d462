#define _GNU_SOURCE
#include "names.h"
#include "host.h"
#include <fcntl.h>
#include <netdb.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#define LONGEST_NAME 253
#define MOST_ADDRESSES 8

static struct question {
  pid_t child; /* 0 = ended */
  bool is_open;
  int answer, port, count, tried, first;
  union address found[MOST_ADDRESSES];
} questions[HANDLES];

bool names_allow(const char *text) {
  static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
  size_t length = strlen(text), plain = strspn(text, "0123456789.-_");
  while (plain < length && strchr(letters, text[plain])) plain += 1 + strspn(text + plain + 1, "0123456789.-_");
  return plain == length && length <= LONGEST_NAME && strpbrk(text, letters);
}

/* What the child does: one write that a pipe takes whole, or none. */
static void look_up(const char *name, int to) {
  const struct addrinfo wanted = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG};
  struct addrinfo *all;
  union address found[MOST_ADDRESSES] = {0};
  int count = 0;
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  /* A connection that the parent closes meanwhile must not stay open here. */
  for (int fd = STDERR_FILENO + 1; fd < 64; fd++)
    if (fd != to) close(fd);
  if (getaddrinfo(name, NULL, &wanted, &all) == 0)
    for (; all && count < MOST_ADDRESSES; all = all->ai_next) memcpy(&found[count++], all->ai_addr, all->ai_addrlen);
  _exit(write(to, found, count * sizeof *found) < 0);
}

int names_ask(int handle, const char *name, int port) {
  struct question *q = &questions[handle];
  int ends[2];
  if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0) return -1;
  pid_t child = fork();
  if (child == 0) look_up(name, ends[1]);
  close(ends[1]);
  if (child < 0) {
    close(ends[0]);
    return -1;
  }
  *q = (struct question){.child = child, .is_open = true, .answer = ends[0], .port = port};
  return ends[0];
}

void names_answer(int handle) {
  /* Each question starts with the next address: one that never answers costs an attempt, not the connection. */
  static unsigned turn;
  struct question *q = &questions[handle];
  ssize_t n = read(q->answer, q->found, sizeof q->found);
  q->count = n < 0 ? 0 : n / sizeof *q->found;
  q->first = q->count ? turn++ % q->count : 0;
  close(q->answer);
  q->is_open = false;
}

bool names_next(int handle, union address *out) {
  struct question *q = &questions[handle];
  if (q->tried == q->count) return false;
  *out = q->found[(q->first + q->tried++) % q->count];
  out->v4.sin_port = htons(q->port); /* the port has the same place in both families */
  return true;
}

void names_forget(int handle) {
  struct question *q = &questions[handle];
  if (q->child) kill(q->child, SIGKILL);
  if (q->is_open) close(q->answer);
  *q = (struct question){.child = q->child};
}

void names_child_ended(pid_t child) {
  for (int i = 0; i < HANDLES; i++)
    if (questions[i].child == child) questions[i].child = 0;
}
