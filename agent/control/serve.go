package control

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
)

// Config says where to serve, and what.
type Config struct {
	Place    Place
	Commands map[string]Command
	Log      *slog.Logger // told of peers that are turned away; nil for none
}

// listener is one system's way to wait for peers.
type listener interface {
	// accept waits for the next peer; without one and without an error, ctx has ended.
	accept(ctx context.Context) (conn, error)
	close() error
}

// Serve answers at the place until ctx ends, and returns once nothing of it runs any more.
func Serve(ctx context.Context, cfg Config) (err error) {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	l, err := listen(cfg.Place)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.close()) }()
	var peers sync.WaitGroup
	defer peers.Wait()
	ctx, cancel := context.WithCancel(ctx) // a listener that fails takes the conversations with it
	defer cancel()
	places := make(chan struct{}, maxPeers)
	for {
		select {
		case places <- struct{}{}:
		case <-ctx.Done():
			return nil
		}
		c, err := l.accept(ctx)
		if err != nil {
			return err
		}
		if c == nil {
			return nil
		}
		peers.Go(func() {
			defer func() { <-places }()
			cfg.converse(ctx, c)
		})
	}
}

// converse has one conversation. When ctx ends, the peer is hung up on.
func (cfg Config) converse(ctx context.Context, c conn) {
	defer c.Close()
	b, release := bind(ctx, c)
	defer release()
	line, err := readLine(b, maxRequest, requestTimeout)
	if err != nil {
		cfg.Log.Debug("control: no request came", "error", err)
		return
	}
	// Only now, so that whoever is turned away has said his word and listens to the answer.
	if err := peer(c); err != nil {
		cfg.Log.Warn("control: a peer was turned away", "reason", err)
		say(ctx, b, refuse(CodeDenied, ErrDenied.Error()))
		return
	}
	ctx, cancel := context.WithTimeout(ctx, commandTimeout)
	defer cancel()
	say(ctx, b, cfg.respond(ctx, line))
}

// readLine reads up to the end of a line, which has to be all that comes.
func readLine(c conn, most int64, wait time.Duration) ([]byte, error) {
	if err := c.SetDeadline(time.Now().Add(wait)); err != nil {
		return nil, err
	}
	line, err := bufio.NewReader(io.LimitReader(c, most)).ReadBytes('\n')
	if errors.Is(err, io.EOF) && int64(len(line)) == most {
		err = fmt.Errorf("longer than %d bytes", most)
	}
	return line, err
}

// say gives an answer to a peer, who may have gone away meanwhile.
func say(ctx context.Context, c conn, a answer) {
	text, err := json.Marshal(a)
	if err != nil || ctx.Err() != nil || c.SetDeadline(time.Now().Add(answerTimeout)) != nil {
		return
	}
	_, _ = c.Write(append(text, '\n'))
}

// respond carries out what a line asks for.
func (cfg Config) respond(ctx context.Context, line []byte) answer {
	var r request
	if err := json.Unmarshal(line, &r); err != nil {
		return refuse(CodeRequest, fmt.Sprintf("request: %v", err))
	}
	if r.Version != Version {
		return refuse(CodeVersion, fmt.Sprintf("version %d of the protocol is not spoken here, but %d", r.Version, Version))
	}
	if err := strict(line, &r); err != nil {
		return refuse(CodeRequest, fmt.Sprintf("request: %v", err))
	}
	command, ok := cfg.Commands[r.Command]
	if !ok {
		known := slices.Sorted(maps.Keys(cfg.Commands))
		return refuse(CodeUnknown, fmt.Sprintf("no command %.100q; there are: %s", r.Command, strings.Join(known, ", ")))
	}
	data, err := command(ctx, r.Args)
	if err != nil {
		var e *Error
		if errors.As(err, &e) {
			return answer{Version: Version, Error: e}
		}
		return refuse(CodeFailed, err.Error())
	}
	text, err := json.Marshal(data)
	if err != nil {
		return refuse(CodeFailed, err.Error())
	}
	if len(text) > maxAnswer-1<<10 { // with room for what goes around it
		return refuse(CodeTooBig, fmt.Sprintf("the answer has %d bytes", len(text)))
	}
	return answer{Version: Version, Data: text}
}

func refuse(code, text string) answer {
	return answer{Version: Version, Error: &Error{Code: code, Text: text}}
}
