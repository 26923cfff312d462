/* One TLS 1.2 connection at a time: the one to the collector. */
#ifndef TLS_H
#define TLS_H

#include "socket.h"

/* Whether COLLECTOR_CA_FILE can be used; says so when not. */
bool tls_is_configured(void);
/* Takes over a connected socket; false = not possible, and said why. */
bool tls_start(int fd, int mode);
/* Moves records both ways as far as they go, and tells the state. */
int tls_turn(void);
int tls_send(const void *from, size_t length);
int tls_receive(void *out, size_t capacity);
/* The events to wait for while the core wants these; `is_ready` = there is nothing to wait for. */
short tls_events(int want, bool *is_ready);
void tls_end(void);

#endif
