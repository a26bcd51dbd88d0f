package enginetest

import (
	"database/sql"
	"net/http"
	"time"
)

// factAliases names, for each fact of a device, the members of details.summary that may hold it, best first.
var factAliases = map[string][]string{
	"device_type":         {"device_type", "type"},
	"domain":              {"domain"},
	"external_ip":         {"external_ip", "public_ip"},
	"internal_ip":         {"internal_ip", "private_ip"},
	"last_reboot":         {"last_reboot", "last_boot"},
	"last_user":           {"last_user", "last_user_name", "username"},
	"operating_system":    {"operating_system", "agent_operating_system", "os"},
	"connection_type":     {"connection_type", "remote_type"},
	"connection_endpoint": {"connection_endpoint", "connection_address", "address", "external_ip", "internal_ip"},
}

// details answers POST /api/agent/details.
func (e *Engine) details(r *http.Request) (answer, error) {
	caller, found := callerOf(r)
	if !found {
		return noCaller(), nil
	}
	b := readTyped(r)
	record := b.object("details")
	hostname := b.text("hostname")
	if hostname == "" {
		hostname = record.object("summary").text("hostname")
	}
	if hostname == "" || record == nil {
		return refuse(http.StatusBadRequest, "invalid payload"), nil
	}
	var a answer
	err := e.store.tx(func(tx *sql.Tx) (err error) {
		a, err = takeDetails(tx, caller, hostname, b, e.now())
		return err
	})
	e.changed.fire()
	return a, err
}

// takeDetails merges the record into the device's row. It looks the row up by host name first: a device whose name
// another key owns is refused.
func takeDetails(tx *sql.Tx, caller claims, hostname string, b body, now time.Time) (answer, error) {
	d, err := findDevice(tx, `hostname = ?`, hostname)
	if err != nil {
		return answer{}, err
	}
	if d != nil && d.fingerprint != caller.Fingerprint {
		return refuse(http.StatusForbidden, "fingerprint_mismatch"), nil
	}
	if d != nil && d.guid != caller.GUID {
		return refuse(http.StatusForbidden, "guid_mismatch"), nil
	}
	if d == nil {
		if d, err = findDevice(tx, `guid = ?`, caller.GUID); err != nil {
			return answer{}, err
		}
	}
	if d == nil {
		d = newDevice(caller.GUID, hostname, caller.Fingerprint, now)
	}
	d.hostname, d.lastSeen = hostname, now.Unix()
	if err := d.learn(b); err != nil {
		return answer{}, err
	}
	return ok(object{"status": "ok"}), d.save(tx)
}

// learn takes agent id, hash, facts and record from a details body.
func (d *device) learn(b body) (err error) {
	record := b.object("details")
	summary := record.object("summary")
	if id := firstText(b.text("agent_id"), summary.text("agent_id")); id != "" {
		d.agentID = id
	}
	if hash := firstText(b.text("agent_hash"), summary.text("agent_hash")); hash != "" {
		d.agentHash = sql.NullString{String: hash, Valid: true}
	}
	facts := body{}
	for fact, aliases := range factAliases {
		for _, alias := range aliases {
			if facts.text(fact) == "" {
				facts.set(fact, summary.text(alias))
			}
		}
	}
	for _, alias := range []string{"uptime", "uptime_seconds", "uptime_sec"} { // best last
		if n, found := summary.number(alias); found {
			facts["uptime"] = n
		}
	}
	if d.facts, err = mergeText(d.facts, facts); err != nil {
		return err
	}
	d.details, err = mergeText(d.details, record)
	return err
}

func firstText(texts ...string) string {
	for _, t := range texts {
		if t != "" {
			return t
		}
	}
	return ""
}
