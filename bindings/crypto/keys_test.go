package crypto

import (
	"crypto/ecdh"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/bunny-lab-io/borealis-agent/bindings"
)

// TestSigning uses the vectors of RFC 8032, 7.1.
func TestSigning(t *testing.T) {
	r := newRole(t)
	for _, c := range []struct{ name, seed, public, message, signature string }{
		{
			"1", "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
			"d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
			"e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
		},
		{
			"2", "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
			"3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
			"92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
		},
		{
			"SHA(abc)", "833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42",
			"ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf",
			"ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
			"dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b58909351fc9ac90b3ecfdfbc7c66431e0303dca179c138ac17ad9bef1177331a704",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			key := r.must("signing_key_from_seed", unhex(c.seed))
			if got := r.on(key, "public_key"); got != unhex(c.public) {
				t.Errorf("public key %x", got)
			}
			if got := r.on(key, "sign", unhex(c.message)); got != unhex(c.signature) {
				t.Errorf("signature %x", got)
			}
			if got := r.must("verify", unhex(c.public), unhex(c.message), table{"signature": unhex(c.signature)}); got != true {
				t.Errorf("its own signature is %v", got)
			}
		})
	}
}

func TestVerifyRefusesEveryChange(t *testing.T) {
	r := newRole(t)
	key := r.must("generate_signing_key")
	public, signature := r.on(key, "public_key"), r.on(key, "sign", "tern")
	other := r.on(r.must("generate_signing_key"), "public_key")
	if other == public {
		t.Fatal("two keys are the same")
	}
	for name, c := range map[string]struct{ public, data, signature string }{
		"data":      {public, "gull", signature},
		"key":       {other, "tern", signature},
		"signature": {public, "tern", signature[:63] + string(signature[63]^1)},
		"shorter":   {public, "tern", signature[:63]},
		"longer":    {public, "tern", signature + "\x00"},
		"none":      {public, "tern", ""},
	} {
		if got := r.must("verify", c.public, c.data, table{"signature": c.signature}); got != false {
			t.Errorf("another %s: %v", name, got)
		}
	}
}

// TestExchange uses the vectors of RFC 7748, 6.1; what comes out is HKDF of the shared secret published there.
func TestExchange(t *testing.T) {
	r := newRole(t)
	alice := known(t, "77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a")
	bob := known(t, "5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb")
	alicePublic := unhex("8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a")
	bobPublic := unhex("de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f")
	for _, x := range []struct {
		key          *exchangeKey
		public, peer string
	}{{alice, alicePublic, bobPublic}, {bob, bobPublic, alicePublic}} {
		if got, err := exchangePublicKey(t.Context(), x.key); string(got) != x.public || err != nil {
			t.Errorf("public key %x, %v", got, err)
		}
		opts := hkdfOptions{Salt: []byte("salt"), Info: []byte("info"), Algorithm: "sha512"}
		got, err := agree(t.Context(), x.key, []byte(x.peer), 40, opts)
		want := r.must("hkdf", unhex("4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742"), 40.0,
			table{"salt": "salt", "info": "info", "algorithm": "sha512"})
		if err != nil || string(got) != want {
			t.Errorf("derived %x, %v; want %x", got, err, want)
		}
	}
}

func known(t *testing.T, secret string) *exchangeKey {
	private, err := ecdh.X25519().NewPrivateKey([]byte(unhex(secret)))
	if err != nil {
		t.Fatal(err)
	}
	return &exchangeKey{private}
}

func TestExchangeKeyHandles(t *testing.T) {
	r := newRole(t)
	mine, theirs := r.must("generate_exchange_key"), r.must("generate_exchange_key")
	if a, b := r.on(mine, "derive", r.on(theirs, "public_key"), 32.0), r.on(theirs, "derive", r.on(mine, "public_key"), 32.0); a != b || len(a) != 32 {
		t.Errorf("the two sides derive %x and %x", a, b)
	}
	for _, c := range []struct {
		method     string
		args       []any
		code, says string
	}{
		{"derive", []any{"short", 32.0}, "invalid", "32 bytes, not 5"},
		{"derive", []any{strings.Repeat("\x00", 32), 32.0}, "invalid", "low order"},
		{"derive", []any{r.on(theirs, "public_key"), 0.0}, "misuse", "not between 1 and 8160"},
		{"open", []any{"short"}, "invalid", "was not sealed for this key"},
		{"open", []any{strings.Repeat("x", maxData+49)}, "limit", "more than"},
		{"sign", []any{"x"}, "misuse", `a crypto.ExchangeKey has no method "sign"`},
	} {
		if _, err := r.tryOn(mine, c.method, c.args...); refusal(err) != c.code || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v (%s), want %s: %s", c.method, err, refusal(err), c.code, c.says)
		}
	}
}

func TestSealedBoxes(t *testing.T) {
	r := newRole(t)
	mine, theirs := r.must("generate_exchange_key"), r.must("generate_exchange_key")
	for _, data := range []string{"", "for your eyes", strings.Repeat("\x00\xff", 1<<16)} {
		sealed := r.must("seal", r.on(mine, "public_key"), data).(string)
		if len(sealed) != len(data)+48 || data != "" && strings.Contains(sealed, data) {
			t.Errorf("%d bytes became a box of %d", len(data), len(sealed))
		}
		if got := r.on(mine, "open", sealed); got != data {
			t.Errorf("opened %.20q", got)
		}
		changed := sealed[:len(sealed)-1] + string([]byte{sealed[len(sealed)-1] ^ 1})
		for _, wrong := range []struct {
			key    any
			sealed string
		}{{theirs, sealed}, {mine, changed}, {mine, sealed[1:]}} {
			if _, err := r.tryOn(wrong.key, "open", wrong.sealed); refusal(err) != "invalid" {
				t.Errorf("a box that is not ours: %v", err)
			}
		}
	}
}

// TestAKeyKeepsItsSecret looks for the secret wherever a key could leak it.
func TestAKeyKeepsItsSecret(t *testing.T) {
	seed := unhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
	signing, err := signingKeyFromSeed(t.Context(), []byte(seed))
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range []any{signing.Value, known(t, hex.EncodeToString([]byte(seed)))} {
		plain, err := bindings.Plain(key)
		if err != nil {
			t.Error(err)
		}
		text, err := json.Marshal(key)
		if err != nil {
			t.Error(err)
		}
		shown := fmt.Sprintf("%v %+v %#v %s %x %q %d", key, key, key, key, key, key, key) + fmt.Sprint(plain) + string(text)
		name := strings.Fields(shown)[0]
		if want := strings.Join([]string{name, name, name, name, name, name, name}, " ") + "map[]{}"; !strings.HasPrefix(name, "crypto.") || shown != want {
			t.Errorf("a key is shown as %q", shown)
		}
	}
}

func TestAClosedKeyIsGone(t *testing.T) {
	r := newRole(t)
	key := r.must("generate_signing_key")
	if got, err := r.tryOn(key, "close"); got != true || err != nil {
		t.Errorf("close: %v, %v", got, err)
	}
	if _, err := r.tryOn(key, "sign", "x"); refusal(err) != "closed" {
		t.Errorf("sign with a closed key: %v", err)
	}
}

// libsodium asks python3-nacl.
func libsodium(t *testing.T, verb string, args ...string) string {
	t.Helper()
	line := []string{"testdata/libsodium.py", verb}
	for _, arg := range args {
		line = append(line, hex.EncodeToString([]byte(arg)))
	}
	out, err := exec.Command("/usr/bin/python3", line...).Output()
	if err != nil {
		t.Fatalf("libsodium: %s: %v", verb, err)
	}
	return unhex(strings.TrimSpace(string(out)))
}

func TestLibsodiumAgrees(t *testing.T) {
	if err := exec.Command("/usr/bin/python3", "-c", "import nacl").Run(); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal("no python3-nacl here")
		}
		t.Skip("SKIPPED: no python3-nacl here, so libsodium is not asked")
	}
	r := newRole(t)
	secret := r.must("random_bytes", 32.0).(string)
	message := "sealed \x00 for the other side"

	key := r.must("generate_exchange_key")
	if got := r.on(key, "open", libsodium(t, "seal", r.on(key, "public_key"), message)); got != message {
		t.Errorf("we open %q", got)
	}
	sealed := r.must("seal", libsodium(t, "exchange_public", secret), message).(string)
	if got := libsodium(t, "open", secret, sealed); got != message {
		t.Errorf("libsodium opens %q", got)
	}

	signing := r.must("signing_key_from_seed", secret)
	if got := libsodium(t, "signing_public", secret); got != r.on(signing, "public_key") {
		t.Errorf("the public keys differ")
	}
	if got := libsodium(t, "verify", r.on(signing, "public_key"), message, r.on(signing, "sign", message)); got != message {
		t.Errorf("libsodium verifies %q", got)
	}
	if got := r.must("verify", r.on(signing, "public_key"), message, table{"signature": libsodium(t, "sign", secret, message)}); got != true {
		t.Errorf("libsodium's signature is %v", got)
	}
}
