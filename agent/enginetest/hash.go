package enginetest

import (
	"database/sql"
	"net/http"
)

// agentHash answers GET and POST /api/agent/hash, which updaters use.
func (e *Engine) agentHash(r *http.Request) (answer, error) {
	ask := readTyped(r)
	if r.Method == http.MethodGet {
		query := r.URL.Query()
		ask = body{"agent_guid": query.Get("agent_guid"), "agent_id": query.Get("agent_id")}
	}
	caller, _ := callerOf(r)
	guid := firstText(ask.text("agent_guid"), caller.GUID)
	switch {
	case r.Method == http.MethodPost && ask.text("agent_hash") == "":
		return refuse(http.StatusBadRequest, "agent_hash required"), nil
	case guid == "":
		return refuse(http.StatusForbidden, "guid_required"), nil
	case caller.GUID != guid:
		return refuse(http.StatusForbidden, "guid_mismatch"), nil
	}
	var a answer
	err := e.store.tx(func(tx *sql.Tx) error {
		d, err := findDevice(tx, `guid = ?`, guid)
		if err != nil {
			return err
		}
		if r.Method == http.MethodGet {
			a = d.tellHash()
			return nil
		}
		a, err = d.keepHash(tx, ask, guid)
		return err
	})
	return a, err
}

// tellHash answers a look-up; d may be nil.
func (d *device) tellHash() answer {
	if d == nil {
		return refuse(http.StatusNotFound, "agent hash not found")
	}
	return ok(d.describe(object{"agent_hash": nil, "agent_guid": d.guid}))
}

// keepHash stores what an updater reports; without a row, d nil, it is ignored.
func (d *device) keepHash(tx *sql.Tx, ask body, guid string) (answer, error) {
	hash := ask.text("agent_hash")
	if d == nil {
		return ok(object{"status": "ignored", "agent_hash": hash, "agent_guid": guid}), nil
	}
	d.agentHash = sql.NullString{String: hash, Valid: true}
	told := d.describe(object{"status": "ok", "agent_guid": guid})
	if id := ask.text("agent_id"); id != "" {
		told["agent_id"] = id
	}
	return ok(told), d.save(tx)
}

// describe adds what the row knows to an answer.
func (d *device) describe(o object) object {
	if d.agentHash.Valid {
		o["agent_hash"] = d.agentHash.String
	}
	if d.agentID != "" {
		o["agent_id"] = d.agentID
	}
	o["hostname"] = d.hostname
	return o
}
