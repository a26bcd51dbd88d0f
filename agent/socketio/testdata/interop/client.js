// A client on npm socket.io-client for the tests of agent/socketio: node client.js URL CA websocket|polling|upgrade.
// It tells what it met, one JSON line each, and ends with its standard input.
"use strict";
const fs = require("fs");
const { io } = require("socket.io-client");

const [url, ca, way] = process.argv.slice(2);
const options = {
  ca: fs.readFileSync(ca),
  transports: { websocket: ["websocket"], polling: ["polling"], upgrade: ["polling", "websocket"] }[way],
  forceNew: true,
  reconnectionDelay: 50,
  reconnectionDelayMax: 100,
};
const tell = (what, ...values) => console.log(JSON.stringify([what, ...values]));

const refused = io(url, { ...options, auth: { token: "expired" }, reconnection: false });
refused.on("connect_error", (err) => tell("refused", err.message, err.data));

const socket = io(url, { ...options, auth: { token: "good" } });
socket.on("question", (n, ack) => ack(n + 1, Buffer.from("answer")));
socket.on("heard", (...args) => tell("heard", ...args));
socket.on("answered", (...args) => tell("answered", ...args));
socket.on("big", (s) => tell("big", s.length));
socket.on("disconnect", () => tell("disconnected"));

let times = 0;
socket.on("connect", async () => {
  if (way === "upgrade" && socket.io.engine.transport.name !== "websocket")
    await new Promise((done) => socket.io.engine.once("upgrade", done));
  tell("connected", socket.io.engine.transport.name);
  if (++times > 1) return;
  const echo = (...args) => new Promise((done) => socket.emit("echo", ...args, (...back) => done(back)));
  tell("echo", ...(await echo("żółć 🦉", [1.5, null])));
  tell("bytes", ...(await echo(Buffer.from([0, 30, 255]), { b: Buffer.from("b") })).map((v) => (v.b || v).toString("hex")));
  tell("hex", await socket.emitWithAck("hex", Buffer.from([0, 30, 255])));
  for (let i = 0; i < 40; i++) socket.emit("shout", i);
  tell("length", await socket.emitWithAck("length", "x".repeat(20_000_000)));
  socket.emit("ask");
  socket.emit("big", 20_000_000);
});
process.stdin.on("end", () => process.exit()).resume();
