/* Native host of the sidecar's core: clocks, files, sockets and the loop around them. Decisions are the core's. */
#define _GNU_SOURCE
#include "host.h"
#include "core.h"
#include "directory.h"
#include "socket.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define EXIT_MALFORMED 64
#define GRACE_MS 2000
#define LONGEST_WAIT_MS 3600000

typedef struct w2c_host {
  w2c_core core;
} Host;

/* A span of the core's memory; one that lies outside it is a bug of the core. */
static void *span(Host *h, u32 at, u64 length) {
  if (at + length > h->core.w2c_memory.size) wasm_rt_trap(WASM_RT_TRAP_OOB);
  return h->core.w2c_memory.data + at;
}

/* The same as a C string that lasts until the next call; a longer one is cut. */
static const char *text(Host *h, u32 at, u32 length) {
  static char copy[512];
  const char *from = span(h, at, length);
  size_t n = length < sizeof copy ? length : sizeof copy - 1;
  memcpy(copy, from, n);
  copy[n] = 0;
  return copy;
}

void say(const char *line) {
  static char safe[512];
  size_t n = 0;
  for (; line[n] && n < sizeof safe; n++) safe[n] = (unsigned char)line[n] < ' ' ? '?' : line[n];
  struct iovec parts[] = {{"bifrost-sidecar: ", 17}, {safe, n}, {"\n", 1}};
  if (poll(&(struct pollfd){.fd = STDERR_FILENO, .events = POLLOUT}, 1, 0) == 1) writev(STDERR_FILENO, parts, 3);
}

static f64 clock_ms(clockid_t clock) {
  struct timespec t;
  clock_gettime(clock, &t);
  return t.tv_sec * 1e3 + (f64)(t.tv_nsec / 1000000);
}

f64 w2c_host_hostWall(Host *h) { return clock_ms(CLOCK_REALTIME); }
u32 w2c_host_hostPid(Host *h) { return getpid(); }
u32 w2c_host_hostUid(Host *h) { return geteuid(); }
u32 w2c_host_hostHasTls(Host *h) { return extra_is_built(); }
void w2c_host_hostLog(Host *h, u32 at, u32 length) { say(text(h, at, length)); }

f64 w2c_host_hostRandom(Host *h) {
  u64 bits = 0;
  getrandom(&bits, sizeof bits, 0);
  return (f64)(bits >> 11) * 0x1p-53;
}

u32 w2c_host_hostEnv(Host *h, u32 name, u32 name_length, u32 out, u32 capacity) {
  const char *value = getenv(text(h, name, name_length));
  void *to = span(h, out, capacity);
  if (!value) return -1;
  size_t length = strlen(value);
  memcpy(to, value, length < capacity ? length : capacity);
  return length;
}

u32 w2c_host_hostRead(Host *h, u32 path, u32 path_length, u32 out, u32 capacity) {
  u8 *to = span(h, out, capacity);
  int fd = open(text(h, path, path_length), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return -1;
  u32 used = 0;
  ssize_t n;
  while ((n = read(fd, to + used, capacity - used)) > 0) used += n;
  close(fd);
  return n < 0 && used == 0 ? -1u : used;
}

u32 w2c_host_hostList(Host *h, u32 path, u32 path_length, u32 after, u32 out, u32 capacity) {
  int32_t *numbers = span(h, out, (u64)capacity * sizeof *numbers);
  return list_numbers(text(h, path, path_length), after, numbers, capacity);
}

/* Since Linux 6.2 the size of a /proc/<pid>/fd is the number of its entries, and needs no right to list them. */
u32 w2c_host_hostDescriptors(Host *h, u32 path, u32 path_length) {
  const char *name = text(h, path, path_length);
  struct stat it, own;
  if (stat(name, &it) < 0) return -1;
  bool is_counted = it.st_size > 0 || (stat("/proc/self/fd", &own) == 0 && own.st_size > 0);
  return is_counted ? it.st_size : count_entries(name);
}

u32 w2c_host_hostOwner(Host *h, u32 path, u32 path_length) {
  struct stat it;
  return stat(text(h, path, path_length), &it) == 0 ? it.st_uid : -1u;
}

static struct connection {
  bool is_used, is_extra;
  int fd, error, want;
} connections[HANDLES];

/* A handle that is not in use is a bug of the core. */
static struct connection *used(u32 handle) {
  if (handle >= HANDLES || !connections[handle].is_used) wasm_rt_trap(WASM_RT_TRAP_OOB);
  return &connections[handle];
}

/* A handle for it; without a free one it is closed, and -1. */
static int take(struct connection c) {
  for (int i = 0; i < HANDLES; i++) {
    if (connections[i].is_used) continue;
    connections[i] = c;
    return i;
  }
  close(c.fd);
  return -1;
}

u32 w2c_host_hostCanOpen(Host *h, u32 address, u32 length) {
  union address parsed;
  const char *name = text(h, address, length);
  return parse_address(name, 0, &parsed) || extra_is_name(name);
}

u32 w2c_host_hostOpen(Host *h, u32 address, u32 length, u32 port, u32 mode) {
  const char *name = text(h, address, length);
  union address parsed;
  struct connection c = {.is_used = true, .fd = -1, .want = WRITABLE};
  c.is_extra = mode != PLAIN || !parse_address(name, port, &parsed);
  if (!c.is_extra && (c.fd = dial(&parsed, &c.error)) < 0) return -1;
  int handle = take(c);
  if (handle < 0 || !c.is_extra || extra_open(handle, name, port, mode)) return handle;
  connections[handle].is_used = false;
  return -1;
}

u32 w2c_host_hostListen(Host *h, u32 port) {
  int fd = listen_on(port);
  return fd < 0 ? -1 : take((struct connection){.is_used = true, .fd = fd, .want = READABLE});
}

/* Without a free handle the caller is turned away: it must not keep the loop awake. */
u32 w2c_host_hostAccept(Host *h, u32 listener) {
  int fd = accept_from(used(listener)->fd);
  return fd < 0 ? fd : take((struct connection){.is_used = true, .fd = fd, .want = READABLE});
}

u32 w2c_host_hostState(Host *h, u32 handle) {
  struct connection *c = used(handle);
  return c->is_extra ? extra_state(handle) : dialled(c->fd, c->error);
}

u32 w2c_host_hostSend(Host *h, u32 handle, u32 from, u32 length) {
  struct connection *c = used(handle);
  const void *bytes = span(h, from, length);
  return c->is_extra ? extra_send(handle, bytes, length) : socket_send(c->fd, bytes, length);
}

u32 w2c_host_hostReceive(Host *h, u32 handle, u32 out, u32 capacity) {
  struct connection *c = used(handle);
  void *to = span(h, out, capacity);
  return c->is_extra ? extra_receive(handle, to, capacity) : socket_receive(c->fd, to, capacity);
}

void w2c_host_hostWant(Host *h, u32 handle, u32 events) { used(handle)->want = events; }

void w2c_host_hostClose(Host *h, u32 handle) {
  struct connection *c = used(handle);
  if (c->is_extra) extra_close(handle);
  else close(c->fd);
  c->is_used = false;
}

/* Waits for a wanted event, a signal or the time; the kernel reports errors unasked, so what wants nothing is left out. */
static void rest(f64 wait, const sigset_t *signals) {
  struct pollfd polled[HANDLES];
  for (int i = 0; i < HANDLES; i++) {
    struct connection *c = &connections[i];
    short events = (c->want & READABLE ? POLLIN : 0) | (c->want & WRITABLE ? POLLOUT : 0);
    bool is_ready = false;
    int fd = c->is_used && c->is_extra ? extra_watch(i, c->want, &events, &is_ready) : c->fd;
    polled[i] = (struct pollfd){.fd = c->is_used && events ? fd : -1, .events = events};
    if (is_ready) wait = 0;
  }
  u64 ms = wait < LONGEST_WAIT_MS ? (u64)(wait + 0.999) : LONGEST_WAIT_MS;
  struct timespec limit = {ms / 1000, ms % 1000 * 1000000};
  int count = ppoll(polled, HANDLES, &limit, signals);
  for (int i = 0; count > 0 && i < HANDLES; i++)
    if (polled[i].revents && connections[i].is_extra) extra_turn(i);
  for (pid_t child; (child = waitpid(-1, NULL, WNOHANG)) > 0;) extra_child_ended(child);
}

static volatile sig_atomic_t is_stopping;
static void on_stop(int signal) { is_stopping = 1; }

int main(void) {
  static Host host;
  sigset_t stops, none;
  sigemptyset(&none);
  sigemptyset(&stops);
  sigaddset(&stops, SIGTERM);
  sigaddset(&stops, SIGINT);
  sigprocmask(SIG_SETMASK, &stops, NULL);
  signal(SIGPIPE, SIG_IGN);
  signal(SIGTERM, on_stop);
  signal(SIGINT, on_stop);
  if (!extra_is_configured()) return EXIT_MALFORMED;
  wasm2c_core_instantiate(&host.core, &host);
  int code = w2c_core_init(&host.core, clock_ms(CLOCK_MONOTONIC));
  for (bool was_told = false; code == 0;) {
    if (is_stopping && !was_told) {
      was_told = true;
      w2c_core_stop(&host.core, clock_ms(CLOCK_MONOTONIC), GRACE_MS);
    }
    f64 wait = w2c_core_step(&host.core, clock_ms(CLOCK_MONOTONIC));
    if (wait < 0) break;
    rest(wait, &none);
  }
  return code;
}
