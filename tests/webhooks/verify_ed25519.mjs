// Verifies one message of version v1a with nothing but Node's own crypto, as a receiver without our package would.
//
// Standard input: {"key": "whpk_…", "headers", "body"}, the body in base64 so that its bytes arrive untouched.
// Standard output: {"ok": true} or {"ok": false}.
import { readFileSync } from "node:fs";
import { createPublicKey, verify } from "node:crypto";

const { key, headers, body } = JSON.parse(readFileSync(0, "utf8"));
const x = Buffer.from(key.slice("whpk_".length), "base64").toString("base64url");
const publicKey = createPublicKey({ key: { kty: "OKP", crv: "Ed25519", x }, format: "jwk" });
const content = Buffer.concat([
  Buffer.from(`${headers["webhook-id"]}.${headers["webhook-timestamp"]}.`),
  Buffer.from(body, "base64"),
]);
const ok = headers["webhook-signature"]
  .split(" ")
  .filter((one) => one.startsWith("v1a,"))
  .some((one) => verify(null, content, publicKey, Buffer.from(one.slice(4), "base64")));
process.stdout.write(JSON.stringify({ ok }));
