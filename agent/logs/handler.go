package logs

import (
	"context"
	"log/slog"
	"slices"
)

// handler is the slog.Handler of one service. It holds what With and WithGroup gave it, rendered already.
type handler struct {
	logs    *Logs
	service string
	fields  []byte // " key=value" for each field of With
	group   group
}

// group is where the next fields go: the groups' names joined with dots, and whether one of them looks like a secret.
type group struct {
	prefix string
	secret bool
}

// within is the group called name inside g. An unnamed one is g itself, as slog has it.
func (g group) within(name string) group {
	if name == "" {
		return g
	}
	return group{prefix: g.prefix + name + ".", secret: g.secret || secretKey(name)}
}

// Enabled reports whether a record of this level is wanted.
func (h *handler) Enabled(_ context.Context, level slog.Level) bool {
	return level >= h.logs.cfg.Level.Level()
}

// Handle renders the record and writes it. The stamp is the moment of writing, not the record's own time: so a file
// is in the order of its stamps, and a record that was held up cannot turn the file back to yesterday.
func (h *handler) Handle(_ context.Context, r slog.Record) error {
	body := appendText(nil, mask(r.Message), true)
	if r.Level != slog.LevelInfo {
		body = append(body, " level="...)
		body = append(body, r.Level.String()...)
	}
	body = append(body, h.fields...)
	r.Attrs(func(a slog.Attr) bool {
		body = appendAttr(body, h.group, a)
		return true
	})
	return h.logs.write(h.service, r.Level, append(clip(body, maxLine), '\n'))
}

// WithAttrs renders the fields once, for all records to come.
func (h *handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	next := *h
	next.fields = slices.Clone(h.fields)
	for _, a := range attrs {
		next.fields = appendAttr(next.fields, h.group, a)
	}
	return &next
}

// WithGroup puts the fields to come under name.
func (h *handler) WithGroup(name string) slog.Handler {
	next := *h
	next.group = h.group.within(name)
	return &next
}
