#!/bin/sh
# Makes the certificates that the TLS tests use, valid for a hundred years. The keys protect nothing.
# Run it in this folder when a test needs another name; commit what it makes.
set -eu
authority() { # name
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 36500 -keyout "$1.key" -out "$1.pem" \
    -subj "/CN=$1" -addext "basicConstraints=critical,CA:TRUE" -addext "keyUsage=critical,keyCertSign"
}
certificate() { # name, authority, subject alternative names
  openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$1.key" -out "$1.csr" -subj "/CN=$1"
  printf 'subjectAltName=%s\n' "$3" > "$1.ext"
  openssl x509 -req -in "$1.csr" -CA "$2.pem" -CAkey "$2.key" -days 36500 -extfile "$1.ext" -out "$1.pem"
  rm "$1.csr" "$1.ext"
}
authority ca
authority stranger
certificate server ca 'DNS:localhost,DNS:kitchen.test,IP:127.0.0.1'
certificate waiter ca 'URI:spiffe://kitchen.test/waiter,DNS:waiter.kitchen.test,email:waiter@kitchen.test'
certificate intruder stranger 'URI:spiffe://kitchen.test/waiter'
rm -f ca.key stranger.key ./*.srl
