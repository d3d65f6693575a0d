# Ciphers, hashes, RSA and P-256: encryption, and signatures that are the same each time or verify.
cd "$(mktemp -d)" || exit
head -c 200000 "$(command -v openssl)" >data
key=00112233445566778899aabbccddeeff
for c in aes-128-cbc aes-256-ctr aes-128-ecb chacha20 camellia-128-cbc; do
    openssl enc -$c -K $key$key -iv $key -in data 2>/dev/null | sha256sum
done
for h in md5 sha1 sha256 sha512 sha3-256 blake2b512 sm3; do openssl dgst -$h data; done
python3 - <<'PY'
import hashlib, hmac
print(hmac.new(b"key", open("data", "rb").read(), "sha512").hexdigest())
print(hashlib.pbkdf2_hmac("sha256", b"password", b"salt", 5000).hex())
print(hashlib.scrypt(b"password", salt=b"salt", n=1024, r=8, p=1).hex())
PY
openssl genpkey -quiet -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out rsa.pem
openssl dgst -sha256 -sign rsa.pem -out rsa.sig data
openssl pkey -in rsa.pem -pubout -out rsa.pub
openssl dgst -sha256 -verify rsa.pub -signature rsa.sig data
openssl genpkey -quiet -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out ec.pem
openssl dgst -sha256 -sign ec.pem -out ec.sig data
openssl pkey -in ec.pem -pubout -out ec.pub
openssl dgst -sha256 -verify ec.pub -signature ec.sig data
openssl req -x509 -quiet -key ec.pem -subj /CN=felix -days 2 -out cert.pem
openssl verify -CAfile cert.pem cert.pem
openssl cms -encrypt -aes-128-gcm -in data -binary -outform DER -out data.cms cert.pem
openssl cms -decrypt -inform DER -in data.cms -inkey ec.pem -recip cert.pem -binary | cmp - data && echo AES-GCM
rm -r "$PWD"
