/* BearSSL's client engine between the core and one socket. Constant-time code of the small kind; TLS 1.2 only. */
#define _GNU_SOURCE
#include "tls.h"
#include "anchors.h"
#include "host.h"
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

/* Records are taken in whole, sent in smaller pieces. */
#define LONGEST_SENT 2048
/* What one turn moves at most, so that a server that floods us does not hold up probes. */
#define ROUNDS 16
#define DAYS_TO_1970 719528
#define SECONDS_A_DAY 86400

static br_ssl_client_context client;
static br_ssl_engine_context *const engine = &client.eng;
static br_x509_minimal_context verifier;
static unsigned char incoming[BR_SSL_BUFSIZE_INPUT], outgoing[LONGEST_SENT + 85];
static int socket_fd, open_mode;
static bool is_busy, is_shaken, is_lost;

static const char *setting(const char *name) {
  const char *value = getenv(name);
  return value && *value ? value : NULL;
}

static const char *server_name(void) {
  const char *name = setting("COLLECTOR_SERVER_NAME");
  return name ? name : setting("COLLECTOR_HOST");
}

bool tls_is_configured(void) {
  br_x509_trust_anchor *anchors;
  const char *path = setting("COLLECTOR_CA_FILE");
  return !path || anchors_load(path, &anchors) > 0;
}

static const char *meaning(int error) {
  switch (error) {
  case BR_ERR_OK: return "the connection ended within the handshake";
  case BR_ERR_X509_EXPIRED: return "its certificate is expired or not valid yet, by this machine's clock";
  case BR_ERR_X509_BAD_SERVER_NAME: return "its certificate is for another name: see COLLECTOR_SERVER_NAME";
  case BR_ERR_X509_NOT_TRUSTED: return "its certificate is not signed by an authority in COLLECTOR_CA_FILE";
  case BR_ERR_RECV_FATAL_ALERT + BR_ALERT_PROTOCOL_VERSION: return "it does not speak TLS 1.2";
  case BR_ERR_RECV_FATAL_ALERT + BR_ALERT_HANDSHAKE_FAILURE: return "it has no cipher suite in common with ECDHE and AES-128-GCM or ChaCha20-Poly1305";
  default: return NULL;
  }
}

/* Said once for as long as it stays the same. */
static void say_failure(int error, const char *because) {
  static int said = -1;
  char line[256] = "TLS to the collector failed: ", *number = line + sizeof line;
  if (error == said) return;
  said = error;
  *--number = 0;
  for (int rest = error; rest > 0 || !*number; rest /= 10) *--number = '0' + rest % 10;
  strcat(line, because ? because : "BearSSL error ");
  if (!because) strcat(line, number);
  say(line);
}

/* The engine with exactly what is linked: four suites, NIST curves, RSA and ECDSA signatures, SHA-2. */
static void configure(void) {
  static const uint16_t suites[] = {
      BR_TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
      BR_TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
      BR_TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
      BR_TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
  };
  br_ssl_client_zero(&client);
  br_ssl_engine_set_versions(engine, BR_TLS12, BR_TLS12);
  br_ssl_engine_set_suites(engine, suites, sizeof suites / sizeof *suites);
  br_ssl_engine_set_hash(engine, br_sha256_ID, &br_sha256_vtable);
  br_ssl_engine_set_hash(engine, br_sha384_ID, &br_sha384_vtable);
  br_ssl_engine_set_hash(engine, br_sha512_ID, &br_sha512_vtable);
  br_ssl_engine_set_prf_sha256(engine, br_tls12_sha256_prf);
  br_ssl_engine_set_ec(engine, &br_ec_prime_i31);
  br_ssl_engine_set_rsavrfy(engine, br_rsa_i31_pkcs1_vrfy);
  br_ssl_engine_set_ecdsa(engine, br_ecdsa_i31_vrfy_asn1);
  br_ssl_engine_set_gcm(engine, &br_sslrec_in_gcm_vtable, &br_sslrec_out_gcm_vtable);
  br_ssl_engine_set_aes_ctr(engine, &br_aes_ct_ctr_vtable);
  br_ssl_engine_set_ghash(engine, br_ghash_ctmul);
  br_ssl_engine_set_chapol(engine, &br_sslrec_in_chapol_vtable, &br_sslrec_out_chapol_vtable);
  br_ssl_engine_set_chacha20(engine, br_chacha20_ct_run);
  br_ssl_engine_set_poly1305(engine, br_poly1305_ctmul_run);
  br_ssl_engine_set_buffers_bidi(engine, incoming, sizeof incoming, outgoing, sizeof outgoing);
}

static void trust(const br_x509_trust_anchor *anchors, size_t count) {
  time_t now = time(NULL);
  br_x509_minimal_init(&verifier, &br_sha256_vtable, anchors, count);
  br_x509_minimal_set_hash(&verifier, br_sha256_ID, &br_sha256_vtable);
  br_x509_minimal_set_hash(&verifier, br_sha384_ID, &br_sha384_vtable);
  br_x509_minimal_set_hash(&verifier, br_sha512_ID, &br_sha512_vtable);
  br_x509_minimal_set_rsa(&verifier, br_rsa_i31_pkcs1_vrfy);
  br_x509_minimal_set_ecdsa(&verifier, &br_ec_prime_i31, br_ecdsa_i31_vrfy_asn1);
  br_x509_minimal_set_time(&verifier, DAYS_TO_1970 + now / SECONDS_A_DAY, now % SECONDS_A_DAY);
  br_ssl_engine_set_x509(engine, &verifier.vtable);
}

bool tls_start(int fd, int mode) {
  static const char *protocols[] = {[TLS_HTTP] = "http/1.1", [TLS_H2] = "h2"};
  br_x509_trust_anchor *anchors;
  const char *path = setting("COLLECTOR_CA_FILE");
  size_t count = is_busy || !path ? 0 : anchors_load(path, &anchors);
  unsigned char seed[32];
  if (count == 0 || getrandom(seed, sizeof seed, 0) != sizeof seed) return false;
  configure();
  trust(anchors, count);
  br_ssl_engine_inject_entropy(engine, seed, sizeof seed);
  br_ssl_engine_set_protocol_names(engine, &protocols[mode], 1);
  is_busy = br_ssl_client_reset(&client, server_name(), 0);
  is_shaken = is_lost = false;
  socket_fd = fd;
  open_mode = mode;
  if (!is_busy) say_failure(br_ssl_engine_last_error(engine), NULL);
  return is_busy;
}

/* One record's worth in one direction; whether anything moved. */
static bool move(unsigned state) {
  size_t room;
  if (state & BR_SSL_SENDREC) {
    const unsigned char *from = br_ssl_engine_sendrec_buf(engine, &room);
    int sent = socket_send(socket_fd, from, room);
    if (sent > 0) br_ssl_engine_sendrec_ack(engine, sent);
    if (sent != NONE_TAKEN) return !(is_lost = sent < 0);
  }
  if (state & BR_SSL_RECVREC) {
    unsigned char *to = br_ssl_engine_recvrec_buf(engine, &room);
    int received = socket_receive(socket_fd, to, room);
    if (received > 0) br_ssl_engine_recvrec_ack(engine, received);
    if (received != NOTHING_NOW) return !(is_lost = received <= 0);
  }
  return false;
}

/* Whether what was agreed is what the core speaks. */
static bool is_agreed(void) {
  const char *protocol = br_ssl_engine_get_selected_protocol(engine);
  return open_mode == TLS_HTTP || (protocol && strcmp(protocol, "h2") == 0);
}

int tls_turn(void) {
  for (int round = 0; round < ROUNDS && !is_lost && move(br_ssl_engine_current_state(engine)); round++) {}
  unsigned state = br_ssl_engine_current_state(engine);
  if (!is_shaken && (is_lost || state == BR_SSL_CLOSED)) {
    int error = br_ssl_engine_last_error(engine);
    say_failure(error, meaning(error));
    return BROKEN;
  }
  if (!is_shaken && (state & BR_SSL_SENDAPP)) {
    is_shaken = true;
    if (is_agreed()) return OPEN;
    say_failure(0x10000, "it does not speak h2, which COLLECTOR_PROTOCOL=grpc needs");
    is_lost = true;
  }
  if (is_lost) return BROKEN;
  return is_shaken ? OPEN : CONNECTING;
}

int tls_send(const void *from, size_t length) {
  if (tls_turn() == BROKEN || br_ssl_engine_current_state(engine) == BR_SSL_CLOSED) return BROKEN;
  size_t room;
  unsigned char *to = br_ssl_engine_sendapp_buf(engine, &room);
  if (!to) return NONE_TAKEN;
  if (length > room) length = room;
  memcpy(to, from, length);
  br_ssl_engine_sendapp_ack(engine, length);
  br_ssl_engine_flush(engine, 0);
  return tls_turn() == BROKEN ? BROKEN : (int)length;
}

/* An end that the server did not announce counts as broken: something may be missing. */
int tls_receive(void *out, size_t capacity) {
  int state = tls_turn();
  size_t length;
  const unsigned char *from = br_ssl_engine_recvapp_buf(engine, &length);
  if (capacity == 0) return NOTHING_NOW;
  if (!from && br_ssl_engine_current_state(engine) == BR_SSL_CLOSED)
    return br_ssl_engine_last_error(engine) == BR_ERR_OK ? ENDED : BROKEN;
  if (!from) return state == BROKEN ? BROKEN : NOTHING_NOW;
  if (length > capacity) length = capacity;
  memcpy(out, from, length);
  br_ssl_engine_recvapp_ack(engine, length);
  return length;
}

short tls_events(int want, bool *is_ready) {
  unsigned state = br_ssl_engine_current_state(engine);
  bool is_over = is_lost || state == BR_SSL_CLOSED;
  *is_ready = is_shaken && ((want & READABLE && (is_over || state & BR_SSL_RECVAPP)) ||
                            (want & WRITABLE && (is_over || state & BR_SSL_SENDAPP)));
  if (is_over) return 0;
  return (state & BR_SSL_SENDREC ? POLLOUT : 0) | (!is_shaken || want & READABLE ? POLLIN : 0);
}

void tls_end(void) {
  if (!is_lost) {
    br_ssl_engine_close(engine);
    tls_turn();
  }
  is_busy = false;
}
