package enginetest

import (
	"database/sql"
	"encoding/json"
	"net/http"
	"time"
)

const heartbeatPollAfter = 15_000 // milliseconds

// Heartbeat is one heartbeat as received.
type Heartbeat struct {
	At       time.Time
	Hostname string
	Context  string // the X-Borealis-Agent-Context header
	Metrics  map[string]any
	Body     json.RawMessage // all of it
}

// heartbeat answers POST /api/agent/heartbeat. The token, not the body, says whose it is.
func (e *Engine) heartbeat(r *http.Request) (answer, error) {
	caller, found := callerOf(r)
	if !found {
		return noCaller(), nil
	}
	b := readAny(r)
	var known bool
	err := e.store.tx(func(tx *sql.Tx) (err error) {
		known, err = takeHeartbeat(tx, caller.GUID, b, e.now())
		return err
	})
	if err != nil {
		return answer{}, err
	}
	if !known {
		return refuse(http.StatusNotFound, "device_not_registered"), nil
	}
	e.record.heartbeat(caller.GUID, Heartbeat{
		At: e.now(), Hostname: b.text("hostname"), Context: r.Header.Get("X-Borealis-Agent-Context"),
		Metrics: b.object("metrics"), Body: b.json(),
	})
	e.changed.fire()
	return ok(object{"status": "ok", "poll_after_ms": heartbeatPollAfter}), nil
}

// takeHeartbeat writes what the Engine reads of a heartbeat into the device's row, if there is one.
func takeHeartbeat(tx *sql.Tx, guid string, b body, now time.Time) (bool, error) {
	d, err := findDevice(tx, `guid = ?`, guid)
	if err != nil || d == nil {
		return false, err
	}
	d.lastSeen = now.Unix()
	if err := d.rename(tx, b.text("hostname")); err != nil {
		return false, err
	}
	facts, metrics := body{}, b.object("metrics")
	for _, key := range []string{"external_ip", "internal_ip", "device_type"} {
		facts.set(key, b.text(key))
	}
	facts.set("last_user", metrics.text("last_user"))
	facts.set("operating_system", metrics.text("operating_system"))
	if uptime, found := metrics.number("uptime"); found {
		facts["uptime"] = uptime
	}
	if d.facts, err = mergeText(d.facts, facts); err != nil {
		return false, err
	}
	if d.details, err = replaceText(d.details, b.object("inventory")); err != nil {
		return false, err
	}
	return true, d.save(tx)
}

// rename gives the device the name that it claims. A name that another device owns is dropped in silence.
func (d *device) rename(tx *sql.Tx, claimed string) error {
	if claimed == "" || claimed == d.hostname {
		return nil
	}
	name, err := freeHostname(tx, claimed, d.guid)
	if err == nil && name == claimed {
		d.hostname = claimed
	}
	return err
}

// replaceText puts the five inventory sections into the stored record as they are.
func replaceText(stored string, inventory body) (string, error) {
	record, err := parseObject(stored)
	if err != nil {
		return "", err
	}
	for _, key := range []string{"memory", "network", "software", "storage", "cpu"} {
		if v, found := inventory[key]; found {
			record[key] = v
		}
	}
	return string(record.json()), nil
}
