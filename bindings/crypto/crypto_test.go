package crypto

import (
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/bunny-lab-io/borealis-agent/bindings"
	"github.com/bunny-lab-io/borealis-agent/bindings/hosttest"
	"pgregory.net/rapid"
)

// role is one role with the module open.
type role struct {
	t   *testing.T
	set *bindings.Set
}

func newRole(t *testing.T) role {
	set, err := bindings.Open(hosttest.New(t.TempDir()), []bindings.Binding{Binding}, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := set.Close(); err != nil {
			t.Error(err)
		}
	})
	return role{t, set}
}

func (r role) try(fn string, args ...any) (any, error) {
	return r.set.Call(r.t.Context(), bindings.Call{Module: "crypto", Func: fn, Args: args})
}

// must calls a function that is expected to go well.
func (r role) must(fn string, args ...any) any {
	r.t.Helper()
	v, err := r.try(fn, args...)
	if err != nil {
		r.t.Fatalf("%s: %v", fn, err)
	}
	return v
}

func (r role) tryOn(key any, method string, args ...any) (any, error) {
	return r.set.Call(r.t.Context(), bindings.Call{Module: "crypto", Ref: key.(bindings.Ref).ID, Func: method, Args: args})
}

// on calls a method that is expected to go well; every one gives bytes.
func (r role) on(key any, method string, args ...any) string {
	r.t.Helper()
	v, err := r.tryOn(key, method, args...)
	if err != nil {
		r.t.Fatalf("%s: %v", method, err)
	}
	return v.(string)
}

// refusal is a code, or "misuse".
func refusal(err error) string {
	var failed *bindings.Error
	var wrong *bindings.Misuse
	switch {
	case errors.As(err, &failed):
		return failed.Code
	case errors.As(err, &wrong):
		return "misuse"
	}
	return fmt.Sprint(err)
}

func unhex(text string) string {
	data, err := hex.DecodeString(text)
	if err != nil {
		panic(err)
	}
	return string(data)
}

type table = map[string]any

// TestKnownAnswers holds the functions of bytes alone to what the standards publish.
func TestKnownAnswers(t *testing.T) {
	r := newRole(t)
	salt, info := unhex("000102030405060708090a0b0c"), unhex("f0f1f2f3f4f5f6f7f8f9")
	for _, c := range []struct {
		source, fn string
		args       []any
		want       string // hex of a string
	}{
		{"RFC 1321", "digest", []any{"md5", "abc", table{"raw": true}}, "900150983cd24fb0d6963f7d28e17f72"},
		{"RFC 3174", "digest", []any{"sha1", "abc", table{"raw": true}}, "a9993e364706816aba3e25717850c26c9cd0d89d"},
		{"FIPS 180", "digest", []any{"sha256", "abc", table{"raw": true}}, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
		{"FIPS 180", "digest", []any{"sha384", "abc", table{"raw": true}}, "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7"},
		{"FIPS 180", "digest", []any{"sha512", "abc", table{"raw": true}}, "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f"},
		{"RFC 4231, 1", "hmac", []any{unhex(strings.Repeat("0b", 20)), "Hi There", table{"raw": true}}, "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"},
		{"RFC 4231, 2", "hmac", []any{"Jefe", "what do ya want for nothing?", table{"raw": true, "algorithm": "sha256"}}, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"},
		{"RFC 4231, 2", "hmac", []any{"Jefe", "what do ya want for nothing?", table{"raw": true, "algorithm": "sha384"}}, "af45d2e376484031617f78d2b58a6b1b9c7ef464f5a01b47e42ec3736322445e8e2240ca5e69e2c78b3239ecfab21649"},
		{"RFC 4231, 2", "hmac", []any{"Jefe", "what do ya want for nothing?", table{"raw": true, "algorithm": "sha512"}}, "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea2505549758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737"},
		{"RFC 4231, 6", "hmac", []any{unhex(strings.Repeat("aa", 131)), "Test Using Larger Than Block-Size Key - Hash Key First", table{"raw": true}}, "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"},
		{"RFC 2202, 2", "hmac", []any{"Jefe", "what do ya want for nothing?", table{"raw": true, "algorithm": "sha1"}}, "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"},
		{"RFC 5869, 1", "hkdf", []any{unhex(strings.Repeat("0b", 22)), 42.0, table{"salt": salt, "info": info}}, "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865"},
		{"RFC 5869, 3", "hkdf", []any{unhex(strings.Repeat("0b", 22)), 42.0}, "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8"},
		{"RFC 5869, 4", "hkdf", []any{unhex(strings.Repeat("0b", 11)), 42.0, table{"salt": salt, "info": info, "algorithm": "sha1"}}, "085a01ea1b10f36933068b56efa5ad81a4f14b822f5b091568a9cdd4f155fda2c22e422478d305f3f896"},
		{"RFC 4648", "base64_decode", []any{"Zm9vYg=="}, hex.EncodeToString([]byte("foob"))},
		{"RFC 4648", "base64_encode", []any{"foob"}, hex.EncodeToString([]byte("Zm9vYg=="))},
	} {
		t.Run(c.source+" "+c.fn, func(t *testing.T) {
			got := r.must(c.fn, c.args...).(string)
			if hex.EncodeToString([]byte(got)) != c.want {
				t.Errorf("got %x, want %s", got, c.want)
			}
			if opts, ok := c.args[len(c.args)-1].(table); ok && opts["raw"] == true {
				delete(opts, "raw")
				if got := r.must(c.fn, c.args...); got != c.want {
					t.Errorf("as hex: got %v, want %s", got, c.want)
				}
			}
		})
	}
}

func TestRefusals(t *testing.T) {
	r := newRole(t)
	tooMuch := strings.Repeat("x", maxData+1)
	key32 := strings.Repeat("k", 32)
	for _, c := range []struct {
		fn         string
		args       []any
		code, says string
	}{
		{"digest", []any{"crc32", "x"}, "misuse", `"crc32" is none of sha256`},
		{"digest", []any{"sha256", tooMuch}, "limit", "16777217 bytes are more than 16777216"},
		{"digest", []any{"sha256", "x", table{"rwa": true}}, "misuse", `did you mean "raw"?`},
		{"hmac", []any{"k", "x", table{"algorithm": "md5"}}, "misuse", `"md5" is none of sha256, sha384, sha512, sha1`},
		{"hmac", []any{tooMuch, "x"}, "limit", "more than 16777216"},
		{"hmac", []any{"k", tooMuch}, "limit", "more than 16777216"},
		{"hkdf", []any{"s", 0.0}, "misuse", "0 bytes are not between 1 and 8160"},
		{"hkdf", []any{"s", 8161.0}, "misuse", "8161 bytes are not between 1 and 8160"},
		{"hkdf", []any{"s", 1.5}, "misuse", "whole number"},
		{"hkdf", []any{"s", 16.0, table{"algorithm": "md5"}}, "misuse", "none of"},
		{"hkdf", []any{"s", 16.0, table{"info": tooMuch}}, "limit", "more than"},
		{"random_bytes", []any{65537.0}, "misuse", "not between 0 and 65536"},
		{"random_bytes", []any{-1.0}, "misuse", "not between 0 and 65536"},
		{"base64_encode", []any{tooMuch}, "limit", "more than"},
		{"base64_decode", []any{strings.Repeat("A", 23<<20)}, "limit", "more than"},
		{"base64_decode", []any{"dGVy\nbg=="}, "syntax", "byte 5: not base64"},
		{"base64_decode", []any{"dGVybg"}, "syntax", "not base64"},
		{"base64_decode", []any{"dGV*bg=="}, "syntax", "byte 4: not base64"},
		{"base64_decode", []any{"dGVybh=="}, "syntax", "not base64"}, // stray bits
		{"base64_decode", []any{"_-8="}, "syntax", "byte 1: not base64"},
		{"base64_decode", []any{"/+8=", table{"url": true}}, "syntax", "byte 1: not base64"},
		{"base64_decode", []any{"_-8=", table{"url": true, "padding": false}}, "syntax", "not base64"},
		{"hex_encode", []any{tooMuch}, "limit", "more than"},
		{"hex_decode", []any{strings.Repeat("0", 2*maxData+2)}, "limit", "more than"},
		{"hex_decode", []any{"0g"}, "syntax", "byte 2: not a hexadecimal digit"},
		{"hex_decode", []any{"00 "}, "syntax", "byte 3: not a hexadecimal digit"},
		{"hex_decode", []any{"000"}, "syntax", "odd number"},
		{"signing_key_from_seed", []any{"short"}, "invalid", "a seed has 32 bytes, not 5"},
		{"verify", []any{key32, "x"}, "misuse", "option signature: string expected, got nothing"},
		{"verify", []any{"short", "x", table{"signature": "s"}}, "invalid", "a public key has 32 bytes, not 5"},
		{"verify", []any{key32, tooMuch, table{"signature": "s"}}, "limit", "more than"},
		{"seal", []any{"short", "x"}, "invalid", "a public key has 32 bytes, not 5"},
		{"seal", []any{strings.Repeat("\x00", 32), "x"}, "invalid", "low order"},
		{"seal", []any{"\x01" + strings.Repeat("\x00", 31), "x"}, "invalid", "low order"},
		{"seal", []any{key32, tooMuch}, "limit", "more than"},
	} {
		got, err := r.try(c.fn, c.args...)
		if err == nil || refusal(err) != c.code || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: got %.40v, %v (%s); want %s: %s", c.fn, got, err, refusal(err), c.code, c.says)
		}
	}
}

func TestRandomBytes(t *testing.T) {
	r := newRole(t)
	seen := map[string]bool{}
	for range 100 {
		seen[r.must("random_bytes", 16.0).(string)] = true
	}
	if len(seen) != 100 || len(r.must("random_bytes", float64(maxRandom)).(string)) != maxRandom || r.must("random_bytes", 0.0) != "" {
		t.Errorf("%d of 100 were different", len(seen))
	}
}

func TestConstantTimeEqual(t *testing.T) {
	r := newRole(t)
	for _, c := range []struct {
		a, b string
		want bool
	}{{"", "", true}, {"same", "same", true}, {"same", "sane", false}, {"same", "same ", false}, {"", "x", false}} {
		if got := r.must("constant_time_equal", c.a, c.b); got != c.want {
			t.Errorf("%q, %q: %v", c.a, c.b, got)
		}
	}
}

func TestEncodingsGiveBackWhatTheyTook(t *testing.T) {
	r := newRole(t)
	rapid.Check(t, func(t *rapid.T) {
		data := string(rapid.SliceOf(rapid.Byte()).Draw(t, "data"))
		opts := table{"url": rapid.Bool().Draw(t, "url"), "padding": rapid.Bool().Draw(t, "padding")}
		if got := r.must("base64_decode", r.must("base64_encode", data, opts), opts); got != data {
			t.Errorf("base64: %x became %x", data, got)
		}
		if got := r.must("hex_decode", r.must("hex_encode", data)); got != data {
			t.Errorf("hex: %x became %x", data, got)
		}
		if got := r.must("hex_decode", strings.ToUpper(r.must("hex_encode", data).(string))); got != data {
			t.Errorf("upper-case hex: %x became %x", data, got)
		}
	})
}

func FuzzDecoders(f *testing.F) {
	for _, seed := range []string{"dGVybg==", "dGVybg", "_-8", "7465", "7G", "=", "\r\n", "A\x00=="} {
		f.Add(seed, false, true)
	}
	f.Fuzz(func(t *testing.T, text string, url, padding bool) {
		opts := base64Options{URL: url, Padding: padding}
		if data, err := base64Decode(t.Context(), text, opts); err == nil {
			if again, _ := base64Encode(t.Context(), data, opts); again != text {
				t.Errorf("base64 takes %q for %x, which is %q", text, data, again)
			}
		} else if refusal(err) != "syntax" {
			t.Errorf("%q: %v", text, err)
		}
		if data, err := hexDecode(t.Context(), text); err == nil {
			if again, _ := hexEncode(t.Context(), data); again != strings.ToLower(text) {
				t.Errorf("hex takes %q for %x", text, data)
			}
		} else if refusal(err) != "syntax" {
			t.Errorf("%q: %v", text, err)
		}
	})
}
