// A certificate that only these tests show, made once for `localhost` with `openssl req -x509`, and good for a hundred years:
// making one takes a tool that a clean machine may not have.
export const KEY = `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgcJuDIgNlspvPNIJC
nmvhLutfcmVYP5SwsoCqV1fO6QuhRANCAAQHOphYF7yN5Q13M6gZE0aPaXCZn+9F
j3kQYHvdlfMLxgby2o/pxpsKRc13VGaaqqswsKfWiVqJQB1SmLbWsrME
-----END PRIVATE KEY-----
`;

export const CERTIFICATE = `-----BEGIN CERTIFICATE-----
MIIBlDCCATugAwIBAgIUWdolDZuhJXge6wB+Rn+lWNfvrYgwCgYIKoZIzj0EAwIw
FDESMBAGA1UEAwwJbG9jYWxob3N0MCAXDTI2MTEyMzIxMTYxMFoYDzIxMjYxMDMw
MjExNjEwWjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcqhkjOPQIBBggqhkjO
PQMBBwNCAAQHOphYF7yN5Q13M6gZE0aPaXCZn+9Fj3kQYHvdlfMLxgby2o/pxpsK
Rc13VGaaqqswsKfWiVqJQB1SmLbWsrMEo2kwZzAdBgNVHQ4EFgQUV3PdWORIC1aE
br2brejfl8AYKJkwHwYDVR0jBBgwFoAUV3PdWORIC1aEbr2brejfl8AYKJkwDwYD
VR0TAQH/BAUwAwEB/zAUBgNVHREEDTALgglsb2NhbGhvc3QwCgYIKoZIzj0EAwID
RwAwRAIgOcGe8Y/C6tyKeWLSm9NoX/cypRmypTYUm6wLzbT6H3QCIDf76DnB702S
JO2fkmUNJko8H89OHptXCEa6x8P6MGhY
-----END CERTIFICATE-----
`;
