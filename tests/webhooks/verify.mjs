// Verifies one message with the reference library, as a receiver written in Node would.
//
// Standard input: {"secret", "headers", "body"}, the body in base64 so that its bytes arrive untouched.
// Standard output: {"ok": true, "payload"} or {"ok": false, "error"}.
import { readFileSync } from "node:fs";
import { Webhook } from "standardwebhooks";

const { secret, headers, body } = JSON.parse(readFileSync(0, "utf8"));
let answer;
try {
  answer = { ok: true, payload: new Webhook(secret).verify(Buffer.from(body, "base64").toString("utf8"), headers) };
} catch (error) {
  answer = { ok: false, error: error.constructor.name };
}
process.stdout.write(JSON.stringify(answer));
