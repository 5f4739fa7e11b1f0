// TLS for the HTTP module. Swift does not import function-like macros, so the few that are needed have functions here.
#ifndef DHOW_COPENSSL_H
#define DHOW_COPENSSL_H
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>

static inline int dhow_tls_least_version(SSL_CTX *context, int version) {
  return (int)SSL_CTX_set_min_proto_version(context, version);
}
static inline int dhow_tls_server_name(SSL *connection, const char *name) {
  return (int)SSL_set_tlsext_host_name(connection, name);
}
static inline long dhow_tls_modes(SSL_CTX *context, long modes) { return SSL_CTX_set_mode(context, modes); }
static inline void dhow_bio_retry(BIO *bio, int forWriting) {
  BIO_set_flags(bio, (forWriting ? BIO_FLAGS_WRITE : BIO_FLAGS_READ) | BIO_FLAGS_SHOULD_RETRY);
}
static inline int dhow_error_reason(unsigned long code) { return ERR_GET_REASON(code); }
static inline int dhow_error_library(unsigned long code) { return ERR_GET_LIB(code); }
#endif
