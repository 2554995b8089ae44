#!/bin/sh
# Makes the certificates of this folder again, with openssl: an authority that nothing trusts by itself, and three
# certificates of one key, valid until 2200 but for expired.pem. other.pem is for a host that no test asks for.
set -eu
cd "$(dirname "$0")"
work=$(mktemp -d)
trap 'rm -r "$work"' EXIT

key() { openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$1"; }

# sign FILE END SUBJECT EXTENSIONS [OPTION...]
sign() {
  file=$1 end=$2 subject=$3 extensions=$4
  shift 4
  : >"$work/index"
  openssl rand -hex 8 >"$work/serial"
  printf '%s\n' '[ca]' 'default_ca=it' '[it]' 'policy=any' "database=$work/index" "new_certs_dir=$work" "serial=$work/serial" \
    '[any]' 'commonName=supplied' '[req]' 'distinguished_name=any' '[extensions]' "$extensions" >"$work/config"
  if [ "$file" = ca.pem ]; then own=ca.key; else own=server.key; fi
  openssl req -new -config "$work/config" -key "$own" -subj "/CN=$subject" -out "$work/request"
  openssl ca -batch -notext -md sha256 -config "$work/config" -in "$work/request" -out "$file" \
    -startdate 20200101000000Z -enddate "$end" -extensions extensions -keyfile ca.key "$@"
}

key ca.key
key server.key
names='subjectAltName=DNS:localhost,DNS:goproxy.example.com,IP:127.0.0.1,IP:127.0.0.2'
sign ca.pem 22000101000000Z 'Stoa test authority' 'basicConstraints=critical,CA:TRUE' -selfsign
sign server.pem 22000101000000Z 'Stoa test server' "$names" -cert ca.pem
sign expired.pem 20200102000000Z 'Stoa test server' "$names" -cert ca.pem
sign other.pem 22000101000000Z 'Stoa test server' 'subjectAltName=DNS:other.example.com' -cert ca.pem
rm ca.key
