// Lets a Python program use @stoqey/ib: a request per line in, an event per line out, both JSON.
// It adds nothing and leaves nothing out; what the events mean is for the other side.
"use strict";

const readline = require("node:readline");
const { IBApi } = require("@stoqey/ib");

const [port, clientId] = process.argv.slice(2).map(Number);
const NOT_TOLD = new Set(["sent", "received", "result", "all"]);

function plain(key, value) {
  if (value instanceof Error) return value.message;
  if (value instanceof Map) return [...value.entries()];
  return value;
}

const ib = new IBApi({ host: "127.0.0.1", port, clientId, maxReqPerSec: 45 });
ib.on("all", (event, args) => {
  if (!NOT_TOLD.has(event)) process.stdout.write(JSON.stringify({ event, args }, plain) + "\n");
});
readline.createInterface({ input: process.stdin }).on("line", (line) => {
  const { name, args } = JSON.parse(line);
  ib[name](...args);
});
