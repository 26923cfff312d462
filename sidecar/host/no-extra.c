/* The small build connects to addresses without TLS, and says so. */
#include "host.h"
#include "socket.h"

bool extra_is_built(void) { return false; }
bool extra_is_configured(void) { return true; }
bool extra_is_name(const char *text) { return false; }
bool extra_open(int handle, const char *address, int port, int mode) { return false; }
int extra_state(int handle) { return BROKEN; }
int extra_send(int handle, const void *from, size_t length) { return BROKEN; }
int extra_receive(int handle, void *out, size_t capacity) { return BROKEN; }
int extra_watch(int handle, int want, short *events, bool *is_ready) { return -1; }
void extra_turn(int handle) {}
void extra_close(int handle) {}
void extra_child_ended(pid_t child) {}
