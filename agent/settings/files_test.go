package settings

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"time"
)

// reversed is a Sealer whose work shows in the file.
type reversed struct{ broken bool }

func (r reversed) Seal(plain []byte) ([]byte, error) {
	return append([]byte("sealed:"), plain...), nil
}

func (r reversed) Current(sealed []byte) bool { return strings.HasPrefix(string(sealed), "sealed:") }

func (r reversed) Open(sealed []byte) ([]byte, error) {
	if plain, ok := strings.CutPrefix(string(sealed), "sealed:"); ok && !r.broken {
		return []byte(plain), nil
	}
	return nil, errors.New("no key")
}

func TestTokens(t *testing.T) {
	tree := open(t, nil)
	tree.sealer = reversed{}
	if got, err := tree.Tokens(); err != nil || got != (Tokens{}) {
		t.Fatalf("tokens of a fresh tree: %v, %v", got, err)
	}
	want := Tokens{Access: "aaa.bbb", Refresh: "rrr", ExpiresAt: time.Unix(1770000895, 0), BoundAt: time.Unix(1770000000, 0), Fingerprint: "f0"}
	if err := tree.SaveTokens(want); err != nil {
		t.Fatal(err)
	}
	if got, err := tree.Tokens(); err != nil || got != want {
		t.Errorf("tokens %v, %v; want %v", got, err, want)
	}
	if got := get(t, tree.file(refreshFile)); got != "sealed:rrr" {
		t.Errorf("refresh token lies as %q", got)
	}
	if got, want := get(t, tree.file(metaFile)), "{\n  \"access_expires_at\": 1770000895,\n  \"ssl_key_fingerprint\": \"f0\",\n  \"access_bound_at\": 1770000000\n}"; got != want {
		t.Errorf("meta file:\n%s\nwant\n%s", got, want)
	}
	tree.sealer = reversed{broken: true}
	if _, err := tree.Tokens(); err == nil || !strings.Contains(err.Error(), refreshFile) {
		t.Errorf("unsealable refresh token: %v, want an error that names it", err)
	}
	if err := tree.ForgetTokens(); err != nil {
		t.Fatal(err)
	}
	if got, err := tree.Tokens(); err != nil || got != (Tokens{}) {
		t.Errorf("forgotten tokens: %v, %v", got, err)
	}
	if err := tree.ForgetTokens(); err != nil {
		t.Errorf("forget twice: %v", err)
	}
}

func TestTokensOfUpstream(t *testing.T) {
	tree := open(t, nil)
	tree.sealer = Plain{}
	put(t, tree.file(refreshFile), "q1Zb\n")
	put(t, tree.file(accessFile), "\ufeffeyJ\r\n")
	put(t, tree.file(metaFile), `{"access_expires_at": "soon"}`)
	want := Tokens{Access: "eyJ", Refresh: "q1Zb"}
	if got, err := tree.Tokens(); err != nil || got != want {
		t.Errorf("tokens %v, %v; want %v with an unknown expiry", got, err, want)
	}
}

func TestSecretsDoNotPrint(t *testing.T) {
	for _, v := range []any{Tokens{Access: "hunter2", Refresh: "hunter2"}, Code{Text: "hunter2", Source: "file"}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
			if text := fmt.Sprintf(verb, v); strings.Contains(text, "hunter2") {
				t.Errorf("%T printed with %s: %s", v, verb, text)
			}
		}
	}
}

func TestTrustFiles(t *testing.T) {
	tree := open(t, nil)
	if key, err := tree.SigningKey(); err != nil || key != "" {
		t.Errorf("signing key of a fresh tree: %q, %v", key, err)
	}
	if err := tree.SaveSigningKey(" MCow \n"); err != nil {
		t.Fatal(err)
	}
	if got := get(t, tree.file(signingKeyFile)); got != "MCow\n" {
		t.Errorf("signing key lies as %q", got)
	}
	if pem, err := tree.Bundle(); err != nil || pem != nil {
		t.Errorf("bundle of a fresh tree: %q, %v", pem, err)
	}
	put(t, tree.file(bundleFile), "older")
	if pem, err := tree.Bundle(); err != nil || string(pem) != "older" {
		t.Errorf("bundle of the older place: %q, %v", pem, err)
	}
	if err := tree.PinBundle([]byte("\n newer \n\n")); err != nil {
		t.Fatal(err)
	}
	if pem, err := tree.Bundle(); err != nil || string(pem) != "newer\n" {
		t.Errorf("pinned bundle: %q, %v", pem, err)
	}
}

func TestFilesAreTheOwnersFromTheStart(t *testing.T) {
	tree := open(t, nil)
	put(t, tree.file(accessFile), "was readable by all")
	if err := tree.SaveTokens(Tokens{Access: "a", Refresh: "r"}); err != nil {
		t.Fatal(err)
	}
	skipModesOnWindows(t)
	for _, name := range []string{accessFile, refreshFile, metaFile} {
		if info, err := os.Stat(tree.file(name)); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v (%v), want 0600", name, info.Mode().Perm(), err)
		}
	}
}

func TestRefusedWriteLeavesNothingBehind(t *testing.T) {
	tree := open(t, nil)
	if err := os.Mkdir(tree.file(accessFile), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := tree.SaveAccess(Tokens{Access: "a"}); err == nil || !strings.Contains(err.Error(), accessFile) {
		t.Errorf("write over a folder: %v, want an error that names it", err)
	}
	entries, err := os.ReadDir(tree.Settings())
	if err != nil || len(entries) != 1 {
		t.Errorf("left behind: %v, %v", entries, err)
	}
	if _, err := readFile(tree.file("missing")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("missing file: %v", err)
	}
	put(t, tree.file("large"), strings.Repeat("x", maxFile+1))
	if _, err := readFile(tree.file("large")); err == nil {
		t.Error("a file past the cap was read")
	}
}

func TestTrustNote(t *testing.T) {
	tree := open(t, nil)
	if n, err := tree.TrustNote(); err != nil || n != (TrustNote{}) {
		t.Errorf("note of a fresh tree: %v, %v", n, err)
	}
	want := TrustNote{Source: "first-use", Fingerprint: "ab"}
	if err := tree.SaveTrustNote(want); err != nil {
		t.Fatal(err)
	}
	if n, err := tree.TrustNote(); err != nil || n != want {
		t.Errorf("note %v, %v; want %v", n, err, want)
	}
	put(t, tree.trustNotePath(), "{")
	if _, err := tree.TrustNote(); err == nil || !strings.Contains(err.Error(), "delete it") {
		t.Errorf("broken note: %v, want an error with its mend", err)
	}
}

func TestGUID(t *testing.T) {
	const guid = "7B1E9C40-52AD-4E0B-8F6C-1D2E3F4A5B6C"
	tree := open(t, nil)
	put(t, tree.file(oldGUIDFile), strings.ToLower(guid))
	if got, err := tree.EnsureGUID(t.Context(), strings.NewReader("")); err != nil || got != guid {
		t.Errorf("GUID of the older file: %q, %v", got, err)
	}
	for _, text := range []string{guid, "\ufeff{" + strings.ToLower(guid) + "}\r\n"} {
		put(t, tree.file(guidFile), text)
		if got, err := tree.GUID(); err != nil || got != guid {
			t.Errorf("GUID of %q: %q, %v", text, got, err)
		}
	}
	for _, bad := range []string{"nonsense", guid[:35], guid + "0", strings.ReplaceAll(guid, "-", "_"), strings.Replace(guid, "7B", "GG", 1)} {
		put(t, tree.file(guidFile), bad)
		if got, err := tree.GUID(); !errors.Is(err, ErrNotGUID) {
			t.Errorf("GUID of %q: %q, %v; want ErrNotGUID", bad, got, err)
		}
		if err := tree.SaveGUID(bad); !errors.Is(err, ErrNotGUID) {
			t.Errorf("SaveGUID(%q) = %v, want ErrNotGUID", bad, err)
		}
	}
}

func TestEnsureGUIDMakesOne(t *testing.T) {
	tree := open(t, nil)
	var wg sync.WaitGroup
	made := make([]string, 8)
	for i := range made {
		wg.Go(func() {
			guid, err := tree.EnsureGUID(t.Context(), strings.NewReader(strings.Repeat(string(rune('a'+i)), 16)))
			if err != nil {
				t.Error(err)
			}
			made[i] = guid
		})
	}
	wg.Wait()
	for _, guid := range made {
		if guid != made[0] || guid[14] != '4' {
			t.Errorf("local GUIDs %v, want one of version 4", made)
			break
		}
	}
	if _, err := open(t, nil).EnsureGUID(t.Context(), iotest.ErrReader(errors.New("dry"))); err == nil {
		t.Error("a GUID came from a random source that fails")
	}
}

func TestAFlagIsTrueOrFalse(t *testing.T) {
	for text, want := range map[string]bool{`{}`: false, `{"f":true}`: true, `{"f":false}`: false, `{"f":null}`: false} {
		var d Document
		if err := json.Unmarshal([]byte(text), &d); err != nil {
			t.Fatal(err)
		}
		if got, err := d.Flag("f"); err != nil || got != want {
			t.Errorf("%s: %v, %v", text, got, err)
		}
	}
	for _, text := range []string{`"true"`, `1`, `[]`, `{}`, `""`} {
		if _, err := (Document{"f": json.RawMessage(text)}).Flag("f"); err == nil {
			t.Errorf("%s is taken for a flag", text)
		}
	}
}

func TestDocumentKeepsWhatItDoesNotKnow(t *testing.T) {
	tree := open(t, nil)
	put(t, tree.DocumentPath(""), `{"audit_interval_minutes": 5.50, "theirs": {"b":1e2}, "created":"2025", "installer_code":"C"}`)
	err := tree.UpdateDocument("SYSTEM", func(d Document) error { return d.Set("agent_id", "A") })
	if err != nil {
		t.Fatal(err)
	}
	var got map[string]json.RawMessage
	if err := json.Unmarshal([]byte(get(t, tree.DocumentPath("SYSTEM"))), &got); err != nil {
		t.Fatal(err)
	}
	if string(got["audit_interval_minutes"]) != "5.50" || string(got["agent_id"]) != `"A"` || got["created"] != nil || got["theirs"] == nil {
		t.Errorf("seeded document %s", get(t, tree.DocumentPath("SYSTEM")))
	}
	put(t, tree.DocumentPath("SYSTEM"), `{"agent_id": `)
	if _, err := tree.Document("SYSTEM"); err == nil || !strings.Contains(err.Error(), "agent_settings_SYSTEM.json") {
		t.Errorf("broken document: %v, want an error that names it", err)
	}
	if err := tree.UpdateDocument("SYSTEM", func(Document) error { return nil }); err == nil {
		t.Error("a broken document was overwritten")
	}
	other := open(t, map[string]string{"BOREALIS_AGENT_CONFIG_DIR": t.TempDir(), "BOREALIS_AGENT_CONFIG": ""})
	if d, err := other.Document("x"); err != nil || len(d) != 0 {
		t.Errorf("missing document: %v, %v", d, err)
	}
}

func TestEnrollmentCodeOrderAndSpending(t *testing.T) {
	tree := open(t, nil)
	if code, err := tree.EnrollmentCode("SYSTEM"); err != nil || code.Text != "" {
		t.Fatalf("code of a fresh tree: %v, %v", code, err)
	}
	places := []struct{ path, text, code string }{
		{tree.legacy("agent_settings.json"), `{"installer_code":"legacy"}`, "legacy"},
		{tree.DocumentPath(""), `{"installer_code":" base "}`, "base"},
		{tree.DocumentPath("CURRENTUSER"), `{"installer_code":"sibling"}`, "sibling"},
		{tree.file(sharedCodeFile), `{"code":"shared","consumed":["CURRENTUSER"],"updated_at":1}`, "shared"},
		{tree.DocumentPath("SYSTEM"), `{"installer_code":"own","regions":{}}`, "own"},
		{tree.DocumentPath("SYSTEM"), `{"installer_code":"own","enrollment_code":"preferred","regions":{}}`, "preferred"},
	}
	for _, p := range places {
		put(t, p.path, p.text)
		if code, err := tree.EnrollmentCode("SYSTEM"); err != nil || code.Text != p.code || code.Source != p.path {
			t.Errorf("code %q from %q (%v), want %q from %q", code.Text, code.Source, err, p.code, p.path)
		}
	}
	if err := tree.SpendCode("SYSTEM"); err != nil {
		t.Fatal(err)
	}
	if code, err := tree.EnrollmentCode("SYSTEM"); err != nil || code.Text != "" {
		t.Errorf("code after spending: %q from %q, %v", code.Text, code.Source, err)
	}
	if text := get(t, tree.DocumentPath("SYSTEM")); !strings.Contains(text, `"regions"`) {
		t.Errorf("spending lost a setting: %s", text)
	}
	if text := get(t, tree.file(sharedCodeFile)); strings.Contains(text, "shared") || !strings.Contains(text, "SYSTEM") || !strings.Contains(text, "CURRENTUSER") {
		t.Errorf("shared file after spending: %s", text)
	}
}

func TestEnrollmentCodeBesideABrokenFile(t *testing.T) {
	tree := open(t, nil)
	put(t, tree.file(sharedCodeFile), `{`)
	if _, err := tree.EnrollmentCode("SYSTEM"); err == nil || !strings.Contains(err.Error(), sharedCodeFile) {
		t.Errorf("no code but a broken file: %v, want an error that names it", err)
	}
	put(t, tree.DocumentPath(""), `{"enrollment_code":"base"}`)
	if code, err := tree.EnrollmentCode("SYSTEM"); err != nil || code.Text != "base" {
		t.Errorf("code %q, %v; want base", code.Text, err)
	}
}

func FuzzFilesOfTheTree(f *testing.F) {
	f.Add([]byte(`{"access_expires_at":1770000895,"code":"x","enrollment_code":"y","consumed":["SYSTEM"]}`))
	f.Add([]byte("\ufeff{}"))
	f.Add([]byte{1, 0, 0, 0, 0xd0, 0x8c})
	tree, err := Options{Getenv: func(string) string { return "" }, Sealer: Plain{}}.Open(f.TempDir())
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, name := range []string{metaFile, refreshFile, sharedCodeFile, guidFile, "agent_settings_SYSTEM.json"} {
			if err := os.WriteFile(tree.file(name), data, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		_, _ = tree.Tokens()
		if guid, err := tree.GUID(); err == nil && guid != "" && len(guid) != 36 {
			t.Fatalf("GUID %q", guid)
		}
		code, err := tree.EnrollmentCode("SYSTEM")
		if err != nil || code.Text == "" {
			return
		}
		if err := tree.SpendCode("SYSTEM"); err != nil {
			return
		}
		if code, err := tree.EnrollmentCode("SYSTEM"); err == nil && code.Text != "" {
			t.Fatalf("code %q outlived its spending", code.Text)
		}
	})
}
