package main

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/bunny-lab-io/borealis-agent/agent/enginetest"
	"github.com/bunny-lab-io/borealis-agent/agent/socketio"
)

// fake is the least that an Engine takes for an agent: it enrolls, connects, and runs scripts with sh.
type fake struct {
	url, host, code string
	client          *http.Client
	key             ed25519.PrivateKey
}

// fakeAgent is the command fake-agent DIR HOST: an agent of the Engine in DIR. It writes the file HOST.connected when it
// is ready for jobs, and ends when interrupted.
func fakeAgent() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	f, err := newFake(ctx, os.Args[1], os.Args[2])
	if err == nil {
		err = f.run(ctx)
	}
	if err != nil && ctx.Err() == nil {
		log.Fatal(err)
	}
}

func newFake(ctx context.Context, dir, host string) (*fake, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	o, err := enginetest.OpenOperator(dir)
	if err != nil {
		return nil, err
	}
	info, err := o.Info(ctx)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM([]byte(info.Root))
	_, key, err := ed25519.GenerateKey(nil)
	return &fake{
		url: info.URL, host: host, code: info.Code, key: key,
		client: &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}},
	}, err
}

func (f *fake) post(ctx context.Context, path string, in any) (map[string]any, error) {
	text, err := json.Marshal(in)
	if err != nil {
		return nil, err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, f.url+path, bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	answer, err := f.client.Do(r)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		return nil, err
	}
	var out map[string]any
	if answer.StatusCode != http.StatusOK || json.Unmarshal(body, &out) != nil {
		return nil, fmt.Errorf("%s: %s: %s", path, answer.Status, body)
	}
	return out, nil
}

// enroll gives the GUID, once the operator approved.
func (f *fake) enroll(ctx context.Context) (string, error) {
	public, err := x509.MarshalPKIXPublicKey(f.key.Public())
	if err != nil {
		return "", err
	}
	nonce := make([]byte, 32)
	encode := base64.StdEncoding.EncodeToString
	asked, err := f.post(ctx, "/api/agent/enroll/request", map[string]any{
		"hostname": f.host, "enrollment_code": f.code, "agent_pubkey": encode(public), "client_nonce": encode(nonce),
	})
	if err != nil {
		return "", err
	}
	if err := os.WriteFile(f.host+".pending", nil, 0o600); err != nil {
		return "", err
	}
	reference := asked["approval_reference"].(string)
	server, err := base64.StdEncoding.DecodeString(asked["server_nonce"].(string))
	if err != nil {
		return "", err
	}
	proof := encode(ed25519.Sign(f.key, slices.Concat(server, []byte(reference), nonce)))
	for ctx.Err() == nil {
		got, err := f.post(ctx, "/api/agent/enroll/poll", map[string]any{
			"approval_reference": reference, "client_nonce": encode(nonce), "proof_sig": proof,
		})
		if err != nil {
			return "", err
		}
		if guid, found := got["guid"].(string); found {
			return guid, nil
		}
		time.Sleep(10 * time.Millisecond)
	}
	return "", ctx.Err()
}

func (f *fake) run(ctx context.Context) error {
	guid, err := f.enroll(ctx)
	if err != nil {
		return err
	}
	jobs := make(chan socketio.Message, 10)
	conn, err := socketio.Dial(ctx, socketio.Config{URL: f.url, HTTPClient: f.client, OnEvent: func(m socketio.Message) { jobs <- m }})
	if err != nil {
		return err
	}
	defer conn.Close()
	id := strings.ToUpper(f.host) + "_" + guid + "_SYSTEM"
	if _, err := conn.Call(ctx, "connect_agent", map[string]any{"agent_id": id}); err != nil {
		return err
	}
	if err := os.WriteFile(f.host+".connected", nil, 0o600); err != nil {
		return err
	}
	for {
		select {
		case m := <-jobs:
			if err := f.serve(ctx, conn, m); err != nil {
				return err
			}
		case <-ctx.Done():
			return nil
		case <-conn.Done():
			return conn.Err()
		}
	}
}

// serve runs one job that is meant for this host.
func (f *fake) serve(ctx context.Context, conn *socketio.Conn, m socketio.Message) error {
	var job struct {
		ID          int64             `json:"job_id"`
		Host        string            `json:"target_hostname"`
		Type        string            `json:"script_type"`
		Script      []byte            `json:"script_content"`
		Environment map[string]string `json:"environment"`
	}
	if m.Event != "quick_job_run" || json.Unmarshal(m.Args[0], &job) != nil || job.Host != f.host {
		return nil
	}
	cmd := exec.CommandContext(ctx, "sh", "-c", string(job.Script))
	cmd.Env = append(os.Environ(), "SCRIPT_TYPE="+job.Type)
	for k, v := range job.Environment {
		cmd.Env = append(cmd.Env, k+"="+v)
	}
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	status := "Success"
	if cmd.Run() != nil {
		status = "Failed"
	}
	_, err := conn.Call(ctx, "quick_job_result", map[string]any{
		"job_id": job.ID, "status": status, "stdout": stdout.String(), "stderr": stderr.String(),
	})
	return err
}
