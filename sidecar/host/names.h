/* Names are looked up by a process of their own each, so that a resolver that hangs holds nothing up. */
#ifndef NAMES_H
#define NAMES_H

#include "socket.h"
#include <sys/types.h>

/* A host name by its letters; an address that is written wrongly is none. */
bool names_allow(const char *text);
/* A descriptor that becomes readable when the answer to this handle's question is there, or -1. */
int names_ask(int handle, const char *name, int port);
/* Takes the answer, good or bad, and closes the descriptor. */
void names_answer(int handle);
/* The next address to try; false = no more. */
bool names_next(int handle, union address *out);
/* Ends the question; whoever looks it up still is killed. */
void names_forget(int handle);
/* This child was waited for: its id may soon be another's. */
void names_child_ended(pid_t child);

#endif
