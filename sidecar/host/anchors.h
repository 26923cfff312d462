/* The authorities a server's certificate may be signed by: the certificates of a PEM file. */
#ifndef ANCHORS_H
#define ANCHORS_H

#include <bearssl.h>
#include <stddef.h>

/* Reads the file anew and returns how many it holds; 0 = it cannot be used, and said why. */
size_t anchors_load(const char *path, br_x509_trust_anchor **out);

#endif
