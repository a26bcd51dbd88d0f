package socketio

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func raws(ss ...string) []json.RawMessage {
	out := []json.RawMessage{}
	for _, s := range ss {
		out = append(out, json.RawMessage(s))
	}
	return out
}

var decoded = []struct {
	text string
	want packet
}{
	{`0`, packet{kind: kindConnect, namespace: "/", id: noID}},
	{`0{"sid":"x"}`, packet{kind: kindConnect, namespace: "/", id: noID, data: json.RawMessage(`{"sid":"x"}`)}},
	{`0/admin,{"token":"t"}`, packet{kind: kindConnect, namespace: "/admin", id: noID, data: json.RawMessage(`{"token":"t"}`)}},
	{`0/admin?token=t,`, packet{kind: kindConnect, namespace: "/admin", id: noID}},
	{`1/admin`, packet{kind: kindDisconnect, namespace: "/admin", id: noID}},
	{`1/admin,`, packet{kind: kindDisconnect, namespace: "/admin", id: noID}},
	{`2["say","hi"]`, packet{kind: kindEvent, namespace: "/", id: noID, args: raws(`"say"`, `"hi"`)}},
	{`2/admin,7["say",1.0,1e2,12345678901234567890]`, packet{
		kind: kindEvent, namespace: "/admin", id: 7,
		args: raws(`"say"`, `1.0`, `1e2`, `12345678901234567890`),
	}},
	{`3012[]`, packet{kind: kindAck, namespace: "/", id: 12, args: raws()}},
	{`31`, packet{kind: kindAck, namespace: "/", id: 1}},
	{`4{"message":"no"}`, packet{kind: kindConnectError, namespace: "/", id: noID, data: json.RawMessage(`{"message":"no"}`)}},
	{`4"no"`, packet{kind: kindConnectError, namespace: "/", id: noID, data: json.RawMessage(`"no"`)}},
	{`51-["put",{"_placeholder":true,"num":0}]`, packet{
		kind: kindBinaryEvent, namespace: "/", id: noID, expected: 1,
		args: raws(`"put"`, `{"_placeholder":true,"num":0}`),
	}},
	{`62-/n,3[{"a":{"_placeholder":true,"num":1}}]`, packet{
		kind: kindBinaryAck, namespace: "/n", id: 3, expected: 2,
		args: raws(`{"a":{"_placeholder":true,"num":1}}`),
	}},
}

var malformed = []string{
	``, `7`, `x`, `2`, `2[]`, `2[1]`, `2null`, `2{}`, `2["a"`, `2["a"]]`, `2["a"]x`, `2["a\xff"]`, "2[\"a\xff\"]",
	`299999999999999999999["a"]`, `3[]`, `31{}`, `0{`, `0]`, `1{}`, `5["a"]`, `5-["a"]`, `50-["a"]`, `5x-["a"]`,
	`5+1-["a"]`, `565-["a"]`, `500001-["a"]`, `51["a"]`, `2/a["a"]`, "\xff",
}

func TestDecodePacket(t *testing.T) {
	for _, c := range decoded {
		got, err := decodePacket([]byte(c.text))
		if err != nil || !reflect.DeepEqual(got, c.want) {
			t.Errorf("decodePacket(%s) = %+v, %v; want %+v", c.text, got, err, c.want)
		}
	}
	for _, s := range malformed {
		if p, err := decodePacket([]byte(s)); !errors.Is(err, ErrProtocol) {
			t.Errorf("decodePacket(%q) = %+v, %v; want ErrProtocol", s, p, err)
		}
	}
}

func TestEncodeEvent(t *testing.T) {
	for _, c := range []struct {
		namespace string
		id        int64
		args      []any
		want      string
		attached  [][]byte
	}{
		{"/", noID, nil, `42["e"]`, nil},
		{"/n", 5, []any{1, "<&>", nil, true}, `42/n,5["e",1,"<&>",null,true]`, nil},
		{"/", 0, []any{json.RawMessage(`{"n": 1.50}`)}, `420["e",{"n":1.50}]`, nil},
		{"/", noID, []any{Binary("ab")}, `451-["e",{"_placeholder":true,"num":0}]`, [][]byte{[]byte("ab")}},
		{
			"/n", 1,
			[]any{map[string]any{"l": []any{Binary("a"), 2, Binary("")}}},
			`452-/n,1["e",{"l":[{"_placeholder":true,"num":0},2,{"_placeholder":true,"num":1}]}]`,
			[][]byte{[]byte("a"), {}},
		},
	} {
		fs, err := encodeEvent(c.namespace, c.id, "e", c.args)
		if err != nil {
			t.Errorf("encodeEvent(%v): %v", c.args, err)
			continue
		}
		if got := string(fs[0].data); got != c.want || fs[0].binary {
			t.Errorf("encodeEvent(%v) = %s, want %s", c.args, got, c.want)
		}
		if len(fs)-1 != len(c.attached) {
			t.Fatalf("encodeEvent(%v) has %d attachments, want %d", c.args, len(fs)-1, len(c.attached))
		}
		for i, want := range c.attached {
			if !fs[i+1].binary || !bytes.Equal(fs[i+1].data, want) {
				t.Errorf("attachment %d is %v, want %q", i, fs[i+1], want)
			}
		}
	}
}

func TestEncodeRefuses(t *testing.T) {
	loop := []any{nil}
	loop[0] = loop
	many := make([]any, sendAttachments+1)
	for i := range many {
		many[i] = Binary("x")
	}
	for name, c := range map[string]struct {
		event string
		arg   any
		want  error
	}{
		"reserved name":           {"disconnect", nil, nil},
		"channel":                 {"e", make(chan int), nil},
		"not a number":            {"e", math.NaN(), nil},
		"binary in a struct":      {"e", struct{ B Binary }{Binary("x")}, nil},
		"text that is not UTF-8":  {"e", json.RawMessage("\"\xff\""), nil},
		"malformed raw message":   {"e", json.RawMessage(`{`), nil},
		"list that holds itself":  {"e", loop, nil},
		"too many binary values":  {"e", many, ErrTooLarge},
		"raw separator in string": {"e", json.RawMessage("\"\x1e\""), nil},
	} {
		_, err := encodeEvent("/", noID, c.event, []any{c.arg})
		if err == nil || c.want != nil && !errors.Is(err, c.want) {
			t.Errorf("%s: error %v, want %v", name, err, c.want)
		}
	}
}

func TestValues(t *testing.T) {
	m := Message{
		Args:        raws(`1.50`, `{"_placeholder":true,"num":1}`, `[{"a":{"_placeholder":true,"num":0}}]`),
		Attachments: [][]byte{[]byte("zero"), []byte("one")},
	}
	got, err := m.Values()
	want := []any{json.Number("1.50"), Binary("one"), []any{map[string]any{"a": Binary("zero")}}}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("Values() = %v, %v; want %v", got, err, want)
	}
	for _, num := range []string{`2`, `-1`, `0.5`, `"0"`, `null`, `1e99`} {
		m.Args = raws(`{"_placeholder":true,"num":` + num + `}`)
		if got, err := m.Values(); !errors.Is(err, ErrProtocol) {
			t.Errorf("placeholder %s: %v, %v; want ErrProtocol", num, got, err)
		}
	}
	m.Attachments = nil
	if _, err := m.Values(); err != nil {
		t.Errorf("a map that looks like a placeholder in a text event: %v", err)
	}
}

// genPacket draws any packet that can be sent.
func genPacket() *rapid.Generator[packet] {
	return rapid.Custom(func(t *rapid.T) packet {
		p := packet{kind: kind(rapid.IntRange(0, 6).Draw(t, "kind")), id: noID}
		p.namespace = "/" + rapid.StringMatching(`[a-z0-9\[\]"{}-]{0,8}`).Draw(t, "namespace")
		if p.kind.isAck() || p.kind.isEvent() && rapid.Bool().Draw(t, "asks") {
			p.id = rapid.Int64Min(0).Draw(t, "id")
		}
		if p.kind.isEvent() || p.kind.isAck() {
			p.args = rapid.SliceOfN(genJSON(), 0, 4).Draw(t, "args")
		}
		if p.kind.isEvent() {
			name, _ := json.Marshal(rapid.String().Draw(t, "event"))
			p.args = append(raws(string(name)), p.args...)
		}
		if p.kind == kindConnect || p.kind == kindConnectError {
			p.data = json.RawMessage(`{"sid":"x"}`)
		}
		if p.kind.binary() {
			p.attached = rapid.SliceOfN(rapid.SliceOf(rapid.Byte()), 1, sendAttachments).Draw(t, "attached")
			p.expected = len(p.attached)
		}
		return p
	})
}

func genJSON() *rapid.Generator[json.RawMessage] {
	return rapid.OneOf(
		rapid.Map(rapid.String(), func(s string) json.RawMessage { b, _ := json.Marshal(s); return b }),
		rapid.Map(rapid.StringMatching(`-?(0|[1-9][0-9]{0,20})(\.[0-9]{1,9})?([eE][+-]?[0-9]{1,3})?`),
			func(s string) json.RawMessage { return json.RawMessage(s) }),
		rapid.SampledFrom(raws(`null`, `true`, `{}`, `[]`, `{"_placeholder":true,"num":0}`, `[1,{"a":"[\"]"}]`)),
	)
}

// assemble feeds frames of the Engine.IO kind MESSAGE to an assembler.
func assemble(a *assembler, fs []frame) (p packet, complete bool, err error) {
	for _, f := range fs {
		if !f.binary {
			f.data = f.data[1:]
		}
		if p, complete, err = a.add(f); err != nil {
			return
		}
	}
	return
}

func TestPacketRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := genPacket().Draw(t, "packet")
		got, complete, err := assemble(&assembler{max: 1 << 30}, want.frames())
		if err != nil || !complete {
			t.Fatalf("%q: complete %v, %v", want.frames()[0].data, complete, err)
		}
		if len(want.args) == 0 {
			want.args, got.args = nil, nil
		}
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("%q came back as %+v, want %+v", want.frames()[0].data, got, want)
		}
	})
}

func TestPayloadRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		fs := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) frame {
			f := frame{binary: rapid.Bool().Draw(t, "binary")}
			if f.binary {
				f.data = rapid.SliceOf(rapid.Byte()).Draw(t, "data")
			} else {
				f.data = []byte(rapid.StringMatching(`[0-6]\PC{0,20}`).Draw(t, "text"))
			}
			return f
		}), 1, 40).Draw(t, "frames")
		limit := rapid.Int64Range(1, 200).Draw(t, "limit")
		var got []frame
		for _, run := range payloads(fs, limit) {
			body := encodePayload(run)
			if len(run) == 0 || len(run) > payloadFrames || len(run) > 1 && int64(len(body)) > limit {
				t.Fatalf("a payload of %d frames, %d bytes, over %d", len(run), len(body), limit)
			}
			back, err := decodePayload(body)
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, back...)
		}
		if len(got) != len(fs) {
			t.Fatalf("%d frames came back, want %d", len(got), len(fs))
		}
		for i := range fs {
			if got[i].binary != fs[i].binary || !bytes.Equal(got[i].data, fs[i].data) {
				t.Fatalf("frame %d is %+v, want %+v", i, got[i], fs[i])
			}
		}
	})
}

func TestAssemblerRefuses(t *testing.T) {
	event, bin := frame{data: []byte(`51-["e",{"_placeholder":true,"num":0}]`)}, frame{binary: true, data: make([]byte, 100)}
	for name, c := range map[string]struct {
		max  int64
		fs   []frame
		want error
	}{
		"attachment of nothing":     {1000, []frame{bin}, ErrProtocol},
		"text inside a packet":      {1000, []frame{event, event}, ErrProtocol},
		"one attachment too many":   {1000, []frame{event, bin, bin}, ErrProtocol},
		"text too large":            {10, []frame{event}, ErrTooLarge},
		"too large with attachment": {100, []frame{event, bin}, ErrTooLarge},
	} {
		a := assembler{max: c.max}
		var err error
		for _, f := range c.fs {
			if _, _, err = a.add(f); err != nil {
				break
			}
		}
		if !errors.Is(err, c.want) {
			t.Errorf("%s: error %v, want %v", name, err, c.want)
		}
	}
}

func FuzzDecodePacket(f *testing.F) {
	for _, c := range decoded {
		f.Add([]byte(c.text))
	}
	for _, s := range malformed {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := decodePacket(b)
		if err != nil {
			if !errors.Is(err, ErrProtocol) {
				t.Fatalf("error %v is not ErrProtocol", err)
			}
			return
		}
		again, err := decodePacket(p.frames()[0].data[1:])
		if err != nil || again.kind != p.kind || again.namespace != p.namespace || again.id != p.id ||
			again.expected != p.expected || string(again.data) != string(p.data) || len(again.args) != len(p.args) {
			t.Fatalf("%q decoded as %+v, then as %+v, %v", b, p, again, err)
		}
		if p.kind.isEvent() {
			m := Message{Args: p.args[1:], Attachments: make([][]byte, p.expected)}
			if _, err := m.Values(); err != nil && !errors.Is(err, ErrProtocol) {
				t.Fatalf("%q: values: %v", b, err)
			}
		}
	})
}

func FuzzDecodePayload(f *testing.F) {
	for _, s := range []string{"", "2", "4{}\x1e2", "bAQI=\x1e4", "b", "b!", "\x1e", strings.Repeat("2\x1e", 20)} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		fs, err := decodePayload(b)
		if err != nil {
			if !errors.Is(err, ErrProtocol) {
				t.Fatalf("error %v is not ErrProtocol", err)
			}
			return
		}
		if len(fs) == 0 && len(b) > 0 {
			t.Fatalf("%q decoded to nothing", b)
		}
		a := assembler{max: 1 << 20}
		for _, f := range fs {
			if _, _, err := a.add(f); err != nil {
				return
			}
		}
	})
}

func FuzzDecodeOpening(f *testing.F) {
	f.Add([]byte(`0{"sid":"s","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}`))
	f.Add([]byte(`0{"sid":"s","pingInterval":9223372036854775807,"pingTimeout":1}`))
	f.Add([]byte(`0{"sid":"","pingInterval":1,"pingTimeout":1}`))
	f.Add([]byte(`1`))
	f.Fuzz(func(t *testing.T, b []byte) {
		o, err := decodeOpening(frame{data: b})
		if err == nil && (o.silence() <= 0 || o.limit(10) <= 0 || o.limit(10) > 10) {
			t.Fatalf("%q was accepted: %+v", b, o)
		}
	})
}
