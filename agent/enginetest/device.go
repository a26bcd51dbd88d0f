package enginetest

import (
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// The device statuses that the Engine acts on. Any other passes authentication but is not served work.
const (
	StatusActive         = "active"
	StatusRevoked        = "revoked"
	StatusDecommissioned = "decommissioned"
)

// maxHostname is the length that a stored host name is cut to, in characters.
const maxHostname = 253

// device is a row of the devices table.
type device struct {
	guid, hostname, fingerprint string
	tokenVersion                int64
	status, agentID             string
	agentHash                   sql.NullString
	lastSeen                    int64
	facts, details              string // JSON objects
}

const deviceColumns = `guid, hostname, fingerprint, token_version, status, agent_id, agent_hash, last_seen, facts, details`

func scanDevice(row scanner) (d device, err error) {
	err = row.Scan(&d.guid, &d.hostname, &d.fingerprint, &d.tokenVersion, &d.status, &d.agentID, &d.agentHash,
		&d.lastSeen, &d.facts, &d.details)
	return d, err
}

// findDevice gives nil when there is none.
func findDevice(tx *sql.Tx, where string, args ...any) (*device, error) {
	d, err := scanDevice(tx.QueryRow(`SELECT `+deviceColumns+` FROM devices WHERE `+where, args...))
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	return &d, err
}

func (d *device) barred() bool { return d.status == StatusRevoked || d.status == StatusDecommissioned }

// save writes the row, new or not.
func (d *device) save(tx *sql.Tx) error {
	_, err := tx.Exec(`INSERT INTO devices (`+deviceColumns+`) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (guid) DO UPDATE SET hostname = excluded.hostname, fingerprint = excluded.fingerprint,
		token_version = excluded.token_version, status = excluded.status, agent_id = excluded.agent_id,
		agent_hash = excluded.agent_hash, last_seen = excluded.last_seen, facts = excluded.facts, details = excluded.details`,
		d.guid, d.hostname, d.fingerprint, d.tokenVersion, d.status, d.agentID, d.agentHash, d.lastSeen, d.facts, d.details)
	return err
}

func newDevice(guid, hostname, fingerprint string, now time.Time) *device {
	return &device{
		guid: guid, hostname: hostname, fingerprint: fingerprint, tokenVersion: 1, status: StatusActive,
		lastSeen: now.Unix(), facts: "{}", details: "{}",
	}
}

// enrollDevice gives the device that an approved claim becomes: a new one, the known one of the same key, or the known
// one that this key overwrites.
func enrollDevice(tx *sql.Tx, a *approval, now time.Time) (*device, error) {
	d, err := findDevice(tx, `guid = ?`, a.guid)
	if err != nil {
		return nil, err
	}
	if d == nil {
		d = newDevice(a.guid, "", a.fingerprint, now)
	}
	if d.fingerprint != a.fingerprint {
		d.fingerprint, d.status = a.fingerprint, StatusActive
		d.tokenVersion++
		if err := revokeTokens(tx, d.guid); err != nil {
			return nil, err
		}
	}
	if d.hostname, err = freeHostname(tx, a.hostname, d.guid); err != nil {
		return nil, err
	}
	return d, d.save(tx)
}

// freeHostname gives the claimed name, cut, with -1 to -50 behind it while other devices own it; else the GUID.
func freeHostname(tx *sql.Tx, claimed, guid string) (string, error) {
	name := claimed
	if runes := []rune(name); len(runes) > maxHostname {
		name = string(runes[:maxHostname])
	}
	candidate := name
	for i := 0; i <= 50; i++ {
		if i > 0 {
			candidate = fmt.Sprintf("%s-%d", name, i)
		}
		taken, err := exists(tx, `SELECT 1 FROM devices WHERE hostname = ? AND guid <> ?`, candidate, guid)
		if err != nil || !taken {
			return candidate, err
		}
	}
	return guid, nil
}

// Device is a device as an operator sees it.
type Device struct {
	GUID         string         `json:"guid"`
	Hostname     string         `json:"hostname"`
	AgentIDs     []string       `json:"agent_ids"` // from details, and of the sockets connected now
	Fingerprint  string         `json:"fingerprint"`
	Status       string         `json:"status"`
	TokenVersion int            `json:"token_version"`
	LastSeen     time.Time      `json:"last_seen"`
	Online       bool           `json:"online"`          // seen in the last 300 s
	Connected    bool           `json:"connected"`       // a socket is registered for one of its agent ids
	Facts        map[string]any `json:"facts,omitempty"` // what heartbeats and details told: operating_system, uptime, ...
}

const onlineSpan = 300 * time.Second

func (d *device) public(now time.Time) Device {
	out := Device{
		GUID: d.guid, Hostname: d.hostname, Fingerprint: d.fingerprint, Status: d.status, TokenVersion: int(d.tokenVersion),
		LastSeen: time.Unix(d.lastSeen, 0).UTC(), Online: now.Sub(time.Unix(d.lastSeen, 0)) <= onlineSpan,
	}
	if d.agentID != "" {
		out.AgentIDs = []string{d.agentID}
	}
	json.Unmarshal([]byte(d.facts), &out.Facts) // we wrote it: a row that does not parse shows no facts
	return out
}

// recoverDevice makes a lost row again from a valid token, under a name that the next heartbeat replaces. A purged
// device stays lost: nil.
func recoverDevice(tx *sql.Tx, c claims, now func() time.Time) (*device, error) {
	gone, err := exists(tx, `SELECT 1 FROM purged WHERE guid = ?`, c.GUID)
	if err != nil || gone {
		return nil, err
	}
	name, err := freeHostname(tx, "RECOVERED-"+c.GUID[:min(12, len(c.GUID))], c.GUID)
	if err != nil {
		return nil, err
	}
	d := newDevice(c.GUID, name, c.Fingerprint, now())
	d.tokenVersion = c.TokenVersion
	return d, d.save(tx)
}
