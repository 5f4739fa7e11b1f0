// TLS for the HTTP module. Swift does not import function-like macros, so the few that are needed have functions here.
#ifndef DHOW_COPENSSL_H
#define DHOW_COPENSSL_H
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

// TLS 1.2 at least, no renegotiation, no compression; writes may be partial and repeated from elsewhere, as non-blocking
// sockets need it; several records are read with one system call.
static inline void dhow_tls_prepare(SSL_CTX *context) {
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
  SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_read_ahead(context, 1);
  SSL_CTX_set_default_read_buffer_len(context, 128 * 1024);
}
// The certificate must be for this host name, which is also asked for (SNI). Answers 1 on success.
static inline int dhow_tls_expect_host(SSL *connection, const char *name) {
  SSL_set_hostflags(connection, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  return SSL_set1_host(connection, name) == 1 && SSL_set_tlsext_host_name(connection, name) == 1;
}
static inline void dhow_bio_retry(BIO *bio, int forWriting) {
  BIO_set_flags(bio, (forWriting ? BIO_FLAGS_WRITE : BIO_FLAGS_READ) | BIO_FLAGS_SHOULD_RETRY);
}
static inline void dhow_bio_no_retry(BIO *bio) { BIO_clear_flags(bio, BIO_FLAGS_RWS | BIO_FLAGS_SHOULD_RETRY); }
static inline int dhow_error_reason(unsigned long code) { return ERR_GET_REASON(code); }
static inline int dhow_error_library(unsigned long code) { return ERR_GET_LIB(code); }
#endif
