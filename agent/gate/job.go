package gate

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode"

	"github.com/bunny-lab-io/borealis-agent/agent/wire"
)

// The values of run_mode, in lower case.
const (
	modeSystem = "system"
	modeUser   = "current_user"
	modeAdmin  = "admin"
)

// spent are the fields of a job that no role gets: they served to verify it, or nobody should have them. A field
// called "script" would stand in the place of the verified bytes.
var spent = [...]string{"script_content", "signature", "sig_alg", "signing_key", "admin_pass", "script"}

// job checks a quick_job_run: host, then run mode, then what was signed. The mode comes before the signature so that
// of two processes on one host only the one that the job is for ever answers. Unsigned lets the signature be
// missing; one that is there must fit.
func (g *Gate) job(ev wire.Event, unsigned bool) (wire.Event, error) {
	job, err := wire.ParseJob(ev.Data)
	var field *wire.FieldError
	if err != nil && !errors.As(err, &field) {
		return wire.Event{}, fmt.Errorf("event %q: %w: %w", ev.Name, ErrMalformed, err)
	}
	if !g.ours(job.TargetHostname) || (field != nil && field.Field == "target_hostname") {
		return wire.Event{}, ErrNotOurs
	}
	mode, err := g.route(job)
	if err != nil {
		return wire.Event{}, err
	}
	if field != nil {
		return wire.Event{}, refuse(job, field.Error())
	}
	script, signature, err := g.verify(job, unsigned)
	if err != nil {
		return wire.Event{}, refuse(job, err.Error())
	}
	if err := g.begin(job, signature); err != nil {
		return wire.Event{}, err
	}
	return admitted(ev, job, mode, script)
}

// begin notes that the job is about to be run. What cannot be noted is not run: nothing would keep it from being run twice.
func (g *Gate) begin(job wire.Job, signature []byte) error {
	will, err := failed(job, interrupted)
	if err != nil {
		return err
	}
	err = g.cfg.Ledger.Begin(keyOf(job, signature), job.ID, will)
	switch {
	case errors.Is(err, ErrReplay):
		return fmt.Errorf("job %.40q: %w", job.ID, ErrReplay)
	case err != nil:
		return refuse(job, fmt.Sprintf("the job can not be noted, and so is not run: %v", err))
	}
	return nil
}

// route says whether this process runs jobs of the job's run mode, and gives the mode as roles know it.
func (g *Gate) route(job wire.Job) (mode string, err error) {
	mode = strings.ToLower(strings.TrimSpace(job.RunMode))
	if mode == "" {
		mode = modeUser // the agent's default of the contract, although the Engine's is system
	}
	system := g.cfg.Mode == wire.System
	switch {
	case mode == modeSystem && system, mode == modeUser && !system:
		return mode, nil
	case mode == modeSystem:
		return "", ErrNotOurs
	case mode == modeUser && g.cfg.UserServed():
		return "", ErrNotOurs
	case mode == modeUser:
		return "", refuse(job, g.cfg.NoUser())
	case mode == modeAdmin:
		return "", refuse(job, "run mode admin is disabled")
	}
	return "", refuse(job, fmt.Sprintf("run mode %.40q is unknown", mode))
}

// verify finds the bytes that the job's signature covers under the stored key. A key that the job brings along is
// never looked at.
func (g *Gate) verify(job wire.Job, unsigned bool) (script, signature []byte, err error) {
	candidates, err := decode(job)
	if err != nil {
		return nil, nil, err
	}
	if !isEd25519(job.SigAlg) {
		return nil, nil, fmt.Errorf("signature algorithm %.40q is not supported", job.SigAlg)
	}
	text := strip(job.Signature)
	if text == "" && unsigned {
		return candidates[len(candidates)-1], nil, nil // what is not said to be base64 is the text itself
	}
	if text == "" {
		return nil, nil, errors.New("the script is not signed")
	}
	signature, err = base64.StdEncoding.DecodeString(text)
	if err != nil || len(signature) != ed25519.SignatureSize {
		return nil, nil, errors.New("the signature is not an Ed25519 signature in base64")
	}
	key := g.cfg.SigningKey()
	if len(key) != ed25519.PublicKeySize {
		return nil, nil, errors.New("no key of the Engine is stored to verify the script with")
	}
	for _, script := range candidates {
		if ed25519.Verify(key, script, signature) {
			return script, signature, nil
		}
	}
	return nil, nil, errors.New("the signature does not fit the script and the stored key")
}

// isEd25519 says whether a signature is of the one kind that there is, by the name that the Engine gives it, if any.
func isEd25519(alg string) bool {
	switch strings.ToLower(strings.TrimSpace(alg)) {
	case "", "ed25519", "eddsa":
		return true
	}
	return false
}

// decode gives the byte strings that the content may stand for. Said to be base64 it has to be that, and nothing said
// means base64; under any other name it may be base64 all the same, or the text itself, which the signature decides.
func decode(job wire.Job) ([][]byte, error) {
	decoded, err := base64.StdEncoding.DecodeString(strip(job.Content))
	switch strings.ToLower(strings.TrimSpace(job.Encoding)) {
	case "", "base64", "b64", "base-64":
		if err != nil {
			return nil, errors.New("the script is not valid base64")
		}
		return [][]byte{decoded}, nil
	}
	if err != nil {
		return [][]byte{[]byte(job.Content)}, nil
	}
	return [][]byte{decoded, []byte(job.Content)}, nil
}

// strip takes all white space out.
func strip(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) {
			return -1
		}
		return r
	}, s)
}

// admitted is the event that roles get.
func admitted(ev wire.Event, job wire.Job, mode string, script []byte) (wire.Event, error) {
	for _, key := range spent {
		delete(job.Fields, key)
	}
	job.Fields["run_mode"] = json.RawMessage(`"` + mode + `"`)
	data, err := json.Marshal(job.Fields)
	if err != nil {
		return wire.Event{}, fmt.Errorf("event %q: %w: %w", ev.Name, ErrMalformed, err)
	}
	return wire.Event{Name: ev.Name, Data: data, Bytes: map[string][]byte{"script": script}, At: ev.At}, nil
}
