/* What the parts of the native host share. */
#ifndef HOST_H
#define HOST_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define HANDLES 8

/* Bits of hostWant. */
enum { READABLE = 1, WRITABLE = 2 };
/* Modes of hostOpen. */
enum { PLAIN = 0, TLS_HTTP = 1, TLS_H2 = 2 };

/* One line on stderr; dropped when nobody reads there. */
void say(const char *line);

/* Connections by name or with TLS. extra.c has them for the larger build; no-extra.c says no for the small one. */
bool extra_is_built(void);
/* Whether the settings of TLS can work; says so when not. */
bool extra_is_configured(void);
bool extra_is_name(const char *text);
/* Takes over a handle; false = not possible. All that follows is asked only of handles it took. */
bool extra_open(int handle, const char *address, int port, int mode);
int extra_state(int handle);
int extra_send(int handle, const void *from, size_t length);
int extra_receive(int handle, void *out, size_t capacity);
/* The descriptor and the events to wait for while the core wants these; `is_ready` = there is nothing to wait for. */
int extra_watch(int handle, int want, short *events, bool *is_ready);
/* Such an event came: goes on as far as possible without waiting. */
void extra_turn(int handle);
void extra_close(int handle);
/* A child ended and was waited for: its id may soon be another's. */
void extra_child_ended(pid_t child);

#endif
