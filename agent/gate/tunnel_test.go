package gate

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/bunny-lab-io/borealis-agent/agent/wire"
)

// The vectors of the realtime contract, sections 4.2 and 4.3.
const (
	tokenA     = `{"agent_id":"LAB-PC7_6F1B2C3D-4E5F-4A6B-8C7D-9E0F1A2B3C4D_SYSTEM","expires_at":1768400300.25,"issued_at":1768400000.125,"port":30000,"tunnel_id":"0f1e2d3c4b5a69788796a5b4c3d2e1f0"}`
	tokenASig  = "BY/rc1BnsqpUHzvtd7HblL1hmcpgor31Ojn1CEV3O6gin8ak8giHbSwtG993AvxAoh9VLfk67LhW8awf/7QbAw=="
	tokenB     = `{"agent_id":"L\u00c4B-PC7_6F1B2C3D-4E5F-4A6B-8C7D-9E0F1A2B3C4D_SYSTEM","expires_at":1768400300.0,"issued_at":1768400000.125,"port":30000,"tunnel_id":"0f1e2d3c4b5a69788796a5b4c3d2e1f0"}`
	tokenBSig  = "ONSlKF41maqA2A3daM1hePUVFBZFQwzY8KtuRKomkQUs72Gy/P76PaH1pb4+QvguvwtiwOSWw4/KxLvhOuwWBA=="
	tunnelID   = "0f1e2d3c4b5a69788796a5b4c3d2e1f0"
	serverKey  = "fTSkgV+muYJTXmCvO9m0lVaBYIDxZB/4HSt8iugmikQ="
	privateKey = "QkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkI="
	startA     = `{"tunnel_id":"0f1e2d3c4b5a69788796a5b4c3d2e1f0",
"agent_id":"LAB-PC7_6F1B2C3D-4E5F-4A6B-8C7D-9E0F1A2B3C4D_SYSTEM","virtual_ip":"10.255.0.2/32","engine_virtual_ip":"10.255.0.1",
"allowed_ips":"10.255.0.1/32","endpoint":"engine.lab.example:30000","server_public_key":"fTSkgV+muYJTXmCvO9m0lVaBYIDxZB/4HSt8iugmikQ=",
"client_public_key":"EyxEK+AQ+9V+cmAzKKp25x/MwVA6riGTJ9FNnJmT9HI=","client_private_key":"QkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkI=",
"idle_seconds":900,"allowed_ports":[3389,5985,5986,5900,3478,47002],"connected_operators":1,
"token":{"agent_id":"LAB-PC7_6F1B2C3D-4E5F-4A6B-8C7D-9E0F1A2B3C4D_SYSTEM","tunnel_id":"0f1e2d3c4b5a69788796a5b4c3d2e1f0","port":30000,
"expires_at":1768400300.25,"issued_at":1768400000.125,
"signature":"BY/rc1BnsqpUHzvtd7HblL1hmcpgor31Ojn1CEV3O6gin8ak8giHbSwtG993AvxAoh9VLfk67LhW8awf/7QbAw==",
"signing_key":"MCowBQYDK2VwAyEAA6EHv/POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg=","sig_alg":"ed25519"}}`
)

// shelf is an Offers in memory.
type shelf []wire.TunnelStart

func (s *shelf) Keep(o wire.TunnelStart) { *s = append(*s, o) }

// tunnelGate is a gate whose clock stands at the moment of vector A's issue.
func tunnelGate(kept *shelf, change ...func(*Config)) *Gate {
	at := func(c *Config) {
		c.Now = func() time.Time { return time.Unix(1768400000, 0) }
		c.Offers = kept
	}
	return newGate(wire.System, append([]func(*Config){at}, change...)...)
}

// start is the contract's start with some fields changed, and some of its token, which is signed anew if that changes.
// A nil value takes a field out.
func start(t *testing.T, changes, token map[string]any) wire.Event {
	t.Helper()
	fields := wire.Object{}
	change := func(o wire.Object, changes map[string]any) {
		for name, value := range changes {
			raw, err := json.Marshal(value)
			if text, isText := value.(json.RawMessage); isText {
				raw = text
			}
			if err != nil {
				t.Fatal(err)
			}
			o[name] = raw
		}
		maps.DeleteFunc(o, func(_ string, raw json.RawMessage) bool { return string(raw) == "null" })
	}
	if err := json.Unmarshal([]byte(startA), &fields); err != nil {
		t.Fatal(err)
	}
	if token != nil {
		signed := wire.Object{}
		if err := json.Unmarshal([]byte(tokenA), &signed); err != nil {
			t.Fatal(err)
		}
		change(signed, token)
		message, err := canonical(signed, "signature", "signing_key", "sig_alg")
		if err != nil {
			t.Fatal(err)
		}
		if _, there := token["signature"]; !there {
			change(signed, map[string]any{"signature": ed25519.Sign(engineKey(), message)})
		}
		changes = maps.Clone(changes)
		if changes == nil {
			changes = map[string]any{}
		}
		changes["token"] = signed
	}
	change(fields, changes)
	data, err := json.Marshal(fields)
	if err != nil {
		t.Fatal(err)
	}
	return wire.Event{Name: wire.EventTunnelStart, Data: data, At: time.Unix(1768400000, 0)}
}

func TestTokenVectorsOfTheContract(t *testing.T) {
	for token, signature := range map[string]string{tokenA: tokenASig, tokenB: tokenBSig} {
		fields, err := wire.ParseObject([]byte(token))
		if err != nil {
			t.Fatal(err)
		}
		got, err := canonical(fields)
		if err != nil || string(got) != token {
			t.Errorf("canonical form\n%s (%v), want\n%s", got, err, token)
		}
		raw, _ := base64.StdEncoding.DecodeString(signature)
		if !ed25519.Verify(engineKey().Public().(ed25519.PublicKey), got, raw) {
			t.Errorf("the signature does not fit %s", token)
		}
	}
}

func TestCanonicalText(t *testing.T) {
	in := `{"z":[1.50,1e+3,-0.0,true,false,null,{}],"é":"\ud83d\ude00<&>\u2028","a":{"b":"\"\\\b\f\n\r\t\u0001\u007f/","A":""}}`
	want := `{"a":{"A":"","b":"\"\\\b\f\n\r\t\u0001\u007f/"},"z":[1.50,1e+3,-0.0,true,false,null,{}],"\u00e9":"\ud83d\ude00<&>\u2028"}`
	fields, err := wire.ParseObject([]byte(in))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := canonical(fields); err != nil || string(got) != want {
		t.Errorf("got  %s (%v)\nwant %s", got, err, want)
	}
}

func TestStartOfTheContractIsAdmitted(t *testing.T) {
	var kept shelf
	ev, err := tunnelGate(&kept).Admit(wire.Event{Name: wire.EventTunnelStart, Data: json.RawMessage(startA)})
	if err != nil {
		t.Fatal(err)
	}
	if len(kept) != 1 || kept[0].TunnelID != tunnelID || kept[0].PrivateKey != privateKey || kept[0].ServerPublicKey != serverKey ||
		kept[0].Endpoint != "engine.lab.example:30000" || len(kept[0].AllowedPorts) != 6 {
		t.Errorf("kept %+v", kept)
	}
	if strings.Contains(string(ev.Data), privateKey) || strings.Contains(string(ev.Data), "signature") {
		t.Errorf("a role would see %s", ev.Data)
	}
	var seen struct {
		TunnelID string `json:"tunnel_id"`
		Idle     int    `json:"idle_seconds"`
		Ports    []int  `json:"allowed_ports"`
		Engine   string `json:"engine_virtual_ip"`
	}
	if err := json.Unmarshal(ev.Data, &seen); err != nil || seen.TunnelID != tunnelID || seen.Idle != 900 || len(seen.Ports) != 6 || seen.Engine != "10.255.0.1" {
		t.Errorf("a role sees %s (%v)", ev.Data, err)
	}
}

func TestAdmittedStarts(t *testing.T) {
	for name, c := range map[string]struct{ changes, token map[string]any }{
		"other names": {changes: map[string]any{
			"agent_id": nil, "agent_guid": agentID, "virtual_ip": nil, "client_virtual_ip": "10.255.0.2/32", "endpoint": nil,
			"server_endpoint": "engine.lab.example:30000", "server_public_key": nil, "public_key": serverKey, "engine_virtual_ip": nil, "engine_ip": "10.255.0.1",
		}},
		"a list":              {changes: map[string]any{"allowed_ips": []string{"10.255.0.1/32"}}},
		"no allowed_ips":      {changes: map[string]any{"allowed_ips": nil}},
		"no id but the token": {changes: map[string]any{"tunnel_id": nil}},
		"no private key":      {changes: map[string]any{"client_private_key": nil}},
		"a preshared key":     {changes: map[string]any{"preshared_key": privateKey}},
		"ports as text":       {changes: map[string]any{"allowed_ports": "3389, 5985,5986,5900,3478,47002"}},
		"ports as texts":      {changes: map[string]any{"allowed_ports": []any{"3389", 5985, 5986, 5900, 3478, 47002}}},
		"IPv6":                {changes: map[string]any{"endpoint": "[2001:db8::1]:30000"}},
		"no host":             {changes: map[string]any{"endpoint": ":30000"}},
		"no port":             {changes: map[string]any{"endpoint": "engine.lab.example"}},
		"IPv6 and no port":    {changes: map[string]any{"endpoint": "[2001:db8::1]"}},
		"more in the token":   {token: map[string]any{"role": "ł", "n": json.RawMessage("1.0e5")}},
		"no algorithm":        {token: map[string]any{"sig_alg": nil}},
		"white space":         {token: map[string]any{"signature": tokenASig[:40] + "\n" + tokenASig[40:]}},
	} {
		var kept shelf
		if _, err := tunnelGate(&kept).Admit(start(t, c.changes, c.token)); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		k := kept[0]
		if _, port, ok := strings.Cut(k.Endpoint[strings.LastIndex(k.Endpoint, ":"):], ":"); !ok || port != "30000" || k.AllowedIPs[0] != "10.255.0.1/32" || k.TunnelID != tunnelID || len(k.AllowedPorts) != 6 {
			t.Errorf("%s: kept %+v", name, k)
		}
	}
}

func TestRefusedStarts(t *testing.T) {
	soon := json.RawMessage("1768400000.0")
	for name, c := range map[string]struct {
		changes, token map[string]any
		want           error
	}{
		"no token":            {changes: map[string]any{"token": nil}, want: ErrUnverified},
		"a text":              {changes: map[string]any{"token": "x"}, want: ErrUnverified},
		"another agent":       {changes: map[string]any{"agent_id": "other"}, want: ErrNotOurs},
		"another's token":     {token: map[string]any{"agent_id": "other"}, want: ErrUnverified},
		"another tunnel":      {changes: map[string]any{"tunnel_id": "ffff"}, want: ErrUnverified},
		"no tunnel":           {token: map[string]any{"tunnel_id": nil}, want: ErrUnverified},
		"expired":             {token: map[string]any{"expires_at": soon}, want: ErrUnverified},
		"never expires":       {token: map[string]any{"expires_at": nil}, want: ErrUnverified},
		"expires in text":     {token: map[string]any{"expires_at": "Inf"}, want: ErrUnverified},
		"port 0":              {token: map[string]any{"port": 0}, want: ErrUnverified},
		"port 65536":          {token: map[string]any{"port": 65536}, want: ErrUnverified},
		"port in text":        {token: map[string]any{"port": "30000"}, want: ErrUnverified},
		"another port":        {token: map[string]any{"port": 30001}, want: ErrMalformed},
		"unsigned":            {token: map[string]any{"signature": nil}, want: ErrUnverified},
		"another algorithm":   {token: map[string]any{"sig_alg": "rsa"}, want: ErrUnverified},
		"number re-formatted": {token: map[string]any{"expires_at": json.RawMessage("1768400300.250"), "signature": tokenASig}, want: ErrUnverified},
		"two addresses":       {changes: map[string]any{"allowed_ips": "10.255.0.1/32,10.255.0.3/32"}, want: ErrMalformed},
		"two in a list":       {changes: map[string]any{"allowed_ips": []string{"10.255.0.1/32", "10.255.0.3/32"}}, want: ErrMalformed},
		"everything":          {changes: map[string]any{"allowed_ips": "0.0.0.0/0"}, want: ErrMalformed},
		"a network":           {changes: map[string]any{"allowed_ips": "10.255.0.0/24"}, want: ErrMalformed},
		"IPv6":                {changes: map[string]any{"allowed_ips": "2001:db8::/32"}, want: ErrMalformed},
		"no address of ours":  {changes: map[string]any{"virtual_ip": nil}, want: ErrMalformed},
		"a wide address":      {changes: map[string]any{"virtual_ip": "10.255.0.2/24"}, want: ErrMalformed},
		"no endpoint":         {changes: map[string]any{"endpoint": nil}, want: ErrMalformed},
		"endpoint elsewhere":  {changes: map[string]any{"endpoint": "engine.lab.example:53"}, want: ErrMalformed},
		"no server key":       {changes: map[string]any{"server_public_key": nil}, want: ErrMalformed},
		"short server key":    {changes: map[string]any{"server_public_key": "AAAA"}, want: ErrMalformed},
		"key with a newline":  {changes: map[string]any{"client_private_key": "x\nlisten_port=1"}, want: ErrMalformed},
		"bad ports":           {changes: map[string]any{"allowed_ports": []int{70000}}, want: ErrMalformed},
	} {
		var kept shelf
		ev, err := tunnelGate(&kept).Admit(start(t, c.changes, c.token))
		if !errors.Is(err, c.want) || len(kept) != 0 || ev.Data != nil {
			t.Errorf("%s: %v, want %v (kept %d)", name, err, c.want, len(kept))
		}
	}
}

func TestATokenNeedsTheStoredKey(t *testing.T) {
	var kept shelf
	for name, key := range map[string]ed25519.PublicKey{"none": nil, "another": ed25519.NewKeyFromSeed(make([]byte, 32)).Public().(ed25519.PublicKey)} {
		g := tunnelGate(&kept, func(c *Config) { c.SigningKey = func() ed25519.PublicKey { return key } })
		if _, err := g.Admit(start(t, nil, nil)); !errors.Is(err, ErrUnverified) || len(kept) != 0 {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestExpiryGoesByTheEnginesClock(t *testing.T) {
	for late, admitted := range map[time.Duration]bool{0: true, 300 * time.Second: true, 301 * time.Second: false, -time.Hour: true} {
		var kept shelf
		g := tunnelGate(&kept, func(c *Config) { c.Now = func() time.Time { return time.Unix(1768400000, 0).Add(late) } })
		if _, err := g.Admit(start(t, nil, nil)); (err == nil) != admitted {
			t.Errorf("%v after its issue: %v", late, err)
		}
	}
}

// FuzzTunnelStart holds the gate's promise against foreign bytes: what is admitted is signed for this agent, is one
// address, and shows no role its keys.
func FuzzTunnelStart(f *testing.F) {
	f.Add([]byte(startA))
	f.Add([]byte(strings.ReplaceAll(startA, "engine.lab.example", "127.0.0.1")))
	f.Add([]byte(strings.Replace(startA, `"token"`, `"orchestration_token"`, 1)))
	f.Add([]byte(`{"token":{"agent_id":"` + agentID + `","tunnel_id":"a","expires_at":1e999,"port":1,"signature":"AA=="},"allowed_ips":["/32"]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		var kept shelf
		ev, err := tunnelGate(&kept).Admit(wire.Event{Name: wire.EventTunnelStart, Data: data})
		if err != nil {
			if len(kept) != 0 {
				t.Fatalf("%q is kept, and %v", data, err)
			}
			return
		}
		o := kept[0]
		message, _ := canonical(o.Token, "signature", "signing_key", "sig_alg")
		if string(message) != tokenA || len(o.AllowedIPs) != 1 || !strings.HasSuffix(o.AllowedIPs[0], "/32") || o.TunnelID != tunnelID {
			t.Fatalf("%q was admitted as %+v", data, o)
		}
		var fields wire.Object
		if json.Unmarshal(ev.Data, &fields) != nil {
			t.Fatalf("a role would get %q", ev.Data)
		}
		for _, name := range withheld {
			if _, there := fields[name]; there {
				t.Fatalf("%q shows a role %q", data, name)
			}
		}
	})
}
