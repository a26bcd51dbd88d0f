// Package control lets programs on this machine ask something of a running agent, over a unix socket or a named pipe.
// It promises that only the agent's own user and the machine's administrator are answered, whatever the modes of the
// tree, that nobody can hold the agent up or make it remember much, and that nothing of this can be reached from
// another machine. What the commands mean is the business of whoever registers them; a stopped agent is answered for by
// its files, not here.
//
// A conversation is one line of JSON each way, and then the end:
//
//	{"v":1,"command":"log_level","args":{"level":"debug"}}
//	{"v":1,"data":{"level":"debug"}}
//
// or, when it comes to nothing, {"v":1,"error":{"code":"unknown_command","text":"..."}}. An answer with "more":true is
// followed by another one: the seam for commands that follow something, of which there are none yet.
package control

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"
)

// Version is that of the protocol. It changes when an older client would misread an answer.
const Version = 1

// Caps and deadlines of one conversation.
const (
	maxRequest     = 64 << 10
	maxAnswer      = 16 << 20
	maxPeers       = 16               // at once; the rest wait to be accepted
	requestTimeout = 5 * time.Second  // until the whole request is there
	commandTimeout = 30 * time.Second // until a command has its answer
	answerTimeout  = 10 * time.Second // until the peer has taken it
)

// Codes of an Error.
const (
	CodeVersion = "version"         // the protocol is another one
	CodeRequest = "request"         // it cannot be understood
	CodeUnknown = "unknown_command" // there is no such command
	CodeDenied  = "denied"          // the peer may not ask
	CodeFailed  = "failed"          // the command came to nothing
	CodeTooBig  = "too_big"         // the answer would pass the cap
)

// ErrNoAgent says that nobody answers at a place: as a rule, no agent runs.
var ErrNoAgent = errors.New("no agent answers")

// ErrDenied says that this user may not ask the agent at a place.
var ErrDenied = errors.New("only the agent's own user and the administrator may ask it")

// Error is an answer that says no.
type Error struct {
	Code string `json:"code"`
	Text string `json:"text"`
}

func (e *Error) Error() string { return e.Text }

// Is makes the agent's refusal of a peer the same as the system's.
func (e *Error) Is(target error) bool { return target == ErrDenied && e.Code == CodeDenied }

// Place is where an agent is asked: a folder that is private to it, and a name in it. Who serves a place sees to it
// that nobody else does.
type Place struct {
	Dir, Name string
}

// Command carries out one command. args is nil when none were given; the answer is encoded as JSON.
type Command func(ctx context.Context, args json.RawMessage) (any, error)

// Args decodes the arguments of a command. No arguments leave out as it is; an unknown one is an error.
func Args(args json.RawMessage, out any) error {
	if args == nil {
		return nil
	}
	if err := strict(args, out); err != nil {
		return &Error{Code: CodeRequest, Text: fmt.Sprintf("arguments: %v", err)}
	}
	return nil
}

type request struct {
	Version int             `json:"v"`
	Command string          `json:"command"`
	Args    json.RawMessage `json:"args,omitempty"`
}

type answer struct {
	Version int             `json:"v"`
	Data    json.RawMessage `json:"data,omitempty"`
	Error   *Error          `json:"error,omitempty"`
	More    bool            `json:"more,omitempty"`
}

// strict decodes one JSON value, and refuses fields that are not known and anything behind it.
func strict(text []byte, out any) error {
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.DisallowUnknownFields()
	if err := dec.Decode(out); err != nil {
		return err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return errors.New("more than one value")
	}
	return nil
}

// conn is what both systems' connections can do.
type conn interface {
	io.ReadWriteCloser
	SetDeadline(t time.Time) error
}
