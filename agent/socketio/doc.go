// Package socketio speaks the Socket.IO protocol, revision 5 over Engine.IO revision 4: [Dial] opens the client
// half, [NewServer] is the server half as an [http.Handler]. Both carry websocket, long polling and the upgrade
// from one to the other.
//
// It promises order (events arrive one at a time, as sent), bounds (every queue, payload and wait has one), an
// answer to every failure that a caller must tell apart, and that no goroutine outlives Close. Number text and
// whatever else a payload holds reach the caller as received, since signatures may cover it.
//
// It does not reconnect: one [Conn] is one session, and whoever dials decides when to dial again. It keeps no
// rooms, speaks no older revision, and knows nothing of Borealis.
package socketio
