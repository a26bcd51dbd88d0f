// Package enginetest is an embedded Borealis Engine: the REST endpoints, the Socket.IO server, the enrollment desk and
// the job board of the real one, on loopback, over TLS from a root of its own, with its state in one folder.
//
// It promises to answer an agent as the real Engine does: the same checks in the same order, the same statuses, the same
// error words. It shares no code with the agent but the Socket.IO protocol, so that a mistake in the agent's idea of the
// wire cannot hide in both halves. Around that it offers what an operator does (approve, revoke, send a job, read its
// result) as Go calls, and to other processes as a small REST API under /operator/.
//
// It serves tests, the demo and examples/engine. It is not an Engine for production: any socket may connect and speak,
// as in the original, and the agent's binary never links it.
package enginetest
