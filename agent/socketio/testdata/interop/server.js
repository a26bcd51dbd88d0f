// A server on npm socket.io for the tests of agent/socketio: node server.js PORT CERT KEY.
// It prints "listening" when it is ready and ends with its standard input.
"use strict";
const fs = require("fs");
const https = require("https");
const { Server } = require("socket.io");

const [port, cert, key] = process.argv.slice(2);
const web = https.createServer({ cert: fs.readFileSync(cert), key: fs.readFileSync(key) });
const io = new Server(web, {
  maxHttpBufferSize: 1e8,
  pingInterval: 1000,
  pingTimeout: 60000,
  allowRequest: (req, done) => {
    if (req.headers["x-refuse"]) return done("who are you", false);
    if (req.headers.authorization === "Bearer stale") return done("stale token", false);
    done(null, true);
  },
});

io.use((socket, next) => {
  if (socket.handshake.auth.token !== "expired") return next();
  const refusal = new Error("token expired");
  refusal.data = { code: 7 };
  next(refusal);
});

io.on("connection", (socket) => {
  socket.on("echo", (...args) => args.pop()(...args));
  socket.on("shout", (...args) => socket.emit("heard", ...args));
  socket.on("ask", () => socket.emit("question", 41, (...args) => socket.emit("answered", ...args)));
  socket.on("length", (x, ack) => ack(x.length));
  socket.on("big", (n) => socket.emit("big", "x".repeat(n)));
  socket.on("kick", () => socket.disconnect());
});

web.listen(Number(port), "127.0.0.1", () => console.log("listening"));
process.stdin.on("end", () => process.exit()).resume();
