/* Connections of the larger build: a name is looked up, its addresses are tried in turn, TLS comes on top. */
#include "host.h"
#include "names.h"
#include "tls.h"
#include <errno.h>
#include <poll.h>
#include <unistd.h>

static struct connection {
  enum { NAMING, DIALLING, SHAKING_HANDS, SETTLED } stage;
  int fd, error, state, mode;
  bool has_tls;
} connections[HANDLES];

bool extra_is_built(void) { return true; }
bool extra_is_configured(void) { return tls_is_configured(); }
bool extra_is_name(const char *text) { return names_allow(text); }
void extra_child_ended(pid_t child) { names_child_ended(child); }

static bool is_dialling(struct connection *c, const union address *to) {
  c->fd = dial(to, &c->error);
  c->stage = DIALLING;
  return c->fd >= 0;
}

bool extra_open(int handle, const char *address, int port, int mode) {
  struct connection *c = &connections[handle];
  union address parsed;
  *c = (struct connection){.stage = NAMING, .state = CONNECTING, .mode = mode};
  if (parse_address(address, port, &parsed)) return is_dialling(c, &parsed);
  c->fd = names_ask(handle, address, port);
  return c->fd >= 0;
}

/* Dials the next address that can be dialled; without one the connection has failed for good. */
static void dial_next(int handle, int failure) {
  struct connection *c = &connections[handle];
  union address next;
  while (names_next(handle, &next))
    if (is_dialling(c, &next)) return;
  c->stage = SETTLED;
  c->state = failure;
  c->fd = -1;
}

void extra_turn(int handle) {
  struct connection *c = &connections[handle];
  if (c->stage == NAMING) {
    names_answer(handle);
    dial_next(handle, BROKEN);
    return;
  }
  if (c->stage == DIALLING) {
    int state = dialled(c->fd, c->error);
    if (state == CONNECTING) return;
    if (state != OPEN) {
      close(c->fd);
      dial_next(handle, state);
      return;
    }
    c->has_tls = c->mode != PLAIN && tls_start(c->fd, c->mode);
    c->stage = c->has_tls ? SHAKING_HANDS : SETTLED;
    c->state = c->has_tls ? CONNECTING : c->mode == PLAIN ? OPEN : BROKEN;
  }
  if (!c->has_tls) return;
  int state = tls_turn();
  if (c->stage == SHAKING_HANDS) c->state = state;
  if (state != CONNECTING) c->stage = SETTLED;
}

int extra_state(int handle) { return connections[handle].state; }

int extra_send(int handle, const void *from, size_t length) {
  struct connection *c = &connections[handle];
  return c->has_tls ? tls_send(from, length) : socket_send(c->fd, from, length);
}

int extra_receive(int handle, void *out, size_t capacity) {
  struct connection *c = &connections[handle];
  return c->has_tls ? tls_receive(out, capacity) : socket_receive(c->fd, out, capacity);
}

int extra_watch(int handle, int want, short *events, bool *is_ready) {
  struct connection *c = &connections[handle];
  if (c->stage == NAMING) *events = POLLIN;
  if (c->stage == DIALLING) *events = POLLOUT;
  if (c->has_tls) *events = tls_events(want, is_ready);
  return c->fd;
}

void extra_close(int handle) {
  struct connection *c = &connections[handle];
  if (c->has_tls) tls_end();
  if (c->stage != NAMING) close(c->fd);
  names_forget(handle);
}
