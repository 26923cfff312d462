/* Read at each connection, so that a file that is replaced while the sidecar runs is used from then on. */
#include "anchors.h"
#include "host.h"
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define MOST_ANCHORS 32

static br_x509_trust_anchor anchors[MOST_ANCHORS];
static size_t count;
/* Names and keys of the anchors, one after another. */
static unsigned char store[24 * 1024];
static size_t stored;
static bool is_full;
static br_x509_decoder_context decoder;

static unsigned char *keep(const void *bytes, size_t length) {
  unsigned char *kept = store + stored;
  if (length > sizeof store - stored) {
    is_full = true;
    return store;
  }
  stored += length;
  return memcpy(kept, bytes, length);
}

static void keep_name(void *unused, const void *bytes, size_t length) {
  keep(bytes, length);
  anchors[count].dn.len += length;
}

static void decode(void *unused, const void *bytes, size_t length) { br_x509_decoder_push(&decoder, bytes, length); }

static void begin(void) {
  is_full = is_full || count == MOST_ANCHORS;
  if (is_full) return;
  anchors[count] = (br_x509_trust_anchor){.dn.data = store + stored};
  br_x509_decoder_init(&decoder, keep_name, NULL);
}

static bool end(void) {
  const br_x509_pkey *key = br_x509_decoder_get_pkey(&decoder);
  br_x509_trust_anchor *anchor = &anchors[count];
  if (is_full || !key) return false;
  anchor->flags = br_x509_decoder_isCA(&decoder) ? BR_X509_TA_CA : 0;
  anchor->pkey = *key;
  if (key->key_type == BR_KEYTYPE_RSA) {
    anchor->pkey.key.rsa.n = keep(key->key.rsa.n, key->key.rsa.nlen);
    anchor->pkey.key.rsa.e = keep(key->key.rsa.e, key->key.rsa.elen);
  } else {
    anchor->pkey.key.ec.q = keep(key->key.ec.q, key->key.ec.qlen);
  }
  count += 1;
  return !is_full;
}

/* False = one of the objects in it is broken. */
static bool read_all(int fd) {
  static br_pem_decoder_context pem;
  char bytes[512];
  bool is_certificate = false, is_at_end = false;
  br_pem_decoder_init(&pem);
  while (!is_at_end) {
    ssize_t length = read(fd, bytes, sizeof bytes);
    if (length < 0) return false;
    is_at_end = length == 0;
    if (is_at_end) bytes[length++] = '\n'; /* for a last line without one */
    for (ssize_t used = 0; used < length;) {
      used += br_pem_decoder_push(&pem, bytes + used, length - used);
      int event = br_pem_decoder_event(&pem);
      if (event == BR_PEM_ERROR) return false;
      if (event == BR_PEM_END_OBJ && is_certificate && !end()) return false;
      if (event != BR_PEM_BEGIN_OBJ) continue;
      is_certificate = strcmp(br_pem_decoder_name(&pem), "CERTIFICATE") == 0;
      if (is_certificate) begin();
      br_pem_decoder_setdest(&pem, is_certificate ? decode : NULL, NULL);
    }
  }
  return true;
}

size_t anchors_load(const char *path, br_x509_trust_anchor **out) {
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  const char *problem = NULL;
  count = stored = 0;
  is_full = false;
  *out = anchors;
  if (fd < 0) problem = "COLLECTOR_CA_FILE cannot be read";
  else if (!read_all(fd) && !is_full) problem = "COLLECTOR_CA_FILE is no PEM file of certificates";
  else if (is_full) problem = "COLLECTOR_CA_FILE holds more than 32 certificates or 24 KiB of keys; name only those the collector uses";
  else if (count == 0) problem = "COLLECTOR_CA_FILE holds no certificate (-----BEGIN CERTIFICATE-----)";
  close(fd);
  if (problem) say(problem);
  return problem ? 0 : count;
}
