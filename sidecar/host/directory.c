#define _GNU_SOURCE
#include "directory.h"
#include <dirent.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

/* opendir would bring malloc along, a tenth of the small build. */
struct listing {
  int fd, at, end;
  _Alignas(struct dirent) char entries[2048];
};

static struct dirent *next(struct listing *l) {
  if (l->at == l->end) {
    l->at = 0;
    l->end = getdents(l->fd, (struct dirent *)l->entries, sizeof l->entries);
  }
  if (l->end <= 0) return NULL;
  struct dirent *entry = (struct dirent *)(l->entries + l->at);
  l->at += entry->d_reclen;
  return entry;
}

/* -1 = it is no number that fits. */
static int32_t number_of(const char *name) {
  int64_t number = 0;
  const char *digit = name;
  for (; *digit >= '0' && *digit <= '9' && number <= INT32_MAX; digit++) number = number * 10 + (*digit - '0');
  return *digit || digit == name || number > INT32_MAX ? -1 : number;
}

int list_numbers(const char *path, int32_t after, int32_t *out, uint32_t capacity) {
  struct listing l = {.fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  if (l.fd < 0) return -1;
  uint32_t count = 0;
  for (struct dirent *entry; (entry = next(&l));) {
    int32_t number = number_of(entry->d_name);
    uint32_t place = count;
    if (number < 0 || number <= after) continue;
    while (place > 0 && out[place - 1] > number) place--;
    if (place == capacity) continue;
    if (count < capacity) count++;
    memmove(out + place + 1, out + place, (count - place - 1) * sizeof *out);
    out[place] = number;
  }
  close(l.fd);
  return count;
}

int count_entries(const char *path) {
  struct listing l = {.fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  if (l.fd < 0) return -1;
  int count = 0;
  for (struct dirent *entry; (entry = next(&l));) count += entry->d_name[0] != '.';
  close(l.fd);
  return count;
}
