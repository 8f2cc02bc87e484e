/* Decrypts an envelope of FogSync Mark III, from its blocks, with libgcrypt.
 * Usage: open_block KEY_HEX BPTR_HEX DIRECTORY
 * DIRECTORY holds the blocks, each named by its hash. The header goes to standard error in hex. The data go to standard
 * output, still compressed if the header says so. */
#include <gcrypt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK 65536

struct bytes { unsigned char *data; size_t length; };

static void die(const char *what) { fprintf(stderr, "%s\n", what); exit(1); }

static size_t from_hex(const char *hex, unsigned char *out, size_t most) {
  size_t n = strlen(hex) / 2;
  if (n > most) die("too long");
  for (size_t i = 0; i < n; i++) {
    unsigned value;
    if (sscanf(hex + 2 * i, "%2x", &value) != 1) die("not hex");
    out[i] = (unsigned char) value;
  }
  return n;
}

static unsigned u32(const unsigned char *p) { return (unsigned) p[0] << 24 | p[1] << 16 | p[2] << 8 | p[3]; }

/* Appends the part of a block that an address names. */
static void append(struct bytes *to, const unsigned char *bptr, const char *directory) {
  char name[4096], hex[65];
  unsigned char block[BLOCK] = {0}, hash[32];
  for (int i = 0; i < 32; i++) sprintf(hex + 2 * i, "%02x", bptr[i]);
  snprintf(name, sizeof name, "%s/%.2s/%s", directory, hex, hex);
  FILE *file = fopen(name, "rb");
  if (file == NULL) die("a block is missing");
  if (fread(block, 1, BLOCK, file) == 0) die("a block is empty");
  fclose(file);
  gcry_md_hash_buffer(GCRY_MD_SHA256, hash, block, BLOCK);
  if (memcmp(hash, bptr, 32) != 0) die("a block has another hash");
  unsigned start = u32(bptr + 32), end = u32(bptr + 36);
  to->data = realloc(to->data, to->length + (end - start));
  memcpy(to->data + to->length, block + start, end - start);
  to->length += end - start;
}

static unsigned char cipher_key[32], mac_key[32];

/* Verifies the MAC, and decrypts header and data in place. Returns where the data begin. */
static struct bytes open_envelope(struct bytes envelope, unsigned char *header) {
  unsigned char *p = envelope.data, *code;
  size_t length = envelope.length - 32;
  gcry_md_hd_t mac;
  gcry_md_open(&mac, GCRY_MD_SHA256, GCRY_MD_FLAG_HMAC);
  gcry_md_setkey(mac, mac_key, 32);
  gcry_md_write(mac, p, length);
  code = gcry_md_read(mac, GCRY_MD_SHA256);
  if (memcmp(code, p + length, 32) != 0) die("the code does not fit");
  gcry_cipher_hd_t cipher;
  gcry_cipher_open(&cipher, GCRY_CIPHER_TWOFISH, GCRY_CIPHER_MODE_CTR, 0);
  gcry_cipher_setkey(cipher, cipher_key, 32);
  gcry_cipher_setctr(cipher, p, 16);
  gcry_cipher_decrypt(cipher, p + 24, length - 24, NULL, 0);
  memcpy(header, p + 24, 8);
  return (struct bytes) { p + 32, length - 32 };
}

int main(int argc, char **argv) {
  unsigned char key[64], bptr[44], header[8], both[38];
  if (argc != 4 || gcry_check_version(NULL) == NULL) die("usage: open_block KEY BPTR DIRECTORY");
  if (from_hex(argv[1], key, 64) == 64) {
    memcpy(cipher_key, key, 32);
    memcpy(mac_key, key + 32, 32);
  } else {
    memcpy(both, key, 32);
    memcpy(both + 32, "cipher", 6);
    gcry_md_hash_buffer(GCRY_MD_SHA256, cipher_key, both, 38);
    memcpy(both + 32, "hmac", 4);
    gcry_md_hash_buffer(GCRY_MD_SHA256, mac_key, both, 36);
  }
  if (from_hex(argv[2], bptr, 44) != 44) die("not an address");
  struct bytes envelope = {NULL, 0};
  append(&envelope, bptr, argv[3]);
  for (unsigned depth = u32(bptr + 40); depth > 0; depth--) {
    struct bytes list = open_envelope(envelope, header), next = {NULL, 0};
    if (list.length % 44 != 0 || header[3] != 0) die("not a list");
    for (size_t at = 0; at < list.length; at += 44) append(&next, list.data + at, argv[3]);
    envelope = next;
  }
  struct bytes data = open_envelope(envelope, header);
  for (int i = 0; i < 8; i++) fprintf(stderr, "%02x", header[i]);
  fwrite(data.data, 1, data.length, stdout);
  return 0;
}
