package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"time"
)

// Call asks the agent at a place to carry out a command and decodes its answer into out; args and out may be nil. It
// gives up when ctx ends or the agent does not answer in time. ErrNoAgent, ErrDenied and *Error tell what went wrong.
func Call(ctx context.Context, at Place, command string, args, out any) error {
	line, err := encode(command, args)
	if err != nil {
		return err
	}
	c, err := dial(ctx, at)
	if err != nil {
		if errors.Is(err, fs.ErrPermission) {
			return fmt.Errorf("%w: %w", ErrDenied, err)
		}
		return fmt.Errorf("%w: %w", ErrNoAgent, err)
	}
	defer c.Close()
	b, release := bind(ctx, c)
	defer release()
	if err := b.SetDeadline(time.Now().Add(requestTimeout)); err != nil {
		return said(ctx, err)
	}
	if _, err := b.Write(line); err != nil {
		return said(ctx, fmt.Errorf("ask the agent: %w", err))
	}
	text, err := readLine(b, maxAnswer, commandTimeout+answerTimeout)
	if err != nil {
		return said(ctx, fmt.Errorf("the agent's answer: %w", err))
	}
	return decode(text, out)
}

// said prefers the reason for which the caller hung up.
func said(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

func encode(command string, args any) ([]byte, error) {
	r := request{Version: Version, Command: command}
	if args != nil {
		text, err := json.Marshal(args)
		if err != nil {
			return nil, err
		}
		r.Args = text
	}
	line, err := json.Marshal(r)
	return append(line, '\n'), err
}

// decode reads an answer. Its data may have fields that an older client does not know.
func decode(text []byte, out any) error {
	var a answer
	if err := json.Unmarshal(text, &a); err != nil {
		return fmt.Errorf("the agent's answer: %w", err)
	}
	switch {
	case a.Error != nil:
		return a.Error
	case a.Version != Version:
		return &Error{Code: CodeVersion, Text: fmt.Sprintf("the agent speaks version %d of the protocol, not %d", a.Version, Version)}
	case out == nil:
		return nil
	}
	if err := json.Unmarshal(a.Data, out); err != nil {
		return fmt.Errorf("the agent's answer: %w", err)
	}
	return nil
}
