/** node built/told.js PORT SECRET: print the messages whose signature is right. */
import { createHmac, timingSafeEqual } from "node:crypto";
import { createServer, type IncomingMessage } from "node:http";

const [port = "9000", secret = ""] = process.argv.slice(2); // the secret as it was shown: whsec_…
const MOST_AGE_S = 300;

function isOurs(signature: string, body: Buffer): boolean {
  const parts = new Map(signature.split(",").map((part) => part.split("=", 2) as [string, string]));
  const sent = parts.get("t") ?? "";
  const expected = createHmac("sha256", secret).update(`${sent}.`).update(body).digest();
  const given = Buffer.from(parts.get("v1") ?? "", "hex");
  const isFresh = Math.abs(Date.now() / 1000 - Number(sent)) < MOST_AGE_S;
  return isFresh && given.length === expected.length && timingSafeEqual(given, expected);
}

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

createServer(async (request, response) => {
  const body = await bodyOf(request); // its bytes: what is read and written again is signed no more
  const isGood = isOurs(String(request.headers["x-enrich-signature"] ?? ""), body);
  console.log(isGood ? "verified" : "FORGED", isGood ? JSON.parse(body.toString()).type : "");
  response.writeHead(isGood ? 204 : 400).end();
}).listen(Number(port), "127.0.0.1", () => console.log("listening"));
