/* Directories, without memory from the heap. */
#ifndef DIRECTORY_H
#define DIRECTORY_H

#include <stdint.h>

/* Up to `capacity` entries that are numbers above `after`, the smallest ones, ascending; their count, or -1. */
int list_numbers(const char *path, int32_t after, int32_t *out, uint32_t capacity);
/* How many entries there are, or -1. */
int count_entries(const char *path);

#endif
